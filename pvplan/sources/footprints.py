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
import shapely

from pvplan.assumptions import Footprints
from pvplan.errors import InputError
from pvplan.sources.attributes import DAYS, agreed, first_text, read_dates, read_roof_forms
from pvplan.sources.cleaning import polygons_in_metres, row_ids
from pvplan.sources.coordinates import Datum, middles_of, zone_of
from pvplan.sources.fields import chosen_columns
from pvplan.sources.heights import Slips, chosen_heights, read_lengths, refuse_slips
from pvplan.sources.overlaps import NOBODY
from pvplan.sources.rejections import rejected_table, rows_noted
from pvplan.sources.roofs import (
    Roofs,
    notes_left_out,
    roofs_of,
    shared_warning,
    without_repeats,
)
from pvplan.sources.vectors import read_vector
from pvplan.tables import HEIGHT_SOURCES, Floats

Progress = Callable[[str], None]

TEXTS: Final = ("name", "use", "source", "other_renewable", "exempt_reason")
DATES: Final = ("completed_on", "started_on")
AGREED: Final = ("roof_form", *TEXTS, *DATES)
_COUNTS: Final = (
    "rows_read", "rows_used", "rows_rejected", "rows_altered", "pieces_added", "pieces_merged",
    "pieces_left_out", "roofs", *(f"height_{name}" for name in HEIGHT_SOURCES),
)  # fmt: skip


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
        metric=metric or zone_told(middles_of(rows), title),
        closed_rows=rows.attrs["closed_rows"],
    )
    left = rows.index[rows.index.isin(parts.index)]
    ids = ids[left]
    said, said_notes, slips = said_of_rows(rows.loc[left], ids, chosen, rules)
    refuse_slips(slips, rules.max_bad_height_fraction, title)
    for target in TEXTS:
        said[target] = first_text(rows.loc[left], chosen[target], target)
    tell("comparing footprints")
    laid, laid_notes = roofs_of(parts, ids, said)
    facts = facts_of_roofs(laid, said, areas_of_rows(parts, said.index))
    found = without_repeats(laid, tops_of(facts, rules), rules)
    left_out = notes_left_out(found.roofs, found.reason, shapely.area(found.roofs.shapes))
    rejected = rejected_table(
        [*notes, *said_notes, *laid_notes, *left_out, found.notes], kind="buildings", file=title
    )
    if not found.roofs.alive.any():
        reasons = rejected.loc[rejected["done"] == "rejected", "reason"]
        raise InputError(nothing_left(title, len(rows), reasons))
    buildings = buildings_of(found.roofs, facts, rules, title, parts.crs)
    counts = {
        "rows_read": len(rows),
        "rows_rejected": rows_noted(rejected, "rejected"),
        "rows_altered": rows_noted(rejected, "altered"),
        **fates_of(found.roofs),
        **sources_of(buildings),
    }
    shared = shared_warning([found.shared], title)
    warnings = (*rows.attrs["warnings"], *id_warnings, *shared, *doubts(counts, title))
    return FootprintFile(buildings, rejected, in_order(counts), warnings)


def _silent(_: str) -> None:
    return None


def _columns(rows: gpd.GeoDataFrame) -> list[str]:
    return [str(column) for column in rows.columns if column != "geometry"]


def zone_told(middles: Floats, title: str) -> pyproj.CRS:
    """Choose the UTM zone of rows by their middles, shape (rows, 2), degrees.

    Raises
    ------
    InputError
        No zone covers the place.
    """
    try:
        return zone_of(middles)
    except InputError as error:
        raise InputError(f"{title}: {error}") from error


def said_of_rows(
    rows: pd.DataFrame,
    ids: pd.Series[Any],
    chosen: Mapping[str, list[str]],
    rules: Footprints,
) -> tuple[pd.DataFrame, list[pd.DataFrame], list[Slips]]:
    """Read what rows say, in our words: given height, floors, form and dates, but no texts.

    Parameters
    ----------
    rows
        Rows indexed by their number.
    ids
        Identifier of each row.
    chosen
        Target to columns of the file, best first.
    rules
        The highest height and the height of a storey are read.

    Returns
    -------
    DataFrame, list of DataFrame, list of Slips
        A column for each target; notes; and how many heights and floor counts are impossible.
    """
    first = {target: next(iter(columns), None) for target, columns in chosen.items()}
    said, notes, slips = pd.DataFrame(index=rows.index), [], []
    highest = {
        "height_m": rules.max_height_m,
        "floors": rules.max_height_m / rules.storey_height_m,
    }
    for target, limit in highest.items():
        said[target], found, wrong = read_lengths(
            rows, ids, column=first[target], target=target, highest=limit
        )
        notes += found
        slips.append(wrong)
    said["roof_form"], form_notes = read_roof_forms(rows, ids, first["roof_form"])
    notes += form_notes
    for target in DATES:
        said[target], found = read_dates(rows, ids, first[target])
        notes += found
    return said, notes, slips


def areas_of_rows(parts: gpd.GeoSeries, rows: pd.Index[Any]) -> Floats:
    """Return the area of each row, m²; its parts carry its number in their index."""
    areas: Floats = parts.area.groupby(level=0).sum().reindex(rows).to_numpy()
    return areas


