"""The recipe of the roofs: no roof depends on another, and every column says what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import affinity

from pvplan import assess as recipe
from pvplan.assess import Around, assess, places, world
from pvplan.assumptions import Assumptions, load
from pvplan.errors import InputError, TableError
from pvplan.hours import hourly_power
from pvplan.roof import weather
from pvplan.roof.weather import Base
from pvplan.tables import MONTHS, ROOFS, Floats, check, exact_sum, names, sum_names
from pvplan.yield_table import Yields
from tests import toy

NUMBERS = [column.name for column in ROOFS if column.kind in ("number", "count")]


def bits(roofs: gpd.GeoDataFrame) -> dict[Any, bytes]:
    """Every number of each roof, as bytes."""
    numbers = roofs[NUMBERS].to_numpy(dtype=np.float64)
    return {key: row.tobytes() for key, row in zip(roofs.index, numbers, strict=True)}


@pytest.fixture(scope="module")
def quick() -> Assumptions:
    """Hay-Davies: the same paths in a fraction of the time."""
    return load(user={"system.transposition_model": "haydavies"})


@pytest.fixture(scope="module")
def screening() -> Assumptions:
    """The area method, which knows no neighbour and no outline of a row."""
    return load(user={"system.transposition_model": "haydavies", "layout.method": "screening"})


@pytest.fixture(scope="module")
def screened(screening: Assumptions) -> gpd.GeoDataFrame:
    return assess(toy.buildings(), toy.base(), toy.monthly_ghi(12), screening)


@pytest.fixture(scope="module")
def spread() -> tuple[gpd.GeoDataFrame, Floats]:
    """Twelve roofs over four nodes, their months up to 30 % off: the clear-sky bound binds."""
    ghi = toy.base().sky.monthly_ghi()[None, :] * np.random.default_rng(3).uniform(
        0.7, 1.3, (12, 12)
    )
    return toy.random_buildings(12, 5, within=(121.3, 31.0, 121.8, 31.4)), ghi


@pytest.fixture(scope="module")
def assessed(spread: tuple[gpd.GeoDataFrame, Floats], quick: Assumptions) -> gpd.GeoDataFrame:
    return assess(spread[0], toy.base(), spread[1], quick)


# --- no roof depends on another ----------------------------------------------------------------


def test_a_permutation_of_roofs_permutes_the_rows_bit_for_bit(
    spread: tuple[gpd.GeoDataFrame, Floats], assessed: gpd.GeoDataFrame, quick: Assumptions
) -> None:
    order = np.random.default_rng(1).permutation(12)
    shuffled = assess(spread[0].iloc[order], toy.base(), spread[1][order], quick)
    assert list(shuffled.index) == list(spread[0].index[order])
    assert bits(shuffled) == bits(assessed)


def test_other_roofs_change_nothing_bit_for_bit(
    spread: tuple[gpd.GeoDataFrame, Floats], assessed: gpd.GeoDataFrame, quick: Assumptions
) -> None:
    whole = bits(assessed)
    for chosen in (np.arange(7), np.array([3]), np.array([9, 2])):
        around = Around(spread[0])
        some = spread[0].iloc[chosen]
        part = bits(assess(some, toy.base(), spread[1][chosen], quick, around=around))
        assert all(part[key] == whole[key] for key in part)


def test_the_worth_of_the_bit_test(
    spread: tuple[gpd.GeoDataFrame, Floats], assessed: gpd.GeoDataFrame, quick: Assumptions
) -> None:
    """A billionth more sun shows, so equality above is no accident of rounding."""
    more = assess(spread[0], toy.base(), spread[1] * (1.0 + 1e-7), quick)
    assert bits(more) != bits(assessed)


def test_workers_change_nothing(
    spread: tuple[gpd.GeoDataFrame, Floats], assessed: gpd.GeoDataFrame, quick: Assumptions
) -> None:
    with ThreadPoolExecutor(3) as workers:
        threaded = assess(spread[0], toy.base(), spread[1], quick, workers.map)
    assert bits(threaded) == bits(assessed)

    def backwards(run: Callable[[Any], Any], nodes: Iterable[Any]) -> Iterator[Any]:
        return iter([run(node) for node in list(nodes)[::-1]][::-1])

    assert bits(assess(spread[0], toy.base(), spread[1], quick, backwards)) == bits(assessed)


def test_the_toy_city_alone_or_among_others(toy_roofs: gpd.GeoDataFrame) -> None:
    """The same law under the default model, with every form and trouble of the toy city."""
    chosen = [7, 4, 1]
    around = Around(toy.buildings().iloc[::-1])
    some, ghi = toy.buildings().iloc[chosen], toy.monthly_ghi(12)[chosen]
    part = assess(some, toy.base(), ghi, load(), around=around)
    whole = bits(toy_roofs)
    assert all(row == whole[key] for key, row in bits(part).items())


def test_the_input_is_left_alone(quick: Assumptions) -> None:
    buildings, ghi = toy.buildings(), toy.monthly_ghi(12)
    before, ghi_before = buildings.copy(), ghi.copy()
    assess(buildings, toy.base(), ghi, quick)
    pd.testing.assert_frame_equal(pd.DataFrame(buildings), pd.DataFrame(before))
    assert np.array_equal(ghi, ghi_before)


# --- what the columns say ----------------------------------------------------------------------


def test_the_table_keeps_its_contract(toy_roofs: gpd.GeoDataFrame) -> None:
    check(toy_roofs, ROOFS, title="toy")
    assert list(toy_roofs.columns) == ["geometry", *names(ROOFS)]
    assert list(toy_roofs.index) == [f"r{number:02d}" for number in range(1, 13)]
    for name in sum_names(ROOFS):
        scaled = toy_roofs[name].to_numpy(dtype=np.float64) * 1000.0
        assert np.abs(scaled - np.rint(scaled)).max() < 1e-3, name


def test_screened_capacity_by_hand(screened: gpd.GeoDataFrame) -> None:
    roof = screened.loc["r01"]
    usable = 57.0 * 27.0 * 0.88 * 0.94
    assert roof["footprint_area_m2"] == 1800.0
    assert roof["usable_area_m2"] == pytest.approx(usable, abs=6e-4)
    modules = int(usable * roof["gcr"] * 1.0 / (2.382 * 1.134))
    assert roof["module_count"] == modules
    assert roof["capacity_dc_kw"] == pytest.approx(modules * 0.62, abs=1e-9)
    # 404 modules of 620 W over 1.2 are 209 kW: two inverters of 110.
    assert modules == 404
    assert roof["capacity_ac_kw"] == 220.0
    assert roof["module_area_m2"] == pytest.approx(modules * 2.382 * 1.134, abs=6e-4)
    assert (roof["surface_tilt"], roof["surface_azimuth"]) == (5.0, 180.0)
    assert roof["gcr"] == pytest.approx(0.86, abs=0.002)
    assert 125.0 < roof["capacity_dc_kw"] * 1000.0 / roof["footprint_area_m2"] < 145.0


def test_months_add_up_to_the_year_exactly(toy_roofs: gpd.GeoDataFrame) -> None:
    for _, roof in toy_roofs.iterrows():
        months = np.array([roof[f"energy_ac_kwh_{month}"] for month in MONTHS], dtype=np.float64)
        assert exact_sum(months) == roof["energy_ac_kwh_per_year"]


def test_yield_and_performance_are_those_of_shanghai(toy_roofs: gpd.GeoDataFrame) -> None:
    built = toy_roofs[toy_roofs["capacity_dc_kw"] > 0.0]
    hours = built["energy_ac_kwh_per_year"] / built["capacity_dc_kw"]
    assert hours.between(800.0, 1150.0).all()
    ratio = built["energy_ac_kwh_per_year"] / built["poa_reference_kwh_per_year"]
    assert ratio.between(0.70, 0.84).all()
    racked = ratio[built["mounting"] != "flush"]
    free = built["beam_shading_fraction"] < 0.01
    # Air under open racks keeps modules cooler than flush ones.
    assert racked[free].mean() > ratio[free & (built["mounting"] == "flush")].mean() + 0.003


def test_the_roof_of_no_room_is_kept_with_zeros(toy_roofs: gpd.GeoDataFrame) -> None:
    tiny = toy_roofs.loc["r12"]
    assert tiny["footprint_area_m2"] == 6.25
    zero = ["usable_area_m2", "module_count", "capacity_dc_kw", "energy_ac_kwh_per_year",
            "poa_reference_kwh_per_year"]  # fmt: skip
    assert all(tiny[name] == 0.0 for name in zero)
    assert tiny["plane_count"] == 1


def test_courts_and_separate_bodies_count_by_their_area(toy_roofs: gpd.GeoDataFrame) -> None:
    assert toy_roofs.loc["r05", "footprint_area_m2"] == pytest.approx(80 * 50 - 30 * 16, abs=1e-3)
    assert toy_roofs.loc["r07", "footprint_area_m2"] == pytest.approx(800 + 600, abs=1e-3)


def test_ghi_of_a_roof_is_that_of_the_raster(toy_roofs: gpd.GeoDataFrame) -> None:
    ghi = toy.monthly_ghi(12)
    assert np.allclose(toy_roofs["ghi_kwh_per_m2_per_year"], ghi.sum(axis=1), atol=6e-4)


def test_a_yearly_raster_scales_every_month_alike(quick: Assumptions) -> None:
    base_year = toy.base().sky.monthly_ghi()
    one = toy.buildings().iloc[:1]
    yearly = assess(one, toy.base(), np.array([[base_year.sum() * 1.07]]), quick)
    monthly = assess(one, toy.base(), base_year[None, :] * 1.07, quick)
    assert yearly["energy_ac_kwh_per_year"].iloc[0] == pytest.approx(
        monthly["energy_ac_kwh_per_year"].iloc[0], rel=1e-9
    )
    plain = assess(one, toy.base(), None, quick)
    assert plain["ghi_kwh_per_m2_per_year"].iloc[0] == pytest.approx(base_year.sum(), abs=6e-4)
    assert yearly["energy_ac_kwh_per_year"].iloc[0] > plain["energy_ac_kwh_per_year"].iloc[0]


def test_more_sun_more_energy(quick: Assumptions) -> None:
    one = toy.buildings().iloc[:1]
    base_year = toy.base().sky.monthly_ghi()[None, :]
    found = [
        assess(one, toy.base(), base_year * ratio, quick)["energy_ac_kwh_per_year"].iloc[0]
        for ratio in (0.85, 0.9, 0.93, 1.0, 1.02, 1.1, 1.13)
    ]
    assert found == sorted(found)
    # Between nodes it is linear, at the nodes continuous.
    assert found[1] < found[2] < found[3]
    assert found[-1] / found[3] == pytest.approx(1.13, abs=0.04)


def test_a_turned_building_keeps_its_screened_capacity(screening: Assumptions) -> None:
    """Level roofs carry rows to the south whatever their outline's direction."""
    straight = toy.buildings().iloc[[0]]
    turned = straight.set_geometry(
        [affinity.rotate(shape, 33.0) for shape in straight.geometry], crs=straight.crs
    )
    first, second = (assess(roof, toy.base(), None, screening) for roof in (straight, turned))
    assert first["module_count"].iloc[0] == second["module_count"].iloc[0]
    assert first["energy_ac_kwh_per_year"].iloc[0] == second["energy_ac_kwh_per_year"].iloc[0]


