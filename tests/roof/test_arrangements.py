"""The arrangements tried: kinds, directions, facing, depth and pitch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pvplan.assumptions import Assumptions, Layout, load
from pvplan.outlines import outlines
from pvplan.roof import arrangements
from tests.conftest import examples


def test_kinds_of_flat_concrete_and_of_sheet(assumptions: Assumptions) -> None:
    layout, module = assumptions.layout, assumptions.module
    flat = arrangements.kinds_of(layout.flat_concrete, layout, module, 0.0)
    assert flat.mounting == ("racked",) * 10 + ("east_west",) * 2
    assert flat.tilt.tolist() == [5, 5, 10, 10, 15, 15, 20, 20, 25, 25, 10, 10]
    assert flat.orientation == ("portrait", "landscape") * 6
    assert flat.cell_modules.tolist() == [1] * 10 + [2] * 2
    sheet = arrangements.kinds_of(layout.metal_sheet, layout, module, 5.71)
    assert sheet.mounting == ("flush", "flush")
    assert sheet.tilt.tolist() == [5.71, 5.71]
    assert sheet.along_m.tolist() == [module.width_m, module.length_m]
    assert sheet.slant_m.tolist() == [module.length_m, module.width_m]


def test_depth_and_pitch(assumptions: Assumptions) -> None:
    layout, module = assumptions.layout, assumptions.module
    rules = replace(layout.flat_concrete, mountings=("flush", "racked", "east_west"))
    layout = replace(layout, racked_tilts_deg=(20.0,), module_orientations=("portrait",))
    kinds = arrangements.kinds_of(rules, layout, module, 5.0)
    depth = arrangements.depth_m(kinds, np.array([0.0, 60.0]), layout)
    leaning, pair = 2.382 * np.cos(np.radians(20)), 2 * 2.382 * np.cos(np.radians(10)) + 0.05
    np.testing.assert_allclose(depth, [[2.382, leaning, pair], [1.191, leaning, pair]])
    solstice = np.array([[[np.nan, 3.82, np.nan]], [[np.nan, np.inf, np.nan]]])
    pitch = arrangements.pitch_m(depth, solstice, kinds, layout)
    np.testing.assert_allclose(pitch, [[[2.402, 3.82, pair + 0.4]], [[1.211, np.inf, pair + 0.4]]])
    close = arrangements.pitch_m(depth, np.full((2, 1, 3), 1.0), kinds, layout)
    assert close[0, 0, 1] == pytest.approx(leaning + 0.4)
    absent = arrangements.pitch_m(depth, np.full((2, 1, 3), np.nan), kinds, layout)
    assert np.isnan(absent[:, 0, 1]).all()


@pytest.mark.parametrize(
    ("turn_deg", "equator", "convergence", "racked", "pair"),
    [
        (0.0, 180.0, 0.0, 180.0, 0.0),
        (0.0, 0.0, 0.0, 0.0, 0.0),
        (20.0, 180.0, 0.0, 160.0, 160.0),
        (20.0, 0.0, 0.0, 340.0, 160.0),
        (90.0, 180.0, 0.0, 270.0, 90.0),
        (-10.0, 180.0, 2.0, 192.0, 12.0),
    ],
)
def test_rows_face_the_equator_and_pairs_east(
    turn_deg: float, equator: float, convergence: float, racked: float, pair: float
) -> None:
    found = arrangements.facing(
        np.radians([[turn_deg, np.nan]]), np.array([convergence]), np.array([equator]),
        ("racked", "east_west"),
    )  # fmt: skip
    assert found.shape == (1, 2, 2)
    np.testing.assert_allclose(found[0, 0], [racked, pair], atol=1e-9)
    assert np.isnan(found[0, 1]).all()


@given(st.floats(-20.0, 20.0))
def test_noise_does_not_choose_the_side(noise: float) -> None:
    """Rows that run north-south tie: a few ulp of the direction never turn them around."""
    turn = np.array([[np.pi / 2, np.pi / 2 + noise * 1e-15]])
    found = arrangements.facing(turn, np.zeros(1), np.full(1, 180.0), ("racked",))
    assert found[0, 0, 0] == pytest.approx(found[0, 1, 0], abs=1e-9)


def directions(
    shape: shapely.Geometry, axis_deg: float, convergence: float, layout: Layout
) -> list[float]:
    turn = arrangements.directions(
        outlines(np.array([shape])), np.radians([axis_deg]), True, np.array([convergence]), layout
    )
    return np.degrees(turn[0][np.isfinite(turn[0])]).tolist()


def test_directions_of_level_roofs(assumptions: Assumptions) -> None:
    layout = assumptions.layout
    hall = shapely.affinity.rotate(shapely.box(0, 0, 80, 30), 25.0)
    assert directions(hall, 25.0, 0.0, layout) == pytest.approx([25.0, 115.0, 0.0])
    assert directions(hall, 25.0, 3.0, layout) == pytest.approx([25.0, 115.0, 3.0])
    assert directions(hall, 25.0, 24.0, layout) == pytest.approx([25.0, 115.0])
    axis_only = replace(layout, row_directions=("axis",))
    assert directions(hall, 25.0, 0.0, axis_only) == pytest.approx([25.0, 115.0])


def test_rows_to_the_equator_alone(assumptions: Assumptions) -> None:
    layout = replace(assumptions.layout, row_directions=("equator",))
    for axis, roof in ((25.0, 40.0), (0.0, 60.0)):
        hall = shapely.affinity.rotate(shapely.box(0, 0, roof, 20), axis)
        found = arrangements.directions(
            outlines(np.array([hall])), np.radians([axis]), True, np.array([0.4]), layout
        )
        assert np.isnan(found[0, [0, 1, 3]]).all()
        assert np.degrees(found[0, 2]) == pytest.approx(0.4)


def test_a_wing_at_an_angle_gives_its_own_direction(assumptions: Assumptions) -> None:
    wing = shapely.affinity.rotate(shapely.box(0, 0, 60, 20), 40.0, origin=(0, 0))
    roof = shapely.union(shapely.box(-80, 0, 10, 30), wing)
    only = replace(assumptions.layout, row_directions=("axis",))
    assert directions(roof, 0.0, 0.0, only) == pytest.approx([0.0, 90.0, 40.0])
    steep = shapely.affinity.rotate(roof, 20.0)
    # At 60° the wing's rows run along its short side, nearer to east-west, or along its long one.
    assert directions(steep, 20.0, 0.0, only) == pytest.approx([20.0, 110.0, 150.0, 60.0])


def test_slanted_outlines_are_tried_along_every_long_edge(assumptions: Assumptions) -> None:
    only = replace(assumptions.layout, row_directions=("axis",))
    roof = shapely.Polygon([(0, 0), (80, 0), (75, 35), (0, 31)])
    # Along the upper edge, less than 4° from the axis, and along the east side, whose normal
    # (nearer to east-west) is tried too.
    upper, east = np.degrees(np.arctan2([4.0, 35.0], [75.0, -5.0]))
    assert directions(roof, 0.0, 0.0, only) == pytest.approx([0.0, 90.0, upper, east - 90.0, east])
    # Rows of either direction end alike at walls that are off by less than half a module.
    skew = shapely.Polygon([(0, 0), (80, 0.5), (79.9, 31), (0, 31.1)])
    assert directions(skew, 0.0, 0.0, only) == pytest.approx([0.0, 90.0])


def test_slanted_neighbours_change_no_direction(assumptions: Assumptions) -> None:
    hall = shapely.box(0, 0, 80, 30)
    slanted = shapely.Polygon([(0, 0), (80, 0), (75, 35), (0, 31)])
    alone, both = (
        arrangements.directions(
            outlines(np.array(shapes)), np.zeros(len(shapes)), True, np.zeros(len(shapes)),
            assumptions.layout,
        )
        for shapes in ([hall], [hall, slanted])
    )  # fmt: skip
    assert alone.shape == (1, arrangements.DIRECTIONS)
    assert arrangements.DIRECTIONS < both.shape[1] <= arrangements.DIRECTIONS + arrangements.SLANTED
    np.testing.assert_array_equal(both[:1, : arrangements.DIRECTIONS], alone)
    assert np.isnan(both[0, arrangements.DIRECTIONS :]).all()


def test_slopes_and_missing_roofs(assumptions: Assumptions) -> None:
    halls = outlines(np.array([shapely.box(0, 0, 9, 5), None], dtype=object))
    axis = np.array([0.3, np.nan])
    flush = arrangements.directions(halls, axis, False, np.zeros(2), assumptions.layout)
    assert flush.shape == (2, 1)
    assert flush[0, 0] == 0.3
    axis[0] = 0.0
    level = arrangements.directions(halls, axis, True, np.zeros(2), assumptions.layout)
    assert level.shape == (2, arrangements.DIRECTIONS)
    assert np.isnan(level[1]).all()


@given(st.integers(0, 2**32 - 1))
@examples(30)
def test_every_direction_differs_from_every_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    around = np.sort(rng.uniform(0, 2 * np.pi, (20, 7)), axis=1)
    ring = np.stack([np.cos(around) * 40, np.sin(around) * 25], axis=-1)
    shapes = shapely.polygons(ring)
    turn = arrangements.directions(
        outlines(shapes), rng.uniform(0, np.pi, 20), True, rng.uniform(-2, 2, 20), load().layout
    )
    for row in np.degrees(turn):
        known = row[: arrangements.DIRECTIONS]
        known = known[np.isfinite(known)]
        apart = np.abs((known[:, None] - known + 90.0) % 180.0 - 90.0)
        assert (apart[~np.eye(len(known), dtype=bool)] > arrangements.APART_DEG - 1e-9).all()
    # Further ones lie along edges; no edge is longer than the outline is wide.
    least = np.degrees(np.arcsin(arrangements.STEP_M / 80.0))
    for row in np.degrees(turn):
        known = row[np.isfinite(row)]
        apart = np.abs((known[:, None] - known + 90.0) % 180.0 - 90.0)
        assert (apart[~np.eye(len(known), dtype=bool)] > least - 1e-9).all()
