"""From the geometries of a file to valid polygons in metres, with a reason for every other row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from pvplan.errors import InputError
from pvplan.sources.chunks import in_chunks
from pvplan.sources.coordinates import WGS84, Datum, to_wgs84
from pvplan.sources.fields import coded_texts, worded
from pvplan.sources.rejections import noted
from pvplan.tables import Floats, Ints

Geometries = npt.NDArray[np.object_]
Flags = npt.NDArray[np.bool_]

# A bound on measuring, not a choice of design: within a UTM zone the error is below 0.002.
_LARGEST_AREA_ERROR: Final = 0.02
_CELL_DEG: Final = 0.01
_POLYGON, _MULTI, _COLLECTION = 3, 6, 7
_TYPE_NAMES: Final = {
    0: "Point", 1: "LineString", 2: "LinearRing", 4: "MultiPoint", 5: "MultiLineString",
}  # fmt: skip
ID_DIGITS: Final = 6
_COUNTED: Final = re.compile(r"row(-+)([0-9]{1,18})")


def row_ids(
    rows: pd.DataFrame, candidates: list[str], *, trusted: bool, title: str
) -> tuple[pd.Series[Any], tuple[str, ...]]:
    """Give every row an identifier: the file's own, else ``row-000001``.

    A column that says the same in every row, or nothing, identifies nothing and is passed over;
    so is a 0 that several rows share, with which drawing programs fill an unused column.

    Parameters
    ----------
    rows
        Rows indexed by their number.
    candidates
        Columns that may hold identifiers, best first.
    trusted
        The user named the column: take it as it is.
    title
        What a message calls the file.

    Returns
    -------
    Series of str, tuple of str
        Identifiers by row number (not necessarily unique), and warnings.
    """
    tallies: dict[str, IdTally] = {}
    for column in candidates:
        tallies[column] = IdTally()
        tallies[column].add(rows[column])
        if tallies[column].identifies(trusted=trusted):
            break
    rule = id_rule(tallies, len(rows), trusted=trusted, title=title)
    return rule.ids(rows), rule.passed


@dataclass
class IdTally:
    """What a column that may hold identifiers says in the rows seen so far.

    Attributes
    ----------
    rows, missing, zeros
        Rows; those where nothing stands; those where ``0`` stands.
    first, same
        The first word, and whether no row says another.
    counted
        For ``row-000001`` with so many dashes, the smallest number met.
    """

    rows: int = 0
    missing: int = 0
    zeros: int = 0
    first: str | None = None
    same: bool = True
    counted: dict[int, int] = field(default_factory=dict)

    def add(self, column: pd.Series[Any]) -> None:
        """Take note of rows that come after those seen so far."""
        codes, words = coded_texts(column)
        count = np.bincount(codes[codes >= 0], minlength=len(words))
        self.rows += len(codes)
        self.missing += int((codes < 0).sum())
        for word, times in zip(words, count, strict=True):
            if not times:
                continue
            self.zeros += int(times) if word == "0" else 0
            self.first = word if self.first is None else self.first
            self.same &= bool(word == self.first)
            if word.startswith("row-"):
                self._note_counted(word)

    def _note_counted(self, word: str) -> None:
        found = _COUNTED.fullmatch(word)
        if found and f"{int(found[2]):0{ID_DIGITS}d}" == found[2]:
            dashes, number = len(found[1]), int(found[2])
            self.counted[dashes] = min(number, self.counted.get(dashes, number))

    @property
    def zeros_say_nothing(self) -> bool:
        """Whether several rows share a 0, with which drawing programs fill an unused column."""
        return self.zeros > 1

    def identifies(self, *, trusted: bool) -> bool:
        """Tell whether the column tells rows apart; one that the user named is taken as it is."""
        if trusted:
            return True
        if self.zeros_say_nothing:
            return self.missing + self.zeros < self.rows
        alike = self.rows > 1 and not self.missing and self.same
        return self.missing < self.rows and not alike


@dataclass(frozen=True)
class IdRule:
    """How the rows of a file get their identifiers.

    Attributes
    ----------
    column
        The file's own column, None for counted identifiers alone.
    zeros_say_nothing
        Whether a 0 in it is none.
    prefix
        What stands before the number of a row without an identifier of its own.
    passed
        Warnings on columns that were passed over.
    """

    column: str | None
    zeros_say_nothing: bool
    prefix: str
    passed: tuple[str, ...]

    def ids(self, rows: pd.DataFrame) -> pd.Series[Any]:
        """Return the identifier of each row, not necessarily unique."""
        if self.column is None:
            return self._counted(rows.index)
        codes, words = coded_texts(rows[self.column])
        if self.zeros_say_nothing and len(words):
            codes = np.where((words == "0")[codes] & (codes >= 0), -1, codes)
        written: pd.Series[Any] = pd.Series(worded(codes, words), rows.index, dtype=object)
        if (codes < 0).any():
            written = written.where(written.notna(), self._counted(rows.index))
        return written

    def _counted(self, index: pd.Index[Any]) -> pd.Series[Any]:
        counted = [f"{self.prefix}{row:0{ID_DIGITS}d}" for row in index]
        return pd.Series(counted, index, dtype=object)


def id_rule(tallies: Mapping[str, IdTally], rows: int, *, trusted: bool, title: str) -> IdRule:
    """Choose the column of identifiers by what each candidate says in all rows.

    Parameters
    ----------
    tallies
        Column to what it says, best first.
    rows
        Rows of the file.
    trusted, title
        As of :func:`row_ids`.
    """
    passed: list[str] = []
    for column, tally in tallies.items():
        if not tally.identifies(trusted=trusted):
            passed.append(f"{title}: {column}: says the same in every row; passed over as id")
            continue
        zeros = tally.zeros_say_nothing and not trusted
        dashes = 1
        while tally.counted.get(dashes, rows + 1) <= rows:
            dashes += 1
        return IdRule(column, zeros, f"row{'-' * dashes}", tuple(passed))
    return IdRule(None, False, "row-", tuple(passed))


def polygons_in_metres(
    rows: gpd.GeoDataFrame,
    ids: pd.Series[Any],
    *,
    datum: Datum,
    metric: pyproj.CRS,
    closed_rows: tuple[int, ...] = (),
) -> tuple[gpd.GeoSeries, list[pd.DataFrame]]:
    """Keep what is a polygon, bring it to metres, and repair its rings.

    Parameters
    ----------
    rows
        Any geometries, indexed by row number.
    ids
        Identifier of each row.
    datum
        What the degrees of the file really are.
    metric
        A projected CRS in metres.
    closed_rows
        Rows with a ring that the reader closed.

    Returns
    -------
    GeoSeries, list of DataFrame
        Valid, non-empty Polygons; the index is the row number, which comes again for each
        polygon of a MultiPolygon; and notes.

    Raises
    ------
    InputError
        ``metric`` is not in metres.
    """
    if not metric.is_projected or metric.axis_info[0].unit_conversion_factor != 1.0:
        raise InputError(f"the CRS '{metric.name}' is not in metres; use a UTM zone")
    fault = _unusable(rows)
    left = fault == ""
    notes = [noted(rows.index[~left], ids[~left], reason=fault[~left], done="rejected")]
    placed = rows[["geometry"]] if left.all() else rows.loc[left, ["geometry"]]
    degrees = to_wgs84(placed, datum).geometry
    far = _area_error(degrees, metric) > _LARGEST_AREA_ERROR
    lost = degrees.index[far]
    why = (
        f"too far away: {metric.name} is wrong there by more than {_LARGEST_AREA_ERROR:.0%} of area"
    )
    notes.append(noted(lost, ids[lost], reason=why, done="rejected"))
    near = degrees[~far] if far.any() else degrees
    moved = in_chunks(
        lambda shapes: gpd.GeoSeries(shapes, crs=WGS84).to_crs(metric).to_numpy(), near.to_numpy()
    )
    kept = gpd.GeoSeries(moved, index=near.index, crs=metric)
    parts, repair_notes = _repaired(kept, ids)
    open_rows = parts.index.unique().intersection(list(closed_rows))
    notes.append(
        noted(
            open_rows,
            ids[open_rows],
            reason="a ring does not close",
            done="altered",
            detail="closed with a straight line",
        )
    )
    return parts, [*notes, *repair_notes]


def _area_error(degrees: gpd.GeoSeries, metric: pyproj.CRS) -> Floats:
    """Return by how much areas are wrong in a projection, at the middle of each geometry.

    The error changes little over a cell of a hundredth of a degree: where it is far from the
    largest that is allowed, that of the cell stands for its geometries.
    """
    if degrees.empty:
        return np.empty(0)
    west, south, east, north = shapely.bounds(degrees.to_numpy()).T
    longitude, latitude = (west + east) / 2.0, (south + north) / 2.0
    with np.errstate(invalid="ignore"):  # a place that is nowhere has a cell of its own
        key = np.floor(longitude / _CELL_DEG) * 1e6 + np.floor(latitude / _CELL_DEG)
    _, first, member = np.unique(key, return_index=True, return_inverse=True)
    error: Floats = _scale_error(longitude[first], latitude[first], metric)[member]
    close = error > _LARGEST_AREA_ERROR / 2.0
    error[close] = _scale_error(longitude[close], latitude[close], metric)
    return error


def _scale_error(longitude: Floats, latitude: Floats, metric: pyproj.CRS) -> Floats:
    if not len(longitude):
        return np.empty(0)
    factors = pyproj.Proj(metric).get_factors(longitude, latitude)
    error = np.abs(np.asarray(factors.areal_scale, dtype=np.float64) - 1.0)
    return np.where(np.isfinite(error), error, np.inf)


def _unusable(rows: gpd.GeoDataFrame) -> Geometries:
    """Say why a geometry cannot become a polygon; an empty text where it can."""
    shapes = rows.geometry.to_numpy()
    kinds = shapely.get_type_id(shapes)
    reason = np.full(len(shapes), "", dtype=object)
    for kind in np.unique(kinds):
        if kind not in (-1, _POLYGON, _MULTI, _COLLECTION):
            reason[kinds == kind] = f"{_TYPE_NAMES.get(int(kind), 'a curve')}, not a polygon"
    if rows.crs.is_geographic:
        bounds = np.abs(shapely.bounds(shapes))
        beyond = (bounds[:, [0, 2]] > 180.0).any(axis=1) | (bounds[:, [1, 3]] > 90.0).any(axis=1)
        reason[beyond] = "a coordinate lies beyond ±180/±90 degrees"
    reason[_has_wild_coordinate(shapes)] = "a coordinate is not a number"
    reason[shapely.is_empty(shapes)] = "the geometry is empty"
    reason[shapely.is_missing(shapes)] = "the row has no geometry"
    return reason


def _has_wild_coordinate(shapes: Geometries) -> Flags:
    wild = np.zeros(len(shapes), dtype=np.bool_)
    if np.isfinite(shapely.get_coordinates(shapes)).all():
        return wild
    places, owner = shapely.get_coordinates(shapes, return_index=True)
    wild[owner[~np.isfinite(places).all(axis=1)]] = True
    return wild


def _repaired(
    shapes: gpd.GeoSeries, ids: pd.Series[Any]
) -> tuple[gpd.GeoSeries, list[pd.DataFrame]]:
    """Mend each polygon by itself: in a MultiPolygon, neighbours that touch are no fault."""
    polygons, owner, foreign = _polygons(shapes.to_numpy())
    broken = ~in_chunks(shapely.is_valid, polygons)
    said = shapely.is_valid_reason(polygons[broken])
    mended = shapely.make_valid(polygons[broken], method="structure", keep_collapsed=False)
    pieces, source, _ = _polygons(mended)
    place = np.concatenate([np.flatnonzero(~broken), np.flatnonzero(broken)[source]])
    order = np.argsort(place, kind="stable")
    found = np.concatenate([polygons[~broken], pieces])[order]
    row_of = shapes.index.to_numpy()[owner]
    parts = gpd.GeoSeries(found, index=pd.Index(row_of[place[order]], name="row"), crs=shapes.crs)
    why = pd.Series([text.split("[", maxsplit=1)[0] for text in said], row_of[broken], dtype=object)
    count = why.groupby(level=0).size()
    why = why[~why.index.duplicated()]
    gone = shapes.index.difference(parts.index)
    touched = why.index.difference(gone)
    mixed = shapes.index[foreign].difference(gone)
    return parts, [
        noted(
            gone,
            ids[gone],
            reason=[f"{why.get(row, 'no polygon in it')}; no area is left" for row in gone],
            done="rejected",
        ),
        noted(
            touched,
            ids[touched],
            reason=why[touched].to_numpy(),
            done="altered",
            detail=[f"{count[row]} polygon(s) repaired" for row in touched],
        ),
        noted(
            mixed,
            ids[mixed],
            reason="GeometryCollection",
            done="altered",
            detail="only the polygons in it were kept",
        ),
    ]


def _polygons(shapes: Geometries) -> tuple[Geometries, Ints, Flags]:
    """Take the non-empty polygons out of any geometries.

    Returns the polygons, the position of the geometry that each came from, and for each geometry
    whether it was a collection.
    """
    kinds = shapely.get_type_id(shapes)
    collection = kinds == _COLLECTION
    if (kinds == _POLYGON).all() and not shapely.is_empty(shapes).any():
        return shapes, np.arange(len(shapes)), collection
    parts, owner = shapely.get_parts(shapes, return_index=True)
    while len(parts) and (shapely.get_type_id(parts) > _POLYGON).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        owner = owner[inner]
    flat = (shapely.get_type_id(parts) == _POLYGON) & ~shapely.is_empty(parts)
    return parts[flat], owner[flat], collection


def joined(polygons: Geometries, owner: Ints, count: int) -> Geometries:
    """Unite polygons by owner, all owners in one pass.

    Parameters
    ----------
    polygons
        Valid Polygons; those of one owner may overlap.
    owner
        Owner of each polygon, 0 … count - 1.
    count
        Number of owners.

    Returns
    -------
    ndarray of Geometry
        Polygon or MultiPolygon of each owner; an empty polygon for an owner without any.
    """
    united = np.full(count, shapely.Polygon(), dtype=object)
    order = np.argsort(owner, kind="stable")
    present = np.unique(owner)
    if len(present):
        piles = np.asarray(shapely.multipolygons(polygons[order], indices=owner[order]))
        united[present] = shapely.buffer(piles[present], 0.0)
    return united
