"""Datums met in Chinese files, and the metric CRS of a place.

Maps published in China carry GCJ-02 (AutoNavi, Tencent, DataV) or BD-09 (Baidu): WGS84 shifted
by a smooth published function of up to some 700 m. CGCS2000 differs from WGS84 by less than
0.1 m and is taken as equal to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, get_args

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from pvplan.errors import AssumptionError, InputError, nearest
from pvplan.tables import Floats

Datum = Literal["wgs84", "gcj02", "bd09", "cgcs2000"]
Shift = Callable[[Floats, Floats], tuple[Floats, Floats]]
Bounds = tuple[float, float, float, float]

DATUMS: Final[tuple[Datum, ...]] = get_args(Datum)
WGS84: Final = pyproj.CRS.from_epsg(4326)

# The published function: Krasovsky 1940 ellipsoid and the box that it is applied in.
_SEMI_MAJOR_M: Final = 6378245.0
_ECCENTRICITY_SQUARED: Final = 0.00669342162296594323
_BOX: Final[Bounds] = (72.004, 0.8293, 137.8347, 55.8271)
_BAIDU_ANGLE: Final = np.pi * 3000.0 / 180.0
_SETTLED_DEG: Final = 1e-12  # 0.1 micrometre
_MAX_ROUNDS: Final = 30
_UTM_NORTH_DEG, _UTM_SOUTH_DEG = 84.0, -80.0


def wgs84_to_gcj02(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Shift WGS84 to GCJ-02.

    Parameters
    ----------
    lon, lat
        Degrees, east and north positive, any equal shape; NaN stays NaN.

    Returns
    -------
    tuple of ndarray
        Longitude and latitude, degrees. Unchanged outside the box 72.004–137.8347° E,
        0.8293–55.8271° N.

    Notes
    -----
    The function published as "eviltransform" (https://github.com/googollee/eviltransform).
    """
    return _inside_box(_gcj02, *_floats(lon, lat))


