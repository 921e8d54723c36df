"""Hourly irradiance of a synthetic year from twelve monthly sums.

Days: the sequence of daily clearness indices follows Graham, Hollands & Unny (1988, Solar Energy
40(2), 83-92): a first-order autoregressive Gaussian variable, mapped to the clearness index by
the distribution of Bendt, Collares-Pereira & Rabl (1981, Solar Energy 27, 1-5) with the upper end
of Hollands & Huget (1983, Solar Energy 30, 195-209); Duffie & Beckman, eqs 2.9.6-2.9.8. The ranks
of the sequence are mapped to plotting positions, so that every month holds its whole distribution
(as Knight, Klein & Duffie 1991, Solar Energy 46(2), 109-120, do).

Hours: the TAG model of Aguiar & Collares-Pereira (1992, Solar Energy 49(3), 167-174,
DOI 10.1016/0038-092X(92)90068-L).

Diffuse share: Erbs, Klein & Duffie (1982, Solar Energy 28(4), 293-302) hour by hour, then raised
to one power a month so that the month's share is the measured one: clear hours stay clearer than
dull ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pvlib

DAY_AUTOCORRELATION = 0.29  # Graham et al. 1988
CLEAREST_AOD700 = 0.05  # a clean sky over the coast: the upper bound, not the mean
CLEAREST_WATER_CM = 0.8
LOWEST_BEAM_COS_ZENITH = 0.03  # below, the sun is within 2 deg of the horizon: all diffuse


@dataclass(frozen=True)
class Sun:
    """Position of the sun at the middle of every hour, and what a clean sky would let through."""

    month: np.ndarray  # 1..12
    day: np.ndarray  # 0..364
    cos_zenith: np.ndarray  # true zenith, 0 below the horizon
    extra: np.ndarray  # extraterrestrial on the horizontal [W/m2]
    clear_ghi: np.ndarray
    clear_dni: np.ndarray
    clear_dhi: np.ndarray


def sun_of_year(
    end_of_hour: pd.DatetimeIndex, latitude_deg: float, longitude_deg: float, altitude_m: float
) -> Sun:
    """Solar position (NREL SPA) and clean-sky bounds (simplified Solis, Ineichen 2008)."""
    middle = end_of_hour - pd.Timedelta(minutes=30)
    place = pvlib.solarposition.spa_python(middle, latitude_deg, longitude_deg, altitude_m)
    cos_zenith = np.maximum(np.cos(np.radians(place["zenith"].to_numpy())), 0.0)
    day_of_year = middle.tz_convert("UTC").day_of_year.to_numpy()
    dni_extra = np.asarray(pvlib.irradiance.get_extra_radiation(day_of_year))
    clear: Any = pvlib.clearsky.simplified_solis(
        np.maximum(place["apparent_elevation"].to_numpy(), 0.0),
        aod700=CLEAREST_AOD700,
        precipitable_water=CLEAREST_WATER_CM,
        pressure=pvlib.atmosphere.alt2pres(altitude_m),
        dni_extra=dni_extra,
    )
    up = cos_zenith > 0.0
    extra = dni_extra * cos_zenith
    return Sun(
        month=middle.month.to_numpy(),
        day=middle.day_of_year.to_numpy() - 1,
        cos_zenith=cos_zenith,
        extra=extra,
        # Just above the horizon Solis may pass more than arrives; no hour may.
        clear_ghi=np.where(up, np.minimum(clear["ghi"], 0.9 * extra), 0.0),
        clear_dni=np.where(up, np.minimum(clear["dni"], 0.9 * dni_extra), 0.0),
        clear_dhi=np.where(up, clear["dhi"], 0.0),
    )


def synthesise_ghi(sun: Sun, month_kwh: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Hourly GHI [W/m2], shape (8760,), whose months sum to `month_kwh` [kWh/m2]."""
    ghi = np.zeros(len(sun.month))
    chi = _standard_ar1(365, DAY_AUTOCORRELATION, stream)
    for month in range(1, 13):
        hours = sun.month == month
        days = np.unique(sun.day[hours])
        outside = sun.extra[hours].sum() / 1000.0
        daily = _daily_clearness(chi[days], month_kwh[month - 1] / outside)
        for day, clearness in zip(days, daily, strict=True):
            today = np.flatnonzero((sun.day == day) & (sun.cos_zenith > 0.0))
            ghi[today] = _hours_of_day(sun, today, float(clearness), stream)
        ghi[hours] = _scaled_to(ghi[hours], sun.clear_ghi[hours], month_kwh[month - 1] * 1000.0)
    return ghi


