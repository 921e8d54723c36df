"""A city's capacity goal to districts and parks: by the chosen method, and by every other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pvplan.assumptions import Assumptions, Goal
from pvplan.city import allocation, weighting
from pvplan.errors import AssumptionError
from pvplan.tables import GOAL_ALLOCATION, Floats, names, to_thousandths

AREAS = [
    "usable_area_m2", "capacity_dc_kw", "footprint_area_m2", "economic_potential_dc_kw",
    "full_dc_kw",
]  # fmt: skip
"""What is summed over the roofs of a park in a district; ``full_dc_kw`` is what full installation
asks for: what is begun, feasible or not assessable."""
NO_SHARE = "none"


@dataclass(frozen=True)
class Split:
    """A goal split to its places.

    Attributes
    ----------
    chosen
        ALLOCATION by the method of the assumptions: what the targets are.
    every
        GOAL_ALLOCATION: one row for each method and place, beside the chosen one.
    """

    chosen: pd.DataFrame
    every: pd.DataFrame


def is_split(goal: Goal) -> bool:
    """Return whether the goal is a capacity of the city that its places share."""
    capacity = goal.metric in ("installed_dc_kw", "added_dc_kw")
    return capacity and goal.level == "city" and goal.scope != "all"


def pairs_of(kinds: pd.DataFrame) -> pd.DataFrame:
    """Sum kinds of roofs by park and district together, in whole thousandths."""
    pairs = kinds.groupby(["park_id", "district_id"], sort=True)[AREAS].sum()
    return pd.DataFrame({name: to_thousandths(pairs[name]) for name in AREAS}, pairs.index)


def split(
    goal: Goal,
    pairs: pd.DataFrame,
    counted_kw: Floats,
    before_kw: Floats,
    assumptions: Assumptions,
    amounts: pd.DataFrame | None,
) -> Split:
    """Split a goal to the districts, and each district's share to its parks.

    Parameters
    ----------
    goal
        Its target is stated.
    pairs
        Of :func:`pairs_of`: a park's part in one district each.
    counted_kw, before_kw
        Shape (pairs,): what runs there and counts toward the goal; what stood before its
        baseline, and takes room from the roofs.
    assumptions
        Method, bounds and negotiated shares.
    amounts
        Index park; load and hosting capacity where the parks file has them.

    Raises
    ------
    AssumptionError
        The method needs a column that the parks lack; a negotiated share cannot be.
    """
    rules = assumptions.allocation
    places = _with_amounts(pairs, amounts)
    room = pairs["capacity_dc_kw"].to_numpy(dtype=np.float64) - before_kw
    lower, upper = weighting.bounds(np.maximum(room, 0.0), counted_kw, rules)
    of_district, of_park = _negotiated(goal, rules.negotiated, pairs)
    park = [of_park.get(str(place)) for place in pairs.index.get_level_values("park_id")]
    given = np.array([np.nan if kw is None else kw for kw in park], dtype=np.float64)
    rows = places.reset_index().assign(
        lower_kw=np.where(np.isnan(given), lower, given),
        upper_kw=np.where(np.isnan(given), upper, given),
    )
    target = float(goal.target or 0.0)
    if target == 0.0:  # where nothing is asked for, nothing is shared out
        rows["lower_kw"] = 0.0
    found = {}
    for method, column in weighting.WEIGHTS.items():
        if method == rules.method or column in places.columns:
            weight = weighting.weights(method, places)
            table = rows.assign(weight=weight)
            found[method] = allocation.two_level(target, table, method, of_district)
    chosen = found[rules.method]
    every = [_beside(goal, one, chosen.table, rules.method) for one in found.values()]
    return Split(chosen.table, pd.concat(every, ignore_index=True))


def _with_amounts(pairs: pd.DataFrame, amounts: pd.DataFrame | None) -> pd.DataFrame:
    """Give each pair its part of what its park needs or can take, by usable area."""
    if amounts is None:
        return pairs
    park = pairs.index.get_level_values("park_id")
    whole = pairs["usable_area_m2"].groupby(park).transform("sum")
    share = (pairs["usable_area_m2"] / whole.where(whole > 0.0)).fillna(0.0)
    found = {}
    for name in amounts.columns:
        # Roofs outside parks have no meter of a park: they take no part by this method.
        value = amounts[name].reindex(park).to_numpy(dtype=np.float64)
        outside = ~park.isin(amounts.index)
        found[name] = to_thousandths(np.where(outside, 0.0, value * share.to_numpy()))
    return pairs.assign(**found)


def _negotiated(
    goal: Goal, words: tuple[str, ...], pairs: pd.DataFrame
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Read ``GOAL/PLACE=kW`` words: shares of districts and of parks."""
    districts = set(pairs.index.get_level_values("district_id"))
    parks = pairs.index.get_level_values("park_id").value_counts()
    found: tuple[dict[str, float], dict[str, float]] = ({}, {})
    faults = []
    for word in words:
        name, separator, kw = word.rpartition("=")
        goal_id, slash, place = name.partition("/")
        if word == NO_SHARE or (slash and goal_id != goal.id):
            continue
        try:
            share = float(kw)
        except ValueError:
            share = -1.0
        if not (separator and slash and share >= 0.0):
            faults.append(f"allocation.negotiated: '{word}'; write GOAL/PLACE=kW")
        elif place in districts:
            found[0][place] = share
        elif parks.get(place, 0) == 1:
            found[1][place] = share
        else:
            why = "lies in several districts" if place in parks.index else "holds no roof in scope"
            faults.append(f"allocation.negotiated: '{word}': '{place}' {why}")
    if faults:
        raise AssumptionError(faults)
    return found


def _beside(
    goal: Goal, found: allocation.TwoLevel, chosen: pd.DataFrame, method: str
) -> pd.DataFrame:
    """Set one method's shares beside those of the chosen one."""
    table = found.table
    keys = ["level", "district_id", "place_id"]
    base = chosen.set_index(keys)["allocated_dc_kw"]
    at = pd.MultiIndex.from_frame(table[keys])
    difference = to_thousandths(table["allocated_dc_kw"].to_numpy() - base.reindex(at).to_numpy())
    beside = table.assign(
        goal_id=goal.id, is_chosen=table["method"] == method, difference_dc_kw=difference + 0.0,
        shortfall_dc_kw=found.shortfall_kw, surplus_dc_kw=found.surplus_kw,
    )  # fmt: skip
    return beside[names(GOAL_ALLOCATION)]
