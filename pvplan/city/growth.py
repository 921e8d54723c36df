"""A logistic curve through the history of additions, and the day it takes a target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.special import expit, logit

from pvplan.tables import Floats

DAYS_PER_YEAR: Final = 365.25
QUARTER_DAYS: Final = DAYS_PER_YEAR / 4.0
LEAST_QUARTERS: Final = 8
"""So many quarters, and as many with additions, must be known before a curve is drawn."""
PARAMETERS: Final = 3
DRAWS: Final = 2000
PROFILE: Final = 32
NEAR: Final = 31
ROUNDS: Final = 12
LEAST_DRAWS: Final = 200
SEED: Final = 20251231
_RATE: Final = (0.01, 10.0)
_PHASE: Final = 20.0
_FLOOR: Final = 0.1
_EXACT: Final = 1e-9
_PRIOR: Final = 0.5


@dataclass(frozen=True)
class Growth:
    """A fitted curve ``capacity / (1 + exp(-(phase + rate·t)))``, t in years from ``as_of``.

    Attributes
    ----------
    capacity_kw
        Level at which it saturates, kW; not above the technical potential.
    rate_per_year
        Growth rate far below saturation, 1/year.
    phase
        Logit of the share of the capacity that the curve holds on ``as_of``.
    scatter_kw
        Variance of an addition over its mean, kW (dispersion).
    draws
        Shape (draws, 3): log capacity, log rate, phase, out of their covariance and within
        their bounds; empty where too few fall within.
    as_of
        Day of t = 0.
    """

    capacity_kw: float
    rate_per_year: float
    phase: float
    scatter_kw: float
    draws: Floats
    as_of: date


@dataclass(frozen=True)
class Attainment:
    """When a curve takes a target; NaT means never (or beyond the horizon).

    ``p10``, ``on`` and ``p90`` are the days before which 10 %, half and 90 % of the draws take
    it; without draws ``on`` is the fitted curve's own and the others are NaT.
    """

    on: np.datetime64
    p10: np.datetime64
    p90: np.datetime64


def quarterly(
    kw: Floats, commissioned_on: npt.NDArray[np.datetime64], as_of: date
) -> tuple[Floats, Floats] | None:
    """Cut a history into quarters of 91.3 days counted back from a day.

    Parameters
    ----------
    kw, commissioned_on
        Shape (systems,): capacity [kW] and day; undated and later ones are left out.
    as_of
        End of the last quarter.

    Returns
    -------
    (edges, added)
        Ends of the quarters, years from ``as_of``, shape (n + 1,), the first before any system;
        additions, kW, shape (n,). None without a system.
    """
    last = np.datetime64(as_of, "D")
    day = commissioned_on.astype("datetime64[D]")
    known = day <= last
    if not known.any():
        return None
    back = (last - day[known]).astype(np.float64) / QUARTER_DAYS
    number = np.floor(back).astype(np.int64)
    count = int(number.max()) + 1
    thousandths = np.rint(np.asarray(kw, dtype=np.float64)[known] * 1000.0)
    added = np.bincount(number, weights=thousandths, minlength=count)[::-1] / 1000.0
    return np.arange(-count, 1) / 4.0, added


def fit(
    kw: Floats,
    commissioned_on: npt.NDArray[np.datetime64],
    as_of: date,
    *,
    potential_kw: float,
) -> Growth | None:
    """Fit a logistic curve to the cumulative history of a place.

    The totals of successive quarters share their past, so their errors are those of a sum of
    additions: the curve is fitted to the additions, which is the same as generalised least
    squares on the totals. Variance goes with the mean (quasi-likelihood, Wedderburn 1974,
    doi:10.1093/biomet/61.3.439), by one reweighting; bounded least squares with the exact
    jacobian (:func:`scipy.optimize.least_squares`, trust region reflective).

    Parameters
    ----------
    kw, commissioned_on
        Shape (systems,): capacity [kW] and day; undated ones are left out.
    as_of
        Last day of the history.
    potential_kw
        Technical potential of the roofs in scope that the dated systems share, kW: the most
        at which the curve may saturate.

    Returns
    -------
    Growth or None
        None with fewer than eight quarters of history or eight with additions, and where the
        potential is unknown or used up.
    """
    found = quarterly(kw, commissioned_on, as_of)
    if found is None:
        return None
    edges, added = found
    total = float(added.sum())
    if len(added) < LEAST_QUARTERS or np.count_nonzero(added > 0.0) < LEAST_QUARTERS:
        return None
    if not potential_kw > total:
        return None
    bounds = _bounds(total, potential_kw)
    start = _start(edges, added, bounds)
    plain = _solve(edges, added, np.ones(len(added)), start, bounds)
    weight = _weight(_additions(plain, edges), added)
    best = _solve(edges, added, weight, plain, bounds)
    weight = _weight(_additions(best, edges), added)
    scatter, draws = _draws(best, edges, added, weight, bounds)
    return Growth(
        capacity_kw=float(np.exp(best[0])),
        rate_per_year=float(np.exp(best[1])),
        phase=float(best[2]),
        scatter_kw=scatter,
        draws=draws,
        as_of=as_of,
    )


def attainment(
    growth: Growth, reached_kw: float, target_kw: float, horizon_years: float
) -> Attainment:
    """Return when the curve, carried on from what is reached, takes a target.

    Additions from now on follow the curve; the interval holds the doubt in its parameters and
    the scatter of the additions still to come.

    Parameters
    ----------
    growth
        The fitted curve.
    reached_kw
        Capacity on its ``as_of``, kW.
    target_kw
        Capacity wanted, kW, more than reached.
    horizon_years
        Anything later is told as never.

    Returns
    -------
    Attainment
    """
    gap = np.array([target_kw - reached_kw])
    centre = np.array([[np.log(growth.capacity_kw), np.log(growth.rate_per_year), growth.phase]])
    if len(growth.draws) == 0:
        nothing = np.datetime64("NaT", "D")
        only = _day(_years(centre, gap)[0], growth.as_of, horizon_years)
        return Attainment(only, nothing, nothing)
    chance = np.random.default_rng(SEED + 1).standard_normal(len(growth.draws))
    # The variance of a sum of additions of mean ``gap``.
    ahead = gap - chance * np.sqrt(growth.scatter_kw * gap)
    years = np.sort(_years(growth.draws, np.maximum(ahead, 0.0)))
    tenth, half = len(years) // 10, len(years) // 2
    on, p10, p90 = (
        _day(years[at], growth.as_of, horizon_years) for at in (half, tenth, -tenth - 1)
    )
    return Attainment(on, p10, p90)


def _years(parameters: Floats, more_kw: Floats) -> Floats:
    """Return the years until the curve has grown by so much; infinite where it never does."""
    capacity, rate, phase = np.exp(parameters[:, 0]), np.exp(parameters[:, 1]), parameters[:, 2]
    share = expit(phase) + more_kw / capacity
    never = share >= 1.0
    years: Floats = (logit(np.where(never, 0.5, share)) - phase) / rate
    return np.where(never, np.inf, np.maximum(years, 0.0))


def _day(years: float, as_of: date, horizon_years: float) -> np.datetime64:
    if not years <= horizon_years:
        return np.datetime64("NaT", "D")
    return np.datetime64(as_of, "D") + np.timedelta64(int(np.ceil(years * DAYS_PER_YEAR)), "D")


def _bounds(total: float, potential_kw: float) -> Floats:
    """Return the lowest and highest log capacity, log rate and phase, shape (2, 3)."""
    # Half the total: a curve that has ended may lie below what chance put on top of it.
    low = [np.log(0.5 * total), np.log(_RATE[0]), -_PHASE]
    high = [np.log(potential_kw), np.log(_RATE[1]), _PHASE]
    return np.array([low, high])


def _start(edges: Floats, added: Floats, bounds: Floats) -> Floats:
    """Return the best of a few curves that hold today's total and today's pace."""
    total = float(added.sum())
    pace = max(float(added[-4:].sum()), 1e-3 * total)
    low, high = np.exp(bounds[:, 0])
    best, least = np.zeros(PARAMETERS), np.inf
    for part in (0.02, 0.2, 0.5, 0.9):
        capacity = max(low, total) ** (1.0 - part) * high**part
        share = np.clip(total / capacity, 1e-6, 0.99)
        for rate in (pace / (total * (1.0 - share)), 0.5, 1.5):
            middle = np.array([np.log(capacity), np.log(rate), logit(share)])
            tried = np.clip(middle, bounds[0] + 1e-6, bounds[1] - 1e-6)
            cost = float(((_additions(tried, edges) - added) ** 2).sum())
            if cost < least:
                best, least = tried, cost
    return best


def _solve(edges: Floats, added: Floats, weight: Floats, start: Floats, bounds: Floats) -> Floats:
    solved = least_squares(
        lambda p: (_additions(p, edges) - added) * weight,
        np.clip(start, bounds[0] + 1e-9, bounds[1] - 1e-9),
        jac=lambda p: _slopes(p, edges) * weight[:, None],
        bounds=(bounds[0], bounds[1]),
        x_scale="jac",
        max_nfev=60,
    )
    return np.asarray(solved.x, dtype=np.float64)


def _additions(parameters: Floats, edges: Floats) -> Floats:
    """Return what the curve adds in each quarter, shape (n,)."""
    level = np.exp(parameters[0]) * expit(parameters[2] + np.exp(parameters[1]) * edges)
    return np.diff(level)


def _slopes(parameters: Floats, edges: Floats) -> Floats:
    """Return the derivatives of :func:`_additions` by the parameters, shape (n, 3)."""
    capacity, rate = np.exp(parameters[0]), np.exp(parameters[1])
    share = expit(parameters[2] + rate * edges)
    steep = capacity * share * (1.0 - share)
    level = np.stack([capacity * share, steep * rate * edges, steep], axis=1)
    return np.diff(level, axis=0)


def _weight(expected: Floats, added: Floats) -> Floats:
    # A floor: a quarter in which nothing was expected must not outweigh all others.
    return 1.0 / np.sqrt(np.maximum(expected, _FLOOR * float(added.mean())))


def _draws(
    best: Floats, edges: Floats, added: Floats, weight: Floats, bounds: Floats
) -> tuple[float, Floats]:
    """Return the scatter and draws of the parameters.

    Before a curve bends, a history says little of where it ends, and its likelihood is far from
    an ellipse along the capacity. So the capacity is drawn by its profile (every one between its
    bounds weighted beforehand by one over its root: half way between alike in kW, which takes
    the whole potential for granted, and alike in orders of magnitude, which takes today's total
    for the end), rate and phase by their covariance given it
    (multivariate t; Laplace's approximation of the integral, Tierney & Kadane 1986,
    doi:10.1080/01621459.1986.10478240).
    """
    freedom = len(added) - PARAMETERS
    rest = (_additions(best, edges) - added) * weight
    scatter = max(float(rest @ rest), _EXACT * float(added.sum())) / freedom
    slopes = _slopes(best, edges) * weight[:, None]
    wide = scatter * np.linalg.pinv(slopes.T @ slopes, rcond=1e-12, hermitian=True)[0, 0]
    capacity = _capacities(best[0], float(np.sqrt(max(wide, 0.0))), bounds[:, 0])
    given = _profile(capacity, best, edges, added, weight, bounds)
    cost, curvature = _cost(capacity, given, edges, added, weight)
    least = min(float(rest @ rest), float(cost.min()))
    covariance = scatter * np.linalg.inv(curvature)
    chance = np.log1p(np.maximum(cost - least, 0.0) / (scatter * freedom)) * -(freedom + 1) / 2.0
    chance += 0.5 * np.linalg.slogdet(covariance)[1] + _PRIOR * capacity
    chance += np.log(np.gradient(capacity))
    chance = np.exp(chance - chance.max())
    lots = np.random.default_rng(SEED)
    which = lots.choice(len(capacity), DRAWS, p=chance / chance.sum())
    normal = lots.standard_normal((DRAWS, 2))
    tails = np.sqrt(lots.chisquare(freedom, DRAWS) / freedom)[:, None]
    shift = np.einsum("dij,dj->di", np.linalg.cholesky(covariance)[which], normal / tails)
    drawn = np.column_stack([capacity[which], given[which] + shift])
    inside = ((drawn >= bounds[0]) & (drawn <= bounds[1])).all(axis=1)
    kept = drawn[inside]
    return scatter, kept if len(kept) >= LEAST_DRAWS else kept[:0]


def _capacities(best: float, spread: float, ends: Floats) -> Floats:
    """Return log capacities to try: over the whole range, and closer about the best."""
    near = best + spread * np.linspace(-6.0, 6.0, NEAR)
    wanted = np.concatenate([np.linspace(ends[0], ends[1], PROFILE), near])
    apart = max(1e-9, 1e-3 * min(spread, float(ends[1] - ends[0])))
    kept: Floats = np.unique(wanted[(wanted >= ends[0]) & (wanted <= ends[1])])
    spaced: Floats = kept[np.concatenate([[True], np.diff(kept) > apart])]
    return spaced


def _profile(
    capacity: Floats,
    best: Floats,
    edges: Floats,
    added: Floats,
    weight: Floats,
    bounds: Floats,
) -> Floats:
    """Return the best log rate and phase at each log capacity, shape (capacities, 2)."""
    level = np.exp(best[0]) * expit(best[2])
    share = np.clip(level / np.exp(capacity), 1e-6, 0.95)
    given = np.stack([np.full(len(capacity), best[1]), logit(share)], axis=1)
    cost, curvature = _cost(capacity, given, edges, added, weight)
    damping = np.full(len(capacity), 1e-3)
    for _ in range(ROUNDS):
        slope = _gradient(capacity, given, edges, added, weight)
        ridge = damping[:, None, None] * (curvature * np.eye(2))
        step = np.linalg.solve(curvature + ridge, slope[:, :, None])[:, :, 0]
        tried = np.clip(given - step, bounds[0, 1:], bounds[1, 1:])
        lower, bent = _cost(capacity, tried, edges, added, weight)
        better = lower < cost
        given = np.where(better[:, None], tried, given)
        cost = np.where(better, lower, cost)
        curvature = np.where(better[:, None, None], bent, curvature)
        damping = np.clip(np.where(better, damping / 5.0, damping * 5.0), 1e-9, 1e9)
    return given


def _cost(
    capacity: Floats, given: Floats, edges: Floats, added: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """Return the weighted sum of squares and its curvature by rate and phase at each capacity."""
    rest, slopes = _rest(capacity, given, edges, added, weight)
    curvature = np.einsum("cqi,cqj->cij", slopes, slopes)
    # Never singular: a flat curve has no rate.
    trace = np.trace(curvature, axis1=1, axis2=2)[:, None, None]
    return (rest**2).sum(axis=1), curvature + (1e-9 * trace + 1e-12) * np.eye(2)


def _gradient(
    capacity: Floats, given: Floats, edges: Floats, added: Floats, weight: Floats
) -> Floats:
    rest, slopes = _rest(capacity, given, edges, added, weight)
    uphill: Floats = np.einsum("cqi,cq->ci", slopes, rest)
    return uphill


def _rest(
    capacity: Floats, given: Floats, edges: Floats, added: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """Return what each curve misses and its slopes: shapes (capacities, n), (…, n, 2)."""
    most, rate = np.exp(capacity)[:, None], np.exp(given[:, :1])
    share = expit(given[:, 1:] + rate * edges)
    steep = most * share * (1.0 - share)
    slopes = np.diff(np.stack([steep * rate * edges, steep], axis=2), axis=1)
    rest = np.diff(most * share, axis=1) - added
    return rest * weight, slopes * weight[:, None]
