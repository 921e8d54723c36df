"""The yield chain against pvlib.ModelChain, and the laws of its parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pvlib
import pytest

from pvplan.assumptions import Assumptions, load
from pvplan.errors import AssumptionError
from pvplan.roof import generation
from pvplan.roof.generation import LOSSES, STEPS, Monthly, Orientations
from pvplan.roof.weather import Base
from pvplan.tables import Floats
from pvplan.yield_table import Arrays, Places, yields
from tests import toy
from tests.chain import model_chain

# pvlib still reads the day of the year by a name that pandas 3 deprecates.
pandas_noise = pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear:DeprecationWarning")

RATIOS = np.array([0.9, 1.2, 1.5])


def planes_facing(
    tilt: Sequence[float],
    azimuth: Sequence[float],
    racked: Sequence[bool] | None = None,
    gcr: Sequence[float] | None = None,
) -> Orientations:
    count = len(tilt)
    mounted = racked or [False] * count
    return Orientations(
        np.array(tilt, dtype=float),
        np.array(azimuth, dtype=float),
        np.array(mounted, dtype=bool),
        np.array(gcr or [math.nan] * count),
    )


def months_of(
    base: Base,
    planes: Orientations,
    given: Assumptions,
    *,
    shaded: bool = False,
    ratios: Floats | None = None,
) -> Monthly:
    nominal = np.array([given.system.dc_ac_ratio])
    return generation.monthly(
        base.sky, base.sun, planes, given.system, given.module,
        nominal if ratios is None else ratios, shaded,
    )  # fmt: skip


# --- the reference -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """Yearly energy of random planes at random places by our path and by ModelChain, per kW."""

    ours: Floats
    truth: Floats
    tilt: Floats
    turned: Floats

    @property
    def worst(self) -> float:
        return float(np.abs(self.ours / self.truth - 1.0).max())

    @property
    def worst_of_used(self) -> float:
        used = self.turned <= 90.0
        return float(np.abs(self.ours[used] / self.truth[used] - 1.0).max())


def compare(count: int, seed: int, tilts: list[float], given: Assumptions) -> Compared:
    """Run random planes at random places and random monthly GHI through both."""
    rng = np.random.default_rng(seed)
    # Few places keep the nodes few; each plane has its own GHI.
    three = rng.integers(0, 3, count)
    where = Places(rng.uniform(120.86, 122.1, 3)[three], rng.uniform(30.68, 31.86, 3)[three],
                   np.zeros(count))  # fmt: skip
    ghi = toy.monthly_ghi(count, seed + 1)
    tilt = np.array(tilts)[np.arange(count) % len(tilts)]
    azimuth = rng.uniform(0.0, 360.0, count)
    racked = tilt == tilts[1]
    arrays = Arrays(
        roof=np.arange(count),
        tilt=tilt,
        azimuth=azimuth,
        racked=racked,
        slant_m=np.full(count, np.nan),
        pitch_m=np.full(count, np.nan),
        capacity_kw=np.ones(count),
        dc_ac_ratio=np.full(count, given.system.dc_ac_ratio),
        beam_loss=np.zeros((count, 12)),
        sky_view=np.ones(count),
    )
    shaded = given.layout.method == "packed"
    found = yields(toy.base(), where, ghi / toy.base().sky.monthly_ghi(), arrays, given, map)
    truth = [
        model_chain(
            toy.base(),
            latitude=float(where.latitude[plane]),
            longitude=float(where.longitude[plane]),
            monthly_ghi=ghi[plane],
            tilt=float(tilt[plane]),
            azimuth=float(azimuth[plane]),
            racked=bool(racked[plane]),
            assumptions=given,
            shaded=shaded,
        ).sum()
        for plane in range(count)
    ]
    turned = np.abs((azimuth - 180.0 + 180.0) % 360.0 - 180.0)
    return Compared(found.energy_kwh.sum(axis=1), np.array(truth), tilt, turned)


@pandas_noise
@pytest.mark.parametrize(("method", "count"), [("screening", 16), ("packed", 8)])
def test_random_planes_agree_with_modelchain(method: str, count: int, record_property: Any) -> None:
    found = compare(count, 7, [5.71, 10.0, 0.0], load(user={"layout.method": method}))
    record_property("largest_yearly_difference", found.worst)
    print(f"largest yearly difference to ModelChain, perez-driesse: {found.worst:.5%}")
    assert found.worst < 1e-3


@pandas_noise
def test_steep_planes_and_hay_davies_agree_with_modelchain() -> None:
    steep = load(
        user={
            "system.transposition_model": "haydavies",
            "system.dc_ac_ratio": 1.5,
            "layout.method": "screening",
        }
    )
    found = compare(8, 11, [30.0, 45.0], steep)
    print(f"largest yearly difference to ModelChain, haydavies, steep: {found.worst_of_used:.5%}")
    assert found.worst_of_used < 1e-3
    # Steep planes that face away carry no modules; for them the azimuth nodes are coarse.
    assert found.worst < 5e-3


@pandas_noise
@pytest.mark.parametrize("model", ["perez-driesse", "haydavies"])
@pytest.mark.parametrize("shaded", [False, True])
def test_one_plane_is_modelchain_exactly(toy_base: Base, model: str, shaded: bool) -> None:
    """At the base place with no interpolation only hours with the sun set may differ."""
    soiled = [0.01 * month for month in range(1, 13)]
    given = load(
        user={"system.transposition_model": model, "system.losses.soiling_fraction": soiled}
    )
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
            shaded=shaded,
        )
        planes = planes_facing([tilt], [azimuth], [racked])
        found = months_of(toy_base, planes, given, shaded=shaded)
        assert np.allclose(found.energy[0, 0], truth, rtol=2e-5)


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


def rows_and_others() -> Orientations:
    """Rows near and far, level rows, flush planes, a steep one that faces away."""
    tilt = [10.0, 25.0, 0.0, 5.71, 40.0, 15.0, 20.0] * 3
    azimuth = [180.0, 200.0, 180.0, 91.0, 10.0, 150.0, 300.0] * 3
    racked = [True, True, True, False, False, True, True] * 3
    gcr = [0.7, 0.55, 0.8, math.nan, math.nan, math.nan, 0.6] * 3
    return planes_facing(tilt, azimuth, racked, gcr)


@pytest.mark.parametrize("shaded", [False, True])
def test_hours_add_up_to_months(toy_base: Base, assumptions: Assumptions, shaded: bool) -> None:
    planes = rows_and_others()
    found = months_of(toy_base, planes, assumptions, shaded=shaded)
    irradiance, power = generation.hourly(
        toy_base.sky, toy_base.sun, planes, assumptions.system, assumptions.module, shaded
    )
    for month in range(12):
        hours = toy_base.sky.month == month
        assert np.allclose(found.poa[:, month], irradiance[hours].sum(axis=0) / 1000.0, rtol=1e-12)
        assert np.allclose(found.energy[0, :, month], power[hours].sum(axis=0), rtol=1e-12)


def test_the_beams_hours_add_up_to_its_months(toy_base: Base, assumptions: Assumptions) -> None:
    planes = rows_and_others()
    found = months_of(toy_base, planes, assumptions, shaded=True)
    beam = generation.beam_hours(
        toy_base.sky, toy_base.sun, planes, assumptions.system, assumptions.module
    )
    hours = beam.hours
    assert np.all((beam.bend > 0.0) & (beam.bend < 0.2))  # the last module in shade costs most
    assert hours.shape == (len(toy_base.sky.ghi), len(planes))
    assert np.all(hours >= 0.0)
    for month in range(12):
        summed = hours[toy_base.sky.month == month].sum(axis=0)
        assert np.allclose(found.beam[:, month], summed, rtol=1e-9, atol=1e-6)


def test_a_plane_does_not_depend_on_its_neighbours(
    toy_base: Base, assumptions: Assumptions
) -> None:
    rng = np.random.default_rng(2)
    gcr = np.where(rng.random(37) < 0.5, rng.uniform(0.3, 0.9, 37), np.nan)
    planes = Orientations(
        rng.uniform(0, 40, 37), rng.uniform(0, 360, 37), rng.random(37) < 0.5, gcr
    )
    june = replace(
        toy_base,
        sky=toy_base.sky.at(toy_base.sky.month == 5),
        sun=toy_base.sun.at(toy_base.sky.month == 5),
    )
    order = rng.permutation(37)
    straight = months_of(june, planes, assumptions, shaded=True, ratios=RATIOS)
    mixed = months_of(june, planes.at(order), assumptions, shaded=True, ratios=RATIOS)
    for name in ("poa", "beam", "sky", "steps"):
        whole, shuffled = getattr(straight, name), getattr(mixed, name)
        assert whole[order].tobytes() == shuffled.tobytes()
        assert np.isnan(np.delete(whole, 5, axis=1)).all()  # months without an hour
        assert not np.isnan(whole[:, 5]).any()
    for name in ("energy", "clipping"):
        whole, shuffled = getattr(straight, name), getattr(mixed, name)
        assert np.ascontiguousarray(whole[:, order]).tobytes() == shuffled.tobytes()
        assert np.isnan(np.delete(whole, 5, axis=2)).all()
    weights, again = (
        generation.beam_hours(june.sky, june.sun, chosen, assumptions.system, assumptions.module)
        for chosen in (planes, planes.at(order))
    )
    assert np.ascontiguousarray(weights.hours[:, order]).tobytes() == again.hours.tobytes()
    assert weights.bend[order].tobytes() == again.bend.tobytes()


def test_a_level_plane_sees_ghi(toy_base: Base, assumptions: Assumptions) -> None:
    poa = months_of(toy_base, planes_facing([0.0], [77.0]), assumptions).poa
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


def test_every_dc_ac_ratio_is_that_ratios_own_run(toy_base: Base, assumptions: Assumptions) -> None:
    planes = rows_and_others().at(slice(0, 7))
    found = months_of(toy_base, planes, assumptions, shaded=True, ratios=RATIOS)
    for number, ratio in enumerate(RATIOS.tolist()):
        given = load(user={"system.dc_ac_ratio": ratio})
        alone = months_of(toy_base, planes, given, shaded=True)
        assert alone.energy[0].tobytes() == found.energy[number].tobytes()
        assert alone.clipping[0].tobytes() == found.clipping[number].tobytes()
        # All but the last two steps know nothing of the inverter.
        assert alone.steps[..., :-2].tobytes() == found.steps[..., :-2].tobytes()
        rest = found.energy[number] - found.clipping[number] - found.steps[..., :-2].sum(axis=-1)
        assert np.allclose(alone.steps[..., -2], rest, atol=1e-10)
    assert np.all(found.clipping <= 0.0)
    assert found.clipping[2].sum() < found.clipping[1].sum() - 1.0


def test_the_inverter_is_pvlibs(toy_base: Base, assumptions: Assumptions) -> None:
    """The step behind the clipping is written out; pvlib.inverter.pvwatts must agree."""
    planes = planes_facing([20.0], [180.0], [True])
    chain = generation._chain(
        toy_base.sky, planes, assumptions.system, assumptions.module, shaded=False
    )
    power_dc = np.linspace(0.0, 1.2, 500)
    for ratio in (0.8, 1.2, 1.7):
        efficiency = assumptions.system.inverter_efficiency_fraction
        expected = pvlib.inverter.pvwatts(power_dc, 1.0 / (ratio * efficiency), efficiency)
        assert np.allclose(chain.ac_kw(power_dc, ratio), expected, rtol=1e-12, atol=1e-15)


def test_energy_rises_as_the_temperature_coefficient_goes_to_zero(toy_base: Base) -> None:
    def energy(gamma: float) -> float:
        given = load(user={"module.gamma_pdc": gamma})
        return float(months_of(toy_base, planes_facing([5.71], [180.0]), given).energy.sum())

    found = [energy(gamma) for gamma in (-0.005, -0.0029, -0.0015, 0.0)]
    assert found == sorted(found)
    assert found[3] / found[1] > 1.02


def test_open_racks_run_cooler_and_yield_more(toy_base: Base, assumptions: Assumptions) -> None:
    planes = planes_facing([10.0, 10.0], [180.0, 180.0], [False, True])
    found = months_of(toy_base, planes, assumptions)
    assert found.poa[0].tobytes() == found.poa[1].tobytes()
    flush, racked = found.energy[0].sum(axis=1)
    assert 1.005 < racked / flush < 1.05


# --- losses ------------------------------------------------------------------------------------


def test_losses_multiply(assumptions: Assumptions) -> None:
    kept = generation.kept_fractions(assumptions.system, assumptions.module, shaded=False)
    assert kept.shape == (len(LOSSES), 12)
    by_hand = 0.97 * 0.97 * 0.98 * 0.98 * 0.995 * 0.99 * 0.98 * 0.99
    assert np.allclose(kept.prod(axis=0), by_hand, rtol=1e-12)
    computed = generation.kept_fractions(assumptions.system, assumptions.module, shaded=True)
    assert np.allclose(computed.prod(axis=0), by_hand / 0.97 * 0.99, rtol=1e-12)
    row = LOSSES.index("shading")
    assert np.array_equal(np.delete(kept, row, axis=0), np.delete(computed, row, axis=0))


def test_soiling_is_that_of_each_month(toy_base: Base) -> None:
    wet = [0.10, 0.0, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.3]
    clean, dirty = (load(user={"system.losses.soiling_fraction": value}) for value in (0.0, wet))
    assert dirty.system.losses.soiling_fraction == tuple(wet)
    planes = planes_facing([10.0], [180.0])
    ratios = np.array([0.6])  # an inverter large enough never to clip
    row = STEPS.index("mismatch")
    loss_dirty, loss_clean = (
        months_of(toy_base, planes, given, ratios=ratios).steps[0, :, row]
        for given in (dirty, clean)
    )
    ratio = loss_dirty / loss_clean
    assert np.allclose(ratio, 1.0 - np.array(wet), rtol=1e-12)


def test_one_number_of_soiling_stands_for_all_months() -> None:
    for given in ("0.07", 0.07, [0.07]):
        found = load(user={"system.losses.soiling_fraction": given})
        assert found.system.losses.soiling_fraction == (0.07,) * 12


@pytest.mark.parametrize("count", [2, 11, 13])
def test_soiling_of_a_wrong_number_of_months_is_refused(count: int) -> None:
    with pytest.raises(AssumptionError, match=rf"soiling_fraction: {count} numbers"):
        load(user={"system.losses.soiling_fraction": [0.03] * count})


def test_losses_scale_dc_power_once(toy_base: Base) -> None:
    """With a perfect, large inverter the energy is proportional to what the losses leave."""
    ideal = {"system.inverter_efficiency_fraction": 1.0, "system.dc_ac_ratio": 0.8}
    none: dict[str, float] = {
        f"system.losses.{item}_fraction": 0.0
        for item in ("soiling", "shading", "snow", "mismatch", "wiring", "connections",
                     "nameplate", "availability")
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
                      "system.losses.soiling_fraction": 0.2,
                      "system.losses.snow_fraction": 0.5})  # fmt: skip
    # The PVWatts inverter curve is AC = eta (-0.0162 z - 0.0059/z + 0.9858)/0.9637 DC.
    for full, part in ((whole.max(), lossy.max()), (np.median(whole), np.median(lossy))):
        z_full, z_part = dc_of_ac(full, 0.8), dc_of_ac(part, 0.8)
        assert z_part / z_full == pytest.approx(0.36, rel=1e-6)


def dc_of_ac(ac: float, dc_ac_ratio: float) -> float:
    """Invert the PVWatts inverter of efficiency 1: share of the DC limit, times the limit."""
    limit = 1.0 / dc_ac_ratio
    # ac / limit = (-0.0162 z² + 0.9858 z - 0.0059) / 0.9637
    constant = -0.0059 - 0.9637 * ac / limit
    z = (-0.9858 + math.sqrt(0.9858**2 + 4 * 0.0162 * constant)) / (2 * -0.0162)
    return z * limit


# --- the waterfall -----------------------------------------------------------------------------


@pytest.mark.parametrize("shaded", [False, True])
@pytest.mark.parametrize("bifacial", ["off", "infinite_sheds"])
def test_the_steps_sum_to_the_energy(toy_base: Base, shaded: bool, bifacial: str) -> None:
    given = load(user={"system.bifacial_model": bifacial, "system.dc_ac_ratio": 1.5})
    found = months_of(toy_base, rows_and_others(), given, shaded=shaded)
    assert found.steps.shape == (21, 12, len(STEPS))
    assert np.allclose(found.steps.sum(axis=-1), found.energy[0], rtol=0.0, atol=1e-9)
    step = {name: found.steps[..., number] for number, name in enumerate(STEPS)}
    assert np.allclose(step["horizontal"], toy_base.sky.monthly_ghi()[None, :], rtol=1e-12)
    assert np.allclose(step["horizontal"] + step["transposition"], found.poa, rtol=1e-12)
    assert np.allclose(step["clipping"], found.clipping[0], atol=1e-9)
    for name in ("rows", "incidence", *LOSSES, "inverter", "clipping"):
        assert np.all(step[name] <= 1e-12), name
    rows = np.isfinite(rows_and_others().gcr) & (rows_and_others().tilt > 0.0)
    assert np.all((step["rows"].sum(axis=1) < -0.1) == (rows & shaded))
    assert np.all(step["rear"] >= -1e-12)
    assert (step["rear"].sum() > 0.0) == (shaded and bifacial != "off")
    assert step["clipping"].sum() < -1.0


def test_blocking_all_but_the_ground_leaves_only_ground_light(
    toy_base: Base, assumptions: Assumptions
) -> None:
    planes = planes_facing([0.0, 10.0, 30.0, 60.0], [180.0, 180.0, 120.0, 180.0])
    found = months_of(toy_base, planes, assumptions, shaded=True)
    year = found.energy[0].sum(axis=1)
    left = (found.energy[0] - found.beam - found.sky).sum(axis=1)
    share = toy_base.sky.ghi.sum() * assumptions.system.albedo / 1000.0
    ground = share * (1.0 - np.cos(np.radians(planes.tilt))) / 2.0 * (year / found.poa.sum(axis=1))
    # The inverter's own need counts in both parts, the cells run cooler without either.
    assert np.all(np.abs(left - ground) < 0.02 * year)
    assert left[3] > 0.04 * year[3]
    assert np.all(found.beam > 0.0)
    assert np.all(found.sky > 0.0)


def test_parts_taken_off_are_the_run_without_them(toy_base: Base, assumptions: Assumptions) -> None:
    """A low sun blocked and a share of the dome: hours of their own against the parts' sums."""
    planes = planes_facing([0.0, 10.0, 25.0], [180.0, 180.0, 120.0], gcr=[math.nan, 0.6, math.nan])
    given, (sky, sun) = assumptions, (toy_base.sky, toy_base.sun)
    found = months_of(toy_base, planes, given, shaded=True)
    weights = generation.beam_hours(sky, sun, planes, given.system, given.module).hours
    light = generation._light(sky, sun, planes, given.system, given.module, shaded=True)
    chain = generation._chain(sky, planes, given.system, given.module, shaded=True)
    for lowest, view, bar in ((0.0, 0.9, 2e-4), (15.0, 0.85, 8e-4), (25.0, 0.7, 2.5e-3)):
        blocked = (90.0 - sun.apparent_zenith < lowest)[:, None]
        effective = light.beam_in * ~blocked + view * light.sky_in + light.ground_in
        absorbed = light.beam_lit * ~blocked + view * light.sky_lit + light.ground_lit
        power = chain.ac_kw(chain.dc_kw(effective, absorbed), given.system.dc_ac_ratio)
        parts = found.energy[0].sum(axis=1) - (weights * blocked).sum(axis=0)
        parts -= (1.0 - view) * found.sky.sum(axis=1)
        assert np.abs(parts / power.sum(axis=0) - 1.0).max() < bar