def test_places_are_true_degrees() -> None:
    where = places(toy.buildings())
    longitude, latitude = toy.degrees(0.0, 0.0)
    assert where.longitude[0] == pytest.approx(longitude, abs=1e-4)
    assert where.latitude[0] == pytest.approx(latitude, abs=1e-4)
    inside = shapely.contains_xy(
        toy.buildings().to_crs("EPSG:4326").geometry.to_numpy(), where.longitude, where.latitude
    )
    assert inside.all()  # also of the roof with a court


def test_roofs_of_a_cell_share_one_sun_and_others_do_not(quick: Assumptions) -> None:
    rows = toy.buildings().iloc[[0] * 3].copy()
    rows.index = pd.Index(["a", "b", "c"], name="roof_id")
    shifts = (0.0, 300.0, 40_000.0)
    rows = rows.set_geometry(
        [
            affinity.translate(shape, shift)
            for shape, shift in zip(rows.geometry, shifts, strict=True)
        ],
        crs=rows.crs,
    )
    energy = assess(rows, toy.base(), None, quick)["energy_ac_kwh_per_year"]
    # Coordinates 300 m apart round differently, by a watt-hour.
    assert energy["a"] == pytest.approx(energy["b"], rel=1e-7)
    assert energy["a"] != pytest.approx(energy["c"], rel=1e-7)
    assert energy["c"] == pytest.approx(energy["a"], rel=2e-3)


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "shown"), [(0.3, "0.30"), (1.9, "1.90"), (np.nan, "nan")])
def test_a_raster_of_another_climate_is_refused(
    factor: float, shown: str, quick: Assumptions
) -> None:
    ghi = toy.monthly_ghi(12)
    ghi[4, 6] = toy.base().sky.monthly_ghi()[6] * factor
    with pytest.raises(InputError) as caught:
        assess(toy.buildings(), toy.base(), ghi, quick)
    text = str(caught.value)
    assert "1 roofs" in text
    assert "roof 5, month 7" in text
    assert shown in text
    assert "unit" in text


