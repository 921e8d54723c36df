"""Where the pages get a plan from: finished runs in a folder, and the bundled city."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import streamlit as st

from pvplan.reports.reading import FinishedRun, list_runs, read_plan
from pvplan.tables import Plan

REPOSITORY: Final = Path(__file__).resolve().parents[2]
BUNDLED_CITY: Final = REPOSITORY / "data" / "rooftops" / "shanghai"
RUN_FILE: Final = "run.json"


def runs_folder() -> Path:
    """Return the folder that holds finished runs: ``$PVPLAN_RUNS``, or ``runs`` beside app.py."""
    return Path(os.environ.get("PVPLAN_RUNS") or REPOSITORY / "runs")


def finished_runs() -> dict[str, FinishedRun]:
    """Return the finished runs by their path below the runs folder, newest first."""
    root = runs_folder()
    if not root.is_dir():
        return {}
    return {run.folder.relative_to(root).as_posix(): run for run in list_runs(root)}


def stamp_of(folder: Path) -> int:
    """Return when a run was finished, in nanoseconds: a run computed anew is read anew."""
    return (folder / RUN_FILE).stat().st_mtime_ns


def plan_of(folder: Path) -> Plan:
    """Read the plan of a finished run; it is shared by all readers and must not be changed.

    Raises
    ------
    PvplanError
        A file is missing or breaks its contract.
    """
    return _read(str(folder), stamp_of(folder))


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(folder: str, stamp: int) -> Plan:  # noqa: ARG001 - the stamp belongs to the key
    return read_plan(Path(folder))
