"""Where the horizon of roofs stands: points on each roof, and what is seen from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from pvplan.assumptions import Shading
from pvplan.light import Light, Node
from pvplan.outlines import Outlines, outlines
from pvplan.roof import horizon, sampling, shading
from pvplan.tables import Floats, Ints

Geometries = npt.NDArray[Any]
GRADE: Final = 4
"""Spreads up to this many times the threshold are told by max_points over this many."""
BESIDE: Final = 2
"""Roofs with a taller building in their midst are told by max_points times this."""
SKEW_RAD: Final = math.atan(0.5 * (math.sqrt(5.0) - 1.0))
"""Turn of the scan lines against a roof's axis where points only tell what it gets: the golden
ratio keeps the distances of points from its walls apart, so that a shadow's edge along a wall
passes them one by one, not row by row."""
TOUCH_M: Final = 1e-3
"""Cells nearer than this touch."""
Terrain = Callable[[Floats, Floats], npt.NDArray[np.float32]]
"""x, y [m] of points to their horizons by a surface model; NaN where it does not reach."""


@dataclass(frozen=True)
class Surroundings:
    """What can shade roofs: the prisms of every building read, or a surface model.

    ``index``, ``geometry`` and ``top_m`` are ids, outlines and heights of the buildings in the
    scene; ``terrain`` replaces the prisms where a surface model is given.
    """

    scene: horizon.Scene
    index: Any
    geometry: Geometries
    top_m: Floats
    terrain: Terrain | None = None

    @cached_property
    def tree(self) -> shapely.STRtree:
        """The outlines by place; made when first asked for."""
        return shapely.STRtree(self.geometry)


def surroundings(
    buildings: gpd.GeoDataFrame, rules: Shading, terrain: Terrain | None = None
) -> Surroundings:
    """Return the scene of all buildings, those that carry no modules too."""
    top = buildings["height_m"].to_numpy(dtype=np.float64)
    geometry = buildings.geometry.to_numpy()
    scene = horizon.scene(outlines(geometry), top, rules)
    return Surroundings(scene, buildings.index, geometry, top, terrain)


@dataclass(frozen=True)
class Roofs:
    """Roofs of a block: arrays of shape (roofs,).

    ``own`` is the position in the scene; ``usable`` the polygon within setbacks; ``node`` the
    position of the light node among ``nodes``.
    """

    usable: Geometries
    own: Ints
    height_m: Floats
    parapet_m: Floats
    axis_deg: Floats
    convergence_deg: Floats
    node: Ints
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Horizons:
    """Horizons of the points of some roofs; shape (points, ...).

    ``roof`` is the position in the block, ascending; ``lost`` the share of a year's beam on the
    level that the horizon takes, bounded by the rules' limit where dark places are cut off
    already; roofs whose horizon is free have no points. ``rows`` are tables of elevations
    [degrees], (any, bins); a point's is row ``row`` of table ``look``. One look tells a roof.
    """

    points: sampling.Points
    roof: Ints
    lost: Floats
    rows: tuple[npt.NDArray[np.float32], ...]
    look: Ints
    row: Ints

    @classmethod
    def of_one_look(
        cls,
        points: sampling.Points,
        roof: Ints,
        lost: Floats,
        elevation_deg: npt.NDArray[np.float32],
    ) -> Horizons:
        """Return horizons whose rows stand in the order of their points."""
        look, row = np.zeros(len(roof), dtype=np.int64), np.arange(len(roof))
        return cls(points, roof, lost, (elevation_deg,), look, row)

    def elevation_deg(self, chosen: npt.NDArray[Any] | slice = slice(None)) -> Any:
        """Return the horizons of some points, (chosen, bins)."""
        look, row = self.look[chosen], self.row[chosen]
        found = np.empty((len(row), self.rows[0].shape[1]), dtype=np.float32)
        for number, rows in enumerate(self.rows):
            here = look == number
            found[here] = rows[row[here]]
        return found


def horizons(
    roofs: Roofs, around: Surroundings, light: Light, rules: Shading
) -> tuple[Roofs, Horizons]:
    """Return points and horizons of the roofs that anything can shade.

    What lies under taller buildings is cut off first. Then a few points; where they differ by
    more than ``rules.refine_above_fraction`` of a year's beam, or a taller building stands within
    the roof's hull, the roof is looked at again, at points as dense as the rules allow. Roofs with
    dark places are looked at in cells along their axis, the dark ones are cut off, and what is
    left is looked at once more.

    Returns
    -------
    roofs, seen
        The roofs with what lies under taller buildings and dark places beside sunny ones taken
        from ``usable``; their horizons.
    """
    usable, stands = _uncovered(roofs, around)
    roofs = replace(roofs, usable=usable)
    x, y, radius = _circles(roofs.usable)
    near = np.ones(len(x), dtype=bool)
    if around.terrain is None:
        near = horizon.shaded_at_all(around.scene, x, y, roofs.height_m, roofs.own, radius, rules)
    wanted = (near | (roofs.parapet_m > 0.0)) & (shapely.area(roofs.usable) > 0.0)
    looked = np.flatnonzero(wanted)
    few_points = np.full(len(looked), rules.first_points, dtype=np.int64)
    first = _seen(looked, few_points, roofs, around, light, rules)
    uneven, spread = _uneven(first, rules.refine_above_fraction)
    # The mean's error grows with the spread: little spread is told by fewer points.
    little = uneven[spread <= GRADE * rules.refine_above_fraction]
    again = np.union1d(uneven, np.intersect1d(stands, first.roof))
    most = np.where(np.isin(again, little), _few(rules), rules.max_points)
    most[np.isin(again, stands)] = BESIDE * rules.max_points
    second = _seen(again, most, roofs, around, light, rules)
    kept = ~np.isin(first.roof, again)
    looks = [(first, kept), (second, np.ones(len(second.roof), dtype=bool))]
    return _within_sunny(roofs, looks, around, light, rules)


def _few(rules: Shading) -> int:
    """Return how many points tell a roof whose horizons differ little."""
    return max(rules.first_points, rules.max_points // GRADE)


Look = tuple["Horizons", npt.NDArray[np.bool_]]
"""Horizons, and which of their points count."""


def _within_sunny(
    roofs: Roofs, looks: list[Look], around: Surroundings, light: Light, rules: Shading
) -> tuple[Roofs, Horizons]:
    """Cut the dark parts off and look again at what is left of those roofs.

    Cells that are cut out follow the roof's axis, as its modules do. Their points do not tell of
    what is left: of the cells along the border of the dark, those stay whose middle happens to be
    bright.
    """
    limit = rules.max_beam_loss_fraction
    dim = np.unique(
        np.concatenate([seen.roof[counts & (seen.lost > limit)] for seen, counts in looks])
    )
    most = np.full(len(dim), rules.max_points, dtype=np.int64)
    cut = _seen(dim, most, roofs, around, light, rules, turn_rad=0.0)
    usable = roofs.usable.copy()
    usable[dim] = _lit_region(roofs, cut, dim, cut.lost <= limit)
    dim = dim[shapely.area(usable[dim]) > 0.0]
    roofs = replace(roofs, usable=usable)
    most = np.full(len(dim), rules.max_points, dtype=np.int64)
    third = _seen(dim, most, roofs, around, light, rules, least=_few(rules))
    # What has been cut once is not cut again.
    third = replace(third, lost=np.minimum(third.lost, limit))
    rest = [(seen, counts & ~np.isin(seen.roof, dim)) for seen, counts in looks]
    return roofs, _merged([*rest, (third, np.ones(len(third.roof), dtype=bool))])


def _seen(
    chosen: Ints,
    most: Ints,
    roofs: Roofs,
    around: Surroundings,
    light: Light,
    rules: Shading,
    least: int = 1,
    turn_rad: float = SKEW_RAD,
) -> Horizons:
    """Sample some roofs at about ``least`` points or more, and look around from each."""
    shapes = roofs.usable[chosen]
    spacing = np.minimum(rules.point_spacing_m, np.sqrt(shapely.area(shapes) / least))
    axis = np.radians(roofs.axis_deg[chosen])
    points = _sampled(outlines(shapes), axis, spacing, most.astype(np.int64), turn_rad)
    roof = np.repeat(chosen, np.diff(points.start)).astype(np.int64)
    elevation = elevations(roofs, points, roof, around, rules)
    lost = np.zeros(len(roof))
    for number, node in enumerate(roofs.nodes):
        here = _all_or(roofs.node[roof] == number)
        lost[here] = shading.year_losses(elevation[here], light.level_year(node))
    return Horizons.of_one_look(points, roof, lost, elevation)


def _sampled(
    outline: Outlines, axis_rad: Floats, spacing_m: Floats, most: Ints, turn_rad: float
) -> sampling.Points:
    """Sample shapes as if pressed along their axes to as long as wide, in turned scan lines.

    A long wall beside a narrow roof darkens a strip along it: it takes as many rows across the
    roof as points along it to see that.
    """
    count = np.diff(outline.start)
    origin = outline.edges[outline.start[:-1], :2]
    cosine, sine = np.cos(axis_rad), np.sin(axis_rad)
    own = np.repeat(np.arange(len(count)), count)
    x, y = outline.edges[:, 0::2] - origin[own, :1], outline.edges[:, 1::2] - origin[own, 1:]
    along = x * cosine[own, None] + y * sine[own, None]
    across = y * cosine[own, None] - x * sine[own, None]
    length, width = (_extent(side[:, 0], outline.start[:-1]) for side in (along, across))
    lengthy = (length > 0.0) & (width > 0.0)
    press = np.sqrt(np.where(lengthy, length, 1.0) / np.where(lengthy, width, 1.0))
    along, across = along / press[own, None], across * press[own, None]
    edges = np.stack([along[:, 0], across[:, 0], along[:, 1], across[:, 1]], axis=1)
    turn = np.full(len(count), turn_rad)
    found = sampling.sample(Outlines(edges, outline.start), turn, spacing_m, most)
    own = np.repeat(np.arange(len(count)), np.diff(found.start))
    u, v = found.x * press[own], found.y / press[own]
    return sampling.Points(
        found.start,
        origin[own, 0] + u * cosine[own] - v * sine[own],
        origin[own, 1] + u * sine[own] + v * cosine[own],
        found.area_m2,
        found.half_along_m * press[own],
        found.half_across_m / press[own],
    )


def _extent(places: Floats, start: Ints) -> Floats:
    """Return how far the places of each run reach."""
    reach: Floats = np.maximum.reduceat(places, start) - np.minimum.reduceat(places, start)
    return reach


def _uneven(seen: Horizons, above: float) -> tuple[Ints, Floats]:
    """Return the roofs whose points lose shares of the year's beam that differ by more, and how."""
    if not len(seen.roof):
        return seen.roof, seen.lost
    starts = np.flatnonzero(np.diff(seen.roof, prepend=-1))
    most = np.maximum.reduceat(seen.lost, starts)
    least = np.minimum.reduceat(seen.lost, starts)
    uneven = most - least > above
    return seen.roof[starts[uneven]], (most - least)[uneven]


