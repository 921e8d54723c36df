"""Roofs as GeoParquet; roofs, parks and districts as layers of a GeoPackage. All EPSG:4326."""

from __future__ import annotations

import errno
import hashlib
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely

from pvplan.reports.columns import SHAPES, canonical_table, described, encodable
from pvplan.tables import Plan

LAYERS: Final = tuple(name for name, shape in SHAPES.items() if shape.spatial)
_ONE_POLYGON: Final = struct.pack("<BII", 1, 6, 1)  # WKB: little-endian, MultiPolygon, one part
_CLOCK: Final = "OGR_CURRENT_DATE"


def write_parquet(roofs: gpd.GeoDataFrame, path: Path, fingerprint: str = "") -> None:
    """Write the roofs as GeoParquet, ``roof_id`` as a column, dates as dates.

    Parameters
    ----------
    roofs
        The roofs in their canonical form.
    path
        The file.
    fingerprint
        Of the run: the last column, ``run_fingerprint``.
    """
    flat = _flat("roofs", roofs).assign(run_fingerprint=fingerprint)
    flat.to_parquet(path, index=False, compression="zstd")


def write_part(roofs: gpd.GeoDataFrame, path: Path, fingerprint: str) -> None:
    """Write some roofs of a plan as :func:`write_parquet` writes all of them.

    Parameters
    ----------
    roofs
        PLAN_ROOFS with geometry, any CRS.
    path, fingerprint
        The file, and the run.
    """
    placed = roofs.to_crs("EPSG:4326")
    columns = described("roofs", placed)[1:]
    write_parquet(canonical_table("roofs", placed, columns), path, fingerprint)


def read_parquet(path: Path, filters: Any = None) -> gpd.GeoDataFrame:
    """Read roofs back, indexed by ``roof_id``: all, or those of a pyarrow expression."""
    roofs = gpd.read_parquet(path, filters=filters).drop(columns="run_fingerprint", errors="ignore")
    return roofs.set_index("roof_id")


def part_bounds(path: Path) -> tuple[float, float, float, float] | None:
    """Return the box of the roofs of a file by its head: west, south, east and north [°]."""
    told = json.loads((pq.read_metadata(path).metadata or {}).get(b"geo", b"{}"))
    box = told.get("columns", {}).get("geometry", {}).get("bbox")
    return None if box is None else (box[0], box[1], box[2], box[3])


def write_geopackage(plan: Plan, path: Path) -> None:
    """Write the layers roofs, parks and districts; rows without an outline are left to the tables.

    Parameters
    ----------
    plan
        The plan in its canonical form. ``meta["as_of"]`` dates the file in place of the clock,
        so that the same plan gives the same bytes.
    path
        The file; must not exist.

    Raises
    ------
    OSError
        A layer was not written whole.
    """
    with _dated(str(plan.meta.get("as_of", "1970-01-01"))[:10]):
        for name in LAYERS:
            table: gpd.GeoDataFrame = getattr(plan, name)
            there = table.geometry.notna() & ~table.geometry.is_empty
            placed = table if there.all() else table[there]
            if name == "roofs" and plan.roof_parts:
                continue  # too many: they stand in files of their own
            pyogrio.write_arrow(
                _with_outlines(_flat(name, placed)),
                path,
                layer=name,
                driver="GPKG",
                geometry_name="geometry",
                geometry_type="MultiPolygon",
                crs=pyproj.CRS(placed.crs).to_string(),
                layer_options={
                    "IDENTIFIER": f"{SHAPES[name].zh} {SHAPES[name].en}",
                    "DESCRIPTION": _caption(plan),
                },
            )
            _refuse_partial(path, name, len(placed))


def _with_outlines(flat: gpd.GeoDataFrame) -> pa.Table:
    """Return a table with its outlines as the WKB of MultiPolygons, all made at once.

    That of a Polygon's MultiPolygon is a head and the Polygon's own.
    """
    shapes = flat.geometry.to_numpy()
    outlines = shapely.to_wkb(shapes, byte_order=1)
    lone = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON)
    outlines[lone] = np.array([_ONE_POLYGON], dtype=object) + outlines[lone]
    plain = {name: flat[name] for name in flat.columns if name != "geometry"}
    table = pa.Table.from_pandas(pd.DataFrame(plain, copy=False), preserve_index=False)
    field = pa.field("geometry", pa.binary(), metadata={"ARROW:extension:name": "ogc.wkb"})
    return table.append_column(field, pa.array(outlines, type=pa.binary()))


def _refuse_partial(path: Path, name: str, rows: int) -> None:
    # On a full disk GDAL may leave out the spatial index, made last, without a word.
    layer = pyogrio.read_info(path, layer=name)
    if layer["features"] != rows or not layer["capabilities"]["fast_spatial_filter"]:
        raise OSError(errno.EIO, f"layer {name} was not written whole", path.name)


def _caption(plan: Plan) -> str:
    city = plan.meta.get("city", {})
    words = [
        str(city.get("name_zh") or ""),
        str(city.get("name_en") or ""),
        str(plan.meta.get("as_of", "")),
        str(plan.meta.get("fingerprint", "")),
    ]
    if city.get("demonstration"):
        words.insert(0, "示范数据 demonstration data")
    return encodable(" · ".join(word for word in words if word))


@contextmanager
def _dated(day: str) -> Iterator[None]:
    before = pyogrio.get_gdal_config_option(_CLOCK)
    pyogrio.set_gdal_config_options({_CLOCK: f"{day}T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({_CLOCK: before})


def _flat(name: str, table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    dates = [column.name for column in described(name, table) if column.kind == "date"]
    day: Any = pd.ArrowDtype(pa.date32())
    return table.reset_index().assign(**{word: table[word].astype(day).array for word in dates})


def read_outlines(path: Path, name: str) -> gpd.GeoSeries:
    """Read the outlines of one layer, indexed by the id of its rows.

    Parameters
    ----------
    path
        The GeoPackage.
    name
        ``parks`` or ``districts``.
    """
    index = SHAPES[name].index
    assert index is not None  # noqa: S101 - every spatial table has one
    layer = pyogrio.read_dataframe(path, layer=name, columns=[index.name])
    return gpd.GeoSeries(layer.geometry.array, index=pd.Index(layer[index.name]), crs="EPSG:4326")


def outlines_digest(path: Path) -> str:
    """SHA-256 over ids and outlines of parks and districts as they stand in a GeoPackage.

    A GeoPackage is a database: to look at it in a GIS may change its bytes. What the program
    reads back from it are these outlines, so these are what it checks.
    """
    digest = hashlib.sha256()
    for name in ("parks", "districts"):
        outlines = read_outlines(path, name)
        for word, shape in zip(outlines.index, outlines.to_wkb(), strict=True):
            digest.update(str(word).encode() + b"\0" + shape)
    return digest.hexdigest()
