"""Rows and modules: the pitch of GB 50797, whole modules, and places without a winter sun."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan.assumptions import Assumptions, load
from pvplan.roof import packing, weather
from pvplan.roof.packing import SolsticeSun
from pvplan.tables import Floats
from tests.conftest import examples

LENGTH = 2.382
SHANGHAI = 31.2
# tilt: pitch [m] and GCR of 2382 mm portrait rows by the formula of GB 50797-2012 at 31.2° N
TABLE = {
    5.0: (2.78, 0.858),
    10.0: (3.15, 0.757),
    15.0: (3.50, 0.681),
    20.0: (3.82, 0.624),
    22.0: (3.94, 0.605),
    25.0: (4.11, 0.579),
}


def pitch(tilt: float, latitude: float = SHANGHAI, azimuth: float = 180.0) -> float:
    elevation, sun_azimuth = weather.solstice_sun(np.array([latitude]), 9.0, 15.0)
    found = packing.row_pitch(LENGTH, np.array([tilt]), np.array([azimuth]), elevation, sun_azimuth)
    return float(found[0])


def solstice(latitude: float, planes: int) -> SolsticeSun:
    elevation, azimuth = weather.solstice_sun(np.array([latitude]), 9.0, 15.0)
    return SolsticeSun(elevation, azimuth, np.zeros(planes, dtype=np.int64))


def fill(
    form: str,
    usable: list[float],
    rules: Assumptions,
    *,
    slope: float = 0.0,
    azimuth: float = 180.0,
    latitude: float = SHANGHAI,
) -> packing.Arrays:
    count = len(usable)
    return packing.fill_planes(
        np.array([form] * count, dtype=object),
        np.full(count, slope),
        np.full(count, azimuth),
        np.array(usable, dtype=np.float64),
        np.full(count, 180.0 if latitude >= 0 else 0.0),
        solstice(latitude, count),
        rules.layout,
        rules.module,
    )


@pytest.mark.parametrize("tilt", TABLE)
def test_pitch_and_gcr_of_shanghai(tilt: float) -> None:
    expected_pitch, expected_gcr = TABLE[tilt]
    assert pitch(tilt) == pytest.approx(expected_pitch, abs=0.006)
    assert LENGTH / pitch(tilt) == pytest.approx(expected_gcr, abs=0.002)


@pytest.mark.parametrize("tilt", TABLE)
def test_gcr_reaches_the_arrays(tilt: float) -> None:
    rules = load(user={"layout.flat_concrete.racked_tilt_deg": tilt})
    arrays = fill("flat_concrete", [1000.0], rules)
    assert arrays.gcr[0] == pytest.approx(TABLE[tilt][1], abs=0.002)
    assert arrays.row_pitch_m[0] == pytest.approx(LENGTH / arrays.gcr[0], rel=1e-12)
    fill_fraction = rules.layout.flat_concrete.array_fill_fraction
    by_hand = 1000.0 * TABLE[tilt][1] * fill_fraction / (2.382 * 1.134)
    assert arrays.module_count[0] == pytest.approx(by_hand, abs=1.5)


@given(st.floats(15.0, 50.0), st.floats(0.5, 4.0), st.floats(1.0, 40.0))
def test_pitch_grows_with_latitude_and_shadow(latitude: float, step: float, tilt: float) -> None:
    assert pitch(tilt, latitude + step) > pitch(tilt, latitude)
    shadow = pitch(tilt, latitude) - LENGTH * np.cos(np.radians(tilt))
    steeper = pitch(tilt + step, latitude) - LENGTH * np.cos(np.radians(tilt + step))
    assert steeper > shadow > 0.0


def test_pitch_grows_with_tilt_at_shanghai() -> None:
    found = [pitch(tilt) for tilt in np.arange(0.0, 46.0, 1.0)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(LENGTH, rel=1e-12)


@pytest.mark.parametrize("azimuth", [150.0, 210.0, 165.0, 120.0])
def test_rows_turned_from_south_need_more_room(azimuth: float) -> None:
    """The sun of nine or fifteen o'clock then shines more nearly along the row's normal."""
    assert pitch(15.0, SHANGHAI, azimuth) > pitch(15.0)
    mirrored = pitch(15.0, SHANGHAI, 360.0 - azimuth)
    assert pitch(15.0, SHANGHAI, azimuth) == pytest.approx(mirrored, rel=1e-9)


def test_pitch_by_hand_for_one_sun() -> None:
    """Sun at 30° in the south, tilt 30°, row of 2 m: 2 cos 30 + 2 sin 30 / tan 30."""
    one = np.array([[30.0]])
    found = packing.row_pitch(2.0, np.array([30.0]), np.array([180.0]), one, np.array([[180.0]]))
    assert found[0] == pytest.approx(2 * 0.8660254 + 1.0 / 0.5773503, rel=1e-6)
    behind = packing.row_pitch(2.0, np.array([30.0]), np.array([180.0]), one, np.array([[0.0]]))
    assert behind[0] == pytest.approx(2 * 0.8660254, rel=1e-6)  # no shadow on the next row


def test_the_pitch_keeps_the_next_row_in_the_sun() -> None:
    """Independent geometry: rays from the upper edge of a row meet the plane behind the next."""
    tilt, latitude = np.radians(20.0), SHANGHAI
    elevation, azimuth = weather.solstice_sun(np.array([latitude]), 9.0, 15.0)
    a, z = np.radians(elevation[0]), np.radians(azimuth[0])
    south, up = -np.cos(a) * np.cos(z), np.sin(a)  # direction to the sun, south and up
    edge = np.array([LENGTH * np.cos(tilt), LENGTH * np.sin(tilt)])  # northward, up
    landing = edge[0] + edge[1] * south / up  # northward distance where the ray is level again
    assert landing.max() == pytest.approx(pitch(20.0), rel=1e-9)


def test_south_of_the_equator_the_same_rule_holds() -> None:
    rules = load()
    north = fill("flat_concrete", [500.0], rules)
    south = fill("flat_concrete", [500.0], rules, latitude=-SHANGHAI)
    assert south.azimuth[0] == 0.0
    assert north.azimuth[0] == 180.0
    assert south.module_count[0] == north.module_count[0]
    assert south.row_pitch_m[0] == pytest.approx(north.row_pitch_m[0], rel=1e-9)


@given(st.lists(st.floats(0.0, 5e4), min_size=1, max_size=30), st.floats(0.0, 45.0))
@examples(40)
def test_modules_are_whole_and_fit(usable: list[float], tilt: float) -> None:
    rules = load(user={"layout.flat_concrete.racked_tilt_deg": tilt})
    for form, slope in (("flat_concrete", 0.0), ("metal_sheet", 5.71), ("pitched", 25.0)):
        arrays = fill(form, usable, rules, slope=slope)
        assert arrays.module_count.dtype == np.int64
        assert np.all(arrays.module_count >= 0)
        area = arrays.module_count * rules.module.area_m2
        share = rules.layout.of(form).array_fill_fraction
        surface: Floats = np.array(usable) / np.cos(np.radians(slope))
        room = surface * arrays.gcr * share if form == "flat_concrete" else surface * share
        assert np.all(area <= room + 1e-6)
        assert np.all(area > room - rules.module.area_m2 * (1 + 1e-6))
        assert np.all((arrays.gcr > 0.0) & (arrays.gcr <= 1.0))


def test_flush_planes_keep_slope_and_azimuth_and_need_no_pitch() -> None:
    rules = load()
    arrays = fill("metal_sheet", [300.0, 0.0], rules, slope=5.71, azimuth=93.0)
    assert np.all(arrays.tilt == 5.71)
    assert np.all(arrays.azimuth == 93.0)
    assert not arrays.racked.any()
    assert np.isnan(arrays.row_pitch_m).all()
    assert np.all(arrays.gcr == 1.0)
    share = rules.layout.metal_sheet.array_fill_fraction
    expected = int(300.0 / np.cos(np.radians(5.71)) * share / (2.382 * 1.134))
    assert arrays.module_count.tolist() == [expected, 0]


@pytest.mark.parametrize("latitude", [66.0, 75.0, -75.0])
def test_without_a_winter_sun_no_row_stands(latitude: float) -> None:
    arrays = fill("flat_concrete", [1000.0, 0.0], load(), latitude=latitude)
    assert arrays.module_count.tolist() == [0, 0]
    assert np.all(arrays.gcr == 0.0)
    assert np.isnan(arrays.row_pitch_m).all()
    assert not np.isnan(arrays.tilt).any()


def test_level_rows_cast_no_shadow_even_there() -> None:
    rules = load(user={"layout.flat_concrete.racked_tilt_deg": 0.0})
    arrays = fill("flat_concrete", [1000.0], rules, latitude=75.0)
    assert arrays.gcr[0] == pytest.approx(1.0)
    assert arrays.module_count[0] > 300


def test_planes_do_not_depend_on_each_other() -> None:
    rules = load()
    usable = [10.0, 500.0, 33.3, 1200.0]
    whole = fill("flat_concrete", usable, rules)
    for number, area in enumerate(usable):
        alone = fill("flat_concrete", [area], rules)
        assert alone.module_count[0] == whole.module_count[number]
        assert alone.row_pitch_m[0] == whole.row_pitch_m[number]


def test_a_plane_takes_the_sun_of_its_own_place() -> None:
    rules = load()
    elevation, azimuth = weather.solstice_sun(np.array([25.0, 45.0]), 9.0, 15.0)
    sun = SolsticeSun(elevation, azimuth, np.array([1, 0, 1]))
    forms = np.array(["flat_concrete"] * 3, dtype=object)
    three = np.full(3, 500.0)
    arrays = packing.fill_planes(
        forms, np.zeros(3), three, three, np.full(3, 180.0), sun, rules.layout, rules.module
    )
    assert arrays.row_pitch_m[0] == arrays.row_pitch_m[2] > arrays.row_pitch_m[1]


def test_rows_upright_on_a_larger_module() -> None:
    rules = load()
    larger = replace(rules, module=replace(rules.module, length_m=2.6, width_m=1.3, power_w=700.0))
    small, big = (fill("flat_concrete", [1000.0], given) for given in (rules, larger))
    assert big.gcr[0] == pytest.approx(small.gcr[0], rel=1e-9)  # gcr depends on tilt alone
    assert big.module_count[0] < small.module_count[0]
