"""Horizons among prisms: by hand, against independent rays, and what no change may change."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from pvplan.assumptions import Shading, load
from pvplan.outlines import outlines
from pvplan.roof.horizon import Scene, horizons, scene, shaded_at_all
from pvplan.sources.footprints import read_footprints
from pvplan.tables import Floats, Ints
from tests.conftest import examples

# Directions and limit that the figures by hand hold for; without far field but where it is tried.
DEFAULT = replace(load().shading, azimuth_bins=72, max_distance_m=1000.0)
RULES = replace(DEFAULT, far_field_factor=0.0)
BINS = RULES.azimuth_bins
AZIMUTH = np.arange(BINS) * 360.0 / BINS
FAR = np.array([350_000.0, 3_450_000.0])
Horizons = npt.NDArray[np.float32]


def built(shapes: list[BaseGeometry] | npt.NDArray[Any], top: list[float] | Floats) -> Scene:
    return scene(outlines(np.array(shapes, dtype=object)), np.array(top, dtype=np.float64), RULES)


def seen(
    where: Scene,
    points: npt.ArrayLike,
    z: npt.ArrayLike = 0.0,
    own: npt.ArrayLike = -1,
    parapet: npt.ArrayLike = 0.0,
    convergence: npt.ArrayLike = 0.0,
    rules: Shading = RULES,
) -> Horizons:
    place = np.atleast_2d(np.asarray(points, dtype=np.float64))
    count = len(place)
    return horizons(
        where,
        np.ascontiguousarray(place[:, 0]),
        np.ascontiguousarray(place[:, 1]),
        np.array(np.broadcast_to(z, count), dtype=np.float64),
        np.array(np.broadcast_to(own, count), dtype=np.int64),
        np.array(np.broadcast_to(parapet, count), dtype=np.float64),
        np.array(np.broadcast_to(convergence, count), dtype=np.float64),
        rules,
    )


def cut(elevation: Floats) -> Floats:
    """Leave out what does not rise over the least elevation."""
    return np.where(elevation > RULES.min_elevation_deg, elevation, 0.0)


def by_rays(
    shapes: npt.NDArray[Any],
    top: Floats,
    x: float,
    y: float,
    z: float,
    own: int,
    convergence: float,
) -> Floats:
    """The horizon of one point by shapely, ray by ray and building by building."""
    point = Point(x, y)
    counted = (np.arange(len(shapes)) != own) & (top > z)
    counted &= shapely.distance(shapely.boundary(shapes), point) <= RULES.max_distance_m
    if shapely.contains(shapes[counted], point).any():
        return np.full(BINS, 90.0)
    grid = np.radians(AZIMUTH - convergence)
    ends = np.column_stack([x + 3000.0 * np.sin(grid), y + 3000.0 * np.cos(grid)])
    rays = np.array([LineString([(x, y), tuple(end)]) for end in ends], dtype=object)
    others, height = shapes[counted], top[counted]
    ray, met = shapely.STRtree(others).query(rays, "intersects")
    away = shapely.distance(shapely.intersection(others[met], rays[ray]), point)
    found = np.zeros(BINS)
    np.maximum.at(found, ray, np.degrees(np.arctan2(height[met] - z, away)))
    return cut(found)


# --- by hand -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("rise", "away"), [(10.0, 20.0), (3.0, 5.0), (60.0, 100.0)])
def test_a_long_wall_due_south(rise: float, away: float) -> None:
    wall = box(-1e5, -away - 10.0, 1e5, -away)
    found = seen(built([wall], [rise + 12.0]), (0.0, 0.0), z=12.0)[0]
    south = -np.cos(np.radians(AZIMUTH))
    by_hand = np.degrees(np.arctan(rise * np.maximum(south, 0.0) / away))
    error = np.abs(found - cut(by_hand))
    assert error.max() < 1e-4


def test_one_tower() -> None:
    # 20 m wide, its near wall 30 m to the east: seen within atan(10 / 30) = 18.4° of east.
    found = seen(built([box(30, -10, 50, 10)], [25.0]), (0.0, 0.0), z=5.0)[0]
    for azimuth in (75.0, 80.0, 90.0, 105.0):
        away = 30.0 / math.cos(math.radians(azimuth - 90.0))
        by_hand = math.degrees(math.atan(20.0 / away))
        assert found[azimuth == AZIMUTH] == pytest.approx(by_hand, abs=1e-4)
    assert found[AZIMUTH == 70.0] == 0.0
    assert np.count_nonzero(found) == 7


def test_of_two_towers_the_higher_one_over_the_horizon_counts() -> None:
    near, far = box(-5, 20, 5, 25), box(-30, 100, 30, 120)
    found = seen(built([near, far], [10.0, 80.0]), (0.0, 0.0))[0]
    alone = [seen(built([one], [top]), (0.0, 0.0))[0] for one, top in ((near, 10.0), (far, 80.0))]
    assert found[0] == pytest.approx(math.degrees(math.atan(80.0 / 100.0)), abs=1e-4)
    assert np.array_equal(found, np.maximum(*alone))


def test_the_own_parapet() -> None:
    # In the middle of a 20 × 10 m roof with 1.1 m of parapet.
    where = built([box(0, 0, 20, 10)], [12.0])
    found = seen(where, (10.0, 5.0), z=12.0, own=0, parapet=1.1)[0]
    assert found[AZIMUTH == 0.0] == pytest.approx(math.degrees(math.atan(1.1 / 5.0)), abs=1e-4)
    assert found[AZIMUTH == 90.0] == pytest.approx(math.degrees(math.atan(1.1 / 10.0)), abs=1e-4)
    slanting = 5.0 / math.cos(math.radians(45.0))
    assert found[AZIMUTH == 225.0] == pytest.approx(
        math.degrees(math.atan(1.1 / slanting)), abs=1e-4
    )
    assert (found > 0.0).all()
    assert not seen(where, (10.0, 5.0), z=12.0, own=0).any()
    # Across the notch of an L the nearest wall counts, not the one beyond it.
    shape = box(0, 0, 30, 30).difference(box(10, 10, 20, 30))
    found = seen(built([shape], [12.0]), (5.0, 20.0), z=12.0, own=0, parapet=1.0)[0]
    assert found[AZIMUTH == 90.0] == pytest.approx(math.degrees(math.atan(1.0 / 5.0)), abs=1e-4)


def test_a_point_under_a_taller_neighbour_sees_no_sky() -> None:
    court = box(0, 0, 40, 40).difference(box(15, 15, 25, 25))
    where = built([court, box(2, 2, 8, 8)], [20.0, 6.0])
    assert (seen(where, (5.0, 5.0), z=6.0, own=1)[0] == 90.0).all()
    assert (seen(where, (5.0, 5.0), z=20.0, own=1)[0] == 0.0).all()
    found = seen(where, (20.0, 20.0), z=6.0)[0]
    assert found[0] == pytest.approx(math.degrees(math.atan(14.0 / 5.0)), abs=1e-4)
    assert ((found > 0.0) & (found < 90.0)).all()


def test_true_north_is_turned_from_grid_north() -> None:
    # Grid azimuth 90° is true azimuth 95° where the convergence is +5°.
    where = built([box(30, -1, 50, 1)], [25.0])
    found = seen(where, (0.0, 0.0), convergence=5.0)[0]
    assert np.flatnonzero(found).tolist() == [19]
    assert np.flatnonzero(seen(where, (0.0, 0.0), convergence=-5.0 + 720.0)[0]).tolist() == [17]


def test_what_stands_low_or_far_is_left_out() -> None:
    least, farthest = RULES.min_elevation_deg, RULES.max_distance_m
    rise = 400.0 * math.tan(math.radians(least))
    for factor, shaded in ((0.999, False), (1.001, True)):
        found = seen(built([box(-50, 400, 50, 410)], [rise * factor]), (0.0, 0.0))[0]
        assert bool(found[0]) is shaded
    for away, shaded in ((farthest - 0.001, True), (farthest + 0.001, False)):
        for wide in (10.0, 2000.0):
            found = seen(built([box(-wide, away, wide, away + 500)], [500.0]), (0.0, 0.0))[0]
            assert bool(found[0]) is shaded


def test_no_building_and_unknown_heights_shade_nothing() -> None:
    for where in (built([], []), built([Polygon(), box(5, 5, 9, 9)], [50.0, math.nan])):
        assert not seen(where, (0.0, 0.0)).any()
        assert seen(where, np.empty((0, 2))).shape == (0, BINS)
        nowhere = np.zeros(1)
        found = shaded_at_all(where, nowhere, nowhere, nowhere, np.array([-1]), nowhere, RULES)
        assert found.tolist() == [False]
    # Its own parapet needs no height of the building.
    assert seen(where, (7.0, 7.0), z=8.0, own=1, parapet=1.0).all()


def test_a_stray_building_far_away_costs_no_memory() -> None:
    shapes = [box(0, 0, 10, 10), affinity.translate(box(0, 0, 10, 10), 4e6, 9e6)]
    where = built(shapes, [10.0, 10.0])
    assert where.block.size < 10_000_000
    assert seen(where, (15.0, 5.0))[0].max() == pytest.approx(
        math.degrees(math.atan(2.0)), abs=1e-4
    )


# --- against independent rays ------------------------------------------------------------------


@st.composite
def towns(draw: st.DrawFn) -> tuple[npt.NDArray[Any], Floats]:
    """Hulls, courts and pairs of them within some hundred metres; some touch or overlap."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(2, 25))
    spread = draw(st.sampled_from([60.0, 300.0, 1500.0]))
    shapes = np.empty(count, dtype=object)
    for number in range(count):
        size = random.choice([5.0, 15.0, 60.0])
        hull = shapely.MultiPoint(random.uniform(-size, size, (6, 2))).convex_hull
        if random.random() < 0.3:
            hull = hull.difference(hull.centroid.buffer(0.2 * size, quad_segs=2))
        if random.random() < 0.2:
            hull = hull.union(affinity.translate(hull, 2.5 * size, 0.0))
        shapes[number] = affinity.translate(hull, *(FAR + random.uniform(-spread, spread, 2)))
    return shapes, random.uniform(3.0, draw(st.sampled_from([12.0, 120.0])), count)


