"""PLAN roofs to kinds: roofs of which levels, goals and doubts say the same are one row.

What is added up is whole thousandths, so kinds of the parts of a city, joined, are the kinds of
the city to the last digit, however it was cut; nothing that is summed asks for single roofs.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assumptions import Assumptions
from pvplan.city import economics, levels, weighting
from pvplan.city.roof_groups import GROUP, Roofs, headroom, numbered, squares
from pvplan.city.states import OWED_BY, owed_kw
from pvplan.tables import CORRECTED, PLAN_ROOFS, Floats, exact_sum, sum_names, to_thousandths

Words = npt.NDArray[np.object_]
KEYS: Final = (*GROUP, "in_goal_scope", "is_new_plant", "is_ahead", "roof_state")
"""What the roofs of a kind have in common."""
_SQUARES: Final = {
    "capacity_square": "capacity_dc_kw", "energy_square": "energy_ac_kwh_per_year",
}  # fmt: skip
SUMS: Final = (
    *sum_names(PLAN_ROOFS), "economic_potential_dc_kw", "full_dc_kw", "bound_dc_kw",
)  # fmt: skip
"""What is summed over the roofs of a kind; ``full_dc_kw`` is what full installation asks for."""
_FLAGS: Final = ["in_goal_scope", "is_new_plant"]


def kinds_of(roofs: pd.DataFrame, as_of: date, assumptions: Assumptions) -> pd.DataFrame:
    """Sum the roofs of each kind.

    Parameters
    ----------
    roofs
        PLAN roofs, places and states filled; of a city, or of a part of it.
    as_of
        The day: ``is_ahead`` are plants that are completed later.
    assumptions
        Finance, tariff and module are read.

    Returns
    -------
    DataFrame
        :data:`KEYS`, ``roof_count``, :data:`SUMS` (NaN where it is missing for any roof), and
        ``capacity_square`` and ``energy_square`` (:func:`pvplan.city.roof_groups.squares`);
        sorted by the keys.

    Raises
    ------
    TableError
        A capacity above the bound of its roof, or unknown words.
    """
    seen = _seen(roofs, assumptions)
    told = with_potentials(roofs, assumptions).assign(bound_dc_kw=seen.bound_kw)
    shared = {name: getattr(seen, name) for name in GROUP if name != "headroom"}
    ahead = roofs["completed_on"] > pd.Timestamp(as_of)
    told = told.assign(**shared, headroom=headroom(seen), is_ahead=ahead)
    words = pd.DataFrame(told[list(KEYS)])
    first, at = numbered(words)
    whole = {
        name: squares(roofs[column].to_numpy(dtype=np.float64), at, len(first))
        for name, column in _SQUARES.items()
    }
    count = pd.Series(np.ones(len(roofs)), told.index)
    return _summed(told.assign(roof_count=count), words.iloc[first], at).assign(**whole)


def joined(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the kinds of a city from those of its parts, in any order."""
    every = pd.concat(parts, ignore_index=True)
    words = every[list(KEYS)]
    first, at = numbered(words)
    whole = {}
    for name in _SQUARES:
        whole[name] = np.zeros(len(first), dtype=object)
        np.add.at(whole[name], at, every[name].to_numpy(dtype=object))
    return _summed(every, words.iloc[first], at).assign(**whole)


def _summed(rows: pd.DataFrame, words: pd.DataFrame, at: npt.NDArray[Any]) -> pd.DataFrame:
    sums = levels.summed(rows, pd.Series(at, rows.index), ("roof_count", *SUMS))
    counts = sums["roof_count"].astype(np.int64)
    table = words.reset_index(drop=True)
    return table.assign(roof_count=counts.to_numpy(), **{n: sums[n].to_numpy() for n in SUMS})


