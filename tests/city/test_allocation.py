"""Largest remainder: whole kW, the target exactly, no place favoured by its position."""

from __future__ import annotations

from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pvplan.assumptions import load
from pvplan.city.allocation import allocate, compare, negotiated, proportional, two_level
from pvplan.city.weighting import bounds, economic_potential_kw
from pvplan.city.weighting import weights as weights_of
from pvplan.errors import AssumptionError
from pvplan.tables import ALLOCATION, check

weights = st.lists(st.floats(0.0, 1e7), min_size=1, max_size=60).filter(lambda w: sum(w) > 1e-3)


def test_hamiltons_example_by_hand() -> None:
    """100 by 21 : 33 : 46.4 : 0: ideals 20.916, 32.869, 46.215; floors make 98, two remain."""
    found = proportional(100.0, np.array([21.0, 33.0, 46.4, 0.0]))
    assert found.tolist() == [21.0, 33.0, 46.0, 0.0]


def test_an_example_where_rounding_would_miss() -> None:
    found = proportional(10.0, np.array([1.0, 1.0, 1.0]))
    assert found.tolist() == [4.0, 3.0, 3.0]  # ties go by position
    assert sum(round(10 / 3) for _ in range(3)) != 10


@given(st.integers(0, 10_000_000), weights)
def test_shares_are_whole_and_make_the_target(target: int, given_weights: list[float]) -> None:
    weight = np.array(given_weights)
    found = proportional(float(target), weight)
    assert found.sum() == target
    assert np.array_equal(found, np.rint(found))
    assert np.all(found >= 0.0)
    assert np.all(np.abs(found - weight / weight.sum() * target) < 1.0 + 1e-6)


@given(st.floats(0.0, 1e7), weights)
def test_a_broken_kw_goes_to_the_largest(target: float, given_weights: list[float]) -> None:
    weight = np.array(given_weights)
    found = proportional(target, weight)
    assert found.sum() == pytest.approx(target, abs=1e-6)
    rest = np.delete(found, int(weight.argmax()))
    assert np.array_equal(rest, np.rint(rest))


@given(st.integers(1, 1_000_000), weights, st.integers(1, 5))
def test_no_weight_no_share(target: int, given_weights: list[float], zeros: int) -> None:
    weight = np.array([0.0] * zeros + given_weights + [0.0] * zeros)
    found = proportional(float(target), weight)
    assert np.all(found[weight == 0.0] == 0.0)
    assert found.sum() == target


@given(
    st.integers(1, 1_000_000),
    st.lists(st.integers(1, 10_000_000), min_size=2, max_size=30, unique=True),
)
def test_a_permutation_of_places_permutes_the_shares(target: int, given_weights: list[int]) -> None:
    weight = np.array(given_weights, dtype=np.float64)
    ideal = weight / weight.sum() * target
    remainder = np.sort(ideal - np.floor(ideal))
    assume(np.diff(remainder).min() > 1e-9)  # no ties
    order = np.random.default_rng(target).permutation(len(weight))
    # The sum must not depend on the order either: whole numbers add exactly.
    found = proportional(float(target), weight)
    assert np.array_equal(proportional(float(target), weight[order]), found[order])


@given(st.integers(0, 100_000), weights)
def test_more_weight_never_less_share(target: int, given_weights: list[float]) -> None:
    weight = np.array(given_weights)
    found = proportional(float(target), weight)
    order = np.argsort(weight, kind="stable")
    assert np.all(np.diff(found[order]) >= -1.0)  # at most the one kW of a tie


def test_nothing_to_split_by_or_nothing_to_split() -> None:
    assert np.isnan(proportional(5.0, np.zeros(3))).all()
    assert np.isnan(proportional(np.nan, np.ones(3))).all()
    assert len(proportional(5.0, np.empty(0))) == 0
    assert proportional(0.0, np.ones(3)).tolist() == [0.0, 0.0, 0.0]


def test_weights_are_left_alone() -> None:
    weight = np.array([3.0, 2.0])
    proportional(7.0, weight)
    assert weight.tolist() == [3.0, 2.0]


def test_a_capped_share_goes_to_the_rest_by_hand() -> None:
    """100 by 5:3:2 is 50, 30, 20; the first holds 20, so 80 goes 3:2 to the rest: 48, 32."""
    found = allocate(100.0, np.array([5.0, 3, 2]), np.zeros(3), np.array([20.0, 90, 90]))
    assert found.kw.tolist() == [20.0, 48.0, 32.0]
    assert found.at_upper.tolist() == [True, False, False]


