"""The one way in for a vector file: its rows, and whether they lie where their CRS says.

Rows come as Arrow tables, all at once or batch by batch: what a row says is the same either way.
"""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely
from pyogrio.raw import open_arrow

from pvplan.errors import InputError, nearest
from pvplan.sources.fields import texts
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
from pvplan.tables import Floats

BATCH_ROWS: Final = 50_000
_FAILURES: Final = (
    RuntimeError, ValueError, OSError, TypeError, shapely.errors.GEOSException, pa.ArrowException,
)  # fmt: skip
_SAME_IDS: Final = "Several features with id"
_WINDOW: Final = 1 << 20  # characters
_FEATURES: Final = re.compile(r'"features"\s*:\s*\[')
_SEPARATOR: Final = re.compile(r"[\s,]*")
_CURVES_FROM, _CURVES_TO = 8, 14  # numbers of WKB for what is drawn with arcs
# Numbers and flags keep their kind where some are missing: no detour by way of floats.
_WITH_GAPS: Final = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(),
}  # fmt: skip
FEATURE_ID: Final = "id"


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
    opened = open_vector(path, layer=layer, crs=crs, title=title)
    table = opened.whole()
    rows = opened.frame(table)
    placement = Placement()
    placement.add(rows)
    placement.judge(rows.crs, title)
    rows.attrs["warnings"] = opened.remarks
    return rows


def open_vector(
    path: str | Path, *, layer: str | None = None, crs: str | None = None, title: str
) -> VectorFile:
    """Open a vector file whose rows come batch by batch; arguments as of :func:`read_vector`.

    Raises
    ------
    InputError
        Missing, empty, unreadable, of another format, not safe, or several layers to choose from.
    """
    file = local_file(path, title=title)
    found = VectorFile(file, checked_format(file, title=title), title, crs)
    with found.failures_told():
        found.prepare(layer)
    return found