@pytest.mark.parametrize("share", [0.15, 0.6, 0.85])
def test_part_of_the_beam_taken_off_is_the_run_without_it(
    toy_base: Base, assumptions: Assumptions, share: float
) -> None:
    planes = planes_facing([0.0, 10.0, 25.0], [180.0, 180.0, 120.0], gcr=[math.nan, 0.6, math.nan])
    given, (sky, sun) = assumptions, (toy_base.sky, toy_base.sun)
    found = months_of(toy_base, planes, given, shaded=True)
    beam = generation.beam_hours(sky, sun, planes, given.system, given.module)
    light = generation._light(sky, sun, planes, given.system, given.module, shaded=True)
    chain = generation._chain(sky, planes, given.system, given.module, shaded=True)
    power = chain.ac_kw(chain.dc_kw(*light.without_beam(share)), given.system.dc_ac_ratio)
    parts = found.energy[0].sum(axis=1)
    parts -= generation.part_lost(np.full(3, share), beam.bend) * beam.hours.sum(axis=0)
    assert np.abs(parts / power.sum(axis=0) - 1.0).max() < 1.5e-3
    straight = found.energy[0].sum(axis=1) - share * beam.hours.sum(axis=0)
    assert np.abs(straight / power.sum(axis=0) - 1.0).max() > 2e-3  # without the bend


