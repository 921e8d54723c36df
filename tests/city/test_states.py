"""The states of roofs: the account closes, and each state is what the rule says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan.city.states import States, roof_states, stage_on

KW = st.integers(0, 3_000_000).map(lambda n: n / 1000.0)
DECISIONS = st.sampled_from([None, "feasible", "blocked", "not_assessable"])
ROOF = st.tuples(KW, st.one_of(st.just(0.0), KW), st.one_of(st.just(0.0), KW), KW, DECISIONS)


def states(rows: list[tuple[float, float, float, float, str | None]]) -> States:
    words = list(zip(*rows, strict=True))
    potential, installed, building, filed = (np.array(kw, dtype=float) for kw in words[:4])
    decision = np.array([row[4] for row in rows], dtype=object)
    return roof_states(potential, installed, building, filed, decision, 0.8)


@given(st.lists(ROOF, min_size=1, max_size=20))
def test_the_account_of_every_roof_closes(
    rows: list[tuple[float, float, float, float, str | None]],
) -> None:
    found = states(rows)
    for number, (potential, installed, building, filed, _) in enumerate(rows):
        parts = [
            installed, building, filed, found.feasible_kw[number], found.blocked_kw[number],
            found.not_assessable_kw[number], found.remainder_kw[number],
        ]  # fmt: skip
        whole = round(potential * 1000) + round(found.over_kw[number] * 1000)
        assert whole == sum(round(float(part) * 1000) for part in parts)
        assert min(float(part) for part in parts) >= 0.0


@given(st.lists(ROOF, min_size=2, max_size=8))
def test_a_roof_knows_nothing_of_its_neighbours(
    rows: list[tuple[float, float, float, float, str | None]],
) -> None:
    whole = states(rows)
    for number, row in enumerate(rows):
        alone = states([row])
        assert alone.state[0] == whole.state[number]
        assert alone.feasible_kw[0] == whole.feasible_kw[number]


@pytest.mark.parametrize(
    ("row", "state", "left"),
    [
        ((100.0, 0.0, 0.0, 0.0, None), "feasible", 100.0),
        ((100.0, 79.0, 0.0, 0.0, None), "feasible", 21.0),  # under four fifths: not done
        ((100.0, 80.0, 0.0, 0.0, None), "installed", 20.0),  # the rest is a remainder
        ((100.0, 30.0, 60.0, 0.0, None), "under_construction", 10.0),
        ((100.0, 0.0, 0.0, 90.0, None), "filed", 10.0),
        ((100.0, 40.0, 0.0, 40.0, None), "installed", 20.0),  # of equal stages the furthest
        ((100.0, 10.0, 0.0, 0.0, "blocked"), "blocked", 90.0),
        ((100.0, 95.0, 0.0, 0.0, "blocked"), "installed", 5.0),  # what stands is not blocked
        ((100.0, 0.0, 0.0, 0.0, "not_assessable"), "not_assessable", 100.0),
        ((0.0, 0.0, 0.0, 0.0, None), "blocked", 0.0),  # no module fits
        ((0.0, 5.0, 0.0, 0.0, None), "installed", 0.0),
        ((100.0, np.nan, np.nan, np.nan, None), "not_assessable", 100.0),
        ((100.0, np.nan, np.nan, np.nan, "blocked"), "blocked", 100.0),
    ],
)
def test_worked_by_hand(
    row: tuple[float, float, float, float, str | None], state: str, left: float
) -> None:
    found = states([row])
    assert found.state[0] == state
    parts = found.feasible_kw + found.blocked_kw + found.not_assessable_kw + found.remainder_kw
    assert parts[0] == pytest.approx(left)


def test_what_is_registered_above_the_potential_is_said() -> None:
    found = states([(100.0, 130.0, 0.0, 0.0, None)])
    assert found.over_kw[0] == 30.0
    assert found.remainder_kw[0] == 0.0


def test_what_runs_later_was_filed_by_then_only_if_that_day_is_known() -> None:
    """Six systems on 1 January 2025."""
    status = np.array(["commissioned"] * 3 + ["filed", "under_construction", "retired"], object)
    filed = np.array(["2024-05-01", "NaT", "2025-03-01", "2024-12-31", "NaT", "2020-01-01"],
                     "datetime64[D]")  # fmt: skip
    runs = np.array(["2025-06-01", "2025-06-01", "2025-06-01", "NaT", "NaT", "2021-01-01"],
                    "datetime64[D]")  # fmt: skip
    found = stage_on(status, filed, runs, np.datetime64("2025-01-01"))
    assert found.tolist() == ["filed", "", "", "filed", "under_construction", "retired"]
    later = stage_on(status, filed, runs, np.datetime64("2025-06-01"))
    assert later.tolist() == [*["commissioned"] * 3, "filed", "under_construction", "retired"]