class VectorFile:
    """A vector file: its rows as Arrow tables, and a table's rows as a frame.

    Tables carry the file's columns and ``geometry``, coded as WKB.
    """

    def __init__(self, file: Path, kind: Format, title: str, crs: str | None) -> None:
        self.file, self.kind, self.title = file, kind, title
        self._stated_crs = crs
        self._crs: Any = None
        self._place = str(file)
        self._options: dict[str, Any] = {}
        self._said: list[str] = []
        self._announced: int | None = None
        self._ids = _Ids()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the reader remarked so far, but for what is handled and recorded row by row."""
        handled = (_SAME_IDS, "Non closed ring", "Could not parse column", "invalid value")
        said = dict.fromkeys(self._said)
        return tuple(f"{self.title}: {text}" for text in said if not text.startswith(handled))

    @property
    def announced(self) -> int | None:
        """How many rows the file says that it holds; None where it does not say."""
        if self.kind is PARQUET:
            return int(pq.read_metadata(self.file).num_rows)
        return self._announced

    def prepare(self, layer: str | None) -> None:
        """Find the layer and the encoding that GDAL shall read."""
        if self.kind is PARQUET:
            return
        shape: Shapefile | None = None
        if self.kind is ZIP:
            shape = open_zip(self.file, layer=layer, title=self.title)
        elif self.kind is SHAPE:
            shape = open_shapefile(self.file, title=self.title)
        elif self.kind is GEOPACKAGE:
            refuse_questions(self.file, title=self.title)
        self._place = shape.address if shape else self._place
        chosen = None if shape else _chosen_layer(self._place, layer, self.title)
        self._options = {"layer": chosen, "encoding": shape.encoding if shape else None}
        info = pyogrio.read_info(self._place, layer=chosen)
        seen, count = info["driver"], int(info["features"])
        self._announced = count if count >= 0 else None
        if seen not in self.kind.drivers:
            raise InputError(
                f"{self.title}: is {seen}, not {self.kind.name}; save it as {self.kind.name}"
            )

    @contextmanager
    def failures_told(self) -> Iterator[None]:
        """Say of a reader's failure which file it is, and what to do."""
        try:
            yield
        except _FAILURES as error:
            raise InputError(
                f"{self.title}: cannot be read as {self.kind.name} ({_first_line(error)}); "
                "save it again from a GIS, as GeoPackage for example"
            ) from error

    def whole(self) -> pa.Table:
        """Return all rows as one table.

        Raises
        ------
        InputError
            The file cannot be read, or holds no rows or no geometry.
        """
        while True:
            tables = list(self.tables())
            if self.settled(sum(table.num_rows for table in tables)):
                break
        self.refuse_empty(sum(table.num_rows for table in tables))
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()

    def refuse_empty(self, count: int) -> None:
        """Refuse a file without rows."""
        if not count:
            raise InputError(
                f"{self.title}: holds no rows; export the layer again with its features"
            )

    def tables(self) -> Iterator[pa.Table]:
        """Give the rows in the order of the file, as tables of at most :data:`BATCH_ROWS`.

        Once all are read, :meth:`settled` tells whether they may be used.

        Raises
        ------
        InputError
            The file cannot be read, or has no geometry.
        """
        with self.failures_told():
            if self.kind is PARQUET:
                yield from self._of_parquet(BATCH_ROWS)
            else:
                yield from self._of_driver(BATCH_ROWS)

    def settled(self, count: int) -> bool:
        """Tell whether the identifiers of GeoJSON features were taken from where they stand.

        If not, all rows must be read again: whether GDAL altered any shows only at the end.

        Parameters
        ----------
        count
            Rows that were read.
        """
        if self.kind is not GEOJSON or self._ids.own_column:
            return True
        took = self._ids.source
        if took == "text":
            return True
        twice = any(text.startswith(_SAME_IDS) for text in self._said)
        if twice:
            written, whole = 0, True
            for identifier in feature_ids(self.file):
                written += 1
                whole &= identifier is None or type(identifier) is int
            if written == count:
                self._ids = _Ids("text", fixed=True, whole_numbers=whole)
                return False
        wanted = "key" if took == "key" or not self._ids.counted else None
        settled = wanted == took
        self._ids = _Ids(wanted, fixed=True)
        return settled

    def frame(self, table: pa.Table, first: int = 1) -> gpd.GeoDataFrame:
        """Return rows of a table, two-dimensional, with a CRS, counted from ``first``.

        ``attrs["closed_rows"]`` are rows with a ring that did not close; such a ring is closed.

        Raises
        ------
        InputError
            A geometry that cannot be read, or no CRS, or one that is no place on earth.
        """
        with self.failures_told():
            shapes, closed = self._shapes(table)
            said = _as_frame(table.drop_columns("geometry"))
        if shapely.has_z(shapes).any() or shapely.has_m(shapes).any():
            shapes = shapely.force_2d(shapes)
        said.index = pd.RangeIndex(first, first + len(said), name="row")
        rows = gpd.GeoDataFrame(said, geometry=gpd.GeoSeries(shapes, said.index, crs=self._crs))
        placed = _with_crs(rows, self._stated_crs, self.title)
        placed.attrs = {"warnings": (), "closed_rows": tuple(int(first + at) for at in closed)}
        return placed

    def _shapes(self, table: pa.Table) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]]:
        """Return geometries, and the places of those of which a ring was closed."""
        coded = table["geometry"].to_numpy()
        none = np.empty(0, dtype=np.int64)
        if self.kind is PARQUET:
            with np.errstate(invalid="ignore"):  # what is no number is rejected by row
                return shapely.from_wkb(coded), none
        with np.errstate(invalid="ignore"):
            try:
                return shapely.from_wkb(coded), none
            except shapely.errors.GEOSException:
                as_is = shapely.from_wkb(coded, on_invalid="ignore")
                closed = shapely.from_wkb(coded, on_invalid="fix")
        return closed, np.flatnonzero(shapely.is_missing(as_is) & ~shapely.is_missing(closed))

    def _of_parquet(self, batch_rows: int) -> Iterator[pa.Table]:
        with pq.ParquetFile(self.file) as file:
            schema = file.schema_arrow
            empty = _geo_frame(schema.empty_table())
            name, self._crs = empty.active_geometry_name, empty.crs
            if name is None:
                raise InputError(_no_geometry(self.title))
            geo = json.loads(schema.metadata[b"geo"])["columns"][name]
            taken = _plain_columns(schema, name, geo)
            for batch in file.iter_batches(batch_rows, columns=[*taken, name]):
                table = pa.Table.from_batches([batch])
                shapes = table[name]
                if geo.get("encoding") != "WKB":
                    alone = table.select([name]).replace_schema_metadata(schema.metadata)
                    shapes = pa.array(_geo_frame(alone).geometry.to_wkb(), pa.binary())
                yield pa.table({**{column: table[column] for column in taken}, "geometry": shapes})

    def _of_driver(self, batch_rows: int) -> Iterator[pa.Table]:
        options = {**self._options, "batch_size": batch_rows}
        with ExitStack() as stack:
            with self._listening():
                meta, reader = stack.enter_context(
                    open_arrow(
                        self._place,
                        return_fids=True,
                        use_pyarrow=True,
                        datetime_as_string=True,
                        **options,
                    )
                )
            names, shape = reader.schema.names, meta["geometry_name"] or "wkb_geometry"
            if shape not in names or meta["geometry_type"] is None:
                raise InputError(_no_geometry(self.title))
            self._crs = meta["crs"]
            # A property may be called as the key is: the key comes first, the geometry last.
            at = names.index(meta["fid_column"] or "OGC_FID"), len(names) - 1
            self._begin_ids([name for place, name in enumerate(names) if place not in at])
            written, start = feature_ids(self.file) if self._ids.source == "text" else None, 0
            while True:
                with self._listening():
                    batch = next(reader, None)
                if batch is None:
                    return
                table = pa.Table.from_batches([batch])
                keys = table.column(at[0]).to_numpy()
                self._ids.counted &= bool((keys == np.arange(start, start + len(keys))).all())
                start += len(keys)
                yield self._plain_table(table, at, written)

    def _begin_ids(self, columns: list[str]) -> None:
        """Guess where the identifiers of features stand, unless it is known already."""
        self._ids.own_column = FEATURE_ID in columns
        self._ids.counted = True
        if self.kind is GEOJSON and not self._ids.own_column and not self._ids.fixed:
            self._ids = _Ids("key" if _first_feature_has_id(self.file) else None)

    def _plain_table(
        self, table: pa.Table, at: tuple[int, int], written: Iterator[Any] | None
    ) -> pa.Table:
        """Return the columns of a file, coded geometries without arcs, and feature ids."""
        key, coded = table.column(at[0]), _storage(table.column(at[1]))
        if any(_has_arcs(code) for code in coded.to_pylist()):
            coded = self._without_arcs(key.to_numpy())
        columns = {
            name: _storage(table.column(place))
            for place, name in enumerate(table.column_names)
            if place not in at and name != "geometry"
        }
        if self._ids.source == "key":
            columns[FEATURE_ID] = key
        elif written is not None:
            ids = list(islice(written, len(table)))
            columns[FEATURE_ID] = (
                pa.array(ids, pa.int64())
                if self._ids.whole_numbers
                else pa.array(texts(pd.Series(ids, dtype=object)), pa.string())
            )
        return pa.table({**columns, "geometry": coded})

    def _without_arcs(self, keys: npt.NDArray[np.int64]) -> pa.Array:
        """Read geometries anew by the way that draws arcs as short straight lines."""
        _, _, coded, _ = pyogrio.raw.read(self._place, columns=[], fids=keys, **self._options)
        return pa.array(coded, pa.binary())

    @contextmanager
    def _listening(self) -> Iterator[None]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        self._said += [str(item.message) for item in caught]


