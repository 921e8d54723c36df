"""Irradiance rasters: GeoTIFF of one band (the year) or twelve (the months), sampled at points.

Only the windows that hold points are read, so memory does not grow with the raster. A pixel is
valid where mask, nodata and number say so *and* its value is plausible: files exist whose nodata
is 1.18e-38 while NaN fills the gaps.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyproj
from rasterio.windows import Window

from pvplan.errors import InputError
from pvplan.sources import raster_units
from pvplan.sources.raster_files import (
    IrradianceRaster,
    open_irradiance,
    opened,
    read_valid,
    window_shape,
)
from pvplan.tables import Floats, Ints

__all__ = [
    "IrradianceRaster",
    "check_covers",
    "coverage",
    "miss_text",
    "open_irradiance",
    "sample_monthly",
]


# Coordinates go through a projection and back: a centre met within this share of a pixel is met.
_SNAP_DIGITS: Final = 7
_POINTS_AT_ONCE: Final = 16_384


def sample_monthly(
    raster: IrradianceRaster, longitude: npt.ArrayLike, latitude: npt.ArrayLike
) -> Floats:
    """Sample a raster at points, bilinear over valid pixels.

    The value of a pixel belongs to its centre. The weights of the four centres around a point
    are renormalised over the valid ones; a point more than half a pixel outside, or among four
    invalid pixels, gets NaN.

    Parameters
    ----------
    raster
        From :func:`open_irradiance`.
    longitude, latitude
        Degrees, WGS84, shape (n,).

    Returns
    -------
    ndarray, shape (n, 12) or (n, 1)
        kWh/m² (``pvout``: kWh/kWp) per month, or per year.

    Raises
    ------
    InputError
        The file cannot be read any more.
    """
    lon = np.atleast_1d(np.asarray(longitude, dtype=np.float64))
    lat = np.atleast_1d(np.asarray(latitude, dtype=np.float64))
    values = np.full((lon.size, raster.bands), np.nan)
    with opened(raster.path) as file:
        column, row = _pixels(file, lon, lat)
        inside = (column > -1.0) & (column < file.width)
        inside &= (row > -1.0) & (row < file.height)
        points = np.flatnonzero(inside)
        left = np.floor(column[points]).astype(np.int64)
        top = np.floor(row[points]).astype(np.int64)
        for chosen in _groups(file, left, top):
            who = points[chosen]
            values[who] = _bilinear(file, raster, column[who], row[who])
    return np.asarray(values * raster_units.factors(raster.unit, raster.bands))


def coverage(raster: IrradianceRaster, longitude: npt.ArrayLike, latitude: npt.ArrayLike) -> float:
    """Return the share of points (0 to 1) for which every band has a value; NaN for no points."""
    values = sample_monthly(raster, longitude, latitude)
    return float(np.isfinite(values).all(axis=1).mean()) if len(values) else float("nan")


def check_covers(
    raster: IrradianceRaster, longitude: npt.ArrayLike, latitude: npt.ArrayLike
) -> None:
    """Raise when there are points and none has a value: the raster misses the city.

    Raises
    ------
    InputError
        Names the bounds of both and the distance between them.
    """
    if coverage(raster, longitude, latitude) == 0.0:
        raise InputError(miss_text(raster, longitude, latitude))


def miss_text(raster: IrradianceRaster, longitude: npt.ArrayLike, latitude: npt.ArrayLike) -> str:
    """Return the sentence for a raster that misses the city."""
    lon, lat = np.atleast_1d(longitude), np.atleast_1d(latitude)
    west, south, east, north = raster.bounds
    near_lon = float(np.clip(np.nanmean(lon), west, east))
    near_lat = float(np.clip(np.nanmean(lat), south, north))
    metres = pyproj.Geod(ellps="WGS84").inv(
        near_lon, near_lat, float(np.nanmean(lon)), float(np.nanmean(lat))
    )[2]
    where = (
        f"they are {metres / 1000.0:,.0f} km apart" if metres > 0 else "it has no valid pixel there"
    )
    return (
        f"{raster.path.name}: covers {west:.3f}..{east:.3f}° E, {south:.3f}..{north:.3f}° N, but "
        f"the roofs lie at {np.nanmin(lon):.3f}..{np.nanmax(lon):.3f}° E, "
        f"{np.nanmin(lat):.3f}..{np.nanmax(lat):.3f}° N: {where}; give a raster of this city"
    )


def _pixels(file: Any, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Return column and row counted in pixel centres: 0 is the centre of the first pixel."""
    to_raster = pyproj.Transformer.from_crs("EPSG:4326", file.crs.to_wkt(), always_xy=True)
    places = np.asarray(to_raster.transform(lon, lat), dtype=np.float64)
    # A place that the projection cannot show is infinite; it is nowhere in the raster.
    x, y = np.where(np.isfinite(places), places, np.nan)
    inverse = ~file.transform
    column = inverse.a * x + inverse.b * y + inverse.c - 0.5
    row = inverse.d * x + inverse.e * y + inverse.f - 0.5
    return np.round(column, _SNAP_DIGITS), np.round(row, _SNAP_DIGITS)


def _groups(file: Any, left: Ints, top: Ints) -> list[Ints]:
    """Group positions so that each group is met in one window of bounded size."""
    if not left.size:
        return []
    tall, wide = window_shape(file)
    group = (top // tall) * (file.width // wide + 2) + left // wide
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _bilinear(file: Any, raster: IrradianceRaster, column: Floats, row: Floats) -> Floats:
    """Return values in the file's unit, shape (n, bands)."""
    left, top = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)
    first_left, first_top = max(0, int(left.min())), max(0, int(top.min()))
    window = Window(
        first_left,
        first_top,
        min(file.width, int(left.max()) + 2) - first_left,
        min(file.height, int(top.max()) + 2) - first_top,
    )
    values, valid = _read_plausible(file, raster, window)
    # A pixel's bands side by side, so that a point fetches its months at once.
    bands = np.ascontiguousarray(values.transpose(1, 2, 0)).reshape(-1, raster.bands)
    known = np.ascontiguousarray(valid.transpose(1, 2, 0)).reshape(-1, raster.bands)
    found = np.full((column.size, raster.bands), np.nan)
    for start in range(0, column.size, _POINTS_AT_ONCE):
        some = slice(start, start + _POINTS_AT_ONCE)
        right_share, lower_share = column[some] - left[some], row[some] - top[some]
        total = np.zeros((right_share.size, raster.bands))
        weights = np.zeros_like(total)
        for down in (0, 1):
            for right in (0, 1):
                share = np.where(right, right_share, 1.0 - right_share)
                share = share * np.where(down, lower_share, 1.0 - lower_share)
                i, j = top[some] + down - first_top, left[some] + right - first_left
                there = (i >= 0) & (i < values.shape[1]) & (j >= 0) & (j < values.shape[2])
                pixel = np.where(there, i * values.shape[2] + j, 0)
                used = np.where(there[:, None] & known[pixel], share[:, None], 0.0)
                total += used * bands[pixel]
                weights += used
        np.divide(total, weights, out=found[some], where=weights > 0.0)
    return found


def _read_plausible(
    file: Any, raster: IrradianceRaster, window: Window
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    values, valid = read_valid(file, window=window)
    low, high = raster.low[:, None, None], raster.high[:, None, None]
    # A gap keeps a number, so that its zero weight does not meet a NaN.
    values = np.where(valid, values, 0.0)
    return values, valid & (values >= low) & (values <= high)
