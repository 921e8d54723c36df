"""Kinds of roofs, ledger and goals to the GOALS table: one row for each goal, level and place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from pvplan.assumptions import Assumptions, Goal
from pvplan.city import goals, growth, pace
from pvplan.goal_split import AREAS
from pvplan.goal_view import PLACES, Here, View, or_missing
from pvplan.tables import (
    GOAL_ALLOCATION,
    GOALS,
    OUTSIDE_DISTRICTS,
    OUTSIDE_PARKS,
    names,
    to_thousandths,
)

_Row = dict[str, Any]


@dataclass(frozen=True)
class City:
    """The city of a run."""

    id: str
    name_zh: str
    name_en: str


def goal_table(
    kinds: pd.DataFrame,
    flags: pd.DataFrame,
    ledger: pd.DataFrame | None,
    place_names: dict[str, pd.DataFrame],
    city: City,
    as_of: date,
    assumptions: Assumptions,
    plants: dict[tuple[str, str, str], goals.Plants] | None = None,
    amounts: pd.DataFrame | None = None,
) -> Measured:
    """Measure every enabled goal at the city, its districts and its parks.

    Parameters
    ----------
    kinds
        Roofs of a kind a row (:func:`pvplan.kinds.kinds_of`); places outside by their own word.
    flags
        Scope of the roofs that systems stand on (:func:`pvplan.kinds.flags_of`).
    ledger
        LEDGER with the same words, or None without a register.
    place_names
        Level (``park``, ``district``) to a table indexed by place with name_zh and name_en.
    city
        The city's own row.
    as_of
        Day of the verdicts.
    assumptions
        Goals and module are read.
    plants
        (goal, level, place) to the new plants that pass their clause, where counted.
    amounts
        Index park; load and hosting capacity where known: goals may be split by them.

    Returns
    -------
    Measured
        GOALS, in the order of the goals, then city, districts, parks; and how they were split.
    """
    rows: list[_Row] = []
    held = {column: {str(place) for place in kinds[column].unique()} for column in PLACES.values()}
    wanted = [*PLACES.values(), *AREAS, "in_goal_scope", "is_new_plant"]
    measured = kinds[wanted]
    shares: list[pd.DataFrame] = []
    curves: dict[tuple[str, str, str], growth.Growth | None] = {}
    for goal in assumptions.goals:
        if not goal.enabled:
            continue
        view = View(goal, measured, flags, ledger, as_of, assumptions, amounts)
        if view.split is not None:
            shares.append(view.split.every)
        for level, found in groupby(_places(goal, place_names, city, held), lambda p: p.level):
            places = list(found)
            known = view.at(level, [place.id for place in places], plants or {}, curves)
            rows += [
                _row(goal, view, place, known[place.id], assumptions.goals) for place in places
            ]
    table = pd.DataFrame(rows, columns=names(GOALS))
    for column in GOALS:
        if column.kind == "date":
            table[column.name] = pd.to_datetime(table[column.name]).astype("datetime64[ns]")
    table["rank"] = _ranked(table)
    none = pd.DataFrame(columns=names(GOAL_ALLOCATION))
    return Measured(table, pd.concat(shares, ignore_index=True) if shares else none)


@dataclass(frozen=True)
class Measured:
    """GOALS, and GOAL_ALLOCATION of the goals that are split."""

    goals: pd.DataFrame
    allocation: pd.DataFrame


@dataclass(frozen=True)
class _Place:
    level: str
    id: str
    name_zh: str | None
    name_en: str | None


def _places(
    goal: Goal, place_names: dict[str, pd.DataFrame], city: City, held: dict[str, set[str]]
) -> Iterator[_Place]:
    if goal.level == "city":
        yield _Place("city", city.id, city.name_zh, city.name_en)
        # A goal for all PV of a city cannot be split over industrial roofs.
        if goal.scope == "all":
            return
    for level, column in PLACES.items():
        table = place_names[level]
        if goal.level == "district" and (level != "district" or goal.place_id not in table.index):
            continue
        chosen = {str(goal.place_id)} if goal.level == "district" else held[column]
        named = dict(
            zip(table.index, zip(table["name_zh"], table["name_en"], strict=True), strict=True)
        )
        for place in sorted(chosen | (set() if goal.place_id else set(table.index))):
            yield _Place(level, str(place), *named[place])


METHODS = {
    ("installed_dc_kw", "mw"): "capacity running on the day",
    ("full_installation", "usable_roof"): (
        "technical potential of the usable roofs in scope, without what is blocked with evidence"
        " and the rest of used roofs; never less than what stands"
    ),
    ("coverage_fraction", "gross_roof"): (
        "share of gross roof area under modules, in kW by the module's density"
    ),
    ("coverage_fraction", "usable_roof"): (
        "share of usable roof area under modules, in kW by the module's density"
    ),
    ("added_dc_kw", "mw"): "capacity commissioned after the baseline",
    ("share_of_plants", "share_of_plants"): "share of the plants in scope that pass their clause",
}


def _row(goal: Goal, view: View, place: _Place, here: Here, known: tuple[Goal, ...]) -> _Row:
    verdict = goals.judge(goal, here.standing, view.as_of)
    note = goals.superseded_note(goal, known)
    reasons = [verdict.reason_zh, verdict.reason_en]
    if note is not None:
        reasons = [f"{reasons[0]}；{note[0]}", f"{reasons[1]}; {note[1]}"]
    return {
        **_of_goal(goal),
        "target_method": _method(goal, view),
        "level": place.level,
        "place_id": place.id,
        "place_zh": place.name_zh,
        "place_en": place.name_en,
        "as_of": view.as_of,
        **_measures(goal, view, here),
        **_paces(here, verdict),
        "verdict": verdict.verdict,
        "reason_zh": reasons[0],
        "reason_en": reasons[1],
    }


def _method(goal: Goal, view: View) -> str:
    """Return how the targets of places came about."""
    if view.split is None:
        return METHODS[goal.metric, goal.denominator]
    rules = view.rules
    bounds = {
        "not below what is installed": rules.use_lower_bound,
        "not above the potential": rules.use_upper_bound,
    }
    return "; ".join(
        [f"city target split by {rules.method}", *(b for b, on in bounds.items() if on)]
    )


def _of_goal(goal: Goal) -> _Row:
    return {
        "goal_id": goal.id,
        "name_zh": goal.name_zh,
        "name_en": goal.name_en,
        "clause_zh": goal.clause_zh,
        "clause_en": goal.clause_en,
        "goal_source": goal.document,
        "document_date": goal.document_date,
        "goal_read_in": goal.source,
        "owner": goal.owner,
        "superseded_by": goal.superseded_by,
        "verified": goal.verified,
        "scope": goal.scope,
        "deadline": goal.deadline,
        "metric": goal.metric,
        "denominator": goal.denominator,
        "unit": goal.unit,
    }


def _measures(goal: Goal, view: View, here: Here) -> _Row:
    """Return target, installed and gap in the goal's own unit and in kW, and what stands beside."""
    standing = here.standing
    gap_kw = to_thousandths(standing.target_kw - standing.installed_kw).item()
    target, installed, gap = standing.target_kw, standing.installed_kw, gap_kw
    if goal.metric == "coverage_fraction":
        area = here.roof_area_m2
        installed = installed / view.kw_per_module_m2 / area if area > 0.0 else np.nan
    elif goal.metric == "share_of_plants":
        plants = standing.plants
        installed = plants.passing / plants.count if plants and plants.count else np.nan
    if goal.metric in ("coverage_fraction", "share_of_plants"):
        target, installed = or_missing(goal.target), round(installed, 6)
        gap = round(target - installed, 6)
    potential = standing.roofs_kw
    return {
        "target": target,
        "installed": installed,
        "gap": gap,
        "target_dc_kw": standing.target_kw,
        "installed_dc_kw": standing.installed_kw,
        "gap_dc_kw": gap_kw,
        "unmatched_dc_kw": here.unmatched_kw,
        "undated_dc_kw": standing.undated_kw,
        "under_construction_dc_kw": here.under_construction_kw,
        "filed_dc_kw": here.filed_kw,
        "potential_dc_kw": potential,
        "used_potential_fraction": round(here.stock_kw / potential, 6) if potential else np.nan,
        "unreachable_dc_kw": standing.unreachable_kw,
    }


