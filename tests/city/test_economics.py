"""Money and carbon against figures worked by hand and the facts of Shanghai."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pvplan.assumptions import Assumptions, load
from pvplan.city import carbon, economics, levels
from tests.city.test_levels import level_sums


def given(**values: float | str) -> Assumptions:
    return load(user={key.replace("__", "."): value for key, value in values.items()})


def test_present_value_of_a_short_life_by_hand() -> None:
    rules = replace(load().finance, discount_rate_fraction=0.10, lifetime_years=5)
    module = replace(load().module, degradation_fraction_per_year=0.02)
    assert economics.cost_years(rules) == pytest.approx(3.790787, abs=1e-6)
    # 1/1.1 + 0.98/1.21 + 0.9604/1.331 + 0.941192/1.4641 + 0.92236816/1.61051
    by_hand = 0.9090909 + 0.8099174 + 0.7215627 + 0.6428468 + 0.5727180
    assert economics.energy_years(rules, module) == pytest.approx(by_hand, abs=1e-6)


def test_without_interest_years_are_years() -> None:
    rules = replace(load().finance, discount_rate_fraction=0.0, lifetime_years=25)
    module = replace(load().module, degradation_fraction_per_year=0.0)
    assert economics.cost_years(rules) == 25.0
    assert economics.energy_years(rules, module) == 25.0
    aging = replace(module, degradation_fraction_per_year=0.01)
    assert economics.energy_years(rules, aging) == pytest.approx((1 - 0.99**25) / 0.01)


def test_the_first_year_is_not_degraded_twice() -> None:
    """The first year's loss is in the energy already; year one counts in full."""
    rules = replace(load().finance, discount_rate_fraction=0.0, lifetime_years=1)
    worn = replace(load().module, first_year_degradation_fraction=0.05,
                   degradation_fraction_per_year=0.03)  # fmt: skip
    assert economics.energy_years(rules, worn) == 1.0


def test_money_of_a_roof_by_hand() -> None:
    """100 kW, 100 MWh, two years at 10 %: all figures worked by hand."""
    finance = replace(load().finance, capex_cny_per_kw_dc=3000.0, lifetime_years=2,
                      opex_cny_per_kw_dc_per_year=45.0, discount_rate_fraction=0.1)  # fmt: skip
    tariff = replace(load().tariff, self_consumption_fraction=0.75,
                     retail_price_cny_per_kwh=0.8, export_price_cny_per_kwh=0.4)  # fmt: skip
    module = replace(load().module, degradation_fraction_per_year=0.1)
    found = economics.of_roofs(
        np.array([100.0, 0.0]), np.array([100_000.0, 0.0]), finance, tariff, module
    )
    assert tariff.mean_price_cny_per_kwh == pytest.approx(0.7)
    assert found["capex_cny"].tolist() == [300_000.0, 0.0]
    assert found["opex_cny_per_year"].tolist() == [4_500.0, 0.0]
    assert found["revenue_cny_per_year"] == pytest.approx([70_000.0, 0.0])
    value = 70_000 * (1 / 1.1 + 0.9 / 1.21) - 4_500 * (1 / 1.1 + 1 / 1.21) - 300_000
    assert found["npv_cny"] == pytest.approx([value, 0.0])


@pytest.mark.parametrize(
    ("capex", "rate", "expected"),
    [
        (2.5, 0.04, 0.204), (2.5, 0.06, 0.239), (2.5, 0.08, 0.276),
        (3.0, 0.04, 0.236), (3.0, 0.06, 0.277), (3.0, 0.08, 0.322),
        (3.5, 0.04, 0.268), (3.5, 0.06, 0.316), (3.5, 0.08, 0.368),
    ],
)  # fmt: skip
def test_levelised_cost_of_shanghai(capex: float, rate: float, expected: float) -> None:
    """1050 kWh/kW, 25 years, 0.45 % a year, 45 CNY/kW a year."""
    rules = given(
        finance__discount_rate_fraction=rate,
        finance__capex_cny_per_kw_dc=1000.0 * capex,
        finance__opex_cny_per_kw_dc_per_year=45.0,
        finance__lifetime_years=25,
        module__degradation_fraction_per_year=0.0045,
    )
    kw, kwh = np.array([1000.0]), np.array([1_050_000.0])
    money = economics.of_roofs(kw, kwh, rules.finance, rules.tariff, rules.module)
    sums = level_sums(
        capacity_dc_kw=kw.tolist(),
        energy_ac_kwh_per_year=kwh.tolist(),
        capex_cny=money["capex_cny"].tolist(),
        opex_cny_per_year=money["opex_cny_per_year"].tolist(),
        revenue_cny_per_year=money["revenue_cny_per_year"].tolist(),
    )
    found = levels.ratios(
        sums,
        economics.cost_years(rules.finance),
        economics.energy_years(rules.finance, rules.module),
    )
    assert found["lcoe_cny_per_kwh"].iloc[0] == pytest.approx(expected, abs=0.002)


def test_net_present_value_is_zero_at_the_levelised_cost() -> None:
    """The two definitions must agree: sold at its LCOE a roof earns exactly nothing."""
    rules = load()
    cost = economics.cost_years(rules.finance)
    energy = economics.energy_years(rules.finance, rules.module)
    kw, kwh = np.array([620.0]), np.array([650_000.0])
    lcoe = (3000.0 * 620 + 45.0 * 620 * cost) / (650_000 * energy)
    sold = replace(rules.tariff, self_consumption_fraction=1.0, retail_price_cny_per_kwh=lcoe)
    money = economics.of_roofs(kw, kwh, rules.finance, sold, rules.module)
    assert abs(money["npv_cny"][0]) < 1e-6
    dearer = replace(sold, retail_price_cny_per_kwh=lcoe * 1.01)
    assert economics.of_roofs(kw, kwh, rules.finance, dearer, rules.module)["npv_cny"][0] > 0.0


def test_carbon_by_purpose() -> None:
    energy = np.array([1_000_000.0, 0.0, 1.0])
    for purpose, factor in (
        ("shanghai_reporting", 0.42),
        ("mee_shanghai_2022", 0.5849),
        ("national_2023", 0.5306),
    ):
        found = carbon.avoided_tco2(energy, given(carbon__purpose=purpose).carbon)
        assert found == pytest.approx([1000.0 * factor, 0.0, factor / 1000.0])
    reporting = load().carbon.factor_tco2_per_mwh
    assert 0.5849 / reporting - 1.0 == pytest.approx(0.39, abs=0.005)