def facts_of_roofs(roofs: Roofs, said: pd.DataFrame, areas_m2: Floats) -> pd.DataFrame:
    """Give each roof what its rows say: the largest height, and of the rest the largest piece's.

    Parameters
    ----------
    roofs
        Roofs with their rows.
    said
        What each row says, all targets.
    areas_m2
        Area of each row.

    Returns
    -------
    DataFrame
        A row for each roof: height_m and floors, NaN where none is said, and texts and dates,
        missing where none is said.
    """
    count = len(roofs.unit_ids)
    facts: dict[str, Any] = {
        target: _largest_of_unit(roofs, said[target])[roofs.unit]
        for target in ("height_m", "floors")
    }
    for target in AGREED:
        value = agreed(said[target], roofs.unit_of_row, areas_m2, count)[roofs.unit]
        if target in DATES:
            facts[target] = value.astype(DAYS)
            continue
        words = value.astype(object)
        words[pd.isna(words)] = None
        facts[target] = pd.Series(words, dtype=object)
    return pd.DataFrame(facts)


def tops_of(facts: pd.DataFrame, rules: Footprints) -> Floats:
    """Return the height that each roof's own rows say, m; NaN where they say none."""
    given, floors = facts["height_m"].to_numpy(), facts["floors"].to_numpy()
    return np.where(np.isnan(given), floors * rules.storey_height_m, given)


def buildings_of(
    roofs: Roofs, facts: pd.DataFrame, rules: Footprints, title: str, crs: pyproj.CRS
) -> gpd.GeoDataFrame:
    """Return the kept roofs as BUILDINGS, sorted by ``roof_id``: see :class:`FootprintFile`."""
    alive = roofs.alive
    given, floors = _heights_of_roofs(roofs, facts)
    heights, height_source = chosen_heights(given[alive], floors[alive], rules)
    index = pd.Index(roofs.labels[alive], name="roof_id", dtype=object)
    kept = facts[alive].set_axis(index)

    def texts(target: str, otherwise: str | None) -> pd.Series[Any]:
        return kept[target].where(kept[target].notna(), otherwise).astype(object)

    columns: dict[str, Any] = {
        "name": texts("name", None),
        "height_m": heights,
        "height_source": height_source,
        "roof_form": texts("roof_form", None),
        "use": texts("use", rules.default_use),
        "completed_on": kept["completed_on"],
        "source": texts("source", title),
        "started_on": kept["started_on"],
        "other_renewable": texts("other_renewable", None),
        "exempt_reason": texts("exempt_reason", None),
    }
    table = pd.DataFrame(columns, index=index)
    geometry = gpd.GeoSeries(roofs.shapes[alive], index=index, crs=crs)
    frame = gpd.GeoDataFrame(table, geometry=geometry).sort_index()
    return frame[["geometry", *columns]]


def _largest_of_unit(roofs: Roofs, said: pd.Series[Any]) -> Floats:
    """Return the largest number that the rows of each unit say, NaN where they say none."""
    of_unit = np.full(len(roofs.unit_ids), np.nan)
    np.fmax.at(of_unit, roofs.unit_of_row, said.to_numpy(dtype=np.float64))
    return of_unit


def _heights_of_roofs(roofs: Roofs, facts: pd.DataFrame) -> tuple[Floats, Floats]:
    """Take the largest height and floor count of a roof's rows; without any, of those inside it.

    OpenStreetMap draws an outline without a height around parts that have one.
    """
    own, lent = [], []
    inside = np.flatnonzero(roofs.holder != NOBODY)
    for target in ("height_m", "floors"):
        own.append(facts[target].to_numpy())
        of_parts = np.full(len(roofs.unit), np.nan)
        np.fmax.at(of_parts, roofs.holder[inside], own[-1][inside])
        lent.append(of_parts)
    bare = np.isnan(own[0]) & np.isnan(own[1])
    return np.where(bare, lent[0], own[0]), np.where(bare, lent[1], own[1])


def fates_of(roofs: Roofs) -> dict[str, int]:
    """Count what became of rows and parts: sums over units, whatever roofs they are counted by."""
    alive = np.bincount(roofs.unit[roofs.alive], minlength=len(roofs.unit_ids))
    size = np.bincount(roofs.unit_of_row, minlength=len(roofs.unit_ids))
    parts, sizes = alive[alive > 0], size[alive > 0]
    dead = roofs.unit[~roofs.alive]
    return {
        "rows_used": int(sizes.sum()),
        "pieces_added": int((parts - 1).sum()),
        "pieces_merged": int((sizes - 1).sum()),
        "pieces_left_out": int((alive[dead] > 0).sum()),
    }


def sources_of(buildings: pd.DataFrame) -> dict[str, int]:
    """Count buildings, and where their heights come from."""
    source = buildings["height_source"].value_counts()
    found = {f"height_{name}": int(source.get(name, 0)) for name in HEIGHT_SOURCES}
    return {"roofs": len(buildings), **found}


def in_order(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of :class:`FootprintFile` in the order that they are told in."""
    return {name: counts[name] for name in _COUNTS}


def doubts(counts: Mapping[str, int], title: str) -> list[str]:
    """Warn where most rows were merged by their id: it may not tell buildings apart."""
    if 2 * counts["pieces_merged"] < counts["rows_used"]:
        return []
    return [
        f"{title}: {counts['pieces_merged']} of {counts['rows_used']} rows were merged because "
        "they share an id; if the column does not identify buildings, name another: "
        "--map roof_id=OTHER (or --map roof_id= for none)"
    ]


def nothing_left(title: str, rows_read: int, reasons: pd.Series[Any]) -> str:
    """Say that no row can be used, and the reasons that most were rejected for."""
    told = "; ".join(
        f"{count} × {reason}" for reason, count in list(reasons.value_counts().items())[:5]
    )
    return f"{title}: none of {rows_read} rows can be used as a roof ({told}); check the file"
