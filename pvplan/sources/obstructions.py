"""Obstructions on roofs: equipment, stair heads, vents and skylights, with the strip around them.

A row is a point with a radius, or an outline. What comes back is the ground that no module may
stand on: the obstruction itself and, around all but skylights, a clearance that grows with its
height.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from pvplan.assumptions import Layout
from pvplan.errors import InputError
from pvplan.sources.attributes import first_text
from pvplan.sources.cleaning import Geometries, joined, polygons_in_metres, row_ids
from pvplan.sources.coordinates import Datum, to_wgs84
from pvplan.sources.fields import chosen_columns, field_table, texts
from pvplan.sources.rejections import noted, rejected_table, rows_noted
from pvplan.sources.vectors import read_vector
from pvplan.tables import Floats, Ints

_POINTS: Final = (0, 4)  # Point, MultiPoint
_LARGEST_M: Final = 100.0  # of a radius or height on a roof; above lies a slip of the unit
_DECIMALS: Final = 2  # of a metre: files that went through another program differ by less
_QUARTER: Final = 8  # edges to a quarter of a circle
# The polygon drawn for a circle goes around it, so that no clearance is shorter than stated.
_AROUND: Final = float(1.0 / np.cos(np.pi / (4 * _QUARTER)))


@dataclass(frozen=True)
class ObstructionFile:
    """What a file of obstructions held.

    Attributes
    ----------
    shapes
        Metric CRS, index ``row`` (as in the file, first = 1), one for each row used. Columns:
        geometry (Polygon or MultiPolygon, with its clearance), obstruction_id, kind and roof_id
        (None where not given), height_m (0 where not given).
    rejected
        Columns of ``tables.REJECTED``.
    counts
        rows_read, rows_used, rows_rejected, rows_altered, skylights. Always rows_read =
        rows_used + rows_rejected.
    warnings
        What a person should know about the file as a whole.
    """

    shapes: gpd.GeoDataFrame
    rejected: pd.DataFrame
    counts: Mapping[str, int]
    warnings: tuple[str, ...]


def read_obstructions(
    path: str | Path,
    *,
    metric: pyproj.CRS,
    rules: Layout,
    datum: Datum = "wgs84",
    crs: str | None = None,
    layer: str | None = None,
) -> ObstructionFile:
    """Read obstructions, draw the clearance around them, and account for every row.

    Around an obstruction of height h stays ``obstruction_clearance_m +
    obstruction_clearance_per_height × h`` free, around a skylight nothing. The clearance of an
    outline has mitred corners. A radius counts for points only.

    Parameters
    ----------
    path
        Any vector file of :func:`~pvplan.sources.vectors.read_vector`: points with ``radius_m``,
        or polygons; ``height_m``, ``kind`` and ``roof_id`` where known.
    metric
        Projected CRS of the result, m.
    rules
        Clearances (``layout.toml``).
    datum
        What the degrees of the file really are, whatever its CRS declares.
    crs, layer
        CRS and layer, where the file leaves them open.

    Returns
    -------
    ObstructionFile
        Shapes, rejected and altered rows, counts, warnings.

    Raises
    ------
    InputError
        The file cannot be used, or no row of it.
    AssumptionError
        Unknown datum.
    """
    title = Path(path).name
    rows = read_vector(path, layer=layer, crs=crs, title=title)
    return obstructions_of(rows, metric=metric, rules=rules, datum=datum, title=title)


def obstructions_of(
    rows: gpd.GeoDataFrame,
    *,
    metric: pyproj.CRS,
    rules: Layout,
    title: str,
    datum: Datum = "wgs84",
) -> ObstructionFile:
    """Draw the clearance around obstructions that were read; see :func:`read_obstructions`.

    Parameters
    ----------
    rows
        As :func:`~pvplan.sources.vectors.read_vector` returns them.
    metric, rules, datum
        As for :func:`read_obstructions`.
    title
        What messages call the file.

    Raises
    ------
    InputError
        No row can be used.
    """
    ids, said, warnings, notes = _said(rows, rules, title)
    kept = rows.loc[said.index]
    points = np.isin(shapely.get_type_id(kept.geometry.to_numpy()), _POINTS)
    discs, disc_notes = _discs(kept[points], ids, said, datum, metric)
    rest, closed = kept[~points], rows.attrs["closed_rows"]
    drawn, drawn_notes = polygons_in_metres(
        rest, ids[rest.index], datum=datum, metric=metric, closed_rows=closed
    )
    shapes = pd.concat([discs, _widened(drawn, said)]).sort_index()
    repeated = _repeats(shapes, said.loc[shapes.index, "roof_id"], ids)
    rejected = rejected_table(
        [*notes, *disc_notes, *drawn_notes, repeated], kind="obstructions", file=title
    )
    shapes = shapes.drop(repeated["row"])
    if shapes.empty:
        raise InputError(_nothing_left(title, len(rows), rejected))
    used = said.loc[shapes.index]
    found = gpd.GeoDataFrame(used[["obstruction_id", "kind", "height_m", "roof_id"]],
                             geometry=gpd.GeoSeries(shapes, crs=metric))  # fmt: skip
    bare = used["height_m"].isna() & ~used["skylight"]
    if bare.any():
        warnings.append(
            f"{title}: {int(bare.sum())} of {len(used)} obstructions have no height: 0 m is taken,"
            f" so that only {rules.obstruction_clearance_m:g} m around them stay free"
        )
    counts = {
        "rows_read": len(rows),
        "rows_used": len(used),
        "rows_rejected": rows_noted(rejected, "rejected"),
        "rows_altered": rows_noted(rejected, "altered"),
        "skylights": int(used["skylight"].sum()),
    }
    return ObstructionFile(found.fillna({"height_m": 0.0}), rejected, counts, tuple(warnings))


def _said(
    rows: gpd.GeoDataFrame, rules: Layout, title: str
) -> tuple[pd.Series[Any], pd.DataFrame, list[str], list[pd.DataFrame]]:
    """Read what the rows say, and leave out those that say what cannot be."""
    columns = [str(column) for column in rows.columns if column != "geometry"]
    chosen = chosen_columns(columns, "obstructions", field_map=None, title=title)
    ids, warnings = row_ids(rows, chosen["obstruction_id"], trusted=False, title=title)
    points = np.isin(shapely.get_type_id(rows.geometry.to_numpy()), _POINTS)
    radius, radius_fault = _lengths(rows, chosen["radius_m"], "radius_m")
    radius_fault[(radius_fault == "") & (radius == 0.0)] = "radius_m 0 makes no obstruction"
    radius_fault[(radius_fault == "") & np.isnan(radius)] = "a point without radius_m"
    radius_fault[~points] = ""
    height, height_fault = _lengths(rows, chosen["height_m"], "height_m")
    kind, roof_id = (_text_or_none(rows, chosen[word], word) for word in ("kind", "roof_id"))
    skylight = kind.map(_is_skylight).to_numpy(dtype=np.bool_)
    clearance = rules.obstruction_clearance_m + rules.obstruction_clearance_per_height * np.where(
        np.isnan(height), 0.0, height
    )
    said = pd.DataFrame(
        {
            "obstruction_id": ids,
            "kind": kind,
            "roof_id": roof_id,
            "height_m": height,
            "radius_m": radius,
            "skylight": skylight,
            "clearance_m": np.where(skylight, 0.0, clearance),
        },
        index=rows.index,
    )
    notes = [
        noted(rows.index[fault != ""], ids[fault != ""], reason=fault[fault != ""], done="rejected")
        for fault in (radius_fault, height_fault)
    ]
    good = (radius_fault == "") & (height_fault == "")
    return ids, said[good], [*rows.attrs["warnings"], *warnings], notes


def _lengths(
    rows: pd.DataFrame, candidates: list[str], target: str
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Read metres, NaN where missing, and say for each row why its value cannot be."""
    fault = np.full(len(rows), "", dtype=object)
    if not candidates:
        return np.full(len(rows), np.nan), fault
    written = pd.Series(texts(rows[candidates[0]]), rows.index, dtype=object)
    values = pd.to_numeric(written, errors="coerce").to_numpy(dtype=np.float64)
    wrong = {
        "'{}' is not a number; write metres": np.isnan(values) & written.notna().to_numpy(),
        "{} m is below 0": values < 0.0,
        f"{{}} m is above {_LARGEST_M:g} m; check the unit": values > _LARGEST_M,
    }
    for why, where in wrong.items():
        fault[where] = [f"{target} {why.format(word)}" for word in written[where]]
    return values, fault


