"""A whole run: gather the files, assess, plan; and write. Knows that there can be many workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, Final
from urllib.parse import urlsplit

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan import assumptions as assuming
from pvplan.assess import Around, Mapper, World, assess, assess_in, in_order, world
from pvplan.assumptions import Assumptions
from pvplan.corrected import estimates_of
from pvplan.depot import Place, refuse_unusable, settled
from pvplan.errors import InputError, nearest
from pvplan.estimate import Estimate
from pvplan.gather import (
    BUNDLED,
    Gathered,
    Inputs,
    KnownLedger,
    Progress,
    gather,
    inputs_of_folder,
    partition_of,
    stacked,
    state_of,
    with_corrections,
)
from pvplan.gather_parts import asks_for_the_whole
from pvplan.hours import hourly_power
from pvplan.in_parts import estimate_in_parts, incomplete, run_in_parts
from pvplan.plan import make_plan
from pvplan.record import city_of, close, made_of, record
from pvplan.recount import (
    Recount,
    alternatives,
    chosen_of,
    ratios_of,
    recount,
    world_with,
)
from pvplan.registered import findings_of
from pvplan.relief import half_seen, relief, uncovered
from pvplan.reports.layouts import write_layout_dxf, write_layout_geojson
from pvplan.reports.output import write_plan
from pvplan.reports.phrases import with_chinese
from pvplan.reports.roofs import held
from pvplan.reports.separated import write_hourly
from pvplan.sources.corrections import holding
from pvplan.sources.partitions import Partition, is_partition, open_partition
from pvplan.study import Study, study
from pvplan.tables import Plan
from pvplan.tile_run import NOTE, City, Crew, assess_tiles, roofs_found, unfinished
from pvplan.tile_work import MADE, differences, end_with_parent, program, shared_of
from pvplan.tiles import cut
from pvplan.yield_table import ghi_ratio

__all__ = [
    "BUNDLED",
    "Inputs",
    "KnownLedger",
    "Estimate",
    "OpenCity",
    "Progress",
    "Tiling",
    "estimate_run",
    "hourly_of_park",
    "inputs_of_folder",
    "open_city",
    "run_city",
    "run_folder",
    "too_large_to_hold",
    "write_layout",
    "write_run",
]

WORKERS: Final = 2
HELD_ROOFS: Final = 300_000
"""A partitioned city of more roofs is not held in memory unless asked for: about 1.5 GB."""
ROOFS_PER_TILE: Final = 20_000
"""A tile of so many roofs takes some seconds and some hundred megabytes; it moves no digit."""
_OUTLOOK: Final = ("capacity_dc_kw", "energy_ac_kwh_per_year", "structure_state")
PATIENCE_S: Final = 30
"""How long a scheduler may take to answer."""
DESERTED_S: Final = 300
"""How long a run waits for a worker where a cluster has none."""
_SILENT_S: Final = 20
"""What is under way ends after so long without any worker, or any word of the scheduler."""
_LATE_S: Final = 600.0
"""A task that takes longer, and many times as long as any before it, is tried elsewhere."""
_LATE_TIMES: Final = 10.0
_LOOK_S: Final = 1.0
"""How often a cluster is asked who is there."""
_ANSWER_S: Final = 5.0
"""How long it may think about that."""


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
    assumptions = _assumptions(inputs, scenario, user)
    if tiling is not None:
        refuse_unusable(tiling.folder)
    if tiling is not None and tiling.in_parts and not reuse:
        return _in_parts(inputs, assumptions, as_of, tiling, clock)
    with clock.stage("gather"):
        gathered = gather(inputs, assumptions, clock.progress, as_of)
    around, doubts = _around(gathered, assumptions)
    gathered = replace(gathered, warnings=(*gathered.warnings, *doubts))
    about = record(inputs, gathered, assumptions, as_of)
    with clock.stage("assess"), ThreadPoolExecutor(WORKERS) as workers:
        roofs = _roofs_of(reuse, gathered, about) if reuse else None
        if roofs is None and tiling:
            parts = _by_tiles(gathered, around, assumptions, about, tiling, clock.progress)
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
    assumptions = _assumptions(inputs, scenario, user)
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


def _with_made(buildings: gpd.GeoDataFrame, found: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return buildings with what assessing adds to them, as it was found of the same roofs."""
    known = found.reindex(buildings.index)
    return buildings.assign(**{name: known[name] for name in MADE})


