"""How long does a reader wait for the map, and does the server stay the same size?

``python -m benchmarks.app [--bundled FOLDER]`` serves the app on this machine, opens it in Debian's
chromium and prints JSON: seconds to an empty page of Streamlit, to the map of the bundled city
after that, into a park, into a park of 10 000 roofs, to 100 000 roofs as vector tiles; the memory
of the server before and after 50 visits; and the faults that 20 readers at once met. ``--bundled``
names a finished run of the bundled city; it is computed where none is given. Medians of several
visits, each in a fresh window; the first visit to a server is told apart.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from benchmarks import blocks
from pvplan.maps.tiles import write_tiles
from pvplan.reports.output import write_plan
from pvplan.reports.reading import read_plan
from pvplan.tables import Plan
from pvplan.ui.map_tiles import path_of
from tests.plans import toy_plan

ROOT = Path(__file__).resolve().parents[1]
BUNDLED = ROOT / "data" / "rooftops" / "shanghai"
CHROMIUM = os.environ.get("PVPLAN_CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
RESTING = "[data-testid=stApp][data-test-script-state=notRunning]"
EXCEPTION = "[data-testid=stException]"
PATIENCE_MS = 300_000
BARS_S = {"first_map": 4.0, "into_a_park": 2.0, "park_of_10000": 3.0, "tiles_of_100000": 6.0}
LARGE_PARK, TILED = 20_000, 100_000  # roofs of the run; half of them stand in park P1
AS_OF = date(2026, 11, 22)


def large_plan(count: int) -> Plan:
    """Return the toy plan with ``count`` buildings of several corners, park beside park."""
    plan = toy_plan(count)
    drawn = blocks.draw(count).shapes
    parks = plan.roofs["park_id"].to_numpy()
    # The first park takes the west, the next what follows: each stands together.
    order = np.argsort(shapely.get_x(shapely.centroid(drawn)))
    shapes = np.empty(count, dtype=object)
    shapes[np.argsort(parks, kind="stable")] = drawn[order]
    metres = shapely.transform(shapes, lambda places: places + np.array([352_000.0, 3_453_000.0]))
    there = gpd.GeoSeries(metres, index=plan.roofs.index, crs="EPSG:32651").to_crs(4326)
    ground = [
        shapely.box(*there[parks == park_id].total_bounds) if park_id in ("P1", "P2") else None
        for park_id in plan.parks.index
    ]
    return replace(
        plan, roofs=plan.roofs.set_geometry(there),
        parks=plan.parks.set_geometry(gpd.GeoSeries(ground, index=plan.parks.index, crs=4326)),
    )  # fmt: skip


@contextlib.contextmanager
def served(script: Path, runs: Path) -> Iterator[tuple[str, int]]:
    """Serve a script of Streamlit; yields its address and the number of its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    server = subprocess.Popen(
        words, cwd=ROOT, env={**os.environ, "PVPLAN_RUNS": str(runs)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()  # noqa: S310
                break
            time.sleep(0.25)
        yield address, server.pid
    finally:
        server.terminate()
        server.wait(timeout=30)


def memory_mb(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return round(int(found[1]) / 1024.0)


class Window:
    """One fresh window of the browser, and the faults met in it."""

    def __init__(self, browser: Any, address: str) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.page, self.address, self.faults = self.context.new_page(), address, list[str]()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("response", self._answered)

    def _answered(self, answer: Any) -> None:
        if answer.status >= 500:
            self.faults.append(f"{answer.status} {answer.url}")

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def go(self, link: str) -> None:
        """Open a page."""
        self.page.goto(f"{self.address}{link}", wait_until="commit")

    def rest(self) -> None:
        """Wait until the page asks nothing more of the server."""
        self.page.wait_for_selector(RESTING, timeout=PATIENCE_MS)

    def map(self) -> Any:
        """Wait for the map with its places painted, and return its frame."""
        self.page.wait_for_selector("iframe", timeout=PATIENCE_MS, state="attached")
        frame = self.page.locator("iframe").first.element_handle().content_frame()
        self.until(frame, "window.map && window.map.pv && window.map.pv.serial !== null")
        self.until(frame, "document.querySelector('.pv-legend .row')")
        return frame

    def until(self, frame: Any, words: str) -> None:
        """Wait until something holds in the map, and is painted."""
        frame.wait_for_function(f"() => {words}", timeout=PATIENCE_MS, polling=25)
        # Two frames later it is painted.
        frame.evaluate("() => new Promise((done) => requestAnimationFrame(() => "
                       "requestAnimationFrame(done)))")  # fmt: skip

    def count_exceptions(self) -> int:
        """Count the faults that the page shows."""
        return int(self.page.locator(EXCEPTION).count())

    def click(self, frame: Any, place: shapely.Point) -> None:
        """Click a place of the map."""
        point = frame.evaluate(
            """([east, north]) => { const at = window.map.latLngToContainerPoint([north, east]);
                return [at.x, at.y]; }""",
            [place.x, place.y],
        )
        corner = self.page.locator("iframe").first.bounding_box()
        self.page.mouse.click(corner["x"] + point[0], corner["y"] + point[1])


def seconds(visit: Callable[[], float], times: int) -> tuple[float, float]:
    """Return the first and the median of several visits."""
    taken = [visit() for _ in range(times)]
    return round(taken[0], 2), round(statistics.median(taken), 2)


def empty_page(browser: Any, address: str) -> float:
    with Window(browser, address) as window:
        start = time.perf_counter()
        window.go("/")
        window.rest()
        return time.perf_counter() - start


def first_map(browser: Any, address: str) -> float:
    with Window(browser, address) as window:
        start = time.perf_counter()
        window.go("/?run=bundled")
        window.map()
        return time.perf_counter() - start


def into_park(browser: Any, address: str, run: str, plan: Plan, park_id: str) -> float:
    """Return the time from a click on a park of the city to its last roof, painted."""
    roofs = int((plan.roofs["park_id"] == park_id).sum())
    with Window(browser, address) as window:
        window.go(f"/?run={run}")
        window.rest()
        frame = window.map()
        window.page.wait_for_timeout(1500)
        start = time.perf_counter()
        window.click(frame, plan.parks.geometry[park_id].representative_point())
        window.until(frame, f"window.map.pv.drawn === {roofs}")
        return time.perf_counter() - start


def tiles(browser: Any, address: str) -> float:
    """Return the time from an empty window to all roofs of the city, painted as tiles."""
    with Window(browser, address) as window:
        start = time.perf_counter()
        window.go("/?run=tiled&all=1")
        frame = window.map()
        # All of this city is in view at zoom 13, where its tiles begin.
        window.until(frame, "window.map.pv.tiled && Math.round(window.map.getZoom()) >= 13")
        return time.perf_counter() - start


def visits(browser: Any, address: str, process: int, parks: list[str]) -> dict[str, int]:
    """Return the memory of the server before, after 10 and after 50 visits opened and closed."""
    found = {"start_mb": memory_mb(process)}
    for number in range(1, 51):
        with Window(browser, address) as window:
            window.go(f"/?run=bundled&park={parks[number % len(parks)]}")
            window.rest()
            window.map()
        if number in (10, 50):
            time.sleep(3.0)
            found[f"after_{number}_mb"] = memory_mb(process)
    return found


def together(browser: Any, address: str, parks: list[str], count: int = 20) -> dict[str, Any]:
    """Open the app in many windows at once and count what went wrong."""
    start = time.perf_counter()
    windows = [Window(browser, address) for _ in range(count)]
    for number, window in enumerate(windows):
        window.go(f"/?run=bundled&park={parks[number % len(parks)]}")
    exceptions, shown = 0, 0
    for window in windows:
        window.rest()
        window.map()
        shown += 1
        exceptions += window.count_exceptions() + len(window.faults)
    for window in windows:
        window.context.close()
    taken = round(time.perf_counter() - start, 1)
    return {"readers": count, "maps_shown": shown, "exceptions": exceptions, "seconds": taken}


def prepare(root: Path, bundled: Path | None) -> dict[str, float]:
    """Write the runs that are shown; returns how long the tiles of 100 000 roofs took."""
    if bundled is None:
        from pvplan.run import run_folder

        run_folder(BUNDLED, root / "bundled", AS_OF, lambda _stage: None)
    else:
        shutil.copytree(bundled, root / "bundled")
    write_plan(large_plan(LARGE_PARK), root / "large")
    write_plan(large_plan(TILED), root / "tiled")
    start = time.perf_counter()
    plan = read_plan(root / "tiled")
    path = path_of(plan, root / "tiled")
    write_tiles([plan.roofs], path)
    return {
        "tiles_written_s": round(time.perf_counter() - start, 1),
        "tiles_mb": round(path.stat().st_size / 1e6, 1),
    }


def measure(root: Path, times: int) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    plan, large = read_plan(root / "bundled"), read_plan(root / "large")
    drawn = plan.parks[plan.parks.geometry.notna()]
    parks = [str(park_id) for park_id in drawn.index]
    widest = str(drawn["footprint_area_m2"].idxmax())
    blank = root / "blank.py"
    blank.write_text("import streamlit as st\n\nst.write('-')\n", encoding="utf-8")
    found: dict[str, Any] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        with served(blank, root) as (address, _):
            empty = seconds(lambda: empty_page(browser, address), times)
        with served(ROOT / "app.py", root) as (address, process):
            kinds: dict[str, Callable[[], float]] = {
                "first_map": lambda: first_map(browser, address),
                "into_a_park": lambda: into_park(browser, address, "bundled", plan, widest),
                "park_of_10000": lambda: into_park(browser, address, "large", large, "P1"),
                "tiles_of_100000": lambda: tiles(browser, address),
            }
            found["empty_page_s"] = {"first": empty[0], "median": empty[1]}
            for kind, visit in kinds.items():
                first, median = seconds(visit, times)
                after = round(median - empty[1], 2) if kind == "first_map" else median
                found[kind] = {
                    "first_s": first, "median_s": median, "held_against_bar_s": after,
                    "bar_s": BARS_S[kind], "met": after < BARS_S[kind],
                }  # fmt: skip
            found["memory"] = visits(browser, address, process, parks)
            found["at_once"] = together(browser, address, parks)
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundled", type=Path, default=None, help="a finished run of the city")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="kept, and used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        root = options.folder or Path(made)
        root.mkdir(parents=True, exist_ok=True)
        written = {} if (root / "tiled").is_dir() else prepare(root, options.bundled)
        load = os.getloadavg()[0]
        found = measure(root, options.times)
        told = {"cores": os.cpu_count(), "load_before": round(load, 1), **written, **found}
        print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