def _text_or_none(rows: pd.DataFrame, candidates: list[str], target: str) -> pd.Series[Any]:
    said = first_text(rows, candidates, target)
    return said.where(said.notna(), None)


def _is_skylight(kind: str | None) -> bool:
    words = field_table()["obstruction_kinds"]["skylight"]
    return kind is not None and any(word in kind.casefold() for word in words)


def _discs(
    rows: gpd.GeoDataFrame,
    ids: pd.Series[Any],
    said: pd.DataFrame,
    datum: Datum,
    metric: pyproj.CRS,
) -> tuple[gpd.GeoSeries, list[pd.DataFrame]]:
    """Draw a circle around each point; those of one row become one shape."""
    fault = np.full(len(rows), "", dtype=object)
    if rows.crs.is_geographic:
        beyond = np.abs(shapely.bounds(rows.geometry.to_numpy()))[:, 2:] > (180.0, 90.0)
        fault[beyond.any(axis=1)] = "a coordinate lies beyond ±180/±90 degrees"
    placed = to_wgs84(rows[["geometry"]], datum).geometry.to_crs(metric).to_numpy()
    fault[(fault == "") & ~_finite(placed)] = "a coordinate is not a number"
    fault[shapely.is_empty(placed)] = "the geometry is empty"
    left = fault == ""
    notes = [noted(rows.index[~left], ids[rows.index[~left]], reason=fault[~left], done="rejected")]
    points, owner = shapely.get_parts(placed[left], return_index=True)
    index = rows.index[left]
    reach = (said["radius_m"] + said["clearance_m"])[index].to_numpy()
    circles = shapely.buffer(points, _AROUND * reach[owner], quad_segs=_QUARTER)
    return gpd.GeoSeries(joined(circles, owner, len(index)), index, crs=metric), notes


