"""How fast are register rows matched to roofs, against a plain nearest join and a loop of names?

``python -m benchmarks.reconciliation [--rows 100000] [--roofs 100000] [--sample 2000]`` prints
JSON: seconds of the matching with every finding, and how many times longer a
``geopandas.sjoin_nearest`` with a rapidfuzz loop over the names of the row's park takes a row.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rapidfuzz import fuzz, process

from pvplan.assumptions import load
from pvplan.reconcile import Context, reconcile
from pvplan.tables import Floats

CRS = "EPSG:32651"
PARK_ROOFS = 200
GAP_M = 90.0
SHIFT_M = (430.0, -220.0)  # about that of GCJ-02 in Shanghai


def city(count: int, seed: int) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return roofs in square blocks of parks, each with a name of its own in its park."""
    rng = np.random.default_rng(seed)
    number = np.arange(count)
    side = int(np.ceil(np.sqrt(count)))
    x, y = (number % side) * GAP_M, (number // side) * GAP_M
    length, width = rng.uniform(30, 80, count), rng.uniform(20, 60, count)
    shapes = shapely.box(x, y, x + length, y + width)
    block = max(int(np.sqrt(PARK_ROOFS)), 1)
    columns = (side + block - 1) // block
    park = (number % side) // block + (number // side) // block * columns
    ids = np.array([f"P{one:05d}" for one in range(park.max() + 1)], dtype=object)
    roofs = gpd.GeoDataFrame(
        {
            "name": [f"company {one // 7:05d} workshop {one % 7 + 1}" for one in number],
            "park_id": ids[park],
            "district_id": "D1",
            "capacity_dc_kw": np.round(length * width * 0.12, 3),
        },
        geometry=shapes, crs=CRS, index=pd.Index([f"roof-{one:07d}" for one in number]),
    )  # fmt: skip
    west, south = (park_index := np.arange(len(ids))) % columns, park_index // columns
    step = block * GAP_M
    parks = gpd.GeoDataFrame(
        {"name_zh": [f"{one}号工业园区" for one in park_index], "name_en": None},
        geometry=shapely.box(west * step, south * step, (west + 1) * step, (south + 1) * step),
        crs=CRS, index=pd.Index(ids),
    )  # fmt: skip
    return roofs, parks


def register(
    roofs: gpd.GeoDataFrame, parks: gpd.GeoDataFrame, count: int, seed: int
) -> tuple[pd.DataFrame, Floats]:
    """Return rows on random roofs: a third by id, a third by place, a third by name and park."""
    rng = np.random.default_rng(seed)
    at = rng.permutation(count) % len(roofs)
    way = np.arange(count) % 3
    own = roofs.iloc[at]
    middle = shapely.centroid(own.geometry.to_numpy())
    points = np.stack([shapely.get_x(middle), shapely.get_y(middle)], axis=1)
    points += rng.normal(0.0, 8.0, points.shape)
    points[way == 2] = np.nan
    share = rng.uniform(0.3, 0.9, count)
    days = np.datetime64("2015-01-01") + rng.integers(4000, size=count)
    rows = pd.DataFrame(
        {
            "roof_id": np.where(way == 0, own.index.to_numpy(dtype=object), None),
            "park": np.where(way == 2, parks["name_zh"].loc[own["park_id"]].to_numpy(), None),
            "name": np.where(way == 2, own["name"].str.replace("workshop", "workshp"), None),
            "capacity_dc_kw": np.round(own["capacity_dc_kw"].to_numpy() * share, 1),
            "capacity_ac_kw": np.nan,
            "capacity_basis": "unstated",
            "status": "commissioned",
            "filed_on": days.astype("datetime64[ns]"),
            "commissioned_on": (days + 60).astype("datetime64[ns]"),
            "source": "generated",
            "row": np.arange(1, count + 1),
        },
        index=pd.Index([f"s{one:07d}" for one in range(count)], name="system_id"),
    )
    return rows, points


def plain(
    rows: pd.DataFrame, points: Floats, roofs: gpd.GeoDataFrame, parks: gpd.GeoDataFrame
) -> int:
    """Match as a script would: the nearest join for places, a loop over names for the others."""
    placed = np.isfinite(points).all(axis=1)
    spots = gpd.GeoDataFrame(
        {"system": rows.index[placed]}, geometry=shapely.points(points[placed]), crs=CRS
    )
    found = len(gpd.sjoin_nearest(spots, roofs[["geometry"]], max_distance=30.0))
    key = {name: park for park, name in parks["name_zh"].items()}
    for name, park in rows.loc[~placed, ["name", "park"]].itertuples(index=False):
        near = roofs.loc[roofs["park_id"] == key[park], "name"]
        found += process.extractOne(
            name, near.tolist(), scorer=fuzz.token_set_ratio, score_cutoff=85.0
        ) is not None  # fmt: skip
    return found


def measured(row_count: int, roof_count: int, sample: int) -> dict[str, Any]:
    """Measure both; the plain way on a sample of the rows against all roofs."""
    rules = load().register
    roofs, parks = city(roof_count, 1)
    rows, points = register(roofs, parks, row_count, 2)
    # The other datum is looked at, and rejected.
    shifted = {"gcj02": points + SHIFT_M}
    started = time.perf_counter()
    found = reconcile(rows, roofs, parks, points, rules, Context(
        pd.Timestamp("2026-11-22").date(), shifted, None, 1.2))  # fmt: skip
    seconds = time.perf_counter() - started
    chosen = np.sort(np.random.default_rng(3).choice(row_count, sample, replace=False))
    started = time.perf_counter()
    plain(rows.iloc[chosen], points[chosen], roofs, parks)
    plain_seconds = (time.perf_counter() - started) / sample * row_count
    return {
        "rows": row_count,
        "roofs": roof_count,
        "seconds": round(seconds, 2),
        "rows_per_second": round(row_count / seconds),
        "plain_seconds_extrapolated": round(plain_seconds, 1),
        "times_faster_than_plain": round(plain_seconds / seconds, 1),
        "matched": found.ledger["matched_by"].value_counts().to_dict(),
        "findings": found.findings["finding"].value_counts().to_dict(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--roofs", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=2_000)
    chosen = parser.parse_args()
    print(json.dumps(measured(chosen.rows, chosen.roofs, chosen.sample), indent=2))


if __name__ == "__main__":
    main()
