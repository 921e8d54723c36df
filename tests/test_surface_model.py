"""Surface models: what is refused and why, windows that change nothing, heights where they lie."""

from __future__ import annotations

import dataclasses
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from rasterio.transform import Affine

from pvplan import assumptions
from pvplan.errors import InputError
from pvplan.roof.terrain import heights_at, horizons_at, surface
from pvplan.sources.surface_model import (
    Placed,
    SurfaceModel,
    check_covers,
    open_surface_model,
    place,
    read_window,
    windows,
)
from tests.conftest import examples

UTM = "EPSG:32651"
# Upper left corner of every raster, in Shanghai.
WEST, NORTH = 351_000.0, 3_456_000.0
RULES = dataclasses.replace(assumptions.load().shading, max_distance_m=60.0)


def write(path: Path, height: np.ndarray, cell_m: float = 1.0, **options: Any) -> Path:
    unit, scale = options.pop("unit", None), options.pop("scale", None)
    bands = height[None] if height.ndim == 2 else height
    profile = {
        "driver": "GTiff",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": str(bands.dtype),
        "crs": UTM,
        "transform": Affine(cell_m, 0.0, WEST, 0.0, -cell_m, NORTH),
    } | options
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(bands)
        if unit is not None:
            raster.set_band_unit(1, unit)
        if scale is not None:
            raster.scales = (scale,)
    return path


