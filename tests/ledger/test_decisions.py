"""Decisions on roofs and on matches: said by somebody, taken back by somebody, never lost."""

from __future__ import annotations

from datetime import date, datetime

import pandas as pd
import pytest

from pvplan.errors import InputError
from pvplan.ledger import Ledger, Who
from pvplan.tables import DECIDED_STATES
from tests.ledger.registers import ME, at, counted, register

SURVEY = Who("李伟", "屋面荷载不足 load too low")


def test_a_blocked_roof_has_a_reason_and_evidence_and_a_day_of_review(ledger: Ledger) -> None:
    ledger.record_roof(
        "r1", "blocked", SURVEY, evidence="报告 report 2025-17", review_on=date(2026, 6, 30)
    )
    ledger.record_roof("r0", "feasible", ME)
    states = ledger.roof_states()
    assert states.index.tolist() == ["r0", "r1"] and states.index.name == "roof_id"
    assert states.loc["r1"].to_dict() == {
        "state": "blocked", "reason": SURVEY.reason, "evidence": "报告 report 2025-17",
        "review_on": pd.Timestamp("2026-06-30"),
    }  # fmt: skip
    assert pd.isna(states.loc["r0", "review_on"])


@pytest.mark.parametrize(
    ("reason", "evidence"), [("", "report"), ("too weak", ""), (" ", "report"), ("too weak", "\t")]
)
def test_a_block_without_reason_or_evidence_is_refused(
    ledger: Ledger, reason: str, evidence: str
) -> None:
    with pytest.raises(InputError, match="roof r1: a block needs its reason and its evidence"):
        ledger.record_roof("r1", "blocked", Who("x", reason), evidence=evidence)
    assert counted(ledger)["batch"] == 0


def test_states_follow_one_another_and_can_be_taken_back(ledger: Ledger) -> None:
    for day, state in (("2025-01-10", "blocked"), ("2025-02-10", "feasible"), ("2025-03-10", None)):
        ledger.record_roof("r1", state, SURVEY, now=at(day), evidence="e")
    known = {
        day: ledger.roof_states(date.fromisoformat(day))["state"].to_dict()
        for day in ("2025-01-09", "2025-01-10", "2025-02-28", "2025-03-10")
    }
    assert known == {
        "2025-01-09": {}, "2025-01-10": {"r1": "blocked"}, "2025-02-28": {"r1": "feasible"},
        "2025-03-10": {},
    }  # fmt: skip
    assert counted(ledger)["roof_entry"] == 3


def test_a_state_holds_from_its_day(ledger: Ledger) -> None:
    ledger.record_roof("r1", "feasible", ME)
    ledger.record_roof("r1", "blocked", SURVEY, evidence="e", valid_from=date(2025, 6, 1))
    assert ledger.roof_states(None, date(2025, 5, 31))["state"].to_dict() == {"r1": "feasible"}
    assert ledger.roof_states(None, date(2025, 6, 1))["state"].to_dict() == {"r1": "blocked"}
    assert ledger.roof_states()["state"].to_dict() == {"r1": "blocked"}


def test_each_pair_of_system_and_place_is_decided_for_itself(ledger: Ledger) -> None:
    ledger.record_match("s1", ME, roof_id="r1", now=at("2025-01-10"))
    ledger.record_match("s1", ME, roof_id="r2", decision="rejected", now=at("2025-01-11"))
    ledger.record_match("s1", ME, park_id="r1", now=at("2025-01-12"))
    ledger.record_match("s1", ME, roof_id="r1", decision="rejected", now=at("2025-01-13"))
    ledger.record_match("s1", ME, roof_id="r2", decision=None, now=at("2025-01-14"))
    assert ledger.matches(date(2025, 1, 12)).to_numpy().tolist() == [
        ["s1", None, "r1", "accepted"],
        ["s1", "r1", None, "accepted"],
        ["s1", "r2", None, "rejected"],
    ]
    assert ledger.matches().to_numpy().tolist() == [
        ["s1", None, "r1", "accepted"],
        ["s1", "r1", None, "rejected"],
    ]
    assert ledger.matches(date(2025, 1, 9)).columns.tolist() == [
        "system_id", "roof_id", "park_id", "decision",
    ]  # fmt: skip


def test_an_unknown_word_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InputError, match=f"'done' is unknown; one of {', '.join(DECIDED_STATES)}"):
        ledger.record_roof("r", "done", ME)
    with pytest.raises(InputError, match="'maybe' is unknown; one of accepted, rejected"):
        ledger.record_match("s", ME, roof_id="r", decision="maybe")
    for places in ({}, {"roof_id": "r", "park_id": "p"}):
        with pytest.raises(InputError, match="system s: name a roof or a park, one of the two"):
            ledger.record_match("s", ME, **places)
    with pytest.raises(InputError, match="system_id: is blank; name it\nroof_id: is blank"):
        ledger.record_match(" ", ME, roof_id="")
    with pytest.raises(InputError, match=r"evidence: 'a.x00' holds a zero or a broken character"):
        ledger.record_roof("r", "feasible", ME, evidence="a\0")
    assert set(counted(ledger).values()) == {0}


# --- days of knowledge ------------------------------------------------------------------------


def test_a_day_of_knowledge_ends_at_midnight_in_shanghai(ledger: Ledger) -> None:
    last = datetime.fromisoformat("2025-03-31T23:59:59.999999+08:00")
    first = datetime.fromisoformat("2025-04-01T00:00:00+08:00")
    ledger.import_rows(register({"in": 1.0}), ME, now=last)
    ledger.import_rows(register({"out": 1.0}), ME, now=first)
    assert ledger.systems(date(2025, 3, 30)).empty
    assert ledger.systems(date(2025, 3, 31)).index.tolist() == ["in"]
    assert ledger.systems(date(2025, 4, 1)).index.tolist() == ["in", "out"]
    # The same moment, told at another offset.
    assert ledger.systems(datetime.fromisoformat("2025-03-31T16:00:00Z")).index.tolist() == [
        "in", "out",
    ]  # fmt: skip
    assert ledger.batches()["made_at"].tolist() == [last, first]


def test_a_time_of_knowledge_needs_its_offset(ledger: Ledger) -> None:
    noon = datetime(2025, 3, 31, 12)  # noqa: DTZ001 (without its offset: the fault)
    with pytest.raises(InputError, match="2025-03-31T12:00:00: a time of knowledge needs its off"):
        ledger.systems(noon)
    with pytest.raises(InputError, match="needs its offset from UTC"):
        ledger.import_rows(register({"a": 1.0}), ME, now=noon)
    assert counted(ledger)["batch"] == 0


@pytest.mark.parametrize(("day", "count"), [(date.min, 0), (date.max, 1)])
def test_the_first_and_the_last_day_of_all_can_be_asked_for(
    ledger: Ledger, day: date, count: int
) -> None:
    ledger.import_rows(register({"a": 1.0}), ME)
    assert len(ledger.systems(day)) == count
    assert len(ledger.systems(None, day)) == 1
