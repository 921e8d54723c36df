"""The horizon of points on roofs among flat-topped buildings (LoD1 prisms).

A prism whose top stands ``h`` above a point, and whose outline a ray from the point first crosses
at distance ``t``, rises to ``atan(h / t)`` in the ray's direction; the horizon is the highest of
all prisms (the vector form of Dozier and Frew 1990, doi:10.1109/36.58986). With the ray's
direction ``d`` and an edge from ``a`` to ``b``, seen from the point,
``1 / t = cross(d, b - a) / cross(a, b)``, so a bin costs two multiplications.

Buildings stand in a grid of two levels, the tallest of a cell first, so that a search ends where
no building can still rise high enough. Neighbours far from a roof are seen from the middle of its
building only, once for all its points; this is the one approximation. Every other short cut leaves
out only what cannot change a digit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from pvplan.assumed import Shading
from pvplan.outlines import Outlines
from pvplan.tables import Floats, Ints

# Sizes of the search grid; they move seconds, never digits.
_CELL_M = 130.0
_CELLS = 3
_MOST_BLOCKS = 8_000_000
_BUCKETS = 128
# Every short cut leaves this much room for rounding, relative and in metres.
_ROOM = 1e-6
# Columns of Scene.body.
_X, _Y, _RADIUS, _TOP = range(4)


class Scene(NamedTuple):
    """All buildings that may shade, sorted by place.

    Attributes
    ----------
    body
        Shape (buildings, 4): middle and radius of a circle around the building, top, m.
    edges, start
        Shape (edges, 4) and (buildings + 1,): outlines as of :class:`pvplan.outlines.Outlines`,
        from the middle of each building's circle, m.
    position
        Shape (buildings given,): place of each building given in this order; -1 if empty.
    origin
        Shape (3,): lower left corner of the grid and side of a block, m.
    block
        Shape (rows, columns): number of the block of cells, or -1 where no building stands.
    block_box, cell_box
        Shape (blocks, 5) and (cells, 5): west, south, east, north, highest top, m.
    cell_start
        Shape (cells + 1,): buildings of each cell, the tallest first.
    largest, highest
        Largest radius and highest top, m.
    """

    body: Floats
    edges: npt.NDArray[np.float32]
    start: Ints
    position: Ints
    origin: Floats
    block: npt.NDArray[np.int32]
    block_box: Floats
    cell_box: Floats
    cell_start: Ints
    largest: float
    highest: float


class _Limits(NamedTuple):
    """Least tangent, largest distance [m] and factor of the far field."""

    least: float
    farthest: float
    factor: float


class _Views(NamedTuple):
    """Buildings as a run of points sees them: numbers, and from its middle, m; shape (any,) each.

    ``first``, ``span`` and ``steepest`` are what :func:`_bearings` finds for one point.
    """

    number: npt.NDArray[np.int32]
    east: Floats
    north: Floats
    radius: Floats
    rise: Floats
    first: npt.NDArray[np.int32]
    span: npt.NDArray[np.int32]
    steepest: Floats


def scene(outline: Outlines, top_m: Floats, rules: Shading) -> Scene:
    """Sort buildings into the grid in which their neighbours are looked for.

    Parameters
    ----------
    outline
        Footprints of the buildings, m.
    top_m
        Shape (buildings,): height of the top above ground, m; NaN shades nothing.
    rules
        ``max_distance_m`` keeps blocks from outgrowing the search.
    """
    counts = np.diff(outline.start)
    given = np.flatnonzero(counts > 0)
    if len(given) == 0:
        return _nowhere(len(outline))
    box = _boxes(outline.edges, outline.start, given)
    top = np.where(np.isnan(top_m), -np.inf, top_m)[given]
    middle = 0.5 * (box[:, :2] + box[:, 2:])
    origin, blocks, cell_of = _grid(middle, min(_CELL_M * _CELLS, rules.max_distance_m))
    # Tallest first within a cell; the order among equals never reaches a result.
    order = np.argsort(-top, kind="stable")
    order = order[np.argsort(cell_of[order], kind="stable")]
    box, top, given, cell_of = box[order], top[order], given[order], cell_of[order]
    position = np.full(len(outline), -1, dtype=np.int64)
    position[given] = np.arange(len(given))
    cells = (int(blocks.max()) + 1) * _CELLS**2
    cell_start = np.searchsorted(cell_of, np.arange(cells + 1)).astype(np.int64)
    cell_box = _extent(np.column_stack([box, top]), cell_start)
    block_box = _extent(cell_box, np.arange(0, cells + 1, _CELLS**2))
    start = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts[given])])
    edges, radius = _gathered(outline.edges, outline.start[given], start, middle[order])
    body = np.column_stack([middle[order], radius, top])
    return Scene(
        body, edges, start, position, origin, blocks, block_box, cell_box, cell_start,
        float(radius.max()), float(top.max()),
    )  # fmt: skip


def _nowhere(buildings: int) -> Scene:
    """Return the scene of no building."""
    zero, nothing = np.zeros(1, dtype=np.int64), np.empty((0, 5))
    position, block = np.full(buildings, -1), np.full((1, 1), -1, dtype=np.int32)
    return Scene(
        np.empty((0, 4)), np.empty((0, 4), dtype=np.float32), zero, position,
        np.array([0.0, 0.0, 1.0]), block, nothing, nothing, zero, 0.0, -np.inf,
    )  # fmt: skip


def _grid(middle: Floats, side: float) -> tuple[Floats, npt.NDArray[np.int32], Ints]:
    """Return origin and side, the blocks that hold a building, and the cell of each."""
    low = middle.min(axis=0)
    extent = middle.max(axis=0) - low
    # A stray building far away must cost neither memory nor speed: only blocks in use have cells.
    side = max(side, float(np.sqrt(extent[0] * extent[1] / _MOST_BLOCKS)))
    side = max(side, float(extent.max()) / _MOST_BLOCKS)
    fine = np.floor((middle - low) / (side / _CELLS)).astype(np.int64)
    coarse = fine // _CELLS
    columns, rows = coarse.max(axis=0) + 1
    code = coarse[:, 1] * columns + coarse[:, 0]
    used = np.zeros(rows * columns, dtype=bool)
    used[code] = True
    block = np.where(used, np.cumsum(used, dtype=np.int32) - 1, -1).astype(np.int32)
    within = (fine[:, 1] % _CELLS) * _CELLS + fine[:, 0] % _CELLS
    cell = block[code].astype(np.int64) * _CELLS**2 + within
    return np.array([*low, side]), block.reshape(rows, columns), cell


def shaded_at_all(
    scene: Scene, x: Floats, y: Floats, z: Floats, own: Ints, radius_m: Floats, rules: Shading
) -> npt.NDArray[np.bool_]:
    """Return whether a neighbour may rise over the least elevation anywhere on each roof.

    Parameters
    ----------
    scene
        The buildings.
    x, y, radius_m
        Shape (roofs,): circle that holds the roof, m.
    z
        Shape (roofs,): height of the lowest point of its surface above ground, m.
    own
        Shape (roofs,): the roof's own building, -1 if none.
    rules
        Least elevation, largest distance.

    Returns
    -------
    ndarray of bool, shape (roofs,)
        False only where the horizon of neighbours is 0 all around.
    """
    found = np.empty(len(x), dtype=np.bool_)
    _any_near(scene, x, y, z, _own(scene, own), radius_m, _limits(rules), found)
    return found


def horizons(
    scene: Scene,
    x: Floats,
    y: Floats,
    z: Floats,
    own: Ints,
    parapet_m: Floats,
    convergence_deg: Floats | float,
    rules: Shading,
) -> npt.NDArray[np.float32]:
    """Return the horizon of each point in each direction.

    A neighbour counts where its top stands above the point and its nearest wall within
    ``max_distance_m``. A point inside a taller neighbour sees no sky.

    A neighbour is seen from the middle of the point's own building where its distance from there
    exceeds ``far_field_factor`` times the geometric mean of the own building's radius and the
    neighbour's rise: a step aside then moves its top little over the horizon. Points without own
    building, or outside its circle, see every neighbour themselves.

    Parameters
    ----------
    scene
        The buildings.
    x, y, z
        Shape (points,): place of the point and height of the roof's surface there, m.
    own
        Shape (points,): the point's own building as numbered when the scene was made; it never
        counts as a neighbour; -1 if none.
    parapet_m
        Shape (points,): the own outline shades as a wall of this height above ``z``; 0 for none.
    convergence_deg
        Shape (points,) or one number: what turns grid azimuths into true ones, added to them.
    rules
        Number of directions, least elevation, largest distance, far field.

    Returns
    -------
    ndarray of float32, shape (points, azimuth_bins)
        Elevation along the ray at azimuth ``bin * 360 / azimuth_bins`` from true north, degrees
        in [0, 90]; 0 where nothing rises over ``min_elevation_deg``. The row of a point does
        not depend on the other points; those of one roof that follow each other share work.
    """
    found = np.empty((len(x), rules.azimuth_bins), dtype=np.float32)
    whole = np.asarray(np.broadcast_to(convergence_deg, len(x)), dtype=np.float64)
    turned = np.radians((whole + 180.0) % 360.0 - 180.0)
    own_body = _own(scene, own)
    begin, centre = _runs(scene, x, y, z, own_body, turned)
    # Runs near each other read the same memory.
    order = np.argsort(own_body[begin[:-1]], kind="stable")
    _horizons(
        scene, begin, order, centre, x, y, z, own_body, parapet_m, turned, _limits(rules), found
    )
    return found


def _limits(rules: Shading) -> _Limits:
    """Return the rules as the search reads them."""
    # Rows keep tangents in single precision, so the least one must be such a number.
    least = np.float32(np.tan(np.radians(rules.min_elevation_deg)))
    return _Limits(float(least), rules.max_distance_m, rules.far_field_factor)


def _own(scene: Scene, own: Ints) -> Ints:
    """Return the places of the points' own buildings in the scene."""
    if len(scene.position) == 0:
        return np.full(len(own), -1, dtype=np.int64)
    return np.where(own >= 0, scene.position[np.maximum(own, 0)], -1)


