"""The yield chain against pvlib.ModelChain, and the laws of its parts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pvlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvplan import assess as recipe
from pvplan.assumptions import Assumptions, load
from pvplan.roof import generation, packing, surfaces
from pvplan.roof.generation import Orientations
from pvplan.roof.weather import Base
from pvplan.tables import Floats
from tests import toy
from tests.chain import model_chain

# pvlib still reads the day of the year by a name that pandas 3 deprecates.
pandas_noise = pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear:DeprecationWarning")


def planes_facing(
    tilt: list[float], azimuth: list[float], racked: list[bool] | None = None
) -> Orientations:
    count = len(tilt)
    mounted = racked or [False] * count
    return Orientations(np.array(tilt), np.array(azimuth), np.array(mounted, dtype=bool))


# --- the reference -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """Yearly energy of every plane of random roofs by our path and by ModelChain, per kW."""

    ours: Floats
    truth: Floats
    planes: surfaces.Planes
    arrays: packing.Arrays

    @property
    def worst(self) -> float:
        return float(np.abs(self.ours / self.truth - 1.0).max())

    @property
    def worst_of_used(self) -> float:
        used = self.arrays.module_count > 0
        return float(np.abs(self.ours[used] / self.truth[used] - 1.0).max())


def compare(count: int, seed: int, given: Assumptions) -> Compared:
    """Run random roofs at random places and random monthly GHI through both."""
    buildings, ghi = toy.random_buildings(count, seed), toy.monthly_ghi(count, seed + 1)
    where = recipe.places(buildings)
    planes, arrays, _ = recipe._arrays(buildings, where, given)
    ratio = ghi / toy.base().sky.monthly_ghi()[None, :]
    _, energy = recipe.energy_per_kw(toy.base(), where, ratio, planes, arrays, given, map)
    truth = [
        model_chain(
            toy.base(),
            latitude=float(where.latitude[roof]),
            longitude=float(where.longitude[roof]),
            monthly_ghi=ghi[roof],
            tilt=float(arrays.tilt[plane]),
            azimuth=float(arrays.azimuth[plane]),
            racked=bool(arrays.racked[plane]),
            assumptions=given,
        ).sum()
        for plane, roof in enumerate(planes.roof)
    ]
    return Compared(energy.sum(axis=1), np.array(truth), planes, arrays)


@pandas_noise
def test_fifty_random_roofs_agree_with_modelchain(
    assumptions: Assumptions, record_property: pytest.FixtureRequest
) -> None:
    found = compare(50, 7, assumptions)
    record_property("largest_yearly_difference", found.worst)  # type: ignore[operator]
    print(f"largest yearly difference to ModelChain, perez-driesse: {found.worst:.5%}")
    assert len(set(found.planes.roof.tolist())) == 50
    assert set(np.unique(found.arrays.racked)) == {True, False}
    assert len(np.unique(found.arrays.tilt)) == 4  # one for each form
    assert found.worst < 1e-3


@pandas_noise
def test_steep_roofs_and_hay_davies_agree_with_modelchain() -> None:
    steep = load(
        user={
            "system.transposition_model": "haydavies",
            "surfaces.metal_sheet_slope_deg": 12.0,
            "surfaces.saw_tooth_slope_deg": 35.0,
            "surfaces.pitched_slope_deg": 45.0,
            "layout.flat_concrete.racked_tilt_deg": 30.0,
            "system.dc_ac_ratio": 1.5,
        }
    )
    found = compare(24, 11, steep)
    print(f"largest yearly difference to ModelChain, haydavies, steep: {found.worst_of_used:.5%}")
    # Steep planes that face away carry no modules; for them 30° of azimuth are coarse.
    assert found.worst_of_used < 1e-3
    assert found.worst < 5e-3
    fine = load(user={"weather.azimuth_step_deg": 15.0})
    rules = replace(steep, weather=fine.weather)
    assert compare(8, 11, rules).worst < 1e-3


@pandas_noise
@pytest.mark.parametrize("model", ["perez-driesse", "haydavies"])
def test_one_plane_is_modelchain_exactly(toy_base: Base, model: str) -> None:
    """At the base place with no interpolation only hours with the sun set may differ."""
    given = load(user={"system.transposition_model": model})
    for tilt, azimuth, racked in ((0.0, 180.0, False), (10.0, 180.0, True), (25.0, 247.3, False)):
        truth = model_chain(
            toy_base,
            latitude=toy_base.latitude,
            longitude=toy_base.longitude,
            monthly_ghi=toy_base.sky.monthly_ghi(),
            tilt=tilt,
            azimuth=azimuth,
            racked=racked,
            assumptions=given,
        )
        planes = planes_facing([tilt], [azimuth], [racked])
        _, energy = generation.monthly(
            toy_base.sky, toy_base.sun, planes, given.system, given.module
        )
        assert np.allclose(energy[0], truth, rtol=2e-5)


@pandas_noise
def test_the_comparison_can_fail(assumptions: Assumptions) -> None:
    """Two degrees of azimuth, or the other mounting, break what the tests above hold."""
    for wrong in ({"turned": 4.0}, {"racked": True}):
        truth = model_chain(
            toy.base(),
            latitude=31.2,
            longitude=121.4,
            monthly_ghi=toy.base().sky.monthly_ghi(),
            tilt=25.0,
            azimuth=120.0 + wrong.get("turned", 0.0),
            racked=bool(wrong.get("racked", False)),
            assumptions=assumptions,
        ).sum()
        right = model_chain(
            toy.base(),
            latitude=31.2,
            longitude=121.4,
            monthly_ghi=toy.base().sky.monthly_ghi(),
            tilt=25.0,
            azimuth=120.0,
            racked=False,
            assumptions=assumptions,
        ).sum()
        assert abs(truth / right - 1.0) > 1e-3


# --- the laws of the parts ---------------------------------------------------------------------


def test_hours_add_up_to_months(toy_base: Base, assumptions: Assumptions) -> None:
    planes = planes_facing(
        [10.0, 5.71, 40.0] * 7, [180.0, 91.0, 300.0] * 7, [True, False, False] * 7
    )
    poa, energy = generation.monthly(
        toy_base.sky, toy_base.sun, planes, assumptions.system, assumptions.module
    )
    irradiance, power = generation.hourly(
        toy_base.sky, toy_base.sun, planes, assumptions.system, assumptions.module
    )
    for month in range(12):
        hours = toy_base.sky.month == month
        assert np.allclose(poa[:, month], irradiance[hours].sum(axis=0) / 1000.0, rtol=1e-12)
        assert np.allclose(energy[:, month], power[hours].sum(axis=0), rtol=1e-12)


def test_a_plane_does_not_depend_on_its_neighbours(
    toy_base: Base, assumptions: Assumptions
) -> None:
    rng = np.random.default_rng(2)
    planes = Orientations(rng.uniform(0, 40, 37), rng.uniform(0, 360, 37), rng.random(37) < 0.5)
    june = toy_base.sky.month == 5
    sky, sun = toy_base.sky.at(june), toy_base.sun.at(june)
    order = rng.permutation(37)
    both = generation.monthly(sky, sun, planes, assumptions.system, assumptions.module)
    mixed = generation.monthly(sky, sun, planes.at(order), assumptions.system, assumptions.module)
    for straight, shuffled in zip(both, mixed, strict=True):
        assert straight[order].tobytes() == shuffled.tobytes()
        assert np.isnan(np.delete(straight, 5, axis=1)).all()  # months without an hour


def test_a_level_plane_sees_ghi(toy_base: Base, assumptions: Assumptions) -> None:
    poa, _ = generation.monthly(
        toy_base.sky, toy_base.sun, planes_facing([0.0], [77.0]),
        assumptions.system, assumptions.module,
    )  # fmt: skip
    assert poa.sum() == pytest.approx(toy_base.report["ghi_kwh_per_m2_per_year"], rel=2e-3)


def test_clipping_holds_the_ac_limit(toy_base: Base) -> None:
    def power(ratio: float) -> Floats:
        given = load(user={"system.dc_ac_ratio": ratio})
        return generation.hourly(
            toy_base.sky, toy_base.sun, planes_facing([20.0], [180.0], [True]),
            given.system, given.module,
        )[1][:, 0]  # fmt: skip

    clipped, free = power(1.6), power(0.8)
    limit = 1.0 / 1.6
    assert clipped.max() == pytest.approx(limit, rel=1e-12)
    at_limit = clipped >= limit * (1 - 1e-12)
    assert at_limit.sum() > 100
    assert np.all(clipped <= limit * (1 + 1e-12))
    assert np.all(free[at_limit] > limit * 0.97)
    assert clipped.sum() < power(1.2).sum()
    assert np.all(clipped >= 0.0)


def test_energy_rises_as_the_temperature_coefficient_goes_to_zero(toy_base: Base) -> None:
    def energy(gamma: float) -> float:
        given = load(user={"module.gamma_pdc": gamma})
        planes = planes_facing([5.71], [180.0])
        return float(
            generation.monthly(toy_base.sky, toy_base.sun, planes, given.system, given.module)[
                1
            ].sum()
        )

    found = [energy(gamma) for gamma in (-0.005, -0.0029, -0.0015, 0.0)]
    assert found == sorted(found)
    assert found[3] / found[1] > 1.02


def test_open_racks_run_cooler_and_yield_more(toy_base: Base, assumptions: Assumptions) -> None:
    planes = planes_facing([10.0, 10.0], [180.0, 180.0], [False, True])
    poa, energy = generation.monthly(
        toy_base.sky, toy_base.sun, planes, assumptions.system, assumptions.module
    )
    assert poa[0].tobytes() == poa[1].tobytes()
    assert 1.005 < energy[1].sum() / energy[0].sum() < 1.05


def test_losses_multiply(assumptions: Assumptions) -> None:
    losses, module = assumptions.system.losses, assumptions.module
    by_hand = 0.97 * 0.97 * 0.98 * 0.98 * 0.995 * 0.99 * 0.98
    assert losses.kept_fraction == pytest.approx(by_hand, rel=1e-12)
    kept = generation.kept_fraction(assumptions.system, module)
    assert kept == pytest.approx(by_hand * 0.99, rel=1e-12)
    added = 1.0 - (0.03 + 0.03 + 0.02 + 0.02 + 0.005 + 0.01 + 0.02)
    assert abs(losses.kept_fraction - added) > 1e-3
    for item, value in (("soiling_fraction", 0.5), ("availability_fraction", 0.25)):
        changed = replace(losses, **{item: value})
        old = 1.0 - getattr(losses, item)
        assert changed.kept_fraction == pytest.approx(
            losses.kept_fraction / old * (1.0 - value), rel=1e-12
        )


def test_losses_scale_dc_power_once(toy_base: Base) -> None:
    """With a perfect, large inverter the energy is proportional to what the losses leave."""
    ideal = {"system.inverter_efficiency_fraction": 1.0, "system.dc_ac_ratio": 0.8}
    none = {
        f"system.losses.{item}_fraction": 0.0
        for item in ("soiling", "shading", "mismatch", "wiring", "connections", "nameplate",
                     "availability")
    }  # fmt: skip
    none["module.first_year_degradation_fraction"] = 0.0
    planes = planes_facing([15.0], [170.0])

    def dc_hours(user: dict[str, float]) -> Floats:
        given = load(user=user)
        return generation.hourly(
            toy_base.sky, toy_base.sun, planes, given.system, given.module
        )[1][:, 0]  # fmt: skip

    whole = dc_hours({**ideal, **none})
    lossy = dc_hours({**ideal, **none, "system.losses.wiring_fraction": 0.1,
                      "system.losses.soiling_fraction": 0.2})  # fmt: skip
    # The PVWatts inverter curve is AC = eta (-0.0162 z - 0.0059/z + 0.9858)/0.9637 DC.
    for full, part in ((whole.max(), lossy.max()), (np.median(whole), np.median(lossy))):
        z_full, z_part = dc_of_ac(full, 0.8), dc_of_ac(part, 0.8)
        assert z_part / z_full == pytest.approx(0.72, rel=1e-6)


def dc_of_ac(ac: float, dc_ac_ratio: float) -> float:
    """Invert the PVWatts inverter of efficiency 1: share of the DC limit, times the limit."""
    limit = 1.0 / dc_ac_ratio
    # ac / limit = (-0.0162 z² + 0.9858 z - 0.0059) / 0.9637
    constant = -0.0059 - 0.9637 * ac / limit
    z = (-0.9858 + math.sqrt(0.9858**2 + 4 * 0.0162 * constant)) / (2 * -0.0162)
    return z * limit


def test_south_beats_west_and_east_and_north_at_shanghai(
    toy_base: Base, assumptions: Assumptions
) -> None:
    sides = [180.0, 270.0, 90.0, 0.0]
    poa, energy = generation.monthly(
        toy_base.sky, toy_base.sun, planes_facing([20.0] * 4, sides),
        assumptions.system, assumptions.module,
    )  # fmt: skip
    south, west, east, north = energy.sum(axis=1)
    assert south > max(west, east) > min(west, east) > north
    assert abs(west / east - 1.0) < 0.06  # the hour is right: mornings and evenings balance
    winter = energy[:, [0, 10, 11]].sum(axis=1)
    assert winter[0] / winter[3] > 1.5
    assert np.all(energy.sum(axis=1) < poa.sum(axis=1))


def test_best_tilt_lies_below_the_latitude(toy_base: Base, assumptions: Assumptions) -> None:
    tilts = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0]
    poa, _ = generation.monthly(
        toy_base.sky, toy_base.sun, planes_facing(tilts, [180.0] * 9),
        assumptions.system, assumptions.module,
    )  # fmt: skip
    year = poa.sum(axis=1)
    assert 15.0 <= tilts[int(year.argmax())] <= 30.0
    assert year[0] < year[2] < year.max()


def test_diffuse_iam_is_marions_integral() -> None:
    tilts = np.array([0.0, 25.0, 25.0, 5.71])
    found = generation.diffuse_iam(tilts)
    expected = [float(pvlib.iam.marion_diffuse("physical", tilt)["sky"]) for tilt in tilts]
    assert np.allclose(found, expected, rtol=1e-12)
    assert np.all((found > 0.9) & (found < 1.0))


# --- azimuth interpolation ---------------------------------------------------------------------


@given(
    st.lists(st.floats(0.0, 360.0), min_size=1, max_size=20),
    st.sampled_from([2, 4, 8, 12, 18, 36]),
)
def test_azimuth_weights_are_a_partition_of_unity(azimuths: list[float], nodes: int) -> None:
    weights = generation.azimuth_weights(np.array(azimuths), nodes)
    assert weights.shape == (len(azimuths), nodes)
    assert np.allclose(weights.sum(axis=1), 1.0, atol=1e-12)


@pytest.mark.parametrize("nodes", [2, 4, 8, 12, 18, 36])
def test_azimuth_weights_are_exact_at_the_nodes(nodes: int) -> None:
    places = np.arange(nodes) * 360.0 / nodes
    assert np.allclose(generation.azimuth_weights(places, nodes), np.eye(nodes), atol=1e-12)
    again = generation.azimuth_weights(places + 360.0, nodes)
    assert np.allclose(again, np.eye(nodes), atol=1e-11)


def test_a_single_node_stands_for_every_azimuth() -> None:
    assert np.array_equal(
        generation.azimuth_weights(np.array([0.0, 33.3, 359.0]), 1), np.ones((3, 1))
    )


@settings(deadline=None)
@given(st.floats(0.0, 360.0), st.integers(0, 5))
def test_azimuth_weights_are_exact_for_low_waves(azimuth: float, order: int) -> None:
    nodes = generation.azimuth_nodes(30.0)
    assert len(nodes) == 12
    weights = generation.azimuth_weights(np.array([azimuth]), 12)[0]
    for wave in (np.cos, np.sin):
        found = weights @ wave(np.radians(nodes * order))
        assert found == pytest.approx(float(wave(np.radians(azimuth * order))), abs=1e-9)


@pytest.mark.parametrize("step", [1.0, 7.0, 29.9, 30.0, 45.0])
def test_azimuth_nodes_are_even_and_near_enough(step: float) -> None:
    nodes = generation.azimuth_nodes(step)
    assert len(nodes) % 2 == 0
    assert nodes[0] == 0.0
    assert np.allclose(np.diff(nodes), 360.0 / len(nodes))
    assert 360.0 / len(nodes) <= step + 1e-9
