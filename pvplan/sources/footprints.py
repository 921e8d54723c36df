"""Building footprints: from any vector file to one clean row for each roof."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from pvplan.assumptions import Footprints
from pvplan.errors import InputError
from pvplan.sources.attributes import DAYS, agreed, first_text, read_dates, read_roof_forms
from pvplan.sources.cleaning import polygons_in_metres, row_ids
from pvplan.sources.coordinates import Datum, metric_crs
from pvplan.sources.fields import chosen_columns
from pvplan.sources.heights import chosen_heights, read_lengths
from pvplan.sources.overlaps import NOBODY
from pvplan.sources.rejections import rejected_table, rows_noted
from pvplan.sources.roofs import Roofs, roofs_of, without_repeats
from pvplan.sources.vectors import read_vector
from pvplan.tables import Floats

Progress = Callable[[str], None]

_TEXTS: Final = ("name", "use", "source", "other_renewable", "exempt_reason")
_DATES: Final = ("completed_on", "started_on")
_AGREED: Final = ("roof_form", *_TEXTS, *_DATES)


@dataclass(frozen=True)
class FootprintFile:
    """What a footprint file held.

    Attributes
    ----------
    buildings
        Metric CRS, index ``roof_id`` (text, unique, sorted). Columns: geometry (a Polygon; a
        MultiPolygon where several rows share an id), name, height_m, height_source, roof_form
        (None where not given), use, completed_on (NaT where not given), source; and the
        evidence of ``tables.CLAUSE_EVIDENCE``, missing where not given.
    rejected
        Columns of ``tables.REJECTED``: rows that were rejected or altered, and why.
    counts
        rows_read, rows_used, rows_rejected, rows_altered, pieces_added (a MultiPolygon became
        several roofs), pieces_merged (several rows became one), pieces_left_out, roofs,
        height_given, height_floors, height_default. Always rows_read = rows_used +
        rows_rejected and roofs = rows_used + pieces_added - pieces_merged.
    warnings
        What a person should know about the file as a whole.
    """

    buildings: gpd.GeoDataFrame
    rejected: pd.DataFrame
    counts: Mapping[str, int]
    warnings: tuple[str, ...]


def read_footprints(
    path: str | Path,
    rules: Footprints,
    *,
    datum: Datum = "wgs84",
    crs: str | None = None,
    layer: str | None = None,
    metric: pyproj.CRS | None = None,
    field_map: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> FootprintFile:
    """Read building footprints and account for every row.

    Rows that share an identifier become one building; a MultiPolygon with an identifier of its
    own becomes several roofs ``ID_1``, ``ID_2``, …. Slivers, exact duplicates and footprints
    inside another are rejected, unless taller by a storey or more; one without a height takes
    that of those inside it.

    Parameters
    ----------
    path
        GeoJSON, GeoPackage, shapefile (.shp, or zipped), GeoParquet, FlatGeobuf or KML.
    rules
        Sizes, default heights and tolerances (``footprints.toml``).
    datum
        What the degrees of the file really are, whatever its CRS declares.
    crs
        CRS of the coordinates, where the file does not say or says it wrongly.
    layer
        Layer to read, where a file holds several.
    metric
        Projected CRS of the result; by default the UTM zone of the place.
    field_map
        Target column to column of the file, beyond ``fields.toml``; an empty text: none.
    progress
        Called with a word when a stage begins.

    Returns
    -------
    FootprintFile
        Buildings, rejected and altered rows, counts, warnings.

    Raises
    ------
    InputError
        The file cannot be used: see :func:`~pvplan.sources.vectors.read_vector`; too many
        impossible heights; a mapped column is absent; no usable polygon at all.
    AssumptionError
        Unknown datum or mapping target.
    """
    tell = progress or _silent
    title = Path(path).name
    tell("reading footprints")
    rows = read_vector(path, layer=layer, crs=crs, title=title)
    chosen = chosen_columns(_columns(rows), "buildings", field_map=field_map, title=title)
    trusted = "roof_id" in (field_map or {})
    ids, id_warnings = row_ids(rows, chosen["roof_id"], trusted=trusted, title=title)
    tell("repairing footprints")
    parts, notes = polygons_in_metres(
        rows,
        ids,
        datum=datum,
        metric=metric or _zone(rows, title),
        closed_rows=rows.attrs["closed_rows"],
    )
    left = rows.index[rows.index.isin(parts.index)]
    ids = ids[left]
    said, said_notes = _attributes(rows.loc[left], ids, chosen, rules, title)
    tell("comparing footprints")
    laid, laid_notes = roofs_of(parts, ids, said)
    given, floors = (_own_of_roofs(laid, said[target]) for target in ("height_m", "floors"))
    top_m = np.where(np.isnan(given), floors * rules.storey_height_m, given)
    kept, kept_notes, repeat_warnings = without_repeats(laid, top_m, rules, title)
    rejected = rejected_table(
        [*notes, *said_notes, *laid_notes, *kept_notes], kind="buildings", file=title
    )
    if not kept.alive.any():
        raise InputError(_nothing_left(title, len(rows), rejected))
    buildings = _buildings(kept, said, parts, rules, title)
    counts = _counts(kept, buildings, rejected, len(rows))
    warnings = (*rows.attrs["warnings"], *id_warnings, *repeat_warnings, *_doubts(counts, title))
    return FootprintFile(buildings, rejected, counts, warnings)


def _silent(_: str) -> None:
    return None


def _columns(rows: gpd.GeoDataFrame) -> list[str]:
    return [str(column) for column in rows.columns if column != "geometry"]


def _zone(rows: gpd.GeoDataFrame, title: str) -> pyproj.CRS:
    try:
        return metric_crs(rows)
    except InputError as error:
        raise InputError(f"{title}: {error}") from error


def _attributes(
    rows: pd.DataFrame,
    ids: pd.Series[Any],
    chosen: Mapping[str, list[str]],
    rules: Footprints,
    title: str,
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Read what the rows say, in our words: given height, floors, texts, form and date."""
    first = {target: next(iter(columns), None) for target, columns in chosen.items()}
    share = rules.max_bad_height_fraction
    faults: list[str] = []
    said, notes = pd.DataFrame(index=rows.index), []
    highest = {
        "height_m": rules.max_height_m,
        "floors": rules.max_height_m / rules.storey_height_m,
    }
    for target, limit in highest.items():
        try:
            said[target], found = read_lengths(
                rows, ids, column=first[target], target=target, highest=limit,
                max_bad_fraction=share, title=title,
            )  # fmt: skip
            notes += found
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    for target in _TEXTS:
        said[target] = first_text(rows, chosen[target], target)
    said["roof_form"], form_notes = read_roof_forms(rows, ids, first["roof_form"])
    notes += form_notes
    for target in _DATES:
        said[target], found = read_dates(rows, ids, first[target])
        notes += found
    return said, notes


