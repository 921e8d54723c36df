"""Write GeoJSON whose bytes depend on nothing but the numbers in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from .facts import METRIC_CRS

DECIMALS = 7  # 1 cm

_TO_DEGREES = Transformer.from_crs(METRIC_CRS, "EPSG:4326", always_xy=True)
_TO_METRES = Transformer.from_crs("EPSG:4326", METRIC_CRS, always_xy=True)


def to_degrees(x_m: float, y_m: float) -> tuple[float, float]:
    """Longitude and latitude [deg, WGS-84] of a place in the metric CRS [m]."""
    longitude, latitude = _TO_DEGREES.transform(x_m, y_m)
    return float(longitude), float(latitude)


def to_metres(longitude_deg: float, latitude_deg: float) -> tuple[float, float]:
    """Easting and northing [m] in the metric CRS of a place [deg, WGS-84]."""
    x_m, y_m = _TO_METRES.transform(longitude_deg, latitude_deg)
    return float(x_m), float(y_m)


def _ring_text(ring_m: Iterable[tuple[float, ...]]) -> str:
    xy = np.asarray(list(ring_m), dtype=float)
    longitude, latitude = _TO_DEGREES.transform(xy[:, 0], xy[:, 1])
    pairs = zip(longitude, latitude, strict=True)
    return "[" + ",".join(f"[{lon:.{DECIMALS}f},{lat:.{DECIMALS}f}]" for lon, lat in pairs) + "]"


def _polygon_text(polygon: Polygon) -> str:
    # RFC 7946, 3.1.6: outer rings run counter-clockwise, holes clockwise.
    wound = shapely.orient_polygons(polygon)
    rings = [wound.exterior, *wound.interiors]
    return "[" + ",".join(_ring_text(ring.coords) for ring in rings) + "]"


def _geometry_text(geometry: BaseGeometry) -> str:
    if isinstance(geometry, Polygon):
        return f'{{"type":"Polygon","coordinates":{_polygon_text(geometry)}}}'
    if isinstance(geometry, MultiPolygon):
        parts = ",".join(_polygon_text(part) for part in geometry.geoms)
        return f'{{"type":"MultiPolygon","coordinates":[{parts}]}}'
    raise TypeError(f"only polygons are written, not {geometry.geom_type}")


def write_polygons(
    path: Path, name: str, features: Iterable[tuple[Mapping[str, Any], BaseGeometry]]
) -> None:
    """Write `(properties, polygon in the metric CRS)` pairs as WGS-84 GeoJSON, a feature a line."""
    lines = []
    for properties, geometry in features:
        words = json.dumps(dict(properties), ensure_ascii=False, separators=(",", ":"))
        shape = _geometry_text(geometry)
        lines.append(f'{{"type":"Feature","properties":{words},"geometry":{shape}}}')
    head = f'{{"type":"FeatureCollection","name":{json.dumps(name)},"features":[\n'
    path.write_bytes((head + ",\n".join(lines) + "\n]}\n").encode("utf-8"))
