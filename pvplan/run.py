"""A whole run: gather the files, assess, plan; and write. Knows that there can be many workers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan import assumptions as assuming
from pvplan.assess import Around, Mapper, World, assess, world
from pvplan.assumptions import Assumptions
from pvplan.errors import InputError, nearest
from pvplan.gather import (
    BUNDLED,
    Gathered,
    Inputs,
    KnownLedger,
    Progress,
    gather,
    inputs_of_folder,
)
from pvplan.hours import hourly_power
from pvplan.plan import Findings, make_plan
from pvplan.record import city_of, close, record
from pvplan.registered import recorded, strangers
from pvplan.relief import half_seen, relief, uncovered
from pvplan.reports.layouts import write_layout_dxf, write_layout_geojson
from pvplan.reports.output import write_plan
from pvplan.reports.phrases import with_chinese
from pvplan.reports.separated import write_hourly
from pvplan.study import Study, study
from pvplan.tables import REJECTED, Plan, names

__all__ = [
    "BUNDLED",
    "Inputs",
    "KnownLedger",
    "OpenCity",
    "Progress",
    "hourly_of_park",
    "inputs_of_folder",
    "open_city",
    "run_city",
    "run_folder",
    "write_layout",
    "write_run",
]

WORKERS: Final = 2


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

    Returns
    -------
    Plan

    Raises
    ------
    PvplanError
        Any fault of inputs or assumptions; nothing is written.
    """
    clock = _Clock(progress or (lambda _: None))
    assumptions = _assumptions(inputs, scenario, user)
    with clock.stage("gather"):
        gathered = gather(inputs, assumptions, clock.progress, as_of)
    around, doubts = _around(gathered, assumptions)
    gathered = replace(gathered, warnings=(*gathered.warnings, *doubts))
    with clock.stage("assess"), ThreadPoolExecutor(WORKERS) as workers:
        roofs = assess(
            gathered.buildings,
            gathered.climate.base,
            gathered.monthly_ghi,
            assumptions,
            mapper or workers.map,
            around,
        )
    with clock.stage("plan"):
        found = gathered.files
        given = (found.parks, found.districts, found.register, found.obstructions)
        doors = [door for door in given if door]
        rejected = [found.footprints.rejected, gathered.outside, strangers(gathered)]
        findings = Findings(
            parks=found.parks.areas if found.parks else None,
            districts=found.districts.areas if found.districts else None,
            rejected=_stacked([*rejected, *(door.rejected for door in doors)]),
            **recorded(inputs, gathered),
        )
        about = record(inputs, gathered, assumptions, as_of)
        plan = make_plan(roofs, findings, city_of(inputs), as_of, assumptions, about)
    told = replace(plan, rejected=with_chinese(plan.rejected))
    return replace(told, meta=close(told, clock.seconds))


