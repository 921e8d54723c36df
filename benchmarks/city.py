"""How long does a whole run of a city of N roofs take, stage by stage, and how much memory?

``python -m benchmarks.city --roofs 1000000 [--mode screening|packed] [--folder F] [--workers N]``
writes a city folder of street blocks (:mod:`benchmarks.blocks`) and runs it in a process of its
own, as a user would: read, prepare, assess, plan, write; with ``--workers`` tile by tile in so many
more. It prints JSON: seconds of each stage, the largest memory that the process had reached at the
end of each and that of its largest worker, and the size of each file.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from benchmarks import blocks
from pvplan.tables import ROOF_FORMS

BUNDLED = Path(__file__).resolve().parents[1] / "data" / "rooftops" / "shanghai"
CRS = "EPSG:32651"
MIDDLE_M = (352_000.0, 3_453_000.0)  # 121.446° E, 31.202° N
PARK_SIDE_M = 1_800.0
PARK_SHARE = 0.7  # of the cells of the park grid
ROOFS_PER_SYSTEM = 10  # as in the bundled city
DIRT = 0.001  # share of rows each: drawn twice, crossing themselves, without a height
CITY = """[city]
id = "blocks"
name_zh = "街坊城"
name_en = "City of blocks"
metric_crs = "EPSG:32651"
demonstration = true

