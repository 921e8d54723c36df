"""Sums of places, exact; ratios from sums, never from means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan.city import levels
from pvplan.tables import exact_sum, to_thousandths
from tests.conftest import examples

AMOUNTS = ["capacity_dc_kw", "energy_ac_kwh_per_year"]


def level_sums(**given: list[float]) -> pd.DataFrame:
    """Sums of a level with every column that ratios read; what is not given is zero."""
    count = len(next(iter(given.values())))
    columns = [
        "capacity_dc_kw", "energy_ac_kwh_per_year", "footprint_area_m2", "module_area_m2",
        "poa_reference_kwh_per_year", "installed_total_dc_kw", "capex_cny", "opex_cny_per_year",
        "revenue_cny_per_year",
    ]  # fmt: skip
    table = {name: np.array(given.get(name, [0.0] * count)) for name in columns}
    return pd.DataFrame(table, index=[f"p{number}" for number in range(count)])


@examples(60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["A", "B", "C"]), st.floats(-1e8, 1e8), st.floats(0, 1e7)),
        min_size=1,
        max_size=40,
    )
)
def test_places_add_up_to_the_whole_exactly(rows: list[tuple[str, float, float]]) -> None:
    place, first, second = zip(*rows, strict=True)
    roofs = pd.DataFrame(
        {"capacity_dc_kw": to_thousandths(first), "energy_ac_kwh_per_year": to_thousandths(second)}
    )
    by = pd.Series(place)
    parts = levels.summed(roofs, by, AMOUNTS)
    whole = levels.summed(roofs, pd.Series(["all"] * len(rows)), AMOUNTS)
    for name in AMOUNTS:
        assert exact_sum(parts[name]) == whole[name].iloc[0] == exact_sum(roofs[name])
        for key in parts.index:
            assert parts.loc[key, name] == exact_sum(roofs.loc[by == key, name])
    assert parts["roof_count"].sum() == len(rows)
    assert list(parts.index) == sorted(set(place))


@examples(30)
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30), st.integers(0, 2**32 - 1))
def test_sums_do_not_depend_on_order(values: list[float], seed: int) -> None:
    roofs = pd.DataFrame({"capacity_dc_kw": to_thousandths(values)})
    by = pd.Series(["A", "B", "C"] * len(values)).iloc[: len(values)]
    order = np.random.default_rng(seed).permutation(len(values))
    straight = levels.summed(roofs, by, ["capacity_dc_kw"])
    mixed = levels.summed(roofs.iloc[order], by.iloc[order], ["capacity_dc_kw"])
    pd.testing.assert_frame_equal(straight, mixed, check_exact=True)


def test_plain_group_sums_would_depend_on_order() -> None:
    """The law is not idle: plain float addition of these gives two answers."""
    values = [0.1] * 10 + [1e9, -1e9] + [0.2] * 5
    assert sum(values) != sum(values[::-1])
    roofs = pd.DataFrame({"capacity_dc_kw": values})
    found = levels.summed(roofs, pd.Series(["A"] * 17), ["capacity_dc_kw"])
    assert found.loc["A", "capacity_dc_kw"] == 2.0


def test_a_missing_value_makes_its_place_missing_and_no_other() -> None:
    roofs = pd.DataFrame({"installed_dc_kw": [1.5, np.nan, 2.0, 0.0]})
    found = levels.summed(roofs, pd.Series(["A", "A", "B", "C"]), ["installed_dc_kw"])
    assert np.isnan(found.loc["A", "installed_dc_kw"])
    assert found.loc["B", "installed_dc_kw"] == 2.0
    assert found.loc["C", "installed_dc_kw"] == 0.0
    assert found["roof_count"].tolist() == [2, 1, 1]


def test_places_are_matched_by_row_not_by_label() -> None:
    """Labels that repeat or run backwards must not pull values from other rows."""
    roofs = pd.DataFrame({"capacity_dc_kw": [1.0, 2.0, 4.0]}, index=["x", "y", "z"])
    found = levels.summed(roofs, pd.Series(["A", "B", "A"], index=["x", "y", "z"]),
                          ["capacity_dc_kw"])  # fmt: skip
    assert found["capacity_dc_kw"].to_dict() == {"A": 5.0, "B": 2.0}


def test_sums_stay_exact_at_the_size_of_a_city() -> None:
    values = to_thousandths(np.full(200_000, 9_999_999.999))
    roofs = pd.DataFrame({"energy_ac_kwh_per_year": values})
    found = levels.summed(roofs, pd.Series(["A"] * 200_000), ["energy_ac_kwh_per_year"])
    assert found["energy_ac_kwh_per_year"].iloc[0] == 1_999_999_999_800.0


# --- ratios ------------------------------------------------------------------------------------


def test_ratios_come_from_sums_not_from_means() -> None:
    """10 kW at 500 h and 990 kW at 1000 h make 995 h, not 750 h."""
    roofs = pd.DataFrame(
        {"capacity_dc_kw": [10.0, 990.0], "energy_ac_kwh_per_year": [5_000.0, 990_000.0]}
    )
    both = levels.summed(roofs, pd.Series(["A", "A"]), AMOUNTS)
    both = both.reindex(columns=level_sums(capex_cny=[0.0]).columns, fill_value=0.0)
    found = levels.ratios(both, 12.0, 11.0)
    assert found["specific_yield_kwh_per_kw"].iloc[0] == 995.0
    mean = (roofs["energy_ac_kwh_per_year"] / roofs["capacity_dc_kw"]).mean()
    assert mean == 750.0


def test_ratios_by_hand() -> None:
    sums = level_sums(
        capacity_dc_kw=[1000.0],
        energy_ac_kwh_per_year=[1_050_000.0],
        footprint_area_m2=[10_000.0],
        module_area_m2=[4_356.0],
        poa_reference_kwh_per_year=[1_300_000.0],
        installed_total_dc_kw=[250.0],
        capex_cny=[3_000_000.0],
        opex_cny_per_year=[45_000.0],
        revenue_cny_per_year=[645_000.0],
    )
    found = levels.ratios(sums, 12.7834, 12.3).iloc[0]
    assert found["specific_yield_kwh_per_kw"] == 1050.0
    assert found["performance_ratio_fraction"] == pytest.approx(1050 / 1300, abs=5e-7)
    assert found["coverage_fraction"] == 0.4356
    assert found["capacity_density_w_per_m2"] == 100.0
    assert found["used_potential_fraction"] == 0.25
    assert found["payback_years"] == 5.0
    lcoe = (3_000_000 + 12.7834 * 45_000) / (1_050_000 * 12.3)
    assert found["lcoe_cny_per_kwh"] == pytest.approx(lcoe, abs=5e-7)


def test_an_empty_place_has_no_ratios() -> None:
    found = levels.ratios(level_sums(capacity_dc_kw=[0.0]), 12.0, 11.0)
    assert found.isna().all().all()


def test_missing_stays_missing_and_zero_stays_zero() -> None:
    sums = level_sums(capacity_dc_kw=[100.0, 100.0], installed_total_dc_kw=[np.nan, 0.0])
    found = levels.ratios(sums, 12.0, 11.0)["used_potential_fraction"]
    assert np.isnan(found.iloc[0])
    assert found.iloc[1] == 0.0


def test_what_never_pays_back_has_no_payback() -> None:
    sums = level_sums(
        capex_cny=[100.0, 100.0, 100.0],
        opex_cny_per_year=[5.0, 10.0, 20.0],
        revenue_cny_per_year=[10.0, 10.0, 10.0],
    )
    found = levels.ratios(sums, 12.0, 11.0)["payback_years"]
    assert found.iloc[0] == 20.0
    assert found.iloc[1:].isna().all()