def middles(shapes: npt.NDArray[Any]) -> Floats:
    return shapely.get_coordinates(shapely.point_on_surface(shapes))


@examples(60)
@given(towns(), st.floats(-4.0, 4.0))
def test_random_towns_against_rays(
    town: tuple[npt.NDArray[Any], Floats], convergence: float
) -> None:
    shapes, top = town
    places, own = middles(shapes), np.arange(len(shapes))
    found = seen(built(shapes, top), places, 0.9 * top, own, convergence=convergence)
    for number in range(min(4, len(shapes))):
        height = float(0.9 * top[number])
        rays = by_rays(shapes, top, *places[number], height, number, convergence)
        np.testing.assert_allclose(found[number], rays, atol=1e-3)


@pytest.mark.parametrize(
    "file",
    [
        "bld_suzhou_oldtown/bd_demo_2.json",
        "bld_shanghai_lujiazui_osm/buildings.geojson",
    ],
)
def test_real_towns_against_rays(shared_data: Path, file: str) -> None:
    path = shared_data / file
    rules = replace(load().footprints, max_bad_height_fraction=1.0)
    buildings = read_footprints(path, rules).buildings
    shapes = buildings.geometry.to_numpy()
    top = buildings["height_m"].to_numpy(dtype=np.float64)
    places, own = middles(shapes), np.arange(len(shapes))
    found = seen(built(shapes, top), places, top, own, convergence=-0.8)
    assert 0.2 < (found.max(axis=1) > 0.0).mean() < 1.0
    chosen = np.random.default_rng(3).choice(len(shapes), 30, replace=False)
    near = shapely.STRtree(shapes)
    for number in chosen:
        # Only what stands near can count; the rays then need not pass the whole town.
        some = np.sort(near.query(Point(places[number]), "dwithin", RULES.max_distance_m))
        rays = by_rays(
            shapes[some], top[some], *places[number], float(top[number]),
            int(np.searchsorted(some, number)), -0.8,
        )  # fmt: skip
        np.testing.assert_allclose(found[number], rays, atol=2e-3)


