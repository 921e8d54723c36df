"""Where the pages get a plan from: finished runs in a folder, and the bundled city."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

import streamlit as st

from pvplan.reports.reading import FinishedRun, list_runs, read_plan
from pvplan.tables import Plan
from pvplan.ui import desks

REPOSITORY: Final = Path(__file__).resolve().parents[2]
BUNDLED_CITY: Final = REPOSITORY / "data" / "rooftops" / "shanghai"
RUN_FILE: Final = "run.json"
OWN: Final = "own/"


def runs_folder() -> Path:
    """Return the folder that holds finished runs: ``$PVPLAN_RUNS``, or ``runs`` beside app.py."""
    return Path(os.environ.get("PVPLAN_RUNS") or REPOSITORY / "runs")


def cities() -> list[Path]:
    """Return the city folders that a run may be made of: the bundled one, and the owner's.

    ``PVPLAN_CITIES`` names folders, each a city folder or the home of some.
    """
    named = [Path(word) for word in os.environ.get("PVPLAN_CITIES", "").split(os.pathsep) if word]
    found = [BUNDLED_CITY]
    for folder in named:
        below = sorted(folder.glob("*/city.toml")) if folder.is_dir() else []
        whole = [folder / "city.toml"] if (folder / "city.toml").is_file() else below
        found += [path.parent for path in whole]
    return list(dict.fromkeys(found))


def finished_runs() -> dict[str, FinishedRun]:
    """Return the finished runs, newest first: everybody's, and the visitor's own.

    Everybody's are named by their path below the runs folder, the visitor's own by ``own/``.
    """
    root, desk = runs_folder(), desks.current()
    found = list(list_runs(root)) if root.is_dir() else []
    names = {run.folder: run.folder.relative_to(root).as_posix() for run in found}
    if desk is not None and desk.runs.is_dir():
        mine = list_runs(desk.runs)
        names |= {run.folder: f"{OWN}{run.folder.name}" for run in mine}
        found += mine
    newest = sorted(found, key=lambda run: -run.written_at)
    return {names[run.folder]: run for run in newest}


def is_private(folder: Path) -> bool:
    """Tell whether a run is one visitor's own: nothing of it may go where others can read."""
    return folder.resolve().is_relative_to(desks.root().resolve())


def mark_of(folder: Path) -> str:
    """Return what stands for a run's folder where its path may not be read: in a page's keys."""
    return hashlib.sha256(str(folder).encode()).hexdigest()[:12]


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


@st.cache_resource(max_entries=6, show_spinner=False)
def _read(folder: str, stamp: int) -> Plan:  # noqa: ARG001 - the stamp belongs to the key
    return read_plan(Path(folder))
