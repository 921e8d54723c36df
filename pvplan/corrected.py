"""Corrections of people put in the place of what the files made us estimate; both are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pvplan.assess import forms_of
from pvplan.assumptions import Assumptions, Shading
from pvplan.errors import InputError
from pvplan.sources.corrections import (
    NOTHING_THERE,
    CorrectionFile,
    drawn,
    read_value,
)
from pvplan.sources.obstructions import ObstructionFile, by_roof, obstructions_of
from pvplan.sources.rejections import noted, rejected_table
from pvplan.tables import CORRECTED, SURVEYED, Floats, names

NOT_MINE: Final = "names a roof that the buildings do not hold"
NOT_ON_ROOF: Final = "does not lie on its roof; check longitude and latitude"
# Facts whose correction replaces a column of the buildings as it is.
_PLAIN: Final = ("height_m", "name", "surveyed_load_kn_per_m2")


@dataclass(frozen=True)
class City:
    """Buildings of a city and what stands on their roofs, in one state of the corrections.

    Attributes
    ----------
    every, buildings
        Every building read (all may shade), and those that are assessed.
    obstructions
        Shape (buildings,): what stands on each roof, or None; None without any.
    drawn
        What a file of obstructions drew.
    """

    every: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    obstructions: npt.NDArray[Any] | None
    drawn: ObstructionFile | None

    def drawn_on(self) -> set[str]:
        """Return the roofs on which something is drawn."""
        if self.obstructions is None:
            return set()
        return set(self.buildings.index[~shapely.is_missing(self.obstructions)].astype(str))


@dataclass(frozen=True)
class Corrected:
    """A city with the corrections that hold.

    Attributes
    ----------
    every, buildings, obstructions
        Every building read, those that are assessed, and what stands on each of these, as people
        corrected them.
    used
        The corrections that fit: ``estimate`` and ``estimate_source`` as the files say today;
        those that fit no roof are among the rejected.
    """

    every: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    obstructions: Any
    used: CorrectionFile


def correct(city: City, found: CorrectionFile, assumptions: Assumptions, title: str) -> Corrected:
    """Put corrections in the place of estimates.

    Parameters
    ----------
    city
        What the files say.
    found
        The corrections that hold.
    assumptions
        Rules of forms and of clearance around obstructions.
    title
        What messages call the file of corrections.
    """
    held, notes = found.holding, []
    every = city.every
    strange = held[~_among(held, every)]
    notes.append(_refused(strange, NOT_MINE))
    held = held.drop(index=strange.index)
    standing, apart = _drawn(held, every, assumptions, title)
    notes += apart
    held = held.drop(index=[row for note in apart for row in note["row"]])
    kept = held.assign(**_estimates(held, city, assumptions))
    rejected = pd.concat(
        [part for part in (found.rejected, rejected_table(notes, kind="corrections", file=title))
         if len(part)] or [found.rejected],
        ignore_index=True,
    )  # fmt: skip
    lost = len(found.holding) - len(held)
    counts = {
        **found.counts,
        "rows_used": found.counts["rows_used"] - lost,
        "rows_rejected": found.counts["rows_rejected"] + lost,
    }
    return Corrected(
        _with_facts(every, held),
        _with_facts(city.buildings, held),
        _with_obstructions(city, held, standing),
        replace(found, holding=kept, rejected=rejected, counts=counts),
    )


def _among(held: pd.DataFrame, buildings: gpd.GeoDataFrame) -> npt.NDArray[np.bool_]:
    """Return which words speak of one of the buildings; the index keeps its table of names."""
    at = buildings.index.get_indexer(pd.Index(held["roof_id"].to_numpy(dtype=object)))
    found: npt.NDArray[np.bool_] = at >= 0
    return found


def _refused(rows: pd.DataFrame, why: str) -> pd.DataFrame:
    return noted(rows.index, rows["roof_id"], reason=why, done="rejected")


def _drawn(
    held: pd.DataFrame, buildings: gpd.GeoDataFrame, assumptions: Assumptions, title: str
) -> tuple[ObstructionFile | None, list[pd.DataFrame]]:
    """Draw the obstructions that hold; those that do not lie on their roof are refused."""
    rows = drawn(held)
    if rows.empty:
        return None, []
    try:
        found = obstructions_of(rows, metric=buildings.crs, rules=assumptions.layout, title=title)
    except InputError:
        return None, [_refused(held.loc[rows.index], "its obstruction cannot be drawn")]
    lost = rows.index.difference(found.shapes.index)
    notes = [_refused(held.loc[lost], "its obstruction cannot be drawn or stands there already")]
    outlines = buildings.geometry.loc[found.shapes["roof_id"]].to_numpy()
    off = ~shapely.intersects(found.shapes.geometry.to_numpy(), outlines)
    notes.append(_refused(held.loc[found.shapes.index[off]], NOT_ON_ROOF))
    return replace(found, shapes=found.shapes[~off]), [note for note in notes if len(note)]


def _estimates(held: pd.DataFrame, city: City, assumptions: Assumptions) -> dict[str, list[str]]:
    """Return what the files say of each corrected fact, and how they came to it."""
    own = city.every.loc[sorted(set(held["roof_id"]))]
    said = estimates_of(own, assumptions, city.drawn_on())
    pairs = [
        said[roof_id][fact] for roof_id, fact in zip(held["roof_id"], held["fact"], strict=True)
    ]
    return {
        "estimate": [value for value, _ in pairs],
        "estimate_source": [source for _, source in pairs],
    }


def estimates_of(
    buildings: gpd.GeoDataFrame, assumptions: Assumptions, drawn_on: set[str]
) -> dict[str, dict[str, tuple[str, str]]]:
    """Return each roof's facts as the files have them: value and source in words of the tables.

    Parameters
    ----------
    buildings
        BUILDINGS without corrections.
    assumptions
        Rules of forms.
    drawn_on
        Roofs on which a file drew obstructions.

    Returns
    -------
    dict
        Roof to fact to (value, source); an unknown fact is empty, its source ``unknown``.
    """
    if not len(buildings):
        return {}
    forms, sources = forms_of(buildings, assumptions)
    found = {}
    for (roof_id, row), form, source in zip(buildings.iterrows(), forms, sources, strict=True):
        share = assumptions.layout.of(form).obstruction_fraction
        drawn_here = str(roof_id) in drawn_on
        found[str(roof_id)] = {
            "roof_form": (str(form), str(source)),
            "height_m": (repr(float(row["height_m"])), str(row["height_source"])),
            "surveyed_load_kn_per_m2": ("", "class"),
            "obstruction": ("", "given") if drawn_here else (repr(share), "share"),
            "completed_on": _given(row["completed_on"], lambda day: day.date().isoformat()),
            "renewal_year": ("", "unknown"),
            "name": _given(row["name"], str),
        }
    return found


def _given(value: Any, write: Any) -> tuple[str, str]:
    return ("", "unknown") if pd.isna(value) else (str(write(value)), "given")


def _with_facts(buildings: gpd.GeoDataFrame, held: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the buildings with what holds in place of what was estimated."""
    here = held[_among(held, buildings)]
    if here.empty:
        return buildings
    told = buildings.copy()
    corrected, load = names(SURVEYED)
    told[corrected], told[load] = False, np.nan
    for fact, rows in here.groupby("fact", sort=True):
        roofs = rows["roof_id"].to_numpy(dtype=object)
        values = [read_value(str(fact), value) for value in rows["value"]]
        if fact in _PLAIN:
            told.loc[roofs, str(fact)] = values
        if fact == "completed_on":
            told.loc[roofs, "completed_on"] = pd.to_datetime(pd.Series(values, roofs))
        if fact == "height_m":
            told.loc[roofs, "height_source"] = CORRECTED
        if fact == "roof_form":
            told.loc[roofs, "roof_form"] = values
            told.loc[roofs, corrected] = True
    return told


