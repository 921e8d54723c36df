"""Planes of a roof: areas by Green's theorem, true azimuths, setbacks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from pvplan.assess import places
from pvplan.assumptions import Assumptions, load
from pvplan.roof import surfaces
from pvplan.tables import ROOF_FORMS
from tests import toy
from tests.conftest import examples

# --- shapes ------------------------------------------------------------------------------------

coordinate = st.floats(-200.0, 200.0).map(lambda value: round(value, 3))


@st.composite
def bodies(draw: st.DrawFn) -> BaseGeometry:
    """One or two bodies, some with courts, turned and far from the origin."""
    parts = []
    for _ in range(draw(st.integers(1, 2))):
        corners = draw(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=7))
        hull = shapely.MultiPoint(corners).convex_hull
        notch = box(*(Point(draw(coordinate), draw(coordinate)).buffer(30).bounds))
        parts.append(hull.difference(notch))
    shape = shapely.union_all(parts)
    middle = shape.centroid if not shape.is_empty else Point(0, 0)
    shape = shape.difference(middle.buffer(draw(st.floats(1.0, 20.0)), quad_segs=3))
    shape = affinity.rotate(shape, draw(st.floats(0, 180)), origin=(0, 0))
    shape = affinity.translate(shape, 350_000.0, 3_450_000.0)
    assume(isinstance(shape, Polygon | MultiPolygon) and shape.is_valid and shape.area > 50.0)
    return shape


def millimetres(most: int) -> st.SearchStrategy[float]:
    return st.integers(0, most).map(lambda value: value / 1000.0)


def array_of(*shapes: BaseGeometry) -> Any:
    found = np.empty(len(shapes), dtype=object)
    found[:] = shapes
    return found


def left_of(shape: BaseGeometry, centre: Any, axis: Any) -> float:
    """Area on the left of a line, by clipping with a huge rectangle (independent)."""
    far = 5000.0
    left = np.array([-axis[1], axis[0]])
    start, end = centre - far * axis, centre + far * axis
    half = Polygon([start, end, end + far * left, start + far * left])
    return float(shape.intersection(half).area)


@examples(60)
@given(st.lists(bodies(), min_size=1, max_size=4), st.floats(0, 360))
def test_half_area_is_the_clipped_area(shapes: list[BaseGeometry], turned: float) -> None:
    angle = math.radians(turned)
    axis = np.tile([math.cos(angle), math.sin(angle)], (len(shapes), 1))
    centre = np.array([[shape.centroid.x + 3.0, shape.centroid.y - 2.0] for shape in shapes])
    found = surfaces.half_area(array_of(*shapes), centre, axis)
    for number, shape in enumerate(shapes):
        expected = left_of(shape, centre[number], axis[number])
        assert found[number] == pytest.approx(expected, abs=1e-4 + 1e-8 * shape.area)
    other = surfaces.half_area(array_of(*shapes), centre, -axis)
    assert np.allclose(found + other, shapely.area(array_of(*shapes)), atol=1e-4)


def test_half_area_by_hand() -> None:
    shape = box(0, 0, 10, 4)
    found = surfaces.half_area(
        array_of(shape, shape, Polygon(), shape),
        np.array([[5.0, 1.0], [5.0, 1.0], [0.0, 0.0], [5.0, 9.0]]),
        np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]),
    )
    assert found.tolist() == pytest.approx([30.0, 10.0, 0.0, 0.0])


def test_half_area_does_not_mind_the_direction_of_rings() -> None:
    ring = box(0, 0, 20, 10).difference(box(4, 6, 8, 9))
    turned = shapely.reverse(ring)
    for shape in (ring, turned):
        found = surfaces.half_area(array_of(shape), np.array([[10.0, 5.0]]), np.array([[1.0, 0.0]]))
        assert found[0] == pytest.approx(100.0 - 12.0)


# --- planes ------------------------------------------------------------------------------------


def planes_of(
    shapes: Any, form: str, given: Assumptions, *, convergence: float = 0.0, north: bool = True
) -> surfaces.Planes:
    count = len(shapes)
    return surfaces.describe_planes(
        shapes,
        np.array([form] * count, dtype=object),
        np.full(count, convergence),
        np.full(count, north),
        given.surfaces,
        given.layout,
    )


@examples(40)
@given(bodies(), st.sampled_from(ROOF_FORMS))
def test_planes_add_up_to_the_footprint(shape: BaseGeometry, form: str) -> None:
    planes = planes_of(array_of(shape), form, load())
    assert planes.plan_area_m2.sum() == pytest.approx(shape.area, rel=1e-9)
    assert np.all(planes.usable_area_m2 >= 0.0)
    assert np.all(planes.usable_area_m2 <= planes.plan_area_m2 + 1e-6)
    assert np.all((planes.azimuth >= 0.0) & (planes.azimuth < 360.0))
    assert len(planes.roof) == (2 if form in ("metal_sheet", "pitched") else 1)


@examples(30)
@given(bodies(), st.sampled_from(ROOF_FORMS), millimetres(4000), millimetres(6000))
def test_a_wider_setback_never_leaves_more(
    shape: BaseGeometry, form: str, first: float, more: float
) -> None:
    def usable(setback: float) -> float:
        rules = load(user={f"layout.{form}.edge_setback_m": setback})
        return float(planes_of(array_of(shape), form, rules).usable_area_m2.sum())

    assert usable(first + more) <= usable(first) + 1e-6


def test_usable_area_by_hand() -> None:
    rules = load()
    flat = planes_of(array_of(box(0, 0, 60, 30)), "flat_concrete", rules)
    assert flat.usable_area_m2.tolist() == pytest.approx([57 * 27 * 0.88 * 1.0 * 0.94])
    sheet = planes_of(array_of(box(0, 0, 60, 30)), "metal_sheet", rules)
    kept = rules.layout.metal_sheet.usable_fraction
    edge = rules.layout.metal_sheet.edge_setback_m
    half = (60 - 2 * edge) * (15 - edge) * kept  # no strip along the ridge
    assert sheet.usable_area_m2.tolist() == pytest.approx([half, half])
    tooth = planes_of(array_of(box(0, 0, 60, 30)), "saw_tooth", rules)
    edge = rules.layout.saw_tooth.edge_setback_m
    kept = rules.layout.saw_tooth.usable_fraction * rules.surfaces.saw_tooth_plan_fraction
    assert tooth.usable_area_m2[0] == pytest.approx((60 - 2 * edge) * (30 - 2 * edge) * kept)


def test_tiny_roofs_have_planes_without_usable_area() -> None:
    for form in ROOF_FORMS:
        edge = load().layout.of(form).edge_setback_m
        side = 1.9 * edge
        planes = planes_of(array_of(box(0, 0, side, side)), form, load())
        assert planes.usable_area_m2.sum() == 0.0
        assert planes.plan_area_m2.sum() == pytest.approx(side * side)
        assert not np.isnan(planes.azimuth).any()


def test_dumbbells_fall_apart_under_the_setback_and_still_count() -> None:
    """Two halls joined by a 1 m corridor: the inset is a MultiPolygon."""
    shape = shapely.union_all([box(0, 0, 30, 30), box(30, 14.5, 60, 15.5), box(60, 0, 90, 30)])
    planes = planes_of(array_of(shape), "flat_concrete", load())
    assert planes.usable_area_m2[0] == pytest.approx(2 * 27 * 27 * 0.88 * 0.94, rel=1e-3)


# --- azimuths ----------------------------------------------------------------------------------


def test_a_gable_looks_to_both_sides_of_its_long_axis() -> None:
    planes = planes_of(array_of(box(0, 0, 60, 20)), "metal_sheet", load())
    assert sorted(planes.azimuth.tolist()) == pytest.approx([0.0, 180.0])
    upright = planes_of(array_of(box(0, 0, 20, 60)), "pitched", load())
    assert sorted(upright.azimuth.tolist()) == pytest.approx([90.0, 270.0])


def test_each_gable_plane_lies_on_the_side_it_faces() -> None:
    """A wedge, wider in the north: the plane that faces north is the larger one."""
    wedge = Polygon([(0, 0), (100, 0), (100, 30), (60, 45), (0, 30)])
    planes = planes_of(array_of(wedge), "metal_sheet", load())
    facing = dict(zip(planes.azimuth.round().tolist(), planes.plan_area_m2, strict=True))
    north = next(area for azimuth, area in facing.items() if azimuth in (0.0, 360.0))
    south = facing[180.0]
    middle = shapely.oriented_envelope(wedge).centroid.y
    assert north == pytest.approx(wedge.intersection(box(-1, middle, 200, 200)).area, rel=1e-9)
    assert south == pytest.approx(wedge.intersection(box(-1, -99, 200, middle)).area, rel=1e-9)


@examples(50)
@given(st.floats(0.0, 360.0), st.sampled_from(["metal_sheet", "pitched"]))
def test_azimuths_turn_with_the_building(turned: float, form: str) -> None:
    """Anticlockwise by t on the map lowers every azimuth by t."""
    straight = box(-40, -15, 40, 15)
    shape = affinity.translate(affinity.rotate(straight, turned), 3.5e5, 3.45e6)
    planes = planes_of(array_of(shape), form, load())
    expected = sorted(((180.0 - turned) % 180.0, (180.0 - turned) % 180.0 + 180.0))
    for azimuth in planes.azimuth:
        away = min(abs((azimuth - other + 180.0) % 360.0 - 180.0) for other in expected)
        assert away < 1e-3  # coordinates near 3.45e6 m hold 1e-9 m only
    assert abs(planes.azimuth[0] - planes.azimuth[1]) == pytest.approx(180.0, abs=1e-9)


@examples(50)
@given(st.floats(0.0, 360.0), st.booleans())
def test_saw_teeth_face_the_normal_nearest_the_equator(turned: float, north: bool) -> None:
    shape = affinity.rotate(box(-40, -15, 40, 15), turned)
    planes = planes_of(array_of(shape), "saw_tooth", load(), north=north)
    equator = 180.0 if north else 0.0
    away = abs((planes.azimuth[0] - equator + 180.0) % 360.0 - 180.0)
    assert away <= 45.0 + 1e-6
    offset = (planes.azimuth[0] + turned) % 90.0
    assert min(offset, 90.0 - offset) < 1e-6  # a normal of the rectangle


def test_level_roofs_face_the_equator() -> None:
    shape = array_of(box(0, 0, 30, 20))
    assert planes_of(shape, "flat_concrete", load()).azimuth[0] == 180.0
    assert planes_of(shape, "flat_concrete", load(), north=False).azimuth[0] == 0.0


def test_planes_facing_away_carry_nothing_beyond_the_limit() -> None:
    shape = array_of(box(0, 0, 60, 20))
    pitched = planes_of(shape, "pitched", load())
    usable = dict(zip(pitched.azimuth.round() % 360, pitched.usable_area_m2, strict=True))
    assert usable[0.0] == 0.0
    assert usable[180.0] > 0.0
    south = planes_of(shape, "pitched", load(), north=False)
    usable = dict(zip(south.azimuth.round() % 360, south.usable_area_m2, strict=True))
    assert usable[0.0] > 0.0
    assert usable[180.0] == 0.0
    both = load(user={"layout.pitched.max_azimuth_from_equator_deg": 180.0})
    assert np.all(planes_of(shape, "pitched", both).usable_area_m2 > 0.0)


@pytest.mark.parametrize(
    ("crs", "longitude", "latitude"),
    [
        ("EPSG:32651", 121.0, 31.2),
        ("EPSG:32651", 121.9, 30.7),
        ("EPSG:32651", 125.5, 31.2),
        ("EPSG:32756", 151.2, -33.9),
        ("EPSG:4549", 121.4, 31.2),
    ],
)
def test_azimuths_are_true_whatever_the_grid(crs: str, longitude: float, latitude: float) -> None:
    """A ridge laid out on the ellipsoid with a known true bearing comes back with it."""
    geod, bearing = pyproj.Geod(ellps="WGS84"), 70.0
    to_grid = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    corners = []
    for along, across in ((60, 20), (60, -20), (-60, -20), (-60, 20)):
        angle = bearing + math.degrees(math.atan2(across, along))
        lon, lat, _ = geod.fwd(longitude, latitude, angle, math.hypot(along, across))
        corners.append(to_grid.transform(lon, lat))
    roof = toy.buildings().iloc[:1].set_crs(crs, allow_override=True)
    roof = roof.set_geometry([Polygon(corners)], crs=crs)
    found = places(roof)
    assert found.longitude[0] == pytest.approx(longitude, abs=1e-3)
    assert found.latitude[0] == pytest.approx(latitude, abs=1e-3)
    planes = planes_of(
        roof.geometry.to_numpy(), "metal_sheet", load(),
        convergence=float(found.convergence_deg[0]), north=latitude > 0,
    )  # fmt: skip
    assert sorted(planes.azimuth.tolist()) == pytest.approx([160.0, 340.0], abs=0.02)


def test_the_sign_of_the_convergence_matters() -> None:
    """West of the central meridian grid north lies west of true north: 0.8° at Shanghai."""
    where = places(toy.buildings())
    geod = pyproj.Geod(ellps="WGS84")
    x, y = toy.EAST, toy.NORTH
    start, end = toy.degrees(0, 0), toy.degrees(0, 1000)
    bearing = geod.inv(*start, *end)[0]  # true bearing of grid north
    assert x < 500_000.0
    assert y > 0.0
    assert bearing == pytest.approx(where.convergence_deg[0], abs=1e-3)
    assert -1.0 < bearing < -0.7


# --- the long axis -----------------------------------------------------------------------------


@examples(25)
@given(bodies())
def test_the_long_axis_is_that_of_the_rotated_rectangle(shape: BaseGeometry) -> None:
    centre, axis = surfaces.long_axis(array_of(shape))
    assert np.hypot(*axis[0]) == pytest.approx(1.0)
    assert axis[0, 0] > -1e-9
    rectangle = shapely.oriented_envelope(shape)
    sides = [LineString(pair) for pair in zip(
        rectangle.exterior.coords[:-1], rectangle.exterior.coords[1:], strict=True
    )]  # fmt: skip
    longest = max(side.length for side in sides)
    points = shapely.get_coordinates(shape) - centre[0]
    spread = points @ axis[0]
    assert spread.max() - spread.min() == pytest.approx(longest, rel=1e-3)
    across = points @ np.array([-axis[0, 1], axis[0, 0]])
    # GEOS finds the rectangle to about a millimetre at coordinates of millions of metres.
    assert abs(spread.max() + spread.min()) < 0.05
    assert abs(across.max() + across.min()) < 0.05


def test_of_a_square_the_level_side_counts_as_long() -> None:
    _, axis = surfaces.long_axis(array_of(box(0, 0, 30, 30), affinity.rotate(box(0, 0, 9, 9), 10)))
    assert np.abs(axis[0]) == pytest.approx([1.0, 0.0])
    assert abs(axis[1][0]) > abs(axis[1][1])


# --- forms -------------------------------------------------------------------------------------


def test_forms_are_given_or_inferred_by_the_stated_rule() -> None:
    rules = load().surfaces
    cases = [
        # given, use, area, height -> form, source
        ("pitched", "industrial", 5000.0, 8.0, "pitched", "given"),
        (None, "industrial", 1000.0, 16.0, "metal_sheet", "inferred"),
        (None, "industrial", 999.9, 16.0, "flat_concrete", "inferred"),
        (None, "industrial", 1000.0, 16.1, "flat_concrete", "inferred"),
        (None, "residential", 5000.0, 8.0, "flat_concrete", "inferred"),
        (None, "Factory", 5000.0, 8.0, "metal_sheet", "inferred"),
        (None, "厂房", 5000.0, 8.0, "metal_sheet", "inferred"),
        (None, None, 5000.0, 8.0, "metal_sheet", "inferred"),
        (None, float("nan"), 5000.0, 8.0, "metal_sheet", "inferred"),
        (float("nan"), "", 5000.0, 8.0, "metal_sheet", "inferred"),
        ("dome", "industrial", 5000.0, 8.0, "metal_sheet", "inferred"),
    ]
    given, use, area, height, form, source = zip(*cases, strict=True)
    found = surfaces.roof_forms(
        np.array(given, dtype=object), np.array(use, dtype=object), np.array(area),
        np.array(height), rules,
    )  # fmt: skip
    assert found[0].tolist() == list(form)
    assert found[1].tolist() == list(source)


def test_mixed_forms_keep_their_roofs() -> None:
    """Planes are grouped by form inside; each must come back to its own roof."""
    shapes = array_of(*[box(0, 0, 40 + 5 * number, 20) for number in range(8)])
    forms = np.array([ROOF_FORMS[number % 4] for number in range(8)], dtype=object)
    given = load()
    planes = surfaces.describe_planes(
        shapes, forms, np.zeros(8), np.ones(8, dtype=bool), given.surfaces, given.layout
    )
    assert np.all(np.diff(planes.roof) >= 0)
    gross = np.bincount(planes.roof, weights=planes.plan_area_m2)
    assert np.allclose(gross, shapely.area(shapes))
    slopes = {0: 0.0, 1: 5.71, 2: 20.0, 3: 25.0}
    assert all(planes.slope[number] == slopes[roof % 4] for number, roof in enumerate(planes.roof))


def test_no_roofs_give_no_planes() -> None:
    given = load()
    planes = surfaces.describe_planes(
        np.empty(0, dtype=object), np.empty(0, dtype=object), np.zeros(0),
        np.zeros(0, dtype=bool), given.surfaces, given.layout,
    )  # fmt: skip
    assert len(planes.roof) == 0
