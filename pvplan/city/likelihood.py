"""What draws say to people: percentiles, chances, dates, and which survey would help most.

P10, P50 and P90 are the 10th, 50th and 90th percentile of a quantity, smallest first: the truth
lies below P90 with a probability of 90 %. Yield reports of banks count the other way round;
their P90, exceeded with 90 %, is P10 here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from pvplan.errors import TableError, nearest
from pvplan.tables import Floats

Words = npt.NDArray[np.object_]
Dates = npt.NDArray[np.datetime64]

DAYS_PER_YEAR: Final = 365.25

SOURCE_NAMES: Final = {
    "usable_share": ("屋面可利用比例", "Usable share by roof form"),
    "packing": ("排布规则", "Layout rules"),
    "module_choice": ("组件选型", "Choice of module"),
    "park_practice": ("园区建造习惯", "What the buildings of a park have in common"),
    "roof_detail": ("单个屋顶情况", "What each roof has of its own"),
    "roof_form": ("单个屋顶的屋面形式", "Roof form of single roofs"),
    "form_rule": ("屋面形式推断规则", "The rule that infers roof forms"),
    "height": ("建筑高度", "Building heights"),
    "survey": ("结构复核结果", "Outcome of structural surveys"),
    "irradiance": ("辐照数据", "Long-term irradiation"),
    "transposition": ("倾斜面模型", "Light on the tilted plane"),
    "losses": ("系统损失", "System losses"),
    "shading": ("遮挡", "Shade on single roofs"),
    "interannual": ("年际变化", "Weather of a single year"),
    "register_system": ("单个登记容量", "Capacities of single register rows"),
    "register_bias": ("登记整体偏差", "Lean of the whole register"),
}
"""Sources of error, zh and en, in the order in which ties of a ranking are told."""


@dataclass(frozen=True)
class Percentiles:
    """The 10th, 50th and 90th percentile of draws; p10 ≤ p50 ≤ p90."""

    p10: Floats
    p50: Floats
    p90: Floats


@dataclass(frozen=True)
class Attainment:
    """When a goal is reached; arrays of shape (places,).

    ``p10`` is the early date and ``p90`` the late one, datetime64[ns]; NaT where the goal is not
    reached within the horizon at that percentile, or where gap or pace are unknown.
    ``within_horizon_fraction`` is the share of draws that reach it, NaN where unknown.
    """

    p10: Dates
    p50: Dates
    p90: Dates
    within_horizon_fraction: Floats


@dataclass(frozen=True)
class Driver:
    """How much one source widens a gap: what knowing it for certain would narrow.

    ``variance_fraction`` is the share of the variance that goes, ``narrowing_kw`` the part of
    P90 - P10 that goes with the standard deviation; 0 where nothing goes. They do not add up
    over sources.
    """

    source: str
    name_zh: str
    name_en: str
    narrowing_kw: float
    variance_fraction: float


def percentiles(values: Floats) -> Percentiles:
    """Return P10, P50 and P90 of draws: draws themselves, nothing interpolated.

    The p-th percentile is the smallest draw that at least p % of the draws do not exceed
    (definition 1 of Hyndman & Fan 1996, doi:10.2307/2684934).

    Parameters
    ----------
    values
        Shape (draws, ...); a place with a missing draw has missing percentiles. inf counts as
        larger than any number.

    Returns
    -------
    Percentiles
        Each of the shape of one draw.
    """
    count = len(values)
    ordered = np.sort(values, axis=0)
    # The ranks as whole numbers: 0.1 × 1000 draws is 100.00000000000001.
    low, middle, high = (ordered[-(-count * part // 10) - 1] for part in (1, 5, 9))
    missing = np.isnan(ordered[-1])
    return Percentiles(*(np.where(missing, np.nan, found) for found in (low, middle, high)))


def summed(values: Floats, place: Words, wanted: Sequence[str]) -> Floats:
    """Sum draws over places, exactly: any order of places gives the same digits.

    Parameters
    ----------
    values
        Shape (draws, places), whole thousandths.
    place
        The park, district or city that each place belongs to, shape (places,).
    wanted
        Which of them to return, each once; one without any place sums to 0.

    Returns
    -------
    ndarray
        Shape (draws, wanted).
    """
    total = np.zeros((len(wanted), len(values)), dtype=np.int64)
    column = {name: position for position, name in enumerate(wanted)}
    at = np.array([column.get(name, -1) for name in place], dtype=np.int64)
    whole = np.rint(values.T[at >= 0] * 1000.0).astype(np.int64)
    np.add.at(total, at[at >= 0], whole)
    sums: Floats = total.T / 1000.0
    return sums


def reachable_probability(
    target_kw: float | Floats, capacity_kw: Floats, installed_kw: Floats
) -> Floats:
    """Return the share of draws in which a target fits on usable roofs.

    What stands already counts even where it exceeds the potential.

    Parameters
    ----------
    target_kw
        One number, one for each place, or draws of shape (draws, places); NaN where unknown.
    capacity_kw, installed_kw
        Draws of the potential and of what stands, shape (draws, places), same seed.

    Returns
    -------
    ndarray
        Shape (places,), 0-1; NaN where the target, the potential or what stands is unknown.
    """
    most = np.maximum(capacity_kw, installed_kw)
    missing = np.isnan(most + target_kw).any(axis=0)
    return np.where(missing, np.nan, (most >= target_kw).mean(axis=0))


def attainment(
    gap_kw: Floats, pace_kw_per_year: Floats, as_of: date, horizon_years: float
) -> Attainment:
    """Return when a gap is closed at a pace that stays as it is.

    Parameters
    ----------
    gap_kw, pace_kw_per_year
        Draws, shape (draws, places). A gap of 0 or less is closed at ``as_of``; without a pace
        above 0 a gap is never closed.
    as_of
        The day from which the pace counts.
    horizon_years
        Anything later counts as never.
    """
    unknown = np.isnan(gap_kw) | np.isnan(pace_kw_per_year)
    years = np.full(gap_kw.shape, np.inf)
    np.divide(gap_kw, pace_kw_per_year, out=years, where=pace_kw_per_year > 0.0)
    years = np.where(gap_kw <= 0.0, 0.0, np.where(years > horizon_years, np.inf, years))
    found = percentiles(np.where(unknown, np.nan, years))
    within = np.isfinite(years).mean(axis=0)
    return Attainment(
        p10=_dates(found.p10, as_of),
        p50=_dates(found.p50, as_of),
        p90=_dates(found.p90, as_of),
        within_horizon_fraction=np.where(unknown.any(axis=0), np.nan, within),
    )


def _dates(years: Floats, as_of: date) -> Dates:
    known = np.isfinite(years)
    days = np.ceil(np.where(known, years, 0.0) * DAYS_PER_YEAR).astype("timedelta64[D]")
    found = (np.datetime64(as_of, "D") + days).astype("datetime64[ns]")
    return np.where(known, found, np.datetime64("NaT", "ns"))


def drivers(gap_kw: Floats, fixed: Mapping[str, Floats]) -> tuple[Driver, ...]:
    """Rank the sources of error by how much knowing each for certain narrows a gap.

    ``narrowing = (P90 - P10) · max(0, 1 - s/S)`` with the standard deviations S of the gap and s
    of the gap with the source fixed: with 1 000 draws far steadier than the difference of two
    widths, each of which hangs on two draws (measured, docs/uncertainty.md).

    Parameters
    ----------
    gap_kw
        Draws with every source at work, shape (draws,).
    fixed
        Source to the draws with that source at its expected value, same seed, shape (draws,).

    Returns
    -------
    tuple of Driver
        Most narrowing first; equal ones in the order of :data:`SOURCE_NAMES`.

    Raises
    ------
    TableError
        An unknown source; names the nearest.
    """
    strange = sorted(set(fixed) - set(SOURCE_NAMES))
    if strange:
        raise TableError(
            [f"drivers: source '{name}' is unknown; {nearest(name, SOURCE_NAMES)}"
             for name in strange]
        )  # fmt: skip
    spread = percentiles(gap_kw)
    width, whole = float(spread.p90 - spread.p10), float(np.std(gap_kw))
    found = []
    for name, (zh, en) in SOURCE_NAMES.items():
        if name in fixed:
            left = min(float(np.std(fixed[name])) / whole, 1.0) if whole else 1.0
            found.append(Driver(name, zh, en, width * (1.0 - left), 1.0 - left**2))
    return tuple(sorted(found, key=lambda driver: -driver.narrowing_kw))
