"""What other processes do to a ledger at the same time, or until they are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier, Event
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from pvplan.ledger import Who, open_ledger
from tests.ledger.registers import register

SPAWN = multiprocessing.get_context("spawn")
PATIENCE_S = 120


def run_together(work: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> list[int]:
    """Let processes begin at the same moment; return how each ended."""
    barrier = SPAWN.Barrier(len(arguments))
    started = [SPAWN.Process(target=work, args=(barrier, *each)) for each in arguments]
    for process in started:
        process.start()
    return [ended(process) for process in started]


def ended(process: BaseProcess) -> int:
    process.join(PATIENCE_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    code = process.exitcode
    process.close()
    assert code is not None
    return code


def import_at_once(barrier: Barrier, where: str, ids: list[str], kw: float, times: int) -> None:
    """Open the ledger, making it where it is missing, and give it registers."""
    barrier.wait(PATIENCE_S)
    with open_ledger(where, create=True) as ledger:
        for number in range(times):
            rows = register(dict.fromkeys(ids, kw + number))
            ledger.import_rows(rows, Who(f"process {os.getpid()}", "at once"))


def decide_at_once(barrier: Barrier, where: str, roofs: list[str]) -> None:
    """Record decisions, each a batch of its own."""
    with open_ledger(where) as ledger:
        barrier.wait(PATIENCE_S)
        for roof_id in roofs:
            ledger.record_roof(roof_id, "feasible", Who(f"process {os.getpid()}", ""))


def hold_lock(where: str, held: Event, release: Event) -> None:
    """Be in the midst of writing until told to go on."""
    with open_ledger(where) as ledger:
        waits = iter([None])

        def wait(*_: Any) -> None:
            if next(waits, 0) is None:
                held.set()
                release.wait(PATIENCE_S)

        event.listen(ledger._engine, "commit", wait)
        ledger.import_rows(register({"b": 2.0}), Who("slow", ""))


def import_telling(where: str, called: Event) -> None:
    """Import, having told that one is about to."""
    with open_ledger(where) as ledger:
        called.set()
        ledger.import_rows(register({"c": 3.0}), Who("waits", ""))


def import_and_die(where: str, ids: list[str], moment: str) -> None:
    """Be killed in the midst of an import, or in that of making the ledger."""

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def after(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO system_entry"):
            die()

    if moment == "while the ledger is made":
        event.listen(sa.Engine, "commit", die)
    with open_ledger(where, create=True) as ledger:
        if moment == "when the entries are written":
            event.listen(ledger._engine, "after_cursor_execute", after)
        else:
            event.listen(ledger._engine, "commit", die)
        ledger.import_rows(register(dict.fromkeys(ids, 7.0)), Who("doomed", ""))
