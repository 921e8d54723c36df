"""How fast and how true are the horizons of a surface model, against GRASS and topocalc?

``python -m benchmarks.terrain`` makes a town of 1 km² at 1 m (seeded), finds the horizon of every
cell in 36 directions by the sweep (two threads) and by the peers that are installed, follows exact
rays from chosen cells as the common measure, and prints JSON: seconds, ratios, differences in
degrees. ``--topocalc-python`` names an interpreter that has topocalc (it wants an old numpy).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pvplan import assumptions
from pvplan.roof.sweep import sweep
from pvplan.roof.terrain import heights_at, horizons_at, surface

# Every peer's own time: reading, writing and starting it stay outside the clock.
GRASS = """set -e
exec 3> {folder}/clock
r.in.bin -f input={folder}/dsm.bin output=dsm bytes=4 north={n} south=0 east={n} west=0 \
    rows={n} cols={n} --quiet
g.region raster=dsm
TIMEFORMAT='%R %U'
{{ time r.horizon -d elevation=dsm step={step} start=0 end=360 output=horizon --quiet \
    2> {folder}/log; }} 2>&3
for name in $(g.list type=raster pattern='horizon_*'); do
    r.out.bin -f input=$name output={folder}/$name.bin bytes=4 --quiet
done
"""
TOPOCALC = """
import sys, time
import numpy as np
from topocalc.horizon import horizon
folder, count = sys.argv[1], int(sys.argv[2])
dem = np.load(folder + '/dsm.npy').astype(np.float64)
begin, busy = time.perf_counter(), time.process_time()
found = []
for k in range(count):
    azimuth = 180.0 - 360.0 * k / count
    found.append(horizon(azimuth, dem, 1.0))
print(time.perf_counter() - begin, time.process_time() - busy)
np.save(folder + '/topocalc.npy', np.degrees(np.arcsin(np.array(found))).astype(np.float32))
"""


def town(cells: int, seed: int = 1) -> np.ndarray:
    """Return ground with blocks, pitched roofs and trees, m."""
    random = np.random.default_rng(seed)
    row, column = np.mgrid[0:cells, 0:cells]
    height = 5.0 * np.sin(column / 300.0) + 8.0 * np.cos(row / 400.0)
    for _ in range(cells * cells // 1500):
        top, left = random.integers(0, cells, 2)
        deep, wide = random.integers(8, 40, 2)
        block = np.s_[top : top + deep, left : left + wide]
        height[block] = height[top, left] + random.gamma(2.0, 8.0)
        if random.random() < 0.3:
            height[block] -= 0.5 * abs(column[block] - left - wide / 2.0)
    for _ in range(cells * cells // 500):
        top, left = random.integers(0, cells, 2)
        height[top : top + 4, left : left + 4] += random.uniform(2.0, 8.0)
    return height.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1000, help="cells of 1 m a side")
    parser.add_argument("--directions", type=int, default=36)
    parser.add_argument("--points", type=int, default=4000, help="cells that exact rays leave")
    parser.add_argument(
        "--grass-directions", type=int, help="measure r.horizon on these, and scale its time"
    )
    parser.add_argument("--topocalc-python", default=sys.executable)
    options = parser.parse_args()
    height = town(options.cells)
    azimuths = np.arange(options.directions) * (360.0 / options.directions)
    ours, seconds, busy = _ours(height, azimuths)
    random = np.random.default_rng(2)
    place = random.integers(0, options.cells, (2, options.points))
    exact, points = _rays(height, place, options.directions)
    report: dict[str, Any] = {
        "cells": height.size,
        "directions": options.directions,
        "sweep_seconds_two_threads": round(seconds, 3),
        "sweep_cpu_seconds": round(busy, 3),
        "sweep_to_rays_deg": _difference(ours[:, place[1], place[0]].T, exact),
        **points,
    }
    ratios = []
    for name, run in (("grass_r_horizon", _grass), ("topocalc", _topocalc)):
        with tempfile.TemporaryDirectory() as folder:
            peer = run(height, options, Path(folder))
        if isinstance(peer, str):
            report[name] = peer
            continue
        ratios.append((peer.seconds / seconds, peer.cpu_seconds / busy))
        report[name] = {
            "directions_measured": len(peer.direction),
            "seconds": round(peer.seconds, 1),
            "cpu_seconds": round(peer.cpu_seconds, 1),
            "ratio": round(ratios[-1][0], 1),
            "ratio_of_cpu": round(ratios[-1][1], 1),
            "to_sweep_deg": _difference(peer.horizon, ours[peer.direction]),
            "to_rays_deg": _difference(
                peer.horizon[:, place[1], place[0]].T, exact[:, peer.direction]
            ),
        }
    if ratios:
        report["ratio_to_best_peer"], report["ratio_of_cpu_to_best_peer"] = (
            round(min(kind), 1) for kind in zip(*ratios, strict=True)
        )
    print(json.dumps(report, indent=2))


@dataclasses.dataclass(frozen=True)
class Peer:
    """What a peer found in which directions, and its time for all of them."""

    horizon: np.ndarray
    direction: np.ndarray
    seconds: float
    cpu_seconds: float


def _ours(height: np.ndarray, azimuths: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the horizons, and the best of five times (wall and processor) after compilation."""
    sweep(height[:20, :20], 1.0, azimuths)
    walls, busy = [], []
    for _ in range(5):
        start, work = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(2) as workers:
            parts = workers.map(lambda one: sweep(height, 1.0, one), np.array_split(azimuths, 12))
            found = list(parts)
        walls.append(time.perf_counter() - start)
        busy.append(time.process_time() - work)
    return np.concatenate(found), min(walls), min(busy)


