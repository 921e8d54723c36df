"""Datums and metric CRS: published pairs, round trips, and the edge of the shifted box."""

from __future__ import annotations

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pvplan.errors import AssumptionError, InputError
from pvplan.sources.coordinates import (
    bd09_to_wgs84,
    gcj02_to_wgs84,
    metric_crs,
    to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)

Shift = Callable[..., tuple[np.ndarray, np.ndarray]]
GEOD = pyproj.Geod(ellps="WGS84")
PAIRS = {"gcj02": (wgs84_to_gcj02, gcj02_to_wgs84), "bd09": (wgs84_to_bd09, bd09_to_wgs84)}


def metres_apart(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    return float(GEOD.inv(lon, lat, other_lon, other_lat)[2])


@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [  # test values published with eviltransform
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
    ],
)
def test_gcj02_matches_published_pairs(
    wgs84: tuple[float, float], gcj02: tuple[float, float]
) -> None:
    assert np.allclose(wgs84_to_gcj02(*wgs84), gcj02, rtol=0, atol=1e-10)
    assert metres_apart(*map(float, gcj02_to_wgs84(*gcj02)), *wgs84) < 1e-3


def test_bd09_matches_the_published_pair() -> None:
    # coordtransform's README: GCJ-02 (116.404, 39.915) is BD-09 (116.41036949…, 39.92133699…).
    found = wgs84_to_bd09(*gcj02_to_wgs84(116.404, 39.915))
    assert np.allclose(found, (116.41036949371029, 39.92133699351022), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", PAIRS)
@given(lon=st.floats(73.0, 137.0), lat=st.floats(1.5, 55.0))
def test_there_and_back_is_exact_inside_china(name: str, lon: float, lat: float) -> None:
    forward, back = PAIRS[name]
    seen = forward(lon, lat)
    assert metres_apart(*map(float, back(*seen)), lon, lat) < 1e-3


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("place", [(13.4, 52.5), (-122.4, 37.8), (151.2, -33.9), (71.0, 30.0)])
def test_nothing_moves_outside_the_box(name: str, place: tuple[float, float]) -> None:
    for move in PAIRS[name]:
        assert tuple(map(float, move(*place))) == place


def test_missing_and_infinite_coordinates_stay_and_say_nothing() -> None:
    lon, lat = gcj02_to_wgs84([np.nan, np.inf, 121.5], [31.0, np.inf, 31.2])
    assert np.isnan(lon[0])
    assert lon[1] == np.inf
    assert 300.0 < metres_apart(lon[2], lat[2], 121.5, 31.2) < 700.0


def square(lon: float = 121.5, lat: float = 31.2) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"id": ["a"]}, geometry=[shapely.box(lon, lat, lon + 0.01, lat + 0.01)], crs=4326
    )


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("crs", [4326, 4490, 32651, 4549, 3857])
def test_a_shifted_file_comes_back_whatever_its_projection(name: str, crs: int) -> None:
    truth = square()
    forward = PAIRS[name][0]
    corners = shapely.transform(
        truth.geometry.to_numpy(), lambda xy: np.column_stack(forward(xy[:, 0], xy[:, 1]))
    )
    shifted = gpd.GeoDataFrame({"id": ["a"]}, geometry=corners, crs=4326).to_crs(crs)
    before = shifted.copy(deep=True)
    found = to_wgs84(shifted, name)  # type: ignore[arg-type]
    assert found.crs.to_epsg() == 4326
    off = np.abs(
        shapely.get_coordinates(found.geometry.to_numpy())
        - shapely.get_coordinates(truth.geometry.to_numpy())
    )
    assert off.max() * 111_320.0 < 0.1
    assert shifted.geometry.geom_equals_exact(before.geometry, 0.0).all()
    assert shifted.crs == before.crs


def test_cgcs2000_counts_as_wgs84() -> None:
    found = to_wgs84(square().set_crs(4490, allow_override=True), "cgcs2000")
    assert found.crs.to_epsg() == 4326
    assert found.geometry.geom_equals_exact(square().geometry, 1e-6).all()


def test_unknown_datum_names_the_nearest() -> None:
    with pytest.raises(AssumptionError, match="did you mean 'gcj02'"):
        to_wgs84(square(), "gcj-02")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="--crs EPSG:4326"):
        to_wgs84(gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)]), "gcj02")


def test_metric_crs_is_the_zone_of_the_place() -> None:
    assert metric_crs(square()).to_epsg() == 32651
    assert metric_crs(square().to_crs(3857)).to_epsg() == 32651
    assert metric_crs((151.0, -34.0, 151.4, -33.7)).to_epsg() == 32756
    assert metric_crs((179.9, 10.0, 180.0, 10.1)).to_epsg() == 32660
    with pytest.raises(InputError, match="no UTM zone"):
        metric_crs((20.0, 85.0, 21.0, 86.0))
    with pytest.raises(InputError, match="no geometry with a place"):
        metric_crs(gpd.GeoSeries([shapely.Polygon()], crs=4326))


def test_a_stray_row_does_not_move_the_zone() -> None:
    towns = [square(), square(121.52), square(121.54), square(0.0, 0.0)]
    rows = gpd.GeoSeries([town.geometry.iloc[0] for town in towns], crs=4326)
    assert metric_crs(rows).to_epsg() == 32651