def test_a_raster_per_day_taken_per_month_is_refused(quick: Assumptions) -> None:
    with pytest.raises(InputError, match="12 roofs"):
        assess(toy.buildings(), toy.base(), toy.monthly_ghi(12) / 30.4, quick)


def test_far_north_the_contract_holds(screening: Assumptions, quick: Assumptions) -> None:
    """Where no winter sun rises racked rows do not stand: zero, not infinite, not missing."""
    moved = toy.random_buildings(4, 1, within=(121.2, 60.1, 121.3, 60.2))
    base = weather.prepare(toy.clear_year(latitude=60.15, share=0.7), screening.weather)
    packed = assess(moved, base, None, quick)
    assert packed["mounting"].iloc[0] == "east_west"
    found = assess(moved, base, None, screening)
    assert found["module_count"].iloc[0] == 0
    assert found["gcr"].iloc[0] == 0.0
    assert np.isnan(found["row_pitch_m"].iloc[0])
    assert found["module_count"].iloc[1] > 0
    assert not found[["capacity_dc_kw", "energy_ac_kwh_per_year"]].isna().any().any()


def test_in_polar_night_a_month_yields_nothing(quick: Assumptions) -> None:
    moved = toy.random_buildings(4, 1, within=(121.2, 71.1, 121.3, 71.2))
    base = weather.prepare(toy.clear_year(latitude=71.15, share=0.7), quick.weather)
    assert (base.sky.monthly_ghi() == 0.0).any()
    found = assess(moved, base, base.sky.monthly_ghi() * np.ones((4, 1)), quick)
    assert (found["energy_ac_kwh_12"] == 0.0).all()
    assert found["energy_ac_kwh_06"].sum() > 0.0


