"""Parks and districts: polygons with an id and names, and the area that each roof belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from pvplan.errors import InputError, nearest
from pvplan.sources.attributes import agreed, first_text
from pvplan.sources.cleaning import Flags, Geometries, joined, polygons_in_metres, row_ids
from pvplan.sources.coordinates import Bounds, Datum, meet
from pvplan.sources.fields import chosen_columns, texts
from pvplan.sources.misregistration import Kind, datum_warning
from pvplan.sources.overlaps import overlapping
from pvplan.sources.rejections import noted, rejected_table, rows_noted
from pvplan.sources.vectors import read_vector
from pvplan.tables import Floats, Ints

_CONDITION: Final = re.compile(r"\s*(?P<column>[^=!<>]+?)\s*(?P<sign>!=|=)\s*(?P<value>.*?)\s*")
_SHOWN: Final = 8
_SHARED: Final = 0.01  # of the smaller area: less is the noise of a shared border
_THREADS: Final = 2
AMOUNTS: Final = ("load_kwh_per_year", "hosting_capacity_kw")
"""Columns of parks by which a goal may be split (``allocation.method``)."""
_DECIMALS: Final = 4  # of a square metre: below lies only the noise of a shared border


@dataclass(frozen=True)
class AreaFile:
    """What a file of parks or districts held.

    Attributes
    ----------
    areas
        Metric CRS, index ``park_id`` or ``district_id`` (text, unique, sorted). Columns:
        geometry, name_zh, name_en, source, note, and for parks district_id; None where missing;
        the columns of :data:`AMOUNTS` where the file has them.
    rejected
        Columns of ``tables.REJECTED``.
    counts
        rows_read, rows_used, rows_rejected, rows_altered, rows_not_selected, rows_merged (rows
        that share an id), areas. Always rows_read = rows_used + rows_rejected +
        rows_not_selected and areas = rows_used - rows_merged.
    warnings
        What a person should know about the file as a whole.
    """

    areas: gpd.GeoDataFrame
    rejected: pd.DataFrame
    counts: Mapping[str, int]
    warnings: tuple[str, ...]


def read_areas(
    path: str | Path,
    kind: Kind,
    *,
    metric: pyproj.CRS,
    datum: Datum = "wgs84",
    crs: str | None = None,
    layer: str | None = None,
    field_map: Mapping[str, str] | None = None,
    where: str | None = None,
    city_centroids: Mapping[str, tuple[float, float]] | None = None,
) -> AreaFile:
    """Read parks or districts and account for every row.

    Parameters
    ----------
    path
        Any vector file of :func:`~pvplan.sources.vectors.read_vector`.
    kind
        ``park`` or ``district``.
    metric
        Projected CRS of the result, m.
    datum
        What the degrees of the file really are, whatever its CRS declares.
    crs, layer
        CRS and layer, where the file leaves them open.
    field_map
        Target column to column of the file, beyond ``fields.toml``.
    where
        Rows to take: ``COLUMN=VALUE`` or ``COLUMN!=VALUE``.
    city_centroids
        Trusted centroids of districts for :func:`datum_warning`.

    Returns
    -------
    AreaFile
        Areas, rejected and altered rows, counts, warnings.

    Raises
    ------
    InputError
        The file cannot be used; an absent column; no row selected; no polygon at all.
    AssumptionError
        Unknown datum or mapping target.
    """
    title = Path(path).name
    rows = read_vector(path, layer=layer, crs=crs, title=title)
    read = len(rows)
    columns = [str(column) for column in rows.columns if column != "geometry"]
    remarks = rows.attrs
    selected = rows if where is None else rows.loc[_selected(rows, columns, where, title)]
    id_name = f"{kind}_id"
    chosen = chosen_columns(columns, f"{kind}s", field_map=field_map, title=title)
    trusted = id_name in (field_map or {})
    ids, id_warnings = row_ids(selected, chosen[id_name], trusted=trusted, title=title)
    parts, notes = polygons_in_metres(
        selected, ids, datum=datum, metric=metric, closed_rows=remarks["closed_rows"]
    )
    if not len(parts):
        raise InputError(f"{title}: none of {len(selected)} rows holds a polygon; check the file")
    areas, merge_notes = _areas(selected, ids, parts, chosen, id_name, title)
    rejected = rejected_table([*notes, *merge_notes], kind=f"{kind}s", file=title)
    used = int(parts.index.nunique())
    counts = {
        "rows_read": read,
        "rows_used": used,
        "rows_rejected": rows_noted(rejected, "rejected"),
        "rows_altered": rows_noted(rejected, "altered"),
        "rows_not_selected": read - len(selected),
        "rows_merged": used - len(areas),
        "areas": len(areas),
    }
    warnings = [*remarks["warnings"], *id_warnings, *_overlaps(areas, kind, title)]
    if where is not None:
        warnings.append(f"{title}: {read - len(selected)} of {read} rows not selected by {where}")
    shift = datum_warning(areas, kind, datum, columns=columns, city_centroids=city_centroids)
    warnings += [f"{title}: {shift}"] if shift else []
    return AreaFile(areas, rejected, counts, tuple(warnings))


def _overlaps(areas: gpd.GeoDataFrame, kind: Kind, title: str) -> list[str]:
    shapes = areas.geometry.to_numpy()
    pairs, sizes = overlapping(shapes), shapely.area(shapes)
    smaller = np.minimum(sizes[pairs.first], sizes[pairs.second])
    shared = np.flatnonzero(pairs.area_m2 > _SHARED * smaller)
    if not len(shared):
        return []
    widest = shared[int(np.argmax(pairs.area_m2[shared]))]
    one, other = areas.index[pairs.first[widest]], areas.index[pairs.second[widest]]
    return [
        f"{title}: {len(shared)} pairs of {kind}s overlap (the most '{one}' and '{other}', by "
        f"{pairs.area_m2[widest] / 1e6:.3f} km²); a roof there belongs to the one that holds most "
        "of it, of equals to the first by id"
    ]


def _selected(rows: pd.DataFrame, columns: list[str], where: str, title: str) -> pd.Series[Any]:
    found = _CONDITION.fullmatch(where)
    if found is None:
        raise InputError(f"{title}: '{where}' is no condition; write COLUMN=VALUE or COLUMN!=VALUE")
    column, value = found["column"], found["value"]
    if column not in columns:
        raise InputError(
            f"{title}: '{where}': the file has no column '{column}'; {nearest(column, columns)}"
        )
    written = pd.Series(texts(rows[column]), rows.index, dtype=object)
    wanted = next(iter(texts(pd.Series([_number_or_text(value)]))))
    same = written.isna() if wanted is None else written == wanted
    chosen = same if found["sign"] == "=" else ~same
    if not chosen.any():
        seen = ", ".join(sorted(written.dropna().unique())[:_SHOWN])
        raise InputError(f"{title}: '{where}' selects no row; {column} holds: {seen}")
    return chosen


def _number_or_text(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


def _areas(
    rows: pd.DataFrame,
    ids: pd.Series[Any],
    parts: gpd.GeoSeries,
    chosen: Mapping[str, list[str]],
    id_name: str,
    title: str,
) -> tuple[gpd.GeoDataFrame, list[pd.DataFrame]]:
    left = rows.index[rows.index.isin(parts.index)]
    unit_of_row, unit_ids = pd.factorize(ids[left], sort=True)
    count = len(unit_ids)
    unit_of_part = unit_of_row[left.get_indexer(parts.index)]
    size = np.bincount(unit_of_row, minlength=count)
    sizes_m2 = parts.area.groupby(level=0).sum().reindex(left).to_numpy()
    named: dict[str, Any] = {}
    for target in ("name_zh", "name_en", "source", "note", "district_id"):
        if target == id_name or target not in chosen:
            continue
        said = first_text(rows.loc[left], chosen[target], target)
        value = pd.Series(agreed(said, unit_of_row, sizes_m2, count), dtype=object)
        fallback = title if target == "source" else None
        named[target] = value.where(value.notna(), fallback).to_numpy()
    for target in AMOUNTS:
        if chosen.get(target):
            said = first_text(rows.loc[left], chosen[target], target)
            value = pd.Series(agreed(said, unit_of_row, sizes_m2, count), dtype=object)
            named[target] = _amounts(value, target, unit_ids, title)
    index = pd.Index(np.asarray(unit_ids, dtype=object), name=id_name)
    shapes = joined(parts.to_numpy(), unit_of_part, count)
    geometry = gpd.GeoSeries(shapes, index=index, crs=parts.crs)
    areas = gpd.GeoDataFrame(pd.DataFrame(named, index=index), geometry=geometry)
    shared = size[unit_of_row] > 1
    note = noted(
        left[shared],
        ids[left[shared]],
        reason=[f"{number} rows share this id" for number in size[unit_of_row][shared]],
        done="altered",
        detail="united into one area",
    )
    return areas[["geometry", *named]], [note]


def _amounts(
    said: pd.Series[Any], target: str, ids: npt.NDArray[np.object_] | pd.Index[Any], title: str
) -> Floats:
    """Return what parks need or can take, NaN where nothing is said; a number not below 0."""
    number = pd.to_numeric(said.str.replace(",", ""), errors="coerce").to_numpy(dtype=np.float64)
    wrong = said.notna().to_numpy() & ~(np.isfinite(number) & (number >= 0.0))
    if wrong.any():
        first = int(wrong.argmax())
        raise InputError(
            f"{title}: {target}: {int(wrong.sum())} values are not numbers of 0 and more (first:"
            f" '{said.iloc[first]}' of '{ids[first]}'); mend them, or leave the cells empty"
        )
    return number


def largest_overlap(
    buildings: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, tree: shapely.STRtree | None = None
) -> pd.Series[Any]:
    """Find, for each building, the area that holds most of it.

    Parameters
    ----------
    buildings, areas
        Polygons in one and the same metric CRS.
    tree
        Index of the buildings' geometries, where the caller has one.

    Returns
    -------
    Series of object
        Id of the area by building, None where a building touches no area. Of areas that hold
        equal shares, the first by id. The order of neither table matters.

    Raises
    ------
    InputError
        The two are not in the same CRS.
    """
    if buildings.crs != areas.crs:
        raise InputError("buildings and areas must be in the same CRS before they are joined")
    roofs, zones = buildings.geometry.to_numpy(), areas.geometry.to_numpy()
    found = np.full(len(roofs), None, dtype=object)
    tree = shapely.STRtree(roofs) if tree is None else tree
    # A city is joined part by part: what lies elsewhere must cost nothing there.
    box: Bounds = tuple(buildings.total_bounds.tolist())
    near = np.flatnonzero(meet(shapely.bounds(zones), box))
    border = np.zeros(len(roofs), dtype=np.bool_)
    border[np.unique(tree.query(_edges(zones[near], box))[1])] = True
    zone, roof, common = _shared(tree, roofs, zones[near], border)
    zone = near[zone]
    size = -np.round(common, _DECIMALS)
    real = size < 0.0
    zone, roof, size = zone[real], roof[real], size[real]
    ids = np.asarray(areas.index, dtype=object)
    place = np.empty(len(ids), dtype=np.int64)
    place[np.argsort(ids, kind="stable")] = np.arange(len(ids))
    order = np.lexsort((place[zone], size, roof))
    zone, roof = zone[order], roof[order]
    best = np.flatnonzero(np.diff(roof, prepend=-1))
    found[roof[best]] = ids[zone[best]]
    return pd.Series(found, buildings.index, dtype=object, name=areas.index.name)


def _edges(zones: Geometries, box: Bounds) -> Geometries:
    """Return the edges of the zones' borders that a box may meet, as lines of two points."""
    points, ring = shapely.get_coordinates(
        shapely.get_rings(shapely.get_parts(zones)), return_index=True
    )
    first = np.flatnonzero(np.diff(ring) == 0)
    start, end = points[first], points[first + 1]
    bounds = np.hstack([np.minimum(start, end), np.maximum(start, end)])
    here = meet(bounds, box)
    return np.asarray(shapely.linestrings(np.stack([start[here], end[here]], axis=1)))


