"""A folder of clean buildings, cut into parts by place: each is read, and held to account, alone.

``partition.json`` says what was read and how; ``NAME.parquet`` holds the buildings of a cell,
``rejected.parquet`` the rows that were rejected or altered. ``python -m pvplan partition`` makes
it; :mod:`pvplan.partition` says how.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyproj
import shapely

from pvplan.assumptions import Footprints
from pvplan.errors import InputError
from pvplan.sources.attributes import DAYS
from pvplan.sources.coordinates import Bounds, meet
from pvplan.sources.footprints import DATES, TEXTS, FootprintFile
from pvplan.sources.rejections import rejected_table
from pvplan.tables import REJECTED, names

ABOUT: Final = "partition.json"
REJECTED_FILE: Final = "rejected.parquet"
KIND: Final = "pvplan partition of buildings"
LAYOUT: Final = 1
ROWS_PER_GROUP: Final = 4_000
_TEXT_COLUMNS: Final = (*TEXTS, "roof_form")
_ABOUT_ROWS: Final = ("roof_id", "bbox")  # the index, and the boxes that statistics are made of
_PLAIN: Final = ("input", "file", "done")  # of REJECTED: texts that are never missing
_NAME: Final = re.compile(r"\d{2}-\d{7}-\d{7}")


@dataclass(frozen=True)
class Part:
    """One part: a cell of the quadtree of :mod:`pvplan.tiles` in the metric CRS.

    Attributes
    ----------
    name
        ``LEVEL-COLUMN-ROW``; the file is ``NAME.parquet``.
    roofs
        How many it holds.
    bounds
        West, south, east, north of all its roofs, m; they may reach beyond the cell.
    top_m
        Height of its highest roof, m.
    sha256
        Of the file.
    """

    name: str
    roofs: int
    bounds: Bounds
    top_m: float
    sha256: str


@dataclass(frozen=True)
class SourceFile:
    """A file that was read, as a run records it."""

    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class About:
    """What ``partition.json`` says.

    Attributes
    ----------
    source
        Name of the file that was read.
    files
        That file, or all files of a shapefile.
    datum, crs, layer, field_map
        What its reader was told.
    rules
        The footprint rules, by name.
    rules_sha256
        Digest of the rules and of what the reader was told.
    reader_sha256, version
        Digest of the files of this program that read footprints, and the program's version.
    metric_crs
        CRS of the buildings.
    rows_per_part
        Roofs of a part at most.
    counts, warnings
        As of :class:`~pvplan.sources.footprints.FootprintFile`.
    rejected_rows, rejected_sha256
        Rows of ``rejected.parquet``, and the digest of that file.
    parts
        All parts, in the order of a Z-curve.
    """

    source: str
    files: tuple[SourceFile, ...]
    datum: str
    crs: str | None
    layer: str | None
    field_map: Mapping[str, str]
    rules: Mapping[str, Any]
    rules_sha256: str
    reader_sha256: str
    version: str
    metric_crs: str
    rows_per_part: int
    counts: Mapping[str, int]
    warnings: tuple[str, ...]
    rejected_rows: int
    rejected_sha256: str
    parts: tuple[Part, ...]


def is_partition(path: str | Path) -> bool:
    """Tell whether a path is a folder with a ``partition.json``."""
    return (Path(path) / ABOUT).is_file()


def source_of(path: Path) -> Path:
    """Return the file that a path stands for: of a partition the file that it was made from."""
    return Path(open_partition(path).about.source) if is_partition(path) else path


def open_partition(folder: str | Path) -> Partition:
    """Open a partition; only ``partition.json`` is read.

    Raises
    ------
    InputError
        No partition, one of another layout, or a ``partition.json`` that is not whole.
    """
    place = Path(folder)
    if not is_partition(place):
        raise InputError(
            f"{place}: no {ABOUT} there; make one: python -m pvplan partition FILE {place.name}"
        )
    remedy = f"run `python -m pvplan partition` again to make {place.name} anew"
    try:
        said = json.loads((place / ABOUT).read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{place.name}: {ABOUT} is not whole ({error}); {remedy}") from error
    if not isinstance(said, dict) or (said.get("kind"), said.get("layout")) != (KIND, LAYOUT):
        raise InputError(
            f"{place.name}: {ABOUT} is of another kind or layout than this program's; {remedy}"
        )
    body = {word: value for word, value in said.items() if word != "sha256"}
    if said.get("sha256") != _digest(body):
        raise InputError(f"{place.name}: {ABOUT} was changed after it was written; {remedy}")
    try:
        about = _about(body)
    except (KeyError, TypeError) as error:
        raise InputError(f"{place.name}: {ABOUT} is not whole ({error}); {remedy}") from error
    if not all(_NAME.fullmatch(part.name) for part in about.parts):
        raise InputError(f"{place.name}: {ABOUT} names parts that are no cells; {remedy}")
    return Partition(place, about)


@dataclass(frozen=True)
class Partition:
    """Buildings of a folder, read part by part.

    Every file is held against its digest when it is read: a part that is cut, changed or swapped
    is an :class:`~pvplan.errors.InputError` that names it.
    """

    folder: Path
    about: About

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, in the order of a Z-curve."""
        return self.about.parts

    @cached_property
    def crs(self) -> pyproj.CRS:
        """The metric CRS of the buildings."""
        return pyproj.CRS(self.about.metric_crs)

    def roofs_of(self, name: str) -> gpd.GeoDataFrame:
        """Return the buildings of a part.

        Parameters
        ----------
        name
            Of one of :attr:`parts`.

        Returns
        -------
        GeoDataFrame
            As ``FootprintFile.buildings``: metric CRS, index ``roof_id``, sorted.

        Raises
        ------
        InputError
            No such part, or its file is missing or not as it was written.
        """
        return _buildings(self._content(self._part(name)), self.crs)

    def standing(self, name: str) -> gpd.GeoDataFrame:
        """Return what can shade of a part: ``height_m`` and ``geometry`` of :meth:`roofs_of`."""
        columns = ["roof_id", "height_m", "geometry"]
        return _buildings(self._content(self._part(name)), self.crs, columns)

    def near(self, bounds: Bounds) -> gpd.GeoDataFrame:
        """Return the buildings that meet a box; parts that lie elsewhere are not read.

        Parameters
        ----------
        bounds
            West, south, east, north, m in :attr:`crs`; a building whose bounds touch it meets it.

        Returns
        -------
        GeoDataFrame
            As :meth:`roofs_of`.

        Raises
        ------
        InputError
            The file of a part is missing or not as it was written.
        """
        here = meet(np.array([part.bounds for part in self.parts]), bounds)
        found = []
        # A part has its columns to tell, even where no building is asked for.
        for at in np.flatnonzero(here) if here.any() else [0]:
            roofs = self.roofs_of(self.parts[at].name)
            found.append(roofs[meet(shapely.bounds(roofs.geometry.to_numpy()), bounds)])
        return _together(found, self.crs)

    def bounds_of(self, roof_id: str) -> Bounds | None:
        """Return west, south, east and north of a building, m; None where it is unknown.

        Raises
        ------
        InputError
            The file of a part is missing or not as it was written.
        """
        for part in self.parts:
            content = pa.BufferReader(self._content(part))
            ids = pq.read_table(content, columns=["roof_id"])["roof_id"]
            if pc.any(pc.equal(ids, roof_id)).as_py():
                one = self.roofs_of(part.name).loc[[roof_id]]
                west, south, east, north = map(float, one.total_bounds)
                return west, south, east, north
        return None

    def rejected(self) -> pd.DataFrame:
        """Return the rows that were rejected or altered, as ``FootprintFile.rejected``.

        Raises
        ------
        InputError
            The file is missing or not as it was written.
        """
        content = self._checked(REJECTED_FILE, self.about.rejected_sha256)
        table = pq.read_table(pa.BufferReader(content))
        if not table.num_rows:
            return rejected_table([], kind="buildings", file=self.about.source)
        columns: dict[str, Any] = {
            name: pd.Series(table[name].to_pylist(), dtype="str" if name in _PLAIN else object)
            for name in names(REJECTED)
        }
        return pd.DataFrame({**columns, "row": table["row"].to_numpy()})

    def whole(self) -> FootprintFile:
        """Return all of it: the same as ``read_footprints`` of the file that it was made from.

        Raises
        ------
        InputError
            A file is missing or not as it was written.
        """
        parts = [self.roofs_of(part.name) for part in self.parts]
        buildings = _together(parts, self.crs)
        about = self.about
        return FootprintFile(buildings, self.rejected(), about.counts, about.warnings)

    def refuse_other(
        self,
        rules: Footprints,
        *,
        datum: str | None = None,
        crs: str | None = None,
        layer: str | None = None,
        metric: pyproj.CRS | None = None,
        field_map: Mapping[str, str] | None = None,
    ) -> None:
        """Refuse the partition where a run's rules, or its words on the file, are others.

        Parameters
        ----------
        rules
            The run's footprint rules.
        datum, crs, layer, metric, field_map
            What the run says; None or empty: it says nothing, and the partition's own hold.

        Raises
        ------
        InputError
            Something differs: every difference is named.
        """
        about, title = self.about, self.folder.name
        own = rules_of(rules)
        faults = [
            f"{title}: was made with footprints.{name} = {about.rules.get(name)!r}, this run has"
            f" {own.get(name)!r}"
            for name in sorted({*own, *about.rules})
            if own.get(name) != about.rules.get(name)
        ]
        if about.reader_sha256 != reader_sha256():
            faults.append(f"{title}: was made by another version of the reader ({about.version})")
        told = {"datum": datum, "crs": crs, "layer": layer, "map": dict(field_map or {})}
        made = {
            "datum": about.datum, "crs": about.crs, "layer": about.layer,
            "map": dict(about.field_map),
        }  # fmt: skip
        faults += [
            f"{title}: was made with {word} {made[word] or 'not stated'}, this run says {said}"
            for word, said in told.items()
            if said and said != made[word]
        ]
        if metric is not None and metric != self.crs:
            faults.append(f"{title}: is in {about.metric_crs}, this run's metric CRS is {metric}")
        if faults:
            again = "run `python -m pvplan partition` again with the same rules and words"
            raise InputError([f"{fault}; {again}" for fault in faults])

    def _part(self, name: str) -> Part:
        if name not in self._by_name:
            raise InputError(f"{self.folder.name}: has no part '{name}'")
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Part]:
        return {part.name: part for part in self.parts}

    def _content(self, part: Part) -> bytes:
        return self._checked(f"{part.name}.parquet", part.sha256)

    def _checked(self, file: str, sha256: str) -> bytes:
        """Return the bytes of a file that are as they were written."""
        remedy = "run `python -m pvplan partition` again to make the folder anew"
        try:
            content = (self.folder / file).read_bytes()
        except OSError as error:
            raise InputError(
                f"{self.folder.name}: {file}: cannot be read ({error.strerror}); {remedy}"
            ) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(
                f"{self.folder.name}: {file}: is not the file that was written there (cut, changed"
                f" or swapped); {remedy}"
            )
        return content