# --- what no change may change -----------------------------------------------------------------


@examples(40)
@given(towns(), st.integers(0, 24), st.floats(0.0, 200.0))
def test_a_taller_neighbour_never_lowers_the_horizon(
    town: tuple[npt.NDArray[Any], Floats], which: int, more: float
) -> None:
    shapes, top = town
    raised = top.copy()
    raised[which % len(top)] += more
    places, own = middles(shapes), np.arange(len(shapes))
    before = seen(built(shapes, top), places, top, own)
    after = seen(built(shapes, raised), places, top, own)
    assert (after >= before).all()


@examples(60)
@given(towns(), st.integers(1, BINS - 1), st.integers(-(10**6), 10**6))
def test_turning_the_town_rolls_the_bins_and_moving_it_changes_nothing(
    town: tuple[npt.NDArray[Any], Floats], bins: int, metres: int
) -> None:
    shapes, top = town
    shapes = affinity_all(shapes, [1, 0, 0, 1, -FAR[0] - 0.1234, -FAR[1] + 0.4321])
    turn = math.radians(bins * 360.0 / BINS)
    cosine, sine = math.cos(turn), math.sin(turn)
    clockwise = affinity_all(shapes, [cosine, sine, -sine, cosine, 0, 0])
    moved = affinity_all(shapes, [1, 0, 0, 1, metres, -3 * metres])
    own = np.arange(len(shapes))
    places = middles(shapes)
    turned_places = places @ np.array([[cosine, -sine], [sine, cosine]])
    before = seen(built(shapes, top), places, top, own)
    turned = seen(built(clockwise, top), turned_places, top, own)
    away = seen(built(moved, top), places + np.array([metres, -3 * metres]), top, own)
    # Over the least elevation the horizon jumps, and so it does where a ray grazes a corner.
    for one in (np.roll(turned, -bins, axis=1), away):
        # Tangents are kept in single precision: at 70° one step is 1e-4°.
        apart = (np.abs(one - before) > 1e-3).sum()
        assert apart <= max(2e-3 * before.size, 2)


