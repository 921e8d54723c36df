"""Horizons from a surface model: hand truths, an independent ray tracer, and the hull's own brute.

``traced`` knows nothing of borders, blocks or counts: it clips a ray against the square of every
cell and asks the cell's plane at both ends. The two agree to the rounding of a float32.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan import assumptions
from pvplan.assumed import Shading
from pvplan.roof.sweep import sweep
from pvplan.roof.terrain import Surface, heights_at, horizons_at, surface, unseen_fraction
from tests.conftest import examples

RULES = dataclasses.replace(
    assumptions.load().shading, azimuth_bins=72, min_elevation_deg=0.1, max_distance_m=1000.0
)
NORTH, EAST, SOUTH, WEST = 0, 18, 36, 54
A_QUARTER = np.arange(8) * 45.0


def ruled(**changes: float) -> Shading:
    return dataclasses.replace(RULES, **changes)  # type: ignore[arg-type]


def seen(
    height: np.ndarray, column: float, row: float, rules: Shading = RULES, **options: float
) -> np.ndarray:
    """Return the horizon of one point that stands on the surface."""
    ready = surface(height.astype(np.float32), options.pop("cell_m", 1.0))
    place = np.array([column]), np.array([row])
    z = heights_at(ready, *place) + options.pop("above_m", 0.0)
    return horizons_at(ready, *place, z, rules, **options)[0]


def rough(seed: int, rows: int, columns: int, holes: float = 0.0) -> np.ndarray:
    """Return gentle ground with blocks, pitched roofs, poles and gaps."""
    random = np.random.default_rng(seed)
    row, column = np.mgrid[0:rows, 0:columns]
    height = 3.0 * np.sin(column / 17.0) + 2.0 * np.cos(row / 11.0)
    for _ in range(rows * columns // 150):
        top, left = random.integers(0, rows), random.integers(0, columns)
        deep, wide = random.integers(1, 12, 2)
        block = np.s_[top : top + deep, left : left + wide]
        height[block] = height[top, left] + random.gamma(2.0, 4.0)
        if random.random() < 0.3:
            height[block] += 0.4 * (column[block] - left)
    height[random.random((rows, columns)) < holes] = np.nan
    return height.astype(np.float32)


# --- chosen points: by hand ---------------------------------------------------------------------


def test_flat_ground_has_no_horizon() -> None:
    assert not seen(np.full((40, 50), 7.5), 20.3, 11.8).any()


def test_a_wall_due_south_stands_on_the_edge_of_its_cells() -> None:
    height = np.zeros((201, 401))
    height[130:, :] = 10.0
    found = seen(height, 200.5, 100.5)
    azimuth = np.radians(np.arange(72) * 5.0)
    distance = 29.5 / np.maximum(-np.cos(azimuth), 1e-9)
    wanted = np.degrees(np.arctan2(10.0, distance))
    reaches = distance * abs(np.sin(azimuth)) < 195.0
    np.testing.assert_allclose(
        found[reaches], np.where(wanted < 0.1, 0.0, wanted)[reaches], atol=1e-4
    )
    assert found[SOUTH] == pytest.approx(math.degrees(math.atan(10.0 / 29.5)), abs=1e-5)
    assert found[NORTH] == 0.0


def test_a_hillside_is_met_exactly_in_every_direction() -> None:
    row, column = np.mgrid[0:90, 0:80]
    # At the rim of the raster a cell has no slope, so rays stop short of it.
    found = seen(0.3 * column - 0.2 * row, 41.23, 44.77, ruled(max_distance_m=36.0))
    azimuth = np.radians(np.arange(72) * 5.0)
    wanted = np.degrees(np.arctan(0.3 * np.sin(azimuth) + 0.2 * np.cos(azimuth)))
    np.testing.assert_allclose(found, np.where(wanted < 0.1, 0.0, wanted), atol=1e-4)


def test_a_cone_seen_from_its_foot() -> None:
    """The highest elevation along each ray over the cone's own formula, in steps of 0.5 mm."""
    row, column = np.mgrid[0:300, 0:300] + 0.5
    height = np.maximum(0.0, 40.0 - 0.8 * np.hypot(column - 150.0, row - 150.0))
    found = seen(height, 150.0 - 90.0, 150.0)
    along = np.linspace(1.0, 200.0, 400_000)
    for k in range(72):
        east, south = math.sin(math.radians(5.0 * k)), -math.cos(math.radians(5.0 * k))
        rise = 40.0 - 0.8 * np.hypot(along * east - 90.0, along * south)
        wanted = math.degrees(math.atan(max(0.0, float((rise / along).max()))))
        assert found[k] == pytest.approx(wanted, abs=0.25), k


