"""Money, simple: cost, revenue, present value. Real prices, before tax and financing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pvplan.assumptions import Finance, Module, Tariff
from pvplan.tables import Floats


def cost_years(finance: Finance) -> float:
    """Return the present value of one unit of yearly cost, years: Σ (1 + r)^-y, y = 1…N."""
    return float(_discount(finance).sum())


def energy_years(finance: Finance, module: Module) -> float:
    """Return the present value of one unit of the first year's energy, years.

    Σ (1 - d)^(y-1) (1 + r)^-y over y = 1…N, d the yearly degradation; the loss of the first year
    is in the first year's energy already.
    """
    year = np.arange(finance.lifetime_years)
    kept = (1.0 - module.degradation_fraction_per_year) ** year
    return float((kept * _discount(finance)).sum())


def _discount(finance: Finance) -> Floats:
    year = np.arange(1, finance.lifetime_years + 1)
    factors: Floats = (1.0 + finance.discount_rate_fraction) ** -year.astype(np.float64)
    return factors


def mounting_extra_cny_per_kw(mounting: Sequence[Any], finance: Finance) -> Floats:
    """Return what each mounting costs beyond flush mounting; nothing where there is none.

    Parameters
    ----------
    mounting
        Words of :data:`pvplan.tables.MOUNTINGS`, or None.
    finance
        The extras of racks and of east-west frames.
    """
    extra = {
        "racked": finance.capex_racked_extra_cny_per_kw_dc,
        "east_west": finance.capex_east_west_extra_cny_per_kw_dc,
    }
    found: Floats = np.array([extra.get(word, 0.0) for word in mounting], dtype=np.float64)
    return found


def of_roofs(
    capacity_dc_kw: Floats,
    energy_kwh: Floats,
    finance: Finance,
    tariff: Tariff,
    module: Module,
    extra_cny_per_kw: Floats | float = 0.0,
) -> dict[str, Floats]:
    """Return the money columns of roofs.

    Parameters
    ----------
    capacity_dc_kw, energy_kwh
        Shape (roofs,): capacity, and AC energy of the first year.
    finance, tariff, module
        Cost, lifetime, discount rate; prices; degradation.
    extra_cny_per_kw
        Shape (roofs,): cost of the mounting beyond ``finance.capex_cny_per_kw_dc``.

    Returns
    -------
    dict of ndarray, shape (roofs,)
        ``capex_cny``, ``opex_cny_per_year``, ``revenue_cny_per_year`` (first year), ``npv_cny``.
    """
    capex = capacity_dc_kw * (finance.capex_cny_per_kw_dc + extra_cny_per_kw)
    opex = capacity_dc_kw * finance.opex_cny_per_kw_dc_per_year
    revenue = energy_kwh * tariff.mean_price_cny_per_kwh
    worth = revenue * energy_years(finance, module) - opex * cost_years(finance) - capex
    return {
        "capex_cny": capex,
        "opex_cny_per_year": opex,
        "revenue_cny_per_year": revenue,
        "npv_cny": worth,
    }