def hourly_of_park(
    inputs: Inputs,
    park: str,
    out: Path,
    *,
    scenario: str | None = None,
    user: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compute the AC power of a park hour by hour, all its roofs built, and write it as CSV.

    Parameters
    ----------
    inputs
        Files; parks are needed.
    park
        Park id.
    out
        CSV file: time [middle of the interval, with offset], power_ac_kw.
    scenario, user, progress
        As for :func:`run_city`.

    Returns
    -------
    DataFrame
        What was written; each month sums to the park's energy in a whole run.
        ``attrs["warnings"]`` holds the doubts about the inputs.

    Raises
    ------
    InputError
        No parks, unknown park (the nearest is named), or a park without roofs.
    """
    told = progress or (lambda _: None)
    opened = open_city(inputs, scenario=scenario, user=user, progress=told)
    told("hours")
    power = opened.hours(park)
    write_hourly(power, out)
    power.attrs["warnings"] = opened.gathered.warnings
    return power


@dataclass(frozen=True)
class OpenCity:
    """A city that was read once and is looked at many times."""

    gathered: Gathered
    world: World

    def study(self, *, roof: str | None = None, park: str | None = None) -> Study:
        """Place every module of one roof, or of a park's roofs, with its yearly energy.

        Raises
        ------
        InputError
            Unknown id (the nearest is named), or a park without roofs.
        AssumptionError
            The layout method places no modules.
        """
        chosen = _chosen(self.gathered, roof=roof, park=park)
        return study(self.world, *_of(self.gathered, chosen))

    def hours(self, park: str) -> pd.DataFrame:
        """Return the AC power of a park hour by hour; raises as :meth:`study`."""
        chosen = _chosen(self.gathered, park=park)
        return hourly_power(self.world, *_of(self.gathered, chosen))


def open_city(
    inputs: Inputs,
    *,
    scenario: str | None = None,
    user: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> OpenCity:
    """Read the inputs of a city for close looks at its roofs; parameters as :func:`run_city`."""
    assumptions = _assumptions(inputs, scenario, user)
    gathered = gather(inputs, assumptions, progress or (lambda _: None))
    around, doubts = _around(gathered, assumptions)
    gathered = replace(gathered, warnings=(*gathered.warnings, *doubts))
    casting = gathered.buildings if around.buildings is None else around.buildings
    return OpenCity(gathered, world(gathered.climate.base, assumptions, casting, around.terrain))


def write_layout(
    inputs: Inputs,
    out: Path,
    *,
    roof: str | None = None,
    park: str | None = None,
    scenario: str | None = None,
    user: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Place every module of a roof or a park and write them as GeoJSON or DXF.

    Parameters
    ----------
    inputs
        Files.
    out
        ``F.geojson`` or ``F.dxf``.
    roof, park
        Id of a roof, or of a park; exactly one.
    scenario, user, progress
        As for :func:`run_city`.

    Returns
    -------
    modules, warnings
        What was written (:class:`pvplan.study.Study`), and the doubts about the inputs.

    Raises
    ------
    InputError
        Unknown id (the nearest is named), a park without roofs, or another file ending.
    """
    ending = out.suffix.lower()
    if ending not in (".geojson", ".dxf"):
        raise InputError(f"--out: '{out.name}' is neither F.geojson nor F.dxf; name one of them")
    told = progress or (lambda _: None)
    opened = open_city(inputs, scenario=scenario, user=user, progress=told)
    told("modules")
    found = opened.study(roof=roof, park=park)
    # No goal is judged here: any day names the same layout, so it is that of the base year.
    day = date(int(opened.world.base.times[0].year), 1, 1)
    about = record(inputs, opened.gathered, opened.world.assumptions, day)
    if ending == ".geojson":
        write_layout_geojson(found.modules, out, about)
    else:
        crs, ids = found.roofs.crs, found.roofs.index
        usable, standing = (
            gpd.GeoSeries(shapes, index=ids, crs=crs)
            for shapes in (found.usable, found.obstructions)
        )
        write_layout_dxf(found.modules, found.roofs.geometry, usable, standing, out, about)
    return found.modules, opened.gathered.warnings


def _chosen(
    gathered: Gathered, *, roof: str | None = None, park: str | None = None
) -> npt.NDArray[np.bool_]:
    """Return which buildings are meant."""
    if roof is not None:
        ids = gathered.buildings.index.astype(str)
        if roof not in ids:
            raise InputError(f"--roof: '{roof}' is unknown; {nearest(roof, list(ids))}")
        return np.asarray(ids == roof)
    parks = gathered.files.parks
    known = [str(key) for key in parks.areas.index] if parks else []
    if park is None or park not in known:
        raise InputError(f"--park: '{park}' is unknown; {nearest(str(park), known)}")
    chosen: npt.NDArray[np.bool_] = (gathered.buildings["park_id"] == park).to_numpy(dtype=bool)
    if not chosen.any():
        raise InputError(f"--park: '{park}' has no roofs: there is nothing to compute")
    return chosen


def _of(gathered: Gathered, chosen: npt.NDArray[np.bool_]) -> tuple[Any, Any, Any]:
    """Return buildings, monthly GHI and obstructions of some roofs."""
    ghi = None if gathered.monthly_ghi is None else gathered.monthly_ghi[chosen]
    standing = None if gathered.obstructions is None else gathered.obstructions[chosen]
    return gathered.buildings[chosen], ghi, standing


def _around(gathered: Gathered, assumptions: Assumptions) -> tuple[Around, list[str]]:
    """Return what stands around and on the roofs, and doubts: every building read shades."""
    casting, doubts, seen_from = gathered.files.footprints.buildings, [], None
    if gathered.surface_model is not None:
        model, seen_from = relief(gathered.surface_model, casting.crs, assumptions.shading)
        found = (
            uncovered(model, gathered.buildings),
            half_seen(model, gathered.buildings, assumptions.shading),
        )
        doubts = [doubt for doubt in found if doubt]
    return Around(casting, gathered.obstructions, seen_from), doubts


def _assumptions(
    inputs: Inputs, scenario: str | None, user: Mapping[str, Any] | None
) -> Assumptions:
    city = inputs.city
    return assuming.load(
        city=city.assumptions if city else None,
        city_scenarios=city.scenarios if city else None,
        scenario=scenario,
        user=user,
    )


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


def _stacked(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    full = [table for table in tables if len(table)]
    if not full:
        return pd.DataFrame(columns=names(REJECTED))
    return pd.concat(full, ignore_index=True)[names(REJECTED)]