def _uncovered(roofs: Roofs, around: Surroundings) -> tuple[Geometries, Ints]:
    """Return the usable polygons without what lies under taller buildings.

    Also the roofs within whose hull one stands: it throws a shadow that few points may miss.
    """
    roof, other = around.tree.query(roofs.usable)
    above = (around.top_m[other] > roofs.height_m[roof]) & (other != roofs.own[roof])
    roof, other = roof[above], other[above]
    meets = shapely.intersects(shapely.convex_hull(roofs.usable[roof]), around.geometry[other])
    order = np.lexsort((other[meets], roof[meets]))
    roof, other = roof[meets][order], other[meets][order]
    found = roofs.usable.copy()
    stands, start = np.unique(roof, return_index=True)
    end = np.append(start, len(roof))[1:]
    for position, first, last in zip(stands, start, end, strict=True):
        covers = shapely.union_all(around.geometry[other[first:last]])
        found[position] = shapely.difference(found[position], covers)
    return found, stands


def _all_or(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_] | slice:
    """Return a slice where all are chosen: what it takes is no copy."""
    return slice(None) if chosen.all() else chosen


def _merged(looks: list[Look]) -> Horizons:
    """Return the points that count of several looks, by roof; the rows of horizons stay."""
    roof = np.concatenate([seen.roof[counts] for seen, counts in looks])
    order = np.argsort(roof, kind="stable")

    def joined(parts: list[npt.NDArray[Any]]) -> Any:
        kept = [part[counts] for part, (_, counts) in zip(parts, looks, strict=True)]
        return np.concatenate(kept)[order]

    words = ("x", "y", "area_m2", "half_along_m", "half_across_m")
    starts = np.flatnonzero(np.diff(roof[order], prepend=-1))
    points = sampling.Points(
        np.append(starts, len(roof)).astype(np.int64),
        **{name: joined([getattr(seen.points, name) for seen, _ in looks]) for name in words},
    )
    return Horizons(
        points,
        roof[order],
        joined([seen.lost for seen, _ in looks]),
        tuple(seen.rows[0] for seen, _ in looks),
        joined([np.full(len(seen.roof), number) for number, (seen, _) in enumerate(looks)]),
        joined([seen.row for seen, _ in looks]),
    )


