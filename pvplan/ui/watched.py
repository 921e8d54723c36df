"""A run as it is watched: its place in the line, its stage, and why it did not finish."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import streamlit as st

from pvplan.ui import faults, jobs, numbers
from pvplan.ui.jobs import Job
from pvplan.ui.words import Language, say

BROKEN: Final = {
    "time": "broken_time",
    "memory": "broken_memory",
    "crash": "broken_crash",
    "stopped": "broken_stopped",
}
STAGES: Final = {
    "gather": "stage_gather",
    "read": "stage_read",
    "reading footprints": "stage_footprints",
    "repairing footprints": "stage_footprints",
    "comparing footprints": "stage_footprints",
    "join": "stage_join",
    "climate": "stage_climate",
    "assess": "stage_assess",
    "plan": "stage_plan",
}
"""Each stage that a run reports with its word; any other is a file that it writes."""
_COUNTED: Final = re.compile(r"(.*?) (\d+)/(\d+)")


def stage_told(stage: str, language: Language) -> str:
    """Return what a run does, in words."""
    if not stage:
        return say("stage_start", language)
    found = _COUNTED.fullmatch(stage)
    name = found[1] if found else stage
    if name not in STAGES:
        return f"{say('stage_write', language)} {name}"
    told = say(STAGES[name], language)
    if found is None:
        return told
    done, every = (numbers.plain(int(found[at])) for at in (2, 3))
    return f"{told}  {done} / {every} {say('roofs_done', language)}"


def share_done(stage: str) -> float | None:
    """Return the share of the roofs that are done, None where it is not known."""
    found = _COUNTED.fullmatch(stage)
    return min(1.0, int(found[2]) / max(1, int(found[3]))) if found else None


def progress(job: Job[None], out: Path, language: Language) -> None:
    """Show a run that waits or goes on."""
    if job.waiting:
        st.text(say("in_line", language).format(ahead=jobs.ahead(out)))
        return
    st.text(f"{stage_told(job.stage, language)}   ·   {job.seconds} s")
    share = share_done(job.stage)
    if share is not None:
        st.progress(share)


def failure(job: Job[None], language: Language, said: tuple[str, ...] | None = None) -> None:
    """Show why a run did not finish: its faults as text, or in words what ended it.

    Parameters
    ----------
    job
        A job that failed.
    language
        Of the words.
    said
        The faults in the words of the files' owner; by default as the run named them.
    """
    st.error(say("compute_failed", language))
    if job.broken is not None:
        st.text(say(BROKEN[job.broken], language))
        return
    faults.listed(said or job.faults or (say("unexpected", language),))


def again(job: Job[Any], told: str, key: str, language: Language) -> bool:
    """Show that something could not be done and why; return whether it is to be tried again.

    Parameters
    ----------
    job
        A job that failed.
    told
        The word for what could not be done.
    key
        Of the button.
    language
        Of the words.
    """
    st.error(say(told, language))
    faults.listed(job.faults or (say("unexpected", language),))
    return st.button(say("retry", language), key=key)
