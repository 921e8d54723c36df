"""A partitioned city to what its tiles are computed with: part by part, never the whole.

What is asked of a city as a whole (its bounds, which roofs a register may speak of, who is beyond
the raster) is found by walking over the parts once; roofs are then read again by whoever needs
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from pvplan.assess import Places, places
from pvplan.assumptions import Assumptions, Shading
from pvplan.errors import InputError
from pvplan.gather import (
    Climate,
    Files,
    Gathered,
    Inputs,
    Progress,
    apart_from_all,
    beside,
    climate_of,
    covered,
    doubts_of_files,
    joined_to_areas,
    read_aside,
    register_doubt,
    stacked,
)
from pvplan.register_near import Wanted
from pvplan.registered import all_recorded, decided
from pvplan.sources.coordinates import Bounds, meet
from pvplan.sources.footprints import FootprintFile
from pvplan.sources.partitions import Partition
from pvplan.sources.rasters import check_covers
from pvplan.tables import REJECTED, Floats, names
from pvplan.tile_run import Inputs as TileInputs
from pvplan.tile_work import Head, Shared, head_of
from pvplan.tiles import ROOM_M, within_reach
from pvplan.yield_table import ghi_ratio

KEPT: Final = 24
"""Parts whose outlines and heights are kept for their neighbours."""
_WHOLE: Final = ("obstructions", "surface_model", "corrections")
Where = Callable[[Partition, Files], tuple[Bounds, str]]
"""Tells the box [m] of the roofs that are asked for, and what is wrong where none lies there."""


@dataclass(frozen=True)
class Roofs:
    """The roofs of one part that are assessed, and REJECTED rows of those that are not."""

    buildings: gpd.GeoDataFrame
    monthly_ghi: Floats | None
    outside: pd.DataFrame


def asks_for_the_whole(inputs: Inputs) -> list[str]:
    """Return the roles of files that can be used with all roofs in memory only."""
    return [role for role in _WHOLE if getattr(inputs, role) is not None]


class Parts:
    """The roofs of a partitioned city, read part by part.

    Parameters
    ----------
    partition, inputs, files, climate
        Buildings; what the run was given; parks and districts; raster.
    """

    def __init__(
        self, partition: Partition, inputs: Inputs, files: Files, climate: Climate
    ) -> None:
        self._partition, self._inputs = partition, inputs
        self._files, self._climate = files, climate
        self._names = np.array([part.name for part in partition.parts], dtype=object)
        self._bounds = np.array([part.bounds for part in partition.parts], dtype=np.float64)
        self._tops = np.array([part.top_m for part in partition.parts], dtype=np.float64)
        self._standing = lru_cache(maxsize=KEPT)(self._read_standing)
        self.roofs = lru_cache(maxsize=2)(self._read_roofs)

    def _read_roofs(self, name: str) -> Roofs:
        """Return the roofs of a part with park, district and GHI; raises as the partition does."""
        read = self._partition.roofs_of(name)
        return _placed(read, self._files, self._climate, self._inputs)

    def casting(self, name: str, roofs: gpd.GeoDataFrame, rules: Shading) -> gpd.GeoDataFrame:
        """Return all that can shade the roofs of a part: height_m and geometry, by roof id."""
        bounds = shapely.bounds(roofs.geometry.to_numpy())
        box = np.concatenate([bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)])
        lowest_m = float(roofs["height_m"].min())
        around = within_reach(self._bounds, self._tops, box, lowest_m, rules)
        around |= self._names == name
        found = []
        for other in self._names[around]:
            standing, sides = self._standing(other)
            tops = standing["height_m"].to_numpy(dtype=np.float64)
            near = within_reach(sides, tops, box, lowest_m, rules)
            if other == name:
                near |= standing.index.isin(roofs.index)
            found.append(standing[near])
        return gpd.GeoDataFrame(pd.concat(found), crs=roofs.crs).sort_index()

    def _read_standing(self, name: str) -> tuple[gpd.GeoDataFrame, Floats]:
        roofs = self._partition.standing(name)
        return roofs, shapely.bounds(roofs.geometry.to_numpy())


def _placed(read: gpd.GeoDataFrame, files: Files, climate: Climate, inputs: Inputs) -> Roofs:
    """Give buildings their park, district and GHI."""
    buildings = joined_to_areas(read, files)
    return Roofs(*covered(buildings, places(buildings), climate, inputs))


@dataclass(frozen=True)
class PartSource:
    """The parts of a city as the source of its tiles (:class:`pvplan.tile_run.Source`)."""

    parts: Parts
    heads: Mapping[str, Head]
    shared: Shared

    def ids(self, name: str) -> pd.Index[Any]:
        """Return the ids of a tile's roofs, in their order."""
        found: pd.Index[Any] = self.parts.roofs(name).buildings.index
        return found

    def inputs(self, name: str) -> TileInputs:
        """Return what a worker needs of a tile."""
        roofs = self.parts.roofs(name)
        rules = self.shared.assumptions.shading
        casting = self.parts.casting(name, roofs.buildings, rules)
        return TileInputs(roofs.buildings, casting, roofs.monthly_ghi, None)


