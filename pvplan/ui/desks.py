"""A visitor's desk: a private folder for uploads and runs, found again by a secret in the link.

The secret counts only in the browser that it was made for. Desks that nobody used for some hours
are removed.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from pvplan.errors import OutputError
from pvplan.ui import jobs
from pvplan.ui.limited import setting

LINK: Final = "desk"
STATE: Final = "desk"
MOST_RUNS: Final = 12
HOURS: Final = 12
MOST_DESKS: Final = 200
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_COOKIE: Final = "_streamlit_xsrf"
_MARK: Final = ".browser"
_SWEEP_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Desk:
    """A visitor's folder: ``city`` holds the uploads, ``runs`` the runs."""

    folder: Path

    @property
    def city(self) -> Path:
        """The folder of the uploaded city."""
        return self.folder / "city"

    @property
    def runs(self) -> Path:
        """The folder of the visitor's runs."""
        return self.folder / "runs"

    @property
    def owner(self) -> str:
        """The name under which the visitor's jobs are counted."""
        return self.folder.name

    @property
    def busy(self) -> bool:
        """Whether one of the visitor's jobs waits or runs."""
        return any(job.running for job in jobs.of_owner(self.owner).values())


def root() -> Path:
    """Return the folder of all desks: ``$PVPLAN_DESKS``, or one in the system's temporary folder.

    Raises
    ------
    OutputError
        It belongs to somebody else, or is a link.
    """
    own = f"pvplan-desks-{os.getuid() if hasattr(os, 'getuid') else 0}"
    folder = Path(os.environ.get("PVPLAN_DESKS") or Path(tempfile.gettempdir()) / own)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    told = folder.lstat()
    strange = hasattr(os, "getuid") and told.st_uid != os.getuid()
    if strange or not stat.S_ISDIR(told.st_mode):
        raise OutputError(f"{folder}: is not a folder of our own; set PVPLAN_DESKS to another")
    folder.chmod(0o700)
    return folder


def current() -> Desk | None:
    """Return the visitor's desk, None where there is none yet; the link keeps its secret."""
    secret = st.session_state.get(STATE) or st.query_params.get(LINK, "")
    if not _SECRET.fullmatch(str(secret)):
        return None
    desk = Desk(root() / str(secret))
    try:
        mark = (desk.folder / _MARK).read_text("utf-8")
    except OSError:
        st.session_state.pop(STATE, None)
        return None
    if not secrets.compare_digest(mark, _browser()):
        st.query_params.pop(LINK, None)
        return None
    _keep(desk)
    return desk


def own() -> Desk:
    """Return the visitor's desk, made where there is none yet.

    Raises
    ------
    OutputError
        There are too many desks, or none can be made.
    """
    found = current()
    if found is not None:
        return found
    home = root()
    sweep(home)
    if sum(1 for _ in home.iterdir()) >= MOST_DESKS:
        raise OutputError(f"{MOST_DESKS} visitors have files here; try again in an hour")
    desk = Desk(home / secrets.token_urlsafe(24))
    for folder in (desk.folder, desk.city, desk.runs):
        folder.mkdir(mode=0o700)
    (desk.folder / _MARK).write_text(_browser(), "utf-8")
    _keep(desk)
    return desk


def remove(desk: Desk) -> None:
    """Stop a visitor's jobs and remove all that they brought and computed."""
    for out in jobs.of_owner(desk.owner):
        jobs.cancel(out)
    shutil.rmtree(desk.folder, ignore_errors=True)
    st.session_state.pop(STATE, None)
    st.query_params.pop(LINK, None)


def hours() -> int:
    """Return for how many hours a desk is kept that nobody uses: ``PVPLAN_DESK_HOURS``."""
    return setting("PVPLAN_DESK_HOURS", HOURS)


def sweep(home: Path, after_hours: float | None = None) -> int:
    """Remove the desks that nobody used for some hours, and return how many.

    Parameters
    ----------
    home
        The folder of all desks.
    after_hours
        By default what ``PVPLAN_DESK_HOURS`` says.
    """
    least = 3600.0 * (hours() if after_hours is None else after_hours)
    gone = 0
    for folder in list(home.iterdir()):
        if not _SECRET.fullmatch(folder.name) or Desk(folder).busy:
            continue
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime >= least:
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
    return gone


def _keep(desk: Desk) -> None:
    """Note that a desk is in use, and keep its secret in session and link."""
    with contextlib.suppress(OSError):
        os.utime(desk.folder)
    st.session_state[STATE] = desk.folder.name
    if st.query_params.get(LINK) != desk.folder.name:
        st.query_params[LINK] = desk.folder.name
    _sweeper()


@st.cache_resource(show_spinner=False)
def _sweeper() -> threading.Thread:
    """Sweep from time to time as long as the server lives."""

    def work() -> None:
        while True:
            with contextlib.suppress(OSError, OutputError):
                sweep(root())
            time.sleep(_SWEEP_SECONDS)

    thread = threading.Thread(target=work, name="sweeper", daemon=True)
    thread.start()
    return thread


def _browser() -> str:
    """Return a digest of what only this browser knows: the token behind Streamlit's cookie.

    The cookie is written anew with another mask at each visit; the token below it stays.
    """
    cookie = st.context.cookies.get(_COOKIE, "")
    parts = cookie.strip("\"'").replace("%7C", "|").split("|")
    try:
        mask, masked = (binascii.unhexlify(part) for part in parts[1:3])
    except (ValueError, binascii.Error):
        token = b""
    else:
        token = bytes(a ^ mask[at % len(mask)] for at, a in enumerate(masked)) if mask else b""
    return base64.b16encode(hashlib.sha256(b"desk" + token).digest()).decode()