@dataclass
class _Ids:
    """Where identifiers of GeoJSON features come from: GDAL's key, the text, or nowhere.

    GDAL keeps whole numbers as its own row key and alters those that come twice; without any
    the key counts from 0.
    """

    source: str | None = None
    fixed: bool = False
    own_column: bool = False
    counted: bool = True
    whole_numbers: bool = False


def feature_ids(file: Path) -> Iterator[Any]:
    """Give the identifiers of the features of a GeoJSON file one by one, None where none stands.

    Nothing but a window of the text is held.
    """
    decoder = json.JSONDecoder()
    with file.open(encoding="utf-8-sig") as stream:
        text = stream.read(_WINDOW)
        while (start := _FEATURES.search(text)) is None:
            more = stream.read(_WINDOW)
            if not more:
                return
            text += more
        text, at = text[start.end() :], 0
        while True:
            at = _SEPARATOR.match(text, at).end()  # type: ignore[union-attr]
            try:
                feature, at = decoder.raw_decode(text, at)
            except json.JSONDecodeError:
                more = "" if text[at : at + 1] == "]" else stream.read(max(_WINDOW, len(text) - at))
                if not more:
                    return
                text, at = text[at:] + more, 0
                continue
            yield feature.get("id") if isinstance(feature, dict) else None


def _first_feature_has_id(file: Path) -> bool:
    return next(feature_ids(file), None) is not None


def _as_frame(table: pa.Table) -> pd.DataFrame:
    """Turn a table to columns whose kind is the same whether or not some of their rows are here."""
    if not table.num_columns:
        return pd.DataFrame(index=pd.RangeIndex(table.num_rows))
    found: pd.DataFrame = table.to_pandas()
    for name in table.column_names:
        column = table[name]
        if column.null_count and column.type in _WITH_GAPS:
            found[name] = column.to_pandas(types_mapper=_WITH_GAPS.get).array
    return found