@dataclass(frozen=True)
class Survey:
    """What a walk over all parts found.

    Attributes
    ----------
    gathered
        As :func:`pvplan.gather.gather` returns it, but ``buildings`` are only those that the
        register or a decision may speak of, ``monthly_ghi`` is None and
        ``files.footprints.buildings`` is empty.
    parts
        To read the roofs.
    heads
        Part name to what is known of its roofs, parts without any left out.
    bounds
        Of all roofs that are assessed, m.
    """

    gathered: Gathered
    parts: Parts
    heads: Mapping[str, Head]
    bounds: Bounds


def gather_parts(
    inputs: Inputs,
    partition: Partition,
    assumptions: Assumptions,
    progress: Progress,
    as_of: date,
) -> Survey:
    """Read what lies beside the buildings, and walk over these; see :func:`pvplan.gather.gather`.

    Raises
    ------
    InputError, AssumptionError
        A file cannot be used, no weather covers the place, the raster is of another climate.
    """
    files, climate = _beside(inputs, partition, assumptions, progress, as_of)
    stub = files.footprints
    parts = Parts(partition, inputs, files, climate)
    wanted = Wanted(
        all_recorded(inputs, files), partition.crs, assumptions.register, decided(files)
    )
    seen = _Seen(wanted)
    for number, part in enumerate(partition.parts, start=1):
        progress(f"join {number}/{len(partition.parts)}")
        roofs = parts.roofs(part.name)
        ghi_ratio(climate.base, roofs.monthly_ghi, len(roofs.buildings), assumptions)
        seen.add(part.name, roofs)
    if not seen.heads:
        where = _corners(partition)
        check_covers(climate.raster, where.longitude, where.latitude)
    near = seen.near(stub)
    outside = seen.outside()
    warnings = (
        *doubts_of_files(files, climate, outside, inputs, as_of),
        *apart_from_all(files, seen.met, _united([part.bounds for part in partition.parts])),
        *register_doubt(inputs, files, near.geometry),
    )
    gathered = Gathered(near, None, files, climate, outside, warnings)
    return Survey(gathered, parts, seen.heads, _united(seen.bounds))


def gather_near(
    inputs: Inputs,
    partition: Partition,
    assumptions: Assumptions,
    progress: Progress,
    where: Where,
) -> Gathered:
    """Read the roofs of some place and all that may shade them; see :func:`pvplan.gather.gather`.

    Parameters
    ----------
    inputs, partition, assumptions, progress
        As for :func:`gather_parts`.
    where
        Tells the box of the roofs, and what is wrong where none lies there.

    Returns
    -------
    Gathered
        ``buildings`` are the roofs that meet the box. ``files.footprints.buildings`` are all so
        near that they may shade one of them, however high a correction makes them. Doubts are
        those of the single files: how they fit each other is not asked. A bundled climate is lent
        as to a run in parts: it must cover the corners of every part.

    Raises
    ------
    InputError, AssumptionError
        A file cannot be used, no weather covers the place, or no roof lies there.
    """
    files, climate = _beside(inputs, partition, assumptions, progress, None)
    box, nobody = where(partition, files)
    progress("join")
    west, south, east, north = box
    far = assumptions.shading.max_distance_m + ROOM_M
    around = partition.near((west - far, south - far, east + far, north + far))
    own = around[meet(shapely.bounds(around.geometry.to_numpy()), box)]
    if own.empty:
        raise InputError(nobody)
    found = _placed(own, files, climate, inputs)
    footprints = replace(files.footprints, buildings=around)
    said = doubts_of_files(files, climate, found.outside, inputs, None)
    return Gathered(
        found.buildings, found.monthly_ghi, replace(files, footprints=footprints), climate,
        found.outside, tuple(said),
    )  # fmt: skip