def affinity_all(shapes: npt.NDArray[Any], matrix: list[float]) -> npt.NDArray[Any]:
    found = np.empty(len(shapes), dtype=object)
    found[:] = [affinity.affine_transform(shape, matrix) for shape in shapes]
    return found


def crowd(seed: int = 5) -> tuple[npt.NDArray[Any], Floats, Floats, Ints, Floats, Floats]:
    """A town of 300 buildings and several points on each: shapes, top, places, own, z, parapet."""
    random = np.random.default_rng(seed)
    corner = FAR + random.uniform(-500.0, 500.0, (300, 2))
    size = random.uniform(5.0, 50.0, (300, 2))
    shapes = shapely.box(*corner.T, *(corner + size).T)
    top = random.lognormal(2.5, 0.6, 300).round(1)
    own = np.repeat(np.arange(300), random.integers(1, 6, 300))
    places = corner[own] + size[own] * random.uniform(0.1, 0.9, (len(own), 2))
    z = top[own] - random.uniform(0.0, 2.0, len(own))
    return shapes, top, places, own, z, random.choice([0.0, 1.1], len(own))


@pytest.mark.parametrize("rules", [RULES, DEFAULT])
def test_the_order_of_buildings_and_points_changes_no_digit(rules: Shading) -> None:
    shapes, top, places, own, z, parapet = crowd()
    turn = np.linspace(-2.0, 2.0, len(own))
    whole = seen(built(shapes, top), places, z, own, parapet, turn, rules)
    assert 0.1 < (whole > 0.0).mean() < 0.9
    random = np.random.default_rng(1)
    order, mixed = random.permutation(len(top)), random.permutation(len(own))
    renamed = np.argsort(order)[own]
    found = seen(
        built(shapes[order], top[order]),
        places[mixed], z[mixed], renamed[mixed], parapet[mixed], turn[mixed], rules,
    )  # fmt: skip
    assert np.array_equal(found, whole[mixed])


@pytest.mark.parametrize("rules", [RULES, DEFAULT])
@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_cutting_the_points_into_chunks_changes_no_digit(chunk: int, rules: Shading) -> None:
    shapes, top, places, own, z, parapet = crowd(9)
    z = np.where(own % 2, z, top[own])  # some roofs are level, so that their points share work
    where = built(shapes, top)
    whole = seen(where, places, z, own, parapet, rules=rules)
    parts = [
        seen(where, places[cut], z[cut], own[cut], parapet[cut], rules=rules)
        for cut in (slice(begin, begin + chunk) for begin in range(0, len(own), chunk))
    ]
    assert np.array_equal(np.concatenate(parts), whole)


