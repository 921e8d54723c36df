"""Runs tile by tile for tests: executors, children, and a Dask cluster that a test may break."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from benchmarks.scale import address_in
from pvplan.run import Inputs, Tiling, run_city, write_run
from pvplan.tables import Plan
from pvplan.tile_run import Crew
from pvplan.tile_work import Task, program
from tests.conftest import ROOT

AS_OF = date(2026, 11, 22)
SUZHOU = "bld_suzhou_oldtown/bd_demo_2.json"
CSWD = "wx_shanghai_cswd_epw/CHN_Shanghai.Shanghai.583620_CSWD.epw"
_GENTLE = ("TARGET", "SPILL", "PAUSE")
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="/proc tells and limits the workers"
)


class Here(Executor):
    """Works at once, in this process; ``before`` may raise in place of a task."""

    def __init__(self, before: Callable[[Task], None] = lambda _: None) -> None:
        self.before = before

    def submit(self, fn: Any, /, *words: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            self.before(words[0])
            future.set_result(fn(*words, **named))
        except Exception as error:  # noqa: BLE001 (as every executor does)
            future.set_exception(error)
        return future


def crew(executor: Executor, size: int = 2) -> Crew:
    @contextmanager
    def opened() -> Iterator[Executor]:
        yield executor

    return Crew(opened, size)


def dense_town(shared_data: Path) -> Inputs:
    """3002 roofs of an old town, wall to wall."""
    return Inputs(buildings=shared_data / SUZHOU, weather=shared_data / CSWD)


def piece_of(inputs: Inputs, folder: Path, most: int) -> Inputs:
    """The same city, cut to the buildings nearest to its middle."""
    every = json.loads(inputs.buildings.read_text(encoding="utf-8"))
    shapes = shapely.from_geojson([json.dumps(f["geometry"]) for f in every["features"]])
    places = shapely.get_coordinates(shapely.centroid(shapes))
    away = np.abs(places - np.median(places, axis=0)).max(axis=1)
    near = np.sort(np.argsort(away, kind="stable")[:most])
    every["features"] = [every["features"][place] for place in near]
    path = folder / "piece.geojson"
    path.write_text(json.dumps(every), encoding="utf-8")
    return replace(inputs, buildings=path)


def run_of(inputs: Inputs, out: Path, tiling: Tiling | None = None, **more: Any) -> Plan:
    return write_run(run_city(inputs, as_of=AS_OF, tiling=tiling, **more), out)


def assert_same_bytes(one: Path, other: Path) -> None:
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def until(done: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


# ---- a run as a person starts it --------------------------------------------------------------


@dataclass
class Run:
    """A run in a process of its own, and what it has told so far."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]]

    def told(self, word: str) -> list[str]:
        """Values of a word among the lines: stage, tiles, note, warning, fault."""
        return [str(line[word]) for line in self.lines if word in line]

    def wait_for(self, word: str, pattern: str) -> None:
        """Read on until a value of a word holds a pattern."""
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            line = _line(raw)
            self.lines.append(line)
            if re.search(pattern, str(line.get(word, ""))):
                return
        raise AssertionError(f"the run ended before {word} told {pattern}: {self.lines}")

    def some_done(self) -> None:
        """Read on until one tile more is done."""
        done = int((self.told("tiles") or ["0/0"])[-1].split("/")[0])
        while True:
            self.wait_for("tiles", "")
            tiles = self.told("tiles")
            if tiles and int(tiles[-1].split("/")[0]) > done:
                return

    def end(self) -> int:
        """Read on to the end; returns the exit code."""
        try:
            said = self.process.communicate(timeout=240)[1]
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the run does not end: {self.lines}") from None
        self.lines += [_line(raw) for raw in said.splitlines()]
        return self.process.returncode

    def kill(self) -> None:
        """End the run at once; returns when it and the workers that it started are gone."""
        self.process.kill()
        self.process.communicate(timeout=60)


def _line(raw: str) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except ValueError:
        return {"other": raw}
    return line if isinstance(line, dict) else {"other": raw}