def _runs(
    scene: Scene, x: Floats, y: Floats, z: Floats, own: Ints, turned: Floats
) -> tuple[Ints, Floats]:
    """Return where runs of points begin that may share work, and the circle around each.

    Points in the circle of their own building, of one height and convergence, share its circle;
    any other point stands alone.
    """
    circle = np.column_stack([x, y, np.zeros(len(x))])
    inside = np.flatnonzero(own >= 0)
    around = scene.body[own[inside], :3]
    away = np.hypot(x[inside] - around[:, 0], y[inside] - around[:, 1])
    shares = away <= around[:, 2]
    inside = inside[shares]
    circle[inside] = around[shares]
    alone = np.ones(len(x), dtype=np.bool_)
    alone[inside] = False
    first = np.ones(len(x), dtype=np.bool_)
    first[1:] = alone[1:] | alone[:-1]
    for key in (own, z, turned):
        first[1:] |= key[1:] != key[:-1]
    begin = np.flatnonzero(first)
    return np.append(begin, len(x)), circle[begin]


@njit(cache=True, nogil=True, error_model="numpy")
def _boxes(edges: Floats, start: Ints, given: Ints) -> Floats:
    """Return west, south, east, north of buildings that have edges."""
    box = np.empty((len(given), 4))
    for number in range(len(given)):
        west, south, east, north = np.inf, np.inf, -np.inf, -np.inf
        for e in range(start[given[number]], start[given[number] + 1]):
            west, south = min(west, edges[e, 0]), min(south, edges[e, 1])
            east, north = max(east, edges[e, 0]), max(north, edges[e, 1])
        box[number] = west, south, east, north
    return box