def test_the_far_field_is_what_the_middle_of_the_building_sees() -> None:
    # Own radius 5, rise 25; the other's circle begins 36 m before its wall.
    own, high = box(-4, -3, 4, 3), 10.0
    z, place = high, (3.0, 2.0)
    limit = DEFAULT.far_field_factor * math.sqrt(5.0 * 25.0)
    for away, far in ((limit - 30.0, False), (limit + 60.0, True)):
        where = built([own, box(away, -40, away + 10, 40)], [high, high + 25.0])
        exact = seen(where, place, z, own=0)
        found = seen(where, place, z, own=0, rules=DEFAULT)
        middle = seen(where, (0.0, 0.0), z, own=0)
        assert exact.any()
        assert np.abs(exact - middle).max() > 0.01
        np.testing.assert_allclose(found, middle if far else exact, atol=1e-4)
        # Without own building, or outside its circle, a point sees all itself.
        for outside, number in ((place, -1), ((3.0, 30.0), 0)):
            alone = seen(where, outside, z, own=number, rules=DEFAULT)
            assert np.array_equal(alone, seen(where, outside, z, own=number))


def test_the_far_field_moves_the_mean_of_a_roof_little() -> None:
    shapes, top, _, _, _, _ = crowd(4)
    bounds = shapely.bounds(shapes)
    corner, size = bounds[:, :2], bounds[:, 2:] - bounds[:, :2]
    random = np.random.default_rng(8)
    own = np.repeat(np.arange(len(top)), 32)
    places = corner[own] + size[own] * random.uniform(0.05, 0.95, (len(own), 2))
    where = built(shapes, top)
    exact = seen(where, places, top[own], own).mean(axis=1).reshape(-1, 32).mean(axis=1)
    found = seen(where, places, top[own], own, rules=DEFAULT)
    error = found.mean(axis=1).reshape(-1, 32).mean(axis=1) - exact
    assert 1.0 < exact.mean() < 20.0
    assert np.abs(error).max() > 0.0
    assert np.quantile(np.abs(error), 0.99) < 0.1
    assert abs(error.mean()) < 0.005


@pytest.mark.parametrize("least", np.arange(1.0, 10.0, 0.37))
def test_what_rises_over_no_least_elevation_is_zero(least: float) -> None:
    rules = replace(DEFAULT, min_elevation_deg=least)
    found = seen(built([box(50, -5, 60, 5)], [300.0]), (0.0, 0.0), rules=rules)
    assert (found[0] > 0.0).sum() == 3


def test_buildings_far_away_change_no_digit() -> None:
    shapes, top, places, own, z, parapet = crowd(2)
    more = affinity_all(shapes, [1, 0, 0, 1, 3000, -5000])
    alone = seen(built(shapes, top), places, z, own, parapet)
    both = seen(built([*more, *shapes], [*top, *top]), places, z, own + 300, parapet)
    assert np.array_equal(alone, both)


@examples(60)
@given(towns(), st.floats(0.0, 60.0))
def test_what_is_not_shaded_at_all_has_no_horizon(
    town: tuple[npt.NDArray[Any], Floats], radius: float
) -> None:
    shapes, top = town
    places, own = middles(shapes), np.arange(len(shapes))
    where = built(shapes, top)
    x, y = np.ascontiguousarray(places.T)
    shaded = shaded_at_all(where, x, y, top, own, np.full(len(x), radius), RULES)
    for angle in np.linspace(0.0, 6.0, 7):
        around = places + radius * np.array([math.cos(angle), math.sin(angle)])
        assert not seen(where, around, top, own)[~shaded].any()
    # Over the tallest of all nothing rises.
    assert not shaded[np.argmax(top)]


def test_parts_of_one_building_do_not_shade_each_other_but_its_parapet_does() -> None:
    pair = MultiPolygon([box(0, 0, 10, 10), box(20, 0, 30, 10)])
    where = built([pair], [30.0])
    assert not seen(where, (5.0, 5.0), z=10.0, own=0).any()
    assert seen(where, (5.0, 5.0), z=10.0)[0].all()
    assert seen(where, (5.0, 5.0), z=30.0, own=0, parapet=1.0)[0].max() > 10.0
