"""Imports at once, and imports that are killed: nothing is lost, doubled or half done."""

from __future__ import annotations

import signal
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from pvplan.errors import InputError
from pvplan.ledger import Ledger, open_ledger
from tests.ledger.processes import (
    PATIENCE_S,
    SPAWN,
    decide_at_once,
    ended,
    hold_lock,
    import_and_die,
    import_at_once,
    import_telling,
    run_together,
)
from tests.ledger.registers import ME, at, counted, entries, kw, register

IDS = [f"s{number:04}" for number in range(1000)]


def check_order(ledger: Ledger) -> None:
    """Batches are strictly later one after the other, in the order of their numbers."""
    batches = ledger.batches()
    assert batches["made_at"].is_monotonic_increasing and batches["made_at"].is_unique
    assert batches["batch_id"].is_monotonic_increasing


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.long)])
def test_imports_at_once_record_every_system_once(where: str, count: int) -> None:
    """Overlapping registers of the same content, into a database that nobody has made yet."""
    parts = [IDS[200 * number : 200 * number + 400] for number in range(count)]
    codes = run_together(import_at_once, [(where, part, 7.0, 1) for part in parts])
    assert codes == [0] * count
    everyone = sorted({system_id for part in parts for system_id in part})
    with open_ledger(where) as ledger:
        assert kw(ledger.systems()) == dict.fromkeys(everyone, 7.0)
        assert sorted(entry[1] for entry in entries(ledger)) == everyone
        assert len(ledger.batches()) <= count
        check_order(ledger)


def test_imports_at_once_of_other_content_are_all_recorded(where: str) -> None:
    """The one that comes last holds, and what the other said stands before it."""
    codes = run_together(import_at_once, [(where, IDS[:200], 100.0 * n, 5) for n in (1, 2)])
    assert codes == [0, 0]
    with open_ledger(where) as ledger:
        assert len(ledger.batches()) == 10
        check_order(ledger)
        told = Counter(entry[0] for entry in entries(ledger))
        assert told == dict.fromkeys(range(1, 11), 200)
        by_batch = {entry[0]: entry[5] for entry in entries(ledger)}
        assert sorted(by_batch.values()) == sorted(
            int(1000 * (100 * n + step)) for n in (1, 2) for step in range(5)
        )
        assert set(kw(ledger.systems()).values()) == {by_batch[10] / 1000}


@pytest.mark.long
def test_decisions_at_once_are_all_recorded(where: str) -> None:
    open_ledger(where, create=True).close()
    parts = [[f"r{writer}-{number}" for number in range(25)] for writer in range(2)]
    assert run_together(decide_at_once, [(where, part) for part in parts]) == [0, 0]
    with open_ledger(where) as ledger:
        assert ledger.roof_states().index.tolist() == sorted([*parts[0], *parts[1]])
        assert counted(ledger)["batch"] == counted(ledger)["roof_entry"] == 50
        check_order(ledger)


def test_the_second_import_waits_even_where_a_server_says_otherwise(
    fresh_postgresql, server
) -> None:
    """A database set to REPEATABLE READ would show the second what stood before its wait."""
    where = fresh_postgresql()
    name = where.rsplit("/", maxsplit=1)[-1]
    server.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    with open_ledger(where, create=True) as ledger:
        # A first look outside any transaction of the writers, as an application would have it.
        assert ledger.systems().empty
    codes = run_together(import_at_once, [(where, IDS, 7.0, 1)] * 3)
    assert codes == [0, 0, 0]
    with open_ledger(where) as ledger:
        assert len(entries(ledger)) == len(IDS) and len(ledger.batches()) == 1


def test_a_reader_reads_and_a_dry_run_looks_while_another_writes(where: str) -> None:
    """Opened in the midst of it, too; what is not committed is not seen."""
    with open_ledger(where, create=True) as ledger:
        ledger.import_rows(register({"a": 1.0}), ME)
    held, release = SPAWN.Event(), SPAWN.Event()
    writer = SPAWN.Process(target=hold_lock, args=(where, held, release))
    writer.start()
    try:
        assert held.wait(PATIENCE_S)
        with open_ledger(where) as ledger:
            assert kw(ledger.systems()) == {"a": 1.0}
            looked = ledger.import_rows(register({"b": 2.0}), ME, dry_run=True)
            assert (looked.added, looked.missing) == (1, 1)
            assert len(ledger.batches()) == 1
    finally:
        release.set()
    assert ended(writer) == 0
    with open_ledger(where) as ledger:
        assert kw(ledger.systems()) == {"a": 1.0, "b": 2.0}


