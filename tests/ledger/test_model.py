"""What the ledger says is what a list of sayings, asked day by day, says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from pvplan.ledger import Ledger, asof, open_ledger
from pvplan.ledger.schema import SYSTEM
from tests.conftest import examples
from tests.ledger.conftest import Fresh
from tests.ledger.registers import ME, NOTHING, at, counted, kw, register

FIRST = date(2025, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(6)]
# The days spoken of: before all windows, each of the six, and after all windows.
EVER = [FIRST - timedelta(days=1), *DAYS, DAYS[-1] + timedelta(days=1)]
START = datetime(2025, 6, 1, tzinfo=UTC)
Facts = tuple[Any, ...]
COMPARED = ("name", "roof_id", "park", "longitude", "capacity_dc_kw", "status", "filed_on")
# Order and equality that a language's sorting, a fold of case or a normal form would get wrong.
IDS = ("a", "A", "b", "B", "Z", "ä", "a\u0308", "é", "ß", "ss", "甲", "乙", "a-1", "a 1", "😀", "_")


@dataclass
class Import:
    """One register, what it speaks of, and how it is given."""

    systems: Mapping[str, Facts]
    window: tuple[date | None, date | None]
    complete: bool
    later: timedelta

    def rows(self) -> pd.DataFrame:
        return register(
            {key: dict(zip(COMPARED, facts, strict=True)) for key, facts in self.systems.items()}
        )


@dataclass
class Oracle:
    """Every saying in order: known when, of what, from, until before, what (None: withdrawn)."""

    said: list[tuple[datetime, str, date, date, Facts | None]] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)

    def on(self, day: date, known: datetime | None = None) -> dict[str, Facts]:
        held = {
            key: facts
            for moment, key, start, end, facts in self.said
            if (known is None or moment <= known) and start <= day < end
        }
        return {key: facts for key, facts in held.items() if facts is not None}

    def take(self, one: Import, now: datetime) -> dict[str, int]:
        start, end = one.window[0] or date.min, one.window[1] or date.max
        days = [self.on(day) for day in EVER if start <= day < end]
        counts = dict.fromkeys(("added", "changed", "unchanged", "withdrawn", "missing"), 0)
        new: list[tuple[str, Facts | None]] = []
        for key, facts in one.systems.items():
            told = [day.get(key) for day in days]
            if all(each == facts for each in told):
                counts["unchanged"] += 1
                continue
            counts["changed" if any(told) else "added"] += 1
            new.append((key, facts))
        for key in sorted({key for day in days for key in day} - set(one.systems)):
            counts["withdrawn" if one.complete else "missing"] += 1
            if one.complete:
                new.append((key, None))
        if new:
            moment = max(now, self.moments[-1] + timedelta(microseconds=1)) if self.moments else now
            self.moments.append(moment)
            self.said += [(moment, key, start, end, facts) for key, facts in new]
        return counts


DATES = st.sampled_from(DAYS)
WINDOWS = st.one_of(
    st.just((None, None)),
    st.tuples(DATES, st.none()),
    st.tuples(st.none(), DATES),
    st.tuples(DATES, DATES).filter(lambda window: window[0] < window[1]),
)
FACTS = st.tuples(
    st.sampled_from([None, "一号厂房", "Halle “Süd”, Nr. 1;\n2"]),
    st.sampled_from([None, "r1"]),
    st.sampled_from([None, "金桥"]),
    st.sampled_from([121.61, -0.1, 1e-7]),
    st.sampled_from([0.001, 0.3, 812.345, 1234567.891]),
    st.sampled_from(["filed", "commissioned"]),
    st.sampled_from([pd.Timestamp("2024-03-01"), pd.Timestamp("2024-12-31")]),
)
IMPORTS = st.builds(
    Import,
    # Few systems and few facts, so that the same is said again and again.
    systems=st.dictionaries(st.sampled_from(IDS), FACTS, min_size=1, max_size=4),
    window=WINDOWS,
    complete=st.booleans(),
    later=st.sampled_from([timedelta(days=1), timedelta(0), timedelta(days=-2)]),
)


def answered(rows: pd.DataFrame) -> dict[str, Facts]:
    table = rows[list(COMPARED)].astype(object)
    table = table.where(table.notna(), None)
    return dict(zip(table.index, table.itertuples(index=False, name=None), strict=True))


def check_all(ledger: Ledger, oracle: Oracle) -> None:
    """Compare every answer, at every moment of knowledge and on every day."""
    just_before = [moment - timedelta(microseconds=1) for moment in oracle.moments[:1]]
    for known in [None, *oracle.moments, *just_before]:
        assert answered(ledger.systems(known)) == oracle.on(EVER[-1], known)
        for day in EVER:
            # The rows beneath the table of systems(), which takes five times as long to make.
            with ledger._reading() as connection:
                rows = asof.holding(connection, SYSTEM, known, day)
            held = oracle.on(day, known)
            assert [row.system_id for row in rows] == sorted(held), (known, day)
            for row in rows:
                name, *_, kilowatts, status, filed = held[row.system_id]
                assert (row.name, row.status) == (name, status), (known, day)
                assert row.capacity_dc_w == round(kilowatts * 1000), (known, day)
                assert row.filed_on == filed.date(), (known, day)


def replayed(ledger: Ledger, imports: list[Import]) -> Oracle:
    """Give the imports one after the other, and check each against the oracle."""
    oracle, digests, now = Oracle(), dict[tuple[datetime, date | None], str](), START
    for one in imports:
        now += one.later
        batches = len(oracle.moments)
        looked = ledger.import_rows(
            one.rows(), ME, now=now, valid_from=one.window[0], valid_to=one.window[1],
            complete=one.complete, dry_run=True,
        )  # fmt: skip
        assert len(ledger.batches()) == batches and looked.batch_id is None
        found = ledger.import_rows(
            one.rows(), ME, now=now, valid_from=one.window[0], valid_to=one.window[1],
            complete=one.complete,
        )  # fmt: skip
        counts = oracle.take(one, now)
        for imported in (looked, found):
            assert {name: getattr(imported, name) for name in counts} == counts
        pd.testing.assert_frame_equal(looked.differences, found.differences)
        # Rows in = rows added, changed, or known just so.
        assert found.added + found.changed + found.unchanged == len(one.systems)
        assert (found.batch_id is not None) == (len(oracle.moments) > batches)
        # What was known before is known before for ever.
        for (moment, day), digest in digests.items():
            assert ledger.digest(moment, day) == digest
        if oracle.moments:
            for day in (None, DAYS[2]):
                digests[oracle.moments[-1], day] = ledger.digest(None, day)
                assert digests[oracle.moments[-1], day] == ledger.digest(oracle.moments[-1], day)
    assert counted(ledger)["system_entry"] == len(oracle.said)
    assert ledger.batches()["made_at"].tolist() == oracle.moments
    return oracle


@examples(20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(imports=st.lists(IMPORTS, min_size=1, max_size=6))
def test_the_ledger_says_what_a_list_of_sayings_says(fresh: Fresh, imports: list[Import]) -> None:
    with open_ledger(fresh(), create=True) as ledger:
        check_all(ledger, replayed(ledger, imports))


@examples(8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(imports=st.lists(IMPORTS, min_size=1, max_size=4))
def test_both_databases_give_the_same_digest(
    fresh_sqlite: Fresh, fresh_postgresql: Fresh, imports: list[Import]
) -> None:
    digests = []
    for fresh in (fresh_sqlite, fresh_postgresql):
        with open_ledger(fresh(), create=True) as ledger:
            oracle = replayed(ledger, imports)
            for number, key in enumerate(IDS):
                ledger.record_roof(key, "feasible", ME, now=START)
                ledger.record_match(key, ME, now=START, roof_id=IDS[-number - 1])
                ledger.record_match(key, ME, now=START, park_id="金桥", decision="rejected")
            moments = [None, *oracle.moments]
            digests.append([ledger.digest(known, day) for known in moments for day in EVER])
    assert digests[0] == digests[1]


def test_the_digest_is_the_hash_of_lines_that_no_library_formats(ledger: Ledger) -> None:
    facts = {"name": "一号厂房", "longitude": 0.1 + 0.2, "latitude": -0.0,
             "filed_on": pd.Timestamp("2024-02-29")}  # fmt: skip
    ledger.import_rows(register({"a": 0.3, "B": facts}), ME)
    ledger.record_roof("r1", "blocked", ME, evidence="报告 7", review_on=date(2026, 1, 1))
    ledger.record_match("a", ME, park_id="p1")
    lines = (
        r'["system_entry", "B", "\u4e00\u53f7\u5382\u623f", null, null, 0.30000000000000004, 0.0,'
        r' 100000, null, "dc", "commissioned", "2024-02-29", null, "f.csv"]'
        "\n"
        '["system_entry", "a", null, null, null, null, null,'
        ' 300, null, "dc", "commissioned", null, null, "f.csv"]\n'
        r'["roof_entry", "r1", "blocked", "quarterly register", "\u62a5\u544a 7", "2026-01-01"]'
        "\n"
        '["match_entry", "a", null, "p1", "accepted", "quarterly register"]\n'
    )
    assert ledger.digest() == hashlib.sha256(lines.encode()).hexdigest()


def test_each_fact_moves_the_digest(fresh: Fresh) -> None:
    other = {
        "name": "n", "roof_id": "r", "park": "p", "longitude": 1.0, "latitude": 1.0,
        "capacity_dc_kw": 100.001, "capacity_ac_kw": 1.0, "capacity_basis": "ac",
        "status": "filed", "filed_on": pd.Timestamp("2024-01-01"),
        "commissioned_on": pd.Timestamp("2024-01-01"), "source": "g.csv",
    }  # fmt: skip
    assert set(other) == set(NOTHING)
    digests = []
    for name, fact in [("capacity_dc_kw", 100.0), *other.items()]:
        with open_ledger(fresh(), create=True) as ledger:
            ledger.import_rows(register({"a": {name: fact}}), ME)
            digests.append(ledger.digest())
    assert len(set(digests)) == len(digests)


# --- by hand ----------------------------------------------------------------------------------

Q1, Q2, Q3 = date(2025, 3, 31), date(2025, 6, 30), date(2025, 9, 30)


@pytest.fixture
def three_quarters(ledger: Ledger) -> Ledger:
    """Three systems, three quarters, a correction and a late registration.

    The file of a quarter comes in the month after it and speaks of the quarter's first day and
    later. In August somebody finds that B had 250 kW, not 520, all along: two figures were
    exchanged. In October C is registered, which runs since May.
    """
    for made, begins, systems in (
        ("2025-04-10", date(2025, 1, 1), {"A": 100.0, "B": 520.0}),
        ("2025-07-10", date(2025, 4, 1), {"A": 150.0, "B": 520.0}),
        ("2025-08-20", None, {"B": 250.0}),
        ("2025-10-10", date(2025, 7, 1), {"A": 150.0, "B": 250.0}),
        ("2025-10-12", date(2025, 5, 1), {"C": 80.0}),
    ):
        ledger.import_rows(register(systems), ME, now=at(made), valid_from=begins)
    return ledger


@pytest.mark.parametrize(
    ("known", "day", "expected"),
    [
        # In April the first quarter is known; of the days before it nothing is.
        ("2025-04-30", Q1, {"A": 100.0, "B": 520.0}),
        ("2025-04-30", date(2024, 12, 31), {}),
        # A register holds until further notice.
        ("2025-04-30", Q3, {"A": 100.0, "B": 520.0}),
        # In July A has grown since April, and the first quarter stands as it did.
        ("2025-07-31", Q1, {"A": 100.0, "B": 520.0}),
        ("2025-07-31", Q2, {"A": 150.0, "B": 520.0}),
        # The correction in August reaches back to every quarter …
        ("2025-08-31", Q1, {"A": 100.0, "B": 250.0}),
        ("2025-08-31", Q2, {"A": 150.0, "B": 250.0}),
        ("2025-08-31", date(2024, 12, 31), {"B": 250.0}),
        # … but not to what was known before.
        ("2025-08-19", Q2, {"A": 150.0, "B": 520.0}),
        # C, registered late, belongs to the second quarter, as known since October.
        ("2025-10-11", Q2, {"A": 150.0, "B": 250.0}),
        ("2025-10-12", Q2, {"A": 150.0, "B": 250.0, "C": 80.0}),
        ("2025-10-12", Q3, {"A": 150.0, "B": 250.0, "C": 80.0}),
        ("2025-10-12", Q1, {"A": 100.0, "B": 250.0}),
        ("2025-10-12", None, {"A": 150.0, "B": 250.0, "C": 80.0}),
        # Before the first file nothing was known.
        ("2025-04-09", Q1, {}),
    ],
)
def test_three_systems_over_three_quarters(
    three_quarters: Ledger, known: str, day: date | None, expected: dict[str, float]
) -> None:
    assert kw(three_quarters.systems(date.fromisoformat(known), day)) == expected


def test_the_past_of_a_system_tells_who_when_and_what(three_quarters: Ledger) -> None:
    past = three_quarters.history("B")
    assert past["made_at"].tolist() == [at("2025-04-10"), at("2025-08-20")]
    assert past["changes"].tolist() == ["added", "capacity_dc_kw: 520.0 → 250.0"]
    assert past["made_by"].tolist() == ["Li Wei 李伟"] * 2
    assert past["valid_from"].tolist() == [pd.Timestamp("2025-01-01"), pd.NaT]
    # The file of October said nothing new of A and B: no batch was made.
    assert len(three_quarters.batches()) == 4