def _by_tiles(
    gathered: Gathered,
    around: Around,
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
    casting = buildings if around.buildings is None else around.buildings
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


def _crew(tiling: Tiling, progress: Progress) -> Crew:
    """Return the workers: processes of this machine, or those of a Dask cluster."""
    if tiling.address is None:
        return Crew(partial(_processes, tiling.workers), tiling.workers)
    opened = partial(_cluster, tiling.address, progress)
    with opened() as workers:
        workers.check(tiling.address)
        size = max(1, sum((workers.there() or {}).values()))
        progress(f"{NOTE}Dask dashboard: {workers.dashboard}")
    return Crew(opened, size, names_the_dead=True)


@contextmanager
def _processes(count: int) -> Iterator[Executor]:
    workers = ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=end_with_parent
    )
    try:
        yield workers
    finally:
        workers.shutdown(wait=True, cancel_futures=True)


@dataclass
class _Sent:
    """A task under way; ``only`` lists who may do it (None: anyone), ``inner`` is Dask's future."""

    work: Callable[..., Any]
    words: tuple[Any, ...]
    future: Future[Any] = field(default_factory=Future)
    only: Collection[str] | None = None
    inner: Any = None
    begun: float = 0.0

    @property
    def name(self) -> str:
        return str(getattr(self.words[0], "name", ""))


