"""Tell whether boundaries or a register lie in another datum than the one stated."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from pvplan.sources.coordinates import (
    WGS84,
    Datum,
    Shift,
    bd09_to_wgs84,
    gcj02_to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)
from pvplan.tables import Floats

Kind = Literal["park", "district"]

CENTROIDS: Final = Path(__file__).parent / "district_centroids.toml"
_METRES_PER_DEGREE: Final = 111_320.0
_FEWEST_SIGNS: Final = 2
_FEWEST_POINTS: Final = 3  # on roofs; fewer may be chance
_TIMES_AS_MANY: Final = 2  # points on roofs under the other datum: the shift is wider than a roof
# Columns that only DataV.GeoAtlas writes; its files are GCJ-02 although they declare WGS84.
_DATAV_COLUMNS: Final = frozenset({"acroutes", "childrenNum", "subFeatureIndex", "centroid"})


def _same(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    return lon, lat


_TO_WGS84: Final[Mapping[Datum, Shift]] = {
    "wgs84": _same,
    "gcj02": gcj02_to_wgs84,
    "bd09": bd09_to_wgs84,
}
_FROM_WGS84: Final[Mapping[Datum, Shift]] = {
    "wgs84": _same,
    "cgcs2000": _same,
    "gcj02": wgs84_to_gcj02,
    "bd09": wgs84_to_bd09,
}


@cache
def _shipped() -> tuple[dict[str, tuple[float, float]], float]:
    table = tomllib.loads(CENTROIDS.read_text(encoding="utf-8"))
    places: dict[str, tuple[float, float]] = {}
    for code, row in table["centroids"].items():
        place = (float(row["longitude"]), float(row["latitude"]))
        places.update({code: place, row["name_zh"]: place})
    return places, float(table["tolerance_m"]["value"])


def datum_warning(
    areas: gpd.GeoDataFrame,
    kind: Kind,
    datum: Datum,
    *,
    columns: Iterable[str] = (),
    city_centroids: Mapping[str, tuple[float, float]] | None = None,
) -> str | None:
    """Say so if areas fit trusted places better under another datum than the stated one.

    Parameters
    ----------
    areas
        Areas in a metric CRS, brought there under ``datum``; index: id or administrative code,
        column ``name_zh``.
    kind
        ``park`` or ``district``.
    datum
        The datum that was stated.
    columns
        Columns of the file, by which DataV is recognised where no trusted place is known.
    city_centroids
        Trusted centroids: administrative code or name to (longitude, latitude), WGS84; by
        default those shipped.

    Returns
    -------
    str or None
        The warning, with the option that mends it.

    Notes
    -----
    The coordinates as the file holds them are converted under every datum; the datum with the
    smallest median offset of the centroids is believed if that offset is small. Offsets beyond
    the tolerance under every datum (other outlines, another city) prove nothing.
    """
    shipped, tolerance_m = _shipped()
    offsets = _offsets(areas, datum, city_centroids or shipped)
    stated: Datum = "wgs84" if datum == "cgcs2000" else datum
    if offsets:
        best = min(offsets, key=lambda name: offsets[name])
        if best != stated and offsets[best] <= tolerance_m:
            return (
                f"the {kind} file looks like {best}, not {datum}: its centroids lie "
                f"{offsets[stated]:.0f} m from the trusted ones as stated, {offsets[best]:.0f} m "
                f"as {best}; state --{kind}s-datum {best}"
            )
        if offsets[best] <= tolerance_m:
            return None
    if stated == "wgs84" and len(_DATAV_COLUMNS.intersection(columns)) >= _FEWEST_SIGNS:
        return (
            f"the {kind} file carries the columns of DataV.GeoAtlas, whose coordinates are gcj02 "
            f"although they declare WGS84; state --{kind}s-datum gcj02"
        )
    return None


def register_warning(
    rows: pd.DataFrame, datum: Datum, roofs: gpd.GeoSeries, tree: shapely.STRtree | None = None
) -> str | None:
    """Say so if a register's coordinates meet far more roofs under another datum.

    Parameters
    ----------
    rows
        ``longitude``, ``latitude``: WGS84 under the datum that was stated; NaN where missing.
    datum
        The datum that was stated.
    roofs
        Footprints in a metric CRS.
    tree
        Index of their geometries, where the caller has one.

    Returns
    -------
    str or None
        The warning, with the option that mends it.
    """
    places = rows[["longitude", "latitude"]].dropna().to_numpy(dtype=np.float64)
    if len(places) < _FEWEST_POINTS:
        return None
    raw = _FROM_WGS84[datum](*places.T)
    tree = shapely.STRtree(roofs.to_numpy()) if tree is None else tree
    met: dict[Datum, int] = {}
    for name, undo in _TO_WGS84.items():
        points = gpd.points_from_xy(*undo(*raw), crs=WGS84).to_crs(roofs.crs)
        met[name] = len(np.unique(tree.query(np.asarray(points), predicate="intersects")[0]))
    stated: Datum = "wgs84" if datum == "cgcs2000" else datum
    best = max(met, key=lambda name: met[name])
    if met[best] < max(_FEWEST_POINTS, _TIMES_AS_MANY * met[stated] + 1):
        return None
    return (
        f"the coordinates look like {best}, not {datum}: {met[stated]} of {len(places)} lie on a"
        f" roof as stated, {met[best]} as {best}; state --register-datum {best}"
    )


def _offsets(
    areas: gpd.GeoDataFrame, datum: Datum, places: Mapping[str, tuple[float, float]]
) -> dict[Datum, float]:
    """Return the median distance of the centroids from the trusted ones under each datum, m."""
    middles = areas.geometry.centroid.to_crs(WGS84)
    found: list[tuple[float, float, float, float]] = []
    for code, name, middle in zip(areas.index, areas["name_zh"], middles, strict=True):
        place = places.get(str(code)) or _by_name(name, places)
        if place is not None:
            found.append((middle.x, middle.y, *place))
    if not found:
        return {}
    lon, lat, true_lon, true_lat = np.array(found, dtype=np.float64).T
    raw = _FROM_WGS84[datum](lon, lat)
    offsets: dict[Datum, float] = {}
    for name, undo in _TO_WGS84.items():
        seen_lon, seen_lat = undo(*raw)
        east = (seen_lon - true_lon) * np.cos(np.radians(true_lat)) * _METRES_PER_DEGREE
        north = (seen_lat - true_lat) * _METRES_PER_DEGREE
        offsets[name] = float(np.median(np.hypot(east, north)))
    return offsets


def _by_name(name: Any, places: Mapping[str, tuple[float, float]]) -> tuple[float, float] | None:
    if not isinstance(name, str):
        return None
    return places.get(name) or places.get(name.removesuffix("区"))