def started(inputs: Inputs, out: Path, *words: str, **settings: float) -> Run:
    """Start a run; ``settings`` are constants of ``pvplan.crews``, too patient for a test."""
    code = "".join(f"crews.{name} = {value}; " for name, value in settings.items())
    code = f"import sys; from pvplan import crews; {code}"
    command = [
        sys.executable, "-c", f"{code}from pvplan.__main__ import start; sys.exit(start())", "run",
        "--buildings", str(inputs.buildings), "--weather", str(inputs.weather), "--as-of",
        AS_OF.isoformat(), "--out", str(out), "--progress", "json", *words,
    ]  # fmt: skip
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=quiet, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    return Run(process, [])


def spawned(process: int) -> list[int]:
    """The worker processes that a process started; the tracker of resources is none."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    children = [int(word) for thread in threads for word in thread.read_text("ascii").split()]
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in children}
    return [pid for pid, line in lines.items() if "spawn_main" in line]


# ---- a Dask cluster ---------------------------------------------------------------------------


class Cluster:
    """A Dask scheduler and its workers, each a process, all of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.address = ""
        try:
            self.begin()
        except BaseException:
            self.close()
            raise

    def begin(self, *, same_address: bool = False) -> None:
        """Start a scheduler, by default at an address of its own."""
        port = self.address.rsplit(":", 1)[-1] if same_address else "0"
        file = self._folder / f"scheduler-{len(self._processes)}.json"
        file.unlink(missing_ok=True)
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", port, "--scheduler-file", str(file),
            "--dashboard-address", "127.0.0.1:0",
        )  # fmt: skip
        until(lambda: address_in(file) != "")
        self.address = address_in(file)

    def add(self, count: int = 1, *, limit_bytes: int | None = None) -> dict[str, int]:
        """Start workers and wait for them; returns address to process of those that are new.

        With a limit a nanny ends the worker that holds more memory, and starts the next.
        """
        known = set(self.processes())
        for _ in range(count):
            scratch = str(self._folder / f"worker-{len(self._processes)}")
            words = ["--nthreads", "1", "--no-dashboard", "--local-directory", scratch]
            words += ["--memory-limit", str(limit_bytes)] if limit_bytes else ["--no-nanny"]
            self._start("worker", self.address, *words)
        until(lambda: len(set(self.processes()) - known) >= count)
        return {at: pid for at, pid in self.processes().items() if at not in known}

    def processes(self) -> dict[str, int]:
        """Address and process of every worker, each ready to work."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.run(program)
            return dict(client.run(os.getpid))

    def kill(self, process: int) -> None:
        """End a process at once; returns when it is gone."""
        os.kill(process, signal.SIGKILL)
        for own in self._processes:
            if own.pid == process:
                own.wait()

    def dismiss(self) -> None:
        """End every worker; a scheduler that died is replaced."""
        self._end([process for process in self._processes if process is not self.scheduler])
        if self.scheduler.poll() is not None:
            self.begin()
        until(lambda: not self.processes())

    def close(self) -> None:
        self._end(self._processes)

    def _end(self, processes: list[subprocess.Popen[bytes]]) -> None:
        left = [pid for process in processes for pid in spawned_or_none(process)]
        for process in reversed(processes):
            process.kill()
            process.wait()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}
        # Over its limit a worker is ended; it neither pauses nor writes to disk before.
        env |= {f"DASK_DISTRIBUTED__WORKER__MEMORY__{word}": "False" for word in _GENTLE}
        quiet = subprocess.DEVNULL
        command = [sys.executable, "-m", "dask", *words]
        process = subprocess.Popen(command, cwd=self._folder, env=env, stdout=quiet, stderr=quiet)
        self._processes.append(process)
        return process


def spawned_or_none(process: subprocess.Popen[bytes]) -> list[int]:
    try:
        return spawned(process.pid) if process.poll() is None else []
    except FileNotFoundError:
        return []


@contextmanager
def cluster_in(folder: Path) -> Iterator[Cluster]:
    found = Cluster(folder)
    try:
        yield found
    finally:
        found.close()


def fill_disk(process: int) -> None:
    """Let every file of a process end at 1 kB: a longer one cannot be written."""
    resource.prlimit(process, resource.RLIMIT_FSIZE, (1024, 1024))


def held_bytes(process: int) -> int:
    """Memory that a process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
