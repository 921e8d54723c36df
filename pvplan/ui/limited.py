"""A run in a process of its own, with limits of time and memory: what breaks there is told here.

Files of strangers are read only there. The process gets none of the server's settings but those
named here; the address of a database only where a job of the server's own needs it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from pvplan.errors import PvplanError

try:
    import resource
except ImportError:  # Windows has no such limits; time is limited there all the same
    resource = None  # type: ignore[assignment]

SECONDS: Final = 3600
MEMORY_MB: Final = 8_000
_HANDED_ON: Final = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "SYSTEMROOT", "NUMBA_CACHE_DIR",
    "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PROJ_DATA", "GDAL_DATA",
)  # fmt: skip
_ALWAYS: Final = {
    "OGR_SKIP": "OGR_VRT,GDALG,WFS,OAPIF,CSW,HTTP",
    "GDAL_SKIP": "VRT,WMS,WMTS,WCS,HTTP",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "OGR_SQLITE_LOAD_EXTENSIONS": "NO",
    "PROJ_NETWORK": "OFF",
    "PYTHONUTF8": "1",
}
_LINE_BYTES: Final = 100_000
_LINES_KEPT: Final = 60
_GRACE_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1
_NO_MEMORY: Final = ("MemoryError", "bad_alloc", "Cannot allocate memory", "Unable to allocate")


@dataclass(frozen=True)
class Limits:
    """What a run may take: seconds of the wall clock, MB of memory.

    A run that holds more is ended at the next look. The system's own limit, on addresses, lies far
    above it and stops what grows between two looks: libraries reserve more than they use, and some
    hang where a reservation fails.
    """

    seconds: float = SECONDS
    memory_mb: int = MEMORY_MB

    @classmethod
    def of_environment(cls) -> Limits:
        """Return what ``PVPLAN_RUN_SECONDS`` and ``PVPLAN_RUN_MEMORY_MB`` say, or the defaults."""
        return cls(
            setting("PVPLAN_RUN_SECONDS", SECONDS), setting("PVPLAN_RUN_MEMORY_MB", MEMORY_MB)
        )


class Broken(Exception):  # noqa: N818 - it is told to people, not mended by a caller
    """A run that ended otherwise than by finishing or by naming faults.

    ``why`` is ``time``, ``memory``, ``crash`` or ``stopped``.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def setting(name: str, default: int) -> int:
    """Return a whole number above 0 of the environment, or the default where it is none."""
    word = os.environ.get(name, "")
    return int(word) if word.isdecimal() and int(word) else default


_running: set[subprocess.Popen[bytes]] = set()


@atexit.register
def _stop_all() -> None:
    for child in tuple(_running):
        _kill(child, signal.SIGTERM)


def compute(
    words: Sequence[str],
    scratch: Path,
    limits: Limits,
    tell: Callable[[str], None],
    stop: threading.Event,
    known: Mapping[str, str] | None = None,
) -> None:
    """Run ``python -m pvplan run`` with words, and wait for its end.

    Parameters
    ----------
    words
        What follows ``run``, without ``--progress``.
    scratch
        Folder for its temporary files; it and what is above it are not named in faults.
    limits
        Of time and memory.
    tell
        Called with each stage.
    stop
        Ends the run once it is set.
    known
        Further variables of its environment, such as the ledger's address.

    Raises
    ------
    PvplanError
        What a person can mend, as the run named it.
    Broken
        Too long, too much memory, stopped, or a crash.
    """
    command = [sys.executable, "-m", "pvplan", "run", *words, "--progress", "json"]
    lines, faults, why = _watched(command, scratch, limits, tell, stop, known or {})
    code, said = why[1], "\n".join(lines)
    if why[0]:
        raise Broken(why[0])
    if code == 0:
        return
    if faults:
        raise PvplanError(faults)
    if code == -signal.SIGKILL or any(word in said for word in _NO_MEMORY):
        raise Broken("memory")
    raise Broken("crash")


def _watched(
    command: list[str],
    scratch: Path,
    limits: Limits,
    tell: Callable[[str], None],
    stop: threading.Event,
    also: Mapping[str, str],
) -> tuple[deque[str], list[str], tuple[str, int]]:
    """Start, follow and end a process; return its last lines, its faults, and how it ended."""
    known = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    temporary = {name: str(scratch) for name in ("TMPDIR", "TEMP", "TMP")}
    # Where the package stands, so that the child finds the very same one.
    home = str(Path(__file__).resolve().parents[2])
    child = subprocess.Popen(  # noqa: S603 - our own program; the words are one argument each
        command,
        cwd=home,
        env={**known, **_ALWAYS, **temporary, **also},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _running.add(child)
    _limit(child, limits)
    ended, why = threading.Event(), [""]
    guard = threading.Thread(target=_guard, args=(child, limits, stop, ended, why), daemon=True)
    guard.start()
    try:
        assert child.stderr is not None  # noqa: S101 - a pipe was asked for
        with child.stderr as stream:
            lines, faults = _read(stream, tell)
        code = child.wait()
    finally:
        ended.set()
        _running.discard(child)
        _kill(child, signal.SIGKILL)
    guard.join()
    return lines, faults, (why[0], code)


def _limit(child: subprocess.Popen[bytes], limits: Limits) -> None:
    if resource is None or not hasattr(resource, "prlimit"):
        return
    space = (2 * limits.memory_mb + 4_000) * 1_000_000
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(child.pid, resource.RLIMIT_AS, (space, space))
        resource.prlimit(child.pid, resource.RLIMIT_CORE, (0, 0))


def _guard(
    child: subprocess.Popen[bytes],
    limits: Limits,
    stop: threading.Event,
    ended: threading.Event,
    why: list[str],
) -> None:
    """End a process that takes too much or is no longer wanted."""
    start = time.monotonic()
    while not ended.wait(_LOOK_SECONDS):
        if stop.is_set():
            why[0] = "stopped"
        elif time.monotonic() - start > limits.seconds:
            why[0] = "time"
        elif _held_mb(child.pid) > limits.memory_mb:
            why[0] = "memory"
        else:
            continue
        _kill(child, signal.SIGTERM)  # it takes its half-written files away
        if not ended.wait(_GRACE_SECONDS):
            _kill(child, signal.SIGKILL)
        return


def _held_mb(pid: int) -> float:
    """Return the memory that a process holds, MB; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _kill(child: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to a process and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, number)
        elif child.poll() is None:
            child.send_signal(number)


def _read(stream: IO[bytes], tell: Callable[[str], None]) -> tuple[deque[str], list[str]]:
    lines: deque[str] = deque(maxlen=_LINES_KEPT)
    faults: list[str] = []
    while raw := stream.readline(_LINE_BYTES):
        line = raw.decode("utf-8", "replace").rstrip("\n")
        told = _object(line)
        if isinstance(told.get("stage"), str):
            tell(told["stage"])
        elif isinstance(told.get("fault"), str) and len(faults) < _LINES_KEPT:
            faults.append(told["fault"])
        elif not told:
            lines.append(line)
    return lines, faults


def _object(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