def test_a_broken_result_is_caught(quick: Assumptions, monkeypatch: pytest.MonkeyPatch) -> None:
    right = recipe.yields

    def wrong(*given: Any) -> Yields:
        found = right(*given)
        return replace(found, energy_kwh=np.full_like(found.energy_kwh, np.nan))

    monkeypatch.setattr(recipe, "yields", wrong)
    with np.errstate(invalid="ignore"), pytest.raises(TableError, match="energy_ac_kwh_01"):
        assess(toy.buildings(), toy.base(), None, quick)


# --- hour by hour ------------------------------------------------------------------------------


def test_hours_of_a_park_say_what_its_roofs_say(toy_base: Base, quick: Assumptions) -> None:
    park = toy.buildings().iloc[:5]
    ghi = toy.monthly_ghi(12)[:5]
    roofs = assess(park, toy_base, ghi, quick)
    power = hourly_power(world(toy_base, quick, park), park, ghi)
    assert len(power) == 8760
    index = pd.DatetimeIndex(power.index)
    assert index.is_monotonic_increasing
    assert set(index.minute) == {30}
    for month in range(1, 13):
        found = power.loc[index.month == month, "power_ac_kw"].sum()
        assert found == pytest.approx(roofs[f"energy_ac_kwh_{month:02d}"].sum(), rel=1e-9)
    assert np.all(power["power_ac_kw"] >= 0.0)
    assert power["power_ac_kw"].max() <= roofs["capacity_ac_kw"].sum() * 1.01
    assert roofs["beam_shading_fraction"].max() > 0.0
    at_night = power.loc[(index.hour < 4) | (index.hour > 20), "power_ac_kw"]
    assert np.all(at_night == 0.0)
    by_hour = power.groupby(index.hour)["power_ac_kw"].mean()
    assert by_hour.idxmax() in (11, 12)
