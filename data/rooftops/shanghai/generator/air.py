"""Hourly air temperature and wind of a synthetic year from monthly means.

Temperature: a smooth yearly course that keeps every monthly mean, the diurnal shape of Erbs,
Klein & Beckman (1983, ASHRAE Journal 25(6), 60-65), with the amplitude from the clearness index of
the day, and a day-to-day deviation (first-order autoregressive, taken over midnight linearly).

Wind: Weibull, the shape factor from the monthly mean (Justus, Hargraves, Mikhail & Graber 1978,
J. Appl. Meteorol. 17, 350-353), an autoregressive sequence of hours, scaled to the monthly mean.
"""

from __future__ import annotations

import math

import numpy as np

from .sky import Sun

# Chosen, not measured: how far days stray from the month, and how wind lasts and swings.
DAY_DEVIATION_K = np.array([3.2, 3.2, 3.4, 3.2, 2.6, 2.2, 2.0, 1.7, 2.1, 2.4, 3.1, 3.3])
DAY_DEVIATION_PHI = 0.65
SMALLEST_SWING_K = 1.5
WIND_PHI = 0.88
WIND_DAY_SWING = 0.22  # more wind in the afternoon than before dawn


def synthesise_temperature(
    sun: Sun, ghi: np.ndarray, month_mean: np.ndarray, stream: np.random.Generator
) -> np.ndarray:
    """Air temperature [degC], shape (8760,), with the monthly means `month_mean`, to 0.1."""
    middle_hour = np.arange(len(ghi)) % 24 + 0.5
    course = _course(sun, month_mean)
    swing = np.array([_swing(ghi, sun.extra, sun.day == day) for day in range(365)])[sun.day]
    deviation = _deviation(sun, stream)
    air = course + swing * _diurnal(middle_hour) + deviation
    for month in range(1, 13):
        hours = sun.month == month
        air[hours] += month_mean[month - 1] - air[hours].mean()
    return np.asarray(np.round(air, 1))


def synthesise_wind(sun: Sun, month_mean: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Wind speed [m/s], shape (8760,), with the monthly means `month_mean`, to 0.1."""
    chain = np.empty(len(sun.month))
    noise = stream.standard_normal(len(chain))
    chain[0] = noise[0]
    for step in range(1, len(chain)):
        chain[step] = WIND_PHI * chain[step - 1] + math.sqrt(1 - WIND_PHI**2) * noise[step]
    rank = np.argsort(np.argsort(chain, kind="stable"), kind="stable")
    share_below = (rank + 0.5) / len(chain)
    hour = np.arange(len(chain)) % 24 + 0.5
    afternoon = 1.0 + WIND_DAY_SWING * np.cos(2 * np.pi * (hour - 14.5) / 24)
    wind = np.empty_like(chain)
    for month in range(1, 13):
        hours = sun.month == month
        shape = 0.94 * math.sqrt(month_mean[month - 1])
        drawn = (-np.log1p(-share_below[hours])) ** (1.0 / shape) * afternoon[hours]
        wind[hours] = drawn * month_mean[month - 1] / drawn.mean()
    return np.asarray(np.round(wind, 1))


def _diurnal(hour: np.ndarray) -> np.ndarray:
    """Deviation from the daily mean in units of the swing; `hour` is local clock time."""
    angle = 2.0 * np.pi * (hour - 1.0) / 24.0
    return np.asarray(
        0.4632 * np.cos(angle - 3.805)
        + 0.0984 * np.cos(2 * angle - 0.360)
        + 0.0168 * np.cos(3 * angle - 0.822)
        + 0.0138 * np.cos(4 * angle - 3.513)
    )


def _swing(ghi: np.ndarray, extra: np.ndarray, today: np.ndarray) -> float:
    """Peak to peak [K]: 25.8 times the clearness index less 5.21, linear in it, so day by day."""
    return max(25.8 * float(ghi[today].sum() / extra[today].sum()) - 5.21, SMALLEST_SWING_K)


def _course(sun: Sun, month_mean: np.ndarray) -> np.ndarray:
    """Draw straight lines between mid-months, shifted until the monthly means are right."""
    first = np.array([np.flatnonzero(sun.month == month)[0] for month in range(1, 13)])
    length = np.array([(sun.month == month).sum() for month in range(1, 13)])
    knots = first + length / 2.0
    level = month_mean.astype(float)
    hours = np.arange(len(sun.month)) + 0.5
    course = np.zeros(len(hours))
    for _ in range(40):
        course = np.interp(hours, knots, level, period=float(len(hours)))
        means = np.array([course[sun.month == month].mean() for month in range(1, 13)])
        level = level + (month_mean - means)
    return course


def _deviation(sun: Sun, stream: np.random.Generator) -> np.ndarray:
    noise = stream.standard_normal(365)
    chain = np.empty(365)
    chain[0] = noise[0]
    phi = DAY_DEVIATION_PHI
    for step in range(1, 365):
        chain[step] = phi * chain[step - 1] + math.sqrt(1.0 - phi * phi) * noise[step]
    at_noon = np.arange(365) * 24.0 + 12.0
    hours = np.arange(len(sun.month)) + 0.5
    return np.asarray(np.interp(hours, at_noon, chain) * DAY_DEVIATION_K[sun.month - 1])
