"""The roofs and the systems behind a row of the goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from pvplan.reports.roofs import At, roofs_of
from pvplan.tables import SCOPED, Plan, exact_sum, scope_of

SHOWN_ROWS: Final = 10
_OWED: Final = (
    "capacity_dc_kw", "installed_dc_kw", "under_construction_dc_kw", "filed_dc_kw",
    "feasible_dc_kw", "not_assessable_dc_kw",
)  # fmt: skip
_PLACE: Final = {"district": "district_id", "park": "park_id"}


@dataclass(frozen=True)
class Rows:
    """Rows that a number was summed from: how many, and the largest of them."""

    table: str
    column: str
    count: int
    shown: tuple[tuple[str, float], ...]


def summed(table: str, values: pd.Series[Any]) -> tuple[Rows, float]:
    """Return the rows of a sum, the largest first, and their exact sum."""
    number = values.astype(np.float64)
    first = number.reindex(number.abs().sort_values(ascending=False, kind="stable").index)
    shown = tuple((str(label), float(value)) for label, value in first.head(SHOWN_ROWS).items())
    return Rows(table, str(values.name), len(number), shown), exact_sum(number)


def behind(plan: Plan, kind: str, row: pd.Series[Any]) -> tuple[Rows | None, float | None]:
    """Return the rows that a figure of the goals was summed from, and the figure made anew.

    Parameters
    ----------
    plan
        The run.
    kind
        ``potential`` and ``systems`` sum roofs and systems in the goal's scope; ``scope`` is the
        target, whose rows depend on how it is measured.
    row
        The row of the goals.
    """
    if kind == "systems":
        if np.isnan(row["installed_dc_kw"]):
            return None, None
        return summed("ledger", counted_systems(plan, row)["capacity_dc_kw"])
    if kind == "potential":
        return in_scope(plan, row, "capacity_dc_kw")
    if row["metric"] == "full_installation":
        return _full(plan, row)
    goal = _goal(plan, row)
    if row["metric"] == "coverage_fraction":
        usable = row["denominator"] == "usable_roof"
        area = "usable_area_m2" if usable else "footprint_area_m2"
        rows, area_m2 = in_scope(plan, row, area)
        density = float(plan.meta["derived"]["module_density_kw_per_m2"]["value"])
        return rows, float(goal["target"]) * area_m2 * density
    whole = row["level"] == goal.get("level") and goal.get("target") is not None
    return None, float(goal["target"]) if whole and np.isfinite(row["target_dc_kw"]) else None


def in_scope(plan: Plan, row: pd.Series[Any], column: str) -> tuple[Rows, float]:
    """Return the roofs in scope of a row of the goals behind the sum of one of their columns."""
    if column == "feasible_roof_count":
        states = _in_scope(plan, row, ["roof_state"])["roof_state"]
        count = int((states == "feasible").sum())
        return Rows("roofs", "roof_state", count, ()), float(count)
    return summed("roofs", _in_scope(plan, row, [column])[column])


def _full(plan: Plan, row: pd.Series[Any]) -> tuple[Rows, float]:
    """Return the roofs behind full installation: what is begun, and all that could be.

    A park in a district never owes less than what stands there.
    """
    pairs = ["park_id", "district_id"]
    roofs = _in_scope(plan, row, [*_OWED, *pairs])
    held = roofs[list(_OWED)].fillna(0.0)
    begun = held["under_construction_dc_kw"] + held["filed_dc_kw"]
    room = (held["capacity_dc_kw"] - held["installed_dc_kw"]).clip(lower=0.0)
    could = held["feasible_dc_kw"] + held["not_assessable_dc_kw"]
    owed = (held["installed_dc_kw"] + np.minimum(begun, room) + could).rename("capacity_dc_kw")
    stands = counted_systems(plan, row)
    asked = (owed * 1000.0).round().groupby([roofs[name] for name in pairs]).sum()
    kw = (stands["capacity_dc_kw"] * 1000.0).round().groupby([stands[name] for name in pairs]).sum()
    places = asked.index.union(kw.index)
    most = np.maximum(asked.reindex(places).fillna(0.0), kw.reindex(places).fillna(0.0))
    return summed("roofs", owed)[0], float(most.sum()) / 1000.0


def _goal(plan: Plan, row: pd.Series[Any]) -> Mapping[str, Any]:
    goal_id = row.get("goal_id", row.name)  # pages keep their goals by id
    found: Mapping[str, Any] = next(
        (goal for goal in plan.meta.get("goals", ()) if goal["id"] == goal_id), {}
    )
    return found


def _in_scope(plan: Plan, row: pd.Series[Any], words: Sequence[str]) -> pd.DataFrame:
    """Return columns of the roofs that the goal speaks of at the place."""
    place = _PLACE.get(row["level"])
    at = None if place is None else At(place, str(row["place_id"]))
    roofs = roofs_of(plan).columns([*SCOPED, *words], at)
    return roofs[scope_of(roofs, row["scope"])]


def _here(table: pd.DataFrame, row: pd.Series[Any]) -> pd.Series[bool]:
    column = _PLACE.get(row["level"])
    if column is None:
        return pd.Series(True, index=table.index)
    here: pd.Series[bool] = table[column] == row["place_id"]
    return here


def counted_systems(plan: Plan, row: pd.Series[Any]) -> pd.DataFrame:
    """Return the systems that run on the day and count toward a goal at its place.

    Parameters
    ----------
    plan
        The plan.
    row
        A row of the goals; its scope, level, place and day are read.

    Returns
    -------
    DataFrame
        Rows of the ledger. Their capacities sum to the goal's ``installed_dc_kw``.
    """
    ledger = plan.ledger
    runs = (ledger["status"] == "commissioned") & ~(ledger["commissioned_on"] > row["as_of"])
    roofs = roofs_of(plan).columns(SCOPED, ids=ledger["roof_id"].dropna())
    roofs = roofs[scope_of(roofs, row["scope"])]
    on_roof = ledger["roof_id"].isin(roofs.index)
    by_park = ledger["roof_id"].isna() & (row["scope"] != "new_industrial")
    placed = (ledger["matched_by"] != "none") & (on_roof | by_park)
    baseline = _goal(plan, row).get("baseline")
    if row["metric"] == "added_dc_kw" and baseline:
        runs &= ledger["commissioned_on"] > pd.Timestamp(baseline)
    return pd.DataFrame(ledger[runs & placed & _here(ledger, row)])
