"""What had been installed by when: the systems of the register that count toward a goal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from pvplan.reports.behind import counted_systems
from pvplan.tables import Plan

PACES: Final = {
    "pace_needed": "needed",
    "pace_trailing": "added",
    "pace_trailing_36": "added",
}
"""The columns ``…_kw_per_year`` of a goal by which its pace is judged, and what each is."""


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