def elevations(
    roofs: Roofs, points: sampling.Points, roof: Ints, around: Surroundings, rules: Shading
) -> npt.NDArray[np.float32]:
    """Return the horizon of points, degrees, (points, bins); ``roof`` is each point's own."""

    def by_prisms(chosen: Ints | slice) -> npt.NDArray[np.float32]:
        own = roof[chosen]
        return horizon.horizons(
            around.scene, points.x[chosen], points.y[chosen], roofs.height_m[own], roofs.own[own],
            roofs.parapet_m[own], roofs.convergence_deg[own], rules,
        )  # fmt: skip

    if around.terrain is None:
        return by_prisms(slice(None))
    found = around.terrain(points.x, points.y)
    rest = np.flatnonzero(np.isnan(found).any(axis=1))
    found[rest] = by_prisms(rest)
    return found


def _circles(shapes: Geometries) -> tuple[Floats, Floats, Floats]:
    """Return centre and radius of a circle around each shape's bounds (NaN where empty)."""
    west, south, east, north = shapely.bounds(shapes).T
    radius = np.hypot(east - west, north - south) / 2.0
    return (west + east) / 2.0, (south + north) / 2.0, radius


def sunny_region(roofs: Roofs, seen: Horizons, most: float) -> Geometries:
    """Return what is left of usable polygons where points lose no more of a year's beam.

    Of a roof with dark points only the cells of its sunny points remain: what no point speaks
    for carries no modules.
    """
    sunny = seen.lost <= most
    region = roofs.usable.copy()
    dim = np.unique(seen.roof[~sunny])
    region[dim] = _lit_region(roofs, seen, dim, sunny)
    return region


