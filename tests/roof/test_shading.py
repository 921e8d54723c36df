"""Horizon look-ups against sums over hours, sky view against integration, and their laws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pvplan.assumptions import load
from pvplan.roof import generation, shading
from pvplan.roof.weather import Base
from pvplan.tables import Floats
from tests import toy
from tests.conftest import examples

BINS = 72
PLANES = generation.Orientations(
    np.array([0.0, 10.0, 20.0, 25.0]),
    np.array([180.0, 180.0, 120.0, 300.0]),
    np.array([False, True, False, False]),
    np.array([np.nan, 0.6, np.nan, np.nan]),
)


@cache
def beam() -> Floats:
    """Energy that each hour of the base year owes to its beam, (time, planes)."""
    given, base = load(), toy.base()
    return generation.beam_hours(base.sky, base.sun, PLANES, given.system, given.module).hours


@cache
def table(bins: int = BINS) -> shading.Table:
    base = toy.base()
    return table_of(base, beam(), bins)


def table_of(base: Base, energy: Floats, bins: int, turned: float = 0.0) -> shading.Table:
    elevation = 90.0 - base.sun.apparent_zenith
    return shading.beam_table(base.sun.azimuth + turned, elevation, base.sky.month, energy, bins)


def monthly_beam() -> Floats:
    """Beam energy by month, (planes, 12)."""
    month = toy.base().sky.month
    return np.stack([np.bincount(month, weights=hours, minlength=12) for hours in beam().T])


def of_points(
    horizon: Floats, facing: tuple[Floats, Floats], light: shading.Table, between: Any
) -> shading.ArrayLosses:
    """The losses of arrays that one point each tells of."""
    count = len(horizon)
    return shading.array_losses(
        np.ascontiguousarray(horizon), np.arange(count), np.arange(count + 1), np.ones(count),
        facing, shading.Tables(light, np.zeros(len(light)), *between),
    )  # fmt: skip


def beam_losses(horizon: Floats, light: Any, first: Any, second: Any, share: Any) -> Floats:
    level = np.zeros(len(horizon))
    return of_points(horizon, (level, level), light, (first, second, share)).mean


def sky_view(horizon: Floats, tilt: Floats, azimuth: Floats) -> Floats:
    none = np.zeros(len(horizon), dtype=np.int64)
    light = table(horizon.shape[1])
    return of_points(horizon, (tilt, azimuth), light, (none, none, none.astype(float))).sky_view


def losses_of(horizon: Floats, plane: int = 0, bins: int = BINS) -> Floats:
    count = len(horizon)
    chosen = np.full(count, plane)
    return beam_losses(
        np.ascontiguousarray(horizon, dtype=np.float32), table(bins), chosen, chosen,
        np.zeros(count),
    )  # fmt: skip


horizons = arrays.arrays(np.float32, (3, BINS), elements=st.floats(0.0, 90.0, width=32))


# --- against sums over hours -------------------------------------------------------------------


@dataclass(frozen=True)
class Blocks:
    """Buildings seen from a point: middle, half width and height, degrees, each (blocks,)."""

    middle: Floats
    half: Floats
    height: Floats

    def at(self, azimuth: Floats) -> Floats:
        """The exact horizon in some directions."""
        away = np.abs((azimuth[:, None] - self.middle + 180.0) % 360.0 - 180.0)
        found: Floats = np.where(away < self.half, self.height, 0.0).max(axis=1)
        return found


def blocks(count: int, seed: int, points: int = 1) -> list[Blocks]:
    """Random surroundings, seen from points of one roof: each a little elsewhere."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        many = rng.integers(1, 7)
        middle, half = rng.uniform(0.0, 360.0, many), rng.uniform(5.0, 40.0, many)
        height = np.minimum(rng.exponential(15.0, many), 80.0)
        for _ in range(points):
            seen = middle + rng.normal(0.0, 10.0, many), half * rng.uniform(0.8, 1.25, many)
            risen = np.minimum(height * rng.uniform(0.8, 1.25, many), 85.0)
            found += [Blocks(*seen, risen)]
    return found