def write_part(buildings: gpd.GeoDataFrame, folder: Path, name: str) -> Part:
    """Write the buildings of a cell as GeoParquet.

    Parameters
    ----------
    buildings
        As ``FootprintFile.buildings``, not empty.
    folder
        Where ``NAME.parquet`` is written.
    name
        Of the cell.
    """
    plain = buildings.astype(dict.fromkeys(_TEXT_COLUMNS, "str"))
    plain.index = plain.index.astype("str")
    path = folder / f"{name}.parquet"
    plain.to_parquet(
        path, index=True, write_covering_bbox=True, row_group_size=ROWS_PER_GROUP,
        compression="zstd",
    )  # fmt: skip
    west, south, east, north = (float(side) for side in buildings.total_bounds)
    top_m = float(buildings["height_m"].max())
    return Part(name, len(buildings), (west, south, east, north), top_m, sha256_of_file(path))


class RejectedWriter:
    """Writes ``rejected.parquet`` table by table, in the order of the rows."""

    def __init__(self, folder: Path) -> None:
        self.rows = 0
        self._path = folder / REJECTED_FILE
        kinds = {"row": pa.int64()}
        self._schema = pa.schema([(n, kinds.get(n, pa.string())) for n in names(REJECTED)])
        self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd")

    def add(self, rejected: pd.DataFrame) -> None:
        """Write rows of ``tables.REJECTED``."""
        if len(rejected):
            self._writer.write_table(pa.Table.from_pandas(rejected, self._schema, False))
            self.rows += len(rejected)

    def close(self) -> str:
        """Finish the file and return its digest."""
        self._writer.close()
        return sha256_of_file(self._path)