# --- rows --------------------------------------------------------------------------------------


def test_rows_shade_as_drawn_by_hand(toy_base: Base, assumptions: Assumptions) -> None:
    """Sun in the plane of the profile: the shadow's edge by similar triangles."""
    low = int(np.argmin(np.abs(toy_base.sun.apparent_zenith - 75.0)))
    # Facing the sun's own azimuth, the profile angle is the sun's elevation.
    facing = float(toy_base.sun.azimuth[low])
    elevation = math.radians(90.0 - float(toy_base.sun.apparent_zenith[low]))
    tilt, gcr = math.radians(30.0), 0.9
    rows = planes_facing([30.0], [facing], [True], [gcr])
    sun = toy_base.sun.at(np.array([low]))
    sunny, sky = generation._row_shares(sun, rows)
    # Upper edge of the row before, at pitch 1 in front; its ray goes down towards this row.
    top, back = gcr * math.sin(tilt), 1.0 - gcr * math.cos(tilt)
    # It meets this row at the length s where top - (back + s cos t) tan e = s sin t.
    length = (top - back * math.tan(elevation)) / (
        math.sin(tilt) + math.cos(tilt) * math.tan(elevation)
    )
    assert 0.05 < length / gcr < 0.95
    assert float(sunny[0, 0]) == pytest.approx(1.0 - length / gcr, rel=1e-9)
    s = (np.arange(20_000) + 0.5) / 20_000
    masks = np.arctan(gcr * (1 - s) * math.sin(tilt) / (1 - gcr * (1 - s) * math.cos(tilt)))
    assert float(sky[0, 0]) == pytest.approx((1.0 + math.cos(masks.mean())) / 2.0, rel=1e-6)


