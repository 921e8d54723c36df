"""Horizon of chosen points in a surface model (DSM): ground, trees, roof structures, neighbours.

Each ray is followed through the exact cells that it crosses, up to a stated distance, and blocks
of cells too low to matter are passed over whole. That skips work, never an obstacle: a point's
horizon is the same to the last bit in every window that holds what it sees. (The horizon of every
cell of a raster is another question, and :mod:`pvplan.roof.sweep` another way.)

Rows run from north to south, columns from west to east; positions are in cells from the
north-west corner of the array, so that 0.5 is the centre of the first cell. Missing cells (NaN)
hide nothing; :func:`unseen_fraction` says how many there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from pvplan.assumed import Shading
from pvplan.tables import Floats

Heights = npt.NDArray[np.float32]

# Blocks of 8, 64 and 512 cells a side: their highest points are known, so rays may pass over.
_FINE: Final = 3
_COARSE: Final = 6
_VAST: Final = 9
# Above the rounding of a float32 of 9000 m: a block is never taken for lower than its cells.
_SLACK_M: Final = 1e-3
# Longer than any ray, in cells; stands for "never crosses".
_NEVER: Final = 1e300
# A border of cells that a point stands on is this far away, in cells.
_NEAREST: Final = 1e-6


@dataclass(frozen=True)
class Surface:
    """Heights and how high each cell and block of cells can stand.

    Attributes
    ----------
    height
        Shape (rows, columns), m; NaN where nothing is known.
    cell_m
        Side of a cell, m.
    top
        Highest point of each cell's plane (see :func:`surface`), same shape; -inf where missing.
    fine, coarse, vast
        Highest point of each block of 8 × 8, 64 × 64 and 512 × 512 cells.
    """

    height: Heights
    cell_m: float
    top: Heights = field(repr=False)
    fine: Heights = field(repr=False)
    coarse: Heights = field(repr=False)
    vast: Heights = field(repr=False)


def surface(height: Heights, cell_m: float) -> Surface:
    """Make heights ready for :func:`horizons_at`.

    Each cell is a plane through its centre. Its slope along rows and along columns is the lesser
    of the two one-sided differences, or zero where they differ in sign (the minmod limiter, van
    Leer 1979, doi:10.1016/0021-9991(79)90145-1). A pitched roof or a hillside is thus met exactly
    and a wall stays upright on the edge of its cell, not half a cell behind it.

    Parameters
    ----------
    height
        Shape (rows, columns), m, NaN where missing.
    cell_m
        Side of a cell, m.
    """
    height = np.ascontiguousarray(height, dtype=np.float32)
    top = _tops(height)
    fine = _blocks(top, 1 << _FINE)
    coarse = _blocks(fine, 1 << (_COARSE - _FINE))
    vast = _blocks(coarse, 1 << (_VAST - _COARSE))
    return Surface(height, float(cell_m), top, fine, coarse, vast)


def heights_at(ready: Surface, column: Floats, row: Floats) -> Floats:
    """Return the height of the surface at positions (n,), m; NaN outside and where missing."""
    return np.asarray(_heights_at(ready.height, _floats(column), _floats(row)))


def horizons_at(
    ready: Surface,
    column: Floats,
    row: Floats,
    z_m: Floats,
    rules: Shading,
    *,
    blind_m: float = 0.0,
    convergence_deg: float | Floats = 0.0,
) -> npt.NDArray[np.float32]:
    """Return the horizon of points: the highest elevation along each ray.

    Parameters
    ----------
    ready
        From :func:`surface`; must reach ``rules.max_distance_m`` and two cells beyond every
        point, or to the rim of what is known.
    column, row
        Positions in cells, shape (points,); inside the array.
    z_m
        Height of each point, shape (points,), m: the surface there (:func:`heights_at`) plus what
        the module stands above it, or a height known better. A point under the surface (below a
        crown of a tree) is surrounded by it.
    rules
        ``azimuth_bins``: bin k of n is the ray towards k·360/n degrees clockwise from true north;
        ``max_distance_m``: obstacles farther away are left out; ``min_elevation_deg``: lower
        horizons are zero.
    blind_m
        Obstacles nearer than this are left out: the noise of neighbouring cells on one roof.
    convergence_deg
        Azimuth of grid north, degrees clockwise from true north: one, or one per point.

    Returns
    -------
    ndarray of float32, shape (points, bins)
        Degrees; NaN for points without position or height.
    """
    column, row = _floats(column), _floats(row)
    turned = np.broadcast_to(np.asarray(convergence_deg, dtype=np.float64), column.shape)
    return np.asarray(
        _horizons_at(
            ready.height,
            ready.top,
            ready.fine,
            ready.coarse,
            ready.vast,
            ready.cell_m,
            column,
            row,
            _floats(z_m),
            np.arange(rules.azimuth_bins) * (360.0 / rules.azimuth_bins),
            np.ascontiguousarray(turned),
            rules.max_distance_m / ready.cell_m,
            math.tan(math.radians(rules.min_elevation_deg)),
            blind_m / ready.cell_m,
        )
    )


def unseen_fraction(ready: Surface, column: Floats, row: Floats, reach_m: float) -> Floats:
    """Return the share of cells around points of which nothing is known, shape (points,), 0 to 1.

    Counted in the square of cells within ``reach_m`` along rows and columns; cells outside the
    array count as unknown.
    """
    known = np.zeros((ready.height.shape[0] + 1, ready.height.shape[1] + 1), dtype=np.int32)
    np.cumsum(np.isfinite(ready.height), axis=0, dtype=np.int32, out=known[1:, 1:])
    np.cumsum(known, axis=1, dtype=np.int32, out=known)
    reach = math.ceil(reach_m / ready.cell_m)
    here = np.isfinite(column) & np.isfinite(row)
    first = np.floor(np.where(here, row, -_NEVER)), np.floor(np.where(here, column, -_NEVER))
    low_row, low_column = (
        np.clip(cell - reach, 0, size).astype(np.int64)
        for cell, size in zip(first, ready.height.shape, strict=True)
    )
    high_row, high_column = (
        np.clip(cell + reach + 1, 0, size).astype(np.int64)
        for cell, size in zip(first, ready.height.shape, strict=True)
    )
    inside = (
        known[high_row, high_column]
        - known[low_row, high_column]
        - known[high_row, low_column]
        + known[low_row, low_column]
    )
    return np.asarray(1.0 - inside / float((2 * reach + 1) ** 2))


def _floats(values: npt.ArrayLike) -> Floats:
    return np.ascontiguousarray(np.atleast_1d(values), dtype=np.float64)


@njit(cache=True, nogil=True)
def _toward(azimuth_deg: float) -> tuple[float, float]:
    """East and north of an azimuth; quarter turns and diagonals are exact."""
    quarter = math.floor(azimuth_deg / 90.0)
    rest = azimuth_deg - 90.0 * quarter
    side, ahead = math.sin(math.radians(rest)), math.sin(math.radians(90.0 - rest))
    turn = int(quarter) % 4
    if turn == 0:
        return side, ahead
    if turn == 1:
        return ahead, -side
    if turn == 2:
        return -side, -ahead
    return -ahead, side


@njit(cache=True, nogil=True)
def _lesser(before: float, after: float) -> float:
    """Return the lesser slope, zero where they differ in sign or one is missing (minmod)."""
    if before > 0.0 and after > 0.0:
        return min(before, after)
    if before < 0.0 and after < 0.0:
        return max(before, after)
    return 0.0


@njit(cache=True, nogil=True)
def _slopes(height: Any, row: int, column: int) -> tuple[float, float]:
    """Rise of a cell's plane per cell eastward and southward, m."""
    rows, columns = height.shape
    here = np.float64(height[row, column])
    east, south = 0.0, 0.0
    if 0 < column < columns - 1:
        east = _lesser(here - height[row, column - 1], height[row, column + 1] - here)
    if 0 < row < rows - 1:
        south = _lesser(here - height[row - 1, column], height[row + 1, column] - here)
    return east, south