def _finite(points: Geometries) -> npt.NDArray[np.bool_]:
    places, owner = shapely.get_coordinates(points, return_index=True)
    finite = np.ones(len(points), dtype=np.bool_)
    finite[owner[~np.isfinite(places).all(axis=1)]] = False
    return finite


def _widened(parts: gpd.GeoSeries, said: pd.DataFrame) -> gpd.GeoSeries:
    """Widen outlines by their clearance; those of one row become one shape."""
    clearance = said.loc[parts.index, "clearance_m"].to_numpy(dtype=np.float64)
    wide = shapely.buffer(parts.to_numpy(), clearance, join_style="mitre")
    index = parts.index.unique()
    return gpd.GeoSeries(
        joined(wide, index.get_indexer(parts.index), len(index)), index, crs=parts.crs
    )


def _repeats(shapes: gpd.GeoSeries, roof_id: pd.Series[Any], ids: pd.Series[Any]) -> pd.DataFrame:
    """Note the rows that keep the same ground free on the same roof as one before."""

    def rounded(places: Floats) -> Floats:
        return np.round(places, _DECIMALS) + 0.0  # no negative zero

    plain = shapely.normalize(shapely.transform(shapes.to_numpy(), rounded))
    key = pd.DataFrame({"shape": shapely.to_wkb(plain), "roof_id": roof_id.to_numpy()})
    first = shapes.index.to_numpy()[
        key.assign(at=np.arange(len(key)))
        .groupby(["shape", "roof_id"], dropna=False, sort=False)["at"]
        .transform("min")
        .to_numpy()
    ]
    again = first != shapes.index.to_numpy()
    return noted(
        shapes.index[again],
        ids[shapes.index[again]],
        reason=[f"repeats row {row} exactly" for row in first[again]],
        done="rejected",
    )