def test_what_is_seen_together_is_of_one_moment(where: str) -> None:
    """A batch that comes between two looks of one reader is in neither."""
    with open_ledger(where, create=True) as ledger, open_ledger(where) as other:
        ledger.import_rows(register({"a": 1.0}), ME)
        before = ledger.seen()
        looks = iter([None])

        def write(_c: object, _k: object, statement: str, *_: object) -> None:
            if statement.startswith("SELECT") and next(looks, 0) is None:
                other.import_rows(register({"b": 2.0}), ME)
                other.record_roof("r", "feasible", ME)

        event.listen(ledger._engine, "after_cursor_execute", write)
        during = ledger.seen()
        event.remove(ledger._engine, "after_cursor_execute", write)
        assert during.digest == before.digest
        assert during.systems.index.tolist() == ["a"] and during.roof_states.empty
        assert ledger.seen().digest == ledger.digest() != before.digest


# --- killed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "moment",
    [pytest.param("when the entries are written", marks=pytest.mark.long), "at the commit"],
)
def test_a_killed_import_leaves_what_stood_before(where: str, moment: str) -> None:
    with open_ledger(where, create=True) as ledger:
        ledger.import_rows(register({IDS[0]: 1.0, "other": 2.0}), ME)
        before, digest = counted(ledger), ledger.digest()
    doomed = SPAWN.Process(target=import_and_die, args=(where, IDS, moment))
    doomed.start()
    assert ended(doomed) == -signal.SIGKILL
    with open_ledger(where) as ledger:
        assert (counted(ledger), ledger.digest()) == (before, digest)
        again = ledger.import_rows(register(dict.fromkeys(IDS, 7.0)), ME)
        assert (again.added, again.changed, again.missing) == (999, 1, 1)
        assert kw(ledger.systems()) == {**dict.fromkeys(IDS, 7.0), "other": 2.0}


def test_a_ledger_whose_making_was_killed_is_made_by_the_next(where: str) -> None:
    doomed = SPAWN.Process(target=import_and_die, args=(where, IDS, "while the ledger is made"))
    doomed.start()
    assert ended(doomed) == -signal.SIGKILL
    with pytest.raises(InputError, match="no ledger"):
        open_ledger(where)
    with open_ledger(where, create=True) as ledger:
        assert set(counted(ledger).values()) == {0}
        assert ledger.import_rows(register({"a": 1.0}), ME).added == 1


def test_an_import_that_fails_leaves_what_stood_before(
    ledger: Ledger, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.import_rows(register({"a": 1.0}), ME)
    before, digest = counted(ledger), ledger.digest()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    event.listen(ledger._engine, "commit", fail)
    with pytest.raises(KeyboardInterrupt):
        ledger.import_rows(register({"a": 2.0, "b": 2.0}), ME)
    event.remove(ledger._engine, "commit", fail)
    assert (counted(ledger), ledger.digest()) == (before, digest)
    # The lock is free again.
    with open_ledger(where) as other:
        assert other.import_rows(register({"a": 2.0, "b": 2.0}), ME).batch_id is not None


def test_a_failure_of_the_database_names_the_ledger(ledger: Ledger) -> None:
    with ledger._engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE system_entry"))
    with pytest.raises(InputError) as error:
        ledger.import_rows(register({"a": 1.0}), ME)
    assert ledger.shown in str(error.value) and "system_entry" in str(error.value)


# --- the clock --------------------------------------------------------------------------------


def test_a_clock_that_goes_back_never_makes_a_batch_earlier(ledger: Ledger) -> None:
    for now in (at("2025-06-02"), at("2025-06-01"), at("2025-06-02")):
        ledger.record_roof("r", "feasible", ME, now=now)
    made = ledger.batches()["made_at"]
    assert made.iloc[0] == at("2025-06-02")
    assert [gap.total_seconds() for gap in made.diff().iloc[1:]] == [1e-6, 1e-6]


def test_the_clock_is_read_when_the_lock_is_held(where: str) -> None:
    """Not when the wait for it begins: an answer given meanwhile would change afterwards."""
    with open_ledger(where, create=True) as ledger:
        ledger.import_rows(register({"a": 1.0}), ME)
    held, release, called = SPAWN.Event(), SPAWN.Event(), SPAWN.Event()
    writer = SPAWN.Process(target=hold_lock, args=(where, held, release))
    waiting = SPAWN.Process(target=import_telling, args=(where, called))
    writer.start()
    try:
        assert held.wait(PATIENCE_S)
        waiting.start()
        assert called.wait(PATIENCE_S)
        time.sleep(0.5)
        moment = datetime.now(UTC)
    finally:
        release.set()
    assert (ended(writer), ended(waiting)) == (0, 0)
    with open_ledger(where) as ledger:
        assert ledger.systems().index.tolist() == ["a", "b", "c"]
        assert ledger.batches()["made_at"].iloc[2] > moment
