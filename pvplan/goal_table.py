"""PLAN roofs, ledger and goals to the GOALS table: one row for each goal, level and place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from pvplan.assumptions import Assumptions, Goal
from pvplan.city import allocation, goals
from pvplan.tables import (
    GOALS,
    OUTSIDE_DISTRICTS,
    OUTSIDE_PARKS,
    Ints,
    exact_sum,
    names,
    to_thousandths,
)

_AREAS = ["usable_area_m2", "capacity_dc_kw", "footprint_area_m2"]
PLACES = {"district": "district_id", "park": "park_id"}


@dataclass(frozen=True)
class City:
    """The city of a run."""

    id: str
    name_zh: str
    name_en: str


def goal_table(
    roofs: pd.DataFrame,
    ledger: pd.DataFrame | None,
    place_names: dict[str, pd.DataFrame],
    city: City,
    as_of: date,
    assumptions: Assumptions,
) -> pd.DataFrame:
    """Measure every enabled goal at the city, its districts and its parks.

    Parameters
    ----------
    roofs
        PLAN roofs; ``park_id`` and ``district_id`` filled (outside ones by their own word).
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

    Returns
    -------
    DataFrame
        GOALS, in the order of the goals, then city, districts, parks.
    """
    rows: list[dict[str, Any]] = []
    held = {column: {str(place) for place in roofs[column].unique()} for column in PLACES.values()}
    measured = roofs[[*PLACES.values(), *_AREAS, "in_goal_scope", "is_new_plant"]]
    at = None if ledger is None else roofs.index.get_indexer(pd.Index(ledger["roof_id"]))
    for goal in assumptions.goals:
        if goal.enabled:
            view = _View(goal, measured, ledger, at, as_of, assumptions)
            rows += [
                _row(goal, view, place, as_of) for place in _places(goal, place_names, city, held)
            ]
    table = pd.DataFrame(rows, columns=names(GOALS))
    for column in ("deadline", "as_of"):
        table[column] = pd.to_datetime(table[column])
    return table


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


class _View:
    """The roofs and systems that one goal speaks of, with each roof's part of the target."""

    def __init__(
        self,
        goal: Goal,
        roofs: pd.DataFrame,
        ledger: pd.DataFrame | None,
        at: Ints | None,
        as_of: date,
        assumptions: Assumptions,
    ) -> None:
        self.goal, self.as_of = goal, as_of
        existing = roofs["in_goal_scope"] & ~roofs["is_new_plant"]
        new = roofs["in_goal_scope"] & roofs["is_new_plant"]
        scope = {
            "existing_industrial": existing,
            "new_industrial": new,
            "industrial": roofs["in_goal_scope"],
            "all": pd.Series(True, index=roofs.index),
        }[goal.scope]
        self.roofs = roofs if scope.all() else roofs[scope]
        module = assumptions.module
        self.kw_per_module_m2 = module.power_w / module.area_m2 / 1000.0
        self.parts = self._targets()
        self.systems, self.unmatched_kw = None, np.nan
        if ledger is not None and at is not None:
            runs = (ledger["status"] == "commissioned").to_numpy(dtype=bool)
            runs = runs & ~(ledger["commissioned_on"] > pd.Timestamp(as_of)).to_numpy(dtype=bool)
            live, roof = ledger[runs], at[runs]
            placed = live["matched_by"] != "none"
            on_roof = (roof >= 0) & scope.to_numpy(dtype=bool)[roof]
            by_park = live["roof_id"].isna() & (goal.scope != "new_industrial")
            counted = ["capacity_dc_kw", "commissioned_on", *PLACES.values()]
            self.systems = live.loc[placed & (on_roof | by_park), counted]
            self.unmatched_kw = exact_sum(live.loc[~placed, "capacity_dc_kw"].fillna(0.0))
            self.first = live["commissioned_on"].min()
        self.parts_of = _split(self.parts)
        self.systems_of = {} if self.systems is None else _split(self.systems)

    def _targets(self) -> pd.DataFrame:
        """Split the target: kW by park and district, additive over both."""
        pairs = self.roofs.groupby(["park_id", "district_id"], sort=True)[_AREAS].sum()
        if self.goal.metric == "full_installation":
            pairs["target"] = to_thousandths(pairs["capacity_dc_kw"])
        elif self.goal.metric == "coverage_fraction":
            needed = (self.goal.target or 0.0) * pairs["footprint_area_m2"]
            pairs["target"] = to_thousandths(needed * self.kw_per_module_m2)
        elif self.goal.scope == "all":
            pairs["target"] = np.nan
        else:
            # Whole thousandths: the order of the roofs must not settle a tie.
            weight = to_thousandths(pairs["usable_area_m2"])
            pairs["target"] = allocation.proportional(_or_missing(self.goal.target), weight)
        return pairs.reset_index()

    def target_kw(self, place: _Place) -> float:
        if self.goal.level == "district" or self.goal.scope == "all":
            return _or_missing(self.goal.target)
        parts = self._at(place, self.parts, self.parts_of)
        if place.level == "city" and self.goal.metric == "installed_dc_kw":
            return _or_missing(self.goal.target) if len(parts) else float("nan")
        return exact_sum(parts["target"]) if len(parts) else 0.0

    def _at(
        self, place: _Place, whole: pd.DataFrame, split: dict[tuple[str, str], pd.DataFrame]
    ) -> pd.DataFrame:
        return whole if place.level == "city" else split.get((place.level, place.id), whole[:0])

    def standing(self, place: _Place) -> goals.Standing:
        target = self.target_kw(place)
        if self.systems is None:
            return goals.Standing(target, np.nan, np.nan, np.nan, np.nan, np.nan)
        here = self._at(place, self.systems, self.systems_of)
        kw = here["capacity_dc_kw"].to_numpy(dtype=np.float64)
        day = here["commissioned_on"].to_numpy()
        undated_kw = exact_sum(kw[np.isnat(day)])
        if self.goal.metric == "added_dc_kw" and self.goal.baseline is not None:
            later = day > np.datetime64(self.goal.baseline)
            kw, day = kw[later], day[later]
        year_ago = np.datetime64(self.as_of - timedelta(days=365))
        known_for_a_year = pd.notna(self.first) and self.first <= pd.Timestamp(year_ago)
        return goals.Standing(
            target_kw=target,
            installed_kw=exact_sum(kw),
            by_deadline_kw=exact_sum(kw[day <= np.datetime64(self.goal.deadline)]),
            undated_kw=undated_kw,
            unmatched_kw=self.unmatched_kw if place.level == "city" else 0.0,
            trailing_kw_per_year=exact_sum(kw[day > year_ago]) if known_for_a_year else np.nan,
            covers_scope=self.goal.scope != "all",
        )

    def footprint_m2(self, place: _Place) -> float:
        return float(self._at(place, self.parts, self.parts_of)["footprint_area_m2"].sum())


