"""Shaded energy by points, horizons and tables, against exact polygon shadows hour by hour."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.truth import PLANES, TOWNS, Tables, Town, Work, house, town, truth
from pvplan.assumptions import Assumptions, Shading, load
from pvplan.roof import generation
from pvplan.roof.weather import Base
from pvplan.tables import Floats
from tests import shadows

ROOFS = 10
SKY_STEPS = (6.0, 3.0)
FINE = replace(
    load().shading,
    azimuth_bins=180,
    min_elevation_deg=1.0,
    max_distance_m=5000.0,
    point_spacing_m=1.0,
    max_points=200,
)


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


@settings(max_examples=40, deadline=None)
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


@cache
def true_energy(data: Path, name: str) -> tuple[Town, Floats]:
    place = town(data, name, ROOFS)
    works = [
        Work(data, name, ROOFS, int(roof), area, SKY_STEPS)
        for roof, area in zip(place.chosen, place.roofs, strict=True)
    ]
    return place, np.array([truth(work)[0] for work in works])


def differences(data: Path, name: str, rules: Shading) -> tuple[Floats, Floats]:
    """Largest differences of each roof by year and by month, %.

    Of roofs that lose more than a quarter to the energy without shadow: the house lays no module
    on their dark places, so as a whole they occur nowhere else.
    """
    place, true = true_energy(data, name)
    tables = Tables(data, rules)
    said, free = house(place, tables).energy, tables.month.energy[0]
    deep = true.sum(axis=2) < 0.75 * free.sum(axis=1)
    base = np.where(deep[..., None], free, true)
    year = 100.0 * np.abs((said - true).sum(axis=2) / base.sum(axis=2))
    month = 100.0 * np.abs((said - true) / base)
    return year.max(axis=1), month.max(axis=(1, 2))


@pytest.mark.parametrize("name", TOWNS)
def test_fine_rules_meet_the_truth(shared_data: Path, name: str) -> None:
    """What remains by month is the inverter: where it clips, a little shade costs nothing."""
    year, month = differences(shared_data, name, FINE)
    assert year.max() <= 0.3
    assert np.sort(month)[-2] <= 1.0
    assert month.max() <= 1.3
    assert np.median(year) <= 0.05


@pytest.mark.parametrize("name", TOWNS)
def test_the_defaults_stay_near_the_truth(
    shared_data: Path, name: str, assumptions: Assumptions
) -> None:
    """Over many roofs: benchmarks/truth.py prints the whole distribution."""
    year, month = differences(shared_data, name, assumptions.shading)
    assert year.mean() <= 0.3
    assert month.mean() <= 0.7
    assert np.median(year) <= 0.25
