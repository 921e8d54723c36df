"""Small vector files for the tests of the doors, laid out in metres near Shanghai."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

EAST, NORTH = 350_000.0, 3_450_000.0  # EPSG:32651, about 121.43° E, 31.17° N
METRIC = 32651


def house(x: float, y: float = 0.0, width: float = 20.0, depth: float = 30.0) -> shapely.Polygon:
    """Return a rectangle whose corner lies ``x``, ``y`` metres from the origin."""
    return shapely.box(EAST + x, NORTH + y, EAST + x + width, NORTH + y + depth)


def ring(*corners: tuple[float, float]) -> shapely.Polygon:
    """Return a polygon of corners in metres from the origin, valid or not."""
    return shapely.Polygon([(EAST + x, NORTH + y) for x, y in corners])


def frame(shapes: Iterable[Any], **columns: Iterable[Any]) -> gpd.GeoDataFrame:
    """Return rows in EPSG:4326."""
    metric = gpd.GeoDataFrame(dict(columns), geometry=list(shapes), crs=METRIC)
    return metric.to_crs(4326)


def write_geojson(
    path: Path,
    shapes: Iterable[Any],
    properties: Iterable[Mapping[str, Any]] | None = None,
    ids: Iterable[Any] | None = None,
) -> Path:
    """Write features one for one as given, which GDAL's own writer would tidy up."""
    degrees = gpd.GeoSeries(list(shapes), crs=METRIC).to_crs(4326)
    said = list(properties) if properties is not None else [{} for _ in degrees]
    features = [
        {
            "type": "Feature",
            "properties": dict(words),
            "geometry": None if shape is None else shapely.geometry.mapping(shape),
        }
        for shape, words in zip(degrees, said, strict=True)
    ]
    for feature, identifier in zip(features, ids or [], strict=False):
        feature["id"] = identifier
    return write_features(path, features)


def write_features(path: Path, features: list[Any]) -> Path:
    """Write GeoJSON features as they are."""
    text = json.dumps({"type": "FeatureCollection", "features": features}, default=_plain)
    path.write_text(text, encoding="utf-8")
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value))