def test_shortfall_surplus_broken_kw_and_negotiated_shares() -> None:
    two, none, far = np.array([1.0, 3.0]), np.zeros(2), np.full(2, np.inf)
    short = allocate(10.0, two, none, np.array([2.0, 3.0]))
    assert (short.kw.tolist(), short.shortfall_kw) == ([2.0, 3.0], 5.0)
    over = allocate(10.0, two, np.array([8.0, 7.0]), far)
    assert (over.kw.tolist(), over.surplus_kw) == ([8.0, 7.0], 5.0)
    assert allocate(8.25, two, none, far).kw.tolist() == [2.0, 6.25]
    assert allocate(8.0, two, none, far, np.array([5.0, np.nan])).kw.tolist() == [5.0, 3.0]
    assert negotiated(10.5, np.array([0.3, 0.7]), ["a", "b"]).tolist() == [3.0, 7.5]
    with pytest.raises(AssumptionError, match="make 9 kW of 8 kW"):
        allocate(8.0, two, none, far, np.array([9.0, np.nan]))
    with pytest.raises(AssumptionError, match=r"make 1\.2"):
        negotiated(8.0, np.array([0.6, 0.6]), ["a", "b"])


places = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 2.5, 7.0]), st.integers(0, 9), st.integers(0, 30)),
    min_size=1,
    max_size=8,
)


@given(st.integers(0, 200), places, st.integers(0, 7), st.integers(1, 20), st.randoms())
def test_the_laws_of_bounded_shares(
    target: int, rows: list[tuple[float, int, int]], at: int, more: int, chance: Random
) -> None:
    weight, low, room = np.array(rows, dtype=np.float64).T
    high, ids, at = low + room, [f"p{n}" for n in range(len(rows))], at % len(rows)
    found = allocate(float(target), weight, low, high, None, ids)
    assert found.kw.sum() + found.shortfall_kw - found.surplus_kw == target
    assert np.all((low <= found.kw) & (found.kw <= high) & (found.kw == np.rint(found.kw)))
    can = np.where((weight > 0) | ~weight.any(), high, low).sum()
    if low.sum() <= target <= can:
        assert found.shortfall_kw == found.surplus_kw == 0.0
    order = chance.sample(range(len(rows)), len(rows))
    turned = [ids[n] for n in order]
    again = allocate(float(target), weight[order], low[order], high[order], None, turned)
    assert np.array_equal(again.kw, found.kw[order])
    step = np.where(np.arange(len(rows)) == at, float(more), 0.0)
    assert allocate(float(target), weight + step, low, high, None, ids).kw[at] >= found.kw[at]
    assert allocate(float(target), weight, low, high + step, None, ids).kw[at] >= found.kw[at]
    back, forth = compare(ids, found.kw, low), compare(ids, low, found.kw)
    assert np.array_equal(
        back.set_index("place_id")["difference_kw"].loc[ids],
        -forth.set_index("place_id")["difference_kw"].loc[ids],
    )


@given(st.integers(0, 200), places)
def test_parks_make_their_district(target: int, rows: list[tuple[float, int, int]]) -> None:
    parks = pd.DataFrame(rows, columns=["weight", "lower_kw", "room"])
    parks["upper_kw"] = parks["lower_kw"] + parks["room"]
    parks["district_id"] = [None if n % 3 == 0 else f"d{n % 3}" for n in range(len(rows))]
    parks["park_id"] = [f"p{n}" if n > 2 else "outside-parks" for n in range(len(rows))]
    found = two_level(float(target), parks, "load")
    check(found.table, ALLOCATION, title="allocation")
    sums = found.table.groupby(["level", "district_id"])["allocated_dc_kw"].sum()
    assert sums["park"].equals(sums["district"])
    assert sums["park"].sum() + found.shortfall_kw - found.surplus_kw == target


def test_weights_and_bounds() -> None:
    with pytest.raises(AssumptionError, match="hosting_capacity_kw"):
        weights_of("hosting_capacity", pd.DataFrame({"capacity_dc_kw": [1.0]}))
    kept = economic_potential_kw(np.array([100.0, 50, 0]), np.array([0.2, 0.9, np.nan]), 0.5)
    assert kept == pytest.approx([60.0, 0.0, 0.0])
    low, high = bounds(np.array([9.7, 1.0]), np.array([np.nan, 2.5]), load().allocation)
    assert (low.tolist(), high.tolist()) == ([0.0, 3.0], [9.0, 3.0])