def _split(rows: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Return the rows of each (level, place)."""
    return {
        (level, str(place)): group
        for level, column in PLACES.items()
        for place, group in rows.groupby(column, sort=False)
    }


def _or_missing(target: float | None) -> float:
    return float("nan") if target is None else target


METHODS = {
    "installed_dc_kw": "city target; parks and districts in proportion to usable roof area",
    "full_installation": "technical potential of the usable roofs in scope",
    "coverage_fraction": "share of gross roof area under modules, in kW by the module's density",
    "added_dc_kw": "capacity commissioned after the baseline",
}


def _row(goal: Goal, view: _View, place: _Place, as_of: date) -> dict[str, Any]:
    standing = view.standing(place)
    verdict = goals.judge(goal, standing, as_of)
    gap_kw = to_thousandths(standing.target_kw - standing.installed_kw).item()
    target, installed = standing.target_kw, standing.installed_kw
    if goal.metric == "coverage_fraction":
        area = view.footprint_m2(place)
        covered = installed / view.kw_per_module_m2 / area if area > 0.0 else np.nan
        target, installed = _or_missing(goal.target), round(covered, 6)
    gap = gap_kw if goal.metric != "coverage_fraction" else round(target - installed, 6)
    return {
        "goal_id": goal.id,
        "name_zh": goal.name_zh,
        "name_en": goal.name_en,
        "clause_zh": goal.clause_zh,
        "clause_en": goal.clause_en,
        "goal_source": goal.document,
        "verified": goal.verified,
        "scope": goal.scope,
        "level": place.level,
        "place_id": place.id,
        "place_zh": place.name_zh,
        "place_en": place.name_en,
        "deadline": goal.deadline,
        "as_of": as_of,
        "metric": goal.metric,
        "target_method": METHODS[goal.metric],
        "target": target,
        "installed": installed,
        "gap": gap,
        "unit": goal.unit,
        "target_dc_kw": standing.target_kw,
        "installed_dc_kw": standing.installed_kw,
        "gap_dc_kw": gap_kw,
        "unmatched_dc_kw": standing.unmatched_kw,
        "pace_needed_kw_per_year": to_thousandths(verdict.pace_needed_kw_per_year).item(),
        "pace_trailing_kw_per_year": standing.trailing_kw_per_year,
        "verdict": verdict.verdict,
        "reason_zh": verdict.reason_zh,
        "reason_en": verdict.reason_en,
    }


OUTSIDE = {
    "park": (OUTSIDE_PARKS, "园区以外", "outside parks"),
    "district": (OUTSIDE_DISTRICTS, "区界以外", "outside districts"),
}
