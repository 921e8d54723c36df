"""How long does a whole run take at 1 k, 10 k and 100 k roofs, by stage, and how much memory?

``python -m benchmarks.run --roofs 1000 10000 100000`` prints one JSON list. Each size runs in a
process of its own, so that peak memory is its own; the footprints are written to GeoPackage
first, and read, joined, assessed, planned and written as a user's file would be.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from datetime import date
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from benchmarks.city import BUNDLED, roofs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roofs", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--one", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(_measure(options.one, options.folder)))
        return
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for count in options.roofs:
            footprints = Path(folder) / f"{count}.gpkg"
            _spread(count).to_file(footprints)
            words = [sys.executable, "-m", "benchmarks.run", "--one", str(count)]
            words += ["--folder", folder]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            results.append(json.loads(done.stdout))
            print(f"{count} roofs done", file=sys.stderr)
    for small, large in pairwise(results):
        growth = large["roofs"] / small["roofs"]
        large["seconds_growth_over_roofs_growth"] = round(
            large["seconds_total"] / small["seconds_total"] / growth, 3
        )
    print(json.dumps(results, indent=2))


def _spread(count: int) -> gpd.GeoDataFrame:
    """Return footprints laid on a grid so that none overlaps another."""
    buildings = roofs(count)
    columns = int(np.ceil(np.sqrt(count)))
    centre = shapely.get_coordinates(shapely.centroid(buildings.geometry.to_numpy()))
    place = np.arange(count)
    spacing = min(230.0, 90_000.0 / columns)
    goal = np.stack([place % columns, place // columns], axis=1) * spacing + [300_000, 3_410_000]
    moved = goal - centre
    scale = min(1.0, spacing / 230.0)
    points, owner = shapely.get_coordinates(buildings.geometry.to_numpy(), return_index=True)
    points = (points - centre[owner]) * scale + centre[owner] + moved[owner]
    shapes = shapely.set_coordinates(buildings.geometry.to_numpy().copy(), points)
    plain = buildings.set_geometry(shapes, crs=buildings.crs).drop(columns="park_id")
    plain["id"] = plain.index
    return plain[["id", "height_m", "use", "roof_form", "completed_on", "geometry"]].reset_index(
        drop=True
    )


def _measure(count: int, folder: Path) -> dict[str, object]:
    from pvplan.run import Inputs, run_city, write_run

    inputs = Inputs(
        buildings=folder / f"{count}.gpkg",
        parks=BUNDLED / "parks.geojson",
        districts=BUNDLED / "districts.geojson",
        irradiance=BUNDLED / "irradiance.tif",
        weather=BUNDLED / "weather.csv",
    )
    plan = run_city(inputs, as_of=date(2026, 11, 22))
    plan = write_run(plan, folder / f"out-{count}")
    seconds = dict(plan.meta["seconds"])
    return {
        "roofs": len(plan.roofs),
        "seconds_total": round(sum(seconds.values()), 2),
        "seconds": seconds,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0),
    }


if __name__ == "__main__":
    main()
