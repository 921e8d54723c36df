"""A few weighted points inside each roof, at which its horizon is found.

Scan lines along the roof's own axis cut it into strips; the points stand in the middle of equal
cells of each strip. On a rectangle along its axis this is the midpoint rule, which integrates
linear functions exactly (Davis and Rabinowitz, Methods of Numerical Integration, 1984, 5.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from numba import njit

from pvplan.outlines import Outlines
from pvplan.tables import Floats, Ints

# Pieces of a scan line shorter than this lie within the rounding of coordinates in a metric CRS.
_SHORTEST_M = 1e-6


@dataclass(frozen=True)
class Points:
    """Sample points of shapes: those of shape i stand in ``start[i]:start[i + 1]``.

    Attributes
    ----------
    start
        Shape (shapes + 1,).
    x, y
        Shape (points,): place, m. Every point lies inside its shape.
    area_m2
        Shape (points,): area the point stands for; over a shape they sum to its area.
    half_along_m, half_across_m
        Shape (points,): half sides of the point's cell along and across the axis.
    """

    start: Ints
    x: Floats
    y: Floats
    area_m2: Floats
    half_along_m: Floats
    half_across_m: Floats


def sample(
    outline: Outlines, axis_rad: Floats, spacing_m: Floats | float, most: Ints | int
) -> Points:
    """Place weighted points inside each shape, about ``spacing_m`` apart.

    Parameters
    ----------
    outline
        Shapes with courts and several parts, m.
    axis_rad
        Shape (shapes,): direction of the scan lines, radians counter-clockwise from +x.
    spacing_m
        Shape (shapes,) or one number: wanted distance of the points, m, above 0.
    most
        Shape (shapes,) or one number: most points of a shape, at least 1; a shape with more
        takes a wider spacing.

    Returns
    -------
    Points
        None for an empty shape, else at least one. Those of a shape depend on it alone.
    """
    count = len(outline)
    axis = np.ascontiguousarray(np.broadcast_to(axis_rad, count), dtype=np.float64)
    spacing = np.ascontiguousarray(np.broadcast_to(spacing_m, count), dtype=np.float64)
    limit = np.ascontiguousarray(np.broadcast_to(most, count), dtype=np.int64)
    slabs, steps, points = _plan(outline.edges, outline.start, axis, spacing, limit)
    start = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(points)])
    placed = _place(outline.edges, outline.start, axis, slabs, steps, start)
    return Points(start, placed[0], placed[1], placed[2], placed[3], placed[4])


def cells(
    points: Points, chosen: npt.NDArray[Any], axis_rad_of_point: Floats
) -> npt.NDArray[np.object_]:
    """Return the cells of chosen points, rectangles along their axes.

    Parameters
    ----------
    points
        Points of :func:`sample`.
    chosen
        Positions of points, or a mask of shape (points,).
    axis_rad_of_point
        Shape (points,): axis of each point's shape, radians.

    Returns
    -------
    ndarray of shapely.Polygon, shape (chosen points,)
        They tile rectangles; of other shapes they may leave slivers or reach beyond.
    """
    axis = axis_rad_of_point[chosen]
    along, across = points.half_along_m[chosen], points.half_across_m[chosen]
    cosine, sine = np.cos(axis), np.sin(axis)
    ux, uy, vx, vy = along * cosine, along * sine, -across * sine, across * cosine
    x, y = points.x[chosen], points.y[chosen]
    rings = np.empty((len(x), 4, 2))
    for corner, (u, v) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1))):
        rings[:, corner, 0] = x + u * ux + v * vx
        rings[:, corner, 1] = y + u * uy + v * vy
    return np.asarray(shapely.polygons(rings), dtype=object)


@njit(cache=True, nogil=True)
def _turned(
    edges: Floats, first: int, last: int, axis: float, turned: Floats
) -> tuple[float, float, float]:
    """Write the edges turned so that u runs along the axis; return lowest v, highest v, area.

    The edge at which v changes most is written behind the last one.
    """
    cosine, sine = np.cos(axis), np.sin(axis)
    # From a place nearby, so that large coordinates cost no digits.
    x0, y0 = edges[first, 0], edges[first, 1]
    low, high, twice = np.inf, -np.inf, 0.0
    steepest = 0
    for e in range(first, last):
        x1, y1 = edges[e, 0] - x0, edges[e, 1] - y0
        x2, y2 = edges[e, 2] - x0, edges[e, 3] - y0
        row = turned[e - first]
        row[0], row[1] = x1 * cosine + y1 * sine, y1 * cosine - x1 * sine
        row[2], row[3] = x2 * cosine + y2 * sine, y2 * cosine - x2 * sine
        low, high = min(low, row[1]), max(high, row[1])
        twice += x1 * y2 - x2 * y1
        if abs(row[3] - row[1]) > abs(turned[steepest, 3] - turned[steepest, 1]):
            steepest = e - first
    turned[last - first] = turned[steepest]
    return low, high, 0.5 * twice


@njit(cache=True, nogil=True)
def _crossings(turned: Floats, count: int, v: float, found: Floats) -> int:
    """Write where a scan line crosses the edges, in order; return how often."""
    crossed = 0
    for e in range(count):
        u1, v1, u2, v2 = turned[e, 0], turned[e, 1], turned[e, 2], turned[e, 3]
        if (v1 <= v) != (v2 <= v):
            u = u1 + (v - v1) / (v2 - v1) * (u2 - u1)
            place = crossed
            while place > 0 and found[place - 1] > u:
                found[place] = found[place - 1]
                place -= 1
            found[place] = u
            crossed += 1
    return crossed


@njit(cache=True, nogil=True)
def _counted(
    turned: Floats, edges: int, low: float, high: float, slabs: int, step: float, found: Floats
) -> int:
    """Return how many points a spacing gives."""
    points = 0
    for slab in range(slabs):
        crossed = _crossings(turned, edges, low + (slab + 0.5) * (high - low) / slabs, found)
        for pair in range(0, crossed - 1, 2):
            length = found[pair + 1] - found[pair]
            if length > _SHORTEST_M:
                points += max(1, round(length / step))
    return points


@njit(cache=True, nogil=True)
def _plan(
    edges: Floats, start: Ints, axis: Floats, spacing: Floats, most: Ints
) -> tuple[Ints, Floats, Ints]:
    """Return slabs, step along the slabs and points of each shape.

    A step of 0 says: only the longest pieces of the slabs carry a point, one each. No slab says:
    every scan line missed, as between two parts far from each other, so one point stands on a
    line through the middle of the steepest edge, which no line can miss.
    """
    count = len(start) - 1
    slabs, points = np.zeros(count, np.int64), np.zeros(count, np.int64)
    steps = np.zeros(count)
    widest = 0
    for shape in range(count):
        widest = max(widest, start[shape + 1] - start[shape])
    turned, found = np.empty((widest + 1, 4)), np.empty(widest + 1)
    for shape in range(count):
        own = start[shape + 1] - start[shape]
        if own == 0:
            continue
        low, high, area = _turned(edges, start[shape], start[shape + 1], axis[shape], turned)
        if not (area > 0.0 and high > low):
            continue
        longest = 0.0
        for e in range(own):
            longest = max(longest, abs(turned[e, 0]), abs(turned[e, 2]))
        step = spacing[shape]
        slab = max(1, round((high - low) / step))
        got = _counted(turned, own, low, high, slab, step, found)
        # Beyond this step a piece cannot carry less than the one point it does.
        while got > most[shape] and (slab > 1 or step <= 4.0 * longest):
            step *= max(1.03, np.sqrt(got / most[shape]))
            slab = max(1, round((high - low) / step))
            got = _counted(turned, own, low, high, slab, step, found)
        if got > most[shape]:
            step, got = 0.0, most[shape]
        elif got == 0:
            slab, step, got = 0, 0.0, 1
        slabs[shape], steps[shape], points[shape] = slab, step, got
    return slabs, steps, points


@njit(cache=True, nogil=True)
def _place(
    edges: Floats, start: Ints, axis: Floats, slabs: Ints, steps: Floats, first: Ints
) -> Floats:
    """Return x, y, area and half sides of the points, shape (5, points)."""
    placed = np.empty((5, first[-1]))
    widest = 0
    for shape in range(len(start) - 1):
        widest = max(widest, start[shape + 1] - start[shape])
    turned, found = np.empty((widest + 1, 4)), np.empty(widest + 1)
    for shape in range(len(start) - 1):
        begin, end = first[shape], first[shape + 1]
        if begin == end:
            continue
        own = start[shape + 1] - start[shape]
        low, high, area = _turned(edges, start[shape], start[shape + 1], axis[shape], turned)
        thick = (high - low) / max(1, slabs[shape])
        at = begin
        for slab in range(max(1, slabs[shape])):
            v = low + (slab + 0.5) * thick
            if slabs[shape] == 0:
                v = 0.5 * (turned[own, 1] + turned[own, 3])
            crossed = _crossings(turned, own, v, found)
            for pair in range(0, crossed - 1, 2):
                length = found[pair + 1] - found[pair]
                if steps[shape] == 0.0:
                    at = _keep_longest(placed, begin, at, end, found[pair], length, v)
                elif length > _SHORTEST_M:
                    parts = max(1, round(length / steps[shape]))
                    for part in range(parts):
                        placed[0, at] = found[pair] + (part + 0.5) * length / parts
                        placed[1, at], placed[3, at] = v, 0.5 * length / parts
                        at += 1
        placed[4, begin:end] = 0.5 * thick if slabs[shape] else 0.25 * area / placed[3, begin]
        _settle(placed, begin, end, area, axis[shape], edges[start[shape]])
    return placed


@njit(cache=True, nogil=True)
def _settle(placed: Floats, begin: int, end: int, area: float, axis: float, origin: Floats) -> None:
    """Turn the points of one shape back and share out its area."""
    cosine, sine = np.cos(axis), np.sin(axis)
    total = 0.0
    for point in range(begin, end):
        total += placed[3, point]
    for point in range(begin, end):
        u, v = placed[0, point], placed[1, point]
        placed[0, point] = origin[0] + u * cosine - v * sine
        placed[1, point] = origin[1] + u * sine + v * cosine
        placed[2, point] = area * (placed[3, point] / total)


@njit(cache=True, nogil=True)
def _keep_longest(
    placed: Floats, begin: int, at: int, end: int, u: float, length: float, v: float
) -> int:
    """Put a piece among those kept, in place of the shortest once all places are taken."""
    place = at
    if at == end:
        place = begin
        for point in range(begin + 1, end):
            if placed[3, point] < placed[3, place]:
                place = point
        if 0.5 * length <= placed[3, place]:
            return at
    placed[0, place], placed[1, place], placed[3, place] = u + 0.5 * length, v, 0.5 * length
    return min(at + 1, end)