def reasons_in(folder: Path) -> pd.Series[Any]:
    """Return why rows were rejected, from a ``rejected.parquet``."""
    table = pq.read_table(folder / REJECTED_FILE, columns=["done", "reason"])
    rows = pd.DataFrame({name: table[name].to_pylist() for name in table.column_names})
    return rows.loc[rows["done"] == "rejected", "reason"]


def write_about(about: About, folder: Path) -> None:
    """Write ``partition.json``: with it, the folder becomes a partition."""
    body = {"kind": KIND, "layout": LAYOUT, **asdict(about)}
    body = json.loads(json.dumps(body))
    text = json.dumps({**body, "sha256": _digest(body)}, ensure_ascii=False, indent=1)
    (folder / ABOUT).write_text(text + "\n", encoding="utf-8")


def rules_of(rules: Footprints) -> dict[str, Any]:
    """Return footprint rules by name."""
    return asdict(rules)


def told_sha256(rules: Footprints, told: Mapping[str, Any]) -> str:
    """Return the digest of footprint rules and of what a reader was told."""
    return _digest({"rules": rules_of(rules), "told": dict(told)})


def reader_sha256() -> str:
    """Return a digest of the files of this program that decide what becomes of a footprint."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for name in _READERS:
        digest.update(name.encode() + b"\0" + (here / name).read_bytes())
    return digest.hexdigest()


_READERS: Final[Sequence[str]] = (
    "attributes.py", "chunks.py", "cleaning.py", "coordinates.py", "fields.py", "fields.toml",
    "footprints.py", "formats.py", "geopackages.py", "heights.py", "overlaps.py", "partitions.py",
    "rejections.py", "roofs.py", "shapefiles.py", "towers.py", "vectors.py",
    "../partition.py", "../partition_rows.py", "../partition_roofs.py", "../partition_spill.py",
)  # fmt: skip


def sha256_of_file(path: Path) -> str:
    """Return the digest of a file's bytes, read bit by bit."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _about(body: Mapping[str, Any]) -> About:
    said = {entry.name: body[entry.name] for entry in fields(About)}
    return About(
        **{
            **said,
            "files": tuple(SourceFile(**file) for file in said["files"]),
            "warnings": tuple(said["warnings"]),
            "parts": tuple(
                Part(**{**part, "bounds": tuple(part["bounds"])}) for part in said["parts"]
            ),
        }
    )


