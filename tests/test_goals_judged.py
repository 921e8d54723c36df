"""The table of goals against a slow judge that reads the rules; the registry; the columns."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan import assumptions as assuming
from pvplan.assumptions import Assumptions, Goal, load
from pvplan.city.goals import Plants
from pvplan.errors import AssumptionError
from pvplan.goal_table import City, goal_table
from pvplan.kinds import flags_of, with_potentials
from pvplan.tables import GOAL_DOUBT, GOALS, OUTSIDE_PARKS, check
from tests.conftest import examples

CITY = City("toy", "玩具城", "Toy")
DEADLINE = date(2027, 6, 30)
SET_ON = date(2022, 12, 8)
BASE = load()
DENSITY = 0.62 / (2.382 * 1.134)


def goal(**words: Any) -> Goal:
    plain = next(item for item in BASE.goals if item.id == "industrial_1gw_2025")
    return replace(plain, deadline=DEADLINE, **words)


def given_goals(*goals: Goal) -> Assumptions:
    return replace(BASE, goals=goals)


def roofs(*potential: float) -> pd.DataFrame:
    """Roofs of 1000 m², 500 usable, each in its own park, all in one district."""
    count = len(potential)
    return pd.DataFrame(
        {
            "park_id": [f"P{n}" for n in range(count)],
            "district_id": "D1",
            "usable_area_m2": 500.0,
            "footprint_area_m2": 1000.0,
            "capacity_dc_kw": list(potential),
            "energy_ac_kwh_per_year": [1000.0 * kw for kw in potential],
            "capex_cny": [3000.0 * kw for kw in potential],
            "opex_cny_per_year": [50.0 * kw for kw in potential],
            "installed_dc_kw": 0.0,
            "under_construction_dc_kw": 0.0,
            "filed_dc_kw": 0.0,
            "feasible_dc_kw": list(potential),
            "not_assessable_dc_kw": 0.0,
            "in_goal_scope": True,
            "is_new_plant": False,
        },
        index=pd.Index([f"r{n}" for n in range(count)], name="roof_id"),
    )


Row = tuple[int, float, str, date | None]
"""Roof number (-1 = place unknown), kW, status, commissioned on."""


def ledger(rows: list[Row], filed_on: date | None = None) -> pd.DataFrame:
    known = [number >= 0 for number, *_ in rows]
    return pd.DataFrame(
        {
            "roof_id": [f"r{row[0]}" if row[0] >= 0 else None for row in rows],
            "park_id": [f"P{row[0]}" if row[0] >= 0 else None for row in rows],
            "district_id": ["D1" if here else None for here in known],
            "capacity_dc_kw": [row[1] for row in rows],
            "status": [row[2] for row in rows],
            "filed_on": pd.to_datetime(pd.Series([filed_on] * len(rows), dtype=object)),
            "commissioned_on": pd.to_datetime(pd.Series([row[3] for row in rows], dtype=object)),
            "matched_by": ["roof_id" if here else "none" for here in known],
        }
    )


def table(
    goals: tuple[Goal, ...],
    rows: list[Row] | None,
    as_of: date,
    *potential: float,
    plants: dict[tuple[str, str, str], Plants] | None = None,
    filed_on: date | None = None,
) -> pd.DataFrame:
    here = roofs(*potential)
    names = {"name_zh": "名", "name_en": "name"}
    places = {
        "park": pd.DataFrame(names, index=here["park_id"].tolist()),
        "district": pd.DataFrame(names, index=["D1"]),
    }
    systems = None if rows is None else ledger(rows, filed_on)
    kinds = with_potentials(here, load())
    found = goal_table(
        kinds, flags_of(here, systems), systems, places, CITY, as_of, given_goals(*goals), plants
    ).goals
    # What the draws add comes later, from the plan.
    found = found.assign(**{column.name: None for column in GOAL_DOUBT})
    check(found, GOALS, title="goals")
    return found


def city_row(found: pd.DataFrame) -> pd.Series[Any]:
    return found[found["level"] == "city"].iloc[0]


# --- a slow judge, from the text of the rules ----------------------------------------------------


def slowly_judged(
    target: float, rows: list[Row], as_of: date, potential: float
) -> tuple[str, float]:
    """Return the verdict of the city and the part of the target that no roof can hold."""
    there = [r for r in rows if r[2] == "commissioned" and (r[3] is None or r[3] <= as_of)]
    placed = [r for r in there if r[0] >= 0]
    loose = [r for r in there if r[0] < 0]
    installed = sum(r[1] for r in placed)
    unreachable = max(target - max(potential, installed), 0.0)
    if as_of < SET_ON or target == 0.0:
        return "not_assessable", unreachable
    if as_of > DEADLINE:
        sure = sum(r[1] for r in placed if r[3] is not None and r[3] <= DEADLINE)
        if sure >= target:
            return "met", unreachable
        maybe = [r for r in placed if r[3] is None]
        maybe += [r for r in loose if r[3] is None or r[3] <= DEADLINE]
        maybe += [
            r for r in rows
            if r[2] == "retired" and r[0] >= 0 and (r[3] is None or r[3] <= DEADLINE)
        ]  # fmt: skip
        possible = sure + sum(r[1] for r in maybe) >= target
        return "not_assessable" if possible else "missed", unreachable
    if installed >= target:
        return "met", unreachable
    unplaced = sum(r[1] for r in loose)
    if installed + unplaced >= target:
        return "not_assessable", unreachable
    if unreachable > 0.0:
        return "behind", unreachable
    dates = [r[3] for r in there if r[3] is not None]
    year_ago = as_of - timedelta(days=365)
    if not dates or min(dates) > year_ago:
        return "not_assessable", unreachable
    left = max((DEADLINE - as_of).days, 1) / 365.25
    slow = sum(r[1] for r in placed if r[3] is not None and r[3] > year_ago)
    fast = slow + sum(r[1] for r in placed if r[3] is None)
    fast += sum(r[1] for r in loose if r[3] is None or r[3] > year_ago)
    if slow * left >= target - installed:
        return "on_track", unreachable
    if fast * left >= target - installed - unplaced:
        return "not_assessable", unreachable
    return "behind", unreachable


whole = st.integers(1, 300).map(float)
history = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 2, -1]),
        whole,
        st.sampled_from(["commissioned"] * 6 + ["retired", "filed", "under_construction"]),
        st.one_of(
            st.none(), *[st.dates(date(2020, 1, 1), date(2028, 12, 31))] * 5, st.just(DEADLINE)
        ),
    ),
    max_size=12,
)
moments = st.one_of(
    st.dates(date(2022, 6, 1), date(2029, 12, 31)),
    st.sampled_from([DEADLINE, DEADLINE + timedelta(days=1), SET_ON, SET_ON - timedelta(days=1)]),
    st.integers(0, 40).map(lambda n: DEADLINE - timedelta(days=n)),
)


@examples(60)
@given(history, moments, st.one_of(st.integers(0, 1200).map(float), st.just(None)), st.data())
def test_the_verdict_is_that_of_a_slow_judge(
    rows: list[Row], as_of: date, target: float | None, chance: Any
) -> None:
    if target is None:  # just reached, or a kW short of it
        there = sum(r[1] for r in rows if r[2] == "commissioned" and r[0] >= 0)
        target = there + chance.draw(st.sampled_from([0.0, 1.0]))
    potential = chance.draw(st.sampled_from([100.0, 400.0, 1000.0]))
    found = city_row(table((goal(target=target),), rows, as_of, *[potential] * 3))
    expected, unreachable = slowly_judged(target, rows, as_of, 3 * potential)
    assert found["verdict"] == expected, found["reason_en"]
    assert found["unreachable_dc_kw"] == unreachable
    assert found["reason_zh"]
    pending = {
        status: sum(r[1] for r in rows if r[2] == status and r[0] >= 0 and not late(r, as_of))
        for status in ("filed", "under_construction")
    }
    assert found["filed_dc_kw"] == pending["filed"]
    assert found["under_construction_dc_kw"] == pending["under_construction"]
    later = [row for row in rows if late(row, as_of)]
    if later:
        known = [row for row in rows if not late(row, as_of)]
        without = city_row(table((goal(target=target),), known, as_of, *[potential] * 3))
        same = [c for c in found.index if not pd.isna(found[c]) or not pd.isna(without[c])]
        assert found[same].equals(without[same])


def late(row: Row, as_of: date) -> bool:
    """Whether it cannot have been there on the day; no filing day is known here."""
    ended = row[2] in ("commissioned", "retired")
    return ended and row[3] is not None and row[3] > as_of


# --- a worked example -----------------------------------------------------------------------------

EXAMPLE: list[Row] = [
    (0, 100.0, "commissioned", date(2023, 3, 1)),
    (0, 60.0, "commissioned", date(2024, 12, 1)),
    (1, 90.0, "commissioned", date(2025, 9, 1)),
    (1, 20.0, "commissioned", None),
    (2, 45.0, "under_construction", None),
    (2, 15.0, "filed", None),
    (0, 500.0, "commissioned", date(2026, 7, 1)),
]


def test_a_worked_example() -> None:
    """On 31 December 2025: 270 of 900 kW, 546 days to go, so 421.442 kW a year are needed.

    90 kW came in the last year: 630 kW take 7 years. On 1 March 2026 the history is three years
    old; 150 kW came in them, 50 a year: 12.6 years. Three roofs hold 400 kW each; a third of the
    target falls to each park.
    """
    found = table((goal(target=900.0),), EXAMPLE, date(2025, 12, 31), *[400.0] * 3)
    row = city_row(found)
    assert row["installed_dc_kw"] == 270.0
    assert row["gap_dc_kw"] == 630.0
    assert row["undated_dc_kw"] == 20.0
    assert (row["under_construction_dc_kw"], row["filed_dc_kw"]) == (45.0, 15.0)
    assert row["potential_dc_kw"] == 1200.0
    assert row["used_potential_fraction"] == 0.225
    assert row["unreachable_dc_kw"] == 0.0
    assert row["pace_needed_kw_per_year"] == pytest.approx(630.0 * 365.25 / 546, abs=6e-4)
    assert row["pace_trailing_kw_per_year"] == 90.0
    assert np.isnan(row["pace_trailing_36_kw_per_year"])  # the history begins in March 2023
    assert row["pace_ratio"] == pytest.approx(90.0 / 421.442, abs=1e-5)
    assert row["attained_on_linear"] == pd.Timestamp("2025-12-31") + pd.Timedelta(days=2557)
    assert pd.isna(row["attained_on_linear_36"])
    assert row["curve_state"] == "too_short"
    assert row["verdict"] == "behind"
    parks = found[found["level"] == "park"].set_index("place_id")
    assert parks["gap_dc_kw"].to_dict() == {"P0": 140.0, "P1": 190.0, "P2": 300.0}
    assert parks["rank"].to_dict() == {"P0": 3.0, "P1": 2.0, "P2": 1.0}
    assert set(parks["curve_state"]) == {"not_fitted"}
    later = city_row(table((goal(target=900.0),), EXAMPLE, date(2026, 3, 1), *[400.0] * 3))
    assert later["pace_trailing_36_kw_per_year"] == 50.0
    ahead = pd.Timedelta(days=np.ceil(12.6 * 365.25))
    assert later["attained_on_linear_36"] == pd.Timestamp("2026-03-01") + ahead


def test_what_is_reached_tells_the_day() -> None:
    found = city_row(table((goal(target=160.0),), EXAMPLE, date(2025, 12, 31), 400.0, 400.0, 9.0))
    assert found["verdict"] == "met"
    assert found["attained_on_linear"] == pd.Timestamp("2024-12-01")
    assert found["attained_on_linear_36"] == pd.Timestamp("2024-12-01")
    assert found["curve_state"] == "reached"
    # With the undated 20 kW it is reached, on a day that nobody knows.
    found = city_row(table((goal(target=270.0),), EXAMPLE, date(2025, 12, 31), 400.0, 400.0, 9.0))
    assert found["verdict"] == "met"
    assert pd.isna(found["attained_on_linear"])


def test_equal_gaps_rank_equal_and_the_outside_ranks_nowhere() -> None:
    here = roofs(100.0, 100.0, 300.0, 50.0).assign(park_id=["P0", "P1", "P2", OUTSIDE_PARKS])
    names = pd.DataFrame({"name_zh": "名", "name_en": "n"}, index=["P0", "P1", "P2", OUTSIDE_PARKS])
    full = next(item for item in load().goals if item.id == "industrial_full_2030")
    here = with_potentials(here, load())
    found = goal_table(
        here, flags_of(here, None), ledger([]),
        {"park": names, "district": names[:0].reindex(["D1"])}, CITY,
        date(2026, 1, 1), given_goals(full),
    ).goals  # fmt: skip
    rank = found[found["level"] == "park"].set_index("place_id")["rank"]
    assert rank["P2"] == 1.0
    assert rank["P0"] == rank["P1"] == 2.0
    assert np.isnan(rank[OUTSIDE_PARKS])


def test_a_pace_counts_what_came_before_a_baseline() -> None:
    """Added since the end of 2024: 90 kW. The year's pace is older: 60 + 90."""
    added = goal(metric="added_dc_kw", target=500.0, baseline=date(2024, 12, 31))
    found = city_row(table((added,), EXAMPLE, date(2025, 11, 30), *[400.0] * 3))
    assert found["installed_dc_kw"] == 90.0
    assert found["pace_trailing_kw_per_year"] == 150.0
    # 160 of the 1200 kW of roof were used before it.
    far = replace(added, target=1100.0)
    found = city_row(table((far,), EXAMPLE, date(2025, 11, 30), *[400.0] * 3))
    assert found["unreachable_dc_kw"] == 60.0
    assert found["verdict"] == "behind"
    assert found["used_potential_fraction"] == 0.225