def _rays(height: np.ndarray, place: np.ndarray, bins: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Return exact horizons of cell centres over the whole raster, and the default rules' time."""
    default = assumptions.load().shading
    surface(height[:20, :20], 1.0)
    start = time.thread_time()
    ready = surface(height, 1.0)
    prepare = time.thread_time() - start
    at = place[0] + 0.5, place[1] + 0.5
    z = heights_at(ready, *at)
    horizons_at(ready, at[0][:2], at[1][:2], z[:2], default)
    start = time.thread_time()
    horizons_at(ready, *at, z, default)
    seconds = time.thread_time() - start
    every = dataclasses.replace(
        default, azimuth_bins=bins, min_elevation_deg=1e-3, max_distance_m=2.0 * len(height)
    )
    return horizons_at(ready, *at, z, every), {
        "rays_bins": default.azimuth_bins,
        "rays_cpu_us_per_point": round(seconds / len(z) * 1e6, 1),
        "rays_prepare_cpu_seconds": round(prepare, 3),
    }


def _grass(height: np.ndarray, options: argparse.Namespace, folder: Path) -> Peer | str:
    program = shutil.which("grass")
    if program is None:
        return "not installed (apt-get install grass-core)"
    height.tofile(folder / "dsm.bin")
    count = options.grass_directions or options.directions
    step = 360 // count
    script = folder / "run.sh"
    script.write_text(GRASS.format(folder=folder, n=len(height), step=step))
    command = [program, "--tmp-location", "EPSG:32651", "--exec", "bash", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"failed: {done.stderr.strip()[-300:]}"
    seconds, cpu = (float(word) for word in (folder / "clock").read_text().split()[-2:])
    # GRASS counts from east, counter-clockwise.
    angles = np.arange(count) * step
    layers = [np.fromfile(folder / f"horizon_{k:03d}.bin", dtype=np.float32) for k in angles]
    direction = (90 - angles) % 360 * options.directions // 360
    scale = options.directions / count
    found = np.array(layers).reshape(-1, *height.shape)
    return Peer(found, direction, seconds * scale, cpu * scale)


def _topocalc(height: np.ndarray, options: argparse.Namespace, folder: Path) -> Peer | str:
    if shutil.which(options.topocalc_python) is None:
        return f"no interpreter {options.topocalc_python}"
    np.save(folder / "dsm.npy", height)
    command = [options.topocalc_python, "-c", TOPOCALC, str(folder), str(options.directions)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No module named 'topocalc'" in done.stderr:
        return "not installed (name an interpreter that has it: --topocalc-python)"
    if done.returncode:
        return f"failed: {done.stderr.strip()[-300:]}"
    seconds, cpu = (float(word) for word in done.stdout.split())
    return Peer(np.load(folder / "topocalc.npy"), np.arange(options.directions), seconds, cpu)


def _difference(found: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Compare horizons, none of them below zero; degrees."""
    off = np.abs(np.maximum(found, 0.0) - np.maximum(wanted, 0.0))
    off = off[np.isfinite(off)]
    return {
        "median": round(float(np.median(off)), 4),
        "p95": round(float(np.quantile(off, 0.95)), 3),
    }


if __name__ == "__main__":
    main()
