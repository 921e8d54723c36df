"""Roofs to parks, districts and city: sums, and the sole definition of each ratio."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd


def summed(roofs: pd.DataFrame, by: pd.Series[str], columns: Iterable[str]) -> pd.DataFrame:
    """Sum columns over the roofs of each place, exactly.

    Values are whole thousandths, added as integers, so any order gives the same digits.

    Parameters
    ----------
    roofs
        Rows to sum.
    by
        Place of each row, same index, nothing missing.
    columns
        Columns to sum; a column with a missing value in a place sums to missing there.

    Returns
    -------
    DataFrame
        Index: places, sorted. Columns: ``roof_count`` and the given ones.
    """
    position, found = pd.factorize(by, sort=True)
    place = np.asarray(found, dtype=str)
    sums: dict[str, Any] = {"roof_count": np.bincount(position, minlength=len(place))}
    for name in columns:
        values = roofs[name].to_numpy(dtype=np.float64)
        missing = np.isnan(values)
        total = np.zeros(len(place), dtype=np.int64)
        thousandths = np.rint(np.where(missing, 0.0, values) * 1000.0).astype(np.int64)
        np.add.at(total, position, thousandths)
        holes = np.bincount(position, weights=missing, minlength=len(place)) > 0
        sums[name] = np.where(holes, np.nan, total / 1000.0)
    return pd.DataFrame(sums, index=pd.Index(place))


def ratios(sums: pd.DataFrame, cost_years: float, energy_years: float) -> pd.DataFrame:
    """Recompute every ratio of a level from its sums; nothing is averaged.

    Parameters
    ----------
    sums
        Summed columns of a level, with ``installed_total_dc_kw``.
    cost_years, energy_years
        Present value of one unit of yearly cost, and of one unit of the first year's energy,
        over the lifetime (:mod:`pvplan.city.economics`), years.

    Returns
    -------
    DataFrame
        Same index; missing where a denominator is 0; six decimals.
    """
    capacity, energy = sums["capacity_dc_kw"], sums["energy_ac_kwh_per_year"]
    footprint = sums["footprint_area_m2"]
    lifetime_cost = sums["capex_cny"] + cost_years * sums["opex_cny_per_year"]
    margin = sums["revenue_cny_per_year"] - sums["opex_cny_per_year"]
    found = {
        "specific_yield_kwh_per_kw": _over(energy, capacity),
        "performance_ratio_fraction": _over(energy, sums["poa_reference_kwh_per_year"]),
        "coverage_fraction": _over(sums["module_area_m2"], footprint),
        "capacity_density_w_per_m2": _over(capacity * 1000.0, footprint),
        "used_potential_fraction": _over(sums["installed_total_dc_kw"], capacity),
        "lcoe_cny_per_kwh": _over(lifetime_cost, energy * energy_years),
        "payback_years": _over(sums["capex_cny"], margin),
    }
    return pd.DataFrame(found, index=sums.index).round(6)


def _over(top: pd.Series[float], bottom: pd.Series[float]) -> pd.Series[float]:
    return (top / bottom.where(bottom > 0.0)).astype(np.float64)
