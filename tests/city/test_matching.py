"""Spellings, scores, shares and votes, each by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from pvplan.assumptions import load
from pvplan.city import datum_votes, likeness, matching, reconciliation, repeats, suspicions
from tests.conftest import examples

RULES = load().register
NAT = np.datetime64("NaT", "D")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("R-001", "r1", True), ("Ａ—01 ", "a.1", True), ("1-11", "11-1", False), ("1-1", "11", False),
     ("厂房01", "厂房1", True), ("a10", "a1", False), ("000", "0", True), ("b-0", "b", False)],
)  # fmt: skip
def test_ids_in_another_spelling(one: str, other: str, same: bool) -> None:
    assert (likeness.id_key(one) == likeness.id_key(other)) is same


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [("1号厂房", "2号厂房", 0, 0), ("一号厂房", "1号厂房", 70, 99), ("A栋", "B栋", 0, 0),
     ("东区厂房", "西区厂房", 0, 0), ("宝钢一号仓库", "宝钢一号倉库", 80, 99),
     ("Steel Works", "ＳＴＥＥＬ  works", 100, 100), ("Steel Works", "Steel Works Annex", 99, 99),
     ("works steel", "Steel Works", 99, 99), ("", "", 0, 0)],
)  # fmt: skip
def test_names_alike(one: str, other: str, low: float, high: float) -> None:
    (ratio,) = likeness.ratios([one], [other])
    assert low <= ratio <= high
    assert likeness.ratios([other], [one])[0] == ratio


def test_names_are_looked_for_in_their_own_group() -> None:
    rows, found, ratio = likeness.most_alike(
        ["alpha works", "alpha works", "beta"], [0, 1, 7], ["Alpha Works", "alpha work"], [0, 1], 85
    )
    assert list(zip(rows.tolist(), found.tolist(), strict=True)) == [(0, 0), (1, 1)]
    assert ratio[0] == 100.0 > ratio[1]


def test_a_list_of_ids() -> None:
    assert likeness.listed(" r1；r2、r1 ;; r3 ") == ["r1", "r2", "r3"]


kilowatts = st.one_of(
    st.integers(0, 10_000_000).map(lambda kw: kw / 1000.0), st.floats(0.0, 1e5), st.just(np.nan)
)


@given(
    systems=st.lists(
        st.tuples(kilowatts, st.lists(st.floats(0.0, 1e4), min_size=1, max_size=6)), max_size=8
    )
)
@examples(200)
def test_parts_sum_exactly_and_follow_the_potential(
    systems: list[tuple[float, list[float]]],
) -> None:
    kw = np.array([amount for amount, _ in systems])
    row = np.repeat(np.arange(len(systems)), [len(roofs) for _, roofs in systems])
    weight = np.array([roof for _, roofs in systems for roof in roofs])
    parts = reconciliation.parted(kw, row, weight)
    for number, (amount, roofs) in enumerate(systems):
        own = parts[row == number]
        if len(roofs) == 1 or np.isnan(amount):
            assert np.array_equal(own, np.full(len(roofs), amount), equal_nan=True)
            continue
        units = np.rint(own * 1000).astype(np.int64)
        assert units.sum() == np.rint(amount * 1000)
        assert (own == units / 1000).all() and (own >= 0).all()
        total = sum(roofs)
        shares = [roof / total if total > 0 else 1 / len(roofs) for roof in roofs]
        assert np.abs(own - np.array(shares) * amount).max() <= 0.001 + 1e-9 * amount


def test_parts_have_names_of_their_own() -> None:
    ids = reconciliation.part_ids(["a", "a#1", "b"], np.array([0, 0, 1, 2, 2]))
    assert ids == ["a##1", "a#2", "a#1", "b#1", "b#2"]


def test_a_score_by_hand() -> None:
    """15 m beside the roof: .8 - .3/2 = .65; same park: 1 - .35 x .7 = .755; too large: x .6."""
    roofs = matching.Roofs(
        np.array([box(0, 0, 10, 10)], dtype=object), np.array([100.0]), np.array([np.nan]),
        np.array([0]),
    )  # fmt: skip
    points = np.array([[25.0, 5.0]])
    near = matching.near_roofs(points, roofs.tree, RULES.max_distance_m)
    none = (np.empty(0, np.int64),) * 2
    pairs = matching.candidates(
        (*none, np.empty(0, np.int64)), near, (*none, np.empty(0))
    )  # fmt: skip
    for kw, score in ((10.0, 0.755), (30.0, 0.755 * 0.6)):
        rows = matching.Rows(np.array([0]), np.array([kw]), points)
        found = matching.scored(pairs, rows, roofs, RULES)
        assert found["score"].tolist() == [pytest.approx(score, abs=1e-6)]


@given(
    kind=st.integers(0, 2), distance=st.one_of(st.just(np.nan), st.floats(0, 30)),
    ratio=st.floats(0, 100), kw=st.floats(0.001, 1e5), park=st.integers(-1, 1),
)  # fmt: skip
def test_more_evidence_never_lowers_a_score(
    kind: int, distance: float, ratio: float, kw: float, park: int
) -> None:
    roofs = matching.Roofs(
        np.array([box(0, 0, 50, 50)], dtype=object), np.array([2500.0]), np.array([300.0]),
        np.array([0]),
    )  # fmt: skip
    rows = matching.Rows(np.array([park]), np.array([kw]), np.full((1, 2), np.nan))
    zero = np.zeros(1, np.int64)

    def score(kind: int, distance: float, ratio: float) -> float:
        pairs = matching.candidates(
            (zero, zero, np.array([kind])), (zero, zero, np.array([distance])),
            (zero, zero, np.array([ratio])),
        )  # fmt: skip
        return float(matching.scored(pairs, rows, roofs, RULES)["score"].iloc[0])

    whole = score(kind, distance, ratio)
    assert 0.0 <= whole <= 1.0
    assert score(0, distance, ratio) <= whole
    assert score(kind, np.nan, ratio) <= whole
    assert score(kind, distance, 0.0) <= whole


def test_votes_by_hand() -> None:
    """Of 10 rows 3 fit as they stand and 8 after the shift, 7 of them only then."""
    placed = np.ones(10, dtype=bool)
    fits = np.arange(10) < 3
    after = np.arange(10) >= 2
    told = datum_votes.judge(placed, fits, {"gcj02": after}, RULES)
    assert (told.datum, told.counts) == ("gcj02", (10, 3, 8, 7))
    assert told.of_row.tolist() == [""] * 3 + ["gcj02"] * 7
    few = datum_votes.judge(placed, fits, {"gcj02": after}, replace(RULES, shifted_min_rows=8.0))
    assert few.datum is None
    assert datum_votes.judge(placed, fits, {}, RULES).counts == (10, 3, 0, 0)
    mixed = datum_votes.judge(placed, np.arange(10) < 5, {"gcj02": np.arange(10) >= 5}, RULES)
    assert mixed.datum is None  # half of the rows are no majority


def test_densities_weigh_running_systems_together() -> None:
    found = suspicions.densities(
        np.array([100.0, 50.0, 40.0]), np.array([0, 0, 0]), np.array([True, True, False]),
        np.array([1000.0]),
    )  # fmt: skip
    assert found.tolist() == [150.0, 150.0, 40.0]


def days(*texts: str | None) -> np.ndarray:
    return np.array([NAT if text is None else np.datetime64(text) for text in texts])


def test_days_of_filing() -> None:
    filed = days("2020-01-01", "2020-02-01", "2020-01-01", None, None)
    done = days("2020-01-01", "2020-01-01", "2020-06-01", "2020-01-01", None)
    kind, count = repeats.filed_as_commissioned(filed, done, RULES)
    assert kind.tolist() == ["same", "before", "", "", ""]
    assert count.tolist() == [1, 1, 0, 1, 0]
    kind, _ = repeats.filed_as_commissioned(filed, done, replace(RULES, same_day_rows=1.0))
    assert kind.tolist() == ["same", "before", "", "bulk", ""]


@pytest.mark.parametrize(
    ("east", "kw", "day", "together"),
    [(29.9, 100.0, "2020-01-01", True), (30.1, 100.0, "2020-01-01", False),
     (0.0, 100.5, "2020-01-01", True), (0.0, 100.6, "2020-01-01", False),
     (0.0, 100.0, "2020-01-02", False), (22.0, 100.0, "2020-01-01", True)],
)  # fmt: skip
def test_duplicates_at_their_limits(east: float, kw: float, day: str, together: bool) -> None:
    nothing = np.full(2, -1)
    points = np.array([[0.0, 0.0], [east, 0.0]])
    dates = (days(None, None), days("2020-01-01", day))
    group = repeats.duplicates(np.array([100.0, kw]), nothing, nothing, dates, points, RULES)
    assert bool(group[0] >= 0 and group[0] == group[1]) == together
    on_roof = repeats.duplicates(
        np.array([100.0, kw]), np.zeros(2, np.int64), nothing, dates, np.full((2, 2), np.nan), RULES
    )
    assert (on_roof[0] >= 0) == (kw <= 100.5 and day == "2020-01-01")


def test_one_name_on_one_roof_is_a_duplicate_whatever_the_days() -> None:
    zero = np.zeros(2, np.int64)
    dates = (days(None, None), days("2020-01-01", None))
    for name, found in ((zero, True), (np.array([0, 1]), False)):
        group = repeats.duplicates(
            np.array([100.0, 100.0]), zero, name, dates, np.full((2, 2), np.nan), RULES
        )
        assert bool(group[0] >= 0) == found