def _buildings(
    roofs: Roofs, said: pd.DataFrame, parts: gpd.GeoSeries, rules: Footprints, title: str
) -> gpd.GeoDataFrame:
    unit = roofs.unit_of_row
    count = len(roofs.unit_ids)
    areas = parts.area.groupby(level=0).sum().reindex(said.index).to_numpy()
    alive, roof_unit = roofs.alive, roofs.unit[roofs.alive]
    by_unit = {target: agreed(said[target], unit, areas, count) for target in _AGREED}
    given, floors = _heights_of_roofs(roofs, said)
    heights, height_source = chosen_heights(given[alive], floors[alive], rules)
    index = pd.Index(roofs.labels[alive], name="roof_id", dtype=object)

    def texts(target: str, otherwise: str | None) -> pd.Series[Any]:
        said_here = by_unit[target][roof_unit].astype(object)
        said_here[pd.isna(said_here)] = otherwise
        return pd.Series(said_here, index, dtype=object)

    columns: dict[str, Any] = {
        "name": texts("name", None),
        "height_m": heights,
        "height_source": height_source,
        "roof_form": texts("roof_form", None),
        "use": texts("use", rules.default_use),
        "completed_on": by_unit["completed_on"][roof_unit].astype(DAYS),
        "source": texts("source", title),
        "started_on": by_unit["started_on"][roof_unit].astype(DAYS),
        "other_renewable": texts("other_renewable", None),
        "exempt_reason": texts("exempt_reason", None),
    }
    table = pd.DataFrame(columns, index=index)
    geometry = gpd.GeoSeries(roofs.shapes[alive], index=index, crs=parts.crs)
    frame = gpd.GeoDataFrame(table, geometry=geometry).sort_index()
    return frame[["geometry", *columns]]