def skylines(count: int, bins: int, seed: int) -> Floats:
    """Random horizons along the bins' centres, degrees."""
    centres = np.arange(bins) * (360.0 / bins)
    return np.stack([seen.at(centres) for seen in blocks(count, seed)])


def months_of(hours: Floats) -> Floats:
    """Sum hours (points, time) to (points, 12)."""
    month = toy.base().sky.month
    return np.stack([np.bincount(month, weights=line, minlength=12) for line in hours])


def energy_of(plane: int) -> Floats:
    """AC energy of a plane by month, kWh: what errors are measured by."""
    base, rules = toy.base(), load()
    ratio = np.array([rules.system.dc_ac_ratio])
    found: Floats = generation.monthly(
        base.sky, base.sun, PLANES, rules.system, rules.module, ratio, shaded=True
    ).energy[0, plane]
    return found


@pytest.mark.parametrize("plane", range(len(PLANES)))
def test_look_ups_are_the_sum_over_hours(plane: int) -> None:
    """Hour by hour under the horizon of the two bins beside the sun: every single point."""
    base, horizon = toy.base(), skylines(200, BINS, 5 + plane)
    place = (base.sun.azimuth % 360.0) * (BINS / 360.0)
    first = np.floor(place).astype(int)
    right, elevation = place - first, 90.0 - base.sun.apparent_zenith
    blocked = (horizon[:, first % BINS] > elevation) * (1.0 - right)
    blocked += (horizon[:, (first + 1) % BINS] > elevation) * right
    truth = months_of(blocked * beam()[:, plane])
    found = losses_of(horizon, plane) * monthly_beam()[plane]
    year = (found - truth).sum(axis=1) / energy_of(plane).sum()
    months = (found - truth) / energy_of(plane)
    print(f"worst year {np.abs(year).max():.3%}, worst month {np.abs(months).max():.3%},"
          f" mean of years {year.mean():+.4%}")  # fmt: skip
    assert truth.sum() > 0.02 * monthly_beam()[plane].sum() * len(horizon)
    assert np.abs(year).max() < 3e-3
    # A single point's month may hang on one hour of the day; the mean of a roof does not.
    assert np.abs(months).max() < 2e-2
    assert np.quantile(np.abs(months), 0.99) < 1e-2


@pytest.mark.parametrize("plane", range(len(PLANES)))
def test_roofs_under_exact_skylines_hold_the_bar(plane: int) -> None:
    """Hour by hour under the exact outline of the surroundings; a roof is eight points."""
    base, bins, points = toy.base(), 144, 8
    seen = blocks(60, 50 + plane, points)
    sun = 90.0 - base.sun.apparent_zenith
    blocked = np.stack([one.at(base.sun.azimuth) > sun for one in seen])
    truth = months_of(blocked * beam()[:, plane])
    centres = np.arange(bins) * (360.0 / bins)
    horizon = np.stack([one.at(centres) for one in seen])
    found = losses_of(horizon, plane, bins) * monthly_beam()[plane]
    roofs = (found - truth).reshape(-1, points, 12).mean(axis=1)
    year = roofs.sum(axis=1) / energy_of(plane).sum()
    months = roofs / energy_of(plane)
    print(f"worst year {np.abs(year).max():.3%}, worst month {np.abs(months).max():.3%},"
          f" mean of years {year.mean():+.4%}")  # fmt: skip
    assert truth.sum() > 0.02 * monthly_beam()[plane].sum() * len(horizon)
    assert np.abs(year).max() < 3e-3
    assert np.abs(months).max() < 1e-2
    assert abs(year.mean()) < 3e-4


