"""What had been installed by when: the systems of the register that count toward a goal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from pvplan.reports.roofs import roofs_of
from pvplan.tables import SCOPED, Plan, scope_of

PACES: Final = {
    "pace_needed": "needed",
    "pace_trailing": "added",
    "pace_trailing_36": "added",
}
"""The columns ``…_kw_per_year`` of a goal by which its pace is judged, and what each is."""
PLACE_OF: Final = {"district": "district_id", "park": "park_id"}


def counted_systems(plan: Plan, goal: pd.Series[Any]) -> pd.DataFrame:
    """Return the systems that run on the day and count toward a goal at its place.

    Parameters
    ----------
    plan
        The plan.
    goal
        A row of the goals; its scope, level, place and day are read.

    Returns
    -------
    DataFrame
        Rows of the ledger. Their capacities sum to the goal's ``installed_dc_kw``.
    """
    ledger = plan.ledger
    runs = (ledger["status"] == "commissioned") & ~(ledger["commissioned_on"] > goal["as_of"])
    known = roofs_of(plan).columns(SCOPED, ids=ledger["roof_id"].dropna())
    roofs = known.index[scope_of(known, str(goal["scope"]))]
    on_roof = ledger["roof_id"].isin(roofs)
    by_park = ledger["roof_id"].isna() & (goal["scope"] != "new_industrial")
    counted = runs & (ledger["matched_by"] != "none") & (on_roof | by_park)
    if goal["metric"] == "added_dc_kw":
        counted &= ledger["commissioned_on"] > _baseline(plan, str(goal["goal_id"]))
    place = PLACE_OF.get(str(goal["level"]))
    if place is not None:
        counted &= ledger[place] == goal["place_id"]
    return pd.DataFrame(ledger[counted])


def _baseline(plan: Plan, goal_id: str) -> pd.Timestamp:
    """Return the day from which additions count."""
    days = (goal.get("baseline") for goal in plan.meta.get("goals", ()) if goal["id"] == goal_id)
    told = next(days, None)
    return pd.Timestamp.min if told is None else pd.Timestamp(told)


def installed_by_day(plan: Plan, goal: pd.Series[Any]) -> pd.DataFrame:
    """Return the counted capacity after each day on which some was commissioned.

    Parameters
    ----------
    plan
        The plan.
    goal
        A row of the goals.

    Returns
    -------
    DataFrame
        ``day`` and ``installed_dc_kw`` [kWp], whole thousandths, days ascending, the day of the
        verdicts last. Systems without a day are left out, and those since retired. Empty where
        nothing is dated.
    """
    systems = counted_systems(plan, goal)
    dated = systems[systems["commissioned_on"].notna() & systems["capacity_dc_kw"].notna()]
    if dated.empty:
        return pd.DataFrame({"day": pd.to_datetime([]), "installed_dc_kw": np.array([], float)})
    thousandths = (dated["capacity_dc_kw"].astype(float) * 1000.0).round()
    total = thousandths.groupby(dated["commissioned_on"]).sum().sort_index().cumsum()
    steps = pd.DataFrame({"day": total.index, "installed_dc_kw": total.to_numpy() / 1000.0})
    last = steps.tail(1).assign(day=pd.Timestamp(goal["as_of"]))
    return pd.concat([steps, last], ignore_index=True)


def paces(goal: pd.Series[Any], words: Mapping[str, str]) -> pd.DataFrame:
    """Return what is needed a year and what was added a year, as far as it is known.

    Parameters
    ----------
    goal
        A row of the goals.
    words
        What each of :data:`PACES` is called.

    Returns
    -------
    DataFrame
        ``what``, ``kind`` and ``kilowatts_per_year`` [kW/a]. Empty where none is known.
    """
    rows = [
        (words[name], kind, float(goal[f"{name}_kw_per_year"]))
        for name, kind in PACES.items()
        if not pd.isna(goal[f"{name}_kw_per_year"])
    ]
    return pd.DataFrame(rows, columns=["what", "kind", "kilowatts_per_year"])
