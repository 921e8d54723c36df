"""Shaded energy by points, horizons and tables, against exact polygon shadows hour by hour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.truth import (
    PLANES,
    TOWNS,
    Work,
    base_year,
    carries,
    differences,
    house,
    roofs_of,
    town,
    truth,
)
from pvplan import look
from pvplan.assumptions import Assumptions
from pvplan.light import Light
from pvplan.roof import generation
from pvplan.roof.weather import Base
from pvplan.yield_table import Places
from tests import shadows
from tests.conftest import examples

ROOFS = 12
SKY_STEPS = (6.0, 3.0)


def prisms(*rows: tuple[shapely.Geometry, float], north: float = 0.0) -> shadows.Scene:
    shapes, heights = zip(*rows, strict=True)
    return shadows.scene_of(np.array(shapes), np.array(heights, dtype=float), north)


def shaded(scene: shadows.Scene, azimuth: float, elevation: float, **options: float) -> float:
    cut = shadows.CutOff(**options)
    found = shadows.shaded_fraction(scene, 0, np.array([azimuth]), np.array([elevation]), cut)
    return float(found[0])


def test_the_shadow_of_a_wall_to_the_south_by_hand() -> None:
    roof, wall = shapely.box(0, 0, 20, 10), shapely.box(-500, -6, 520, -4)
    scene = prisms((roof, 5.0), (wall, 15.0))
    assert shaded(scene, 180.0, 45.0) == pytest.approx(0.6)  # 10 m long, from 4 m before the roof
    assert shaded(scene, 180.0, 30.0) == pytest.approx(1.0)
    assert shaded(scene, 180.0, 80.0) == 0.0
    assert shaded(scene, 0.0, 10.0) == 0.0
    assert shaded(scene, 180.0, 45.0, max_distance_m=7.0) == pytest.approx(0.3)
    assert shaded(scene, 180.0, 20.0, min_elevation_deg=45.0) == pytest.approx(0.6)
    turned = prisms((roof, 5.0), (wall, 15.0), north=20.0)
    assert shaded(turned, 200.0, 45.0) == pytest.approx(0.6)


def test_the_shadow_of_a_post_is_as_wide_as_the_post() -> None:
    scene = prisms((shapely.box(0, 0, 20, 10), 5.0), (shapely.box(9, -3, 11, -1), 500.0))
    assert shaded(scene, 180.0, 45.0) == pytest.approx(0.1)
    scene = prisms((shapely.box(0, 0, 20, 10), 5.0), (shapely.box(9, 3, 11, 5), 5.5))
    assert shaded(scene, 180.0, 89.999) == pytest.approx(0.02, abs=1e-4)  # stands on the roof


SHAPES = (
    shapely.box(-4, -12, 6, -3),
    shapely.Polygon([(-8, -2), (-2, -9), (-3, -4), (-7, 3)]),
    shapely.box(12, -5, 26, 15).difference(shapely.box(15, 0, 20, 10)),
    shapely.Polygon([(3, 14), (9, 14), (9, 24), (0, 24), (0, 20), (6, 20)]),
)


@examples(40)
@given(
    azimuth=st.floats(0.0, 360.0),
    elevation=st.floats(2.0, 85.0),
    heights=st.lists(st.floats(0.0, 40.0), min_size=4, max_size=4),
)
def test_polygons_agree_with_rays(azimuth: float, elevation: float, heights: list[float]) -> None:
    roof = shapely.Polygon([(0, 0), (10, 0), (10, 6), (6, 6), (6, 10), (0, 10)])
    scene = prisms((roof, 8.0), *zip(SHAPES, heights, strict=True))
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(0.1, 10, 0.2), np.arange(0.1, 10, 0.2)))
    inside = shapely.contains_xy(roof, x, y)
    place = np.stack([x[inside], y[inside]], axis=1)
    toward = np.array([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))])
    dark = np.zeros(len(place), dtype=bool)
    for shape, height in zip(SHAPES, heights, strict=True):
        if height > 8.0:
            reach = (height - 8.0) / np.tan(np.radians(elevation))
            rays = shapely.linestrings(np.stack([place, place + toward * reach], axis=1))
            dark |= shapely.intersects(rays, shape)
    assert shaded(scene, azimuth, elevation) == pytest.approx(dark.mean(), abs=0.03)


@pytest.mark.parametrize("plane", PLANES)
def test_without_shadow_the_chains_are_the_house(
    plane: shadows.Plane, toy_base: Base, assumptions: Assumptions
) -> None:
    base, system, module = toy_base, assumptions.system, assumptions.module
    one = generation.Orientations(
        np.array([plane.tilt]),
        np.array([plane.azimuth]),
        np.array([plane.racked]),
        np.array([np.nan]),
    )
    _, power = generation.hourly(base.sky, base.sun, one, system, module, shaded=True)
    chain = shadows.Chain(base.sky, base.sun, plane, system, module)
    none = np.zeros(len(base.sky.ghi))
    np.testing.assert_allclose(chain.own_light(none, 1.0), power[:, 0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(chain.mean_light(none, 1.0), power[:, 0], rtol=1e-9, atol=1e-12)


def test_an_even_horizon_leaves_the_sky_view_of_the_textbook() -> None:
    """A wall all round at elevation e leaves cos² e of the light on a level plane."""
    sky = shadows.hemisphere(2.0, 1.0)
    hidden = (sky.elevation < 30.0).astype(float)
    assert shadows.sky_view(sky, hidden, 0.0, 180.0) == pytest.approx(0.75, abs=1e-4)
    assert shadows.sky_view(sky, np.zeros(len(hidden)), 10.0, 180.0) == 1.0


@pytest.mark.parametrize("name", ["suzhou", "lujiazui"])
def test_roofs_of_old_towns_meet_the_truth(
    shared_data: Path, name: str, assumptions: Assumptions
) -> None:
    """Where modules may stand, hour by hour: benchmarks/truth.py prints 200 roofs."""
    file = shared_data / TOWNS[name]
    found = house(town(file, ROOFS), shared_data, assumptions)
    some = carries(found.region, assumptions)
    works = [Work(shared_data, file, ROOFS, int(n), found.region[n], SKY_STEPS) for n in some]
    true = np.array([truth(work) for work in works])
    mean_light, own_light, free = true[:, 0], true[:, 1], true[:, 2]
    assert (mean_light.sum(axis=2) < 0.97 * free.sum(axis=2)).any()  # some are shaded
    year, month = differences(found.energy[some], mean_light)
    assert year.max() <= 0.3
    assert month.max() <= 1.0
    year, _ = differences(found.energy[some], own_light)
    assert year.max() <= 0.35


def test_a_roof_is_seen_alike_whichever_others_are_seen_with_it(
    shared_data: Path, assumptions: Assumptions
) -> None:
    place, rules = town(shared_data / TOWNS["lujiazui"], 40), assumptions.shading
    light = Light(base_year(shared_data), assumptions)
    around = look.surroundings(place.buildings, rules)
    all_roofs = roofs_of(place, light, assumptions, parapets=False)
    cut, seen = look.horizons(all_roofs, around, light, rules)
    assert len(np.unique(seen.roof)) > 30
    for chosen in (np.arange(0, 40, 3), np.arange(17, 40), np.array([5])):
        words = ("usable", "own", "height_m", "parapet_m", "axis_deg", "convergence_deg", "node")
        some = replace(all_roofs, **{word: getattr(all_roofs, word)[chosen] for word in words})
        some_cut, some_seen = look.horizons(some, around, light, rules)
        assert np.array_equal(shapely.to_wkb(some_cut.usable), shapely.to_wkb(cut.usable[chosen]))
        same = np.isin(seen.roof, chosen)
        assert np.array_equal(chosen[some_seen.roof], seen.roof[same])
        assert np.array_equal(some_seen.elevation_deg(), seen.elevation_deg(same))
        for word in ("x", "y", "area_m2", "half_along_m", "half_across_m"):
            assert np.array_equal(getattr(some_seen.points, word), getattr(seen.points, word)[same])


def test_a_wall_along_a_narrow_roof_is_seen_in_the_first_look(
    shared_data: Path, assumptions: Assumptions
) -> None:
    """A roof 72 m long and 8 m deep: one row of points could not tell that only its edge is dim."""
    roof, wall = shapely.box(0, 0, 72, 8), shapely.box(-40, -12, 112, -2)
    heights = np.array([3.0, 6.0])
    buildings = gpd.GeoDataFrame({"height_m": heights}, geometry=[roof, wall], crs="EPSG:32651")
    light = Light(base_year(shared_data), assumptions)
    where = Places(np.array([121.5]), np.array([31.25]), np.array([0.0]))
    nodes, node = light.nodes_of(where)
    one, none = np.array([roof], dtype=object), np.zeros(1)
    own = np.zeros(1, dtype=np.int64)
    roofs = look.Roofs(one, own, heights[:1], none, none, none, node, nodes)
    around = look.surroundings(buildings, assumptions.shading)
    cut, seen = look.horizons(roofs, around, light, assumptions.shading)
    assert len(seen.roof) > assumptions.shading.first_points
    assert len(np.unique(seen.points.y.round(3))) >= 6
    assert seen.points.area_m2.sum() == pytest.approx(cut.usable[0].area)
    assert shapely.covers(shapely.buffer(roof, 1e-6), cut.usable[0])