@pytest.mark.parametrize("azimuth", [180.0, 215.0, 95.0])
def test_rows_are_pvlibs_rows(toy_base: Base, azimuth: float) -> None:
    tilt, gcr = 25.0, 0.62
    sunny, sky = generation._row_shares(
        toy_base.sun, planes_facing([tilt], [azimuth], [True], [gcr])
    )
    shaded = pvlib.shading.shaded_fraction1d(
        toy_base.sun.apparent_zenith, toy_base.sun.azimuth, azimuth - 90.0, tilt,
        collector_width=gcr * 4.0, pitch=4.0,
    )  # fmt: skip
    assert np.allclose(sunny[:, 0], 1.0 - shaded, atol=1e-12)
    mask = pvlib.shading.masking_angle_passias(tilt, gcr)
    assert float(sky[0, 0]) == pytest.approx(1.0 - pvlib.shading.sky_diffuse_passias(mask))
    assert 0.0 < shaded.mean() < 0.5


def test_closer_rows_lose_more_and_lone_rows_nothing(
    toy_base: Base, assumptions: Assumptions
) -> None:
    gcr = [math.nan, 1e-6, 0.3, 0.5, 0.7, 0.9]
    planes = planes_facing([20.0] * 6, [180.0] * 6, [True] * 6, gcr)
    found = months_of(toy_base, planes, assumptions, shaded=True)
    year = found.energy[0].sum(axis=1)
    assert year[1] == pytest.approx(year[0], rel=1e-5)
    assert np.all(np.diff(year[1:]) < 0.0)
    assert 0.8 < year[5] / year[0] < 0.97
    flat = months_of(toy_base, planes, assumptions, shaded=False)
    assert len({value.tobytes() for value in flat.energy[0]}) == 1
    assert len({value.tobytes() for value in found.poa}) == 1  # before any shading
    level = planes_facing([0.0, 0.0], [180.0, 180.0], [True, True], [math.nan, 0.95])
    lone, dense = months_of(toy_base, level, assumptions, shaded=True).energy[0]
    assert np.allclose(lone, dense, rtol=1e-12)