def _with_obstructions(city: City, held: pd.DataFrame, standing: ObstructionFile | None) -> Any:
    """Return what stands on each roof; where people saw nothing, nothing stands."""
    said = held[held["fact"] == "obstruction"]
    buildings = city.buildings
    if standing is not None:
        # A correction names its roof: where that is none of these, it stands on none of these.
        named = standing.shapes["roof_id"].isin(buildings.index)
        standing = replace(standing, shapes=standing.shapes[named])
    free = set(said.loc[said["value"] == NOTHING_THERE, "roof_id"])
    if said.empty:
        return city.obstructions
    later = np.full(len(buildings), None, dtype=object)
    if free and standing is not None:
        later = by_roof(standing.shapes, buildings)
    parts = [part.shapes for part in (city.drawn, standing) if part is not None]
    shapes = gpd.GeoDataFrame(pd.concat(parts)) if parts else None
    found = np.full(len(buildings), None, dtype=object)
    if shapes is not None:
        found = by_roof(shapes, buildings)
    # What was drawn in a file is gone from a roof where nothing stands; what people added later
    # stands there.
    for place in np.flatnonzero(buildings.index.isin(sorted(free))):
        found[place] = shapely.Polygon() if later[place] is None else later[place]
    return found


def changed(before: City, after: City, rules: Shading) -> npt.NDArray[np.bool_]:
    """Return the roofs whose figures may differ between two states of one city.

    Parameters
    ----------
    before, after
        The same buildings, corrected otherwise.
    rules
        How low and how far away what shades may stand.

    Returns
    -------
    ndarray of bool, shape (roofs,)
        The roofs corrected, and those over whose horizon a corrected height can rise; rather a
        few too many than one too few.
    """
    own = _differs(before, after)
    heights = [state.every["height_m"].to_numpy(dtype=np.float64) for state in (before, after)]
    moved = np.flatnonzero(heights[0] != heights[1])
    if not len(moved):
        return own
    shapes = after.buildings.geometry.to_numpy()
    casting, top = after.every.geometry.to_numpy()[moved], np.maximum(*heights)[moved]
    roof_m = after.buildings["height_m"].to_numpy(dtype=np.float64)
    per = 1.0 / np.tan(np.radians(rules.min_elevation_deg))
    widest = _across(shapes).max() + _across(casting)
    far = np.minimum(np.maximum(top - roof_m.min(), 0.0) * per, rules.max_distance_m) + widest
    shade, roof = shapely.STRtree(shapes).query(casting, predicate="dwithin", distance=far)
    rise = top[shade] - roof_m[roof]
    reach = np.minimum(rise * per, rules.max_distance_m) + widest[shade]
    near = (rise > 0.0) & (shapely.distance(casting[shade], shapes[roof]) <= reach)
    own[roof[near]] = True
    return own


def _across(shapes: npt.NDArray[Any]) -> Floats:
    """Return the diagonal of each shape's bounds, m."""
    west, south, east, north = shapely.bounds(shapes).T
    found: Floats = np.hypot(east - west, north - south)
    return found


def _differs(before: City, after: City) -> npt.NDArray[np.bool_]:
    differs = np.zeros(len(after.buildings), dtype=bool)
    columns: Sequence[str] = ("height_m", "roof_form", "completed_on", "name", *names(SURVEYED))
    nothing = {names(SURVEYED)[0]: False, names(SURVEYED)[1]: np.nan}
    for column in columns:
        one, other = (
            state.buildings[column]
            if column in state.buildings.columns
            else pd.Series(nothing[column], state.buildings.index)
            for state in (before, after)
        )
        differs |= ~((one == other) | (one.isna() & other.isna())).to_numpy(dtype=bool)
    stands = [
        np.full(len(differs), None, dtype=object) if g.obstructions is None else g.obstructions
        for g in (before, after)
    ]
    missing = [shapely.is_missing(shapes) for shapes in stands]
    differs |= ~(shapely.equals_exact(*stands) | (missing[0] & missing[1]))
    return differs