class _Workers(Executor):
    """The workers of a Dask cluster, as an executor.

    Who failed at a task is remembered: another try of it goes to another machine, or else to
    another worker, where there is any. So does a task that takes far too long, and whoever let it
    wait gets no other while others are there. Once no worker is left, all that is under way is
    broken.
    """

    def __init__(self, client: Any, progress: Progress) -> None:
        self._client, self._progress = client, progress
        self.dashboard = str(client.dashboard_link)
        self._sent: dict[str, _Sent] = {}
        self._failed: dict[str, set[str]] = {}
        self._stuck: set[str] = set()
        self._longest_s = 0.0
        self._ended: SimpleQueue[Any] = SimpleQueue()
        self._over, self._broken = Event(), False
        self._heard = time.monotonic()
        self._watcher = Thread(target=self._watch, name="dask-watch", daemon=True)
        self._watcher.start()

    def submit(self, work: Any, /, *words: Any, **named: Any) -> Future[Any]:
        """Hand a task to any worker that did not fail at one of its name."""
        sent = _Sent(partial(work, **named) if named else work, words)
        self._send(sent)
        if self._broken:
            raise BrokenExecutor("no worker is left")
        return sent.future

    def there(self) -> dict[str, int] | None:
        """Return address and threads of every worker; None where the scheduler does not answer."""
        try:
            return dict(self._client.nthreads(callback_timeout=_ANSWER_S))
        except Exception:  # noqa: BLE001 (whatever it is: nobody is heard)
            return None

    def stop(self) -> None:
        """Look no more at what becomes of tasks."""
        self._over.set()
        self._watcher.join(PATIENCE_S)

    def _send(self, sent: _Sent) -> None:
        avoided = self._failed.get(sent.name, set()) | self._stuck
        sent.only = _others(avoided, self.there() or {}) if avoided else None
        sent.begun = time.monotonic()
        try:
            sent.inner = self._client.submit(sent.work, *sent.words, pure=False, workers=sent.only)
        except Exception as error:  # noqa: BLE001 (a client that was closed tells in its own words)
            sent.future.set_exception(BrokenExecutor(f"the scheduler is gone ({error})"))
            return
        self._sent[sent.inner.key] = sent
        sent.inner.add_done_callback(self._ended.put)

    def _watch(self) -> None:
        """Hand on what became of tasks, and look after the workers."""
        looked = time.monotonic()
        while not self._over.is_set():
            with suppress(Empty):
                self._settle(self._ended.get(timeout=_LOOK_S))
            if time.monotonic() - looked >= _LOOK_S:
                self._look()
                looked = time.monotonic()

    def _settle(self, inner: Any) -> None:
        """Give a task's outcome to whoever waits for it; a fault tells where it came about."""
        sent = self._sent.pop(inner.key, None)
        if sent is None:  # it was sent anew
            return
        try:
            sent.future.set_result(inner.result(PATIENCE_S))
            self._longest_s = max(self._longest_s, time.monotonic() - sent.begun)
        except CancelledError:
            sent.future.set_exception(BrokenExecutor("the scheduler is gone"))
        except Exception as fault:  # noqa: BLE001 (as every executor does)
            where = self._erred_on(inner.key)
            self._failed.setdefault(sent.name, set()).update(where)
            if where:
                fault.add_note(f"on {', '.join(where)}")
            sent.future.set_exception(fault)

    def _erred_on(self, key: str) -> list[str]:
        return self._asked(_erred_on, key)

    def _asked(self, question: Callable[..., list[str]], key: str) -> list[str]:
        try:
            return list(self._client.run_on_scheduler(question, key))
        except Exception:  # noqa: BLE001 (a scheduler that is gone tells nothing)
            return []

    def _look(self) -> None:
        """Send anew what waits for workers that left; end all where nobody is there."""
        there = self.there()
        if there:
            self._heard = time.monotonic()
            for key, sent in list(self._sent.items()):
                left = sent.only and not set(sent.only) & set(there)
                if left or self._is_late(key, sent, there):
                    del self._sent[key]
                    sent.inner.cancel()
                    self._send(sent)
        elif time.monotonic() - self._heard > _SILENT_S:
            self._broken = True
            while self._sent:
                _, sent = self._sent.popitem()
                sent.future.set_exception(BrokenExecutor("no worker is left"))

    def _is_late(self, key: str, sent: _Sent, there: Collection[str]) -> bool:
        """Say whether a task waits for a worker that is stuck, and remember who that is."""
        took = time.monotonic() - sent.begun
        if took <= max(_LATE_S, _LATE_TIMES * self._longest_s):
            return False
        where = set(self._asked(_worked_on, key))
        if not set(there) - self._stuck - where:
            return False  # nobody else is there
        self._stuck |= where
        at = f" on {', '.join(sorted(where))}" if where else ""
        self._progress(f"{NOTE}tile {sent.name}{at} takes {took:.0f} s: it is tried elsewhere")
        return True

    def check(self, address: str) -> None:
        """Raise InputError unless scheduler and workers have this program and its libraries."""
        told = f"--dask: scheduler or workers at '{address}'"
        try:
            there = {"scheduler": self._client.run_on_scheduler(program)}
            there |= self._client.run(program)
        except Exception as error:
            raise InputError(
                f"{told} cannot load this program ({type(error).__name__}: {error}); start them in"
                " its folder: PYTHONPATH=. dask scheduler, PYTHONPATH=. dask worker ADDRESS"
            ) from error
        for name, versions in there.items():
            unlike = differences(versions, program())
            if unlike:
                raise InputError(f"{told}: {name} has {unlike}; install the same versions")


def _erred_on(key: str, dask_scheduler: Any) -> list[str]:
    """Return the addresses of the workers on which a task failed, as its scheduler knows them."""
    task = dask_scheduler.tasks.get(key)
    return sorted(task.erred_on or ()) if task else []


def _worked_on(key: str, dask_scheduler: Any) -> list[str]:
    """Return the address of the worker to which a task was given."""
    task = dask_scheduler.tasks.get(key)
    return [task.processing_on.address] if task and task.processing_on else []


def _others(failed: Collection[str], there: Collection[str]) -> list[str] | None:
    """Return who may try what some have failed at: other machines, else others; None: anyone."""
    machines = {urlsplit(address).hostname for address in failed}
    elsewhere = [address for address in there if urlsplit(address).hostname not in machines]
    return elsewhere or [address for address in there if address not in failed] or None


@contextmanager
def _cluster(address: str, progress: Progress) -> Iterator[_Workers]:
    from distributed import Client

    try:
        client = Client(address, timeout=PATIENCE_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"--dask: no scheduler answers at '{address}' ({error}); start one with"
            " `dask scheduler`, then run again: finished tiles are kept"
        ) from error
    with client:
        _await_worker(client, address, progress)
        workers = _Workers(client, progress)
        try:
            yield workers
        finally:
            workers.stop()


