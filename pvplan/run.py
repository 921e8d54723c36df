"""A whole run: gather the files, assess, plan; and write. Knows that there can be many workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd

from pvplan.assess import Mapper, assess, in_order
from pvplan.assumptions import Assumptions
from pvplan.crews import crew_of
from pvplan.depot import Place, refuse_unusable, settled
from pvplan.errors import InputError
from pvplan.estimate import Estimate
from pvplan.gather import (
    BUNDLED,
    Gathered,
    Inputs,
    KnownLedger,
    Progress,
    assumptions_of,
    gather,
    inputs_of_folder,
    partition_of,
    stacked,
)
from pvplan.gather_parts import asks_for_the_whole
from pvplan.in_parts import estimate_in_parts, incomplete, run_in_parts
from pvplan.plan import make_plan
from pvplan.record import city_of, close, made_of, record
from pvplan.registered import findings_of
from pvplan.relief import with_around
from pvplan.reports.output import write_plan
from pvplan.reports.phrases import with_chinese
from pvplan.reports.roofs import held
from pvplan.sources.partitions import Partition, is_partition, open_partition
from pvplan.tables import Plan
from pvplan.tile_run import City, Crew, assess_tiles, roofs_found, unfinished
from pvplan.tile_work import MADE, shared_of
from pvplan.tiles import cut
from pvplan.yield_table import ghi_ratio

__all__ = [
    "BUNDLED",
    "Inputs",
    "KnownLedger",
    "Estimate",
    "Progress",
    "Tiling",
    "estimate_run",
    "inputs_of_folder",
    "run_city",
    "run_folder",
    "too_large_to_hold",
    "write_run",
]

WORKERS: Final = 2
HELD_ROOFS: Final = 300_000
"""A partitioned city of more roofs is not held in memory unless asked for: about 1.5 GB."""
ROOFS_PER_TILE: Final = 20_000
"""A tile of so many roofs takes some seconds and some hundred megabytes; it moves no digit."""


@dataclass(frozen=True)
class Tiling:
    """Assess tile by tile, in processes of this machine or on the workers of a Dask cluster.

    Attributes
    ----------
    folder
        Keeps the file of each finished tile, and those of the tiles under way; the workers see it
        under the same path, or it is a place of an object store (:func:`pvplan.depot.place_of`).
    workers
        Processes to start where no ``address`` is given.
    address
        Of a Dask scheduler, such as ``tcp://host:8786``.
    roofs_per_tile
        At most; a tile is halved until it holds no more.
    in_parts
        The buildings are a partition: its parts are the tiles, the city is never held whole, and
        the plan's roofs are files (``Plan.roof_parts``).
    scratch
        A folder of this machine for the roofs of a run in parts until they are written; needed
        where ``folder`` is none.
    """

    folder: Place
    workers: int = WORKERS
    address: str | None = None
    roofs_per_tile: int = ROOFS_PER_TILE
    in_parts: bool = False
    scratch: Path | None = None

    @property
    def here(self) -> Path:
        """The folder of this machine for what is not written yet, made where it is missing."""
        found = self.scratch or self.folder
        if not isinstance(found, Path):
            raise InputError(f"{found.name}: tiles in a store need a folder for roofs (scratch)")
        found.mkdir(parents=True, exist_ok=True)
        return found.resolve()


def run_folder(folder: Path, out: Path, as_of: date, progress: Progress | None = None) -> Plan:
    """Run a city folder with its own assumptions and write every output file."""
    plan = run_city(inputs_of_folder(folder), as_of=as_of, progress=progress)
    return write_run(plan, out, progress)


def write_run(plan: Plan, out: Path, progress: Progress | None = None) -> Plan:
    """Write a plan's files and return the plan with the seconds that writing took."""
    start = time.perf_counter()
    # Same inputs, same bytes: how long a run took is no part of what it found.
    kept = {key: value for key, value in plan.meta.items() if key != "seconds"}
    write_plan(replace(plan, meta=kept), out, progress=progress)
    seconds = {**plan.meta["seconds"], "write": round(time.perf_counter() - start, 3)}
    return replace(plan, meta={**plan.meta, "seconds": seconds})