def town(rows: int = 200, columns: int = 240, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    row, column = np.mgrid[0:rows, 0:columns]
    height = 4.0 + 2.0 * np.sin(column / 40.0) + np.cos(row / 30.0)
    for _ in range(rows * columns // 800):
        top, left = random.integers(0, rows), random.integers(0, columns)
        deep, wide = random.integers(5, 20, 2)
        height[top : top + deep, left : left + wide] = height[top, left] + random.gamma(2.0, 6.0)
    return height.astype(np.float32)


def horizons(
    model: SurfaceModel, placed: Placed, max_cells: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the horizon and height of every point, and how many windows it took."""
    found = np.full((len(placed.inside), RULES.azimuth_bins), np.nan, dtype=np.float32)
    z, count = np.full(len(placed.inside), np.nan), 0
    for part in windows(model, placed, RULES.max_distance_m, max_cells):
        assert part.window.height.size <= max_cells
        ready = surface(part.window.height, part.window.cell_m)
        z[part.points] = heights_at(ready, part.column, part.row)
        found[part.points] = horizons_at(
            ready,
            part.column,
            part.row,
            z[part.points],
            RULES,
            convergence_deg=placed.convergence_deg[part.points],
        )
        count += 1
    return found, z, count


# --- refusals -------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_surface_model(path)
    assert all(fault.startswith(path.name) for fault in caught.value.faults)
    return str(caught.value)


def test_degrees_are_refused_with_the_zone_to_take(tmp_path: Path) -> None:
    turn = Affine(1e-5, 0.0, 121.4, 0.0, -1e-5, 31.3)
    text = refused(write(tmp_path / "a.tif", town(), crs="EPSG:4326", transform=turn))
    assert "degrees" in text
    assert "gdalwarp -t_srs EPSG:32651" in text


@pytest.mark.parametrize(
    ("crs", "word"),
    [(None, "no CRS"), ("EPSG:2263", "foot"), ("EPSG:3857", "on the ground")],
)
def test_other_frames_are_refused(tmp_path: Path, crs: str | None, word: str) -> None:
    transform = {
        None: Affine(1.0, 0.0, WEST, 0.0, -1.0, NORTH),
        "EPSG:2263": Affine(3.0, 0.0, 980_000.0, 0.0, -3.0, 200_000.0),
        "EPSG:3857": Affine(1.0, 0.0, 13_520_000.0, 0.0, -1.0, 3_660_000.0),
    }[crs]
    assert word in refused(write(tmp_path / "a.tif", town(), crs=crs, transform=transform))


def test_a_site_grid_is_refused(tmp_path: Path) -> None:
    text = refused(write(tmp_path / "a.tif", town(), crs='LOCAL_CS["works",UNIT["metre",1]]'))
    assert "of its own" in text


@pytest.mark.parametrize(
    ("transform", "word"),
    [
        (Affine(1.0, 0.1, WEST, 0.1, -1.0, NORTH), "rotated"),
        (Affine(1.0, 0.0, WEST, 0.0, 1.0, NORTH), "mirrored"),
        (Affine(1.0, 0.0, WEST, 0.0, -1.01, NORTH), "not square"),
    ],
)
def test_grids_that_are_no_grid_are_refused(tmp_path: Path, transform: Affine, word: str) -> None:
    text = refused(write(tmp_path / "a.tif", town(), transform=transform))
    assert word in text
    assert "gdalwarp" in text


def test_cells_square_within_a_thousandth_are_taken(tmp_path: Path) -> None:
    turn = Affine(1.0, 0.0, WEST, 0.0, -1.0005, NORTH)
    model = open_surface_model(write(tmp_path / "a.tif", town(), transform=turn))
    placed = place(model, WEST + 0.5, NORTH - 199.5 * 1.0005, UTM)
    assert placed.row[0] == pytest.approx(199.5, abs=1e-6)
    assert model.south == pytest.approx(NORTH - 200.1)


def test_feet_centimetres_and_nothing_are_refused(tmp_path: Path) -> None:
    assert "'ft'" in refused(write(tmp_path / "a.tif", town(), unit="ft"))
    rough = np.random.default_rng(0).uniform(0.0, 900.0, (80, 80)).astype(np.float32)
    assert "centimetres" in refused(write(tmp_path / "b.tif", rough))
    assert "empty" in refused(write(tmp_path / "c.tif", np.full((9, 9), -9999.0, np.float32)))
    assert "cannot be read" in refused(tmp_path / "absent.tif")


def test_every_fault_is_listed_at_once(tmp_path: Path) -> None:
    turn = Affine(1e-5, 0.0, 121.4, 0.0, -2e-5, 31.3)
    two = np.stack([town(), town()])
    path = write(tmp_path / "a.tif", two, crs="EPSG:4326", transform=turn, unit="feet")
    with pytest.raises(InputError) as caught:
        open_surface_model(path)
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize(("unit", "stated"), [("metre", True), ("M", True), (None, False)])
def test_who_says_metres(tmp_path: Path, unit: str | None, stated: bool) -> None:
    model = open_surface_model(write(tmp_path / "a.tif", town(), unit=unit))
    assert model.unit_stated is stated


def test_a_vertical_axis_says_metres_or_feet(tmp_path: Path) -> None:
    metres = write(tmp_path / "a.tif", town(), crs="EPSG:32651+5773")
    model = open_surface_model(metres)
    assert model.unit_stated
    placed = place(model, WEST + 9.5, NORTH - 9.5, UTM)
    assert placed.column[0] == pytest.approx(9.5, abs=1e-6)
    assert np.isfinite(placed.convergence_deg).all()
    assert "foot" in refused(write(tmp_path / "b.tif", town(), crs="EPSG:32618+6360"))


# --- heights --------------------------------------------------------------------------------------


def test_gaps_faults_and_spikes_become_nan_and_are_counted(tmp_path: Path) -> None:
    height = town()
    height[5, 5:8] = -9999.0
    height[50, 60] = 1e5
    height[51, 60] = np.nan
    height[100, 100] = 2500.0
    model = open_surface_model(write(tmp_path / "a.tif", height, nodata=-9999.0))
    window = read_window(model, WEST, NORTH - 200.0, WEST + 240.0, NORTH, UTM)
    assert window.missing_count == 4
    assert (window.implausible_count, window.spike_count) == (1, 1)
    assert np.isnan(window.height).sum() == 6
    known = np.isfinite(window.height)
    np.testing.assert_array_equal(window.height[known], height[known])


def test_a_spike_at_the_edge_of_a_window_is_judged_by_what_lies_beyond(tmp_path: Path) -> None:
    height = town()
    height[100, 100:102] = 2500.0
    model = open_surface_model(write(tmp_path / "a.tif", height))
    window = read_window(model, WEST + 90.0, NORTH - 110.0, WEST + 101.0, NORTH - 90.0, UTM)
    assert window.height.shape == (20, 11)
    assert window.spike_count == 0
    assert window.height[10, 10] == 2500.0


def test_integers_with_a_scale_are_metres(tmp_path: Path) -> None:
    stored = np.round(town() * 10.0).astype(np.int16)
    model = open_surface_model(write(tmp_path / "a.tif", stored, scale=0.1, nodata=-32768))
    window = read_window(model, WEST, NORTH - 9.0, WEST + 9.0, NORTH, UTM)
    np.testing.assert_allclose(window.height, stored[:9, :9] * 0.1, rtol=1e-6)


def test_a_window_knows_where_it_lies(tmp_path: Path) -> None:
    height = town()
    model = open_surface_model(write(tmp_path / "a.tif", height, cell_m=0.5))
    window = read_window(model, WEST + 10.2, NORTH - 30.0, WEST + 20.0, NORTH - 5.3, UTM)
    assert (window.first_row, window.first_column) == (10, 20)
    assert (window.west, window.north) == (WEST + 10.0, NORTH - 5.0)
    np.testing.assert_array_equal(window.height, height[10:60, 20:40])


def test_a_window_in_another_crs_holds_what_was_asked(tmp_path: Path) -> None:
    model = open_surface_model(write(tmp_path / "a.tif", town()))
    to_degrees = pyproj.Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform([WEST + 50.0, WEST + 80.0], [NORTH - 80.0, NORTH - 50.0])
    window = read_window(model, lon[0], lat[0], lon[1], lat[1], "EPSG:4326")
    assert window.first_column <= 50
    assert window.first_row <= 50
    assert window.first_column + window.height.shape[1] >= 80
    assert window.height.size < 40 * 40


def test_windows_outside_or_too_large_are_refused(tmp_path: Path) -> None:
    model = open_surface_model(write(tmp_path / "a.tif", town()))
    with pytest.raises(InputError, match="outside the raster"):
        read_window(model, WEST - 50.0, NORTH - 10.0, WEST - 5.0, NORTH, UTM)
    vast = dataclasses.replace(model, rows=10_000, columns=10_000)
    with pytest.raises(InputError, match="100,000,000 cells"):
        read_window(vast, WEST, NORTH - 1e5, WEST + 1e5, NORTH, UTM)


# --- points ---------------------------------------------------------------------------------------


def test_points_outside_are_said_to_be_outside(tmp_path: Path) -> None:
    model = open_surface_model(write(tmp_path / "a.tif", town()))
    x = WEST + np.array([-0.1, 0.0, 100.0, 239.9, 240.0, np.nan])
    placed = place(model, x, np.full(6, NORTH - 100.0), UTM)
    assert placed.inside.tolist() == [False, True, True, True, False, False]
    found, z, _ = horizons(model, placed, 10**6)
    assert np.isnan(found).all(axis=1).tolist() == (~placed.inside).tolist()
    assert np.isnan(z).tolist() == (~placed.inside).tolist()
    with pytest.raises(InputError, match="give a surface model of this city"):
        check_covers(model, [0.0], [0.0], UTM)
    with pytest.raises(InputError, match="have no place"):
        check_covers(model, [np.nan], [np.inf], UTM)
    check_covers(model, x, np.full(6, NORTH - 100.0), UTM)
    # A block of roofs beside the raster is no fault: others may lie in it.
    assert not place(model, [0.0], [0.0], UTM).inside.any()


def test_no_points_are_no_windows(tmp_path: Path) -> None:
    model = open_surface_model(write(tmp_path / "a.tif", town()))
    placed = place(model, [], [], UTM)
    assert list(windows(model, placed, 10.0)) == []


def test_points_of_another_crs_fall_on_the_same_cells(tmp_path: Path) -> None:
    model = open_surface_model(write(tmp_path / "a.tif", town()))
    x, y = WEST + np.array([10.25, 200.75]), NORTH - np.array([20.5, 150.125])
    over = pyproj.Transformer.from_crs(UTM, "EPSG:4549", always_xy=True).transform(x, y)
    here, there = place(model, x, y, UTM), place(model, *over, "EPSG:4549")
    np.testing.assert_allclose(here.column, there.column, atol=1e-5)
    np.testing.assert_allclose(here.row, there.row, atol=1e-5)


def test_convergence_is_the_azimuth_of_grid_north(tmp_path: Path) -> None:
    model = open_surface_model(write(tmp_path / "a.tif", town()))
    placed = place(model, WEST + 100.0, NORTH - 100.0, UTM)
    to_degrees = pyproj.Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform([WEST + 100.0] * 2, [NORTH - 100.0, NORTH])
    azimuth = pyproj.Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])[0]
    assert placed.convergence_deg[0] == pytest.approx(azimuth, abs=1e-3)
    assert abs(azimuth) > 0.5


@examples(12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), side=st.integers(130, 300))
def test_no_tiling_moves_a_digit(tmp_path: Path, seed: int, side: int) -> None:
    path = tmp_path / "town.tif"
    if not path.exists():
        height = town(420, 380)
        height[np.random.default_rng(1).random(height.shape) < 0.01] = -9999.0
        write(path, height, nodata=-9999.0, tiled=True, blockxsize=64, blockysize=64)
    model = open_surface_model(path)
    random = np.random.default_rng(seed)
    x, y = WEST + random.uniform(0.0, 380.0, 40), NORTH - random.uniform(0.0, 420.0, 40)
    placed = place(model, x, y, UTM)
    whole, z, count = horizons(model, placed, 10**6)
    parts, z_parts, more = horizons(model, placed, side * side)
    assert count == 1
    assert more >= count
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_array_equal(z, z_parts)
    few = random.permutation(40)[:9]
    alone, _, _ = horizons(model, place(model, x[few], y[few], UTM), side * side)
    np.testing.assert_array_equal(alone, whole[few])


def test_small_windows_are_many_and_every_point_is_in_one(tmp_path: Path) -> None:
    model = open_surface_model(write(tmp_path / "a.tif", town()))
    random = np.random.default_rng(0)
    x, y = WEST + random.uniform(0.0, 240.0, 300), NORTH - random.uniform(0.0, 200.0, 300)
    placed = place(model, x, y, UTM)
    parts = list(windows(model, placed, 10.0, 60 * 60))
    assert len(parts) > 10
    np.testing.assert_array_equal(
        np.sort(np.concatenate([part.points for part in parts])), np.arange(300)
    )


def test_a_halo_larger_than_memory_allows_is_refused(tmp_path: Path) -> None:
    model = open_surface_model(write(tmp_path / "a.tif", town()))
    placed = place(model, WEST + 100.0, NORTH - 100.0, UTM)
    with pytest.raises(InputError, match=r"lower shading\.terrain_max_distance_m"):
        list(windows(model, placed, 60.0, 100 * 100))


def test_memory_follows_the_window_not_the_raster(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.tile(town(), (12, 10)), compress="deflate", tiled=True)
    model = open_surface_model(path)
    x, y = np.mgrid[WEST + 5.0 : WEST + 2400.0 : 60.0, NORTH - 2395.0 : NORTH : 60.0]
    placed = place(model, x.ravel(), y.ravel(), UTM)
    tracemalloc.start()
    count = sum(1 for _ in windows(model, placed, 60.0, 250_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count > 20
    # A window, the next one, and what a strip of it takes while it is decoded.
    assert peak < 250_000 * 60 < model.rows * model.columns * 4


# --- truth ----------------------------------------------------------------------------------------


def test_a_block_in_the_raster_agrees_with_the_block_itself(tmp_path: Path) -> None:
    """A block 20 m high, 25 m south of a roof point: within one cell, without bias over phases."""
    errors = []
    for phase in np.arange(0.0, 1.0, 0.125):
        row, column = np.mgrid[0:200, 0:240] + 0.5
        inside = (abs(column - 120.0) < 30.0) & (row > 125.0 + phase) & (row < 145.0 + phase)
        path = write(tmp_path / "block.tif", np.where(inside, 20.0, 0.0).astype(np.float32))
        model = open_surface_model(path)
        placed = place(model, WEST + 120.0, NORTH - 100.0, UTM)
        found, z, _ = horizons(
            model, dataclasses.replace(placed, convergence_deg=np.zeros(1)), 10**6
        )
        assert z[0] == 0.0
        errors.append(
            found[0, found.shape[1] // 2] - math.degrees(math.atan(20.0 / (25.0 + phase)))
        )
    half_a_cell = math.degrees(math.atan(20.0 / 25.0) - math.atan(20.0 / 25.5))
    assert np.abs(errors).max() <= half_a_cell * 1.05
    assert abs(np.mean(errors)) < 0.1
