"""By what a goal is split: the weights of each method, and the bounds of a place."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from pvplan.assumptions import AllocationRules
from pvplan.errors import AssumptionError, nearest
from pvplan.tables import Floats

WEIGHTS: Final = {
    "usable_area": "usable_area_m2",
    "technical_potential": "capacity_dc_kw",
    "economic_potential": "economic_potential_dc_kw",
    "load": "load_kwh_per_year",
    "hosting_capacity": "hosting_capacity_kw",
}
"""Each method with the column of the places that it weighs by."""


def economic_potential_kw(
    capacity_dc_kw: Floats, lcoe_cny_per_kwh: Floats, price_cny_per_kwh: float
) -> Floats:
    """Return technical potential weighted by what of the price it keeps after its cost.

    ``capacity × max(0, 1 − LCOE / price)``: nothing where a kilowatt-hour costs as much as it
    earns, and no cliff there, unlike a count of the roofs below the price, which nearly all
    Shanghai roofs pass.

    Parameters
    ----------
    capacity_dc_kw, lcoe_cny_per_kwh
        Of each roof, shape (roofs,). A roof without LCOE (nothing fits) weighs nothing.
    price_cny_per_kwh
        Mean price of a kilowatt-hour, above 0.

    Returns
    -------
    ndarray, shape (roofs,)
        kWp; sum it over the roofs of a place into ``economic_potential_dc_kw``.
    """
    kept = np.maximum(1.0 - np.asarray(lcoe_cny_per_kwh) / price_cny_per_kwh, 0.0)
    weight: Floats = np.asarray(capacity_dc_kw) * np.nan_to_num(kept, nan=0.0)
    return weight


def weights(method: str, places: pd.DataFrame) -> Floats:
    """Return the weights of a method, shape (places,).

    Raises
    ------
    AssumptionError
        The method is unknown; its column is missing, or lacks the value of a place.
    """
    if method not in WEIGHTS:
        raise AssumptionError(f"allocation.method: '{method}'; {nearest(method, WEIGHTS)}")
    column = WEIGHTS[method]
    if column not in places.columns:
        raise AssumptionError(
            f"allocation.method: '{method}' needs the column {column} of the parks; add it"
        )
    weight: Floats = np.asarray(pd.to_numeric(places[column], errors="coerce"), dtype=np.float64)
    absent = places.index[np.isnan(weight)].tolist()
    if absent:
        raise AssumptionError(
            f"parks: {column}: {len(absent)} places without a number (first: '{absent[0]}');"
            f" method '{method}' needs all"
        )
    return weight


def bounds(
    potential_dc_kw: Floats, installed_dc_kw: Floats, rules: AllocationRules
) -> tuple[Floats, Floats]:
    """Return lower and upper bound of each place in whole kW.

    What is installed stands: it is the lower bound, rounded up; the technical potential is the
    upper bound, rounded down, but never below what stands already.

    Parameters
    ----------
    potential_dc_kw, installed_dc_kw
        Shape (places,), kWp. Installed is NaN without a register: then 0.
    rules
        Which bounds to use.
    """
    installed = np.ceil(np.nan_to_num(installed_dc_kw, nan=0.0))
    lower = installed if rules.use_lower_bound else np.zeros(len(installed))
    upper = np.full(len(installed), np.inf)
    if rules.use_upper_bound:
        upper = np.maximum(np.floor(potential_dc_kw), installed)
    return lower, upper
