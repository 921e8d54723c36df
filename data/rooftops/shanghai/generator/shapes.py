"""Plan shapes of buildings: a body of a given length and depth with its corner at (0, 0)."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Polygon

from .facts import between

# Wings narrower than this are not built; the shape stays a rectangle.
NARROWEST_WING_M = 9.0


def draw_shape(kind: str, length: float, depth: float, stream: np.random.Generator) -> Polygon:
    """Draw the plan of a building [m]; falls back to the rectangle where the body is too small."""
    makers = {"L": _ell, "U": _u, "T": _tee, "notch": _notch, "courtyard": _courtyard}
    plain = Polygon([(0, 0), (length, 0), (length, depth), (0, depth)])
    if kind not in makers:
        return plain
    made = makers[kind](length, depth, stream)
    return plain if made is None else made


def _in(stream: np.random.Generator, low: float, high: float, side: float) -> float:
    return round(between(stream, [low, high]) * side, 1)


def _ell(length: float, depth: float, stream: np.random.Generator) -> Polygon | None:
    cut_x = _in(stream, 0.35, 0.65, length)
    cut_y = _in(stream, 0.35, 0.60, depth)
    if min(length - cut_x, depth - cut_y) < NARROWEST_WING_M * 0.8:
        return None
    points = [
        (0.0, 0.0),
        (length, 0.0),
        (length, depth - cut_y),
        (length - cut_x, depth - cut_y),
        (length - cut_x, depth),
        (0.0, depth),
    ]
    if float(stream.random()) < 0.5:
        points = [(length - x, y) for x, y in reversed(points)]
    return Polygon(points)


def _u(length: float, depth: float, stream: np.random.Generator) -> Polygon | None:
    wing = _in(stream, 0.20, 0.32, length)
    cut_y = _in(stream, 0.40, 0.65, depth)
    if min(wing, depth - cut_y) < NARROWEST_WING_M:
        return None
    return Polygon(
        [
            (0.0, 0.0),
            (length, 0.0),
            (length, depth),
            (length - wing, depth),
            (length - wing, depth - cut_y),
            (wing, depth - cut_y),
            (wing, depth),
            (0.0, depth),
        ]
    )


def _tee(length: float, depth: float, stream: np.random.Generator) -> Polygon | None:
    side = _in(stream, 0.22, 0.36, length)
    cut_y = _in(stream, 0.35, 0.55, depth)
    if min(length - 2 * side, depth - cut_y) < NARROWEST_WING_M:
        return None
    return Polygon(
        [
            (0.0, 0.0),
            (length, 0.0),
            (length, depth - cut_y),
            (length - side, depth - cut_y),
            (length - side, depth),
            (side, depth),
            (side, depth - cut_y),
            (0.0, depth - cut_y),
        ]
    )


def _notch(length: float, depth: float, stream: np.random.Generator) -> Polygon | None:
    """Cut a loading recess into the long side."""
    start = _in(stream, 0.15, 0.55, length)
    width = _in(stream, 0.12, 0.25, length)
    deep = _in(stream, 0.10, 0.25, depth)
    if min(width, depth - deep) < NARROWEST_WING_M * 0.7:
        return None
    return Polygon(
        [
            (0.0, 0.0),
            (start, 0.0),
            (start, deep),
            (start + width, deep),
            (start + width, 0.0),
            (length, 0.0),
            (length, depth),
            (0.0, depth),
        ]
    )


def _courtyard(length: float, depth: float, stream: np.random.Generator) -> Polygon | None:
    wing = round(between(stream, [10.0, 14.0]), 1)
    if min(length, depth) < 2 * wing + 9.0:
        return None
    outer = [(0.0, 0.0), (length, 0.0), (length, depth), (0.0, depth)]
    inner = [
        (wing, wing),
        (wing, depth - wing),
        (length - wing, depth - wing),
        (length - wing, wing),
    ]
    return Polygon(outer, [inner])
