"""Largest remainder: whole kW, the target exactly, no place favoured by its position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pvplan.city.allocation import proportional

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
