"""GOALS, roofs and shares to the account of each place: what is used, and what could be."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from pvplan.tables import GAP, names, scope_of, to_thousandths

_STATES: Final = (
    "feasible_dc_kw", "blocked_dc_kw", "not_assessable_dc_kw", "remainder_dc_kw",
    "over_potential_dc_kw",
)  # fmt: skip
_ON_ROOFS: Final = {
    "installed_dc_kw": "installed_on_roofs_dc_kw",
    "under_construction_dc_kw": "under_construction_on_roofs_dc_kw",
    "filed_dc_kw": "filed_on_roofs_dc_kw",
}
_BOUNDS: Final = ("lower_dc_kw", "upper_dc_kw")


def gap_table(
    kinds: pd.DataFrame, goal_rows: pd.DataFrame, allocation: pd.DataFrame, level: str
) -> pd.DataFrame:
    """Return the account of every place of a level against every goal.

    Parameters
    ----------
    kinds
        Roofs of a kind a row (:func:`pvplan.kinds.kinds_of`).
    goal_rows
        GOALS, with what the draws add.
    allocation
        GOAL_ALLOCATION.
    level
        ``park`` or ``district``.

    Returns
    -------
    DataFrame
        GAP, in the order of the goals; the states sum the roofs in the goal's scope, so that
        potential + over = installed + under construction + filed (each on roofs) + feasible
        + blocked + not assessable + remainder.
    """
    rows = goal_rows[goal_rows["level"] == level]
    held: dict[str, pd.DataFrame] = {}
    for scope in map(str, rows["scope"].unique()):
        held[scope] = _held(kinds, scope, level)
    parts = [
        _of_goal(held[str(of_goal["scope"].iloc[0])], of_goal, allocation, level)
        for _, of_goal in rows.groupby("goal_id", sort=False)
    ]
    if not parts:
        return pd.DataFrame(columns=names(GAP))
    return pd.concat(parts, ignore_index=True)[names(GAP)]


def _held(kinds: pd.DataFrame, scope: str, level: str) -> pd.DataFrame:
    """Sum what the roofs of a scope hold at each place; missing where nothing is registered."""
    mine = scope_of(kinds, scope).to_numpy(dtype=bool)
    place = kinds[f"{level}_id"].to_numpy(dtype=object)[mine]
    here = {name: kinds[name].to_numpy(dtype=np.float64)[mine] for name in (*_STATES, *_ON_ROOFS)}
    whole = pd.DataFrame({name: np.rint(kw * 1000.0) for name, kw in here.items()})
    if whole["installed_dc_kw"].isna().any():
        whole[list(_ON_ROOFS)] = np.nan
    count = kinds["roof_count"].where(kinds["roof_state"] == "feasible", 0).to_numpy()[mine]
    sums = whole.groupby(place).sum(min_count=1).div(1000.0)
    return sums.assign(feasible_roof_count=pd.Series(count).groupby(place).sum())


def _of_goal(
    held: pd.DataFrame, rows: pd.DataFrame, allocation: pd.DataFrame, level: str
) -> pd.DataFrame:
    places = pd.Index(rows["place_id"])
    found: dict[str, Any] = {name: _at(held[name], places) for name in _STATES}
    found["feasible_roof_count"] = _at(held["feasible_roof_count"], places).astype(np.int64)
    for name, shown in _ON_ROOFS.items():
        known = held[name].notna().all()
        found[shown] = _at(held[name], places) if known else np.full(len(places), np.nan)
    shares = allocation[
        allocation["is_chosen"].astype(bool)
        & (allocation["goal_id"] == rows["goal_id"].iloc[0])
        & (allocation["level"] == level)
    ]
    return rows.assign(**found, **_shares(shares, places))


def _at(values: pd.Series[Any], places: pd.Index[Any]) -> Any:
    """Return the values at the places; one without roofs in scope sums to 0."""
    return values.reindex(places).fillna(0.0).to_numpy(dtype=np.float64)


def _shares(shares: pd.DataFrame, places: pd.Index[Any]) -> dict[str, Any]:
    """Return the bounds of each place's share, and the one at which it stands in every part."""
    if shares.empty:
        none = np.full(len(places), None, dtype=object)
        return {**{name: np.full(len(places), np.nan) for name in _BOUNDS}, "bound": none}
    by = shares.groupby("place_id")
    found: dict[str, Any] = {
        name: to_thousandths(by[name].sum(min_count=1).reindex(places)) for name in _BOUNDS
    }
    stands = {name: by[name].all().reindex(places) for name in ("fixed", "at_lower", "at_upper")}
    same = (shares["lower_dc_kw"] == shares["upper_dc_kw"]).groupby(shares["place_id"]).all()
    lower, upper = (stands[name].eq(True).to_numpy() for name in ("at_lower", "at_upper"))
    both = stands["fixed"].eq(True).to_numpy() | (lower & upper & same.reindex(places).eq(True))
    bound = np.full(len(places), None, dtype=object)
    for word, stands_there in (("lower", lower), ("upper", upper), ("negotiated", both)):
        bound[stands_there] = word
    return {**found, "bound": bound}