def _nothing_left(title: str, rows_read: int, rejected: pd.DataFrame) -> str:
    reasons = rejected.loc[rejected["done"] == "rejected", "reason"].value_counts()
    told = "; ".join(f"{count} × {reason}" for reason, count in list(reasons.items())[:5])
    return (
        f"{title}: none of {rows_read} rows can be used as an obstruction ({told}); give points"
        " with radius_m, or polygons"
    )


def _meetings(shapes: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame) -> tuple[Ints, Ints]:
    """Pair obstructions with the roofs they meet; one that names its roof meets that one only."""
    if shapes.crs != buildings.crs:
        raise InputError("obstructions and buildings must be in the same CRS")
    tree = shapely.STRtree(shapes.geometry.to_numpy())
    roof, shape = tree.query(buildings.geometry.to_numpy(), predicate="intersects")
    named = shapes["roof_id"].to_numpy(dtype=object)[shape]
    anywhere = pd.isna(named) | ~np.isin(shape, _known(shapes, buildings))
    own = anywhere | (named == buildings.index.to_numpy(dtype=object)[roof])
    return shape[own], roof[own]


def _known(shapes: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame) -> Ints:
    """Return the positions of the obstructions that name a roof there is."""
    return np.flatnonzero(shapes["roof_id"].isin(buildings.index))


def by_roof(shapes: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame) -> Geometries:
    """Unite the obstructions that meet each roof.

    Parameters
    ----------
    shapes
        Those of an :class:`ObstructionFile`. One that names a roof there is counts on that roof
        alone; any other on every roof it meets.
    buildings
        Indexed by ``roof_id``, in the same CRS.

    Returns
    -------
    ndarray of Geometry, shape (buildings,)
        Polygon or MultiPolygon, not cut to the roof; None where nothing meets it. The order of
        the obstructions does not matter.

    Raises
    ------
    InputError
        The two are not in the same CRS.
    """
    found = np.full(len(buildings), None, dtype=object)
    shape, roof = _meetings(shapes, buildings)
    drawn = shapes.geometry.to_numpy()
    # By place, not by row: the same obstructions in another order give the same digits.
    rank = np.empty(len(drawn), dtype=np.int64)
    rank[np.lexsort([*shapely.bounds(drawn).T, shapely.area(drawn)])] = np.arange(len(drawn))
    order = np.lexsort([rank[shape], roof])
    meeting, held = drawn[shape[order]], roof[order]
    present, owner, size = np.unique(held, return_inverse=True, return_counts=True)
    found[held] = meeting
    several = size > 1
    parts, source = shapely.get_parts(meeting[several[owner]], return_index=True)
    pile = (np.cumsum(several) - 1)[owner[several[owner]]]
    found[present[several]] = joined(parts, pile[source], int(several.sum()))
    return found


def placement_doubts(
    shapes: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, found: Geometries, title: str
) -> list[str]:
    """Say which obstructions change nothing, and which roofs they leave nothing of.

    Parameters
    ----------
    shapes, buildings
        As for :func:`by_roof`.
    found
        What it returned.
    title
        What a message calls the file.
    """
    doubts = []
    held = ~shapely.is_missing(found)
    met = np.unique(_meetings(shapes, buildings[held])[0]) if held.any() else np.empty(0)
    alone = np.setdiff1d(np.arange(len(shapes)), met)
    if len(alone):
        doubts.append(
            f"{title}: {len(alone)} of {len(shapes)} obstructions meet no roof (first: row"
            f" {shapes.index[alone[0]]}) and change nothing; check file and datum"
        )
    strange = shapes["roof_id"].notna() & ~shapes["roof_id"].isin(buildings.index)
    if strange.any():
        doubts.append(
            f"{title}: {int(strange.sum())} obstructions name a roof that is not there (first:"
            f" '{shapes['roof_id'][strange].iloc[0]}') and are placed by where they lie"
        )
    outlines = buildings.geometry.to_numpy()[held]
    buried = shapely.covers(found[held], outlines)
    if buried.any():
        doubts.append(
            f"{title}: {int(buried.sum())} roofs lie wholly under obstructions (first:"
            f" '{buildings.index[held][buried][0]}') and carry no module; is it the right file?"
        )
    return doubts