def run_city(
    inputs: Inputs,
    *,
    as_of: date,
    scenario: str | None = None,
    user: Mapping[str, Any] | None = None,
    mapper: Mapper | None = None,
    progress: Progress | None = None,
    reuse: Plan | None = None,
    tiling: Tiling | None = None,
) -> Plan:
    """Read the inputs, assess the roofs, measure the goals.

    Parameters
    ----------
    inputs
        Files.
    as_of
        Day for which goals and installed systems are stated.
    scenario, user
        Named set of differences, and the user's own.
    mapper
        Runs the weather nodes; two threads by default.
    progress
        Called with a word when a stage begins.
    reuse
        A finished run. Where its roofs were made of the same files, assumptions and program they
        are taken over, and only register and goals are judged anew: the same numbers, sooner.
    tiling
        Assess tile by tile on many workers, and keep what is finished: the same bytes. Tiles that
        fail every time are left out: ``meta["incomplete"]`` counts them and their roofs, a warning
        says so, and their roofs are among the rejected rows. None: in this process.

    Returns
    -------
    Plan

    Raises
    ------
    PvplanError
        Any fault of inputs or assumptions; nothing is written.
    """
    clock = _Clock(progress or (lambda _: None))
    assumptions = assumptions_of(inputs, scenario, user)
    if tiling is not None:
        refuse_unusable(tiling.folder)
    if tiling is not None and tiling.in_parts and not reuse:
        return _in_parts(inputs, assumptions, as_of, tiling, clock)
    with clock.stage("gather"):
        gathered = gather(inputs, assumptions, clock.progress, as_of)
    gathered, around = with_around(gathered, assumptions)
    about = record(inputs, gathered, assumptions, as_of)
    with clock.stage("assess"), ThreadPoolExecutor(WORKERS) as workers:
        roofs = _roofs_of(reuse, gathered, about) if reuse else None
        if roofs is None and tiling:
            parts = _by_tiles(gathered, assumptions, about, tiling, clock.progress)
            gathered, roofs, about = parts
        elif roofs is None:
            roofs = assess(
                gathered.buildings,
                gathered.climate.base,
                gathered.monthly_ghi,
                assumptions,
                _counted(mapper or workers.map, clock.progress, len(gathered.buildings)),
                around,
            )
    with clock.stage("plan"):
        findings = findings_of(inputs, gathered)
        plan = make_plan(roofs, findings, city_of(inputs), as_of, assumptions, about)
    told = replace(plan, rejected=with_chinese(plan.rejected))
    return replace(told, meta=close(told, clock.seconds))


def too_large_to_hold(inputs: Inputs) -> bool:
    """Say whether a run goes part by part of itself: a large partition, and no file against it."""
    if not is_partition(inputs.buildings) or asks_for_the_whole(inputs):
        return False
    parts = open_partition(inputs.buildings).parts
    return sum(part.roofs for part in parts) > HELD_ROOFS