def _await_worker(client: Any, address: str, progress: Progress) -> None:
    """Wait for a worker where a cluster has none, and say so; raises InputError in the end."""
    if client.nthreads():
        return
    progress(f"{NOTE}no worker at {address}: waiting for one, {DESERTED_S} s at most")
    try:
        client.wait_for_workers(1, DESERTED_S)
    except (OSError, TimeoutError) as error:
        raise InputError(
            f"--dask: the scheduler at '{address}' has had no worker for {DESERTED_S} s; start one"
            f" with `dask worker {address}`, then run again: finished tiles are kept"
        ) from error


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
    inputs: Inputs

    def corrected(self, rows: pd.DataFrame, title: str = "corrections.csv") -> OpenCity:
        """Return the city with corrections; this one stays as it is.

        Parameters
        ----------
        rows
            Of :func:`pvplan.sources.corrections.rows_of`, the oldest first.
        title
            What messages call their file.
        """
        found = holding(rows, title)
        gathered = with_corrections(self.gathered, found, self.world.assumptions, title)
        return replace(self, gathered=gathered, world=world_with(self.world, gathered))

    def recount(
        self, before: OpenCity, roofs: pd.DataFrame, as_of: date, goal: str | None = None
    ) -> Recount:
        """Compute anew what this city's corrections change of roofs found before.

        Parameters
        ----------
        before
            The city as the roofs were found.
        roofs
            ROOFS of the whole city.
        as_of
            Day for which goals and installed systems are stated.
        goal
            The one goal that is measured; None: every goal.

        Raises
        ------
        InputError
            The roofs are not those of the city.
        """
        with ThreadPoolExecutor(WORKERS) as workers:
            return recount(
                before.gathered, self.gathered, self.world, roofs, self.inputs, as_of, goal,
                workers.map,
            )  # fmt: skip

    def figures(self, roof: str) -> pd.Series[Any]:
        """Return ROOFS of one roof; raises as :meth:`study`."""
        chosen = _chosen(self.gathered, roof=roof)
        row: pd.Series[Any] = assess_in(self.world, *chosen_of(self.gathered, chosen)).iloc[0]
        return row

    def estimates(self, roof: str) -> dict[str, tuple[str, str]]:
        """Return the facts of a roof, value and source, as this city has them."""
        state = state_of(self.gathered)
        own = self.gathered.buildings.loc[[roof]]
        return estimates_of(own, self.world.assumptions, state.drawn_on())[roof]

    def outlook(self, roof: str, known: pd.DataFrame) -> pd.DataFrame:
        """Return what a roof would be if a survey found otherwise; raises as :meth:`study`.

        Parameters
        ----------
        roof
            Its id.
        known
            Corrections recorded so far (as for :meth:`corrected`); this city has none.

        Returns
        -------
        DataFrame
            ``fact``, ``value``, and of ROOFS capacity_dc_kw, energy_ac_kwh_per_year and
            structure_state; the first row, whose fact is empty, is the roof as it is known.
        """
        said = known[known["roof_id"] == roof]
        settled = set(holding(said, "").holding["fact"])
        tries = [("", ""), *alternatives(self.estimates(roof), self.world.assumptions)]
        rows = []
        for fact, value in (one for one in tries if one[0] not in settled):
            what_if = dict.fromkeys(known.columns, "-") | {
                "roof_id": roof, "fact": fact, "value": value,
            }  # fmt: skip
            more = pd.DataFrame([what_if] if fact else [], columns=known.columns)
            found = self.corrected(pd.concat([known, more], ignore_index=True)).figures(roof)
            rows.append({"fact": fact, "value": value, **found[list(_OUTLOOK)]})
        return pd.DataFrame(rows)

    def ratios(self, roofs: pd.DataFrame) -> pd.DataFrame:
        """Return levelised cost, payback and the other ratios of single roofs (PLAN_ROOFS)."""
        return ratios_of(roofs, self.world.assumptions)

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
        return study(self.world, *chosen_of(self.gathered, chosen))

    def hours(self, park: str) -> pd.DataFrame:
        """Return the AC power of a park hour by hour; raises as :meth:`study`."""
        chosen = _chosen(self.gathered, park=park)
        return hourly_power(self.world, *chosen_of(self.gathered, chosen))


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
    known = world(gathered.climate.base, assumptions, casting, around.terrain)
    return OpenCity(gathered, known, inputs)


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