def test_what_was_filed_later_is_not_shown() -> None:
    """On the day of filing 15 kW are filed, and 90 + 500 kW that run only later."""
    words = {"filed_on": date(2025, 6, 1)}
    after = city_row(table((goal(),), EXAMPLE, date(2025, 6, 1), *[400.0] * 3, **words))  # type: ignore[arg-type]
    before = city_row(table((goal(),), EXAMPLE, date(2025, 5, 31), *[400.0] * 3, **words))  # type: ignore[arg-type]
    assert (after["filed_dc_kw"], before["filed_dc_kw"]) == (605.0, 0.0)
    assert (after["under_construction_dc_kw"], before["under_construction_dc_kw"]) == (45.0, 0.0)


def test_a_curve_is_drawn_for_the_city_from_a_long_history() -> None:
    edges = np.arange(-24, 1) / 4.0
    kw = np.diff(900.0 / (1.0 + np.exp(-(-0.3 + 0.7 * edges))))
    as_of = date(2026, 6, 30)
    rows: list[Row] = [
        (0, round(float(more), 3), "commissioned", as_of - timedelta(days=int(45 - end * 365.25)))
        for more, end in zip(kw, edges[1:], strict=True)
    ]
    found = table((goal(target=600.0),), rows, as_of, 2000.0, 2000.0)
    for place in ("toy", "D1"):
        row = found[found["place_id"] == place].iloc[0]
        assert row["curve_state"] == "projected"
        assert row["attained_on_logistic_p10"] <= row["attained_on_logistic"]
        assert row["attained_on_logistic"] <= row["attained_on_logistic_p90"]
        assert row["attained_on_logistic"] > pd.Timestamp(as_of)
    beyond = city_row(table((goal(target=1500.0),), rows, as_of, 2000.0, 2000.0))
    assert beyond["curve_state"] == "never"
    assert pd.isna(beyond["attained_on_logistic"])
    assert beyond["attained_on_linear"] > pd.Timestamp(as_of)


