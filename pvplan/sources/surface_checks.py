"""What a GeoTIFF must be to serve as a surface model, and how its cells become heights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyproj
from rasterio.windows import Window

from pvplan.sources.raster_files import read_valid
from pvplan.tables import Ints

Heights = npt.NDArray[np.float32]

# The lowest and highest ground, with room: Dead Sea shore -430 m, Mount Everest 8849 m.
_LOW_M: Final = -500.0
_HIGH_M: Final = 9000.0
# Nothing built is taller (Burj Khalifa: 828 m); a lone cell this far above its neighbours is a
# fault.
_TALLEST_M: Final = 1000.0
# Half of all neighbours differing by more than three times the cell: heights in another unit.
_STEEPEST: Final = 3.0
_SQUARE_FRACTION: Final = 0.001
_SCALE_FRACTION: Final = 0.01
_SURVEY: Final = 1024
_METRES: Final = frozenset({"m", "metre", "metres", "meter", "meters", "米"})


def faults_of(raster: Any) -> list[str]:
    """Return every reason why an open raster cannot serve, each with its remedy."""
    faults = [*_shape_faults(raster), *_crs_faults(raster), *_unit_faults(raster)]
    return faults or [*_height_faults(raster)]


def read_heights(raster: Any, top: int, bottom: int, left: int, right: int) -> tuple[Heights, Ints]:
    """Read a block of cells as heights.

    Parameters
    ----------
    raster
        From :func:`pvplan.sources.raster_files.opened`.
    top, bottom, left, right
        Rows and columns, ends excluded, all inside the raster.

    Returns
    -------
    ndarray of float32, ndarray
        Heights, m, shape (bottom - top, right - left), NaN where nothing is known; and how many
        cells the file calls missing, how many cannot be a height, how many are spikes (alone,
        1000 m above all their neighbours). A rim of one cell is read too, so that no count and no
        height depends on the block.
    """
    first_row, first_column = max(0, top - 1), max(0, left - 1)
    tall = min(raster.height, bottom + 1) - first_row
    wide = min(raster.width, right + 1) - first_column
    values, valid = read_valid(raster, window=Window(first_column, first_row, wide, tall))
    height, missing = values[0].astype(np.float32), ~valid[0]
    with np.errstate(invalid="ignore"):
        implausible = ~missing & ~((height >= _LOW_M) & (height <= _HIGH_M))
    height[missing | implausible] = np.nan
    spike = _spikes(height)
    height[spike] = np.nan
    cut = (
        slice(top - first_row, bottom - first_row),
        slice(left - first_column, right - first_column),
    )
    counts = [int(flag[cut].sum()) for flag in (missing, implausible, spike)]
    return height[cut], np.array(counts, dtype=np.int64)


def to_degrees(crs: pyproj.CRS) -> pyproj.Transformer:
    """Return the way from a CRS to longitude and latitude of its own datum."""
    return pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)


def _spikes(height: Heights) -> npt.NDArray[np.bool_]:
    framed = np.pad(np.where(np.isnan(height), -np.inf, height), 1, constant_values=-np.inf)
    around = np.maximum(framed[:-2, 1:-1], framed[2:, 1:-1])
    np.maximum(around, framed[1:-1, :-2], out=around)
    np.maximum(around, framed[1:-1, 2:], out=around)
    return np.asarray(np.isfinite(around) & np.greater(height, around + _TALLEST_M))


def _shape_faults(raster: Any) -> Iterator[str]:
    pixel = raster.transform
    if raster.count != 1:
        yield f"{raster.count} bands; a surface model has 1 (gdal_translate -b 1)"
    if pixel.b or pixel.d or pixel.a <= 0.0 or pixel.e >= 0.0:
        yield (
            f"rotated or mirrored (transform {tuple(round(part, 6) for part in pixel[:6])}); make "
            "it north up: gdalwarp in.tif out.tif"
        )
    elif abs(pixel.a + pixel.e) > _SQUARE_FRACTION * pixel.a:
        yield (
            f"cells of {pixel.a:g} × {-pixel.e:g}, not square; resample: "
            f"gdalwarp -tr {pixel.a:g} {pixel.a:g} -r bilinear"
        )


def _crs_faults(raster: Any) -> Iterator[str]:
    if raster.crs is None:
        yield "no CRS; state it, for example with gdal_edit.py -a_srs EPSG:32651"
        return
    crs = pyproj.CRS.from_wkt(raster.crs.to_wkt())
    remedy = f"gdalwarp -t_srs {_utm(raster)} -tr 1 1 -r bilinear"
    if not crs.is_projected:
        how = "in degrees" if crs.is_geographic else "of its own"
        yield f"CRS {crs.name} is {how}, not a projection in metres; reproject: {remedy}"
        return
    factor = crs.axis_info[0].unit_conversion_factor
    if factor != 1.0:
        yield f"CRS {crs.name} is in {crs.axis_info[0].unit_name}, not metres; reproject: {remedy}"
        return
    middle = _middle(raster)
    lon, lat = to_degrees(crs).transform(*middle)
    scales = pyproj.Proj(crs).get_factors(lon, lat)
    off = max(abs(scales.meridional_scale - 1.0), abs(scales.parallel_scale - 1.0))
    if not off <= _SCALE_FRACTION:
        yield (
            f"a metre of CRS {crs.name} is {1.0 / scales.meridional_scale:.3f} m on the ground "
            f"here; reproject: {remedy}"
        )


def _middle(raster: Any) -> tuple[float, float]:
    pixel, column, row = raster.transform, raster.width / 2.0, raster.height / 2.0
    x = pixel.a * column + pixel.b * row + pixel.c
    return float(x), float(pixel.d * column + pixel.e * row + pixel.f)


def _utm(raster: Any) -> str:
    """Return the UTM zone of the raster's middle."""
    crs = pyproj.CRS.from_wkt(raster.crs.to_wkt())
    if crs.geodetic_crs is None:
        return "EPSG:326xx (the UTM zone of the city)"
    middle = _middle(raster)
    lon, lat = middle if crs.is_geographic else to_degrees(crs).transform(*middle)
    if not (math.isfinite(lon) and math.isfinite(lat)):
        return "EPSG:326xx (the UTM zone of the city)"
    zone = min(60, max(1, math.floor((lon + 180.0) / 6.0) + 1))
    return f"EPSG:{(32600 if lat >= 0.0 else 32700) + zone}"