def totals(kinds: pd.DataFrame) -> dict[str, Any]:
    """Return what a run says of its roofs as a whole.

    ``roofs``, ``ahead`` (completed after the day) and ``out_of_scope`` (no industry) are counts;
    ``bare_forms`` counts the roofs of each form of which no roof carries a module;
    ``possible_dc_kw`` is what the roofs in scope can carry.
    """
    count = kinds["roof_count"]
    scope, ahead = kinds["in_goal_scope"].astype(bool), kinds["is_ahead"].astype(bool)
    forms = kinds.groupby("roof_form", sort=True)[["capacity_dc_kw", "roof_count"]].sum()
    bare = forms.loc[forms["capacity_dc_kw"] == 0.0, "roof_count"]
    return {
        "roofs": int(count.sum()),
        "ahead": int(count[ahead].sum()),
        "out_of_scope": int(count[~scope & ~ahead].sum()),
        "bare_forms": {str(form): int(size) for form, size in bare.items()},
        "possible_dc_kw": exact_sum(kinds.loc[scope, "capacity_dc_kw"]),
    }


def flags_of(roofs: pd.DataFrame, ledger: pd.DataFrame | None) -> pd.DataFrame:
    """Return the flags of scope of the roofs that systems stand on, by roof id."""
    flags = pd.DataFrame(roofs[_FLAGS])
    return flags[:0] if ledger is None else flags[flags.index.isin(ledger["roof_id"].dropna())]


def with_potentials(roofs: pd.DataFrame, assumptions: Assumptions) -> pd.DataFrame:
    """Add what full installation asks of each roof, and its economic potential, kWp.

    Parameters
    ----------
    roofs
        PLAN roofs with money and states.
    assumptions
        Finance, tariff and module are read.
    """
    owed = owed_kw(*(roofs[name].to_numpy(dtype=np.float64) for name in OWED_BY))
    return roofs.assign(economic_potential_dc_kw=_economic_kw(roofs, assumptions), full_dc_kw=owed)


def _economic_kw(roofs: pd.DataFrame, assumptions: Assumptions) -> Floats:
    """Return the potential of each roof weighted by what of the price it keeps, kWp."""
    finance = assumptions.finance
    energy = roofs["energy_ac_kwh_per_year"].to_numpy(dtype=np.float64)
    cost = roofs["capex_cny"] + economics.cost_years(finance) * roofs["opex_cny_per_year"]
    lifetime = energy * economics.energy_years(finance, assumptions.module)
    lcoe = np.divide(
        cost.to_numpy(dtype=np.float64), lifetime,
        out=np.full(len(roofs), np.nan), where=lifetime > 0.0,
    )  # fmt: skip
    return to_thousandths(
        weighting.economic_potential_kw(
            roofs["capacity_dc_kw"].to_numpy(dtype=np.float64), lcoe,
            assumptions.tariff.mean_price_cny_per_kwh,
        )
    )  # fmt: skip


def _seen(roofs: pd.DataFrame, assumptions: Assumptions) -> Roofs:
    """Return the roofs as the draws see them; a roof full of modules is the bound."""
    capacity = roofs["capacity_dc_kw"].to_numpy(dtype=np.float64)
    module = assumptions.module
    full = roofs["footprint_area_m2"].to_numpy(dtype=np.float64) * module.power_w
    bound = np.maximum(full / module.area_m2 / 1000.0, capacity)
    words = ("park_id", "district_id", "roof_form", "height_source", "roof_form_source")
    told = {word: roofs[word].to_numpy(dtype=object, copy=True) for word in words}
    for word in ("height_source", "roof_form_source"):
        # What a person has seen is as sure as what a file gives.
        told[word][told[word] == CORRECTED] = "given"
    return Roofs(
        **told,
        capacity_kw=capacity,
        needs_survey_kw=roofs["capacity_needs_survey_dc_kw"].to_numpy(dtype=np.float64),
        bound_kw=bound,
        energy_kwh_per_year=roofs["energy_ac_kwh_per_year"].to_numpy(dtype=np.float64),
    )