def _own_of_roofs(roofs: Roofs, said: pd.Series[Any]) -> Floats:
    """Return the largest number that the rows of each roof say, NaN where they say none."""
    of_unit = np.full(len(roofs.unit_ids), np.nan)
    np.fmax.at(of_unit, roofs.unit_of_row, said.to_numpy(dtype=np.float64))
    return of_unit[roofs.unit]


def _heights_of_roofs(roofs: Roofs, said: pd.DataFrame) -> tuple[Floats, Floats]:
    """Take the largest height and floor count of a roof's rows; without any, of those inside it.

    OpenStreetMap draws an outline without a height around parts that have one.
    """
    own, lent = [], []
    inside = np.flatnonzero(roofs.holder != NOBODY)
    for target in ("height_m", "floors"):
        own.append(_own_of_roofs(roofs, said[target]))
        of_parts = np.full(len(roofs.unit), np.nan)
        np.fmax.at(of_parts, roofs.holder[inside], own[-1][inside])
        lent.append(of_parts)
    bare = np.isnan(own[0]) & np.isnan(own[1])
    return np.where(bare, lent[0], own[0]), np.where(bare, lent[1], own[1])


def _counts(
    roofs: Roofs, buildings: gpd.GeoDataFrame, rejected: pd.DataFrame, rows_read: int
) -> dict[str, int]:
    alive = np.bincount(roofs.unit[roofs.alive], minlength=len(roofs.unit_ids))
    size = np.bincount(roofs.unit_of_row, minlength=len(roofs.unit_ids))
    used, parts, sizes = int(size[alive > 0].sum()), alive[alive > 0], size[alive > 0]
    dead = roofs.unit[~roofs.alive]
    source = buildings["height_source"].value_counts()
    return {
        "rows_read": rows_read,
        "rows_used": used,
        "rows_rejected": rows_noted(rejected, "rejected"),
        "rows_altered": rows_noted(rejected, "altered"),
        "pieces_added": int((parts - 1).sum()),
        "pieces_merged": int((sizes - 1).sum()),
        "pieces_left_out": int((alive[dead] > 0).sum()),
        "roofs": len(buildings),
        **{f"height_{name}": int(source.get(name, 0)) for name in ("given", "floors", "default")},
    }


def _doubts(counts: Mapping[str, int], title: str) -> list[str]:
    if 2 * counts["pieces_merged"] < counts["rows_used"]:
        return []
    return [
        f"{title}: {counts['pieces_merged']} of {counts['rows_used']} rows were merged because "
        "they share an id; if the column does not identify buildings, name another: "
        "--map roof_id=OTHER (or --map roof_id= for none)"
    ]


def _nothing_left(title: str, rows_read: int, rejected: pd.DataFrame) -> str:
    reasons = rejected.loc[rejected["done"] == "rejected", "reason"].value_counts()
    told = "; ".join(f"{count} × {reason}" for reason, count in list(reasons.items())[:5])
    return f"{title}: none of {rows_read} rows can be used as a roof ({told}); check the file"
