"""Irradiance rasters: units, nodata, bilinear sampling, bounded reading."""

from __future__ import annotations

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
from pvplan.sources import raster_units
from pvplan.sources.rasters import (
    check_covers,
    coverage,
    open_irradiance,
    sample_monthly,
)
from tests.conftest import examples

RULES = assumptions.load().irradiance
STEP = 0.05
# Upper left corner of every generated raster: the first centre is at 121.025° E, 31.975° N.
WEST, NORTH = 121.0, 32.0


def from_origin(west: float, north: float, width: float, height: float) -> Affine:
    return Affine(width, 0.0, west, 0.0, -height, north)


def write(path: Path, bands: np.ndarray, **options: Any) -> Path:
    """Write a small GeoTIFF; bands is (band, row, column)."""
    words = {key: options.pop(key) for key in ("tags", "units", "descriptions") if key in options}
    profile = {
        "driver": "GTiff",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": str(bands.dtype),
        "crs": "EPSG:4326",
        "transform": from_origin(WEST, NORTH, STEP, STEP),
    } | options
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(bands)
        raster.update_tags(**words.get("tags", {}))
        for band, unit in enumerate(words.get("units", ()), start=1):
            raster.set_band_unit(band, unit)
    return path


def year(value: float = 1300.0, shape: tuple[int, int] = (4, 5)) -> np.ndarray:
    return np.full((1, *shape), value, dtype=np.float32)