def test_a_point_on_a_step_sees_the_upper_side_and_not_the_lower() -> None:
    height = np.zeros((60, 60))
    height[:, 30:] = 5.0
    below, above = seen(height, 20.0, 30.0), seen(height, 40.0, 30.0)
    assert below[EAST] == pytest.approx(math.degrees(math.atan(0.5)), abs=1e-5)
    assert below[WEST] == 0.0
    assert not above.any()


def test_height_above_the_surface_lowers_what_is_seen() -> None:
    height = np.zeros((60, 60))
    height[:, 30:] = 5.0
    assert seen(height, 20.0, 30.0, above_m=2.0)[EAST] == pytest.approx(
        math.degrees(math.atan(0.3)), abs=1e-5
    )
    assert not seen(height, 20.0, 30.0, above_m=5.0).any()


def test_thresholds_cut_where_they_say() -> None:
    height = np.zeros((20, 300))
    height[:, 110:] = 5.0
    angle = math.degrees(math.atan(0.05))
    assert seen(height, 10.0, 10.0, ruled(min_elevation_deg=angle - 1e-3))[EAST] > 0.0
    assert seen(height, 10.0, 10.0, ruled(min_elevation_deg=angle + 1e-3))[EAST] == 0.0
    assert seen(height, 10.0, 10.0, ruled(max_distance_m=100.001))[EAST] > 0.0
    assert seen(height, 10.0, 10.0, ruled(max_distance_m=99.999))[EAST] == 0.0
    assert seen(height, 10.0, 10.0, blind_m=100.5)[EAST] == pytest.approx(
        math.degrees(math.atan(5.0 / 100.5)), abs=1e-5
    )


def test_the_length_of_a_cell_scales_distance_only() -> None:
    height = rough(3, 60, 60)
    fine = seen(height, 30.2, 30.6)
    coarse = seen(2.0 * height, 30.2, 30.6, ruled(max_distance_m=2000.0), cell_m=2.0)
    np.testing.assert_allclose(fine, coarse, atol=1e-4)


def test_noise_of_the_cells_next_door_is_kept_out_by_lift_and_blindness() -> None:
    """Why a caller lifts its points: 5 cm of noise on a flat roof looks like a wall beside them."""
    random = np.random.default_rng(0)
    ready = surface(random.normal(20.0, 0.05, (80, 80)).astype(np.float32), 0.5)
    place = random.uniform(30.0, 50.0, (2, 50))
    z, rules = heights_at(ready, *place), ruled(min_elevation_deg=2.5)
    bare = horizons_at(ready, *place, z, rules).mean()
    assert bare > 8.0
    assert horizons_at(ready, *place, z, rules, blind_m=1.5).mean() < 0.2 * bare
    assert not horizons_at(ready, *place, z + 0.3, rules, blind_m=1.5).any()


def test_a_pole_of_one_cell_is_a_box() -> None:
    height = np.zeros((50, 50))
    height[10, 25] = 20.0
    found = seen(height, 25.5, 30.5)
    assert found[NORTH] == pytest.approx(math.degrees(math.atan(20.0 / 19.5)), abs=1e-4)
    assert np.flatnonzero(found).tolist() == [NORTH]


def test_missing_cells_hide_nothing_and_are_counted() -> None:
    height = np.zeros((41, 41))
    height[:, 30:] = 9.0
    holed = height.copy()
    holed[:, 30] = np.nan
    assert seen(holed, 20.5, 20.5)[EAST] == pytest.approx(
        math.degrees(math.atan(9 / 10.5)), abs=1e-4
    )
    assert not seen(np.where(holed > 0, np.nan, holed), 20.5, 20.5).any()
    ready = surface(holed.astype(np.float32), 1.0)
    place = np.array([20.5, 0.5, np.nan]), np.array([20.5, 0.5, 1.0])
    unseen = unseen_fraction(ready, *place, 20.0)
    assert unseen[0] == pytest.approx(1.0 / 41.0)
    assert unseen[1] == pytest.approx(1.0 - 21 * 21 / 41**2)
    assert unseen[2] == 1.0


