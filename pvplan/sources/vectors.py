"""The one way in for a vector file: its rows, and whether they lie where their CRS says."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely

from pvplan.errors import InputError, nearest
from pvplan.sources.formats import (
    GEOJSON,
    GEOPACKAGE,
    PARQUET,
    SHAPE,
    ZIP,
    Format,
    checked_format,
    local_file,
)
from pvplan.sources.geopackages import refuse_questions
from pvplan.sources.shapefiles import Shapefile, open_shapefile, open_zip

_FAILURES: Final = (RuntimeError, ValueError, OSError, TypeError, shapely.errors.GEOSException)
_SAME_IDS: Final = "Several features with id"


def read_vector(
    path: str | Path, *, layer: str | None = None, crs: str | None = None, title: str
) -> gpd.GeoDataFrame:
    """Read a vector file, whatever its format, and check that its place makes sense.

    Parameters
    ----------
    path
        GeoJSON, GeoPackage, shapefile (.shp, or zipped), GeoParquet, FlatGeobuf or KML.
    layer
        Layer to read; needed only where a file holds several polygon layers.
    crs
        What the coordinates are in, where the file does not say or says it wrongly.
    title
        What a message calls the file.

    Returns
    -------
    GeoDataFrame
        All rows, two-dimensional, with a CRS. The index ``row`` counts them as in the file,
        first = 1. Identifiers of GeoJSON features stand in the column ``id``. The reader's
        remarks are ``attrs["warnings"]``; ``attrs["closed_rows"]`` are rows with a ring that
        did not close.

    Raises
    ------
    InputError
        Missing, empty, unreadable, of another format, not safe, without rows, geometry or CRS,
        several layers to choose from, or degrees taken for metres or metres for degrees.
    """
    file = local_file(path, title=title)
    kind = checked_format(file, title=title)
    try:
        rows = (
            _read_parquet(file)
            if kind is PARQUET
            else _read_by_driver(file, kind, layer=layer, title=title)
        )
    except _FAILURES as error:
        raise InputError(
            f"{title}: cannot be read as {kind.name} ({_first_line(error)}); "
            "save it again from a GIS, as GeoPackage for example"
        ) from error
    remarks = dict(rows.attrs)
    if not len(rows):
        raise InputError(f"{title}: holds no rows; export the layer again with its features")
    if not isinstance(rows, gpd.GeoDataFrame) or rows.active_geometry_name is None:
        raise InputError(f"{title}: has no geometry column; export it with its polygons")
    if rows.geometry.isna().all():
        raise InputError(f"{title}: geometry: none of {len(rows)} rows has one; export polygons")
    if rows.active_geometry_name != "geometry":
        spare = rows.drop(columns="geometry", errors="ignore")
        rows = spare.rename_geometry("geometry")
    placed = _with_crs(rows, crs, title)
    flat, shapes = placed, placed.geometry.to_numpy()
    if shapely.has_z(shapes).any() or shapely.has_m(shapes).any():
        flat = placed.set_geometry(
            gpd.GeoSeries(shapely.force_2d(shapes), placed.index, crs=placed.crs)
        )
    _check_unit_of_coordinates(flat, title)
    flat.index = pd.RangeIndex(1, len(flat) + 1, name="row")
    flat.attrs = {"warnings": (), "closed_rows": (), **remarks}
    return flat


def _read_parquet(file: Path) -> gpd.GeoDataFrame:
    with np.errstate(invalid="ignore"):  # coordinates that are no numbers are rejected by row
        return gpd.read_parquet(file)


def _read_by_driver(
    file: Path, kind: Format, *, layer: str | None, title: str
) -> gpd.GeoDataFrame | pd.DataFrame:
    shape: Shapefile | None = None
    if kind is ZIP:
        shape = open_zip(file, layer=layer, title=title)
    elif kind is SHAPE:
        shape = open_shapefile(file, title=title)
    elif kind is GEOPACKAGE:
        refuse_questions(file, title=title)
    place = shape.address if shape else str(file)
    chosen = None if shape else _chosen_layer(place, layer, title)
    options: dict[str, Any] = {"layer": chosen, "encoding": shape.encoding if shape else None}
    seen = pyogrio.read_info(place, layer=chosen)["driver"]
    if seen not in kind.drivers:
        raise InputError(f"{title}: is {seen}, not {kind.name}; save it as {kind.name}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        closed: tuple[int, ...] = ()
        try:
            rows = pyogrio.read_dataframe(place, fid_as_index=True, **options)
        except shapely.errors.GEOSException:
            rows, closed = _read_with_open_rings(place, options)
    said = tuple(dict.fromkeys(str(item.message) for item in caught))
    if kind is GEOJSON and "id" not in rows.columns:
        twice = any(text.startswith(_SAME_IDS) for text in said)
        rows = _with_feature_ids(rows, file, twice=twice)
    rows.attrs = {"warnings": _remarks(said, title), "closed_rows": closed}
    return rows


def _remarks(said: Sequence[str], title: str) -> tuple[str, ...]:
    # Shared ids and open rings are handled and recorded row by row; the rest are only hints.
    handled = (_SAME_IDS, "Non closed ring", "Could not parse column", "invalid value encountered")
    return tuple(f"{title}: {text}" for text in said if not text.startswith(handled))


def _read_with_open_rings(
    place: str, options: dict[str, Any]
) -> tuple[gpd.GeoDataFrame, tuple[int, ...]]:
    """Read a file in which at least one ring does not close; close it, and say in which rows."""
    table = pyogrio.read_dataframe(place, fid_as_index=True, read_geometry=False, **options)
    meta, _, coded, _ = pyogrio.raw.read(place, columns=[], **options)
    as_is = shapely.from_wkb(coded, on_invalid="ignore")
    closed = shapely.from_wkb(coded, on_invalid="fix")
    rows = np.flatnonzero(shapely.is_missing(as_is) & ~shapely.is_missing(closed)) + 1
    frame = gpd.GeoDataFrame(table, geometry=closed, crs=meta["crs"])
    return frame, tuple(int(row) for row in rows)


def _with_feature_ids(rows: gpd.GeoDataFrame, file: Path, *, twice: bool) -> gpd.GeoDataFrame:
    """Give GeoJSON features the identifier that stands beside their properties, if any.

    GDAL keeps whole numbers as its own row key and alters those that come twice; without any
    the key counts from 0.
    """
    if twice:
        features = json.loads(file.read_text(encoding="utf-8-sig"))["features"]
        written = [feature.get("id") for feature in features if isinstance(feature, dict)]
        if len(written) == len(rows):
            return rows.assign(id=pd.Series(written, index=rows.index, dtype=object))
    counted = np.array_equal(rows.index.to_numpy(), np.arange(len(rows)))
    if counted and not _first_feature_has_id(file):
        return rows
    return rows.assign(id=rows.index.to_numpy())


def _first_feature_has_id(file: Path) -> bool:
    text = file.read_text(encoding="utf-8-sig")
    start = re.search(r'"features"\s*:\s*\[\s*', text)
    if start is None:
        return False
    try:
        feature, _ = json.JSONDecoder().raw_decode(text, start.end())
    except json.JSONDecodeError:
        return False
    return isinstance(feature, dict) and feature.get("id") is not None


def _chosen_layer(place: str, layer: str | None, title: str) -> str | None:
    layers = {str(name): str(kind) for name, kind in pyogrio.list_layers(place)}
    if layer is not None:
        if layer not in layers:
            raise InputError(f"{title}: has no layer '{layer}'; {nearest(layer, layers)}")
        return layer
    if len(layers) <= 1:
        return next(iter(layers), None)
    polygons = [name for name, kind in layers.items() if "Polygon" in kind]
    fitting = polygons or [name for name, kind in layers.items() if kind == "Unknown"]
    if len(fitting) != 1:
        raise InputError(
            f"{title}: holds {len(layers)} layers ({', '.join(layers)}) of which "
            f"{len(fitting)} may hold polygons; choose one, for example --layer {min(layers)}"
        )
    return fitting[0]


def _with_crs(rows: gpd.GeoDataFrame, crs: str | None, title: str) -> gpd.GeoDataFrame:
    if crs is not None:
        try:
            stated = pyproj.CRS.from_user_input(crs)
        except pyproj.exceptions.CRSError as error:
            raise InputError(
                f"{title}: --crs '{crs}' is no known CRS; write it like EPSG:4326"
            ) from error
        rows = rows.set_crs(stated, allow_override=True)
    if rows.crs is None:
        raise InputError(
            f"{title}: has no CRS; state it: --crs EPSG:4326 if the coordinates are degrees, "
            "else the projection's EPSG number"
        )
    if not (rows.crs.is_geographic or rows.crs.is_projected):
        raise InputError(
            f"{title}: the CRS '{rows.crs.name}' is neither degrees nor a map projection; "
            "state another: --crs EPSG:4326"
        )
    return rows


def _check_unit_of_coordinates(rows: gpd.GeoDataFrame, title: str) -> None:
    bounds = shapely.bounds(rows.geometry.to_numpy())
    placed = np.isfinite(bounds).all(axis=1)
    if not placed.any():
        return
    x = np.abs(bounds[:, [0, 2]]).max(axis=1)
    y = np.abs(bounds[:, [1, 3]]).max(axis=1)
    beyond = placed & ((x > 180.0) | (y > 90.0))
    name = rows.crs.to_string() if len(rows.crs.to_string()) < 40 else rows.crs.name
    first = int(np.argmax(beyond if rows.crs.is_geographic else placed))
    where = f"(first: row {first + 1} at x = {bounds[first, 0]:.6g}, y = {bounds[first, 1]:.6g})"
    if rows.crs.is_geographic and 2 * int(beyond.sum()) > int(placed.sum()):
        swapped = bool((x[placed] <= 90.0).all() and (y[placed] <= 180.0).all())
        raise InputError(
            f"{title}: geometry: {int(beyond.sum())} of {int(placed.sum())} rows lie beyond "
            f"±180/±90 degrees {where} although the coordinates count as {name}; "
            + (
                "longitude and latitude look swapped: write longitude first"
                if swapped
                else "they look like metres: state the projection, for example --crs EPSG:32651"
            )
        )
    if rows.crs.is_projected and not beyond.any():
        raise InputError(
            f"{title}: geometry: all {int(placed.sum())} rows lie within ±180/±90 {where} although "
            f"the CRS {name} is in metres; they look like degrees: --crs EPSG:4326"
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].split("; It might help")[0]
