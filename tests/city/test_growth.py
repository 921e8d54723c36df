"""The logistic curve: recovered from its own samples, honest in its interval, silent if unknown."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from pvplan.city import growth

AS_OF = date(2026, 11, 22)
LAST = np.datetime64(AS_OF)
QUARTERS, AHEAD = 32, 160


def history(
    capacity: float = 1000.0,
    rate: float = 0.6,
    phase: float = -0.5,
    scatter: float = 0.0,
    seed: int = 0,
) -> tuple[Any, Any, Any]:
    """Return kW and day of the past quarters, and the kW of those to come (gamma scatter)."""
    edges = np.arange(-QUARTERS, AHEAD + 1) / 4.0
    mean = np.diff(capacity * expit(phase + rate * edges))
    kw = mean
    if scatter:
        kw = np.random.default_rng(seed).gamma(mean / scatter, scatter)
    back = np.rint(45.0 - edges[1 : QUARTERS + 1] * 365.25).astype(int)
    return np.round(kw[:QUARTERS], 3), LAST - back, kw[QUARTERS:]


def fitted(potential: float = 3000.0, **words: float) -> growth.Growth:
    kw, day, _ = history(**words)  # type: ignore[arg-type]
    found = growth.fit(kw, day, AS_OF, potential_kw=potential)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("capacity", "rate", "phase"),
    [(1000.0, 0.6, -0.5), (1000.0, 0.6, 1.5), (5e5, 0.9, -1.0), (2.5, 1.5, 0.0)],
)
def test_an_exact_curve_is_recovered(capacity: float, rate: float, phase: float) -> None:
    found = fitted(potential=3.0 * capacity, capacity=capacity, rate=rate, phase=phase)
    coarse = 0.05 if capacity < 10.0 else 5e-3  # the smallest is held in whole thousandths
    assert found.capacity_kw == pytest.approx(capacity, rel=coarse)
    assert found.rate_per_year == pytest.approx(rate, rel=coarse)
    assert found.phase == pytest.approx(phase, abs=4 * coarse)


def test_the_day_of_an_exact_curve_by_hand() -> None:
    """From K/(1+e^0.5) to 0.7 K at 0.6 a year: (logit 0.7 + 0.5) / 0.6 = 2.2455 years."""
    kw, day, _ = history()
    curve = growth.fit(kw, day, AS_OF, potential_kw=3000.0)
    assert curve is not None
    now = 1000.0 * expit(-0.5)
    found = growth.attainment(curve, now, 700.0, 100.0)
    years = (logit(0.7) + 0.5) / 0.6
    assert years == pytest.approx(2.2455, abs=1e-4)
    ahead = (found.on - LAST).astype(int)
    assert ahead == pytest.approx(years * 365.25, abs=3)
    assert found.p10 <= found.on <= found.p90


def test_a_target_above_the_level_of_the_curve_is_never_taken() -> None:
    curve = fitted(phase=2.0)
    found = growth.attainment(curve, 1000.0 * expit(2.0), 1100.0, 100.0)
    assert np.isnat([found.on, found.p10, found.p90]).all()


def test_the_slopes_are_those_of_the_additions() -> None:
    edges = np.arange(-12, 1) / 4.0
    at = np.array([np.log(800.0), np.log(0.7), -0.3])
    step = 1e-6
    numeric = np.stack(
        [
            (growth._additions(at + shift, edges) - growth._additions(at - shift, edges))
            / (2 * step)
            for shift in step * np.eye(3)
        ],
        axis=1,
    )
    assert growth._slopes(at, edges) == pytest.approx(numeric, rel=1e-5, abs=1e-6)
    rest, slopes = growth._rest(at[:1], at[None, 1:], edges, np.zeros(12), np.ones(12))
    assert rest[0] == pytest.approx(growth._additions(at, edges))
    assert slopes[0] == pytest.approx(numeric[:, 1:], rel=1e-5, abs=1e-6)


def taken(reached: float, ahead: Any, target: float) -> float:
    """Return the years until additions to come reach a target; infinite if they never do."""
    total = reached + np.concatenate([[0.0], np.cumsum(ahead)])
    after = np.flatnonzero(total >= target)
    if not len(after):
        return float("inf")
    last = after[0]
    return float((last - 1 + (target - total[last - 1]) / (total[last] - total[last - 1])) / 4.0)


def in_years(day: np.datetime64) -> float:
    return float("inf") if np.isnat(day) else float((day - LAST).astype(int)) / 365.25


def test_the_interval_holds_what_comes_about_four_times_in_five() -> None:
    """200 seeded histories with scatter; the truth is what the same chance brings afterwards."""
    held, capacities = [], []
    for seed in range(200):
        kw, day, ahead = history(scatter=2.0, seed=seed)
        curve = growth.fit(kw, day, AS_OF, potential_kw=3000.0)
        assert curve is not None
        found = growth.attainment(curve, float(kw.sum()), 700.0, 100.0)
        truth = taken(float(kw.sum()), ahead, 700.0)
        # Days are whole.
        held.append(in_years(found.p10) - 0.01 <= truth <= in_years(found.p90) + 0.01)
        capacities.append(curve.capacity_kw)
    assert 0.74 <= np.mean(held) <= 0.90
    assert np.median(capacities) == pytest.approx(1000.0, rel=0.1)


def test_the_same_history_gives_the_same_days_in_any_order() -> None:
    kw, day, _ = history(scatter=2.0, seed=3)
    order = np.random.default_rng(1).permutation(len(kw))
    first = growth.fit(kw, day, AS_OF, potential_kw=3000.0)
    again = growth.fit(kw[order], day[order], AS_OF, potential_kw=3000.0)
    assert first is not None
    assert again is not None
    assert np.array_equal(first.draws, again.draws)
    one, two = (growth.attainment(curve, 400.0, 600.0, 100.0) for curve in (first, again))
    assert (str(one), in_years(one.on)) == (str(two), in_years(two.on))


def test_no_curve_is_drawn_from_too_little() -> None:
    kw, day, _ = history()
    wide = 3000.0

    def curve(rows: Any, potential: float = wide) -> growth.Growth | None:
        return growth.fit(kw[rows], day[rows], AS_OF, potential_kw=potential)

    assert curve(slice(-8, None)) is not None
    assert curve(slice(-7, None)) is None
    assert curve(slice(0, 7)) is None  # long ago, but seven quarters with additions
    assert curve(slice(0, 0)) is None
    assert curve(slice(None), potential=float(kw.sum())) is None
    assert curve(slice(None), potential=float("nan")) is None
    later = growth.fit(kw, day + np.timedelta64(40_000, "D"), AS_OF, potential_kw=wide)
    assert later is None
    undated = np.full(len(kw), np.datetime64("NaT", "D"))
    assert growth.fit(kw, undated, AS_OF, potential_kw=wide) is None


def test_quarters_end_with_the_day_itself() -> None:
    day = LAST - np.array([0, 91, 92, -1, 300])
    found = growth.quarterly(np.array([1.0, 2.0, 4.0, 8.0, 16.0]), day, AS_OF)
    assert found is not None
    edges, added = found
    assert edges.tolist() == [-1.0, -0.75, -0.5, -0.25, 0.0]
    assert added.tolist() == [16.0, 0.0, 4.0, 3.0]
    assert growth.quarterly(np.array([8.0]), day[3:4], AS_OF) is None


@pytest.mark.parametrize("seed", range(12))
def test_any_lumpy_history_gives_ordered_days_or_none(seed: int) -> None:
    chance = np.random.default_rng(seed)
    count = int(chance.integers(8, 200))
    kw = np.round(chance.lognormal(5.0, 2.0, count), 3)
    day = LAST - chance.integers(0, 4000, count)
    potential = float(kw.sum() * chance.uniform(1.01, 50.0))
    curve = growth.fit(kw, day, AS_OF, potential_kw=potential)
    if curve is None:
        return
    assert curve.capacity_kw <= potential * (1 + 1e-6)
    assert (np.exp(curve.draws[:, 0]) <= potential * (1 + 1e-6)).all()
    found = growth.attainment(curve, float(kw.sum()), float(kw.sum()) * 1.2, 100.0)
    early, middle, late = (in_years(d) for d in (found.p10, found.on, found.p90))
    assert early <= middle <= late or not len(curve.draws)
