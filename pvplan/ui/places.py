"""Look up what a page shows of a place: its name, its districts, its figures for a goal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from pvplan.reports.roofs import in_park, roof_of, roofs_of
from pvplan.tables import OUTSIDE_DISTRICTS, OUTSIDE_PARKS, Plan
from pvplan.ui.numbers import missing, plain
from pvplan.ui.words import Language, say

GOAL_FIGURES: Final = ["target_dc_kw", "installed_dc_kw", "gap_dc_kw", "verdict"]
LEVEL_FIGURES: Final = {
    "target_dc_kw": "target_dc_kw",
    "installed_in_scope_dc_kw": "installed_dc_kw",
    "gap_dc_kw": "gap_dc_kw",
}
LEVELS: Final = ("city", "district", "park")
LONGEST_STEM: Final = 80
LABELLED: Final = ("name", "capacity_dc_kw")
"""The columns of which :func:`roof_labels` are made."""


def name_of(place: pd.Series[Any], language: Language) -> str:
    """Return a place's name in a language, else in the other one, else its id."""
    if place.name == OUTSIDE_PARKS:
        return say("outside_parks", language)
    if place.name == OUTSIDE_DISTRICTS:
        return say("outside_districts", language)
    order = ("name_zh", "name_en") if language == "zh" else ("name_en", "name_zh")
    for column in order:
        if not missing(place.get(column)) and str(place[column]).strip():
            return str(place[column])
    return str(place.name)


def names_of(places: pd.DataFrame, language: Language) -> dict[str, str]:
    """Return the name of each place by its id."""
    return {str(index): name_of(place, language) for index, place in places.iterrows()}


def roof_labels(roofs: pd.DataFrame) -> dict[str, str]:
    """Return for each roof id its name, else its id, with what it can carry."""
    kilowatts = roofs["capacity_dc_kw"]
    return {
        str(index): f"{index if missing(name) else name}  ·  {plain(capacity, 1, 'kWp')}"
        for index, name, capacity in zip(roofs.index, roofs["name"], kilowatts, strict=True)
    }


def largest_roofs(plan: Plan, park_id: str | None, most: int) -> pd.DataFrame:
    """Return name and capacity of the largest roofs of a park (None: of all), largest first."""
    at = None if park_id is None else in_park(park_id)
    roofs = roofs_of(plan).columns(LABELLED, at)
    order = roofs.sort_values("capacity_dc_kw", ascending=False, kind="stable")
    return order.head(most)


def distinct(names: Mapping[str, str]) -> dict[str, str]:
    """Return the names with the id behind each that is not the only one of its kind.

    Streamlit tells the options of a selectbox apart by the words that it shows.
    """
    times = Counter(names.values())
    return {key: name if times[name] == 1 else f"{name}  ·  {key}" for key, name in names.items()}


def districts_of_parks(plan: Plan, language: Language) -> dict[str, str]:
    """Return for each park id the districts that its roofs lie in, most roofs first."""
    names = names_of(plan.districts, language)
    pairs = roofs_of(plan).pairs().sort_values("roof_count", ascending=False, kind="stable")
    listed: dict[str, list[str]] = {}
    for park_id, district_id in zip(pairs["park_id"], pairs["district_id"], strict=True):
        listed.setdefault(str(park_id), []).append(names.get(str(district_id), str(district_id)))
    mark = "、" if language == "zh" else ", "
    return {park_id: mark.join(districts) for park_id, districts in listed.items()}


def park_of(plan: Plan, roof_id: str) -> str:
    """Return the park of a roof, or the id of the row "outside parks"."""
    park_id = roof_of(plan, roof_id)["park_id"]
    return OUTSIDE_PARKS if missing(park_id) else str(park_id)


def goal_at(plan: Plan, goal_id: str | None, level: str, places: pd.DataFrame) -> pd.DataFrame:
    """Return target, installed, gap and verdict of a goal for every place of a level.

    Parameters
    ----------
    plan
        The plan.
    goal_id
        The goal; None where the run has no goal.
    level
        ``city``, ``district`` or ``park``.
    places
        The table of that level.

    Returns
    -------
    DataFrame
        Indexed like ``places``, columns :data:`GOAL_FIGURES` [kWp], missing where not known.
    """
    goals = plan.goals
    rows = goals[(goals["goal_id"] == goal_id) & (goals["level"] == level)]
    if len(rows):
        found = rows.drop_duplicates("place_id").set_index("place_id")[GOAL_FIGURES]
        return found.reindex(places.index)
    # A level table carries the figures of the one goal that it names.
    figures = places.reindex(columns=list(LEVEL_FIGURES)).rename(columns=LEVEL_FIGURES)
    return figures.where(places["goal_id"] == goal_id).reindex(columns=GOAL_FIGURES)


def headline_rows(plan: Plan) -> pd.DataFrame:
    """Return one row for each goal: the one of its highest level, in the order of the run."""
    goals = plan.goals
    rank = goals["level"].map({level: place for place, level in enumerate(LEVELS)})
    order = goals.assign(rank=rank).sort_values("rank", kind="stable")
    first = order.drop_duplicates("goal_id").set_index("goal_id")
    return first.loc[list(dict.fromkeys(goals["goal_id"]))]


def headline_row(plan: Plan, goal_id: str) -> pd.Series[Any]:
    """Return the row of a goal at its highest level."""
    goals = headline_rows(plan)
    row: pd.Series[Any] = goals.iloc[list(goals.index).index(goal_id)]
    return row


def goal_name(row: pd.Series[Any], language: Language) -> str:
    """Return a goal's name in a language."""
    return _in_language(row, "name", language) or str(row.name)


def reason_of(row: pd.Series[Any], language: Language) -> str:
    """Return why a verdict was given."""
    return _in_language(row, "reason", language)


def clause_of(row: pd.Series[Any], language: Language) -> str:
    """Return the clause's text; the English one is a gloss and follows the Chinese."""
    zh, en = _in_language(row, "clause", "zh"), _in_language(row, "clause", "en")
    return zh if language == "zh" else f"{en}\n{zh}"


def text_of(value: Any) -> str:
    """Return a text of a table, empty where it is missing."""
    return "" if missing(value) else str(value)


def file_stem(text: str) -> str:
    """Return what of a text may stand in the name of a file, whatever an id holds."""
    return re.sub(r"[^\w-]+", "-", text)[:LONGEST_STEM]


def drivers_of(plan: Plan, goal_id: str) -> pd.DataFrame:
    """Return what widens the gap of a goal, most first.

    Parameters
    ----------
    plan
        The plan; entries of ``meta["drivers"]`` that name no goal speak of the headline goal.
    goal_id
        The goal.

    Returns
    -------
    DataFrame
        ``name_zh``, ``name_en``, ``narrowing_kw``, ``variance_fraction``; what narrows nothing
        is left out.
    """
    columns = ["name_zh", "name_en", "narrowing_kw", "variance_fraction"]
    headline = plan.meta.get("headline_goal")
    own = [
        {name: driver.get(name) for name in columns}
        for driver in plan.meta.get("drivers") or ()
        if driver.get("goal_id", headline) == goal_id
    ]
    rows = pd.DataFrame(own, columns=columns)
    return rows[pd.to_numeric(rows["narrowing_kw"]) > 0.0].reset_index(drop=True)


def _in_language(row: pd.Series[Any], stem: str, language: Language) -> str:
    for column in (f"{stem}_{language}", f"{stem}_zh", f"{stem}_en"):
        if not missing(row.get(column)):
            return str(row[column])
    return ""