@njit(cache=True, nogil=True, error_model="numpy")
def _gathered(
    edges: Floats, first: Ints, start: Ints, middle: Floats
) -> tuple[npt.NDArray[np.float32], Floats]:
    """Return the edges of the buildings in their new order, from their middles, and radii."""
    moved, radius = np.empty((start[-1], 4), np.float32), np.zeros(len(first))
    for body in range(len(first)):
        for e in range(start[body], start[body + 1]):
            given = edges[first[body] + e - start[body]]
            for side in range(4):
                moved[e, side] = given[side] - middle[body, side % 2]
            # The edges as they were rounded, so that no corner stands outside the circle.
            x, y = np.float64(moved[e, 0]), np.float64(moved[e, 1])
            radius[body] = max(radius[body], np.sqrt(x * x + y * y))
    return moved, radius


@njit(cache=True, nogil=True, error_model="numpy")
def _extent(boxes: Floats, start: Ints) -> Floats:
    """Return the box around the boxes of each group, and its highest top."""
    around = np.empty((len(start) - 1, 5))
    for group in range(len(around)):
        west, south, east, north, top = np.inf, np.inf, -np.inf, -np.inf, -np.inf
        for row in range(start[group], start[group + 1]):
            west, south = min(west, boxes[row, 0]), min(south, boxes[row, 1])
            east, north = max(east, boxes[row, 2]), max(north, boxes[row, 3])
            top = max(top, boxes[row, 4])
        around[group] = west, south, east, north, top
    return around