@pytest.mark.parametrize("bend", [-0.1, 0.15])
def test_part_shade_takes_the_parabola_of_the_share_in_shade(bend: float) -> None:
    """Hour by hour, the share of eight weighted points in shade, through the parabola."""
    base, points, roofs = toy.base(), 8, 40
    rng = np.random.default_rng(8)
    weight = rng.uniform(0.5, 2.0, (roofs, points))
    horizon = np.stack(
        [one.at(np.arange(BINS) * (360.0 / BINS)) for one in blocks(roofs, 21, points)]
    ).astype(np.float32)
    place = (base.sun.azimuth % 360.0) * (BINS / 360.0)
    first = np.floor(place).astype(int)
    right, elevation = place - first, 90.0 - base.sun.apparent_zenith
    share = weight / weight.sum(axis=1, keepdims=True)
    truth = np.zeros((roofs, len(elevation)))
    for side, part in ((first, 1.0 - right), (first + 1, right)):
        dark = (horizon[:, side % BINS] > elevation).reshape(roofs, points, -1)
        truth += part * generation.part_lost(np.einsum("rp,rpt->rt", share, dark), bend)
    found = shading.array_losses(
        horizon, np.arange(roofs * points), np.arange(0, roofs * points + 1, points),
        weight.ravel(), (np.zeros(roofs), np.zeros(roofs)),
        shading.Tables(
            table(), np.full(len(PLANES), bend), *(np.zeros(roofs, np.int64),) * 2,
            np.zeros(roofs),
        ),
    )  # fmt: skip
    straight = np.einsum("rp,rpm->rm", share, losses_of(horizon).reshape(roofs, points, 12))
    year, months = energy_of(0).sum(), monthly_beam()[0]
    error = (found.mean - months_of(truth * beam()[:, 0]) / months) @ months / year
    moved = (found.mean - straight) @ months / year
    print(f"worst year {np.abs(error).max():.4%}; the bend moves {np.abs(moved).max():.4%}")
    assert np.abs(error).max() < 1.5e-3
    assert np.abs(moved).max() > 3.0 * np.abs(error).max()
    assert np.all(np.sign(moved[np.abs(moved) > 1e-9]) == -np.sign(bend))


def test_the_comparison_can_fail() -> None:
    """A whole bin of azimuth or two degrees of elevation break what the test above holds."""
    horizon, energy = skylines(100, BINS, 5), energy_of(0).sum()
    right = losses_of(horizon) @ monthly_beam()[0]
    for wrong in (np.roll(horizon, 1, axis=1), horizon + 2.0 * (horizon > 0.0)):
        assert np.abs(losses_of(wrong) @ monthly_beam()[0] - right).max() / energy > 6e-3


def test_a_wall_due_south_takes_what_lies_behind_it() -> None:
    """A wall of 40° over 90° of azimuth: the hours behind it, counted by hand."""
    base = toy.base()
    place = np.arange(BINS) * (360.0 / BINS)
    wall = np.where(np.abs(place - 180.0) <= 45.0, 40.0, 0.0)
    # Bins reach half a bin beyond the outermost centres.
    behind = (np.abs(base.sun.azimuth - 180.0) < 47.5) & (base.sun.apparent_zenith > 50.0)
    expected = beam()[behind, 0].sum() / beam()[:, 0].sum()
    year = shading.year_table(table()[0], monthly_beam()[0])
    found = shading.year_losses(wall[None].astype(np.float32), year)
    assert 0.1 < expected < 0.3
    assert float(found[0]) == pytest.approx(expected, abs=5e-3)


# --- laws --------------------------------------------------------------------------------------


def test_the_table_holds_each_months_beam_once() -> None:
    found = table()
    assert found.shape == (len(PLANES), BINS, shading.ELEVATIONS, 12)
    assert found.dtype == np.float32
    assert np.allclose(found[:, :, -1].sum(axis=1), 1.0, atol=1e-6)
    assert np.all(found[:, :, 0] == 0.0)
    assert np.all(np.diff(found, axis=2) >= 0.0)


def test_months_without_beam_lose_nothing() -> None:
    base = toy.base()
    energy = np.where((base.sky.month == 5)[:, None], 0.0, beam())
    found = table_of(base, energy, BINS)
    assert np.all(found[..., 5] == 0.0)
    lost = beam_losses(
        np.full((1, BINS), 90.0, np.float32), found, np.array([0]), np.array([1]), np.array([0.3])
    )
    assert float(lost[0, 5]) == 0.0
    assert np.allclose(np.delete(lost[0], 5), 1.0, atol=1e-6)
    nothing = shading.year_table(found[0], np.zeros(12))
    assert np.all(nothing == 0.0)


