"""Cut a city into tiles named by their place; each knows its roofs and all that can shade them.

A tile is a cell of a quadtree over the plane of a metric CRS: its name tells where it lies,
whatever else the city holds. Cells are halved until none holds more roofs than asked for. A roof
belongs to the cell of its representative point.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from pvplan.assumptions import Shading
from pvplan.tables import Floats, Ints

SIDE_M: Final = float(2**26)
"""The root cell: every metric CRS fits in."""
LEVELS: Final = 22
"""The finest cells are 16 m wide: no smaller place has too many roofs."""
ROOM_M: Final = 1.0
"""What the halo is wider than the rule, for rounding."""


@dataclass(frozen=True)
class Tile:
    """A cell with its roofs.

    Attributes
    ----------
    name
        ``LEVEL-COLUMN-ROW`` of the quadtree; level 0 is one cell.
    roofs
        Positions of its roofs among the roofs, ascending.
    casting
        Positions among the casting buildings of all that can shade those roofs, ascending; the
        roofs' own buildings are among them.
    """

    name: str
    roofs: Ints
    casting: Ints


def cut(
    buildings: gpd.GeoDataFrame, casting: gpd.GeoDataFrame, rules: Shading, most: int
) -> list[Tile]:
    """Return the tiles of a city, in the order of a Z-curve.

    Parameters
    ----------
    buildings
        The roofs: geometry in a metric CRS, ``height_m``, index ``roof_id``.
    casting
        Every building that can shade, in the same CRS, the roofs' own among them.
    rules
        ``max_distance_m`` and ``min_elevation_deg`` bound how far a shadow matters.
    most
        Roofs of a tile, at least 1; a tile of the finest level may hold more.

    Raises
    ------
    ValueError
        ``most`` is less than 1.
    """
    if most < 1:
        raise ValueError(f"most: {most} roofs to a tile; at least 1")
    column, row = cells_of(shapely.point_on_surface(buildings.geometry.to_numpy()))
    code = interleaved(column, row)
    order = np.argsort(code, kind="stable")
    code = code[order]
    around = shapely.bounds(casting.geometry.to_numpy())
    tops = casting["height_m"].to_numpy(dtype=np.float64)
    own = casting.index.get_indexer(buildings.index)
    bounds = shapely.bounds(buildings.geometry.to_numpy())
    height = buildings["height_m"].to_numpy(dtype=np.float64)
    found = []
    for level, first, last in leaves(code, most):
        roofs = np.sort(order[first:last])
        shift = LEVELS - level
        name = f"{level:02d}-{column[roofs[0]] >> shift:07d}-{row[roofs[0]] >> shift:07d}"
        box = np.concatenate([bounds[roofs, :2].min(axis=0), bounds[roofs, 2:].max(axis=0)])
        near = within_reach(around, tops, box, float(height[roofs].min()), rules)
        found.append(Tile(name, roofs, np.union1d(np.flatnonzero(near), own[roofs])))
    return found


def cells_of(points: npt.NDArray[np.object_]) -> tuple[Ints, Ints]:
    """Return column and row of points among the finest cells."""
    places = np.floor((shapely.get_coordinates(points) + SIDE_M / 2.0) / (SIDE_M / 2**LEVELS))
    cells = np.clip(places, 0, 2**LEVELS - 1).astype(np.int64)
    return cells[:, 0], cells[:, 1]


def interleaved(column: Ints, row: Ints) -> Ints:
    """Return places along a Z-curve: the bits of column and row in turn."""
    code = np.zeros(len(column), dtype=np.int64)
    for bit in range(LEVELS):
        code |= ((column >> bit) & 1) << (2 * bit)
        code |= ((row >> bit) & 1) << (2 * bit + 1)
    return code


def leaves(code: Ints, most: int) -> Iterator[tuple[int, int, int]]:
    """Give level, first and last place of every cell that is cut no further; codes ascend."""
    waiting = [(0, 0, len(code))]
    while waiting:
        level, first, last = waiting.pop()
        if first == last:
            continue
        if last - first <= most or level == LEVELS:
            yield level, first, last
            continue
        step = np.int64(1) << (2 * (LEVELS - level - 1))
        begin = code[first] // (4 * step) * (4 * step)
        cuts = first + np.searchsorted(code[first:last], begin + step * np.arange(1, 4))
        edges = [first, *cuts.tolist(), last]
        waiting += [(level + 1, edges[part], edges[part + 1]) for part in (3, 2, 1, 0)]


def within_reach(
    bounds: Floats, top_m: Floats, box: Floats, lowest_m: float, rules: Shading
) -> npt.NDArray[np.bool_]:
    """Say what may rise over the least elevation, seen from within a box at a height or more.

    Parameters
    ----------
    bounds, top_m
        Shape (n, 4) and (n,), m: what may cast shade.
    box
        West, south, east, north, m.
    lowest_m
        The least height from which is looked.
    rules
        ``max_distance_m`` and ``min_elevation_deg``.
    """
    west, south, east, north = bounds.T
    away = np.hypot(
        np.maximum(np.maximum(box[0] - east, west - box[2]), 0.0),
        np.maximum(np.maximum(box[1] - north, south - box[3]), 0.0),
    )
    per_metre = 1.0 / math.tan(math.radians(max(rules.min_elevation_deg, 1e-3)))
    reach = np.minimum(rules.max_distance_m, (top_m - lowest_m) * per_metre)
    found: npt.NDArray[np.bool_] = (top_m > lowest_m) & (away <= reach + ROOM_M)
    return found