def estimate_run(
    inputs: Inputs,
    *,
    as_of: date,
    tiling: Tiling,
    scenario: str | None = None,
    user: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Estimate:
    """Tell what a run in parts will take, from some of its tiles, which are kept for it.

    Parameters and errors as of :func:`run_city`.
    """
    clock = _Clock(progress or (lambda _: None))
    assumptions = assumptions_of(inputs, scenario, user)
    refuse_unusable(tiling.folder)
    return estimate_in_parts(
        inputs, _partition(inputs, assumptions), assumptions, as_of,
        _crew(tiling, clock.progress), settled(tiling.folder), tiling.here, clock,
        tiling.address is None,
    )  # fmt: skip


def _partition(inputs: Inputs, assumptions: Assumptions) -> Partition:
    whole = asks_for_the_whole(inputs)
    if whole:
        raise InputError(
            f"{' and '.join(whole)}: can be used with all roofs in memory only; leave out"
            " --in-parts, or the file"
        )
    return partition_of(inputs, assumptions)


def _in_parts(
    inputs: Inputs, assumptions: Assumptions, as_of: date, tiling: Tiling, clock: _Clock
) -> Plan:
    """Run a partitioned city part by part; the plan's roofs are files."""
    partition = _partition(inputs, assumptions)
    crew = _crew(tiling, clock.progress)
    plan = run_in_parts(
        inputs, partition, assumptions, as_of, crew, settled(tiling.folder), tiling.here, clock
    )
    told = replace(plan, rejected=with_chinese(plan.rejected))
    return replace(told, meta=close(told, clock.seconds))


def _roofs_of(
    finished: Plan, gathered: Gathered, about: Mapping[str, Any]
) -> gpd.GeoDataFrame | None:
    """Return ROOFS from a finished run, None where a run now would make others."""
    if made_of(about) != made_of(finished.meta):
        return None
    roofs, ids = held(finished), gathered.buildings.index
    if not ids.isin(roofs.index).all():  # a run that lacks tiles
        return None
    return _with_made(gathered.buildings, roofs)


def _crew(tiling: Tiling, progress: Progress) -> Crew:
    return crew_of(tiling.workers, tiling.address, progress)


def _with_made(buildings: gpd.GeoDataFrame, found: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return buildings with what assessing adds to them, as it was found of the same roofs."""
    known = found.reindex(buildings.index)
    return buildings.assign(**{name: known[name] for name in MADE})


def _by_tiles(
    gathered: Gathered,
    assumptions: Assumptions,
    about: Mapping[str, Any],
    tiling: Tiling,
    progress: Progress,
) -> tuple[Gathered, gpd.GeoDataFrame, dict[str, Any]]:
    """Return ROOFS computed tile by tile; what was gathered, and the record, without failed tiles.

    Raises
    ------
    InputError
        No tile could be computed, or no scheduler answers.
    """
    buildings, base = gathered.buildings, gathered.climate.base
    casting = gathered.files.footprints.buildings
    # A raster of another climate is told of the whole city, as without tiles.
    ghi_ratio(base, gathered.monthly_ghi, len(buildings), assumptions)
    shared = shared_of(about, base, assumptions, gathered.surface_model)
    tiles = cut(buildings, casting, assumptions.shading, tiling.roofs_per_tile)
    city = City(buildings, casting, gathered.monthly_ghi, gathered.obstructions, shared, tiles)
    found = assess_tiles(city, _crew(tiling, progress), tiling.folder, progress)
    made = roofs_found(city, found)
    kept = buildings.index.isin(made.index)
    if not kept.any():
        raise InputError(f"no tile could be computed: {next(iter(found.failed.values()))}")
    roofs = in_order(_with_made(buildings[kept], made))
    if not found.failed:
        return gathered, roofs, dict(about)
    lost = unfinished(city, found.failed, about["inputs"][0]["file"])
    doubt = incomplete(len(found.failed), len(tiles), len(lost))
    less = replace(
        gathered,
        buildings=buildings[kept],
        monthly_ghi=None if gathered.monthly_ghi is None else gathered.monthly_ghi[kept],
        obstructions=None if gathered.obstructions is None else gathered.obstructions[kept],
        outside=stacked([gathered.outside, lost]),
        warnings=(*gathered.warnings, doubt),
    )
    counts = {"tiles": len(found.failed), "roofs": len(lost)}
    return less, roofs, {**about, "warnings": list(less.warnings), "incomplete": counts}


def _counted(mapper: Mapper, progress: Progress, roofs: int) -> Mapper:
    """Return the same mapper that tells how many roofs its blocks have done."""

    def counted(work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        known = list(items)
        for item, found in zip(known, mapper(work, known), strict=True):
            if isinstance(item, slice):  # a block of roofs
                progress(f"assess {min(item.stop, roofs)}/{roofs}")
            yield found

    return counted


class _Clock:
    """Tells stages and keeps their wall seconds."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.progress(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)