def test_a_level_horizon_takes_nothing_and_the_zenith_all() -> None:
    level, walls = np.zeros((4, BINS)), np.full((4, BINS), 90.0)
    for plane in range(len(PLANES)):
        assert np.all(losses_of(level, plane) == 0.0)
        assert np.all(losses_of(np.full((1, BINS), -3.0), plane) == 0.0)
        assert np.allclose(losses_of(walls, plane), 1.0, atol=1e-6)
        assert np.all(losses_of(np.full((1, BINS), 120.0), plane) <= 1.0)
        year = shading.year_table(table()[plane], monthly_beam()[plane])
        assert np.all(shading.year_losses(level.astype(np.float32), year) == 0.0)
        assert np.allclose(shading.year_losses(walls.astype(np.float32), year), 1.0, atol=1e-6)


@examples(60)
@given(horizons, horizons)
def test_a_higher_horizon_never_helps(
    one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]
) -> None:
    higher = np.maximum(one, other)
    assert np.all(losses_of(higher) >= losses_of(one) - 1e-9)
    year = shading.year_table(table()[0], monthly_beam()[0])
    assert np.all(shading.year_losses(higher, year) >= shading.year_losses(one, year) - 1e-6)
    tilt, azimuth = np.array([0.0, 20.0, 60.0]), np.array([0.0, 140.0, 300.0])
    low, high = sky_view(one, tilt, azimuth), sky_view(higher, tilt, azimuth)
    assert np.all(high <= low + 1e-12)
    assert np.all((high >= 0.0) & (low <= 1.0))


@examples(40)
@given(horizons)
def test_a_year_is_its_months(horizon: npt.NDArray[np.float32]) -> None:
    weight = monthly_beam()[1]
    year = shading.year_losses(horizon, shading.year_table(table()[1], weight))
    months = losses_of(horizon, 1)
    assert np.allclose(year, months @ weight / weight.sum(), atol=2e-6)