def _paces(here: Here, verdict: goals.Verdict) -> _Row:
    needed = to_thousandths(verdict.pace_needed_kw_per_year).item()
    trailing = here.standing.trailing_kw_per_year
    # Industry's own pace says nothing of a goal for all PV.
    of_goal = trailing if here.standing.covers_scope else np.nan
    state, curve = here.curve
    return {
        "pace_needed_kw_per_year": needed,
        "pace_trailing_kw_per_year": trailing,
        "pace_trailing_36_kw_per_year": here.trailing_36_kw_per_year,
        "pace_ratio": pace.ratio(np.array([of_goal]), np.array([needed])).item(),
        "attained_on_linear": here.linear[0],
        "attained_on_linear_36": here.linear[1],
        "attained_on_logistic": curve.on,
        "attained_on_logistic_p10": curve.p10,
        "attained_on_logistic_p90": curve.p90,
        "curve_state": state,
    }


def _ranked(table: pd.DataFrame) -> pd.Series[float]:
    """Return each place's rank within goal and level: 1 = widest gap, equal gaps rank equal."""
    outside = table["place_id"].isin([word for word, _, _ in OUTSIDE.values()])
    gap = table["gap_dc_kw"].where(table["gap_dc_kw"].notna(), table["gap"])
    gap = gap.astype(np.float64).where(~outside & ~(table["target_dc_kw"] == 0.0))
    # The fraction of a kW that a share is rounded up by is nobody's gap.
    gap = gap.mask((table["verdict"] == "met") & (gap > 0.0), 0.0)
    rank = gap.groupby([table["goal_id"], table["level"]]).rank(method="min", ascending=False)
    return rank.astype(np.float64)


OUTSIDE = {
    "park": (OUTSIDE_PARKS, "园区以外", "outside parks"),
    "district": (OUTSIDE_DISTRICTS, "区界以外", "outside districts"),
}
