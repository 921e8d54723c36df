"""All roofs of a run as one file of tiles, made once beside the run while the pages go on."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import streamlit as st

from pvplan.errors import InputError
from pvplan.maps.tiles import FORM
from pvplan.reports.output import roof_files
from pvplan.tables import Plan
from pvplan.ui.jobs import Job
from pvplan.ui.runs import REPOSITORY

LOG = logging.getLogger(__name__)
FOLDER: Final = "map"
MOST_JOBS: Final = 8
PATIENCE_S: Final = 3600


@dataclass
class _Desk:
    worker: ThreadPoolExecutor
    jobs: OrderedDict[Path, Job[Path]] = field(default_factory=OrderedDict)


@st.cache_resource(show_spinner=False)
def _desk() -> _Desk:
    return _Desk(ThreadPoolExecutor(max_workers=1, thread_name_prefix="tiles"))


def path_of(plan: Plan, folder: Path) -> Path:
    """Return where a run keeps its tiles; other roofs have another name."""
    outputs = plan.meta.get("outputs") or {}
    known = [(outputs.get(name) or {}).get("sha256") for name in roof_files(plan)]
    told = [str(digest or plan.meta.get("fingerprint")) for digest in known]
    content = told[0] if len(told) == 1 else hashlib.sha256("".join(told).encode()).hexdigest()
    return folder / FOLDER / f"roofs-{content[:16]}-{FORM}.pmtiles"


def ask(plan: Plan, folder: Path) -> Job[Path]:
    """Return the making of a run's tiles, begun now unless it was before."""
    desk, path = _desk(), path_of(plan, folder)
    job = desk.jobs.get(path)
    if job is None:
        job = desk.jobs[path] = Job[Path]()
        job.outcome = desk.worker.submit(_make, [folder / name for name in roof_files(plan)], path)
        while len(desk.jobs) > MOST_JOBS:
            desk.jobs.popitem(last=False)
    return job


def forget(plan: Plan, folder: Path) -> None:
    """Drop a making that failed, so that it can be asked for again."""
    _desk().jobs.pop(path_of(plan, folder), None)


def _make(sources: Sequence[Path], path: Path) -> Path:
    if path.is_file():
        return path
    files = "\n".join(str(file.resolve()) for file in sources)
    words = [sys.executable, "-m", "pvplan.maps.tiles", str(path.resolve())]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, paths of the run
            words,
            cwd=REPOSITORY,
            check=False,
            capture_output=True,
            text=True,
            input=files,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{path.name}: was not written within {PATIENCE_S} s") from error
    if done.returncode or not path.is_file():
        LOG.error("tiles %s: %s", path.name, done.stderr)
        raise InputError(
            f"{path.parent.name}/{path.name}: could not be written beside the run; "
            "see the server's log"
        )
    return path