def _together(parts: Sequence[gpd.GeoDataFrame], crs: pyproj.CRS) -> gpd.GeoDataFrame:
    """Return the roofs of several parts as one table, sorted; the index stays one of objects."""
    found = gpd.GeoDataFrame(pd.concat(parts), crs=crs)
    found.index = pd.Index(found.index.to_numpy(dtype=object), name="roof_id", dtype=object)
    return found.sort_index()


def _buildings(
    content: bytes, crs: pyproj.CRS, wanted: list[str] | None = None
) -> gpd.GeoDataFrame:
    """Read a part as it was before it was written: texts or None, days, the CRS by its name."""
    table = pq.read_table(pa.BufferReader(content), columns=wanted)
    index = pd.Index(table["roof_id"].to_numpy().astype(object), name="roof_id", dtype=object)
    columns: dict[str, Any] = {}
    for name in table.column_names:
        if name in _TEXT_COLUMNS:
            columns[name] = pd.Series(table[name].to_pylist(), index, dtype=object)
        elif name in DATES:
            columns[name] = pd.Series(table[name].to_numpy(), index).astype(DAYS)
        elif name == "geometry":
            columns[name] = gpd.array.from_shapely(shapely.from_wkb(table[name].to_numpy()), crs)
        elif name not in _ABOUT_ROWS:
            columns[name] = table[name].to_numpy()
    return gpd.GeoDataFrame(columns, index=index, geometry="geometry", crs=crs)
