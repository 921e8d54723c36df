"""Weather: closure, the moment of the sun, and scaling that keeps the base at ratio one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pvlib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan.assumptions import Assumptions
from pvplan.errors import InputError
from pvplan.roof import weather
from pvplan.roof.weather import MIN_COS_ZENITH, Base
from pvplan.sources.weather import read_weather
from pvplan.tables import Floats, Sky, Sun, Weather
from tests import toy
from tests.conftest import examples

SHANGHAI = "wx_shanghai_cswd_epw/CHN_Shanghai.Shanghai.583620_CSWD.epw"
TAIPEI = "wx_east_asia_epw/TWN_Taipei.466960_IWEC.epw"
COMPONENTS = ("ghi", "dni", "dhi", "temp_air", "wind_speed", "month")


def same_bits(first: Sky, second: Sky) -> bool:
    return all(
        getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in COMPONENTS
    )


def sun_at(base: Base, latitude: float = 30.85, longitude: float = 121.9) -> Sun:
    return weather.sun_over(base.times, latitude, longitude, base.altitude_m)


@pytest.fixture(scope="module")
def closed(assumptions: Assumptions) -> Base:
    """The base year, made to close hour by hour."""
    rules = replace(assumptions.weather, closure_tolerance_fraction=0.0)
    return weather.prepare(toy.base_weather(), rules)


def clean_clear_sky(sun: Sun, altitude_m: float) -> tuple[Floats, Floats]:
    sky = pvlib.clearsky.simplified_solis(
        np.maximum(90.0 - sun.apparent_zenith, 0.01),
        aod700=0.05,
        precipitable_water=0.5,
        pressure=pvlib.atmosphere.alt2pres(altitude_m),
        dni_extra=sun.dni_extra,
    )
    return np.asarray(sky["ghi"]), np.asarray(sky["dni"])


# --- the sun -----------------------------------------------------------------------------------


def test_the_sun_of_shanghai_is_where_astronomy_puts_it() -> None:
    # 121.47° E on UTC+8: solar noon of 20 March is 12:00 + 4 min · (120 - 121.47) + 7.5 min.
    day = pd.date_range("2025-03-20 05:00", "2025-03-20 19:00", freq="1min", tz="Asia/Shanghai")
    sun = weather.sun_over(day, 31.2, 121.47, 5.0)
    noon = int(sun.apparent_zenith.argmin())
    assert sun.apparent_zenith[noon] == pytest.approx(31.2, abs=0.25)
    assert abs((day[noon] - pd.Timestamp("2025-03-20 12:01:36", tz="Asia/Shanghai")).seconds) < 90
    morning, evening = sun.azimuth[noon - 180], sun.azimuth[noon + 180]
    assert 90.0 < morning < 180.0 < evening < 270.0
    assert morning + evening == pytest.approx(360.0, abs=0.5)


@pytest.mark.parametrize("latitude", [22.5, 31.2, 40.0, 45.0])
def test_solstice_sun_gives_the_bracket_of_gb_50797(latitude: float) -> None:
    elevation, azimuth = weather.solstice_sun(np.array([latitude]), 9.0, 15.0)
    reach = np.cos(np.radians(azimuth - 180.0)) / np.tan(np.radians(elevation))
    tangent = np.tan(np.radians(latitude))
    bracket = (0.707 * tangent + 0.4338) / (0.707 - 0.4338 * tangent)
    assert reach.max() == pytest.approx(bracket, rel=2e-3)
    if latitude == 31.2:
        assert reach.max() == pytest.approx(1.940, abs=0.003)
    # The longest shadow falls at the ends of the window, the shortest at noon.
    assert reach[0].argmin() == reach.shape[1] // 2
    assert reach[0, 0] == pytest.approx(reach[0, -1], rel=1e-9)


def test_solstice_sun_of_the_south_mirrors_the_north() -> None:
    north, south = (weather.solstice_sun(np.array([x]), 9.0, 15.0) for x in (31.2, -31.2))
    assert np.allclose(north[0], south[0], atol=1e-9)
    turned = (180.0 - north[1]) % 360.0
    assert np.allclose(np.cos(np.radians(turned - south[1])), 1.0, atol=1e-9)
    assert np.all(np.cos(np.radians(south[1])) > 0.0)  # it stands in the north


# --- preparing a base year ---------------------------------------------------------------------


def test_real_shanghai_year_does_not_close_and_is_made_anew(
    shared_data: Path, assumptions: Assumptions
) -> None:
    read = read_weather(shared_data / SHANGHAI)
    base = weather.prepare(read, assumptions.weather)
    assert base.report["closure_ratio"] == pytest.approx(0.952, abs=0.002)
    assert base.report["redecomposed"] is True
    assert base.report["decomposition_model"] == "erbs"
    sky, cosine = base.sky, base.sun.cos_zenith
    assert np.allclose(sky.dni * cosine + sky.dhi, sky.ghi, atol=1e-9)
    assert np.all(sky.dni >= 0.0)
    assert np.all(sky.dhi >= 0.0)
    assert np.all(sky.dni <= base.sun.dni_extra)
    assert sky.monthly_ghi().sum() == pytest.approx(read.hourly["ghi"].sum() / 1000.0, rel=1e-12)


def test_a_year_that_closes_is_taken_as_it_is(shared_data: Path, assumptions: Assumptions) -> None:
    read = read_weather(shared_data / TAIPEI)
    base = weather.prepare(read, assumptions.weather)
    assert base.report["redecomposed"] is False
    assert base.report["closure_ratio"] == pytest.approx(1.0, abs=0.005)
    hourly = read.hourly.set_axis(read.sun_times)
    found = pd.DataFrame({"dni": base.sky.dni, "dhi": base.sky.dhi}, index=base.times)
    expected = hourly.loc[base.times, ["dni", "dhi"]]
    assert np.array_equal(found.to_numpy(), expected.to_numpy())


def test_missing_components_are_made_from_ghi(assumptions: Assumptions) -> None:
    read = toy.base_weather()
    blind = replace(read, hourly=read.hourly.assign(dni=np.nan, dhi=np.nan))
    base = weather.prepare(blind, assumptions.weather)
    assert base.report["redecomposed"] is True
    assert np.isfinite(base.sky.dni).all()
    sky = base.sky
    assert np.allclose(sky.dni * base.sun.cos_zenith + sky.dhi, sky.ghi, atol=1e-9)


def test_every_missing_column_is_told_at_once(assumptions: Assumptions) -> None:
    read = toy.base_weather()
    hourly = read.hourly.copy()
    hourly.iloc[5:8, hourly.columns.get_loc("ghi")] = np.nan
    hourly.iloc[9, hourly.columns.get_loc("wind_speed")] = np.nan
    with pytest.raises(InputError) as caught:
        weather.prepare(replace(read, hourly=hourly), assumptions.weather)
    assert len(caught.value.faults) == 2
    assert "ghi: 3 hours" in caught.value.faults[0]
    assert "wind_speed: 1 hours" in caught.value.faults[1]


def test_preparing_changes_nothing_of_its_input(assumptions: Assumptions) -> None:
    read = toy.base_weather()
    before = read.hourly.copy()
    weather.prepare(read, replace(assumptions.weather, closure_tolerance_fraction=0.0))
    pd.testing.assert_frame_equal(read.hourly, before)


def test_the_sun_stands_in_the_middle_of_the_hour(assumptions: Assumptions) -> None:
    """East and west sides of clear days see the same beam; half an hour off tips the balance."""

    def east_over_west(read: Weather) -> float:
        base = weather.prepare(read, assumptions.weather)
        east, west = (
            pvlib.irradiance.aoi_projection(
                30.0, side, base.sun.apparent_zenith, base.sun.azimuth
            ).clip(0.0)
            for side in (90.0, 270.0)
        )
        return float((east * base.sky.dni).sum() / (west * base.sky.dni).sum())

    for label in ("start", "end"):
        read = toy.clear_year(label)
        assert east_over_west(read) == pytest.approx(1.0, abs=0.01)
        wrong = replace(read, label="end" if label == "start" else "start")  # type: ignore[arg-type]
        assert abs(east_over_west(wrong) - 1.0) > 0.05
    middle = replace(read, hourly=read.hourly.set_axis(read.sun_times), label="middle")
    assert east_over_west(middle) == pytest.approx(1.0, abs=0.01)


def test_months_stay_together_whatever_month_the_file_begins_with(assumptions: Assumptions) -> None:
    read = toy.base_weather()
    rolled = pd.concat([read.hourly.iloc[4000:], read.hourly.iloc[:4000]])
    first = weather.prepare(read, assumptions.weather)
    second = weather.prepare(replace(read, hourly=rolled), assumptions.weather)
    assert np.count_nonzero(np.diff(second.sky.month)) == 11
    assert np.allclose(first.sky.monthly_ghi(), second.sky.monthly_ghi(), rtol=1e-12)


def test_diffuse_fraction_is_pvlibs_erbs_above_the_horizon() -> None:
    base = toy.base()
    zenith, ghi = base.sun.apparent_zenith, base.sky.ghi
    share = weather.diffuse_fraction(ghi, zenith, base.times, "erbs")
    known = (base.sun.cos_zenith > MIN_COS_ZENITH) & (ghi > 0)
    extra = pvlib.irradiance.get_extra_radiation(base.times.day_of_year.to_numpy())
    kt = ghi[known] / (extra[known] * np.cos(np.radians(zenith[known])))
    middle = 0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4
    by_hand = np.where(kt <= 0.22, 1 - 0.09 * kt, np.where(kt > 0.8, 0.165, middle))
    assert np.allclose(share[known], by_hand, atol=1e-9)
    assert np.all(share[~known] == 1.0)


# --- scaling -----------------------------------------------------------------------------------


def test_ratio_one_over_the_base_place_is_the_base_bit_for_bit(
    toy_base: Base, assumptions: Assumptions
) -> None:
    assert same_bits(
        weather.scaled(toy_base, toy_base.sun, np.ones(12), assumptions.weather), toy_base.sky
    )
    near = weather.scaled(toy_base, toy_base.sun, np.full(12, 1.0 + 1e-6), assumptions.weather)
    assert not same_bits(near, toy_base.sky)


@examples(12)
@given(
    st.lists(st.floats(0.5, 1.35), min_size=12, max_size=12),
    st.floats(30.0, 32.5),
    st.floats(120.5, 122.5),
)
def test_each_months_ghi_is_met_and_bounded(
    ratios: list[float], latitude: float, longitude: float
) -> None:
    base, rules = toy.base(), toy_rules()
    sun, ratio = sun_at(base, latitude, longitude), np.array(ratios)
    sky = weather.scaled(base, sun, ratio, rules)
    assert np.allclose(sky.monthly_ghi(), ratio * base.sky.monthly_ghi(), rtol=1e-9)
    clear_ghi, clear_dni = clean_clear_sky(sun, base.altitude_m)
    high = (base.sun.cos_zenith > MIN_COS_ZENITH) & (sun.cos_zenith > MIN_COS_ZENITH)
    turned = base.sky.ghi * np.where(high, sun.cos_zenith / base.sun.cos_zenith, 1.0)
    assert np.all(sky.ghi <= np.maximum(turned, clear_ghi) * (1 + 1e-12))
    assert np.all(sky.dni[high] <= np.maximum(base.sky.dni, clear_dni)[high] * (1 + 1e-12))
    assert np.all(sky.dni >= 0.0)
    assert np.all(sky.dhi >= 0.0)
    assert np.all(sky.dhi <= sky.ghi + 1.0)


def toy_rules() -> object:
    return toy.assuming.load().weather


def test_the_bounds_would_break_without_the_cap(toy_base: Base, assumptions: Assumptions) -> None:
    """Plain multiplication breaks both bounds, so the tests above can fail."""
    clear_ghi, _ = clean_clear_sky(toy_base.sun, toy_base.altitude_m)
    plain = toy_base.sky.ghi * 1.3
    assert np.any(plain > np.maximum(toy_base.sky.ghi, clear_ghi) * 1.01)
    sky = weather.scaled(toy_base, toy_base.sun, np.full(12, 1.3), assumptions.weather)
    at_bound = sky.ghi >= np.maximum(toy_base.sky.ghi, clear_ghi) * (1 - 1e-12)
    assert at_bound.sum() > 100


def test_what_closes_still_closes(closed: Base, assumptions: Assumptions) -> None:
    sun = sun_at(closed)
    rng = np.random.default_rng(4)
    for ratio in (np.full(12, 0.6), np.ones(12), np.full(12, 1.35), rng.uniform(0.5, 1.35, 12)):
        sky = weather.scaled(closed, sun, ratio, assumptions.weather)
        open_by = np.abs(sky.dni * sun.cos_zenith + sky.dhi - sky.ghi)
        low = np.minimum(closed.sun.cos_zenith, sun.cos_zenith) <= MIN_COS_ZENITH
        assert np.all(open_by[~low] < 1e-9)
        # Where the sun is too low to tell, the share is kept; that is a handful of hours.
        assert open_by.sum() < 1e-5 * sky.ghi.sum()


def test_the_diffuse_share_moves_by_the_models_own_slope(
    closed: Base, assumptions: Assumptions
) -> None:
    """Hour by hour: new share - old share = erbs(new clearness) - erbs(old clearness)."""
    base, rules = closed, assumptions.weather
    kt_now = base.sky.ghi / (base.sun.dni_extra * np.maximum(base.sun.cos_zenith, 0.065))
    for factor in (0.85, 1.1):
        sky = weather.scaled(base, base.sun, np.full(12, factor), rules)
        kt_new = sky.ghi / (base.sun.dni_extra * np.maximum(base.sun.cos_zenith, 0.065))
        clear_dni = clean_clear_sky(base.sun, base.altitude_m)[1]
        free = (
            (base.sun.cos_zenith > MIN_COS_ZENITH)
            & (sky.ghi > 0)
            & (sky.dni < np.maximum(base.sky.dni, clear_dni) * (1 - 1e-9))
        )
        moved = (sky.dhi / sky.ghi - base.sky.dhi / base.sky.ghi)[free]
        expected = (erbs_by_hand(kt_new) - erbs_by_hand(kt_now))[free]
        assert free.sum() > 3000
        assert np.allclose(moved, expected, atol=1e-9)


def erbs_by_hand(kt: Floats) -> Floats:
    middle = 0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4
    return np.where(kt <= 0.22, 1 - 0.09 * kt, np.where(kt > 0.8, 0.165, middle))


def test_dull_months_grow_more_diffuse_and_clear_months_less(
    toy_base: Base, assumptions: Assumptions
) -> None:
    def shares(factor: float) -> Floats:
        sky = weather.scaled(toy_base, toy_base.sun, np.full(12, factor), assumptions.weather)
        return np.bincount(sky.month, sky.dhi) / np.bincount(sky.month, sky.ghi)

    now = shares(1.0)
    assert np.all(shares(0.8) > now + 0.08)
    assert np.all(shares(0.9) > now + 0.03)
    assert np.all(shares(1.1) < now - 0.03)
    assert np.all(shares(1.25) < now - 0.06)
    kept = np.bincount(toy_base.sky.month, toy_base.sky.dhi * 0.8)
    assert np.all(shares(0.8) * toy_base.sky.monthly_ghi() * 800.0 > kept)


def test_a_month_does_not_depend_on_what_other_months_need(
    toy_base: Base, assumptions: Assumptions
) -> None:
    sun = sun_at(toy_base)
    ratio = np.random.default_rng(0).uniform(0.9, 1.35, 12)
    full = weather.scaled(toy_base, sun, ratio, assumptions.weather)
    for month in range(12):
        alone = np.where(np.arange(12) == month, ratio, np.nan)
        hours = np.flatnonzero(toy_base.sky.month == month)
        part = weather.scaled(toy_base, sun, alone, assumptions.weather)
        assert same_bits(part.at(hours), full.at(hours)), month


def test_temperature_and_wind_are_not_scaled(toy_base: Base, assumptions: Assumptions) -> None:
    sky = weather.scaled(toy_base, sun_at(toy_base), np.full(12, 0.7), assumptions.weather)
    assert np.array_equal(sky.temp_air, toy_base.sky.temp_air)
    assert np.array_equal(sky.wind_speed, toy_base.sky.wind_speed)


def test_more_than_a_clear_sky_gives_is_refused(toy_base: Base, assumptions: Assumptions) -> None:
    ratio = np.ones(12)
    ratio[6] = 2.5
    with pytest.raises(InputError, match=r"month 7: .* more than a\s+clear sky") as caught:
        weather.scaled(toy_base, toy_base.sun, ratio, assumptions.weather)
    assert "unit" in str(caught.value)


def test_scaling_leaves_the_base_alone(toy_base: Base, assumptions: Assumptions) -> None:
    before = {name: getattr(toy_base.sky, name).copy() for name in COMPONENTS}
    weather.scaled(toy_base, sun_at(toy_base), np.full(12, 1.2), assumptions.weather)
    assert all(np.array_equal(before[name], getattr(toy_base.sky, name)) for name in COMPONENTS)