@njit(cache=True, nogil=True)
def _tops(height: Any) -> Any:
    rows, columns = height.shape
    top = np.empty((rows, columns), dtype=np.float32)
    for row in range(rows):
        for column in range(columns):
            here = np.float64(height[row, column])
            if math.isnan(here):
                top[row, column] = -np.inf
            else:
                east, south = _slopes(height, row, column)
                top[row, column] = here + 0.5 * (abs(east) + abs(south)) + _SLACK_M
    return top


@njit(cache=True, nogil=True)
def _blocks(top: Any, side: int) -> Any:
    rows, columns = top.shape
    highest = np.full((-(-rows // side), -(-columns // side)), -np.inf, dtype=np.float32)
    for row in range(rows):
        for column in range(columns):
            highest[row // side, column // side] = max(
                highest[row // side, column // side], top[row, column]
            )
    return highest


@njit(cache=True, nogil=True)
def _heights_at(height: Any, column: Any, row: Any) -> Any:
    rows, columns = height.shape
    found = np.full(len(column), np.nan)
    for point in range(len(column)):
        if 0.0 <= column[point] < columns and 0.0 <= row[point] < rows:
            left, above = int(column[point]), int(row[point])
            east, south = _slopes(height, above, left)
            found[point] = (
                height[above, left]
                + east * (column[point] - left - 0.5)
                + south * (row[point] - above - 0.5)
            )
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _horizons_at(
    height: Any, top: Any, fine: Any, coarse: Any, vast: Any, cell_m: float,
    column: Any, row: Any, z_m: Any, azimuths_deg: Any, convergence_deg: Any,
    reach: float, least: float, blind: float,
) -> Any:  # fmt: skip
    rows, columns = height.shape
    found = np.full((len(column), len(azimuths_deg)), np.nan, dtype=np.float32)
    for point in range(len(column)):
        within = 0.0 <= column[point] < columns and 0.0 <= row[point] < rows
        if not within or math.isnan(z_m[point]):
            continue
        for k in range(len(azimuths_deg)):
            east, north = _toward(azimuths_deg[k] - convergence_deg[point])
            tangent = _ray(
                height, top, fine, coarse, vast, cell_m,
                column[point], row[point], z_m[point], east, -north, reach, least, blind,
            )  # fmt: skip
            found[point, k] = math.degrees(math.atan(tangent)) if tangent > least else 0.0
    return found


@njit(cache=True, nogil=True)
def _crossed(t: float, first: float, per_cell: float, cells_per_t: float) -> int:
    """Count the cell borders met up to ``t``: border n is at (n - 1 + first)·per_cell."""
    count = max(0, int(t * cells_per_t - first) + 1)
    while (count + first) * per_cell <= t:
        count += 1
    while count > 0 and (count - 1 + first) * per_cell > t:
        count -= 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _ray(
    height: Any, top: Any, fine: Any, coarse: Any, vast: Any, cell_m: float,
    x: float, y: float, z: float, east: float, south: float,
    reach: float, least: float, blind: float,
) -> float:  # fmt: skip
    """Tangent of the highest elevation along a ray, or ``least`` where nothing rises above it.

    ``nx`` and ``ny`` count the borders crossed, and each crossing is computed from its number, not
    from the one before: passing over a block leads to the same digits as walking through it.
    """
    rows, columns = height.shape
    column0, row0 = int(x), int(y)
    step_x = -1 if east < 0.0 else 1
    step_y = -1 if south < 0.0 else 1
    inside_x, inside_y = x - column0, y - row0
    first_x = inside_x if step_x < 0 else 1.0 - inside_x
    first_y = inside_y if step_y < 0 else 1.0 - inside_y
    per_x = 1.0 / abs(east) if east != 0.0 else _NEVER
    per_y = 1.0 / abs(south) if south != 0.0 else _NEVER
    best = least * cell_m
    # The ray starts where it leaves its own cell.
    t = min(first_x * per_x, first_y * per_y)
    nx, ny = _crossed(t, first_x, per_x, abs(east)), _crossed(t, first_y, per_y, abs(south))
    while t < reach:
        column, row = column0 + step_x * nx, row0 + step_y * ny
        if not (0 <= column < columns and 0 <= row < rows):
            break
        shift = 0
        if vast[row >> _VAST, column >> _VAST] - z <= best * t:
            shift = _VAST
        elif coarse[row >> _COARSE, column >> _COARSE] - z <= best * t:
            shift = _COARSE
        elif fine[row >> _FINE, column >> _FINE] - z <= best * t:
            shift = _FINE
        if shift > 0:
            last = (1 << shift) - 1
            left_x = last - (column & last) if step_x > 0 else column & last
            left_y = last - (row & last) if step_y > 0 else row & last
            t = min((nx + left_x + first_x) * per_x, (ny + left_y + first_y) * per_y)
            nx, ny = _crossed(t, first_x, per_x, abs(east)), _crossed(t, first_y, per_y, abs(south))
            continue
        block_row, block_column = row >> _FINE, column >> _FINE
        while row >> _FINE == block_row and column >> _FINE == block_column and t < reach:
            next_x, next_y = (nx + first_x) * per_x, (ny + first_y) * per_y
            leaving = min(next_x, next_y)
            start, end = max(t, blind, _NEAREST), min(leaving, reach)
            if top[row, column] - z > best * t and end > start:
                slope_x, slope_y = _slopes(height, row, column)
                base = height[row, column] - z + slope_x * (inside_x - step_x * nx - 0.5)
                base += slope_y * (inside_y - step_y * ny - 0.5)
                along = slope_x * east + slope_y * south
                # A plane seen along a ray is highest where the ray enters or leaves it.
                best = max(best, base / start + along, base / end + along)
            t = leaving
            nx += 1 if next_x == leaving else 0
            ny += 1 if next_y == leaving else 0
            column, row = column0 + step_x * nx, row0 + step_y * ny
            if not (0 <= column < columns and 0 <= row < rows):
                break
    return best / cell_m