def test_an_unknown_horizon_is_not_a_level_one() -> None:
    horizon = np.zeros((3, BINS), np.float32)
    horizon[1, BINS // 2] = np.nan
    year = shading.year_table(table()[0], monthly_beam()[0])
    views = sky_view(horizon, np.full(3, 10.0), np.full(3, 180.0))
    for found in (losses_of(horizon).sum(axis=1), shading.year_losses(horizon, year), 1.0 - views):
        assert np.isnan(found[1])
        assert np.array_equal(found[[0, 2]], [0.0, 0.0])


def test_orientations_between_are_weighted() -> None:
    horizon = skylines(30, BINS, 9).astype(np.float32)
    share = np.linspace(0.0, 1.0, 30)
    first, second = np.arange(30) % 4, (np.arange(30) + 1) % 4
    found = beam_losses(horizon, table(), first, second, share)
    ends = np.stack([losses_of(horizon, plane) for plane in range(4)])
    rows = np.arange(30)
    expected = (1 - share)[:, None] * ends[first, rows] + share[:, None] * ends[second, rows]
    assert np.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("bins", [36, 72])
def test_turning_everything_by_whole_bins_changes_nothing(bins: int) -> None:
    turn, width = 5, 360.0 / bins
    horizon = skylines(20, bins, 3).astype(np.float32)
    turned = np.ascontiguousarray(np.roll(horizon, turn, axis=1))
    both = table_of(toy.base(), beam(), bins), table_of(toy.base(), beam(), bins, turn * width)
    plane, none = np.arange(20) % 4, np.zeros(20)
    straight, rolled = (
        beam_losses(lines, light, plane, plane, none)
        for lines, light in zip((horizon, turned), both, strict=True)
    )
    assert np.allclose(straight, rolled, atol=2e-6)
    tilt, azimuth = np.linspace(0.0, 60.0, 20), np.linspace(0.0, 350.0, 20)
    views = sky_view(horizon, tilt, azimuth)
    assert np.allclose(views, sky_view(turned, tilt, azimuth + turn * width), atol=1e-12)


def test_a_point_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    horizon = skylines(50, BINS, 4).astype(np.float32)
    first, second, share = rng.integers(0, 4, 50), rng.integers(0, 4, 50), rng.random(50)
    tilt, azimuth = rng.uniform(0, 50, 50).round(-1), rng.uniform(0, 360, 50).round(-2)
    order = rng.permutation(50)
    losses = beam_losses(horizon, table(), first, second, share)
    mixed = beam_losses(horizon[order], table(), first[order], second[order], share[order])
    assert losses[order].tobytes() == mixed.tobytes()
    views = sky_view(horizon, tilt, azimuth)
    assert views[order].tobytes() == sky_view(
        horizon[order], tilt[order], azimuth[order]
    ).tobytes()  # fmt: skip


# --- sky view ----------------------------------------------------------------------------------


def integrated(horizon: Floats, tilt: float, azimuth: float) -> float:
    """The sky view by brute force over a fine grid of directions."""
    bins = len(horizon)
    fine = (np.arange(2000) + 0.5) / 2000 * np.pi / 2
    toward = np.radians(np.arange(bins) * 360.0 / bins)[:, None]
    slope, side = np.radians(tilt), np.radians(azimuth)
    cosine = np.sin(fine) * np.cos(slope) + np.cos(fine) * np.sin(slope) * np.cos(toward - side)
    light = np.maximum(cosine, 0.0) * np.cos(fine)
    return float((light * (fine > np.radians(horizon)[:, None])).sum() / light.sum())


@pytest.mark.parametrize(
    ("tilt", "azimuth"), [(0.0, 0.0), (10.0, 180.0), (35.0, 77.0), (90.0, 250.0)]
)
def test_sky_view_is_the_integral(tilt: float, azimuth: float) -> None:
    horizon = skylines(20, BINS, 6)
    found = sky_view(horizon.astype(np.float32), np.full(20, tilt), np.full(20, azimuth))
    expected = [integrated(line, tilt, azimuth) for line in horizon]
    assert np.allclose(found, expected, atol=1e-3)
    assert min(expected) < 0.9


def test_sky_view_of_plain_horizons() -> None:
    tilt, azimuth = np.array([0.0, 15.0, 90.0]), np.array([10.0, 200.0, 355.0])
    level, walls = np.zeros((3, BINS), np.float32), np.full((3, BINS), 90.0, np.float32)
    assert np.all(sky_view(level, tilt, azimuth) == 1.0)
    assert np.allclose(sky_view(walls, tilt, azimuth), 0.0, atol=1e-12)
    # An even horizon of height h leaves cos² h to a level plane.
    even = np.full((3, BINS), 30.0, np.float32)
    assert float(sky_view(even, tilt, azimuth)[0]) == pytest.approx(0.75, abs=1e-7)


# --- partial shading ---------------------------------------------------------------------------


def test_partial_shading_costs_more_but_never_more_than_the_darkest_place() -> None:
    rules = replace(load().shading, partial_model="linear", partial_factor=2.0)
    shaded = np.array([0.0, 0.1, 0.3, 0.9])
    assert np.allclose(shading.partial_loss(shaded, rules), [0.0, 0.2, 0.6, 1.0])
    worst = np.array([0.0, 0.15, 0.7, 0.9])
    assert np.allclose(shading.partial_loss(shaded, rules, worst), [0.0, 0.15, 0.6, 0.9])
    # Where all points see one horizon there is nothing partial about the shade.
    assert np.array_equal(shading.partial_loss(shaded, rules, shaded), shaded)
    proportional = replace(rules, partial_factor=1.0)
    assert np.array_equal(shading.partial_loss(shaded, proportional), shaded)
    darkest = replace(rules, partial_model="worst_point")
    assert np.array_equal(shading.partial_loss(shaded, darkest), shaded)