def test_points_outside_or_without_height_have_no_horizon() -> None:
    height = np.zeros((10, 10), dtype=np.float32)
    height[4, 4] = np.nan
    ready = surface(height, 1.0)
    column, row = np.array([-0.1, 10.0, 4.5, np.nan, 2.5]), np.array([5.0, 5.0, 4.5, 5.0, 2.5])
    z = heights_at(ready, column, row)
    assert np.isnan(z).tolist() == [True, True, True, True, False]
    found = horizons_at(ready, column, row, np.where([0, 0, 1, 0, 0], z, 0.0), RULES)
    assert np.isnan(found).all(axis=1).tolist() == [True, True, True, True, False]


def test_convergence_turns_the_bins_point_by_point() -> None:
    height = rough(5, 80, 80)
    ready = surface(height, 1.0)
    place = np.array([40.3, 40.3]), np.array([38.1, 38.1])
    z = heights_at(ready, *place)
    plain = horizons_at(ready, *place, z, RULES)
    turned = horizons_at(ready, *place, z, RULES, convergence_deg=np.array([0.0, 15.0]))
    np.testing.assert_array_equal(turned[0], plain[0])
    # Grid north is 15° east of true north: what lies on the grid at 0° has azimuth 15°.
    np.testing.assert_allclose(turned[1], np.roll(plain[1], 3), atol=1e-4)


# --- chosen points: against an independent tracer ----------------------------------------------


def traced(
    height: np.ndarray, column: float, row: float, z: float, azimuth: float, far: float
) -> float:
    """Clip one ray against every cell; return the highest elevation in degrees."""
    rows, columns = height.shape
    east, south = math.sin(math.radians(azimuth)), -math.cos(math.radians(azimuth))
    before, after = np.diff(height, axis=1)[:, :-1], np.diff(height, axis=1)[:, 1:]
    slope_x, slope_y = np.zeros((2, rows, columns))
    slope_x[:, 1:-1] = limited(before, after)
    slope_y[1:-1, :] = limited(np.diff(height, axis=0)[:-1], np.diff(height, axis=0)[1:])
    i, j = np.mgrid[0:rows, 0:columns].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        x0, x1 = (j - column) / east, (j + 1 - column) / east
        y0, y1 = (i - row) / south, (i + 1 - row) / south
    start = np.maximum(np.minimum(x0, x1), np.minimum(y0, y1))
    end = np.minimum(np.minimum(np.maximum(x0, x1), np.maximum(y0, y1)), far)
    met = (start < end - 1e-9) & (start > 0.0) & np.isfinite(height)
    best = 0.0
    for t in (start[met], end[met]):
        h = height[met] + slope_x[met] * (column + t * east - j[met] - 0.5)
        h += slope_y[met] * (row + t * south - i[met] - 0.5)
        best = max(best, float(((h - z) / t).max(initial=0.0)))
    return math.degrees(math.atan(best))


