"""What colours the places of the map, by goal, and the words that stand at each."""

from __future__ import annotations

import re
from typing import Any, Final

import geopandas as gpd
import pandas as pd

from pvplan import maps
from pvplan.maps.script import with_shape
from pvplan.reports.roofs import roofs_of
from pvplan.tables import Plan
from pvplan.ui import numbers, places
from pvplan.ui.frame import View

LEGENDS: Final = {
    "gap": "gap_legend",
    "used": "used_legend",
    "pace": "pace_legend",
    "potential": "potential_legend",
}
READY: Final = {
    "installed": "ready_installed",
    "under_construction": "ready_under_construction",
    "filed": "ready_filed",
    "feasible": "ready_feasible",
    "needs_survey": "ready_needs_survey",
    "blocked": "ready_blocked",
    "not_assessable": "ready_not_assessable",
}
IN_KILOWATTS: Final = ("gap", "potential")
COLUMNS: Final = {"used": "used_potential_fraction", "potential": "capacity_dc_kw"}


def table_of(plan: Plan, level: str) -> gpd.GeoDataFrame:
    """Return the table of districts or of parks."""
    return plan.districts if level == "district" else plan.parks


def values_of(view: View, level: str, colour: str) -> pd.Series[float]:
    """Return what colours each place of a level as the run holds it, kW or 1; NaN if not known."""
    plan, table = view.plan, table_of(view.plan, level)
    if colour in COLUMNS:
        known: pd.Series[float] = table[COLUMNS[colour]].astype(float)
        return known
    if colour == "gap":
        figures = places.goal_at(plan, view.goal_id, level, table)
        gaps: pd.Series[float] = figures["gap_dc_kw"].astype(float)
        return gaps
    rows = plan.gap_districts if level == "district" else plan.gap_parks
    own = rows[rows["goal_id"] == view.goal_id].drop_duplicates("place_id").set_index("place_id")
    paces: pd.Series[float] = own["pace_ratio"].reindex(table.index).astype(float)
    return paces


def shown_colour(view: View, level: str, colour: str) -> str:
    """Return the colour that can be shown: the potential where no place has a value."""
    return colour if values_of(view, level, colour).notna().any() else "potential"


def coloured(view: View, level: str, colour: str, district: str = "") -> maps.Coloured:
    """Return values, words and captions of a level for the map.

    Parameters
    ----------
    view
        What the reader looks at.
    level
        ``district`` or ``park``.
    colour
        A key of :data:`LEGENDS`.
    district
        The district whose parks stand in front; empty for all.
    """
    table = with_shape(table_of(view.plan, level))
    names = places.names_of(table, view.language)
    found = values_of(view, level, colour).reindex(table.index)
    ids = [str(index) for index in table.index]
    if colour in IN_KILOWATTS:
        values, labels = numbers.in_capacity_unit(found), [_capacity(value) for value in found]
    else:
        values, labels = numbers.in_percent(found), [_percent(value) for value in found]
    values.index = pd.Index(ids)
    return maps.Coloured(
        level=level,
        values=values,
        title=view.say(LEGENDS[colour]).format(unit=numbers.capacity_unit()),
        unknown=view.say("legend_unknown"),
        labels=dict(zip(ids, labels, strict=True)),
        captions={index: (names[index], *lines) for index, lines in _lines(view, level, ids)},
        dimmed=frozenset(ids) - parks_in(view.plan, district) if district else frozenset(),
        around=district,
    )


def _capacity(kilowatts: float) -> str:
    return numbers.capacity(kilowatts, unit="")


def _percent(fraction: float) -> str:
    return numbers.percent(fraction).removesuffix(" %")


def _lines(view: View, level: str, ids: list[str]) -> list[tuple[str, list[str]]]:
    table = table_of(view.plan, level)
    gap = places.goal_at(view.plan, view.goal_id, level, table)["gap_dc_kw"]
    pace = values_of(view, level, "pace")
    told = []
    for index in ids:
        place = table.loc[index]
        lines = {
            "gap": numbers.capacity(gap.loc[index]),
            "installed": numbers.capacity(place["installed_total_dc_kw"]),
            "potential": numbers.capacity(place["capacity_dc_kw"]),
            "used": numbers.percent(place["used_potential_fraction"]),
            "pace_ratio": numbers.percent(pace.loc[index]),
        }
        told.append((index, [f"{view.say(key)} {words}" for key, words in lines.items()]))
    return told


def parks_in(plan: Plan, district_id: str) -> frozenset[str]:
    """Return the parks that have a roof in a district."""
    pairs = roofs_of(plan).pairs()
    return frozenset(map(str, pairs["park_id"][pairs["district_id"] == district_id]))


def roof_words(view: View) -> maps.RoofWords:
    """Return the words about roofs."""
    return maps.RoofWords(
        legend=view.say("roofs_legend"),
        built=view.say("roof_with"),
        not_built=view.say("roof_without"),
        unknown=view.say("roof_unknown"),
        columns={
            "kw": (view.say("potential"), "kWp"),
            "built": (view.say("installed"), "kWp"),
            "density": (view.say("density"), "W/m²"),
            "yield": (view.say("specific_yield"), "kWh/kWp"),
            "state": (view.say("roofs_by_state"), ""),
        },
        states={state: view.say(READY[state]) for state in maps.READINESS},
    )


def facts_of_roof(view: View, roof: pd.Series[Any]) -> list[str]:
    """Return what the page tells of a roof that was clicked: name first."""
    name = str(roof.name) if numbers.missing(roof.get("name")) else str(roof["name"])
    yearly = numbers.ratio(roof["energy_ac_kwh_per_year"], roof["capacity_dc_kw"])
    return [
        re.sub(r"\s+", " ", name),
        f"{view.say('potential')} {numbers.plain(roof['capacity_dc_kw'], 1, 'kWp')}",
        f"{view.say('installed')} {numbers.plain(roof['installed_dc_kw'], 1, 'kWp')}",
        f"{view.say('specific_yield')} {numbers.plain(yearly, 0, 'kWh/kWp')}",
        f"{view.say('roofs_by_state')} {view.say(READY[maps.readiness_of(roof)])}",
    ]
