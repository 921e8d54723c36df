"""A building file row by row: once through the file, once more to metres, nothing held whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyproj
import shapely

from pvplan.assumptions import Footprints
from pvplan.errors import InputError
from pvplan.partition_spill import Notes, Spool, as_frame
from pvplan.sources.attributes import meant_texts
from pvplan.sources.cleaning import IdRule, IdTally, id_rule, polygons_in_metres
from pvplan.sources.coordinates import Datum, middles_of
from pvplan.sources.fields import chosen_columns
from pvplan.sources.footprints import DATES, TEXTS, areas_of_rows, said_of_rows, zone_told
from pvplan.sources.heights import Slips, refuse_slips
from pvplan.sources.roofs import part_labels
from pvplan.sources.vectors import Placement, VectorFile, open_vector
from pvplan.tables import Floats, Ints
from pvplan.tiles import cells_of, interleaved

Progress = Callable[[str], None]
Hashes = np.ndarray[Any, np.dtype[np.uint64]]

_DAY: Final = pa.timestamp("s")


@dataclass(frozen=True)
class Told:
    """What the reader of a building file is told; as of ``read_footprints``."""

    datum: Datum = "wgs84"
    crs: str | None = None
    layer: str | None = None
    metric: pyproj.CRS | None = None
    field_map: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """A file that was read once: its rows set aside, and what all of them together say.

    Attributes
    ----------
    file, rows
        The file and the number of its rows.
    chosen
        Target to columns of the file.
    rule
        How rows get their identifiers.
    metric
        CRS of the result.
    spool
        The rows, as they stand in the file, of the columns that matter.
    work
        Folder for what is set aside.
    """

    file: VectorFile
    rows: int
    chosen: Mapping[str, list[str]]
    rule: IdRule
    metric: pyproj.CRS
    spool: Spool
    work: Path


def see(path: Path, told: Told, work: Path, tell: Progress) -> Seen:
    """Read a file once.

    Parameters
    ----------
    path
        A building file, whatever its format.
    told
        What its reader is told.
    work
        Folder for what is set aside.
    tell
        Called with words on how far it is.

    Raises
    ------
    InputError, AssumptionError
        As ``read_footprints``, where the file as a whole cannot be used.
    """
    file = open_vector(path, layer=told.layer, crs=told.crs, title=path.name)
    trusted = "roof_id" in told.field_map
    while True:
        look = _Look(file, told, Spool(work / "rows.arrow"))
        for table in file.tables():
            look.add(table)
            tell(f"reading {look.placement.rows}{_of(file.announced)}")
        if file.settled(look.placement.rows):
            break
        look.spool.remove()
    rows = look.placement.rows
    file.refuse_empty(rows)
    look.placement.judge(look.crs, path.name)
    rule = id_rule(look.tallies, rows, trusted=trusted, title=path.name)
    metric = told.metric or zone_told(np.concatenate(look.middles), path.name)
    return Seen(file, rows, look.chosen, rule, metric, look.spool, work)


def _of(total: int | None) -> str:
    return f"/{total}" if total else ""


class _Look:
    """What is learned of a file on the way."""

    def __init__(self, file: VectorFile, told: Told, spool: Spool) -> None:
        self.spool = spool
        self.placement = Placement()
        self.chosen: dict[str, list[str]] = {}
        self.tallies: dict[str, IdTally] = {}
        self.middles: list[Floats] = []
        self.crs: Any = None
        self._file, self._told = file, told

    def add(self, table: pa.Table) -> None:
        if not self.chosen:
            columns = [name for name in table.column_names if name != "geometry"]
            self.chosen = chosen_columns(
                columns, "buildings", field_map=self._told.field_map, title=self._file.title
            )
            self.tallies = {column: IdTally() for column in self.chosen["roof_id"]}
        used = {column for columns in self.chosen.values() for column in columns}
        kept = table.select([n for n in table.column_names if n in used or n == "geometry"])
        rows = self._file.frame(kept, self.placement.rows + 1)
        self.crs = rows.crs
        self.placement.add(rows)
        for column, tally in self.tallies.items():
            tally.add(rows[column])
        if self._told.metric is None:
            self.middles.append(middles_of(rows))
        self.spool.add(kept)


@dataclass
class Metres:
    """The usable rows of a file, in metres and in our words.

    Attributes
    ----------
    spool
        ``row``, ``id``, ``area_m2``, ``geometry`` (all polygons of the row), and what it says:
        one column for each target, but of texts one for each column that may hold them.
    text_of
        Text target to the column of the spool that holds it, None where no column says anything.
    hashes, codes
        Of the identifier of each row, shape (rows,); and the place on the Z-curve of the
        south-west corner of each polygon, shape (polygons,).
    several
        Whether any row holds more than one polygon.
    """

    spool: Spool
    text_of: dict[str, str | None]
    hashes: Hashes
    codes: Ints
    several: bool


def to_metres(seen: Seen, told: Told, rules: Footprints, notes: Notes, tell: Progress) -> Metres:
    """Bring the rows of a file to metres, and read what they say.

    Raises
    ------
    InputError
        The CRS is not in metres, or too many impossible heights.
    """
    spool = Spool(seen.work / "metres.arrow")
    hashes, codes, several = [np.empty(0, np.uint64)], [np.empty(0, np.int64)], False
    slips: list[Slips] = []
    speaks: set[str] = set()
    done = 0
    for table in seen.spool.tables():
        rows = seen.file.frame(table, done + 1)
        done += len(rows)
        batch = _batch_in_metres(rows, seen, told, rules, notes)
        if batch is not None:
            for one, later in zip(slips, batch.slips, strict=False):
                one.add(later)
            slips = slips or batch.slips
            speaks |= batch.speaks
            hashes.append(pd.util.hash_array(batch.ids, categorize=False))
            codes.append(curve(shapely.bounds(batch.polygons)[:, :2]))
            several |= len(batch.polygons) > len(batch.ids)
            spool.add(batch.table)
        tell(f"repairing {done}/{seen.rows}")
    refuse_slips(slips, rules.max_bad_height_fraction, seen.file.title)
    text_of = {
        target: next((name for name in _text_columns(target, seen.chosen) if name in speaks), None)
        for target in TEXTS
    }
    return Metres(spool, text_of, np.concatenate(hashes), np.concatenate(codes), several)


def curve(places: Floats) -> Ints:
    """Return where places, shape (places, 2), m, lie on the Z-curve of the finest cells."""
    return interleaved(*finest_cells(places))


def finest_cells(places: Floats) -> tuple[Ints, Ints]:
    """Return column and row of places, shape (places, 2), m, among the finest cells."""
    return cells_of(np.asarray(shapely.points(np.nan_to_num(places)), dtype=object))


@dataclass(frozen=True)
class _Batch:
    table: pa.Table
    ids: np.ndarray[Any, np.dtype[np.object_]]
    polygons: np.ndarray[Any, np.dtype[np.object_]]
    slips: list[Slips]
    speaks: set[str]


def _batch_in_metres(
    rows: gpd.GeoDataFrame, seen: Seen, told: Told, rules: Footprints, notes: Notes
) -> _Batch | None:
    ids = seen.rule.ids(rows)
    parts, found = polygons_in_metres(
        rows, ids, datum=told.datum, metric=seen.metric, closed_rows=rows.attrs["closed_rows"]
    )
    notes.add(found)
    left = rows.index[rows.index.isin(parts.index)]
    if not len(left):
        return None
    rows, ids = rows.loc[left], ids[left]
    said, found, slips = said_of_rows(rows, ids, seen.chosen, rules)
    notes.add(found)
    columns: dict[str, Any] = {
        "row": pa.array(left.to_numpy()),
        "id": pa.array(ids.to_numpy(), pa.string()),
        "area_m2": pa.array(areas_of_rows(parts, left)),
        "geometry": pa.array(_piled(parts, left), pa.binary()),
        "height_m": pa.array(said["height_m"].to_numpy()),
        "floors": pa.array(said["floors"].to_numpy()),
        "roof_form": pa.array(said["roof_form"].to_numpy(), pa.string(), from_pandas=True),
        **{target: pa.array(said[target].to_numpy(), _DAY) for target in DATES},
    }
    speaks = set()
    for target in TEXTS:
        for name, column in _text_columns(target, seen.chosen).items():
            meant = meant_texts(rows[column], target)
            columns[name] = pa.array(meant.to_numpy(), pa.string(), from_pandas=True)
            if meant.notna().any():
                speaks.add(name)
    return _Batch(pa.table(columns), ids.to_numpy(), parts.to_numpy(), slips, speaks)


def _text_columns(target: str, chosen: Mapping[str, list[str]]) -> dict[str, str]:
    """Return what the columns that may hold a text are called when set aside."""
    return {f"{target}:{place}": column for place, column in enumerate(chosen[target])}


def _piled(parts: gpd.GeoSeries, rows: pd.Index[Any]) -> Any:
    """Return the polygons of each row in one geometry, coded."""
    place = rows.get_indexer(parts.index)
    alone = np.bincount(place, minlength=len(rows)) == 1
    piled = np.empty(len(rows), dtype=object)
    single = alone[place]
    piled[place[single]] = parts.to_numpy()[single]
    if not alone.all():
        piled[~alone] = shapely.multipolygons(
            parts.to_numpy()[~single],
            indices=np.searchsorted(np.flatnonzero(~alone), place[~single]),
        )
    return shapely.to_wkb(piled)


@dataclass(frozen=True)
class Rows:
    """Some usable rows, as ``roofs_of`` takes them: polygons, identifiers, words, areas."""

    parts: gpd.GeoSeries
    ids: pd.Series[Any]
    said: pd.DataFrame
    areas_m2: Floats

    @staticmethod
    def of(table: pa.Table, metres: Metres, crs: pyproj.CRS) -> Rows:
        """Take rows of the spool out of their codes."""
        said = as_frame(table.drop_columns("geometry"))
        index = pd.Index(said["row"].to_numpy(), name="row")
        polygons, owner = shapely.get_parts(
            shapely.from_wkb(table["geometry"].to_numpy()), return_index=True
        )
        said.index = index
        for target, column in metres.text_of.items():
            said[target] = pd.Series(None, index, dtype=object) if column is None else said[column]
        parts = gpd.GeoSeries(polygons, index=index[owner], crs=crs)
        return Rows(parts, said["id"], said, said["area_m2"].to_numpy())

    def those(self, wanted: np.ndarray[Any, np.dtype[np.bool_]]) -> Rows:
        """Return some of the rows; ``wanted`` has shape (rows,)."""
        rows = self.ids.index[wanted]
        parts = self.parts[self.parts.index.isin(rows)]
        return Rows(parts, self.ids[wanted], self.said[wanted], self.areas_m2[wanted])


def repeated(hashes: Hashes) -> Hashes:
    """Return the hashes that come more than once, ascending."""
    ordered = np.sort(hashes)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def joint_of(metres: Metres, shared: Hashes, crs: pyproj.CRS) -> str:
    """Return what joins an id and the number of a part, so that no part is called like a row.

    Parameters
    ----------
    metres
        All usable rows.
    shared
        Hashes of identifiers that several rows share: those rows have no parts of their own.
    crs
        Of the rows.
    """
    joint = "_"
    if not metres.several:
        return joint
    taken = np.sort(metres.hashes)
    while True:
        suspects = {
            name
            for names in _names_of_parts(metres, shared, joint, crs)
            for name in _among(names, taken)
        }
        if not suspects or not _any_id(metres, suspects):
            return joint
        joint += "_"


def _names_of_parts(
    metres: Metres, shared: Hashes, joint: str, crs: pyproj.CRS
) -> Iterator[list[str]]:
    for table in metres.spool.tables():
        rows = Rows.of(table.select(["row", "id", "area_m2", "geometry"]), _no_texts(metres), crs)
        hashes = pd.util.hash_array(rows.ids.to_numpy(dtype=object), categorize=False)
        owner = rows.ids.index.get_indexer(rows.parts.index)
        count = np.bincount(owner, minlength=len(rows.ids))
        wanted = (count > 1) & ~np.isin(hashes, shared)
        yield [
            name
            for one, parts in zip(rows.ids[wanted], count[wanted], strict=True)
            for name in part_labels([one] * parts, range(1, parts + 1), joint)
        ]


def _no_texts(metres: Metres) -> Metres:
    return Metres(metres.spool, {}, metres.hashes, metres.codes, metres.several)


def _among(names: list[str], taken: Hashes) -> list[str]:
    if not names:
        return []
    written = np.array(names, dtype=object)
    hashes = pd.util.hash_array(written, categorize=False)
    place = np.minimum(np.searchsorted(taken, hashes), len(taken) - 1)
    return list(written[taken[place] == hashes])


def _any_id(metres: Metres, names: set[str]) -> bool:
    return any(not names.isdisjoint(table["id"].to_pylist()) for table in metres.spool.tables())


def pick(table: pa.Table, shared: Hashes) -> Ints:
    """Return for each row of the spool the place of its hash among the shared, -1 for none."""
    ids = np.array(table["id"].to_pylist(), dtype=object)
    hashes = pd.util.hash_array(ids, categorize=False)
    if not len(shared):
        return np.full(len(ids), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(shared, hashes), len(shared) - 1)
    return np.where(shared[place] == hashes, place, -1).astype(np.int64)


def refuse_folder(path: Path) -> None:
    """Refuse a folder in place of a file."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file of buildings")