def _storage(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without the meaning that is laid over its kind, such as JSON."""
    if isinstance(column.type, pa.BaseExtensionType):
        return pa.chunked_array(
            [chunk.storage for chunk in column.chunks], column.type.storage_type
        )
    return column


def _has_arcs(code: bytes | None) -> bool:
    if code is None or len(code) < 5:
        return False
    number = int.from_bytes(code[1:5], "little" if code[0] else "big") & 0x0FFFFFFF
    return number % 1000 >= _CURVES_FROM and number % 1000 <= _CURVES_TO


def _geo_frame(table: pa.Table) -> gpd.GeoDataFrame:
    """Read a table as GeoPandas reads GeoParquet."""
    kept = io.BytesIO()
    pq.write_table(table, kept, compression="none")
    kept.seek(0)
    with np.errstate(invalid="ignore"):
        return gpd.read_parquet(kept)


def _plain_columns(schema: pa.Schema, geometry: str, geo: Mapping[str, Any]) -> list[str]:
    """Return the columns that say something of a row: no index of pandas, no box of a geometry."""
    meta = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    index = {name for name in meta.get("index_columns", ()) if isinstance(name, str)}
    boxes = geo.get("covering", {}).get("bbox", {}).values()
    left_out = {geometry, "geometry", *index, *(place[0] for place in boxes)}
    return [name for name in schema.names if name not in left_out]


def _no_geometry(title: str) -> str:
    return f"{title}: has no geometry column; export it with its polygons"


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


@dataclass
class Placement:
    """What rows seen so far say of their place: counts, and what stands first.

    Attributes
    ----------
    rows, bare, placed, beyond
        Rows; those without geometry; with a place; with one beyond ±180/±90.
    first_placed, first_beyond
        Row, x and y of the first of them.
    widest_x, widest_y
        Largest absolute coordinates.
    """

    rows: int = 0
    bare: int = 0
    placed: int = 0
    beyond: int = 0
    first_placed: tuple[int, float, float] | None = None
    first_beyond: tuple[int, float, float] | None = None
    widest_x: float = 0.0
    widest_y: float = 0.0

    def add(self, rows: gpd.GeoDataFrame) -> None:
        """Take note of rows that come after those seen so far."""
        bounds = shapely.bounds(rows.geometry.to_numpy())
        placed = np.asarray(np.isfinite(bounds).all(axis=1), dtype=np.bool_)
        x = np.abs(bounds[:, [0, 2]]).max(axis=1)
        y = np.abs(bounds[:, [1, 3]]).max(axis=1)
        beyond = placed & ((x > 180.0) | (y > 90.0))
        self.rows += len(rows)
        self.bare += int(rows.geometry.isna().sum())
        self.placed += int(placed.sum())
        self.beyond += int(beyond.sum())
        if placed.any():
            self.widest_x = max(self.widest_x, float(x[placed].max()))
            self.widest_y = max(self.widest_y, float(y[placed].max()))
        self.first_placed = self.first_placed or _first(rows, placed, bounds)
        self.first_beyond = self.first_beyond or _first(rows, beyond, bounds)

    def judge(self, crs: pyproj.CRS, title: str) -> None:
        """Refuse rows without any place, or whose coordinates are in another unit than said.

        Raises
        ------
        InputError
            No geometry at all; degrees taken for metres or metres for degrees.
        """
        if self.bare == self.rows:
            raise InputError(
                f"{title}: geometry: none of {self.rows} rows has one; export polygons"
            )
        name = crs.to_string() if len(crs.to_string()) < 40 else crs.name
        if crs.is_geographic and 2 * self.beyond > self.placed:
            swapped = self.widest_x <= 90.0 and self.widest_y <= 180.0
            raise InputError(
                f"{title}: geometry: {self.beyond} of {self.placed} rows lie beyond "
                f"±180/±90 degrees {_where(self.first_beyond)} although the coordinates count as "
                f"{name}; "
                + (
                    "longitude and latitude look swapped: write longitude first"
                    if swapped
                    else "they look like metres: state the projection, for example --crs EPSG:32651"
                )
            )
        if crs.is_projected and self.placed and not self.beyond:
            raise InputError(
                f"{title}: geometry: all {self.placed} rows lie within ±180/±90 "
                f"{_where(self.first_placed)} although "
                f"the CRS {name} is in metres; they look like degrees: --crs EPSG:4326"
            )


def _first(
    rows: gpd.GeoDataFrame, flags: npt.NDArray[np.bool_], bounds: Floats
) -> tuple[int, float, float] | None:
    if not flags.any():
        return None
    at = int(np.argmax(flags))
    return int(rows.index[at]), float(bounds[at, 0]), float(bounds[at, 1])


def _where(first: tuple[int, float, float] | None) -> str:
    row, x, y = first or (1, np.nan, np.nan)
    return f"(first: row {row} at x = {x:.6g}, y = {y:.6g})"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].split("; It might help")[0]
