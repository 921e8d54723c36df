"""How fast is the horizon of a whole city, and how fast beside pybdshadow?

``python -m benchmarks.shading --roofs 100000`` builds a made-up city whose buildings do not
overlap (about 1 900 per km²), finds the horizon of the middle of every roof, and prints seconds
of each step, µs per point on one and two threads, peak memory, and how the time grows from a
tenth of the roofs to all of them. "CPU" is processor time on one thread, which other work on the
machine disturbs less; "shuffled" is µs per point on two threads with the roofs in
random order. pybdshadow is compared where it can be imported: it draws the shadows of one
timestamp, while a horizon answers every position of the sun at once.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pvplan.assumptions import Shading, load
from pvplan.outlines import Outlines
from pvplan.roof import horizon
from pvplan.tables import Floats

PLOT_M = 21.0
STREET_M = 15.0
BLOCK = 8
CHUNK = 10_000


@dataclass(frozen=True)
class City:
    """Footprints, tops and middles of made-up buildings, block by block."""

    outline: Outlines
    top: Floats
    x: Floats
    y: Floats

    def __len__(self) -> int:
        return len(self.top)


def city(count: int, seed: int = 7) -> City:
    """Return buildings on plots of 21 m, 8 × 8 plots to a block, streets of 15 m between.

    Each block is turned as a whole and has its own usual height (log-normal, median 10 m); one
    block in fifty holds towers. A third of the buildings is L-shaped.
    """
    rng = np.random.default_rng(seed)
    blocks = -(-count // BLOCK**2)
    wide = int(np.ceil(np.sqrt(blocks)))
    number = np.arange(count)
    block, plot = number // BLOCK**2, number % BLOCK**2
    pitch = PLOT_M * BLOCK + STREET_M
    x = 350_000.0 + (block % wide) * pitch + (plot % BLOCK + 0.5) * PLOT_M
    y = 3_450_000.0 + (block // wide) * pitch + (plot // BLOCK + 0.5) * PLOT_M
    usual = rng.lognormal(np.log(10.0), 0.4, blocks)
    usual = np.where(rng.random(blocks) < 0.02, rng.uniform(30.0, 100.0, blocks), usual)
    top = np.clip(usual[block] * rng.lognormal(0.0, 0.25, count), 3.0, 300.0)
    # Half a diagonal stays below half a plot, so that no turn makes neighbours overlap.
    half = np.column_stack([rng.uniform(4.0, 8.5, count), rng.uniform(3.0, 5.5, count)])
    notch = np.where(rng.random(count) < 1.0 / 3.0, rng.uniform(0.3, 0.9, count), 0.0)
    inner = half * (1.0 - notch)[:, None]
    # A rectangle repeats the corner three times; the ring closes at its first corner.
    local = np.empty((count, 7, 2))
    local[:, 0], local[:, 1] = -half, half * [1.0, -1.0]
    local[:, 2, 0], local[:, 2, 1] = half[:, 0], inner[:, 1]
    local[:, 3] = inner
    local[:, 4, 0], local[:, 4, 1] = inner[:, 0], half[:, 1]
    local[:, 5], local[:, 6] = half * [-1.0, 1.0], -half
    turn = rng.uniform(0.0, np.pi, blocks)[block]
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    ring = np.empty_like(local)
    ring[..., 0] = x[:, None] + cosine * local[..., 0] - sine * local[..., 1]
    ring[..., 1] = y[:, None] + sine * local[..., 0] + cosine * local[..., 1]
    edges = np.concatenate([ring[:, :-1], ring[:, 1:]], axis=2)
    real = (edges[..., :2] != edges[..., 2:]).any(axis=2)
    start = np.concatenate([[0], np.cumsum(real.sum(axis=1))]).astype(np.int64)
    return City(Outlines(np.ascontiguousarray(edges[real]), start), top, x, y)


def footprints(place: City) -> npt.NDArray[Any]:
    """Return the buildings as polygons."""
    ring = np.repeat(np.arange(len(place)), np.diff(place.outline.start))
    rings = shapely.linearrings(place.outline.edges[:, :2], indices=ring)
    return np.asarray(shapely.polygons(rings), dtype=object)


def chunks(scene: horizon.Scene, place: City, rules: Shading, threads: int) -> float:
    """Find every horizon in chunks; return the mean, so that no memory holds them all."""
    none = np.zeros(len(place))
    own = np.arange(len(place))

    def part(begin: int) -> float:
        some = slice(begin, begin + CHUNK)
        found = horizon.horizons(
            scene, place.x[some], place.y[some], place.top[some], own[some], none[some],
            none[some], rules,
        )  # fmt: skip
        return float(found.sum(dtype=np.float64))

    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(part, range(0, len(place), CHUNK)))
    return total / len(place) / rules.azimuth_bins


def shuffled(place: City) -> City:
    """Return the same buildings in random order, as a file sorted by name would hold them."""
    order = np.random.default_rng(3).permutation(len(place))
    count = np.diff(place.outline.start)[order]
    start = np.concatenate([[0], np.cumsum(count)])
    edge = np.repeat(place.outline.start[order] - start[:-1], count) + np.arange(start[-1])
    outline = Outlines(place.outline.edges[edge], start)
    return City(outline, place.top[order], place.x[order], place.y[order])


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return seconds and result."""
    begin = time.perf_counter()
    done = work()
    return time.perf_counter() - begin, done