def split(
    sun: Sun, ghi: np.ndarray, month_share: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """GHI, DNI and DHI [W/m2], rounded to 0.1, each month with its share of diffuse `month_share`.

    DHI is GHI less the rounded beam, so that DNI cos z + DHI = GHI holds to the rounding.
    """
    clearness = np.divide(ghi, sun.extra, out=np.zeros_like(ghi), where=sun.extra > 0.0)
    erbs = _erbs_fraction(clearness)
    dni = np.zeros_like(ghi)
    for month in range(1, 13):
        hours = sun.month == month
        dni[hours] = _beam_for_share(sun, hours, ghi, erbs, float(month_share[month - 1]))
    ghi = np.round(ghi, 1)
    dni = np.floor(dni * 10.0) / 10.0
    dhi = np.round(np.maximum(ghi - dni * sun.cos_zenith, 0.0), 1)
    return ghi, dni, dhi


def _standard_ar1(count: int, phi: float, stream: np.random.Generator) -> np.ndarray:
    noise = stream.standard_normal(count)
    chain = np.empty(count)
    chain[0] = noise[0]
    for step in range(1, count):
        chain[step] = phi * chain[step - 1] + math.sqrt(1.0 - phi * phi) * noise[step]
    return chain


def _daily_clearness(chi: np.ndarray, mean: float) -> np.ndarray:
    """Daily clearness indices in the order of `chi`, distributed after Bendt et al. 1981."""
    rank = np.argsort(np.argsort(chi, kind="stable"), kind="stable")
    share_below = (rank + 0.5) / len(chi)
    low = 0.05
    high = 0.6313 + 0.267 * mean - 11.9 * (mean - 0.75) ** 8
    gamma = _bendt_gamma(mean, low, high)
    at_low, at_high = math.exp(gamma * low), math.exp(gamma * high)
    return np.asarray(np.log(at_low - share_below * (at_low - at_high)) / gamma)


def _bendt_gamma(mean: float, low: float, high: float) -> float:
    """Find the gamma whose distribution has this mean (eq. 2.9.7, solved by bisection)."""

    def mean_of(gamma: float) -> float:
        at_low, at_high = math.exp(gamma * low), math.exp(gamma * high)
        top = (low - 1.0 / gamma) * at_low - (high - 1.0 / gamma) * at_high
        return top / (at_low - at_high)

    lower, upper = -60.0, 60.0
    for _ in range(80):
        middle = 0.5 * (lower + upper) + 1e-9  # never 0, where the formula is 0 / 0
        if mean_of(middle) < mean:
            lower = middle
        else:
            upper = middle
    return 0.5 * (lower + upper)


def _hours_of_day(
    sun: Sun, today: np.ndarray, daily: float, stream: np.random.Generator
) -> np.ndarray:
    """GHI of the daylight hours of one day (TAG), with the day's clearness index `daily`."""
    sin_height = sun.cos_zenith[today]
    profile = (-0.19 + 1.12 * daily + 0.24 * math.exp(-8.0 * daily)) + (
        0.32 - 1.6 * (daily - 0.5) ** 2
    ) * np.exp(-(0.19 + 2.27 * daily**2 - 2.51 * daily**3) / np.maximum(sin_height, 1e-3))
    spread = 0.14 * math.exp(-20.0 * (daily - 0.35) ** 2)
    sigma = spread * np.exp((3.0 * (daily - 0.45) ** 2 + 16.0 * daily**5) * (1.0 - sin_height))
    phi = 0.38 + 0.06 * math.cos(7.4 * daily - 2.5)
    hourly = profile + sigma * _standard_ar1(len(today), phi, stream)
    outside = sun.extra[today]
    darkest = 0.1 * daily * outside  # some light comes through any cloud
    rough = np.clip(hourly * outside, darkest, sun.clear_ghi[today])
    return _scaled_to(rough, sun.clear_ghi[today], daily * float(outside.sum()))


def _scaled_to(shape: np.ndarray, bound: np.ndarray, wanted: float) -> np.ndarray:
    """Scale the shape by one factor, cut at the bound, to sum to `wanted` if it can."""
    low, high = 0.0, 50.0
    for _ in range(60):
        factor = 0.5 * (low + high)
        if float(np.minimum(factor * shape, bound).sum()) < wanted:
            low = factor
        else:
            high = factor
    return np.asarray(np.minimum(0.5 * (low + high) * shape, bound))


def _erbs_fraction(clearness: np.ndarray) -> np.ndarray:
    """Diffuse fraction of an hour by its clearness index (Erbs et al. 1982, eq. 1)."""
    middle = (
        0.9511
        - 0.1604 * clearness
        + 4.388 * clearness**2
        - 16.638 * clearness**3
        + 12.336 * clearness**4
    )
    fraction = np.where(clearness <= 0.22, 1.0 - 0.09 * clearness, middle)
    return np.asarray(np.where(clearness > 0.80, 0.165, fraction))


def _beam_for_share(
    sun: Sun, hours: np.ndarray, ghi: np.ndarray, erbs: np.ndarray, share: float
) -> np.ndarray:
    """DNI [W/m2] of one month's hours.

    It is never more than a clean sky lets through, and never leaves less diffuse light than the
    clean sky itself scatters.
    """
    cos_zenith = sun.cos_zenith[hours]
    total = ghi[hours]
    beamed = cos_zenith > LOWEST_BEAM_COS_ZENITH

    def beam(power: float) -> np.ndarray:
        horizontal = total * (1.0 - erbs[hours] ** power)
        horizontal = np.clip(horizontal, 0.0, np.maximum(total - sun.clear_dhi[hours], 0.0))
        normal = np.divide(horizontal, cos_zenith, out=np.zeros_like(total), where=beamed)
        return np.asarray(np.minimum(normal, sun.clear_dni[hours]))

    low, high = 0.05, 20.0
    for _ in range(60):
        power = 0.5 * (low + high)
        diffuse = float((total - beam(power) * cos_zenith).sum())
        if diffuse > share * float(total.sum()):
            low = power
        else:
            high = power
    return beam(0.5 * (low + high))