# --- the registry -------------------------------------------------------------------------------

NEW_GOAL = """
[a_goal_more]
enabled = true
name_zh = "新目标"
name_en = "A goal more"
clause_zh = "条文"
clause_en = "clause"
document = "a document"
document_date = "2023-05-01"
source = "a page"
owner = "an office"
scope = "{scope}"
level = "city"
metric = "{metric}"
denominator = "{denominator}"
target = {target}
unit = "{unit}"
deadline = "2027-06-30"
verified = false
{more}
"""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the defaults that a test may add goals to."""
    folder = tmp_path / "defaults"
    shutil.copytree(assuming.DEFAULTS, folder)
    monkeypatch.setattr(assuming, "DEFAULTS", folder)
    return folder / "goals.toml"


def add_goal(registry: Path, **words: Any) -> None:
    plain = {"target": 0.4, "unit": "1", "more": "", "scope": "existing_industrial"}
    text = registry.read_text(encoding="utf-8") + NEW_GOAL.format(**{**plain, **words})
    registry.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "target_kw", "in_unit"),
    [
        ({"metric": "installed_dc_kw", "denominator": "mw", "target": 900.0, "unit": "kWp"},
         900.0, 270.0),
        ({"metric": "added_dc_kw", "denominator": "mw", "target": 900.0, "unit": "kWp",
          "more": 'baseline = "2024-12-31"'}, 900.0, 90.0),
        ({"metric": "full_installation", "denominator": "usable_roof", "unit": "kWp"},
         1200.0, 270.0),
        ({"metric": "coverage_fraction", "denominator": "gross_roof"},
         0.4 * 3000.0 * DENSITY, 270.0 / DENSITY / 3000.0),
        ({"metric": "coverage_fraction", "denominator": "usable_roof"},
         0.4 * 1500.0 * DENSITY, 270.0 / DENSITY / 1500.0),
        ({"metric": "share_of_plants", "denominator": "share_of_plants",
          "scope": "new_industrial"}, np.nan, 2 / 3),
    ],
)  # fmt: skip
def test_a_new_goal_needs_no_code(
    registry: Path, words: dict[str, Any], target_kw: float, in_unit: float
) -> None:
    add_goal(registry, **words)
    found = next(item for item in load().goals if item.id == "a_goal_more")
    assert found.document_date == date(2023, 5, 1)
    plants = {("a_goal_more", "city", "toy"): Plants(3, 2)}
    rows = table((found,), EXAMPLE, date(2025, 12, 31), *[400.0] * 3, plants=plants)
    row = city_row(rows)
    assert row["target_dc_kw"] == pytest.approx(target_kw, abs=2e-3, nan_ok=True)
    assert row["installed"] == pytest.approx(in_unit, abs=1e-6)
    assert row["denominator"] == words["denominator"]
    assert (row["owner"], row["goal_read_in"]) == ("an office", "a page")
    assert row["document_date"] == pd.Timestamp("2023-05-01")
    if words["metric"] == "share_of_plants":
        assert row["verdict"] == "met"
        none = city_row(table((found,), EXAMPLE, date(2025, 12, 31), *[400.0] * 3))
        assert none["verdict"] == "not_assessable"
        assert np.isnan(none["installed"])


def test_a_superseded_goal_stays_with_a_note(registry: Path) -> None:
    more = 'superseded_by = "industrial_full_2030"'
    add_goal(registry, metric="installed_dc_kw", denominator="mw", unit="kWp", more=more)
    goals = tuple(
        item for item in load().goals if item.id in ("a_goal_more", "industrial_full_2030")
    )
    found = table(goals, EXAMPLE, date(2025, 12, 31), *[400.0] * 3).set_index("goal_id")
    assert set(found["superseded_by"].dropna()) == {"industrial_full_2030"}
    reasons = found.loc["a_goal_more", "reason_en"]
    assert all("superseded by 'Full installation" in reason for reason in reasons)
    assert not found.loc["industrial_full_2030", "reason_en"].str.contains("superseded").any()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"metric": "coverage_fraction", "denominator": "mw"}, r"'mw'; one of \('gross_roof'"),
        ({"metric": "added_dc_kw", "denominator": "mw"}, "baseline: missing"),
        ({"metric": "installed_dc_kw", "denominator": "mw", "more": 'superseded_by = "x_2030"'},
         "goal 'x_2030' is unknown"),
        ({"metric": "installed_dc_kw", "denominator": "mw",
          "more": 'superseded_by = "a_goal_more"'}, "leads back"),
        ({"metric": "share_of_plants", "denominator": "share_of_plants", "target": 50},
         "above 1; 50 % is 0.5"),
        ({"metric": "installed_dc_kw", "denominator": "mw", "more": 'ower = "x"'}, "'owner'"),
    ],
)  # fmt: skip
def test_a_goal_that_does_not_fit_is_refused(
    registry: Path, words: dict[str, Any], told: str
) -> None:
    add_goal(registry, **words)
    with pytest.raises(AssumptionError, match=told) as caught:
        load()
    assert "a_goal_more" in str(caught.value)


def test_a_goal_without_its_source_is_refused(registry: Path) -> None:
    text = registry.read_text(encoding="utf-8").replace("\nowner = ", "\nnote2 = ", 1)
    registry.write_text(text, encoding="utf-8")
    with pytest.raises(AssumptionError, match=r"industrial_1gw_2025\.owner: missing"):
        load()


def test_every_goal_says_who_answers_for_it_and_where_it_was_read() -> None:
    known = {item.id for item in load().goals}
    for item in load().goals:
        assert item.owner
        assert item.source
        assert item.superseded_by is None or item.superseded_by in known
        assert item.document_date is None or item.document_date <= item.deadline
        # A date that stands in the document's name is the document's date.
        if "(20" in item.document:
            assert str(item.document_date) in item.document