def plane(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Return a field that is linear in place, in kWh/m² a year."""
    return 1300.0 + 40.0 * (lon - 121.5) - 70.0 * (lat - 31.5)


def centres(shape: tuple[int, int], transform: Affine) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    x, y = columns + 0.5, rows + 0.5
    return (
        transform.a * x + transform.b * y + transform.c,
        transform.d * x + transform.e * y + transform.f,
    )


# --- real files -------------------------------------------------------------------------------


def test_global_solar_atlas_ghi_is_read_per_year(shared_data: Path) -> None:
    raster = open_irradiance(shared_data / "ras_gsa_benin" / "GHI.tif", RULES)
    assert (raster.unit, raster.unit_source, raster.bands) == ("kwh_per_m2_per_year", "range", 1)
    with rasterio.open(raster.path) as file:
        pixels, mask = file.read(1), file.read_masks(1)
        rows, columns = np.nonzero(mask)
        lon, lat = file.xy(rows, columns)
    sampled = sample_monthly(raster, np.asarray(lon), np.asarray(lat))
    # Every one of the 161 422 valid pixels comes back exactly at its own centre.
    np.testing.assert_array_equal(sampled[:, 0], pixels[rows, columns])
    assert sampled.mean() == pytest.approx(1940.56, abs=0.01)
    assert sampled.min() == 1660 and sampled.max() == 2130


def test_pvout_is_refused_as_irradiance_but_read_right_as_pvout(shared_data: Path) -> None:
    path = shared_data / "ras_gsa_benin" / "PVOUT.tif"
    with pytest.raises(InputError, match=r"PVOUT\.tif: holds pvout .* not ghi"):
        open_irradiance(path, RULES)
    raster = open_irradiance(path, RULES, quantity="pvout")
    assert raster.unit == "kwh_per_kw_per_year"
    with rasterio.open(path) as file:
        pixels = file.read(1)
        # The nodata of this file is 1.18e-38, its gaps are NaN, and its mask calls all valid.
        assert 0.0 < file.nodata < 1e-30
        assert (file.read_masks(1) == 255).all()
        assert np.isnan(pixels).sum() == 241998
        lon, lat = file.xy(*np.mgrid[0 : file.height, 0 : file.width].reshape(2, -1))
    values = sample_monthly(raster, np.asarray(lon), np.asarray(lat))[:, 0].reshape(pixels.shape)
    np.testing.assert_array_equal(values, pixels)
    assert np.nanmin(values) > 1300.0
    assert coverage(raster, np.asarray(lon), np.asarray(lat)) == pytest.approx(161202 / 403200)


def test_the_same_pvout_per_day_gives_the_same_year(shared_data: Path, tmp_path: Path) -> None:
    with rasterio.open(shared_data / "ras_gsa_benin" / "PVOUT.tif") as file:
        profile, pixels = file.profile, file.read()
    daily = tmp_path / "PVOUT.tif"
    with rasterio.open(daily, "w", **profile) as file:
        file.write((pixels / 365.0).astype(np.float32))
    per_day = open_irradiance(daily, RULES, quantity="pvout")
    per_year = open_irradiance(shared_data / "ras_gsa_benin" / "PVOUT.tif", RULES, quantity="pvout")
    assert (per_day.unit, per_year.unit) == ("kwh_per_kw_per_day", "kwh_per_kw_per_year")
    at = ([2.0, 2.4, 2.71], [9.0, 6.5, 11.013])
    np.testing.assert_allclose(
        sample_monthly(per_day, *at), sample_monthly(per_year, *at), rtol=1e-6
    )


def test_a_raster_of_another_continent_says_so(shared_data: Path) -> None:
    raster = open_irradiance(shared_data / "ras_gsa_benin" / "GHI.tif", RULES)
    lon, lat = [121.4, 121.6], [31.0, 31.2]
    assert coverage(raster, lon, lat) == 0.0
    with pytest.raises(InputError, match=r"GHI\.tif: covers 0.*121\.4.*11,\d{3} km apart"):
        check_covers(raster, lon, lat)


# --- units ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "unit"),
    [
        ("kWh/m2/day", "kwh_per_m2_per_day"),
        ("kWh/m²/d", "kwh_per_m2_per_day"),
        ("kWh m-2 day-1", "kwh_per_m2_per_day"),
        ("kWh/(m2*day)", "kwh_per_m2_per_day"),
        ("kWh/m^2 per day", "kwh_per_m2_per_day"),
        ("千瓦时 kWh/m2/日", "kwh_per_m2_per_day"),
        ("kWh/m2/month", "kwh_per_m2_per_month"),
        ("kWh/m²/yr", "kwh_per_m2_per_year"),
        ("kWh/m2/year", "kwh_per_m2_per_year"),
        ("kWh m-2 a-1", "kwh_per_m2_per_year"),
        ("W/m2", "w_per_m2"),
        ("W m-2", "w_per_m2"),
        ("W m**-2", "w_per_m2"),
    ],
)
def test_every_spelling_of_a_unit_is_understood(stated: str, unit: str) -> None:
    assert raster_units.units_in(stated, "ghi") == {unit}


@pytest.mark.parametrize("foreign", ["Wh/m2", "kWh/m2", "MJ/m2/day", "kWh/kWp/day", "kW/m2", "K"])
def test_other_units_are_not_taken_for_ours(foreign: str) -> None:
    assert raster_units.units_in(foreign, "ghi") == set()


@pytest.mark.parametrize("unit", ["kwh_per_m2_per_day", "kwh_per_m2_per_month", "w_per_m2"])
def test_twelve_bands_of_any_unit_give_the_same_months(tmp_path: Path, unit: str) -> None:
    months = np.array([60, 75, 100, 130, 150, 120, 160, 150, 115, 95, 70, 60], dtype=np.float64)
    factor = raster_units.factors(unit, 12)
    bands = np.broadcast_to((months / factor)[:, None, None], (12, 3, 3))
    path = write(tmp_path / "months.tif", np.ascontiguousarray(bands))
    raster = open_irradiance(path, RULES, unit=unit)
    assert raster.unit_source == "given"
    np.testing.assert_allclose(sample_monthly(raster, [121.06], [31.93])[0], months, rtol=1e-12)


def test_months_of_hand_worked_days(tmp_path: Path) -> None:
    # 4 kWh a day is 124 in January, 112 in February, 120 in April; 100 W is 2.4 kWh a day.
    path = write(tmp_path / "a.tif", np.full((12, 2, 2), 4.0))
    got = sample_monthly(open_irradiance(path, RULES), [121.05], [31.95])[0]
    assert got[[0, 1, 3]].tolist() == [124.0, 112.0, 120.0] and got.sum() == 1460.0
    path = write(tmp_path / "b.tif", np.full((1, 2, 2), 100.0))
    got = sample_monthly(open_irradiance(path, RULES, unit="w_per_m2"), [121.05], [31.95])
    assert got.shape == (1, 1) and got[0, 0] == pytest.approx(876.0)


def test_the_unit_is_taken_from_band_unit_and_from_tags(tmp_path: Path) -> None:
    by_band = write(tmp_path / "x.tif", year(150.0), units=["W/m2"])
    assert open_irradiance(by_band, RULES).unit == "w_per_m2"
    by_tag = write(tmp_path / "y.tif", year(150.0), tags={"units": "W m-2"})
    assert open_irradiance(by_tag, RULES).unit == "w_per_m2"
    words = "Long-term yearly average of daily totals of GHI"
    by_words = write(tmp_path / "z.tif", year(3.9), tags={"TIFFTAG_IMAGEDESCRIPTION": words})
    raster = open_irradiance(by_words, RULES)
    assert (raster.unit, raster.unit_source) == ("kwh_per_m2_per_day", "tags")


def test_an_unstated_unit_is_guessed_only_when_one_fits(tmp_path: Path) -> None:
    assert open_irradiance(write(tmp_path / "d.tif", year(3.6)), RULES).unit.endswith("per_day")
    with pytest.raises(InputError, match=r"m\.tif.*per_month and w_per_m2.*--irradiance-unit"):
        open_irradiance(write(tmp_path / "m.tif", year(150.0)), RULES)
    with pytest.raises(InputError, match=r"median 15 fits no known unit"):
        open_irradiance(write(tmp_path / "j.tif", year(15.0)), RULES)


def test_a_wrong_unit_names_the_one_that_fits(tmp_path: Path) -> None:
    path = write(tmp_path / "w.tif", year(3.6), tags={"units": "kWh/m2/year"})
    with pytest.raises(
        InputError, match=r"looks like kwh_per_m2_per_day \(factor 365\) labelled kwh_per_m2_per_y"
    ):
        open_irradiance(path, RULES)


def test_foreign_and_contradicting_units_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unit 'Wh/m2/day' is not one"):
        open_irradiance(write(tmp_path / "f.tif", year(3600), units=["Wh/m2/day"]), RULES)
    two = {"note": "kWh/m2/day", "remark": "kWh/m2/year"}
    with pytest.raises(InputError, match=r"tags name several units"):
        open_irradiance(write(tmp_path / "c.tif", year(), tags=two), RULES)
    with pytest.raises(InputError, match=r"'kwh_per_m2_per_yaer' is unknown; did you mean"):
        open_irradiance(write(tmp_path / "t.tif", year()), RULES, unit="kwh_per_m2_per_yaer")


# --- bad files --------------------------------------------------------------------------------


def test_files_that_are_no_raster_of_ours(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "text.tif").write_text("not a tiff")
    write(tmp_path / "two.tif", np.ones((2, 3, 3), dtype=np.float32) * 1300)
    write(tmp_path / "nocrs.tif", year(), crs=None)
    write(tmp_path / "hollow.tif", year(-9999.0), nodata=-9999.0)
    write(tmp_path / "DNI.tif", year())
    for name, text in {
        "empty.tif": "cannot be read as GeoTIFF",
        "text.tif": "cannot be read as GeoTIFF",
        "absent.tif": "cannot be read as GeoTIFF",
        "two.tif": "2 bands",
        "nocrs.tif": "no CRS",
        "hollow.tif": "no valid pixel",
        "DNI.tif": "holds dni",
    }.items():
        with pytest.raises(InputError, match=rf"{name}: .*{text}"):
            open_irradiance(tmp_path / name, RULES)


def test_a_tiff_without_georeference_is_refused(tmp_path: Path) -> None:
    from rasterio.errors import NotGeoreferencedWarning

    with pytest.warns(NotGeoreferencedWarning):
        write(tmp_path / "plain.tif", year(), crs=None, transform=Affine.identity())
    with pytest.raises(InputError, match=r"plain\.tif: no (georeference|CRS)"):
        open_irradiance(tmp_path / "plain.tif", RULES)


# --- sampling ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transform",
    [
        from_origin(WEST, NORTH, STEP, STEP),
        Affine(STEP, 0.0, WEST, 0.0, STEP, NORTH - 20 * STEP),
        Affine.translation(121.5, 31.2) @ Affine.rotation(30.0) @ Affine.scale(STEP, -STEP),
    ],
    ids=["north-up", "south-up", "rotated"],
)
@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=st.lists(st.tuples(st.floats(0.5, 19.5), st.floats(0.5, 19.5)), min_size=1))
def test_a_linear_field_is_reproduced(
    tmp_path: Path, transform: Affine, points: list[tuple[float, float]]
) -> None:
    path = tmp_path / "plane.tif"
    if not path.exists():
        write(path, plane(*centres((20, 20), transform))[None], transform=transform)
    raster = open_irradiance(path, RULES)
    column, row = np.array(points).T
    lon = transform.a * column + transform.b * row + transform.c
    lat = transform.d * column + transform.e * row + transform.f
    # Coordinates are snapped to 1e-7 of a pixel, so agreement is to that, not to the last bit.
    np.testing.assert_allclose(sample_monthly(raster, lon, lat)[:, 0], plane(lon, lat), rtol=1e-9)


def test_a_pixel_belongs_to_its_centre_and_the_edge_keeps_half_a_pixel(tmp_path: Path) -> None:
    bands = np.array([[[1000.0, 1200.0], [1400.0, 1600.0]]])
    raster = open_irradiance(write(tmp_path / "four.tif", bands), RULES)
    lon = np.array([121.025, 121.075, 121.05, 121.05, 121.0, 120.976, 120.974, 121.126])
    lat = np.array([31.975, 31.925, 31.975, 31.95, 31.975, 31.975, 31.975, 31.95])
    got = sample_monthly(raster, lon, lat)[:, 0]
    assert got[:6].tolist() == [1000.0, 1600.0, 1100.0, 1300.0, 1000.0, 1000.0]
    assert np.isnan(got[6:]).all()


def test_gaps_do_not_pull_values_down(tmp_path: Path) -> None:
    bands = np.array([[[1000.0, -9999.0, 1200.0], [0.0, np.nan, 1e-38], [1e9, 5.0, 1400.0]]])
    raster = open_irradiance(write(tmp_path / "gaps.tif", bands, nodata=-9999.0), RULES)
    at = centres((3, 3), from_origin(WEST, NORTH, STEP, STEP))
    lon, lat = at[0].ravel(), at[1].ravel()
    got = sample_monthly(raster, lon, lat).reshape(3, 3)
    assert got[0, 0] == 1000.0 and got[0, 2] == 1200.0 and got[2, 2] == 1400.0
    assert np.isfinite(got).sum() == 3
    # Between a valid and an invalid centre the valid one decides alone.
    beside = sample_monthly(raster, [121.04, 121.06], [31.975, 31.975])[:, 0]
    assert beside == pytest.approx([1000.0, 1000.0])
    assert coverage(raster, lon, lat) == pytest.approx(3 / 9)


def test_a_projected_raster_is_met_at_the_same_places(tmp_path: Path) -> None:
    transform = from_origin(300_000.0, 3_500_000.0, 1000.0, 1000.0)
    x, y = centres((30, 30), transform)
    lon, lat = pyproj.Transformer.from_crs(32651, 4326, always_xy=True).transform(x, y)
    field = (1000.0 + np.arange(900.0)).reshape(30, 30)
    path = write(tmp_path / "utm.tif", field[None], transform=transform, crs="EPSG:32651")
    got = sample_monthly(open_irradiance(path, RULES), lon.ravel(), lat.ravel())[:, 0]
    np.testing.assert_allclose(got, field.ravel(), atol=1e-3)


def test_scale_and_offset_of_the_file_are_applied(tmp_path: Path) -> None:
    path = write(tmp_path / "scaled.tif", np.full((1, 3, 3), 130, dtype=np.int16))
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (10.0,), (5.0,)
    got = sample_monthly(open_irradiance(path, RULES), [121.05], [31.95])
    assert got[0, 0] == 1305.0


def test_order_and_company_of_points_change_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    field = random.uniform(900.0, 1500.0, (1, 700, 1300))
    options = {"transform": from_origin(WEST, NORTH, 1e-3, 1e-3)}
    raster = open_irradiance(write(tmp_path / "wide.tif", field, **options), RULES)
    # Points on both sides of the seams of the squares in which pixels are read.
    lon = random.uniform(WEST - 0.002, WEST + 1.302, 400)
    lat = random.uniform(NORTH - 0.702, NORTH + 0.002, 400)
    lon[:50], lat[50:100] = WEST + 0.512, NORTH - 0.512
    together = sample_monthly(raster, lon, lat)
    shuffled = random.permutation(400)
    np.testing.assert_array_equal(
        sample_monthly(raster, lon[shuffled], lat[shuffled]), together[shuffled]
    )
    for one in range(0, 400, 37):
        alone = sample_monthly(raster, lon[one : one + 1], lat[one : one + 1])
        np.testing.assert_array_equal(alone, together[one : one + 1])
    assert np.isfinite(together).mean() > 0.95


@pytest.mark.parametrize("layout", [{}, {"tiled": True, "blockxsize": 256, "blockysize": 256}])
def test_a_mask_band_hides_pixels_in_strips_and_tiles(tmp_path: Path, layout: dict) -> None:
    random = np.random.default_rng(3)
    field = random.uniform(900.0, 1500.0, (1, 600, 1100)).astype(np.float32)
    hidden = random.random((600, 1100)) < 0.3
    path = write(tmp_path / "masked.tif", field, transform=from_origin(WEST, NORTH, 1e-3, 1e-3),
                 **layout)  # fmt: skip
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(~hidden)
    raster = open_irradiance(path, RULES)
    lon, lat = centres((600, 1100), from_origin(WEST, NORTH, 1e-3, 1e-3))
    got = sample_monthly(raster, lon.ravel(), lat.ravel())[:, 0].reshape(600, 1100)
    np.testing.assert_array_equal(got, np.where(hidden, np.nan, field[0]))


def test_no_points_give_no_rows(tmp_path: Path) -> None:
    raster = open_irradiance(write(tmp_path / "a.tif", year()), RULES)
    assert sample_monthly(raster, [], []).shape == (0, 1)
    check_covers(raster, [], [])
    assert np.isnan(sample_monthly(raster, [np.nan, 121.05], [31.9, np.inf])).all()


def test_memory_does_not_grow_with_the_raster(tmp_path: Path) -> None:
    # 24 000 x 24 000 pixels are 2.3 GB as float32; only two blocks are written, 12 windows read.
    path, size = tmp_path / "huge.tif", 24_000
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=size, width=size, dtype="float32",
        crs="EPSG:4326", transform=from_origin(100.0, 40.0, 0.001, 0.001), tiled=True,
        blockxsize=256, blockysize=256, sparse_ok=True, nodata=0.0,
    ) as file:  # fmt: skip
        block = np.full((256, 256), 1300.0, dtype=np.float32)
        file.write(block, 1, window=rasterio.windows.Window(0, 0, 256, 256))
        file.write(block, 1, window=rasterio.windows.Window(20_224, 20_224, 256, 256))
    tracemalloc.start()
    raster = open_irradiance(path, RULES)
    lon = 100.0 + np.linspace(0.0005, 23.9995, 1000)
    got = sample_monthly(raster, lon, 40.0 - (lon - 100.0))[:, 0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6
    assert np.unique(got[np.isfinite(got)].round(9)).tolist() == [1300.0]
    assert 15 <= np.isfinite(got).sum() <= 30