@njit(cache=True, nogil=True, error_model="numpy")
def _box_distance(box: Floats, row: int, x: float, y: float) -> float:
    """Return the square of the distance of a box."""
    east: float = max(box[row, 0] - x, x - box[row, 2], 0.0)
    north: float = max(box[row, 1] - y, y - box[row, 3], 0.0)
    return east * east + north * north


@njit(cache=True, nogil=True, error_model="numpy")
def _reach(rise: float, radius: float, per: float, farthest: float) -> float:
    """Return the square of the distance within which a rise counts; -1 where it never does."""
    if rise <= 0.0:
        return -1.0
    reach: float = min(farthest, rise * per) * (1.0 + _ROOM) + radius + _ROOM
    return reach * reach


@njit(cache=True, nogil=True, error_model="numpy")
def _search(
    scene: Scene,
    x: float,
    y: float,
    z: float,
    radius: float,
    own: int,
    limits: _Limits,
    near: npt.NDArray[np.int32],
) -> int:
    """Write buildings that may rise over ``least`` anywhere in a circle, as many as fit."""
    body, block, block_box, cell_box = scene.body, scene.block, scene.block_box, scene.cell_box
    cell_start, origin = scene.cell_start, scene.origin
    farthest, per = limits.farthest, 1.0 / limits.least
    reach = radius + scene.largest + min(farthest, max(0.0, scene.highest - z) * per) + _ROOM
    side = origin[2]
    first_column = max(0, int(np.floor((x - reach - origin[0]) / side)))
    last_column = min(block.shape[1] - 1, int(np.floor((x + reach - origin[0]) / side)))
    first_row = max(0, int(np.floor((y - reach - origin[1]) / side)))
    last_row = min(block.shape[0] - 1, int(np.floor((y + reach - origin[1]) / side)))
    found = 0
    for row in range(first_row, last_row + 1):
        for column in range(first_column, last_column + 1):
            number = block[row, column]
            if number < 0:
                continue
            reach = _reach(block_box[number, 4] - z, radius, per, farthest)
            if _box_distance(block_box, number, x, y) > reach:
                continue
            for cell in range(number * _CELLS**2, (number + 1) * _CELLS**2):
                away = _box_distance(cell_box, cell, x, y)
                if away > _reach(cell_box[cell, 4] - z, radius, per, farthest):
                    continue
                for other in range(cell_start[cell], cell_start[cell + 1]):
                    rise = body[other, _TOP] - z
                    if away > _reach(rise, radius, per, farthest):
                        break
                    east, north = body[other, _X] - x, body[other, _Y] - y
                    reach = _reach(rise, radius + body[other, _RADIUS], per, farthest)
                    if east * east + north * north > reach or other == own:
                        continue
                    near[found] = other
                    found += 1
                    if found == len(near):
                        return found
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _any_near(
    scene: Scene,
    x: Floats,
    y: Floats,
    z: Floats,
    own: Ints,
    radius: Floats,
    limits: _Limits,
    found: npt.NDArray[np.bool_],
) -> None:
    """Write whether the search finds any building."""
    near = np.empty(1, np.int32)
    for roof in range(len(x)):
        count = _search(scene, x[roof], y[roof], z[roof], radius[roof], own[roof], limits, near)
        found[roof] = count > 0