def _beside(
    inputs: Inputs,
    partition: Partition,
    assumptions: Assumptions,
    progress: Progress,
    as_of: date | None,
) -> tuple[Files, Climate]:
    """Read all but the roofs: of the footprints an empty table."""
    progress("read")
    with ThreadPoolExecutor(1) as aside:
        register, weather = read_aside(aside, inputs, assumptions, as_of)
        files = beside(_without_roofs(partition), inputs, assumptions, register)
        progress("climate")
        return files, climate_of(inputs, _corners(partition), assumptions, weather)


class _Seen:
    """Adds up what is asked of the city as a whole."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._near: list[gpd.GeoDataFrame] = []
        self._outside: list[pd.DataFrame] = []
        self.heads: dict[str, Head] = {}
        self.met: set[str] = set()
        self.bounds: list[Bounds] = []

    def add(self, name: str, roofs: Roofs) -> None:
        here = roofs.buildings
        if len(roofs.outside):
            self._outside.append(roofs.outside)
        if here.empty:
            return
        self.heads[name] = head_of(here.index)
        west, south, east, north = map(float, here.total_bounds)
        self.bounds.append((west, south, east, north))
        self.met |= {k for k in ("park", "district") if here[f"{k}_id"].notna().any()}
        near = self._wanted.of(here, here.geometry.to_numpy())
        if near.any():
            self._near.append(here[near])

    def near(self, stub: FootprintFile) -> gpd.GeoDataFrame:
        nothing = stub.buildings.assign(park_id=None, district_id=None)
        return pd.concat(self._near).sort_index() if self._near else nothing

    def outside(self) -> pd.DataFrame:
        if not self._outside:
            return pd.DataFrame(columns=names(REJECTED))
        return pd.concat(self._outside).sort_values("id", ignore_index=True, kind="stable")


def _without_roofs(partition: Partition) -> FootprintFile:
    """Return what the partition says of its file, with a table of buildings that is empty."""
    if not partition.parts:
        raise InputError(f"{partition.folder.name}: holds no part; run `partition` again")
    first = partition.roofs_of(partition.parts[0].name)[:0]
    about = partition.about
    return FootprintFile(first, partition.rejected(), about.counts, about.warnings)


def _united(bounds: list[Bounds]) -> Bounds:
    sides = np.array(bounds, dtype=np.float64).reshape(-1, 4)
    west, south = sides[:, :2].min(axis=0).tolist()
    east, north = sides[:, 2:].max(axis=0).tolist()
    return west, south, east, north


def _corners(partition: Partition) -> Places:
    """Return the corners around each part, where its roofs lie at most."""
    sides = np.array([part.bounds for part in partition.parts], dtype=np.float64)
    points = np.concatenate([sides[:, [x, y]] for x in (0, 2) for y in (1, 3)])
    made = gpd.GeoDataFrame(geometry=shapely.points(points), crs=partition.crs)
    return places(made)


def without_failed(survey: Survey, lost: pd.DataFrame, doubt: str) -> Survey:
    """Return a survey that lacks the roofs of tiles that could not be computed.

    Parameters
    ----------
    survey
        Of the whole.
    lost
        Their REJECTED rows.
    doubt
        What is said of it.
    """
    gathered = survey.gathered
    gone = set(lost["id"])
    less = replace(
        gathered,
        buildings=gathered.buildings[~gathered.buildings.index.isin(gone)],
        outside=stacked([gathered.outside, lost]),
        warnings=(*gathered.warnings, doubt),
    )
    return replace(survey, gathered=less)
