"""Generated roofs for benchmarks: the bundled parks filled with any number of rectangles."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from pvplan.tables import ROOF_FORMS

BUNDLED = Path(__file__).resolve().parents[1] / "data" / "rooftops" / "shanghai"


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
