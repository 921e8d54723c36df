"""Sums that do not depend on order, and a contract that tells every fault."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan import tables
from pvplan.errors import TableError
from pvplan.tables import Column, check, exact_sum, sum_names, to_thousandths

amounts = st.lists(st.floats(-1e9, 1e9), min_size=0, max_size=60)


@given(amounts, st.integers(0, 2**32 - 1))
def test_exact_sum_does_not_depend_on_order(values: list[float], seed: int) -> None:
    array = to_thousandths(values)
    shuffled = array.copy()
    np.random.default_rng(seed).shuffle(shuffled)
    found = exact_sum(array)
    assert exact_sum(shuffled) == found
    assert exact_sum(array[::-1]) == found
    by_integers = sum(round(float(value) * 1000.0) for value in array) / 1000.0
    assert found == by_integers


@given(amounts, amounts)
def test_exact_sums_of_parts_add_up(first: list[float], second: list[float]) -> None:
    one, two = to_thousandths(first), to_thousandths(second)
    whole = exact_sum(np.concatenate([one, two]))
    assert exact_sum(np.array([exact_sum(one), exact_sum(two)])) == whole


def test_plain_addition_would_depend_on_order() -> None:
    values = to_thousandths([0.1, 0.2, 0.3, 1e9, -1e9] * 7)
    assert float(sum(values)) != float(sum(values[::-1])) or float(sum(values)) != exact_sum(values)
    assert exact_sum(values) == 4.2


def test_exact_sum_of_nothing_and_of_missing() -> None:
    assert exact_sum(np.array([])) == 0.0
    assert math.isnan(exact_sum(np.array([1.0, np.nan, 2.0])))
    assert exact_sum(pd.Series([1.001, 2.002], index=[5, 5])) == 3.003


@given(st.floats(-9e11, 9e11))
def test_thousandths_are_nearest_and_final(value: float) -> None:
    found = float(to_thousandths(value))
    assert abs(found - value) <= 0.0005 * (1 + 1e-9) + abs(value) * 1e-15
    assert float(to_thousandths(found)) == found


def test_thousandths_keep_missing_missing() -> None:
    found = to_thousandths([np.nan, 1.23449, -0.0006])
    assert np.isnan(found[0])
    assert found[1:].tolist() == [1.234, -0.001]


COLUMNS = (
    Column("area_m2", "number", "m²", "", "", 0, 100, sums=True),
    Column("form", "text", "", "", "", values=("flat", "gable")),
    Column("count", "count", "", "", "", 0),
    Column("pitch_m", "number", "m", "", "", 0, 10, nullable=True),
    Column("gone", "number", "", "", ""),
)


def good() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area_m2": [1.001, 99.999],
            "form": ["flat", "gable"],
            "count": [1, 2],
            "pitch_m": [np.nan, 3.0],
            "gone": [0.0, -5.0],
            "extra": ["is", "allowed"],
        },
        index=["a", "b"],
    )


def test_a_good_table_passes() -> None:
    check(good(), COLUMNS, title="t")


def test_every_fault_is_told_at_once_with_row_and_value() -> None:
    table = pd.DataFrame(
        {
            "area_m2": [-2.0, 101.0, 1.00055, 5.0],
            "form": ["flat", "dome", "gable", None],
            "count": [1, -1, 1, 1],
            "pitch_m": [np.nan, 11.0, 12.0, 1.0],
        },
        index=["a", "b", "c", "d"],
    )
    with pytest.raises(TableError) as caught:
        check(table, COLUMNS, title="roofs")
    assert caught.value.faults == (
        "roofs: area_m2: 1 rows below 0 (first: row 'a' = np.float64(-2.0))",
        "roofs: area_m2: 1 rows above 100 (first: row 'b' = np.float64(101.0))",
        "roofs: area_m2: 1 rows not in thousandths (first: row 'c' = np.float64(1.00055))",
        "roofs: form: 1 rows missing (first: row 'd' = nan)",
        "roofs: form: 1 rows not one of flat, gable (first: row 'b' = 'dome')",
        "roofs: count: 1 rows below 0 (first: row 'b' = np.int64(-1))",
        "roofs: pitch_m: 2 rows above 10 (first: row 'b' = np.float64(11.0))",
        "roofs: gone: column is missing",
    )


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("area_m2", "12m", "not a number"),
        ("area_m2", math.inf, "not a number"),
        ("gone", -math.inf, "not a number"),
        ("gone", np.nan, "missing"),
        ("pitch_m", math.inf, "not a number"),
        ("area_m2", 1.00049, "not in thousandths"),
        ("form", "Flat", "not one of"),
    ],
)
def test_each_kind_of_fault(column: str, value: object, words: str) -> None:
    table = good().astype({column: object})
    table.loc["b", column] = value
    with pytest.raises(TableError) as caught:
        check(table, COLUMNS, title="t")
    assert any(
        f"t: {column}: 1 rows {words}" in fault and "row 'b'" in fault
        for fault in caught.value.faults
    )


def test_missing_counts_as_missing_in_nullable_integers() -> None:
    table = good().assign(count=pd.array([1, None], dtype="Int64"))
    with pytest.raises(TableError, match="count: 1 rows missing"):
        check(table, COLUMNS, title="t")


def test_large_sums_still_count_as_thousandths() -> None:
    table = good().assign(gone=[123456789.123, 9.9e11])
    big = (Column("gone", "number", "", "", "", 0, sums=True),)
    check(table, big, title="t")
    with pytest.raises(TableError):
        check(table.assign(gone=[123456789.1234, 1.0]), big, title="t")


def test_words_are_complete_and_named_by_their_unit() -> None:
    everything = [
        *tables.PLAN_ROOFS, *tables.RATIOS, *tables.LEVEL_HEAD, *tables.LEVEL_REGISTER,
        *tables.LEVEL_GOAL, *tables.GOALS, *tables.LEDGER, *tables.REJECTED,
    ]  # fmt: skip
    for column in everything:
        assert column.zh, column.name
        assert column.en, column.name
        assert column.kind in ("text", "number", "count", "date", "flag")
        if column.sums:
            assert column.kind in ("number", "count"), column.name
    by_name: dict[str, set[str]] = {}
    for column in everything:
        by_name.setdefault(column.name, set()).add(column.unit)
    assert all(len(units) == 1 for name, units in by_name.items()), by_name
    suffixes = {"_m2": "m²", "_kw": "kW", "_cny": "CNY", "_fraction": "1", "_m": "m"}
    for column in everything:
        for suffix, unit in suffixes.items():
            if column.name.endswith(suffix) and "_per_" not in column.name:
                assert column.unit.startswith(unit), column.name


def test_nothing_that_is_a_ratio_sums() -> None:
    assert not sum_names(tables.RATIOS)
    for name in ("surface_tilt", "gcr", "ghi_kwh_per_m2_per_year", "height_m"):
        assert name not in sum_names(tables.PLAN_ROOFS)
