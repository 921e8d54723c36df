"""Sample points: inside, weighted by area, and no more than asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from pvplan.outlines import outlines
from pvplan.roof.sampling import Points, cells, sample
from tests.conftest import examples

FAR = (350_000.0, 3_450_000.0)


def points_of(
    shapes: list[BaseGeometry | None],
    axis: float | list[float] = 0.0,
    spacing: float = 4.0,
    most: int = 48,
) -> Points:
    """Sample, and check what holds of every shape."""
    held = np.array(shapes, dtype=object)
    turned = np.broadcast_to(axis, len(held)).astype(np.float64)
    found = sample(outlines(held), turned, spacing, most)
    count = np.diff(found.start)
    area = shapely.area(held)
    assert (count[np.nan_to_num(area) > 0.0] >= 1).all()
    assert (count <= most).all()
    assert (count[shapely.is_empty(held) | (held == None)] == 0).all()  # noqa: E711
    owner = np.repeat(np.arange(len(held)), count)
    assert shapely.contains_xy(held[owner], found.x, found.y).all()
    sums = np.bincount(owner, found.area_m2, minlength=len(held))
    np.testing.assert_allclose(sums, np.nan_to_num(area), rtol=1e-6, atol=1e-6)
    assert (found.area_m2 > 0.0).all()
    assert (found.half_along_m > 0.0).all()
    assert (found.half_across_m > 0.0).all()
    return found


@st.composite
def bodies(draw: st.DrawFn) -> BaseGeometry:
    """One or two hulls with a court, notched, turned and far from the origin."""
    coordinate = st.floats(-60.0, 60.0).map(lambda value: round(value, 2))
    parts = []
    for _ in range(draw(st.integers(1, 2))):
        corners = draw(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=7))
        notch = Point(draw(coordinate), draw(coordinate)).buffer(15.0, quad_segs=2)
        parts.append(shapely.MultiPoint(corners).convex_hull.difference(notch))
    shape = shapely.union_all(parts)
    if not shape.is_empty:
        shape = shape.difference(shape.centroid.buffer(draw(st.floats(0.5, 9.0)), quad_segs=3))
    shape = affinity.translate(affinity.rotate(shape, draw(st.floats(0, 180))), *FAR)
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, Polygon)]
    # Thinner than a millimetre lies beside what coordinates of this size can hold.
    return MultiPolygon([part for part in parts if not part.buffer(-1e-3).is_empty])


@examples(150)
@given(
    st.lists(bodies(), min_size=1, max_size=4),
    st.floats(-math.pi, math.pi),
    st.floats(0.5, 40.0),
    st.integers(1, 60),
)
def test_points_stand_inside_and_share_out_the_area(
    shapes: list[BaseGeometry], axis: float, spacing: float, most: int
) -> None:
    points_of([*shapes], axis, spacing, most)


@examples(40)
@given(
    st.floats(0.5, 200.0),
    st.floats(0.5, 80.0),
    st.floats(0.0, math.pi),
    st.floats(1.0, 20.0),
    st.integers(1, 200),
)
def test_linear_functions_are_integrated_exactly_on_rectangles(
    length: float, width: float, axis: float, spacing: float, most: int
) -> None:
    shape = affinity.rotate(box(0, 0, length, width), axis, origin=(0, 0), use_radians=True)
    found = points_of([affinity.translate(shape, *FAR)], axis, spacing, most)
    middle = affinity.translate(shape, *FAR).centroid
    for offset in (found.x - middle.x, found.y - middle.y):
        assert found.area_m2 @ offset / (length * width) == pytest.approx(0.0, abs=1e-6)
    # The cells tile the rectangle.
    tiles = cells(found, np.arange(len(found.x)), np.full(len(found.x), axis))
    np.testing.assert_allclose(shapely.area(tiles), found.area_m2, rtol=1e-6)
    joined = shapely.union_all(tiles, grid_size=1e-6)
    assert joined.symmetric_difference(affinity.translate(shape, *FAR)).area < 1e-3


def test_a_rectangle_by_hand() -> None:
    found = points_of([box(0, 0, 12, 8)])
    assert sorted(zip(found.x, found.y, strict=True)) == [
        (x, y) for x in (2.0, 6.0, 10.0) for y in (2.0, 6.0)
    ]
    assert (found.area_m2 == 16.0).all()
    assert (found.half_along_m == 2.0).all()
    assert (found.half_across_m == 2.0).all()
    some = cells(found, found.x > 9.0, np.zeros(6))
    assert shapely.equals(some[0], box(8, 0, 12, 4))
    assert len(some) == 2


def test_courts_and_corners_hold_no_points() -> None:
    court = box(0, 0, 40, 40).difference(box(10, 10, 30, 30))
    corner = box(0, 0, 40, 40).difference(box(16, 16, 41, 41))
    for shape in (court, corner):
        found = points_of([shape], spacing=2.0, most=1000)
        mean = found.area_m2 @ found.x / shape.area
        assert mean == pytest.approx(shape.centroid.x, abs=0.05)
        assert len(found.x) == pytest.approx(shape.area / 4.0, rel=0.1)


@pytest.mark.parametrize("degrees", [0.0, 13.0, 45.0, 90.0, 137.0])
@pytest.mark.parametrize("axis", [0.0, 0.6, 1.5707963])
def test_needles_have_a_point(degrees: float, axis: float) -> None:
    for width in (0.5, 0.01, 1e-4):
        needle = affinity.rotate(box(0, 0, 300, width), degrees, origin=(0, 0))
        wedge = affinity.rotate(Polygon([(0, 0), (300, 0), (300, width)]), degrees)
        far = [affinity.translate(one, *FAR) for one in (needle, wedge)]
        points_of([*far], axis, most=1)
        points_of([*far], axis)


def test_parts_far_from_each_other_that_every_line_misses_have_a_point() -> None:
    shape = MultiPolygon([box(0, 0, 1, 1), box(0, 10_000, 1, 10_001)])
    found = points_of([shape], most=2, spacing=10_000.0)
    assert len(found.x) == 1
    assert found.half_along_m[0] * found.half_across_m[0] * 4.0 == pytest.approx(2.0)


def test_more_teeth_than_points_keep_the_widest() -> None:
    teeth = [box(3 * place, 0, 3 * place + 1 + 0.01 * place, 9) for place in range(20)]
    comb = shapely.union_all([box(0, 8.9, 60, 9), *teeth])
    found = points_of([comb], spacing=100.0, most=5)
    assert sorted((found.x // 3).tolist()) == [15, 16, 17, 18, 19]


def test_fewer_points_for_wider_spacing_and_at_most_as_many_as_asked() -> None:
    shape = box(0, 0, 200, 60)
    counts = [len(points_of([shape], spacing=s, most=10**6).x) for s in (1.0, 2.0, 4.0, 8.0)]
    assert counts == [12_000, 3_000, 750, 200]
    for most in (1, 2, 7, 48, 500):
        few = len(points_of([shape], most=most).x)
        assert 0.5 * most <= few <= most


@examples(25)
@given(st.lists(bodies(), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_a_shape_has_the_same_points_in_any_company(
    shapes: list[BaseGeometry], random: object
) -> None:
    axis = np.linspace(0.0, 3.0, len(shapes))
    together = points_of([*shapes], [*axis])
    order = np.arange(len(shapes))
    random.shuffle(order)  # type: ignore[attr-defined]
    mixed = points_of([shapes[i] for i in order], [axis[i] for i in order])
    for place, shape in enumerate(order):
        one = slice(together.start[shape], together.start[shape + 1])
        other = slice(mixed.start[place], mixed.start[place + 1])
        for field in ("x", "y", "area_m2", "half_along_m", "half_across_m"):
            assert np.array_equal(getattr(together, field)[one], getattr(mixed, field)[other])


def test_nothing_has_no_points() -> None:
    found = points_of([None, Polygon(), box(0, 0, 4, 4), MultiPolygon()])
    assert found.start.tolist() == [0, 0, 0, 1, 1]
    assert len(points_of([]).x) == 0
    assert len(sample(outlines(np.array([LineString()], dtype=object)), np.zeros(1), 4.0, 5).x) == 0