@njit(cache=True, nogil=True, error_model="numpy")
def _horizons(
    scene: Scene,
    begin: Ints,
    runs: Ints,
    circle: Floats,
    x: Floats,
    y: Floats,
    z: Floats,
    own: Ints,
    parapet: Floats,
    convergence: Floats,
    limits: _Limits,
    found: npt.NDArray[np.float32],
) -> None:
    """Write the horizons, run by run of points that share a circle.

    What stands near is seen from each point, then what stands far from the middle: there the
    lowest of the points' horizons already hides what can raise none of them.
    """
    body, edges, start = scene.body, scene.edges, scene.start
    bins, most = found.shape[1], len(body) + 1
    chosen, bucket = np.empty(most, np.int32), np.empty(most, np.uint8)
    views = _Views(
        np.empty(most, np.int32), np.empty(most), np.empty(most), np.empty(most), np.empty(most),
        np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most),
    )  # fmt: skip
    ray, slope, shared = np.empty((2, bins)), np.empty(bins), np.empty(bins)
    azimuth = 2.0 * np.pi / bins * np.arange(bins)
    level = np.vstack((np.sin(azimuth), np.cos(azimuth)))
    scale, turned = limits.factor * limits.factor, np.nan
    for run in runs:
        one, last = begin[run], begin[run + 1]
        x0, y0, radius = circle[run]
        count = _search(scene, x0, y0, z[one], radius, own[one], limits, chosen)
        limit = scale * radius if scale * radius > 0.0 else np.inf
        near = _sort(body, chosen, count, x0, y0, z[one], limit, bucket, views)
        if convergence[one] != turned:
            turned = convergence[one]
            _turn_rays(level, turned, ray)
        shared[:] = np.inf
        for point in range(one, last):
            slope[:] = limits.least
            east, north = x[point] - x0, y[point] - y0
            _raise(scene, views, 0, near, east, north, turned, limits, ray, slope)
            if parapet[point] > 0.0 and own[point] >= 0:
                house = own[point]
                _walls(edges, start[house], start[house + 1], body[house, _X] - x[point],
                       body[house, _Y] - y[point], parapet[point], True, 0, bins, ray,
                       slope)  # fmt: skip
            for k in range(bins):
                found[point, k] = slope[k]
                # As rounded, or sharing would show in the digits.
                shared[k] = min(shared[k], np.float64(found[point, k]))
        _raise(scene, views, near, count, 0.0, 0.0, turned, limits, ray, shared)
        for point in range(one, last):
            _elevations(found[point], shared, limits.least)


@njit(cache=True, nogil=True, error_model="numpy")
def _turn_rays(level: Floats, turned: float, ray: Floats) -> None:
    """Write the directions of bins, east and north, turned from true to grid azimuths."""
    sine, cosine = np.sin(turned), np.cos(turned)
    for k in range(level.shape[1]):
        ray[0, k] = level[0, k] * cosine - level[1, k] * sine
        ray[1, k] = level[1, k] * cosine + level[0, k] * sine


@njit(cache=True, nogil=True, error_model="numpy")
def _sort(
    body: Floats,
    chosen: npt.NDArray[np.int32],
    count: int,
    x: float,
    y: float,
    z: float,
    limit: float,
    bucket: npt.NDArray[np.uint8],
    views: _Views,
) -> int:
    """Write the buildings, first the near ones, then the far ones; return how many are near.

    Far is where the square of the distance exceeds ``limit`` times the rise. Of either kind those
    that may stand highest over the horizon come first, sorted by counting.
    """
    place = np.zeros(2 * _BUCKETS + 1, np.int32)
    for number in range(count):
        one = chosen[number]
        east, north = body[one, _X] - x, body[one, _Y] - y
        gap = max(np.sqrt(east * east + north * north) - body[one, _RADIUS], 0.0)
        rise = body[one, _TOP] - z
        at = int((_BUCKETS - 1) * gap / (gap + rise))
        bucket[number] = at + _BUCKETS if gap * gap > limit * rise else at
        place[bucket[number] + 1] += 1
    for at in range(2 * _BUCKETS):
        place[at + 1] += place[at]
    near: int = place[_BUCKETS]
    for number in range(count):
        one, at = chosen[number], place[bucket[number]]
        place[bucket[number]] += 1
        views.number[at] = one
        views.east[at], views.north[at] = body[one, _X] - x, body[one, _Y] - y
        views.radius[at], views.rise[at] = body[one, _RADIUS], body[one, _TOP] - z
    return near


