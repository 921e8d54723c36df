"""Two ways of splitting a goal side by side: the target of each place, and who wins and loses."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from pvplan.tables import Plan
from pvplan.ui.places import headline_row, text_of
from pvplan.ui.words import Language, say, say_code

# How a target comes about that nobody split; a pair that is not known is told as it stands.
BASES: Final = {
    ("installed_dc_kw", "mw"): "basis_stated",
    ("added_dc_kw", "mw"): "basis_added",
    ("full_installation", "usable_roof"): "basis_full",
    ("coverage_fraction", "gross_roof"): "basis_gross",
    ("coverage_fraction", "usable_roof"): "basis_usable",
    ("share_of_plants", "share_of_plants"): "basis_plants",
}
OUTCOMES: Final = ("gains", "loses", "same")


def chosen_method(plan: Plan, goal_id: str | None) -> str | None:
    """Return the method by which a goal is split, None for a goal that is not split."""
    rows = plan.allocation
    found = rows[(rows["goal_id"] == goal_id) & rows["is_chosen"].astype(bool)]["method"]
    return None if found.empty else str(found.iloc[0])


def other_methods(plan: Plan, goal_id: str | None) -> list[str]:
    """Return the further methods that a goal was split by, in the order of the run."""
    rows = plan.allocation
    found = rows[(rows["goal_id"] == goal_id) & ~rows["is_chosen"].astype(bool)]["method"]
    return [str(method) for method in dict.fromkeys(found)]


def target_told(plan: Plan, goal_id: str, level: str, language: Language) -> str:
    """Tell how the targets of a level came about.

    Parameters
    ----------
    plan
        The plan.
    goal_id
        A goal of the plan.
    level
        ``city``, ``district`` or ``park``.
    language
        Of the words.
    """
    method = chosen_method(plan, goal_id)
    if method is not None and level != "city":
        return f"{say('split_by', language)}{say_code('method', method, language)}"
    goal = headline_row(plan, goal_id)
    basis = BASES.get((str(goal["metric"]), str(goal["denominator"])))
    return say(basis, language) if basis else text_of(goal["target_method"])


def left_over_kw(plan: Plan, goal_id: str, method: str) -> tuple[float, float]:
    """Return what a method leaves without a place, and holds above the goal, kWp; NaN: not told."""
    rows = plan.allocation
    rows = rows[(rows["goal_id"] == goal_id) & (rows["method"] == method)]
    told = rows.reindex(columns=["shortfall_dc_kw", "surplus_dc_kw"]).iloc[0]
    return float(told.iloc[0]), float(told.iloc[1])


def side_by_side(plan: Plan, goal_id: str, level: str, method: str) -> pd.DataFrame:
    """Return the targets of each place by the method in use and by another.

    Parameters
    ----------
    plan
        The plan.
    goal_id, method
        A goal that is split, and a method of :func:`other_methods`.
    level
        ``district`` or ``park``; the parts of a park in several districts are added.

    Returns
    -------
    DataFrame
        Indexed by place: ``chosen_dc_kw``, ``other_dc_kw``, ``difference_dc_kw`` (other less
        chosen) [kWp] and ``outcome`` (:data:`OUTCOMES`); who gains most comes first.
    """
    rows = plan.allocation
    rows = rows[(rows["goal_id"] == goal_id) & (rows["level"] == level)]
    chosen = rows["is_chosen"].astype(bool)
    other = rows[~chosen & (rows["method"] == method)]
    found = pd.DataFrame(
        {
            "chosen_dc_kw": _by_place(rows[chosen], "allocated_dc_kw"),
            "other_dc_kw": _by_place(other, "allocated_dc_kw"),
            "difference_dc_kw": _by_place(other, "difference_dc_kw"),
        }
    )
    difference = found["difference_dc_kw"]
    found["outcome"] = np.select([difference > 0.0, difference < 0.0], OUTCOMES[:2], OUTCOMES[2])
    order = ["difference_dc_kw", "chosen_dc_kw"]
    return found.sort_values(order, ascending=False, kind="stable")


def _by_place(rows: pd.DataFrame, column: str) -> pd.Series[float]:
    """Sum whole thousandths by place: the same digits in any order."""
    thousandths = (rows[column].astype(float) * 1000.0).round()
    sums: pd.Series[float] = thousandths.groupby(rows["place_id"]).sum() / 1000.0
    return sums
