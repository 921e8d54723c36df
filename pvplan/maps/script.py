"""What the drawing code is handed: values and shapes as one literal that no name can leave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely

# Six decimals of a degree are about 0.1 m, less than a pixel at any zoom in use.
COORDINATE_DECIMALS: Final = 6

# The JSON text becomes the inside of a JavaScript string literal. Escaped beyond need of
# JavaScript: braces, % and # (Jinja), <>& (HTML), _ (names that streamlit-folium rewrites).
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", **{mark: f"\\u{ord(mark):04x}" for mark in "\"'`${}%#<>&_"}}
)


def script_value(value: Any) -> str:
    """Write a value as a JavaScript expression that is safe inside script, HTML and templates.

    Parameters
    ----------
    value
        Anything that JSON can hold, without NaN.

    Returns
    -------
    str
        ``JSON.parse("…")`` in plain ASCII.

    Raises
    ------
    ValueError
        The value holds NaN or an infinity.
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return f'JSON.parse("{text.translate(_ESCAPES)}")'


def with_shape(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the places that have a shape to draw."""
    return places[places.geometry.notna() & ~places.geometry.is_empty]


def features(places: gpd.GeoDataFrame, properties: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return places as GeoJSON, each with its own properties; coordinates are rounded."""
    shapes = shapely.transform(
        np.asarray(places.geometry.array, dtype=object),
        lambda points: points.round(COORDINATE_DECIMALS),
    )
    made = [
        {"type": "Feature", "properties": dict(words), "geometry": json.loads(geometry)}
        for geometry, words in zip(shapely.to_geojson(shapes), properties, strict=True)
    ]
    return {"type": "FeatureCollection", "features": made}


def bounds(*tables: gpd.GeoDataFrame) -> list[list[float]] | None:
    """Return south-west and north-east corner, latitude first, of the first table with shapes."""
    return next((corners(table.total_bounds) for table in tables if len(table)), None)


def corners(box: Sequence[float] | None) -> list[list[float]] | None:
    """Return south-west and north-east corner, latitude first, of west, south, east and north."""
    if box is None:
        return None
    west, south, east, north = (float(end) for end in box)
    return [[south, west], [north, east]]
