"""Opening an irradiance raster: what it holds, in which unit, where, and whether that can be.

Nothing is kept open and nothing is read whole; :mod:`pvplan.sources.rasters` samples it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from pvplan.assumptions import IrradianceRules
from pvplan.errors import InputError
from pvplan.sources import raster_units
from pvplan.sources.raster_units import Quantity, UnitSource
from pvplan.tables import Floats

# Pixels are visited by squares of this side (two of GDAL's usual blocks of 256).
_SQUARE: Final = 512
_SURVEY: Final = 256
_NO_LIGHT: Final = 1e-6
# GDAL's own cache would otherwise take 5 % of the machine's memory.
_CACHE_MB: Final = 64


@dataclass(frozen=True)
class IrradianceRaster:
    """A checked raster, ready to be sampled.

    Attributes
    ----------
    path
        The file.
    quantity
        ``ghi`` (kWh/m²) or ``pvout`` (kWh/kWp).
    unit
        Unit of the file's values, a name of :func:`raster_units.unit_names`.
    unit_source
        Where the unit comes from: ``given``, ``tags``, or ``range`` (the only one that fits).
    bands
        1 (year) or 12 (January to December).
    bounds
        West, south, east, north in degrees, WGS84.
    low, high
        Plausible values in the file's own unit, each of shape (bands,).
    source
        What the file says of itself.
    tags
        All its tags.
    """

    path: Path
    quantity: Quantity
    unit: str
    unit_source: UnitSource
    bands: int
    bounds: tuple[float, float, float, float]
    low: Floats = field(repr=False)
    high: Floats = field(repr=False)
    source: str
    tags: Mapping[str, str] = field(repr=False)


def open_irradiance(
    path: Path | str,
    rules: IrradianceRules,
    *,
    unit: str | None = None,
    quantity: Quantity = "ghi",
) -> IrradianceRaster:
    """Open a GeoTIFF and settle what it holds and in which unit.

    Parameters
    ----------
    path
        GeoTIFF in any CRS, 1 band (year) or 12 (months).
    rules
        Plausible range.
    unit
        The user's word on the unit; otherwise the tags', otherwise the only plausible one.
    quantity
        What is wanted: ``ghi``, or ``pvout`` (energy of a kWp, not an irradiance).

    Returns
    -------
    IrradianceRaster

    Raises
    ------
    InputError
        Not a GeoTIFF, wrong band count, no CRS, another quantity, unit unclear or wrong.
    """
    path = Path(path)
    with opened(path) as raster:
        if raster.count not in (1, 12):
            raise InputError(
                f"{path.name}: {raster.count} bands; a raster has 1 band (year) or 12 (months)"
            )
        if raster.crs is None:
            raise InputError(
                f"{path.name}: no CRS; state it, for example with gdal_edit.py -a_srs EPSG:4326"
            )
        tags = _tags(raster, path)
        _check_quantity(path.name, quantity, tags)
        survey = _survey(raster, path.name)
        unit, unit_source = _settled_unit(raster, path.name, quantity, tags, survey, unit)
        raster_units.check_plausible(path.name, unit, quantity, survey, rules)
        factor = raster_units.factors(unit, raster.count)
        low, high = raster_units.bounds(quantity, raster.count, rules)
        words = ("TIFFTAG_DOCUMENTNAME", "TIFFTAG_ARTIST", "TIFFTAG_COPYRIGHT")
        return IrradianceRaster(
            path=path,
            quantity=quantity,
            unit=unit,
            unit_source=unit_source,
            bands=raster.count,
            bounds=_bounds(raster),
            low=low / factor,
            high=high / factor,
            source="; ".join(tags[word] for word in words if tags.get(word)) or path.name,
            tags=tags,
        )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a GeoTIFF as rasterio's dataset; every failure is an InputError that names it."""
    try:
        with (
            rasterio.Env(GDAL_CACHEMAX=_CACHE_MB, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as raster:
                yield raster
    except NotGeoreferencedWarning as error:
        raise InputError(
            f"{path.name}: no georeference; the raster needs a CRS and a transform"
        ) from error
    except RasterioError as error:
        why = "no such file" if not path.exists() else str(error).removeprefix(f"{path}: ")
        raise InputError(
            f"{path.name}: cannot be read as GeoTIFF ({why}); check the path, or save it again"
            " from a GIS as GeoTIFF"
        ) from error


def _tags(raster: Any, path: Path) -> dict[str, str]:
    tags = {str(key): str(value) for key, value in raster.tags().items()}
    for band in range(1, raster.count + 1):
        tags |= {f"band {band} {key}": str(text) for key, text in raster.tags(band).items()}
        tags[f"band {band} description"] = raster.descriptions[band - 1] or ""
        tags[f"band {band} unit"] = raster.units[band - 1] or ""
    return {"file name": path.stem} | tags


def _check_quantity(name: str, wanted: Quantity, tags: Mapping[str, str]) -> None:
    named = set().union(*(raster_units.quantities_in(text) for text in tags.values()))
    if named and wanted not in named:
        raise InputError(
            f"{name}: holds {', '.join(sorted(named))} by its name or tags, not {wanted}; "
            f"give a raster of global horizontal irradiation (GHI)"
        )


def _settled_unit(
    raster: Any,
    name: str,
    quantity: Quantity,
    tags: Mapping[str, str],
    survey: Floats,
    given: str | None,
) -> tuple[str, UnitSource]:
    if given is not None:
        return raster_units.checked_given(given, quantity), "given"
    explicit = [text for key, text in tags.items() if _states_unit(key)]
    fields = (*(text or "" for text in raster.units), *explicit)
    stated = raster_units.stated_unit(name, fields, tags, quantity)
    if stated is not None:
        return stated, "tags"
    return raster_units.inferred_unit(name, quantity, survey), "range"


def _states_unit(key: str) -> bool:
    return re.split(r"[^a-z]+", key.lower())[-1] in ("unit", "units")


def _survey(raster: Any, name: str) -> Floats:
    """Return the median valid value of each band, from a thinned picture or from every window."""
    shape = (min(_SURVEY, raster.height), min(_SURVEY, raster.width))
    medians = _medians(raster, None, shape)
    if not np.isfinite(medians).all():
        for window in _windows(raster):
            medians = _medians(raster, window, None)
            if np.isfinite(medians).all():
                break
    if not np.isfinite(medians).all():
        raise InputError(f"{name}: holds no valid pixel in some band; it is empty")
    return medians


def _medians(raster: Any, window: Window | None, shape: tuple[int, int] | None) -> Floats:
    size = None if shape is None else (raster.count, *shape)
    values, valid = read_valid(raster, window=window, out_shape=size, resampling=Resampling.nearest)
    # Zero and less is no irradiance of any place; gaps are often written so.
    with np.errstate(invalid="ignore"):
        valid &= values > _NO_LIGHT
    return np.array(
        [
            np.median(band[here]) if here.any() else np.nan
            for band, here in zip(values, valid, strict=True)
        ]
    )


def _windows(raster: Any) -> Iterator[Window]:
    tall, wide = window_shape(raster)
    for top in range(0, raster.height, tall):
        for left in range(0, raster.width, wide):
            width, height = min(wide, raster.width - left), min(tall, raster.height - top)
            yield Window(left, top, width, height)


def window_shape(raster: Any) -> tuple[int, int]:
    """Return rows and columns of the windows in which a raster is best visited.

    Tiles are visited by squares; strips, which are stored whole, over their full width and as
    many rows as the memory for one window allows.
    """
    wide = raster.block_shapes[0][1]
    if wide < raster.width:
        return _SQUARE, _SQUARE
    return max(1, _SQUARE * _SQUARE // raster.width), int(raster.width)


def read_valid(raster: Any, **options: Any) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Read all bands of a window, scaled as the file states, and which pixels are valid.

    Parameters
    ----------
    raster
        From :func:`opened`.
    **options
        ``window``, ``out_shape``, ``resampling`` as rasterio's ``read`` knows them.

    Returns
    -------
    ndarray, ndarray
        Values and validity (by mask, nodata, and being a number), shape (bands, rows, columns).
    """
    raw = raster.read(**options)
    valid = np.isfinite(raw)
    simple = {MaskFlags.nodata, MaskFlags.all_valid}
    if all(set(flags) <= simple for flags in raster.mask_flag_enums):
        # GDAL would read and unpack everything a second time for what the values say already.
        for band, nodata in enumerate(raster.nodatavals):
            if nodata is not None:
                valid[band] &= raw[band] != nodata
    else:
        valid &= raster.read_masks(**options) > 0
    scale = np.asarray(raster.scales)[:, None, None]
    offset = np.asarray(raster.offsets)[:, None, None]
    return raw.astype(np.float64) * scale + offset, valid


def _bounds(file: Any) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a raster of any CRS and rotation, from its rim."""
    share = np.linspace(0.0, 1.0, 21)
    none, full = np.zeros_like(share), np.ones_like(share)
    column = np.concatenate([share, share, none, full]) * file.width
    row = np.concatenate([none, full, share, share]) * file.height
    pixel = file.transform
    x = pixel.a * column + pixel.b * row + pixel.c
    y = pixel.d * column + pixel.e * row + pixel.f
    to_degrees = pyproj.Transformer.from_crs(file.crs.to_wkt(), "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    return float(np.min(lon)), float(np.min(lat)), float(np.max(lon)), float(np.max(lat))