def wgs84_to_bd09(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Shift WGS84 to BD-09; as :func:`wgs84_to_gcj02`."""
    return _inside_box(_bd09, *_floats(lon, lat))


def gcj02_to_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Undo :func:`wgs84_to_gcj02` by iteration, to far below 0.001 m.

    Parameters
    ----------
    lon, lat
        Degrees in GCJ-02, any equal shape; NaN stays NaN.

    Returns
    -------
    tuple of ndarray
        Longitude and latitude in WGS84, degrees. Unchanged where the answer lies outside the
        box of the forward function.
    """
    return _undone(_gcj02, *_floats(lon, lat))


def bd09_to_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Undo :func:`wgs84_to_bd09`; as :func:`gcj02_to_wgs84`."""
    return _undone(_bd09, *_floats(lon, lat))


def to_wgs84(rows: gpd.GeoDataFrame, datum: Datum = "wgs84") -> gpd.GeoDataFrame:
    """Bring geometries of any CRS and datum to EPSG:4326, true WGS84.

    Parameters
    ----------
    rows
        Any geometries with a CRS. A projected file is unprojected first: in Chinese files the
        projection is laid over the shifted degrees.
    datum
        What the degrees of the file really are, whatever its CRS declares.

    Returns
    -------
    GeoDataFrame
        A copy in EPSG:4326; heights (z) are dropped.

    Raises
    ------
    AssumptionError
        Unknown datum.
    InputError
        No CRS.
    """
    if datum not in DATUMS:
        raise AssumptionError(f"datum: '{datum}' is unknown; {nearest(str(datum), DATUMS)}")
    if rows.crs is None:
        raise InputError("the geometries have no CRS; state it, for example --crs EPSG:4326")
    degrees = rows.to_crs(WGS84)
    back: dict[str, Shift] = {"gcj02": gcj02_to_wgs84, "bd09": bd09_to_wgs84}
    if datum not in back:
        return degrees
    undo = back[datum]

    def true_place(places: Floats) -> Floats:
        return np.column_stack(undo(places[:, 0], places[:, 1]))

    moved = shapely.transform(degrees.geometry.to_numpy(), true_place)
    return degrees.set_geometry(gpd.GeoSeries(moved, index=degrees.index, crs=WGS84))


def metric_crs(place: gpd.GeoDataFrame | gpd.GeoSeries | Bounds) -> pyproj.CRS:
    """Choose the UTM zone (WGS84) of a place.

    Parameters
    ----------
    place
        Geometries in any CRS, or bounds (west, south, east, north) in degrees. Geometries
        count by the median of their middles, so that one stray row does not move the zone.

    Returns
    -------
    pyproj.CRS
        EPSG:326zz in the north, EPSG:327zz in the south.

    Raises
    ------
    InputError
        No place at all, or a place beyond UTM (north of 84°, south of −80°).
    """
    return zone_of(middles_of(place))


def middles_of(place: gpd.GeoDataFrame | gpd.GeoSeries | Bounds) -> Floats:
    """Return the middles of what has a place on earth: shape (places, 2), degrees of WGS84.

    Raises
    ------
    InputError
        No CRS.
    """
    finite = _bounds_of(place)
    return np.column_stack([finite[:, [side, side + 2]].mean(axis=1) for side in (0, 1)])


def zone_of(middles: Floats) -> pyproj.CRS:
    """Choose the UTM zone of the median of :func:`middles_of`.

    Raises
    ------
    InputError
        No place at all, or a place beyond UTM (north of 84°, south of −80°).
    """
    if not len(middles):
        raise InputError("no geometry with a place on earth: a metric CRS cannot be chosen")
    lon, lat = (float(np.quantile(side, 0.5, method="lower")) for side in middles.T)
    if not (_UTM_SOUTH_DEG <= lat <= _UTM_NORTH_DEG and -180.0 <= lon <= 180.0):
        raise InputError(f"longitude {lon:.4f}, latitude {lat:.4f}: no UTM zone covers this place")
    zone = min(int((lon + 180.0) // 6.0) + 1, 60)
    return pyproj.CRS.from_epsg((32600 if lat >= 0.0 else 32700) + zone)


def named_crs(stated: str | None, title: str) -> pyproj.CRS | None:
    """Return the CRS of a name such as ``EPSG:32651``; None where none is stated.

    Raises
    ------
    InputError
        No such CRS; the message begins with ``title``.
    """
    if stated is None:
        return None
    try:
        return pyproj.CRS(stated)
    except pyproj.exceptions.CRSError as error:
        raise InputError(
            f"{title}: '{stated}' is no known CRS; write it like EPSG:32651"
        ) from error


def meet(boxes: Floats, bounds: Bounds) -> npt.NDArray[np.bool_]:
    """Tell which boxes, shape (n, 4), touch a box: west, south, east, north; empty ones do not."""
    west, south, east, north = bounds
    found: npt.NDArray[np.bool_] = (
        (boxes[:, 0] <= east)
        & (boxes[:, 2] >= west)
        & (boxes[:, 1] <= north)
        & (boxes[:, 3] >= south)
    )
    return found


def _bounds_of(place: gpd.GeoDataFrame | gpd.GeoSeries | Bounds) -> Floats:
    if isinstance(place, tuple):
        return np.asarray([place], dtype=np.float64)
    if place.crs is None:
        raise InputError("the geometries have no CRS; state it, for example --crs EPSG:4326")
    bounds = _finite(shapely.bounds(place.geometry.to_numpy()))
    if place.crs == WGS84:
        return bounds[(np.abs(bounds) <= (180.0, 90.0, 180.0, 90.0)).all(axis=1)]
    middles = shapely.points((bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2)
    return _finite(shapely.bounds(gpd.GeoSeries(middles, crs=place.crs).to_crs(WGS84).to_numpy()))


def _finite(bounds: Floats) -> Floats:
    return bounds[np.isfinite(bounds).all(axis=1)]


def _floats(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[Floats, Floats]:
    return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)


def _covered(lon: Floats, lat: Floats) -> npt.NDArray[np.bool_]:
    west, south, east, north = _BOX
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return np.asarray(inside, dtype=np.bool_)


def _inside_box(shift: Shift, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    covered = _covered(lon, lat)
    with np.errstate(invalid="ignore"):
        moved_lon, moved_lat = shift(lon, lat)
    return np.where(covered, moved_lon, lon), np.where(covered, moved_lat, lat)


def _undone(shift: Shift, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    # The shift is smooth and small, so x <- x + (wanted - shift(x)) gains two digits a round.
    # Each place settles by itself: where it ends does not depend on what else is asked for.
    wanted = np.stack([lon.ravel(), lat.ravel()])
    true = wanted.copy()
    moving = np.arange(wanted.shape[1])
    for _ in range(_MAX_ROUNDS):
        if not len(moving):
            break
        with np.errstate(invalid="ignore"):  # an infinite coordinate becomes NaN, not a warning
            seen = np.stack(shift(true[0, moving], true[1, moving]))
            step = wanted[:, moving] - seen
        true[:, moving] += step
        moving = moving[np.abs(step).max(axis=0) > _SETTLED_DEG]
    true_lon, true_lat = true.reshape(2, *lon.shape)
    covered = _covered(true_lon, true_lat)
    return np.where(covered, true_lon, lon), np.where(covered, true_lat, lat)


def _gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = lon - 105.0, lat - 35.0
    root, cross = np.sqrt(np.abs(x)), x * y
    short = (20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * cross + 0.1 * root + short
    east += (20.0 * np.sin(np.pi * x) + 40.0 * np.sin(np.pi * x / 3.0)) * 2.0 / 3.0
    east += (150.0 * np.sin(np.pi * x / 12.0) + 300.0 * np.sin(np.pi * x / 30.0)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * cross + 0.2 * root + short
    north += (20.0 * np.sin(np.pi * y) + 40.0 * np.sin(np.pi * y / 3.0)) * 2.0 / 3.0
    north += (160.0 * np.sin(np.pi * y / 12.0) + 320.0 * np.sin(np.pi * y / 30.0)) * 2.0 / 3.0
    phi = np.radians(lat)
    flattening = 1.0 - _ECCENTRICITY_SQUARED * np.sin(phi) ** 2
    meridian_m = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_SQUARED) / flattening**1.5
    parallel_m = _SEMI_MAJOR_M / np.sqrt(flattening) * np.cos(phi)
    return lon + np.degrees(east / parallel_m), lat + np.degrees(north / meridian_m)


def _bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = _gcj02(lon, lat)
    distance = np.hypot(x, y) + 0.00002 * np.sin(y * _BAIDU_ANGLE)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * _BAIDU_ANGLE)
    return distance * np.cos(angle) + 0.0065, distance * np.sin(angle) + 0.006