[inputs]
buildings = "buildings.parquet"
parks = "parks.geojson"
districts = "districts.geojson"
irradiance = "irradiance.tif"
weather = "weather.csv"
register = "register.csv"
"""


def roofs(count: int, seed: int = 7) -> gpd.GeoDataFrame:
    """Return rectangular BUILDINGS in the bundled parks, EPSG:32651; they may overlap."""
    rng = np.random.default_rng(seed)
    parks = gpd.read_file(BUNDLED / "parks.geojson").to_crs("EPSG:32651")
    west, south, east, north = parks.geometry.bounds.to_numpy().T
    park = rng.integers(len(parks), size=count)
    x = west[park] + rng.random(count) * (east - west)[park]
    y = south[park] + rng.random(count) * (north - south)[park]
    length, width = rng.uniform(20.0, 200.0, count), rng.uniform(12.0, 80.0, count)
    turn = rng.uniform(0.0, np.pi, count)
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    local = corners[None] * np.stack([length, width], axis=1)[:, None]
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    rings = np.stack(
        [
            x[:, None] + cosine * local[..., 0] - sine * local[..., 1],
            y[:, None] + sine * local[..., 0] + cosine * local[..., 1],
        ],
        axis=-1,
    )
    columns = {
        "name": None,
        "height_m": rng.uniform(6.0, 30.0, count).round(1),
        "height_source": "given",
        "use": "workshop",
        "completed_on": pd.Timestamp("2015-06-30"),
        "source": "demonstration",
        "park_id": parks["id"].to_numpy()[park],
        "district_id": parks["district_id"].to_numpy()[park],
        "roof_form": np.array(ROOF_FORMS, dtype=object)[
            rng.choice(4, size=count, p=[0.3, 0.6, 0.05, 0.05])
        ],
    }
    index = pd.Index([f"r{number:07d}" for number in range(count)], name="roof_id")
    geometry = shapely.polygons(rings)
    return gpd.GeoDataFrame(columns, geometry=geometry, index=index, crs="EPSG:32651")


def write_city(folder: Path, count: int, seed: int = 7, systems: int | None = None) -> None:
    """Write a city folder of ``count`` footprints that do not overlap.

    ``buildings.parquet`` is GeoParquet in EPSG:4326; parks and districts are wavy cells that cover
    the roofs; irradiance and weather are those of the bundled city; ``systems`` are registered, by
    default one for every ten roofs. The same count and seed give the same rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = blocks.draw(count, seed)
    rng = np.random.default_rng(seed)
    shapes = shapely.transform(drawn.shapes, lambda places: places + np.array(MIDDLE_M))
    systems = max(1, count // ROOFS_PER_SYSTEM) if systems is None else systems
    _write_register(folder / "register.csv", shapes, systems, rng)
    bounds = np.array([*(-np.array(drawn.half_m)), *drawn.half_m]) + np.tile(MIDDLE_M, 2)
    kept = rng.random(10_000) < PARK_SHARE
    _write_cells(folder / "parks.geojson", "park", bounds, PARK_SIDE_M, kept)
    side = float(np.ptp(bounds.reshape(2, 2), axis=0).max()) / 4.0
    _write_cells(folder / "districts.geojson", "district", bounds, side, np.ones(100, dtype=bool))
    given = drawn.height_m.copy()
    given[rng.random(count) < DIRT] = np.nan
    rows = {
        "id": [f"b{number:07d}" for number in range(count)],
        "height": given,
        "floors": np.rint(drawn.height_m / 3.5).clip(1.0),
        "roof_form": _chosen(rng, drawn.shed, ("metal_sheet", "saw_tooth", None),
                             ("flat_concrete", "pitched", None)),
        "use": _chosen(rng, drawn.shed, ("workshop", "warehouse", "industrial"),
                       ("residential", "office", None)),
        "completed_on": np.datetime64("1995-01-01") + rng.integers(0, 11_000, count),
        "source": "demonstration",
    }  # fmt: skip
    table = gpd.GeoDataFrame(rows, geometry=_soiled(shapes, rng), crs=CRS)
    table.to_crs("EPSG:4326").to_parquet(folder / "buildings.parquet", index=False)
    for name in ("irradiance.tif", "weather.csv"):
        shutil.copyfile(BUNDLED / name, folder / name)
    (folder / "city.toml").write_text(CITY, encoding="utf-8")


def _chosen(
    rng: np.random.Generator,
    shed: npt.NDArray[np.bool_],
    of_sheds: tuple[str | None, ...],
    of_houses: tuple[str | None, ...],
) -> npt.NDArray[np.object_]:
    pick = rng.integers(len(of_sheds), size=len(shed))
    words = np.array([of_houses, of_sheds], dtype=object)
    return np.asarray(words[shed.astype(int), pick], dtype=object)


def _soiled(shapes: npt.NDArray[np.object_], rng: np.random.Generator) -> npt.NDArray[np.object_]:
    """Draw some footprints as others are, and let the rings of some cross themselves."""
    soiled = shapes.copy()
    many = max(1, int(DIRT * len(shapes)))
    chosen = rng.choice(len(shapes), size=min(3 * many, len(shapes)), replace=False)
    twice, other, crossed = np.array_split(chosen, 3)
    shared = min(len(twice), len(other))
    soiled[twice[:shared]] = shapes[other[:shared]]
    for at in crossed:
        ring = shapely.get_coordinates(shapes[at])
        ring[[1, 2]] = ring[[2, 1]]
        soiled[at] = shapely.polygons(ring)
    return soiled


def _write_cells(
    path: Path,
    kind: str,
    bounds: npt.NDArray[np.float64],
    side_m: float,
    kept: npt.NDArray[np.bool_],
) -> None:
    """Write wavy cells of a grid; neighbours share their border, which cuts through buildings."""
    west, south, east, north = bounds
    columns, rows = int(np.ceil((east - west) / side_m)), int(np.ceil((north - south) / side_m))
    edge = np.linspace(0.0, 1.0, 40, endpoint=False)
    along = np.concatenate([edge, edge * 0 + 1, 1 - edge, edge * 0])
    across = np.concatenate([edge * 0, edge, edge * 0 + 1, 1 - edge])
    cells, ids = [], []
    for place in range(columns * rows):
        if not kept[place % len(kept)]:
            continue
        u, v = place % columns + along, place // columns + across
        x = west + side_m * (u + 0.08 * np.sin(5.0 * v) + 0.02 * np.sin(31.0 * v))
        y = south + side_m * (v + 0.08 * np.sin(5.0 * u) + 0.02 * np.sin(29.0 * u))
        cells.append(shapely.polygons(np.stack([x, y], axis=1)))
        ids.append(f"{kind}-{place:04d}")
    words = {"id": ids, "name_zh": ids, "name_en": ids, "source": "demonstration"}
    gpd.GeoDataFrame(words, geometry=cells, crs=CRS).to_crs("EPSG:4326").to_file(path)


def _write_register(
    path: Path, shapes: npt.NDArray[np.object_], count: int, rng: np.random.Generator
) -> None:
    roof = rng.choice(len(shapes), size=count, replace=False)
    places = gpd.GeoSeries(shapely.point_on_surface(shapes[roof]), crs=CRS).to_crs("EPSG:4326")
    named = np.array([f"b{number:07d}" for number in roof], dtype=object)
    day = np.datetime64("2014-01-01") + rng.integers(0, 4_600, count)
    pd.DataFrame(
        {
            "system_id": [f"s{number:06d}" for number in range(count)],
            "roof_id": np.where(rng.random(count) < 0.5, named, ""),
            "longitude": places.x.round(7).to_numpy(),
            "latitude": places.y.round(7).to_numpy(),
            "capacity_dc_kw": (shapely.area(shapes[roof]) * 0.08).round(1) + 0.1,
            "status": rng.choice(["commissioned", "filed", "retired"], count, p=[0.9, 0.06, 0.04]),
            "commissioned_on": day.astype(str),
            "source": "demonstration",
        }
    ).to_csv(path, index=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roofs", type=int, default=100_000)
    parser.add_argument("--mode", choices=["packed", "screening"], default=None)
    parser.add_argument(
        "--folder", type=Path, default=None, help="kept; a city in it is used again"
    )
    parser.add_argument("--workers", type=int, default=None, help="assess tile by tile")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.folder, options.mode, options.workers), indent=2))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        start = time.perf_counter()
        if not (folder / "city.toml").is_file():
            write_city(folder, options.roofs)
        print(f"city of {options.roofs} roofs: {time.perf_counter() - start:.1f} s to write",
              file=sys.stderr)  # fmt: skip
        words = [sys.executable, "-m", "benchmarks.city", "--measure", "--folder", str(folder)]
        words += ["--mode", options.mode] if options.mode else []
        words += ["--workers", str(options.workers)] if options.workers else []
        subprocess.run(words, check=True)


