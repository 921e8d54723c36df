"""Does a city of ten times the roofs take ten times as long, and no more memory?

``python -m benchmarks.scale --roofs 10000 100000 1000000 [--folder F] [--workers 2] [--dask]
[--peer 40]`` writes cities of street blocks (:mod:`benchmarks.blocks`), cuts each into parts
(``python -m pvplan partition``) and runs it part by part, each in a process of its own, as a user
would. It prints JSON for each size: seconds and roofs per second, the largest memory that any
process reached, what lies on disk; then how far the time is from growing with the roofs alone.

``--dask`` runs each city again on a cluster of as many workers, and tells what that adds.
``--peer N`` lets ``pvlib.ModelChain`` compute N roofs one by one, as a loop over a GeoDataFrame
would: a year of hours for each roof, without neighbours, rows or layout.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.city import measure, size_of, write_city

SYSTEMS = 2_000
"""Registered systems of every city: a register does not grow with open data of buildings."""
PATIENCE_S = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roofs", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, default=None, help="kept; cities are used again")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows-per-part", type=int, default=20_000)
    parser.add_argument("--dask", action="store_true", help="and on a cluster")
    parser.add_argument("--peer", type=int, default=0, metavar="N", help="roofs of the peer")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        count = options.roofs[0]
        write_city(options.write, count, systems=min(SYSTEMS, count // 10))
        return
    if options.run:
        parts = options.run / "parts"
        found = measure(options.run, None, options.workers, parts, options.address)
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as made:
        home = options.folder or Path(made)
        every = [_sized(home / f"city-{count}", count, options) for count in options.roofs]
        for found in every:
            print(json.dumps(found, indent=2))
        print(json.dumps(_summary(every, options.peer), indent=2))


def _sized(folder: Path, count: int, options: argparse.Namespace) -> dict[str, Any]:
    """Write, cut and run a city of some size."""
    if not (folder / "city.toml").is_file():
        _told(f"write a city of {count} roofs")
        # In a process of its own: what a parent holds counts as its children's peak.
        words = [sys.executable, "-m", "benchmarks.scale", "--write", str(folder)]
        subprocess.run([*words, "--roofs", str(count)], check=True)
    _told(f"cut {count} roofs into parts")
    parts = [
        sys.executable, "-m", "pvplan", "partition", str(folder / "buildings.parquet"),
        str(folder / "parts"), "--city", str(folder), "--rows-per-part", str(options.rows_per_part),
    ]  # fmt: skip
    cut = _timed(parts)
    _told(f"run {count} roofs with {options.workers} workers")
    command = [sys.executable, "-m", "benchmarks.scale", "--run", str(folder)]
    command += ["--workers", str(options.workers)]
    found = {
        "partition": {**cut, "disk_mb": round(size_of(folder / "parts") / 1e6, 1)},
        "run": _run(command),
    }
    if options.dask:
        _told(f"run {count} roofs on a cluster of {options.workers}")
        with _cluster(options.workers, folder) as address:
            found["dask"] = _run([*command, "--address", address])
    return {"roofs": count, **found}


def _told(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _timed(command: list[str]) -> dict[str, float]:
    """Run a command; return its seconds and the most memory it held."""
    start = time.perf_counter()
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert started.stderr is not None
    said = started.stderr.read()
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise SystemExit(said.decode(errors="replace")[-2000:])
    seconds = time.perf_counter() - start
    return {"seconds": round(seconds, 2), "peak_mb": round(used.ru_maxrss / 1024.0)}


def _run(command: list[str]) -> dict[str, Any]:
    """Run a city in a process of its own; return what it measured."""
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    found = json.loads(told)
    peaks = [stage["peak_memory_mb"] for stage in found["stages"].values()]
    return {
        "seconds": found["seconds"],
        "seconds_total": found["seconds_total"],
        "roofs_per_second": round(found["roofs"] / found["seconds_total"]),
        "cpu_seconds": found["cpu_seconds"],
        "peak_mb": max(peaks),
        "largest_worker_mb": found["largest_worker_mb"],
        "disk_mb": round(sum(found["written_mb"].values()) + found["tiles_mb"], 1),
    }


@contextmanager
def _cluster(workers: int, folder: Path) -> Iterator[str]:
    """Start a scheduler and workers as processes; give the scheduler's address."""
    address_file = folder / "scheduler.json"
    address_file.unlink(missing_ok=True)
    large = str(1 << 30)
    # Without these two the nanny gives memory back at once, and its arrays are mapped anew.
    named = {
        **os.environ,
        "PYTHONPATH": str(Path.cwd()),
        "MALLOC_MMAP_THRESHOLD_": large,
        "DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON__MALLOC_TRIM_THRESHOLD_": large,
    }
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": named}
    started: list[subprocess.Popen[bytes]] = []
    try:
        words = ["scheduler", "--port", "0", "--scheduler-file", str(address_file)]
        started.append(subprocess.Popen([*dask, *words, "--no-dashboard"], **quiet))  # type: ignore[call-overload]
        until = time.monotonic() + PATIENCE_S
        while not (address := address_in(address_file)):
            if time.monotonic() > until:
                raise SystemExit("no scheduler within a minute")
            time.sleep(0.1)
        words = ["worker", "--scheduler-file", str(address_file), "--nworkers", str(workers)]
        words += ["--nthreads", "1", "--no-dashboard"]
        started.append(subprocess.Popen([*dask, *words], **quiet))  # type: ignore[call-overload]
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def address_in(file: Path) -> str:
    """Return the address that a scheduler wrote; empty while its file is not there or not whole."""
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["address"])
    except (FileNotFoundError, ValueError, KeyError):
        return ""


def _summary(every: list[dict[str, Any]], peer_roofs: int) -> dict[str, Any]:
    """Return how time and memory grow with the roofs, and how a peer compares."""
    found: dict[str, Any] = {}
    counts = np.array([one["roofs"] for one in every], dtype=float)
    seconds = np.array([one["run"]["seconds_total"] for one in every])
    if len(every) > 1:
        # 1 where ten times the roofs take ten times as long.
        found["growth"] = [
            round(float(rate), 3)
            for rate in (seconds[1:] / seconds[:-1]) / (counts[1:] / counts[:-1])
        ]
    found["peak_mb"] = [one["run"]["peak_mb"] for one in every]
    found["largest_worker_mb"] = [one["run"]["largest_worker_mb"] for one in every]
    if all("dask" in one for one in every):
        found["dask_assess_ratio"] = [
            round(one["dask"]["seconds"]["assess"] / one["run"]["seconds"]["assess"], 3)
            for one in every
        ]
    if peer_roofs:
        rate = _peer(peer_roofs)
        found["peer_roofs_per_second"] = round(rate, 2)
        found["ratio_to_peer"] = round(every[-1]["run"]["roofs_per_second"] / rate)
    found["resource"] = {"cores": os.cpu_count(), "own_peak_mb": round(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)}  # fmt: skip
    return found


def _peer(count: int) -> float:
    """Return how many roofs a second a loop with ModelChain computes."""
    words = [sys.executable, "-m", "benchmarks.yield", "--roofs", "2000", "--sample", str(count)]
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r'"modelchain_roofs_per_second": ([\d.]+)', told)
    assert found is not None, told
    return float(found[1])


if __name__ == "__main__":
    main()
