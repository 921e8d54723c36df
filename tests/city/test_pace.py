"""Paces by hand and by a slow count; dates of attainment; what late registrations do."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan.city import pace
from tests.conftest import examples

AS_OF = date(2026, 11, 22)
NONE = np.datetime64("NaT", "D")


def days(*words: str | None) -> Any:
    return np.array([word or "NaT" for word in words], dtype="datetime64[D]")


def test_a_worked_example() -> None:
    """Place 0: 30 + 60 kW in the last year, 90 two years ago: 90 a year, and 180 / 3 = 60."""
    kw = np.array([30.0, 60.0, 90.0, 500.0, 7.0, 40.0])
    day = days("2026-11-22", "2025-11-23", "2024-11-22", "2019-01-01", None, "2026-11-23")
    place = np.array([0, 0, 0, 0, 0, 1])
    words = {"as_of": AS_OF, "known_from": np.datetime64("2019-01-01")}
    assert pace.trailing(kw, day, place, 2, years=1, **words).tolist() == [90.0, 0.0]
    assert pace.trailing(kw, day, place, 2, years=3, **words).tolist() == [60.0, 0.0]
    # 400 kW of 1000 at 90 kW a year: 6.667 years, 2435 days.
    found = pace.attained_on(np.array([1000.0]), np.array([400.0]), np.array([90.0]), AS_OF, 100.0)
    assert found[0] == np.datetime64(AS_OF) + 2435
    assert pace.ratio(np.array([90.0]), np.array([120.0])).tolist() == [0.75]


@pytest.mark.parametrize(
    ("known_from", "one", "three"),
    [
        ("2025-11-22", True, False),
        ("2025-11-23", False, False),
        ("2023-11-23", True, True),
        ("2023-11-24", True, False),
        ("2027-01-01", False, False),
        (None, False, False),
    ],
)
def test_a_window_longer_than_the_history_says_nothing(
    known_from: str | None, one: bool, three: bool
) -> None:
    first = days(known_from)[0]
    nothing = np.zeros(0)
    for years, known in ((1, one), (3, three)):
        found = pace.trailing(
            nothing, days(), np.zeros(0, int), 3, as_of=AS_OF, known_from=first, years=years
        )
        assert np.isfinite(found).tolist() == [known] * 3


systems = st.lists(
    st.tuples(
        st.integers(0, 10**9).map(lambda n: n / 1000.0),
        st.one_of(st.none(), st.integers(-4000, 400)),
        st.integers(0, 3),
    ),
    max_size=30,
)


@examples(150)
@given(systems, st.sampled_from([1, 3]), st.randoms())
def test_trailing_is_a_plain_count_in_any_order(
    found: list[tuple[float, int | None, int]], years: int, chance: Any
) -> None:
    expected = [0] * 4
    for kw, shift, place in found:
        if shift is not None and -365 * years < shift <= 0:
            expected[place] += round(kw * 1000.0)
    chance.shuffle(found)
    kw = np.array([item[0] for item in found])
    day = days(*[None if s is None else str(AS_OF + timedelta(days=s)) for _, s, _ in found])
    place = np.array([item[2] for item in found], dtype=np.int64)
    seen = pace.trailing(
        kw, day, place, 4, as_of=AS_OF, known_from=np.datetime64("2010-01-01"), years=years
    )
    assert seen.tolist() == [pytest.approx(total / 1000.0 / years, abs=6e-4) for total in expected]
    if years == 1:
        assert seen.tolist() == [total / 1000.0 for total in expected]


@examples(200)
@given(st.floats(0.0, 1e6), st.floats(0.0, 1e6), st.one_of(st.just(0.0), st.floats(1e-3, 1e6)))
def test_the_day_of_attainment_is_the_first_that_holds_the_target(
    target: float, reached: float, speed: float
) -> None:
    found = pace.attained_on(
        np.array([target]), np.array([reached]), np.array([speed]), AS_OF, 100.0
    )[0]
    if reached >= target or speed == 0.0 or (target - reached) / speed > 100.0:
        assert np.isnat(found)
        return
    ahead = (found - np.datetime64(AS_OF)).astype(int)
    # Sums of decimals, and the hair of a day that is no day.
    slack = 1e-5 * max(target, 1.0) + 2e-6 * speed / 365.25
    assert reached + speed * ahead / 365.25 >= target - slack
    assert reached + speed * (ahead - 1) / 365.25 < target + slack


def test_missing_paces_and_targets_give_no_day() -> None:
    found = pace.attained_on(
        np.array([np.nan, 10.0, 10.0, 10.0]), np.array([0.0, np.nan, 0.0, 0.0]),
        np.array([1.0, 1.0, np.nan, -1.0]), AS_OF, 100.0,
    )  # fmt: skip
    assert np.isnat(found).all()
    assert np.isnan(pace.ratio(np.array([5.0, np.nan]), np.array([0.0, 5.0]))).all()


def test_the_day_a_target_was_reached() -> None:
    kw = np.array([50.0, 20.0, 30.0, 999.0])
    day = days("2024-05-01", "2022-01-01", "2025-06-01", None)
    assert pace.reached_on(kw, day, 20.0) == np.datetime64("2022-01-01")
    assert pace.reached_on(kw, day, 70.0) == np.datetime64("2024-05-01")
    assert pace.reached_on(kw, day, 70.001) == np.datetime64("2025-06-01")
    assert np.isnat(pace.reached_on(kw, day, 101.0))
    assert np.isnat(pace.reached_on(kw[:0], day[:0], 1.0))


# --- late registrations: a real register as known day by day --------------------------------------


def weekly(folder: Path) -> dict[str, dict[str, float]]:
    """Return snapshot to week to kW added in it, as known then (Germany, 2022-2024)."""
    found = {}
    for line in (folder / "reg_mastr_stat" / "stat.json").read_text().splitlines():
        row = json.loads(line)
        if row["query"] == "solar-brutto-woechentlich":
            found[row["date"]] = row["result"]
    return found


def test_late_registrations_make_the_last_year_look_slow(shared_data: Path) -> None:
    """A year as known at its end against the same year as known half a year or more later."""
    known = weekly(shared_data)
    last = known[max(known)]
    shares, month = [], []
    for snapshot in sorted(known):
        if not "2023-01-15" <= snapshot <= "2023-07-25":
            continue
        weeks = sorted(known[snapshot])[-53:-1]
        year, later = (sum(table.get(week, 0.0) for week in weeks) for table in
                       (known[snapshot], last))  # fmt: skip
        shares.append(year / later)
        now, since = (sum(table.get(week, 0.0) for week in weeks[-4:]) for table in
                      (known[snapshot], last))  # fmt: skip
        month.append(now / since)
    assert len(shares) > 60
    # Slow, never fast; the last weeks bear most of it (figures: docs/goals.md).
    assert max(shares) < 1.0
    assert 0.86 < float(np.median(shares)) < 0.90
    assert 0.55 < float(np.median(month)) < 0.65