@njit(cache=True, nogil=True, error_model="numpy")
def _raise(
    scene: Scene,
    views: _Views,
    begin: int,
    end: int,
    x: float,
    y: float,
    turned: float,
    limits: _Limits,
    ray: Floats,
    slope: Floats,
) -> None:
    """Raise the horizon (as tangents) of a point, seen from the views' middle, by some of them."""
    edges, start = scene.edges, scene.start
    _bearings(views, begin, end, x, y, turned, limits, len(slope))
    for view in range(begin, end):
        if _hidden(slope, views.first[view], views.span[view], views.steepest[view]):
            continue
        first, last = start[views.number[view]], start[views.number[view] + 1]
        east, north = views.east[view] - x, views.north[view] - y
        if views.steepest[view] == np.inf and _inside(edges, first, last, east, north):
            slope[:] = np.inf
            return
        # Only where the limit may cut through the building is the nearest wall looked for.
        whole = limits.farthest - views.radius[view] - 1.0
        cut = east * east + north * north > whole * abs(whole)
        if cut and _wall_distance(edges, first, last, east, north) > limits.farthest:
            continue
        _walls(edges, first, last, east, north, views.rise[view], False, views.first[view],
               views.span[view], ray, slope)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def _bearings(
    views: _Views,
    begin: int,
    end: int,
    x: float,
    y: float,
    turned: float,
    limits: _Limits,
    bins: int,
) -> None:
    """Write the rays that may meet each building's circle, and the tangent it may rise to.

    The azimuth follows Hastings, Approximations for Digital Computers, 1955, sheet 8, within
    7e-4. The loop has no branches, so that it runs in vectors.
    """
    per, least, farthest = bins / (2.0 * np.pi), limits.least, limits.farthest
    for view in range(np.uint64(begin), np.uint64(end)):
        east, north = views.east[view] - x, views.north[view] - y
        radius, rise = views.radius[view] + _ROOM, views.rise[view]
        distance = np.sqrt(east * east + north * north)
        gap = distance - radius
        a, b = abs(east), abs(north)
        ratio = (a if a < b else b) / ((a if a > b else b) + 1e-300)
        square = ratio * ratio
        angle = ratio * (0.995354 + square * (-0.288679 + square * 0.079331))
        angle = 0.5 * np.pi - angle if a > b else angle
        angle = np.pi - angle if north < 0.0 else angle
        angle = (angle if east >= 0.0 else -angle) + turned
        # asin(s) <= s + (pi / 2 - 1) s^3 on [0, 1].
        sine = radius / distance
        half = sine * (1.0 + 0.571 * sine * sine) + 1e-3
        low, high = np.ceil((angle - half) * per), np.floor((angle + half) * per)
        within = gap <= 0.0
        many = bins if within else high - low + 1.0
        many = many if many < bins else bins
        tangent = np.inf if within else rise / gap * (1.0 + _ROOM)
        many = 0.0 if tangent <= least or gap > farthest else many
        low = 0.0 if within else low - bins * np.floor(low / bins)
        views.first[view], views.span[view] = np.int32(low), np.int32(many)
        views.steepest[view] = tangent


