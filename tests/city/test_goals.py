"""Verdicts: every case of dates, registers and doubts; scope; the goal that maps show."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan.assumptions import Goal, load
from pvplan.city import goals
from pvplan.city.goals import Standing, Verdict, headline, judge
from tests.conftest import examples

DEADLINE = date(2030, 12, 31)
GOALS = load().goals
RANK = {"missed": 0, "behind": 0, "not_assessable": 1, "on_track": 2, "met": 3}


def goal(goal_id: str = "industrial_1gw_2025", deadline: date = DEADLINE) -> Goal:
    found = next(item for item in GOALS if item.id == goal_id)
    return replace(found, deadline=deadline)


def standing(**words: float | bool) -> Standing:
    plain = {"target_kw": 1000.0, "installed_kw": 0.0, "by_deadline_kw": 0.0, "undated_kw": 0.0,
             "unmatched_kw": 0.0, "trailing_kw_per_year": np.nan}  # fmt: skip
    return Standing(**{**plain, **words})  # type: ignore[arg-type]


def verdict(as_of: date, **words: float | bool) -> str:
    return judge(goal(), standing(**words), as_of).verdict


AFTER, ON, BEFORE = DEADLINE + timedelta(days=1), DEADLINE, DEADLINE - timedelta(days=730)


@pytest.mark.parametrize(
    ("as_of", "words", "expected"),
    [
        # after the deadline only what was commissioned by it counts
        (AFTER, {"installed_kw": 1000.0, "by_deadline_kw": 1000.0}, "met"),
        (AFTER, {"installed_kw": 1500.0, "by_deadline_kw": 999.999}, "missed"),
        (AFTER, {"installed_kw": 500.0, "by_deadline_kw": 500.0}, "missed"),
        (AFTER, {"installed_kw": 900.0, "by_deadline_kw": 600.0, "undated_kw": 300.0}, "missed"),
        (AFTER, {"installed_kw": 1000.0, "by_deadline_kw": 600.0, "undated_kw": 400.0},
         "not_assessable"),
        (AFTER, {"installed_kw": 600.0, "by_deadline_kw": 600.0, "unmatched_kw": 400.0},
         "not_assessable"),
        (AFTER, {"installed_kw": 800.0, "by_deadline_kw": 600.0, "undated_kw": 200.0,
                 "unmatched_kw": 200.0}, "not_assessable"),
        (AFTER, {"installed_kw": 800.0, "by_deadline_kw": 600.0, "undated_kw": 200.0,
                 "unmatched_kw": 199.0}, "missed"),
        (AFTER, {"by_deadline_kw": 100.0, "covers_scope": False}, "not_assessable"),
        (AFTER, {"by_deadline_kw": 1000.0, "covers_scope": False}, "met"),
        # the pace of before says nothing afterwards
        (AFTER, {"trailing_kw_per_year": 1e9}, "missed"),
        # on the day itself the goal can still be met
        (ON, {"installed_kw": 1000.0}, "met"),
        (ON, {"installed_kw": 999.0, "trailing_kw_per_year": 300.0}, "behind"),
        (ON, {"installed_kw": 999.0, "trailing_kw_per_year": 365.25}, "on_track"),
        # before it: pace against pace
        (BEFORE, {"installed_kw": 1000.0, "trailing_kw_per_year": 0.0}, "met"),
        (BEFORE, {"installed_kw": 0.0}, "not_assessable"),
        (BEFORE, {"installed_kw": 0.0, "trailing_kw_per_year": 500.0}, "behind"),
        (BEFORE, {"installed_kw": 0.0, "trailing_kw_per_year": 501.0}, "on_track"),
        (BEFORE, {"installed_kw": 0.0, "trailing_kw_per_year": 0.0}, "behind"),
        (BEFORE, {"installed_kw": 600.0, "unmatched_kw": 400.0, "trailing_kw_per_year": 9e9},
         "not_assessable"),
        (BEFORE, {"installed_kw": 600.0, "unmatched_kw": 399.0, "trailing_kw_per_year": 9e9},
         "on_track"),
        (BEFORE, {"installed_kw": 10.0, "covers_scope": False, "trailing_kw_per_year": 9e9},
         "not_assessable"),
        # undated and unplaced rows may have come in the last year: 400 kW in 2 years are needed
        (BEFORE, {"installed_kw": 600.0, "trailing_kw_per_year": 150.0, "undated_kw": 50.0},
         "behind"),
        (BEFORE, {"installed_kw": 600.0, "trailing_kw_per_year": 150.0, "undated_kw": 51.0},
         "not_assessable"),
        (BEFORE, {"installed_kw": 600.0, "trailing_kw_per_year": 150.0, "unmatched_kw": 99.0},
         "behind"),
        (BEFORE, {"installed_kw": 600.0, "trailing_kw_per_year": 150.0, "unmatched_kw": 101.0},
         "not_assessable"),
        (BEFORE, {"installed_kw": 600.0, "trailing_kw_per_year": 170.0, "unmatched_kw": 25.0,
                  "unmatched_recent_kw": 25.0}, "not_assessable"),
        (BEFORE, {"installed_kw": 600.0, "trailing_kw_per_year": 201.0, "undated_kw": 600.0},
         "on_track"),
        # additions since a day: an undated system may be one
        (BEFORE, {"installed_kw": 600.0, "undated_kw": 400.0, "undated_counted": False,
                  "trailing_kw_per_year": 0.0}, "not_assessable"),
        # roofs that cannot hold the target
        (BEFORE, {"installed_kw": 100.0, "reachable_kw": 999.999, "trailing_kw_per_year": 9e9},
         "behind"),
        (BEFORE, {"installed_kw": 100.0, "reachable_kw": 1000.0, "trailing_kw_per_year": 9e9},
         "on_track"),
        (BEFORE, {"installed_kw": 100.0, "reachable_kw": 900.0}, "behind"),
        (BEFORE, {"installed_kw": 1000.0, "reachable_kw": 900.0}, "met"),
        (BEFORE, {"installed_kw": 100.0, "reachable_kw": 900.0, "unmatched_kw": 900.0},
         "not_assessable"),
        (AFTER, {"by_deadline_kw": 100.0, "reachable_kw": 900.0}, "missed"),
        # what was retired since may have run on the deadline, and counts no longer before it
        (AFTER, {"installed_kw": 600.0, "by_deadline_kw": 600.0, "retired_kw": 400.0},
         "not_assessable"),
        (AFTER, {"installed_kw": 600.0, "by_deadline_kw": 600.0, "retired_kw": 399.0}, "missed"),
        (BEFORE, {"installed_kw": 600.0, "retired_kw": 900.0, "trailing_kw_per_year": 10.0},
         "behind"),
        # nothing known, nothing said
        (AFTER, {"installed_kw": np.nan, "by_deadline_kw": np.nan}, "not_assessable"),
        (BEFORE, {"installed_kw": np.nan}, "not_assessable"),
        (BEFORE, {"target_kw": np.nan, "installed_kw": 5.0}, "not_assessable"),
        (AFTER, {"target_kw": 0.0, "installed_kw": 5.0, "by_deadline_kw": 5.0}, "not_assessable"),
    ],
)  # fmt: skip
def test_truth_table(as_of: date, words: dict[str, float | bool], expected: str) -> None:
    assert verdict(as_of, **words) == expected


kilowatts = st.floats(0.0, 2000.0)


@examples(300)
@given(
    days=st.integers(-2000, 2000),
    by_deadline=kilowatts,
    later=kilowatts,
    undated=kilowatts,
    unmatched=kilowatts,
    trailing=st.one_of(kilowatts, st.just(np.nan)),
    covers=st.booleans(),
    register=st.booleans(),
)
def test_verdicts_follow_from_what_is_possible(
    days: int,
    by_deadline: float,
    later: float,
    undated: float,
    unmatched: float,
    trailing: float,
    covers: bool,
    register: bool,
) -> None:
    """Another road to the same verdict: the least and the most that may be installed in time."""
    as_of, target = DEADLINE + timedelta(days=days), 1000.0
    installed = by_deadline + undated + (later if days > 0 else 0.0)
    seen = Standing(
        target, installed if register else np.nan, by_deadline if register else np.nan,
        undated, unmatched, trailing, covers,
    )  # fmt: skip
    found = judge(goal(), seen, as_of)
    if not register:
        assert found.verdict == "not_assessable"
        assert "register" in found.reason_en
        return
    least = by_deadline if days > 0 else installed
    most = np.inf if not covers else least + unmatched + (undated if days > 0 else 0.0)
    if least >= target:
        assert found.verdict == "met"
    elif most >= target:
        assert found.verdict == "not_assessable"
    elif days > 0:
        assert found.verdict == "missed"
    else:
        needed = (target - installed) * 365.25 / max(-days, 1)
        if days <= -30:
            assert found.pace_needed_kw_per_year == pytest.approx(needed)
        at_most = (target - installed - unmatched) * 365.25 / max(-days, 1)
        if np.isnan(trailing):
            assert found.verdict == "not_assessable"
            assert "less than 12 months" in found.reason_en
        elif trailing >= needed:
            assert found.verdict == "on_track"
        else:
            may_do = trailing + undated >= at_most
            assert found.verdict == ("not_assessable" if may_do else "behind")
    assert found.reason_zh
    assert found.reason_en
    reached_before = days <= 0 and installed >= target > 0
    told = days <= -30 or reached_before
    assert np.isnan(found.pace_needed_kw_per_year) == (not told)


@examples(200)
@given(st.integers(-900, 900), kilowatts, kilowatts, kilowatts)
def test_more_installed_is_never_worse(days: int, first: float, more: float, pace: float) -> None:
    as_of = DEADLINE + timedelta(days=days)

    def rank(kw: float) -> int:
        words = {"installed_kw": kw, "by_deadline_kw": kw, "trailing_kw_per_year": pace}
        return RANK[verdict(as_of, **words)]

    assert rank(first + more) >= rank(first)


def test_a_worked_example() -> None:
    """400 of 1000 MW on 22 Nov 2026, 1500 days to go: 600 MW · 365.25 / 1500 = 146.1 MW a year."""
    seen = standing(
        target_kw=1e6, installed_kw=4e5, by_deadline_kw=4e5, trailing_kw_per_year=146_000.0
    )
    found = judge(goal(), seen, date(2026, 11, 22))
    assert found.pace_needed_kw_per_year == pytest.approx(146_100.0)
    assert found.verdict == "behind"
    assert found.reason_en == "146.0 MW in the last 12 months, 146.1 MW a year needed"
    faster = replace(seen, trailing_kw_per_year=146_200.0)
    assert judge(goal(), faster, date(2026, 11, 22)).verdict == "on_track"


def test_the_reason_tells_when_the_target_was_reached_late() -> None:
    found = judge(goal(), standing(installed_kw=1200.0, by_deadline_kw=900.0), AFTER)
    assert found.verdict == "missed"
    assert "reached since" in found.reason_en
    assert "此后已达到" in found.reason_zh
    still = judge(goal(), standing(installed_kw=950.0, by_deadline_kw=900.0), AFTER)
    assert "since" not in still.reason_en


def test_met_before_the_deadline_needs_no_pace() -> None:
    found = judge(goal(), standing(installed_kw=1000.0), BEFORE)
    assert found == Verdict("met", "已达目标", "the target is reached", 0.0)


# --- scope -------------------------------------------------------------------------------------


def test_scope_by_use_and_place() -> None:
    rules = load().goal_settings
    cases = [
        ("industrial", True, True), ("industrial", False, True), ("Factory", False, True),
        ("office", True, True), ("office", False, False), ("dormitory", False, False),
        ("residential", True, False), ("residential", False, False),
        (None, True, True), (None, False, False), ("unknown", True, True), ("", True, True),
        ("", False, False), ("厂房", False, True),
    ]  # fmt: skip
    use, in_park, expected = zip(*cases, strict=True)
    index = pd.Index([f"r{number}" for number in range(len(cases))])
    found = goals.in_scope(
        pd.Series(use, index=index, dtype=object), pd.Series(in_park, index=index), rules
    )
    assert found.tolist() == list(expected)
    assert found.index.equals(index)
    assert found.dtype == bool
    strict = replace(rules, unknown_use_in_park_counts=False)
    found = goals.in_scope(
        pd.Series(use, index=index, dtype=object), pd.Series(in_park, index=index), strict
    )
    assert [bool(item) for item, word in zip(found, use, strict=True) if not word] == [False] * 4


@pytest.mark.parametrize("missing", [None, np.nan])
def test_scope_where_no_use_is_known_at_all(missing: object) -> None:
    use = pd.Series([missing] * 3, dtype=object)
    found = goals.in_scope(use, pd.Series([True, False, True]), load().goal_settings)
    assert found.tolist() == [True, False, True]


def test_new_plants_are_those_completed_from_the_day_on() -> None:
    days = pd.Series(pd.to_datetime(["2021-12-31", "2022-01-01", "2025-01-01", None]))
    assert goals.is_new(days, load().goal_settings).tolist() == [False, True, True, False]
    later = load(user={"goals.settings.new_plant_from": "2024-01-01"}).goal_settings
    assert goals.is_new(days, later).tolist() == [False, False, True, False]
    nothing = pd.Series(pd.to_datetime([None, None]))
    assert goals.is_new(nothing, load().goal_settings).tolist() == [False, False]


# --- the goal that maps show -------------------------------------------------------------------


def test_the_next_open_city_goal_of_existing_industry_is_shown() -> None:
    known = load().goals
    assert headline(known, date(2023, 1, 1)) == "industrial_1gw_2025"
    assert headline(known, date(2025, 12, 31)) == "industrial_1gw_2025"
    assert headline(known, date(2026, 1, 1)) == "industrial_full_2030"
    assert headline(known, date(2030, 12, 31)) == "industrial_full_2030"
    assert headline(known, date(2031, 1, 1)) == "industrial_full_2030"
    assert headline(known[::-1], date(2023, 1, 1)) == "industrial_1gw_2025"


def test_only_enabled_goals_that_roofs_can_meet_alone_are_shown() -> None:
    without = load(user={"goals.industrial_full_2030.enabled": "false"}).goals
    assert headline(without, date(2026, 11, 22)) == "industrial_1gw_2025"
    neither = load(
        user={
            "goals.industrial_full_2030.enabled": "false",
            "goals.industrial_1gw_2025.enabled": "false",
        }
    ).goals
    assert headline(neither, date(2026, 11, 22)) is None
    assert headline((), date(2026, 11, 22)) is None


@pytest.mark.parametrize("left", [0, 21])
def test_the_last_days_state_what_is_missing_and_no_pace(left: int) -> None:
    found = judge(
        goal(),
        standing(installed_kw=400.0, trailing_kw_per_year=50.0),
        DEADLINE - timedelta(days=left),
    )
    assert found.verdict == "behind"
    assert np.isnan(found.pace_needed_kw_per_year)
    assert found.reason_en == f"{left} days before the deadline 0.6 MW are missing"


# --- what lies around the verdict ----------------------------------------------------------------


def test_a_goal_is_not_judged_before_it_was_set() -> None:
    enough = standing(installed_kw=2000.0, by_deadline_kw=2000.0)
    day = goal().document_date
    assert day == date(2022, 12, 8)
    found = judge(goal(), enough, day - timedelta(days=1))
    assert found.verdict == "not_assessable"
    assert "was set on 2022-12-08" in found.reason_en
    assert judge(goal(), enough, day).verdict == "met"
    undated = replace(goal(), document_date=None)
    assert judge(undated, enough, date(2000, 1, 1)).verdict == "met"


@pytest.mark.parametrize(
    ("target", "roofs", "told"),
    [(0.0, 500.0, "the target here is 0"), (0.0, 0.0, "no roof"), (0.0, np.nan, "no roof"),
     (np.nan, 500.0, "no roof")],
)  # fmt: skip
def test_no_target_is_told_apart_from_no_roof(target: float, roofs: float, told: str) -> None:
    found = judge(goal(), standing(target_kw=target, roofs_kw=roofs), BEFORE)
    assert found.verdict == "not_assessable"
    assert told in found.reason_en


def test_what_the_roofs_cannot_hold_is_told_in_megawatts() -> None:
    short = standing(target_kw=9000.0, installed_kw=500.0, reachable_kw=6500.0)
    assert short.unreachable_kw == 2500.0
    found = judge(goal(), short, BEFORE)
    assert found.reason_en == "unreachable by 2.5 MW on roofs in scope"
    assert found.pace_needed_kw_per_year == pytest.approx(8500.0 * 365.25 / 730)
    # What stands, stands, though the layout holds less.
    assert replace(short, installed_kw=7000.0).unreachable_kw == 2000.0
    assert replace(short, reachable_kw=9000.0).unreachable_kw == 0.0
    assert np.isnan(replace(short, covers_scope=False).unreachable_kw)
    assert np.isnan(replace(short, reachable_kw=np.nan).unreachable_kw)


@pytest.mark.parametrize(
    ("plants", "days", "expected", "told"),
    [
        (None, 0, "not_assessable", "was not given"),
        (goals.Plants(0, 0), 0, "not_assessable", "no plant"),
        (goals.Plants(10, 8), -1, "met", "8 of 10 plants pass, target 80%"),
        (goals.Plants(10, 8), 1, "met", "8 of 10"),
        (goals.Plants(10, 7), 1, "missed", "7 of 10"),
        (goals.Plants(10, 7, 1), 1, "not_assessable", "1 lack evidence"),
        (goals.Plants(10, 6, 1), 1, "missed", "6 of 10"),
        (goals.Plants(10, 7), -1, "not_assessable", "pace of plants"),
    ],
)
def test_a_share_of_plants(
    plants: goals.Plants | None, days: int, expected: str, told: str
) -> None:
    share = replace(goal(), metric="share_of_plants", denominator="share_of_plants", target=0.8)
    known = standing(target_kw=np.nan, plants=plants)
    found = judge(share, known, DEADLINE + timedelta(days=days))
    assert found.verdict == expected
    assert told in found.reason_en


def test_a_superseded_goal_is_named_and_not_the_headline() -> None:
    old = replace(goal(), superseded_by="industrial_full_2030")
    note = goals.superseded_note(old, GOALS)
    assert note is not None
    assert "Full installation on existing plants by 2030" in note[1]
    assert "取代" in note[0]
    assert goals.superseded_note(goal(), GOALS) is None
    known = tuple(old if item.id == old.id else item for item in GOALS)
    assert headline(known, date(2023, 1, 1)) == "industrial_full_2030"
