"""A run that is computed while the pages go on: it survives clicks, reloads and other readers."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Generic, TypeVar

import streamlit as st

from pvplan.errors import PvplanError
from pvplan.tables import Plan

LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass
class Job(Generic[T]):
    """Work under way, and the stage that it last reported."""

    stage: str = ""
    outcome: Future[T] | None = field(default=None, repr=False)

    def report(self, stage: str) -> None:
        """Take a report of progress."""
        self.stage = stage

    @property
    def running(self) -> bool:
        """Whether the work goes on."""
        return self.outcome is not None and not self.outcome.done()

    @property
    def failed(self) -> bool:
        """Whether the work ended in an error."""
        return self.outcome is not None and self.outcome.done() and bool(self.outcome.exception())

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that a person can mend; empty for a fault of the program."""
        error = self.outcome.exception() if self.outcome is not None and self.failed else None
        return error.faults if isinstance(error, PvplanError) else ()


@st.cache_resource(show_spinner=False)
def _desk() -> tuple[ThreadPoolExecutor, dict[Path, Job[Plan]]]:
    """One worker and the jobs of the whole server: two runs at once would only slow both."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="run"), {}


def find(out: Path) -> Job[Plan] | None:
    """Return the job that writes a folder, if there is one."""
    return _desk()[1].get(out)


def forget(out: Path) -> None:
    """Drop a job that has ended."""
    _desk()[1].pop(out, None)


def start(city: Path, out: Path, as_of: date) -> Job[Plan]:
    """Start a run unless one that writes the same folder goes on, and return it.

    Parameters
    ----------
    city
        The city folder.
    out
        The folder that the run writes.
    as_of
        The day that the goals are judged on.
    """
    worker, jobs = _desk()
    job = jobs.get(out)
    if job is not None and job.running:
        return job
    job = jobs[out] = Job[Plan]()
    job.outcome = worker.submit(_work, job, city, out, as_of)
    return job


def _work(job: Job[Plan], city: Path, out: Path, as_of: date) -> Plan:
    # Imported here: the recipe loads much that a reader of finished runs never needs.
    from pvplan.run import run_folder

    try:
        return run_folder(city, out, as_of, job.report)
    except PvplanError:
        raise
    except Exception:
        LOG.exception("the run of %s failed", city.name)
        raise
