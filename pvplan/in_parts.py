"""A run over a partitioned city: every step a part at a time, and the same figures as in one.

The parts are assessed as tiles; then a register finds its roofs among those that it may speak of;
then each part is priced, stated, written and summed, and the plan is made of the sums.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import geopandas as gpd
import pandas as pd

from pvplan import roof_part
from pvplan.assess import in_order
from pvplan.assumptions import Assumptions
from pvplan.depot import Place
from pvplan.errors import InputError
from pvplan.estimate import Estimate, Trial, assess_some, estimate
from pvplan.gather import Inputs, Progress
from pvplan.gather_parts import PartSource, Roofs, Survey, gather_parts, without_failed
from pvplan.installed import areas_of, fill_places, matched, with_places
from pvplan.plan import Findings, areas_of_level, goals_of_place, measure_sums, plan_of
from pvplan.record import city_of, record
from pvplan.register_case import held_by_parks
from pvplan.registered import findings_of
from pvplan.reports.spatial import write_part
from pvplan.roof_part import Ground, Part, part_of, priced, stated
from pvplan.sources.partitions import Partition
from pvplan.tables import PLAN_ROOFS, RECONCILIATION, Plan, check, names
from pvplan.tile_run import Crew, Found, assess_tiles, unfinished, whole_found
from pvplan.tile_work import MADE, shared_of

Result = TypeVar("Result")
THREADS: Final = 2
"""Parts that are planned and written at once."""
AT_ONCE: Final = 16
"""Parts whose sums are joined at a time."""


@dataclass(frozen=True)
class _Assessed:
    """The parts of a city and the files of what was found of their roofs."""

    survey: Survey
    source: PartSource
    files: Mapping[str, Place]
    assumptions: Assumptions
    as_of: date

    def over(
        self, work: Callable[[str, gpd.GeoDataFrame], Result], progress: Progress, word: str
    ) -> Iterator[Result]:
        """Give what some work finds of the priced roofs of each part, a few parts at once."""

        def one(name: str) -> Result:
            return work(name, self._roofs(name))

        with ThreadPoolExecutor(THREADS) as threads:
            for number, found in enumerate(threads.map(one, self.files), start=1):
                progress(f"{word} {number}/{len(self.files)}")
                yield found

    def _roofs(self, name: str) -> gpd.GeoDataFrame:
        here: Roofs = self.survey.parts.roofs(name)
        found = whole_found(self.source, name, self.files[name])
        made = here.buildings.assign(**{column: found[column] for column in MADE})
        return priced(in_order(made), self.assumptions, self.as_of)


def run_in_parts(
    inputs: Inputs,
    partition: Partition,
    assumptions: Assumptions,
    as_of: date,
    crew: Crew,
    folder: Place,
    scratch: Path,
    stages: Any,
) -> Plan:
    """Assess and plan a partitioned city without ever holding it.

    Parameters
    ----------
    inputs, partition
        Files, and the buildings among them.
    assumptions, as_of
        Rules and day.
    crew
        The workers that assess.
    folder
        Keeps the finished tiles.
    scratch
        Keeps the roofs until the plan is written: a folder of this machine.
    stages
        Tells stages and progress, and keeps their seconds: ``stage(name)`` and ``progress(word)``.

    Raises
    ------
    PvplanError
        Any fault of inputs or assumptions, or no part could be computed.

    Returns
    -------
    Plan
        With ``roof_parts`` in place of roofs.
    """
    progress: Progress = stages.progress
    survey, about, source = _surveyed(inputs, partition, assumptions, as_of, stages)
    with stages.stage("assess"):
        found = assess_tiles(source, crew, folder, progress)
        survey, about = _complete(survey, source, found, about)
        assessed = _Assessed(survey, source, found.files, assumptions, as_of)
    with stages.stage("plan"):
        return _planned(inputs, assessed, about, scratch, progress)


def estimate_in_parts(
    inputs: Inputs,
    partition: Partition,
    assumptions: Assumptions,
    as_of: date,
    crew: Crew,
    folder: Place,
    scratch: Path,
    stages: Any,
    here: bool,
) -> Estimate:
    """Tell what :func:`run_in_parts` will take; parameters as there.

    ``here`` says that the workers are processes of this machine. The tiles that were assessed
    for it are kept in the folder, and serve the run.
    """
    progress: Progress = stages.progress
    survey, about, source = _surveyed(inputs, partition, assumptions, as_of, stages)
    with stages.stage("assess"):
        sample = assess_some(source, crew, folder, progress)
    assessed = _Assessed(survey, source, sample.files, assumptions, as_of)
    nothing = pd.DataFrame(columns=names(RECONCILIATION))
    ground = Ground(None, nothing, None, assumptions, as_of, city_of(inputs))
    start = time.perf_counter()
    list(assessed.over(lambda _, roofs: len(roofs), progress, "match"))
    with tempfile.TemporaryDirectory(dir=scratch) as made:
        work = partial(_write_and_sum, ground=ground, folder=Path(made), about=about)
        written = [file for file, _, _ in assessed.over(work, progress, "plan")]
        size = sum(file.stat().st_size for file in written)
    trial = Trial(time.perf_counter() - start, size)
    return estimate(source, sample, trial, crew, stages.seconds["gather"], here)


def _surveyed(
    inputs: Inputs, partition: Partition, assumptions: Assumptions, as_of: date, stages: Any
) -> tuple[Survey, dict[str, Any], PartSource]:
    """Walk over the parts; return what was found, its record, and the parts as tiles."""
    with stages.stage("gather"):
        survey = gather_parts(inputs, partition, assumptions, stages.progress, as_of)
        about = record(inputs, survey.gathered, assumptions, as_of)
    shared = shared_of(about, survey.gathered.climate.base, assumptions)
    return survey, about, PartSource(survey.parts, survey.heads, shared)


def _complete(
    survey: Survey, source: PartSource, found: Found, about: dict[str, Any]
) -> tuple[Survey, dict[str, Any]]:
    """Return survey and record without the parts that failed; refuse a city without any."""
    if not found.files:
        raise InputError(f"no tile could be computed: {next(iter(found.failed.values()))}")
    if not found.failed:
        return survey, about
    lost = unfinished(source, found.failed, about["inputs"][0]["file"])
    doubt = incomplete(len(found.failed), len(source.heads), len(lost))
    less = without_failed(survey, lost, doubt)
    counts = {"tiles": len(found.failed), "roofs": len(lost)}
    return less, {**about, "warnings": list(less.gathered.warnings), "incomplete": counts}


def incomplete(failed: int, tiles: int, roofs: int) -> str:
    """Say that tiles could not be computed."""
    return (
        f"incomplete: {failed} of {tiles} tiles with {roofs} roofs could not be"
        " computed (rejected.csv) and no total holds them; run again: finished tiles are kept"
    )


def _planned(
    inputs: Inputs,
    city: _Assessed,
    about: Mapping[str, Any],
    folder: Path,
    progress: Progress,
) -> Plan:
    findings = findings_of(inputs, city.survey.gathered)
    parks = areas_of_level(findings.parks, "park")
    ground, unmatched = _ground(inputs, city, findings, parks, progress)
    (folder / "plan").mkdir(exist_ok=True)
    sums: list[Part] = []
    written = []
    work = partial(_write_and_sum, ground=ground, folder=folder / "plan", about=about)
    empty = gpd.GeoDataFrame()
    for file, part, none in city.over(work, progress, "plan"):
        written.append(file)
        sums.append(part)
        empty = none
        if len(sums) >= AT_ONCE:
            sums = [roof_part.joined(sums)]
    measured = measure_sums(empty, roof_part.joined(sums), ground, unmatched, parks, findings)
    return replace(plan_of(measured, findings, about), roof_parts=tuple(written))


def _write_and_sum(
    name: str,
    roofs: gpd.GeoDataFrame,
    *,
    ground: Ground,
    folder: Path,
    about: Mapping[str, Any],
) -> tuple[Path, Part, gpd.GeoDataFrame]:
    """Write the stated roofs of a part; return the file, what was summed, and a table of none."""
    known = stated(roofs, ground)
    plain = known[["geometry", *names(PLAN_ROOFS)]]
    check(plain, PLAN_ROOFS, title="roofs")
    file = folder / f"{name}.parquet"
    write_part(plain, file, str(about["fingerprint"]))
    return file, part_of(known, ground), plain[:0].copy()


def _ground(
    inputs: Inputs,
    city: _Assessed,
    findings: Findings,
    parks: gpd.GeoDataFrame,
    progress: Progress,
) -> tuple[Ground, pd.DataFrame]:
    """Find what holds for every roof: a register's places, and each park's main district."""
    near = city.survey.gathered.buildings.index

    def looked(_: str, roofs: gpd.GeoDataFrame) -> tuple[Any, Any, Any]:
        homes, area_m2 = roofs["park_id"].to_numpy(dtype=object), roofs.geometry.area.to_numpy()
        wanted = roofs[roofs.index.isin(near)]
        return wanted, areas_of(with_places(roofs)), held_by_parks(homes, area_m2)

    seen, areas, holds = zip(*city.over(looked, progress, "match"), strict=True)
    local = goals_of_place(city.survey.bounds, seen[0].crs, city.assumptions)
    hold = pd.concat(holds)
    ledger, unmatched, doubts = matched(
        gpd.GeoDataFrame(pd.concat(seen).sort_index()), findings, findings.parks, city.as_of, local,
        hold.groupby(level=0).agg({"area_m2": "sum", "largest_m2": "max"}),
    )  # fmt: skip
    fill_places(areas_of(pd.concat(areas)), ledger, parks)
    ground = Ground(ledger, doubts, findings.roof_decisions, local, city.as_of, city_of(inputs))
    return ground, unmatched
