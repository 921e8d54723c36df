"""A city opened for close looks at its roofs: modules, hours, and what a survey would change."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pvplan.assess import World, assess_in, world
from pvplan.assumptions import Assumptions
from pvplan.corrected import estimates_of
from pvplan.errors import InputError, PvplanError, nearest
from pvplan.gather import (
    Files,
    Gathered,
    Inputs,
    Progress,
    assumptions_of,
    bounds_of,
    gather,
    partition_of,
    state_of,
    with_corrections,
)
from pvplan.gather_parts import Where, asks_for_the_whole, gather_near
from pvplan.hours import hourly_power
from pvplan.record import record
from pvplan.recount import (
    Recount,
    alternatives,
    chosen_of,
    ratios_of,
    recount,
    world_with,
)
from pvplan.relief import with_around
from pvplan.reports.layouts import write_layout_dxf, write_layout_geojson
from pvplan.reports.separated import write_hourly
from pvplan.sources.boundaries import AreaFile
from pvplan.sources.city_folder import read_city_folder
from pvplan.sources.coordinates import Bounds
from pvplan.sources.corrections import holding
from pvplan.sources.partitions import Partition, is_partition, open_partition
from pvplan.study import Study, study

THREADS: Final = 2
"""Blocks of roofs that are recounted at once."""
_WITHOUT_ROOFS: Final = "--park: '{}' has no roofs: there is nothing to compute"
_OUTLOOK: Final = ("capacity_dc_kw", "energy_ac_kwh_per_year", "structure_state")


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
        with ThreadPoolExecutor(THREADS) as workers:
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


def sources_of(folder: Path) -> set[str]:
    """Return the SHA-256 of the files that a city folder's partition was made from.

    Empty where its buildings are no partition, or folder or partition cannot be read.
    """
    try:
        buildings = read_city_folder(folder).files["buildings"]
        if not is_partition(buildings):
            return set()
        return {file.sha256 for file in open_partition(buildings).about.files}
    except PvplanError:
        return set()


def open_city(
    inputs: Inputs,
    *,
    scenario: str | None = None,
    user: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    near: Bounds | None = None,
) -> OpenCity:
    """Read the inputs of a city for close looks at its roofs.

    Parameters
    ----------
    inputs, scenario, user, progress
        As for :func:`pvplan.run.run_city`.
    near
        West, south, east and north [°, WGS84]: of a partitioned city only the roofs there are
        read, and what may shade them; their figures are those of the whole city. None: all roofs.

    Raises
    ------
    PvplanError
        Any fault of inputs or assumptions, or no roof lies there.
    """
    where = None if near is None else partial(_at_box, near)
    told = progress or (lambda _: None)
    return _opened(inputs, assumptions_of(inputs, scenario, user), told, where)


def _opened(
    inputs: Inputs, assumptions: Assumptions, progress: Progress, where: Where | None
) -> OpenCity:
    """Open a city, of a partitioned one only what is asked for where every file allows it."""
    if where is None or not is_partition(inputs.buildings) or asks_for_the_whole(inputs):
        gathered = gather(inputs, assumptions, progress)
    else:
        partition = partition_of(inputs, assumptions)
        gathered = gather_near(inputs, partition, assumptions, progress, where)
    gathered, around = with_around(gathered, assumptions)
    casting = gathered.files.footprints.buildings
    known = world(gathered.climate.base, assumptions, casting, around.terrain)
    return OpenCity(gathered, known, inputs)


def _at_box(degrees: Bounds, partition: Partition, _: Files) -> tuple[Bounds, str]:
    here = gpd.GeoSeries([shapely.box(*degrees)], crs="EPSG:4326").to_crs(partition.crs)
    return bounds_of(here), f"{partition.folder.name}: no roof lies there: nothing to look at"


def _at_roof(roof: str, partition: Partition, _: Files) -> tuple[Bounds, str]:
    found = partition.bounds_of(roof)
    unknown = f"--roof: '{roof}' is unknown in {partition.folder.name}"
    if found is None:
        raise InputError(unknown)
    return found, unknown


def _at_park(park: str | None, _: Partition, files: Files) -> tuple[Bounds, str]:
    return bounds_of(_areas_of(files.parks, park)), _WITHOUT_ROOFS.format(park)


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
        As for :func:`pvplan.run.run_city`.

    Returns
    -------
    DataFrame
        What was written; each month sums to the park's energy in a whole run.
        ``attrs["warnings"]`` holds the doubts about the inputs; of a partition only those of
        single files.

    Raises
    ------
    InputError
        No parks, unknown park (the nearest is named), or a park without roofs.
    """
    told = progress or (lambda _: None)
    assumptions = assumptions_of(inputs, scenario, user)
    opened = _opened(inputs, assumptions, told, partial(_at_park, park))
    told("hours")
    power = opened.hours(park)
    write_hourly(power, out)
    power.attrs["warnings"] = opened.gathered.warnings
    return power


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
        As for :func:`pvplan.run.run_city`.

    Returns
    -------
    modules, warnings
        What was written (:class:`pvplan.study.Study`), and the doubts about the inputs; of a
        partition only those of single files.

    Raises
    ------
    InputError
        Unknown id (the nearest is named, but of roofs of a partition), a park without roofs, or
        another file ending.
    """
    ending = out.suffix.lower()
    if ending not in (".geojson", ".dxf"):
        raise InputError(f"--out: '{out.name}' is neither F.geojson nor F.dxf; name one of them")
    told = progress or (lambda _: None)
    assumptions = assumptions_of(inputs, scenario, user)
    where = partial(_at_park, park) if roof is None else partial(_at_roof, roof)
    opened = _opened(inputs, assumptions, told, where)
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
    _areas_of(gathered.files.parks, park)
    chosen: npt.NDArray[np.bool_] = (gathered.buildings["park_id"] == park).to_numpy(dtype=bool)
    if not chosen.any():
        raise InputError(_WITHOUT_ROOFS.format(park))
    return chosen


def _areas_of(parks: AreaFile | None, park: str | None) -> gpd.GeoDataFrame:
    """Return a park's row; raises InputError where it is unknown."""
    known = [str(key) for key in parks.areas.index] if parks else []
    if parks is None or park is None or park not in known:
        raise InputError(f"--park: '{park}' is unknown; {nearest(str(park), known)}")
    return parks.areas.iloc[[known.index(park)]]