@njit(cache=True, nogil=True, error_model="numpy")
def _hidden(slope: Floats, first: int, span: int, steepest: float) -> bool:
    """Return whether what already stands rises over a tangent in all of some bins."""
    k = first
    for _ in range(span):
        if slope[k] <= steepest:
            return False
        k += 1
        if k == len(slope):
            k = 0
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _walls(
    edges: npt.NDArray[np.float32],
    begin: int,
    end: int,
    x: float,
    y: float,
    rise: float,
    both: bool,
    first: int,
    span: int,
    ray: Floats,
    slope: Floats,
) -> None:
    """Raise the horizon in some bins by the walls of an outline around ``x``, ``y``.

    From outside only walls that face the point are seen first; they turn clockwise. ``both``
    takes the others too, as from inside.
    """
    bins = len(slope)
    for e in range(begin, end):
        ax, ay = x + edges[e, 0], y + edges[e, 1]
        bx, by = x + edges[e, 2], y + edges[e, 3]
        area = ax * by - ay * bx
        if area >= 0.0:
            if not both or area == 0.0:
                continue
            ax, ay, bx, by, area = bx, by, ax, ay, -area
        each = rise / area
        p, q = each * (by - ay), each * (ax - bx)
        # A wall that is nearly edge-on, lost in rounding, reaches no nearer than its nearer end.
        near = min(ax * ax + ay * ay, bx * bx + by * by)
        far = max(ax * ax + ay * ay, bx * bx + by * by)
        edge_on = area * area < 1e-18 * near * far
        if edge_on:
            p, q = 0.0, 0.0
        steepest = rise / np.sqrt(near) if edge_on else 0.0
        # A ray meets the wall clockwise of its begin and not of its end.
        for part in range(2):
            low, high = (0, first + span - bins) if part else (first, min(first + span, bins))
            for k in range(np.uint64(low), np.uint64(max(low, high))):
                to_east, to_north = ray[0, k], ray[1, k]
                height = p * to_east + q * to_north
                height = height if height > steepest else steepest
                meets = (to_east * ay >= to_north * ax) & (to_east * by < to_north * bx)
                slope[k] = height if meets & (height > slope[k]) else slope[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _inside(edges: npt.NDArray[np.float32], begin: int, end: int, x: float, y: float) -> bool:
    """Return whether a point stands inside an outline around ``x``, ``y`` (even-odd)."""
    inside = False
    for e in range(begin, end):
        x1, y1, x2, y2 = x + edges[e, 0], y + edges[e, 1], x + edges[e, 2], y + edges[e, 3]
        if (y1 > 0.0) != (y2 > 0.0) and (x1 * (y2 - y1) > y1 * (x2 - x1)) == (y2 > y1):
            inside = not inside
    return inside


@njit(cache=True, nogil=True, error_model="numpy")
def _wall_distance(
    edges: npt.NDArray[np.float32], begin: int, end: int, x: float, y: float
) -> float:
    """Return the distance of the nearest wall of an outline around ``x``, ``y``."""
    nearest = np.inf
    for e in range(begin, end):
        ax, ay = x + edges[e, 0], y + edges[e, 1]
        ex, ey = x + edges[e, 2] - ax, y + edges[e, 3] - ay
        length = ex * ex + ey * ey
        along = min(1.0, max(0.0, -(ax * ex + ay * ey) / length)) if length > 0.0 else 0.0
        dx, dy = ax + along * ex, ay + along * ey
        nearest = min(nearest, dx * dx + dy * dy)
    distance: float = np.sqrt(nearest)
    return distance


@njit(cache=True, nogil=True, error_model="numpy")
def _elevations(found: npt.NDArray[np.float32], far: Floats, least: float) -> None:
    """Turn tangents, or those of what stands far, into degrees; up to ``least`` they are 0.

    Abramowitz and Stegun 4.4.49: atan on [0, 1] within 2e-8 rad, in a form that runs in vectors.
    """
    for k in range(len(found)):
        near, other = np.float64(found[k]), far[k]
        tangent = near if near > other else other
        inverse = 1.0 / tangent
        steep = tangent > 1.0
        ratio = inverse if steep else tangent
        s = ratio * ratio
        series = -0.0161657367 + s * 0.0028662257
        series = 0.1065626393 + s * (-0.0752896400 + s * (0.0429096138 + s * series))
        series = s * (-0.3333314528 + s * (0.1999355085 + s * (-0.1420889944 + s * series)))
        angle = (ratio + ratio * series) * (180.0 / np.pi)
        degrees = 90.0 - angle if steep else angle
        found[k] = degrees if tangent > least else 0.0