def limited(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        lesser = np.where(abs(before) < abs(after), before, after)
        return np.where(before * after > 0.0, lesser, 0.0)


@pytest.mark.parametrize("seed", range(4))
def test_rays_agree_with_an_independent_tracer(seed: int) -> None:
    height = rough(seed, 150, 170, holes=0.03 * (seed % 2)).astype(np.float64)
    height[77, 83] = 4.0
    random = np.random.default_rng(seed)
    column, row = random.uniform(2.0, 168.0, 12), random.uniform(2.0, 148.0, 12)
    column[0], row[0] = 83.5, 77.5
    ready = surface(height.astype(np.float32), 1.0)
    z = heights_at(ready, column, row) + 0.2
    rules = ruled(max_distance_m=60.0, azimuth_bins=40)
    found = horizons_at(ready, column, row, z, rules)
    for point in np.flatnonzero(np.isfinite(z)):
        wanted = [
            traced(ready.height.astype(float), column[point], row[point], z[point], 9.0 * k, 60.0)
            for k in range(40)
        ]
        wanted = np.where(np.array(wanted) < 0.1, 0.0, wanted)
        np.testing.assert_allclose(found[point], wanted, atol=2e-4)


# --- chosen points: laws -------------------------------------------------------------------------


@examples(40)
@given(st.integers(0, 10**6), st.integers(0, 90), st.integers(0, 70))
def test_the_window_does_not_matter_to_the_last_bit(seed: int, left: int, top: int) -> None:
    """Any window that reaches two cells beyond the farthest obstacle gives the same digits."""
    height = rough(seed % 7, 300, 320, holes=0.01)
    random = np.random.default_rng(seed)
    column, row = random.uniform(140.0, 170.0, 5), random.uniform(130.0, 160.0, 5)
    column[0], row[1] = math.floor(column[0]), math.floor(row[1])
    rules = ruled(max_distance_m=40.0)
    whole, part = (
        surface(height, 1.0),
        surface(height[top : 220 + top % 50, left : 230 + left % 60], 1.0),
    )
    z = heights_at(whole, column, row)
    np.testing.assert_array_equal(z, heights_at(part, column - left, row - top))
    np.testing.assert_array_equal(
        horizons_at(whole, column, row, z, rules),
        horizons_at(part, column - left, row - top, z, rules),
    )


@examples(25)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_quarter_turns_roll_the_bins(seed: int, turns: int) -> None:
    height = rough(seed % 11, 90, 90, holes=0.01)
    place = np.random.default_rng(seed).integers(5, 85, 2) + 0.5
    if np.isnan(height[int(place[1]), int(place[0])]):
        return
    x, y = place
    for _ in range(turns):
        # np.rot90 turns counter-clockwise: east comes to lie in the north.
        x, y = y, 90.0 - x
    turned = seen(np.rot90(height, turns), x, y)
    np.testing.assert_allclose(np.roll(seen(height, *place), -18 * turns), turned, atol=1e-4)


@examples(25)
@given(st.integers(0, 10**6), st.floats(0.0, 30.0))
def test_raising_anything_else_never_lowers_a_flat_roofs_horizon(seed: int, more: float) -> None:
    height = np.round(rough(seed % 5, 60, 60))
    random = np.random.default_rng(seed)
    higher = height.copy()
    top, left = random.integers(0, 25, 2)
    higher[top : top + 8, left : left + 8] = height[top : top + 8, left : left + 8].max() + more
    flat = np.s_[38:45, 38:45]
    height[flat] = higher[flat] = 2.0
    boxes = [seen(np.kron(h, np.ones((3, 3))), 124.5, 124.5) for h in (height, higher)]
    assert (boxes[1] >= boxes[0] - 1e-3).all()


def test_points_do_not_know_of_each_other() -> None:
    height = rough(2, 120, 120)
    ready = surface(height, 0.5)
    random = np.random.default_rng(0)
    column, row = random.uniform(0, 120, 50), random.uniform(0, 120, 50)
    z = heights_at(ready, column, row)
    whole = horizons_at(ready, column, row, z, RULES)
    order = random.permutation(50)
    np.testing.assert_array_equal(
        whole[order], horizons_at(ready, column[order], row[order], z[order], RULES)
    )
    np.testing.assert_array_equal(whole[:7], horizons_at(ready, column[:7], row[:7], z[:7], RULES))


def test_inputs_stay_as_they_were() -> None:
    height = rough(1, 30, 30)
    kept = height.copy()
    ready: Surface = surface(height, 1.0)
    horizons_at(ready, np.array([9.5]), np.array([9.5]), np.array([1.0]), RULES)
    sweep(height, 1.0, A_QUARTER)
    np.testing.assert_array_equal(height, kept)


# --- every cell -----------------------------------------------------------------------------------


def exhaustive(height: np.ndarray, cell_m: float, azimuth: float) -> np.ndarray:
    """Compare every cell with every other on its line: the same cells, no hull."""
    east, south = math.sin(math.radians(azimuth)), -math.cos(math.radians(azimuth))
    if abs(east) < abs(south):
        # Transposed, rows run east and columns south: east and south change places.
        return exhaustive_rows(height.T, cell_m, south, east).T
    return exhaustive_rows(height, cell_m, east, south)


def exhaustive_rows(height: np.ndarray, cell_m: float, major: float, minor: float) -> np.ndarray:
    rows, columns = height.shape
    offset = np.floor(minor / major * np.arange(columns) + 0.5).astype(int)
    found = np.where(np.isnan(height), np.nan, 0.0)
    for row in range(rows):
        for column in range(columns):
            ahead = np.arange(column + 1, columns) if major > 0 else np.arange(column)
            line = row - offset[column] + offset[ahead]
            ahead, line = ahead[(line >= 0) & (line < rows)], line[(line >= 0) & (line < rows)]
            rise = height[line, ahead].astype(float) - height[row, column]
            slope = rise * abs(major) / (abs(ahead - column) * cell_m)
            if not np.isnan(height[row, column]) and np.isfinite(slope).any():
                found[row, column] = max(0.0, math.degrees(math.atan(np.nanmax(slope))))
    return found


@pytest.mark.parametrize(
    "azimuth", [0.0, 17.0, 45.0, 90.0, 123.4, 180.0, 225.0, 270.0, 301.0, 350.0]
)
def test_the_hull_is_the_exhaustive_search_of_the_same_cells(azimuth: float) -> None:
    height = rough(int(azimuth), 33, 41, holes=0.02)
    found = sweep(height, 0.7, np.array([azimuth]))[0]
    np.testing.assert_allclose(found, exhaustive(height, 0.7, azimuth), atol=2e-5)


def test_sweep_of_flat_ground_a_wall_and_gaps() -> None:
    height = np.zeros((30, 40), dtype=np.float32)
    assert not sweep(height, 1.0, A_QUARTER).any()
    height[:, 30] = 6.0
    height[3, 30] = np.nan
    found = sweep(height, 1.0, np.array([90.0, 270.0]))
    assert found[0, 10, 20] == pytest.approx(math.degrees(math.atan(0.6)), abs=2e-5)
    assert found[1, 10, 20] == found[0, 3, 20] == 0.0
    assert np.isnan(found[:, 3, 30]).all()
    assert sweep(height[:0], 1.0, A_QUARTER).shape == (8, 0, 40)


def test_sweep_turns_with_the_ground_and_moves_with_it() -> None:
    height = rough(9, 50, 50)
    azimuths = np.arange(12) * 30.0
    found = sweep(height, 1.0, azimuths)
    turned = sweep(np.rot90(height), 1.0, azimuths)
    for k in (0, 3, 6, 9):
        np.testing.assert_allclose(turned[k], np.rot90(found[(k + 3) % 12]), atol=1e-5)
    np.testing.assert_allclose(sweep(height + 64.0, 1.0, azimuths), found, atol=1e-2)
    each = np.stack([sweep(height, 1.0, azimuths[k : k + 1])[0] for k in range(12)])
    np.testing.assert_array_equal(each, found)


def test_the_two_ways_agree_on_hills_around_a_plain() -> None:
    """Far from what it sees, the sweep's nearest cells are as good as the exact ones."""
    row, column = np.mgrid[0:420, 0:420]
    hills = 40.0 + 20.0 * np.sin(column / 25.0) + 15.0 * np.cos(row / 31.0)
    height = hills * np.clip(np.hypot(column - 210.0, row - 210.0) / 40.0 - 3.5, 0.0, 1.0)
    place = np.random.default_rng(4).integers(195, 225, (2, 60))
    ready = surface(height.astype(np.float32), 1.0)
    at = place[0] + 0.5, place[1] + 0.5
    rays = horizons_at(ready, *at, heights_at(ready, *at), ruled(azimuth_bins=36))
    hull = sweep(ready.height, 1.0, np.arange(36) * 10.0)[:, place[1], place[0]].T
    difference = abs(rays - hull)
    assert rays.min() > 5.0
    # The diagonal of a cell, nearer or farther and to the side, at 125 cells.
    assert difference.max() < 0.3