_NONE: Final = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def _shared(
    tree: shapely.STRtree, roofs: Geometries, zones: Geometries, border: Flags
) -> tuple[Ints, Ints, Floats]:
    """Return pairs of zone and roof and the area that they share.

    A roof whose bounds meet no edge of any zone lies wholly inside or outside each, bounds
    and all: a corner of them tells. Only roofs at a border are intersected.
    """
    whole = shapely.area(roofs)
    corner = shapely.bounds(roofs)[:, :2]

    def met(number: int) -> tuple[Ints, Ints, Floats]:
        near = np.sort(tree.query(zones[number]))
        if not len(near):
            return _NONE
        # What is prepared is changed as it is asked: a copy, since others may ask the same zone.
        zone = shapely.from_wkb(shapely.to_wkb(zones[number]))
        shapely.prepare(zone)
        apart, cut = near[~border[near]], near[border[near]]
        inside = apart[shapely.contains_xy(zone, corner[apart, 0], corner[apart, 1])]
        covered = shapely.covers(zone, roofs[cut])
        parts = shapely.area(shapely.intersection(zone, roofs[cut[~covered]]))
        roof = np.concatenate([inside, cut[covered], cut[~covered]])
        common = np.concatenate([whole[inside], whole[cut[covered]], parts])
        return np.full(len(roof), number), roof, common

    with ThreadPoolExecutor(_THREADS) as threads:
        pairs = [_NONE, *threads.map(met, range(len(zones)))]
    zone, roof, common = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return zone, roof, common