def _lit_region(
    roofs: Roofs, seen: Horizons, dim: Ints, sunny: npt.NDArray[np.bool_]
) -> Geometries:
    """Return the parts of some roofs that lie in the cells of their sunny points."""
    if not len(dim):
        return roofs.usable[dim]
    cells, of_roof = _lit_cells(roofs, seen, np.flatnonzero(sunny & np.isin(seen.roof, dim)))
    start, end = np.searchsorted(of_roof, dim), np.searchsorted(of_roof, dim, side="right")
    lit = np.array(
        [shapely.union_all(cells[a:b]) for a, b in zip(start, end, strict=True)], dtype=object
    )
    found: Geometries = shapely.intersection(roofs.usable[dim], lit)
    return found


def _lit_cells(roofs: Roofs, seen: Horizons, told: Ints) -> tuple[Geometries, Ints]:
    """Return the cells of points, joined where they touch along the axis, and their roofs."""
    roof, points = seen.roof[told], seen.points
    angle = np.radians(roofs.axis_deg[roof])
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = points.x[told], points.y[told]
    along, across = x * cosine + y * sine, y * cosine - x * sine
    half = points.half_along_m[told]
    left, right = along - half, along + half
    touches = np.zeros(len(told), dtype=bool)
    touches[1:] = (
        (roof[1:] == roof[:-1])
        & (np.abs(across[1:] - across[:-1]) < TOUCH_M)
        & (np.abs(left[1:] - right[:-1]) < TOUCH_M)
    )
    first = np.flatnonzero(~touches)
    last = np.append(first, len(told))[1:] - 1
    middle, v = (left[first] + right[last]) / 2.0, across[first]
    cosine, sine = cosine[first], sine[first]
    # Neighbouring rows share sides: a hair more, so that no sliver stays between them.
    runs = sampling.Points(
        np.arange(len(first) + 1),
        middle * cosine - v * sine,
        middle * sine + v * cosine,
        np.ones(len(first)),
        (right[last] - left[first]) / 2.0 + TOUCH_M,
        points.half_across_m[told][first] + TOUCH_M,
    )
    return sampling.cells(runs, np.arange(len(first)), angle[first]), roof[first]
