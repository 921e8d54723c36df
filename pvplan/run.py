"""A whole run: gather the files, assess, plan; and write. Knows that there can be many workers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from pvplan import assumptions as assuming
from pvplan.assess import Mapper, assess, hourly_power
from pvplan.assumptions import Assumptions
from pvplan.errors import InputError, nearest
from pvplan.gather import BUNDLED, Inputs, Progress, gather, inputs_of_folder
from pvplan.plan import Findings, make_plan
from pvplan.record import city_of, close, record
from pvplan.reports.output import write_plan
from pvplan.reports.phrases import with_chinese
from pvplan.reports.separated import write_hourly
from pvplan.tables import REJECTED, Plan, names

__all__ = [
    "BUNDLED",
    "Inputs",
    "Progress",
    "hourly_of_park",
    "inputs_of_folder",
    "run_city",
    "run_folder",
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
    write_plan(plan, out, progress=progress)
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
        gathered = gather(inputs, assumptions, clock.progress)
    with clock.stage("assess"), ThreadPoolExecutor(WORKERS) as workers:
        roofs = assess(
            gathered.buildings,
            gathered.climate.base,
            gathered.monthly_ghi,
            assumptions,
            mapper or workers.map,
        )
    with clock.stage("plan"):
        found = gathered.files
        doors = [door for door in (found.parks, found.districts, found.register) if door]
        rejected = [found.footprints.rejected, gathered.outside]
        findings = Findings(
            parks=found.parks.areas if found.parks else None,
            districts=found.districts.areas if found.districts else None,
            register=found.register.rows if found.register else None,
            register_file=inputs.register.name if inputs.register else "",
            rejected=_stacked([*rejected, *(door.rejected for door in doors)]),
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
    assumptions = _assumptions(inputs, scenario, user)
    gathered = gather(inputs, assumptions, told)
    parks = gathered.files.parks
    known = [str(key) for key in parks.areas.index] if parks else []
    if park not in known:
        raise InputError(f"--park: '{park}' is unknown; {nearest(park, known)}")
    chosen = (gathered.buildings["park_id"] == park).to_numpy()
    if not chosen.any():
        raise InputError(f"--park: '{park}' has no roofs: there is nothing to compute")
    ghi = None if gathered.monthly_ghi is None else gathered.monthly_ghi[chosen]
    told("hours")
    power = hourly_power(gathered.buildings[chosen], gathered.climate.base, ghi, assumptions)
    write_hourly(power, out)
    power.attrs["warnings"] = gathered.warnings
    return power


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