class _Stages:
    """Seconds, of the clock and of the processors, and peak memory of every word of progress."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}
        self._name, self._start = "start", np.array([time.perf_counter(), time.process_time()])

    def begin(self, name: str) -> None:
        now = np.array([time.perf_counter(), time.process_time()])
        # How far a stage has got, "assess 2048/999958", is no stage of its own.
        stage = re.sub(r" \d+/\d+$", "", self._name)
        until = self.found.get(stage, {"seconds": 0.0, "cpu_seconds": 0.0})
        wall, cpu = now - self._start
        self.found[stage] = {
            "seconds": round(until["seconds"] + wall, 2),
            "cpu_seconds": round(until["cpu_seconds"] + cpu, 2),
            "peak_memory_mb": _peak_mb(),
        }
        self._name, self._start = name, now


def _peak_mb() -> int:
    # getrusage would count what the parent held when it started this process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return round(int(found[1]) / 1024.0)


_OURS = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def measure(
    folder: Path,
    mode: str | None = None,
    workers: int | None = None,
    partition: Path | None = None,
    address: str | None = None,
) -> dict[str, Any]:
    """Run a city folder in this process, and tell what it took.

    Parameters
    ----------
    folder
        Of :func:`write_city`; ``tiles`` and ``out`` are made in it.
    mode
        Layout method; None: the default.
    workers, address
        Processes, or the scheduler of a cluster, that assess tile by tile; None: this process.
    partition
        The buildings in parts: the city is run part by part.
    """
    from pvplan.run import Tiling, inputs_of_folder, run_city, write_run

    stages, start = _Stages(), time.perf_counter()
    user = {"layout.method": mode} if mode else None
    tiles = folder / "tiles"
    shutil.rmtree(tiles, ignore_errors=True)
    inputs = inputs_of_folder(folder)
    tiled = bool(workers or address or partition)
    plan = run_city(
        inputs if partition is None else replace(inputs, buildings=partition),
        as_of=date(2026, 11, 22),
        user=user,
        progress=stages.begin,
        tiling=Tiling(tiles, workers or 2, address, in_parts=partition is not None)
        if tiled
        else None,
    )
    stages.begin("write")
    out = folder / "out"
    plan = write_run(plan, out, stages.begin)
    stages.begin("end")
    return {
        "roofs": plan.meta["counts"]["roofs"],
        "seconds_total": round(time.perf_counter() - start, 2),
        "seconds": dict(plan.meta["seconds"]),
        # Of this process and its own workers, whatever else the machine did meanwhile.
        "cpu_seconds": round(sum(sum(resource.getrusage(who)[:2]) for who in _OURS), 1),
        "largest_worker_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024.0),
        "stages": stages.found,
        "written_mb": {path.name: round(size_of(path) / 1e6, 1) for path in out.iterdir()},
        "tiles_mb": round(size_of(tiles) / 1e6, 1),
    }


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


if __name__ == "__main__":
    main()
