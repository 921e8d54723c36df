"""Horizon of every cell of a surface model (DSM), one direction after the other.

Along each line of cells in a direction, what lies ahead is kept as its upper convex hull, so that
a cell and direction cost amortised O(1): the idea of Dozier, Bruno & Downey (1981,
doi:10.1016/0098-3004(81)90026-1), with a stack in the place of their search. (The horizon of
chosen points between cell centres, up to a stated distance, is another question, and
:mod:`pvplan.roof.terrain` another way: a hull cannot forget what is too far.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from pvplan.tables import Floats

Heights = npt.NDArray[np.float32]


def sweep(height: Heights, cell_m: float, azimuths_deg: Floats) -> npt.NDArray[np.float32]:
    """Return the horizon of every cell in some directions, seen from the surface of the cell.

    Heights stand at cell centres; a ray takes the nearest cell of every column (or row) it
    crosses. What lies ahead counts however far it is. One direction at a time bounds memory;
    directions are independent, so callers may spread them over threads.

    Parameters
    ----------
    height
        Shape (rows, columns), rows from north to south, m; NaN where missing: hides nothing.
    cell_m
        Side of a cell, m.
    azimuths_deg
        Shape (directions,), degrees clockwise from grid north.

    Returns
    -------
    ndarray of float32, shape (directions, rows, columns)
        Degrees, at least 0; NaN where the cell itself is missing.
    """
    height = np.ascontiguousarray(height, dtype=np.float32)
    found = np.empty((len(azimuths_deg), *height.shape), dtype=np.float32)
    if not height.size:
        return found
    turned: Heights | None = None
    for into, azimuth in zip(found, np.radians(azimuths_deg), strict=True):
        east, north = math.sin(azimuth), math.cos(azimuth)
        if abs(east) >= abs(north):
            _sweep(height, cell_m, east, -north, into)
        else:
            # Lines that run along columns read far faster in an array whose rows they are.
            turned = np.ascontiguousarray(height.T) if turned is None else turned
            across = np.empty(turned.shape, dtype=np.float32)
            _sweep(turned, cell_m, -north, east, across)
            _turn(across, into)
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _sweep(height: Any, cell_m: float, major: float, minor: float, into: Any) -> None:
    """Fill ``into`` for a direction whose larger part runs along the rows of ``height``."""
    rows, columns = height.shape
    offset = np.empty(columns, dtype=np.int64)
    for column in range(columns):
        offset[column] = math.floor(minor / major * column + 0.5)
    low, high = min(offset[0], offset[-1]), max(offset[0], offset[-1])
    steps_per_m = np.float32(abs(major) / cell_m)
    place = np.empty(columns, dtype=np.float32)
    level = np.empty(columns, dtype=np.float32)
    for line in range(-high, rows - low):
        first, end = 0, columns
        while first < end and not 0 <= line + offset[first] < rows:
            first += 1
        while first < end and not 0 <= line + offset[end - 1] < rows:
            end -= 1
        stacked = 0
        for step in range(end - first):
            # From what lies farthest ahead to what lies farthest behind.
            column = end - 1 - step if major > 0.0 else first + step
            row, here_at = line + offset[column], np.float32(step)
            here = height[row, column]
            if here != here:  # noqa: PLR0124 (not a number)
                into[row, column] = np.nan
                continue
            # What stands no higher than this cell is hidden from all who look up past it.
            while stacked > 0 and level[stacked - 1] <= here:
                stacked -= 1
            tangent = np.float32(0.0)
            if stacked > 0:
                tangent = (level[stacked - 1] - here) / (here_at - place[stacked - 1])
            # What lies under the line to something farther is hidden from all behind, too.
            while stacked > 1:
                beyond = (level[stacked - 2] - here) / (here_at - place[stacked - 2])
                if beyond < tangent:
                    break
                tangent = beyond
                stacked -= 1
            into[row, column] = tangent * steps_per_m
            place[stacked], level[stacked] = here_at, here
            stacked += 1
    for row in range(rows):
        for column in range(columns):
            into[row, column] = _degrees(into[row, column])


@njit(cache=True, nogil=True, error_model="numpy")
def _degrees(tangent: Any) -> Any:
    """Arc tangent of a float32 from 0 up, to 1e-5°: Abramowitz & Stegun (1964), 4.4.49."""
    small = min(tangent, np.float32(1.0) / tangent)
    square = small * small
    total = np.float32(0.0028662257)
    total = total * square + np.float32(-0.0161657367)
    total = total * square + np.float32(0.0429096138)
    total = total * square + np.float32(-0.0752896400)
    total = total * square + np.float32(0.1065626393)
    total = total * square + np.float32(-0.1420889944)
    total = total * square + np.float32(0.1999355085)
    total = total * square + np.float32(-0.3333314528)
    angle = (total * square + np.float32(1.0)) * small * np.float32(180.0 / math.pi)
    return np.float32(90.0) - angle if tangent > np.float32(1.0) else angle


@njit(cache=True, nogil=True)
def _turn(across: Any, into: Any) -> None:
    """Transpose by squares that fit the cache."""
    side = 32
    rows, columns = into.shape
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            for row in range(top, min(top + side, rows)):
                for column in range(left, min(left + side, columns)):
                    into[row, column] = across[column, row]