# --- the rear side -----------------------------------------------------------------------------


def test_the_rear_is_off_and_adds_a_few_percent_when_on(
    toy_base: Base, assumptions: Assumptions
) -> None:
    planes = planes_facing(
        [15.0, 15.0, 15.0], [180.0] * 3, [True, True, False], [0.6, math.nan, math.nan]
    )
    on = load(user={"system.bifacial_model": "infinite_sheds"})
    without, rear = (
        months_of(toy_base, planes, given, shaded=True).energy[0].sum(axis=1)
        for given in (assumptions, on)
    )
    assert assumptions.system.bifacial_model == "off"
    assert 1.01 < rear[0] / without[0] < 1.12
    assert rear[1:].tobytes() == without[1:].tobytes()  # only rows with a pitch
    bright = load(user={"system.bifacial_model": "infinite_sheds", "system.albedo": 0.5})
    assert months_of(toy_base, planes, bright, shaded=True).steps[0, :, 4].sum() > 1.5 * (
        months_of(toy_base, planes, on, shaded=True).steps[0, :, 4].sum()
    )


def test_the_rear_is_pvlibs(toy_base: Base) -> None:
    on = load(user={"system.bifacial_model": "infinite_sheds"})
    planes = planes_facing([15.0], [200.0], [True], [0.6])
    step = months_of(toy_base, planes, on, shaded=True).steps[0, :, STEPS.index("rear")]
    length = on.module.length_m
    found = pvlib.bifacial.infinite_sheds.get_irradiance(
        15.0, 200.0, toy_base.sun.apparent_zenith, toy_base.sun.azimuth, 0.6,
        on.system.row_clearance_m + length * math.sin(math.radians(15.0)) / 2.0, length / 0.6,
        toy_base.sky.ghi, toy_base.sky.dhi, toy_base.sky.dni, on.system.albedo,
    )  # fmt: skip
    back = np.nan_to_num(found["poa_back"]) * on.system.bifaciality_fraction
    expected = np.bincount(toy_base.sky.month, weights=back, minlength=12) / 1000.0
    assert np.allclose(step, expected, rtol=1e-9)