def measure(count: int, rules: Shading) -> None:
    """Print one line of the table."""
    place = city(count)
    index, scene = timed(lambda: horizon.scene(place.outline, place.top, rules))
    busy = time.process_time()
    one, mean = timed(lambda: chunks(scene, place, rules, 1))
    busy = time.process_time() - busy
    two, _ = timed(lambda: chunks(scene, place, rules, 2))
    mixed = shuffled(place)
    apart = horizon.scene(mixed.outline, mixed.top, rules)
    random, _ = timed(lambda: chunks(apart, mixed, rules, 2))
    micro = 1e6 / count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{count:>9} {index:8.3f} {one:9.3f} {two:9.3f} {index + two:9.3f} {one * micro:8.2f} "
        f"{busy * micro:8.2f} {two * micro:8.2f} {random * micro:8.2f} {peak:8.2f} {mean:8.2f}",
        flush=True,
    )


def several(place: City, rules: Shading, some: slice, each: int) -> None:
    """Print the price of a point where each roof has some, with and without far field."""
    scene = horizon.scene(place.outline, place.top, rules)
    roof = np.arange(len(place))[some]
    turn = np.linspace(0.0, 2.0 * np.pi, each, endpoint=False)
    aside = 2.0 if each > 1 else 0.0
    x = (place.x[roof, None] + aside * np.cos(turn)).reshape(-1)
    y = (place.y[roof, None] + aside * np.sin(turn)).reshape(-1)
    own, z, none = np.repeat(roof, each), np.repeat(place.top[roof], each), np.zeros(len(x))
    # No two roofs of a city have the same meridian convergence.
    convergence = np.repeat(np.linspace(-1.0, 1.0, len(roof)), each)
    price = []
    for factor in (rules.far_field_factor, 0.0):
        used = replace(rules, far_field_factor=factor)
        busy = time.process_time()
        horizon.horizons(scene, x, y, z, own, none, convergence, used)
        price.append((time.process_time() - busy) / len(x) * 1e6)
    print(f"{each:>2} points to a roof, CPU µs per point: {price[0]:.2f}; "
          f"without far field {price[1]:.2f}")  # fmt: skip


def sheltered(place: City, rules: Shading) -> None:
    """Print the price of the question whether anything may shade a roof."""
    scene = horizon.scene(place.outline, place.top, rules)
    none = np.zeros(len(place))
    seconds, flags = timed(
        lambda: horizon.shaded_at_all(
            scene, place.x, place.y, place.top, np.arange(len(place)), none, rules
        )
    )
    print(
        f"shaded_at_all, 1 thread: {seconds / len(place) * 1e6:.2f} µs per roof; "
        f"{flags.mean():.1%} of the roofs may be shaded"
    )


def peer(rules: Shading, count: int = 100) -> None:
    """Print how long pybdshadow takes for one building and one position of the sun."""
    try:
        import pybdshadow
    except ImportError:
        print("pybdshadow is not installed (pip install pybdshadow): not compared")
        return
    place = city(count)
    frame = gpd.GeoDataFrame(
        {"height": place.top}, geometry=footprints(place), crs="EPSG:32651"
    ).to_crs("EPSG:4326")
    buildings = pybdshadow.bd_preprocess(frame)
    noon = pd.Timestamp("2022-01-15 04:30:00")
    scene = horizon.scene(place.outline, place.top, rules)
    ours, _ = timed(lambda: [chunks(scene, place, rules, 1) for _ in range(10)])
    ours /= 10 * count
    print(f"horizon, {count} buildings, 1 thread: {ours * 1e3:.4f} ms per building, whatever hour")
    for roof in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, _ = timed(partial(pybdshadow.bdshadow_sunlight, buildings, noon, roof=roof))
        theirs /= count
        print(
            f"pybdshadow, {'roofs too' if roof else 'ground only'}: {theirs * 1e3:.3f} ms per "
            f"building and timestamp = {theirs / ours:.0f} × ours, which answers every position "
            "of the sun at once (a year by the hour has some 4 400)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roofs", type=int, default=100_000)
    options = parser.parse_args()
    rules = load().shading
    warm = city(1_000)
    chunks(horizon.scene(warm.outline, warm.top, rules), warm, rules, 2)
    print(
        f"{rules.azimuth_bins} bins, over {rules.min_elevation_deg}°, "
        f"within {rules.max_distance_m:.0f} m; one point to a roof"
    )
    print(
        f"{'roofs':>9} {'index s':>8} {'1 thr. s':>9} {'2 thr. s':>9} {'total s':>9} "
        f"{'µs, 1':>8} {'µs, CPU':>8} {'µs, 2':>8} {'shuffled':>8} {'peak GB':>8} {'mean °':>8}"
    )
    for count in (options.roofs // 10, options.roofs):
        measure(count, rules)
    place = city(options.roofs)
    middle = slice(options.roofs * 4 // 10, options.roofs * 4 // 10 + 10_000)
    for each in (1, 4, 16):
        several(place, rules, middle, each)
    sheltered(place, rules)
    peer(rules)


if __name__ == "__main__":
    main()
