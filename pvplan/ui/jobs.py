"""Runs that are computed while the pages go on: one at a time, the others wait in line.

A job survives clicks and reloads: whoever knows its folder finds it again.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Generic, TypeVar

import streamlit as st

from pvplan.errors import PvplanError
from pvplan.ui import limited
from pvplan.ui.limited import Broken, Limits

LOG = logging.getLogger(__name__)
T = TypeVar("T")
MOST_OF_ONE: Final = 3
MOST_OF_ALL: Final = 30


@dataclass
class Job(Generic[T]):
    """Work under way, and the stage that it last reported."""

    stage: str = ""
    outcome: Future[T] | None = field(default=None, repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)
    started: float | None = None

    def report(self, stage: str) -> None:
        """Take a report of progress."""
        self.stage = stage

    @property
    def running(self) -> bool:
        """Whether the work goes on or waits."""
        return self.outcome is not None and not self.outcome.done()

    @property
    def waiting(self) -> bool:
        """Whether the work has not begun yet."""
        return self.running and self.started is None

    @property
    def seconds(self) -> int:
        """Whole seconds since the work began."""
        return 0 if self.started is None else int(time.monotonic() - self.started)

    @property
    def failed(self) -> bool:
        """Whether the work ended in an error."""
        return self.outcome is not None and self.outcome.done() and bool(self.outcome.exception())

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that a person can mend; empty for a fault of the program."""
        error = self.outcome.exception() if self.outcome is not None and self.failed else None
        return error.faults if isinstance(error, PvplanError) else ()

    @property
    def broken(self) -> str | None:
        """Why the work was ended from outside: ``time``, ``memory``, ``crash``, ``stopped``."""
        error = self.outcome.exception() if self.outcome is not None and self.failed else None
        return error.why if isinstance(error, Broken) else None


@dataclass(frozen=True)
class Order:
    """What is to be computed.

    Attributes
    ----------
    city
        The city folder.
    out
        The folder that the run writes.
    as_of
        The day that the goals are judged on.
    scenario, user
        Named set of differences; the visitor's own: key to text.
    told
        Further words of the command line, such as ``--crs=parks=EPSG:4326``.
    owner
        Who asked; nobody has more than :data:`MOST_OF_ONE` at once.
    environment
        Variables that this run alone needs, such as the ledger's address.
    """

    city: Path
    out: Path
    as_of: date
    scenario: str | None = None
    user: Mapping[str, str] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    owner: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def words(self) -> list[str]:
        """The words of the command line; none of them can be taken for another option."""
        scenario = [f"--scenario={self.scenario}"] if self.scenario else []
        sets = [f"--set={key}={value}" for key, value in self.user.items()]
        day = f"--as-of={self.as_of.isoformat()}"
        return [str(self.city), f"--out={self.out}", day, *scenario, *sets, *self.told]


@dataclass
class _Desk:
    """The one worker's line, and every job of the server by the folder that it writes."""

    line: queue.SimpleQueue[tuple[Order, Job[None]]] = field(default_factory=queue.SimpleQueue)
    jobs: dict[Path, tuple[Order, Job[None]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(show_spinner=False)
def _desk() -> _Desk:
    desk = _Desk()
    threading.Thread(target=_worker, args=(desk,), name="runs", daemon=True).start()
    return desk


def find(out: Path) -> Job[None] | None:
    """Return the job that writes a folder, if there is one."""
    found = _desk().jobs.get(out)
    return None if found is None else found[1]


def of_owner(owner: str) -> dict[Path, Job[None]]:
    """Return a visitor's jobs by their folder, first come first."""
    found = list(_desk().jobs.items())
    return {out: job for out, (order, job) in found if order.owner == owner}


def ahead(out: Path) -> int:
    """Return how many runs come before a waiting one."""
    before = 0
    for place, (_, job) in list(_desk().jobs.items()):
        if place == out:
            break
        before += job.running
    return before


def room_for(owner: str) -> bool:
    """Tell whether a visitor may ask for one more run."""
    mine = sum(job.running for job in of_owner(owner).values())
    every = sum(job.running for _, job in list(_desk().jobs.values()))
    return mine < MOST_OF_ONE and every < MOST_OF_ALL


def cancel(out: Path) -> None:
    """Stop a run, or take it out of the line."""
    desk, job = _desk(), find(out)
    if job is None or job.outcome is None:
        return
    job.stop.set()
    with desk.lock:
        if job.waiting:
            job.outcome.set_exception(Broken("stopped"))


def forget(out: Path) -> None:
    """Drop a job that has ended."""
    _desk().jobs.pop(out, None)


def start(order: Order) -> Job[None]:
    """Put a run in the line unless one that writes the same folder goes on, and return it."""
    desk = _desk()
    with desk.lock:
        found = desk.jobs.get(order.out)
        if found is not None and found[1].running:
            return found[1]
        for out in [out for out, job in of_owner(order.owner).items() if not job.running]:
            forget(out)
        forget(order.out)
        job = Job[None](outcome=Future())
        desk.jobs[order.out] = (order, job)
        desk.line.put((order, job))
    return job


def _worker(desk: _Desk) -> None:
    """Compute what stands in the line, one after the other, as long as the server lives."""
    while True:
        order, job = desk.line.get()
        assert job.outcome is not None  # noqa: S101 - start() gave it one
        with desk.lock:
            if job.outcome.done():  # taken out of the line
                continue
            job.started = time.monotonic()
        try:
            _work(order, job)
        except Exception as error:
            if not isinstance(error, PvplanError | Broken):
                LOG.exception("the run of %s failed", order.city.name)
            job.outcome.set_exception(error)
        else:
            job.outcome.set_result(None)


def _work(order: Order, job: Job[None]) -> None:
    order.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        limited.compute(
            order.words,
            order.out.parent,
            Limits.of_environment(),
            job.report,
            job.stop,
            order.environment,
        )
    except PvplanError as error:
        # What stands above the city's folder is no business of a visitor.
        above = (f"{order.city}/", f"{order.out.parent}/")
        raise PvplanError([_without(fault, above) for fault in error.faults]) from None


def _without(text: str, words: tuple[str, ...]) -> str:
    for word in words:
        text = text.replace(word, "")
    return text