def test_diffuse_iam_is_marions_integral() -> None:
    tilts = np.array([0.0, 25.0, 25.0, 5.71])
    found = generation.diffuse_iam(tilts)
    expected = [float(pvlib.iam.marion_diffuse("physical", tilt)["sky"]) for tilt in tilts]
    assert np.allclose(found, expected, rtol=1e-12)
    assert np.all((found > 0.9) & (found < 1.0))


def test_south_beats_west_and_east_and_north_at_shanghai(
    toy_base: Base, assumptions: Assumptions
) -> None:
    found = months_of(toy_base, planes_facing([20.0] * 4, [180.0, 270.0, 90.0, 0.0]), assumptions)
    energy = found.energy[0]
    south, west, east, north = energy.sum(axis=1)
    assert south > max(west, east) > min(west, east) > north
    assert abs(west / east - 1.0) < 0.06  # the hour is right: mornings and evenings balance
    winter = energy[:, [0, 10, 11]].sum(axis=1)
    assert winter[0] / winter[3] > 1.5
    assert np.all(energy.sum(axis=1) < found.poa.sum(axis=1))


def test_best_tilt_lies_below_the_latitude(toy_base: Base, assumptions: Assumptions) -> None:
    tilts = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0]
    year = months_of(toy_base, planes_facing(tilts, [180.0] * 9), assumptions).poa.sum(axis=1)
    assert 15.0 <= tilts[int(year.argmax())] <= 30.0
    assert year[0] < year[2] < year.max()


# --- azimuth nodes -----------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1.0, 7.0, 29.9, 30.0, 45.0])
def test_azimuth_nodes_are_even_and_near_enough(step: float) -> None:
    nodes = generation.azimuth_nodes(step)
    assert len(nodes) % 2 == 0
    assert nodes[0] == 0.0
    assert np.allclose(np.diff(nodes), 360.0 / len(nodes))
    assert 360.0 / len(nodes) <= step + 1e-9
