"""Load against allowance: truths by hand, and that nothing unknown or older is ever better."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan.assumptions import Assumptions, Structure
from pvplan.errors import AssumptionError
from pvplan.roof.structure import STATES, allowed, bearing, reasons, state
from pvplan.tables import ROOF_FORMS
from tests.conftest import examples

MOUNTINGS = ("flush", "racked", "east_west")


@pytest.fixture
def rules(assumptions: Assumptions) -> Structure:
    return assumptions.structure


def words(*given: str) -> np.ndarray:
    return np.array(given, dtype=object)


def days(*given: str) -> np.ndarray:
    return np.array(given, dtype="datetime64[s]")


@pytest.mark.parametrize(
    ("form", "completed", "mounting", "expected"),
    [
        ("flat_concrete", "2015-06-01", "racked", "usable"),  # 0.50 against 0.50
        ("flat_concrete", "1995-06-01", "racked", "needs_survey"),  # against 0.30 and 0.90
        ("flat_concrete", "NaT", "racked", "needs_survey"),  # against 0.30 and 1.50
        ("flat_concrete", "NaT", "flush", "usable"),  # 0.15: even an old one bears it
        ("metal_sheet", "2015-06-01", "flush", "usable"),  # 0.15 against 0.15
        ("metal_sheet", "NaT", "flush", "needs_survey"),  # against 0.09 and 0.30
        ("metal_sheet", "1995-06-01", "flush", "needs_survey"),  # against 0.09 and 0.18
        ("metal_sheet", "2015-06-01", "racked", "blocked"),  # 0.50 against 0.30
        ("saw_tooth", "2015-06-01", "flush", "needs_survey"),  # 0.15 against 0.10 and 0.30
        ("pitched", "2001-12-31", "east_west", "blocked"),  # 0.35 against 0.50 × 0.6
        ("pitched", "2002-01-01", "east_west", "needs_survey"),  # the first new day
    ],
)
def test_truths_by_hand(
    rules: Structure, form: str, completed: str, mounting: str, expected: str
) -> None:
    assert state(words(form), days(completed), words(mounting), rules).tolist() == [expected]


def test_the_document_shows_what_the_defaults_say(rules: Structure) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "physics" / "structure.md"
    text = page.read_text(encoding="utf-8")
    for form in ROOF_FORMS:
        for mounting in MOUNTINGS:
            found = [
                state(words(form), days(day), words(mounting), rules)[0]
                for day in ("2015-01-01", "NaT", "1995-01-01")
            ]
            row = " | ".join([form, mounting, *(f"`{word}`" for word in found)])
            assert f"| {row} |" in text


def test_an_allowance_that_is_met_exactly_is_kept_in_spite_of_its_last_digit(
    rules: Structure,
) -> None:
    load = replace(rules.added_load, racked_kn_per_m2=0.9)
    assert 1.5 * 0.6 < 0.9
    found = state(
        words("flat_concrete"), days("1990-01-01"), words("racked"), replace(rules, added_load=load)
    )
    assert found.tolist() == ["needs_survey"]


def test_mountings_that_are_not_blocked(rules: Structure) -> None:
    forms = words("flat_concrete", "metal_sheet", "pitched", "pitched")
    completed = days("NaT", "2020-01-01", "1990-01-01", "NaT")
    found = allowed(forms, completed, MOUNTINGS, rules)
    expected = [[True, True, True], [True, False, False], [True, False, False], [True, True, True]]
    assert found.tolist() == expected
    assert allowed(forms, completed, (), rules).shape == (4, 0)
    assert allowed(forms[:0], completed[:0], MOUNTINGS, rules).shape == (0, 3)


def test_the_numbers_are_said_in_both_languages(rules: Structure) -> None:
    forms = words("flat_concrete", "metal_sheet", "metal_sheet", "flat_concrete")
    completed = days("2015-06-01", "NaT", "1990-01-01", "2016-06-01")
    mounting = words("racked", "flush", "racked", "racked")
    found = bearing(forms, completed, mounting, rules)
    assert found.age.tolist() == ["new", "unknown", "old", "new"]
    zh, en = reasons(found)
    assert en.tolist() == [
        "added load 0.50 kN/m² within the 0.50 that is sure",
        "added load 0.15 kN/m² above the 0.09 that is sure, within the 0.30 that a survey may"
        " confirm; completion unknown, so the sure value is that of an old roof",
        "added load 0.50 kN/m² above the 0.18 that a survey may confirm; an old roof, reduced",
        "added load 0.50 kN/m² within the 0.50 that is sure",
    ]
    assert zh[0] == zh[3] == "附加恒载 0.50 kN/m²，不超过可直接利用的 0.50"
    assert "竣工日期未知" in zh[1]
    assert "旧建筑" in zh[2]
    none = reasons(bearing(forms[:0], completed[:0], mounting[:0], rules))
    assert [len(part) for part in none] == [0, 0]


def test_unknown_words_are_all_named(rules: Structure) -> None:
    with pytest.raises(AssumptionError) as caught:
        state(words("flat", "pitchd", "pitched"), days("NaT", "NaT", "NaT"), words(*"abc"), rules)
    assert len(caught.value.faults) == 2
    assert "did you mean 'pitched'?" in caught.value.faults[1]
    with pytest.raises(AssumptionError, match=r"mounting: 'rackd' is unknown; did you mean"):
        allowed(words("pitched"), days("NaT"), ["rackd"], rules)


AMOUNT = st.floats(0.0, 10.0, allow_nan=False)
CLASS = st.fixed_dictionaries(
    {
        "form": st.sampled_from(ROOF_FORMS),
        "mounting": st.sampled_from(MOUNTINGS),
        "completed": st.one_of(st.just("NaT"), st.dates(date(1900, 1, 1), date(2030, 1, 1))),
    }
)


def rank(rules: Structure, of: dict[str, Any], completed: Any = None) -> int:
    day = np.array([completed or of["completed"]], dtype="datetime64[D]")
    return STATES.index(state(words(of["form"]), day, words(of["mounting"]), rules)[0])


@examples(150)
@given(of=CLASS, sure=AMOUNT, possible=AMOUNT, more=AMOUNT, factor=st.floats(0.0, 1.0))
def test_more_allowance_or_less_load_is_never_worse(
    assumptions: Assumptions, of: dict[str, Any], sure: float, possible: float, more: float,
    factor: float,
) -> None:  # fmt: skip
    form = assumptions.structure.of(of["form"])
    low = replace(form, sure_kn_per_m2=sure, possible_kn_per_m2=possible)
    high = replace(form, sure_kn_per_m2=sure + more, possible_kn_per_m2=possible + more)
    rules = replace(assumptions.structure, old_factor=factor)
    before = rank(replace(rules, **{of["form"]: low}), of)
    assert rank(replace(rules, **{of["form"]: high}), of) <= before
    name = f"{of['mounting']}_kn_per_m2"
    load = replace(rules.added_load, **{name: getattr(rules.added_load, name) + more})
    assert rank(replace(rules, **{of["form"]: low}, added_load=load), of) >= before


@examples(150)
@given(
    of=CLASS, sure=AMOUNT, possible=AMOUNT, factor=st.floats(0.0, 1.0),
    first=st.dates(date(1900, 1, 1)), second=st.dates(date(1900, 1, 1)),
)  # fmt: skip
def test_older_is_never_better_and_unknown_lies_between(
    assumptions: Assumptions, of: dict[str, Any], sure: float, possible: float, factor: float,
    first: date, second: date,
) -> None:  # fmt: skip
    form = replace(
        assumptions.structure.of(of["form"]),
        sure_kn_per_m2=min(sure, possible),
        possible_kn_per_m2=max(sure, possible),
    )
    rules = replace(assumptions.structure, old_factor=factor, **{of["form"]: form})
    older, newer = sorted((first, second))
    assert rank(rules, of, older) >= rank(rules, of, newer)
    new = rank(rules, of, rules.old_before)
    old = rank(rules, of, date(1900, 1, 1))
    assert new <= rank(rules, of, "NaT") <= old


@examples(50)
@given(of=st.lists(CLASS, min_size=1, max_size=20), order=st.randoms(use_true_random=False))
def test_each_plane_stands_alone(
    assumptions: Assumptions, of: list[dict[str, Any]], order: Any
) -> None:
    rules = assumptions.structure
    shuffled = order.sample(of, len(of))

    def found(planes: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        given = bearing(
            words(*(plane["form"] for plane in planes)),
            np.array([plane["completed"] for plane in planes], dtype="datetime64[D]"),
            words(*(plane["mounting"] for plane in planes)),
            rules,
        )
        return list(zip(given.state, *reasons(given), strict=True))

    one_by_one = {repr(plane): found([plane])[0] for plane in of}
    assert found(of) == [one_by_one[repr(plane)] for plane in of]
    assert found(shuffled) == [one_by_one[repr(plane)] for plane in shuffled]