def height_unit(raster: Any) -> str:
    """Return the unit that the file states (of the band, or of its vertical CRS), or ''."""
    return (raster.units[0] or "").strip()


def _unit_faults(raster: Any) -> Iterator[str]:
    unit = height_unit(raster)
    if unit and unit.lower() not in _METRES:
        yield (
            f"heights in '{unit}', not metres; convert them, for example: gdal_calc.py -A in.tif "
            "--outfile out.tif --calc 'A*0.3048', and set the unit to 'm'"
        )


def _height_faults(raster: Any) -> Iterator[str]:
    """Look at one window in the middle, or at all of them until one holds heights."""
    steps = np.empty(0)
    for top in _from_middle(raster.height):
        for left in _from_middle(raster.width):
            wide, tall = min(_SURVEY, raster.width - left), min(_SURVEY, raster.height - top)
            height, _ = read_heights(raster, top, top + tall, left, left + wide)
            steps = np.abs(np.diff(height, axis=1)).ravel()
            steps = steps[np.isfinite(steps)]
            if steps.size:
                break
        if steps.size:
            break
    if not steps.size:
        yield (
            f"holds no two neighbouring heights between {_LOW_M:g} and {_HIGH_M:g} m; it is empty, "
            "or in another unit"
        )
        return
    step = float(np.median(steps))
    if step > _STEEPEST * raster.transform.a:
        yield (
            f"neighbouring cells of {raster.transform.a:g} m differ by {step:g} m at the median, "
            "which no city does; heights are perhaps in centimetres: convert them to metres"
        )


def _from_middle(size: int) -> list[int]:
    """Return the starts of windows along one axis, those nearest the middle first."""
    starts = range(0, size, _SURVEY)
    return sorted(starts, key=lambda start: abs(2 * start + _SURVEY - size))
