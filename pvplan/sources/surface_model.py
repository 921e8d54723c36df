"""Surface models (DSM): GeoTIFF of heights in metres, read window by window.

A model is settled once (:func:`open_surface_model`): its CRS must be metric and true to scale, its
cells square and north up, its unit metres. Then only windows around roofs are read, each of
at most a stated number of cells. What is missing, implausible or a spike becomes NaN and is
counted; a point outside the raster is said to be outside, never horizontal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyproj

from pvplan.errors import InputError
from pvplan.sources.raster_files import opened
from pvplan.sources.surface_checks import faults_of, height_unit, read_heights, to_degrees
from pvplan.tables import Floats, Ints

# 144 MB of float32; a kilometre of halo at 0.5 m leaves a square of 1 km for the points.
MAX_CELLS: Final = 36_000_000
# Cells decoded at once: what is read takes some 30 bytes a cell until it is float32.
_STRIP_CELLS: Final = 2_000_000


@dataclass(frozen=True)
class SurfaceModel:
    """A checked raster of heights.

    Attributes
    ----------
    path
        The file.
    crs
        Its CRS, metric and true to scale within 1 %.
    cell_m
        Side of a cell along x, m.
    row_m
        Side of a cell along y, m: the same within 0.1 %.
    west, north
        Outer corner of the first cell, m.
    rows, columns
        Size in cells.
    unit_stated
        Whether the file says that heights are metres; otherwise they are taken for metres.
    """

    path: Path
    crs: pyproj.CRS
    cell_m: float
    row_m: float
    west: float
    north: float
    rows: int
    columns: int
    unit_stated: bool

    @property
    def east(self) -> float:
        """Easternmost edge, m."""
        return self.west + self.columns * self.cell_m

    @property
    def south(self) -> float:
        """Southernmost edge, m."""
        return self.north - self.rows * self.row_m


@dataclass(frozen=True)
class HeightWindow:
    """A window of a surface model.

    Attributes
    ----------
    height
        Shape (rows, columns), float32, m; NaN where nothing is known.
    cell_m
        Side of a cell, m.
    west, north
        Outer corner of its first cell, m, in the model's CRS.
    first_row, first_column
        Its first cell, counted in the whole raster.
    missing_count, implausible_count, spike_count
        Cells that are NaN because the file says so, because the value cannot be a height, or
        because one cell stands 1000 m above all its neighbours.
    """

    height: npt.NDArray[np.float32]
    cell_m: float
    west: float
    north: float
    first_row: int
    first_column: int
    missing_count: int
    implausible_count: int
    spike_count: int


@dataclass(frozen=True)
class PointWindow:
    """A window with the points that look at it.

    Attributes
    ----------
    window
        Reaches the halo beyond every point, or the rim of the raster.
    points
        Which of the points given to :func:`windows`, shape (n,), ascending.
    column, row
        Their positions in cells of the window, shape (n,): 0.5 is the centre of the first cell.
        Their fractions are the same in whatever window a point falls.
    """

    window: HeightWindow
    points: Ints
    column: Floats
    row: Floats


@dataclass(frozen=True)
class Placed:
    """Points in a surface model.

    Attributes
    ----------
    column, row
        Positions in cells of the whole raster, shape (n,); NaN outside it.
    inside
        Whether the raster covers the point, shape (n,).
    convergence_deg
        Azimuth of the model's grid north at the point, degrees clockwise from true north, (n,).
    """

    column: Floats
    row: Floats
    inside: npt.NDArray[np.bool_]
    convergence_deg: Floats


def open_surface_model(path: Path | str) -> SurfaceModel:
    """Open a GeoTIFF of heights and settle where it lies and what it measures.

    Raises
    ------
    InputError
        Not a GeoTIFF, more than one band, no CRS or not a metric one, rotated, cells not square,
        heights not in metres, or nothing valid in it; every fault is listed.
    """
    path = Path(path)
    with opened(path) as raster:
        faults = faults_of(raster)
        if faults:
            raise InputError([f"{path.name}: {fault}" for fault in faults])
        return SurfaceModel(
            path=path,
            crs=pyproj.CRS.from_wkt(raster.crs.to_wkt()),
            cell_m=float(raster.transform.a),
            row_m=-float(raster.transform.e),
            west=float(raster.transform.c),
            north=float(raster.transform.f),
            rows=int(raster.height),
            columns=int(raster.width),
            unit_stated=bool(height_unit(raster)),
        )


def place(model: SurfaceModel, x: npt.ArrayLike, y: npt.ArrayLike, crs: Any) -> Placed:
    """Find points in a surface model.

    Parameters
    ----------
    model
        From :func:`open_surface_model`.
    x, y
        Coordinates, shape (n,).
    crs
        Their CRS, anything pyproj knows.
    """
    easting, northing = _moved(model, x, y, crs)
    column = (easting - model.west) / model.cell_m
    row = (model.north - northing) / model.row_m
    inside = (column >= 0.0) & (column < model.columns) & (row >= 0.0) & (row < model.rows)
    return Placed(
        column=np.where(inside, column, np.nan),
        row=np.where(inside, row, np.nan),
        inside=inside,
        convergence_deg=_convergence(model.crs, easting, northing, inside),
    )


def check_covers(model: SurfaceModel, x: npt.ArrayLike, y: npt.ArrayLike, crs: Any) -> None:
    """Raise when there are points and none lies in the raster: it misses the city.

    Raises
    ------
    InputError
        Names the extent of both.
    """
    inside = place(model, x, y, crs).inside
    if len(inside) and not inside.any():
        raise InputError(_miss_text(model, *_moved(model, x, y, crs)))


def windows(
    model: SurfaceModel, placed: Placed, halo_m: float, max_cells: int = MAX_CELLS
) -> Iterator[PointWindow]:
    """Read windows one by one such that every covered point is in exactly one.

    Parameters
    ----------
    model
        From :func:`open_surface_model`.
    placed
        From :func:`place`; points outside the raster are in no window.
    halo_m
        How far a window reaches beyond its points: the distance to which obstacles count. Two
        cells more are read, so that slopes and spikes at the far end do not depend on the window.
    max_cells
        Most cells of one window; bounds memory, never changes a result.

    Raises
    ------
    InputError
        One point alone needs a larger window, or the file cannot be read any more.
    """
    halo = math.ceil(halo_m / model.cell_m) + 2
    side = math.isqrt(max_cells) - 2 * halo - 1
    if side < 1:
        raise InputError(
            f"{model.path.name}: obstacles up to {halo_m:g} m at {model.cell_m:g} m a cell need "
            f"{(2 * halo + 2) ** 2:,} cells around a point, more than {max_cells:,}; lower "
            f"shading.terrain_max_distance_m or resample the raster coarser (gdalwarp -tr)"
        )
    covered = np.flatnonzero(placed.inside)
    column, row = np.floor(placed.column[covered]), np.floor(placed.row[covered])
    tile = (row // side).astype(np.int64) * (model.columns // side + 1) + (column // side).astype(
        np.int64
    )
    order = np.argsort(tile, kind="stable")
    starts = np.flatnonzero(np.diff(tile[order], prepend=-1))
    with opened(model.path) as raster:
        for chosen in np.split(order, starts[1:]) if len(order) else ():
            top, bottom = int(row[chosen].min()) - halo, int(row[chosen].max()) + halo + 1
            left, right = int(column[chosen].min()) - halo, int(column[chosen].max()) + halo + 1
            window = _read(raster, model, top, bottom, left, right)
            points = covered[chosen]
            yield PointWindow(
                window=window,
                points=points,
                # Whole numbers are taken off, which is exact: the fraction stays what it was.
                column=placed.column[points] - window.first_column,
                row=placed.row[points] - window.first_row,
            )


def read_window(
    model: SurfaceModel, west: float, south: float, east: float, north: float, crs: Any
) -> HeightWindow:
    """Read the cells that meet a rectangle.

    Parameters
    ----------
    model
        From :func:`open_surface_model`.
    west, south, east, north
        The rectangle.
    crs
        Its CRS; in another CRS than the model's, the rectangle around it is read.

    Raises
    ------
    InputError
        The rectangle misses the raster or meets more than :data:`MAX_CELLS` cells.
    """
    own = pyproj.CRS.from_user_input(crs)
    if own != model.crs:
        to_model = pyproj.Transformer.from_crs(own, model.crs, always_xy=True)
        west, south, east, north = to_model.transform_bounds(west, south, east, north)
    left = max(0, math.floor((west - model.west) / model.cell_m))
    right = min(model.columns, math.ceil((east - model.west) / model.cell_m))
    top = max(0, math.floor((model.north - north) / model.row_m))
    bottom = min(model.rows, math.ceil((model.north - south) / model.row_m))
    asked = f"x {west:.0f}..{east:.0f}, y {south:.0f}..{north:.0f} m"
    if left >= right or top >= bottom:
        raise InputError(
            f"{model.path.name}: {asked} lies outside the raster (x {model.west:.0f}.."
            f"{model.east:.0f}, y {model.south:.0f}..{model.north:.0f} m); ask for a place in it"
        )
    if (right - left) * (bottom - top) > MAX_CELLS:
        raise InputError(
            f"{model.path.name}: {asked} is {(right - left) * (bottom - top):,} cells, more than "
            f"{MAX_CELLS:,}; ask for a smaller place"
        )
    with opened(model.path) as raster:
        return _read(raster, model, top, bottom, left, right)


def _floats(values: npt.ArrayLike) -> Floats:
    return np.atleast_1d(np.asarray(values, dtype=np.float64))


def _moved(
    model: SurfaceModel, x: npt.ArrayLike, y: npt.ArrayLike, crs: Any
) -> tuple[Floats, Floats]:
    """Return coordinates in the model's CRS."""
    own = pyproj.CRS.from_user_input(crs)
    easting, northing = _floats(x), _floats(y)
    if own != model.crs:
        to_model = pyproj.Transformer.from_crs(own, model.crs, always_xy=True)
        easting, northing = (_floats(part) for part in to_model.transform(easting, northing))
    return easting, northing


def _miss_text(model: SurfaceModel, easting: Floats, northing: Floats) -> str:
    """Return the sentence for a raster that misses the city."""
    known = np.isfinite(easting) & np.isfinite(northing)
    where = "have no place"
    if known.any():
        x, y = easting[known], northing[known]
        where = f"lie at x {x.min():.0f}..{x.max():.0f}, y {y.min():.0f}..{y.max():.0f} m"
    return (
        f"{model.path.name}: covers x {model.west:.0f}..{model.east:.0f}, y {model.south:.0f}.."
        f"{model.north:.0f} m, but the roofs {where} in its CRS ({model.crs.name}); give a surface "
        "model of this city"
    )


def _read(
    raster: Any, model: SurfaceModel, top: int, bottom: int, left: int, right: int
) -> HeightWindow:
    """Read the part of a window that lies in the raster, strip by strip."""
    top, left = max(0, top), max(0, left)
    bottom, right = min(model.rows, bottom), min(model.columns, right)
    height = np.empty((bottom - top, right - left), dtype=np.float32)
    counts = np.zeros(3, dtype=np.int64)
    deep = max(1, _STRIP_CELLS // (right - left))
    for first in range(top, bottom, deep):
        last = min(bottom, first + deep)
        strip, found = read_heights(raster, first, last, left, right)
        height[first - top : last - top] = strip
        counts += found
    return HeightWindow(
        height=height,
        cell_m=model.cell_m,
        west=model.west + left * model.cell_m,
        north=model.north - top * model.row_m,
        first_row=top,
        first_column=left,
        missing_count=int(counts[0]),
        implausible_count=int(counts[1]),
        spike_count=int(counts[2]),
    )


def _convergence(
    crs: pyproj.CRS, easting: Floats, northing: Floats, inside: npt.NDArray[np.bool_]
) -> Floats:
    """Return the azimuth of grid north, clockwise from true north, at points; NaN outside."""
    turned = np.full(easting.shape, np.nan)
    if inside.any():
        lon, lat = to_degrees(crs).transform(easting[inside], northing[inside])
        factors = pyproj.Proj(crs).get_factors(lon, lat)
        turned[inside] = np.asarray(factors.meridian_convergence)
    return turned
