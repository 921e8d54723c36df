"""Do the numbers of a weather file belong to its place and clock? Three questions of the sun.

*Closure*: beam on the horizontal plus diffuse is global, DNI·cos z + DHI = GHI, for the sun at
the right moment; the offset at which it holds best tells where in the hour the labels stand.
*Bound*: no hour receives more than falls on top of the atmosphere; a file that says so for many
hours is of another place, another time zone or another label.
*Noon*: over a year as much irradiance falls before solar noon as after it, morning fog and
afternoon cloud apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from pvlib.irradiance import get_extra_radiation
from pvlib.solarposition import equation_of_time_spencer71, get_solarposition, hour_angle

from pvplan.tables import Floats, Weather

# Quarters of an hour from 90 minutes before to 90 minutes after the label.
OFFSETS_MINUTES: Final = tuple(range(-90, 91, 15))
# Half-hour steps are the finest differences between conventions; less is scatter.
_DISAGREE_MINUTES: Final = 20.0
# Share of a year's GHI above the top of the atmosphere at mid-hour: files that are right hold
# 0.05 to 0.8 % (the hours of sunrise and sunset), with the latitude's sign turned 3.8 to 12 %,
# an hour or more off 3 to 7 %.
BOUND_FRACTION: Final = 0.02


@dataclass(frozen=True)
class Closure:
    """What the scan over sun offsets found.

    Attributes
    ----------
    closure_ratio
        (DNI·cos z + DHI) / GHI of the year, sun at the stated moment; NaN without components.
    closure_rmse_w_per_m2
        Root mean square of the hourly difference there, over hours with light.
    stated_offset_minutes
        Minutes from the label to the sun's moment, by the label convention.
    best_offset_minutes
        The offset (of quarters of an hour) with the smallest RMSE; NaN without components.
    best_ratio, best_rmse_w_per_m2
        The same figures at the best offset.
    warning
        A sentence when the stated and the best offset lie more than 20 minutes apart.
    """

    closure_ratio: float
    closure_rmse_w_per_m2: float
    stated_offset_minutes: float
    best_offset_minutes: float
    best_ratio: float
    best_rmse_w_per_m2: float
    warning: str | None

    def closes(self, tolerance_fraction: float) -> bool:
        """Tell whether the ratio lies within the tolerance of 1 (False without components)."""
        return bool(abs(self.closure_ratio - 1.0) <= tolerance_fraction)


def stated_offset(weather: Weather) -> float:
    """Return the minutes from a label to the moment at which the sun is taken."""
    labels = pd.DatetimeIndex(weather.hourly.index)
    return float((weather.sun_times[0] - labels[0]).total_seconds() / 60.0)


def label_scan(weather: Weather) -> Closure:
    """Scan sun offsets of -90 to +90 minutes and compare the best with the stated one.

    Parameters
    ----------
    weather
        A year of hourly weather.

    Returns
    -------
    Closure
    """
    stated = stated_offset(weather)
    if not weather.hourly[["dni", "dhi"]].notna().any().all():
        nothing = float("nan")
        return Closure(nothing, nothing, stated, nothing, nothing, nothing, None)
    found = {offset: _closure_at(weather, offset) for offset in OFFSETS_MINUTES}
    best = min(found, key=lambda offset: found[offset][1])
    ratio, rmse = found[int(stated)] if stated in found else _closure_at(weather, stated)
    if rmse <= found[best][1]:
        best_offset, best_ratio, best_rmse = stated, ratio, rmse
    else:
        best_offset, (best_ratio, best_rmse) = float(best), found[best]
    warning = None
    if abs(best_offset - stated) > _DISAGREE_MINUTES:
        warning = (
            f"the hours are labelled '{weather.label}' (sun {stated:+.0f} minutes from the label) "
            f"but DNI·cos z + DHI meets GHI best at {best_offset:+.0f} minutes "
            f"(RMSE {best_rmse:.1f} instead of {rmse:.1f} W/m²); check --weather-label"
        )
    return Closure(ratio, rmse, stated, best_offset, best_ratio, best_rmse, warning)


def noon_lag_minutes(weather: Weather) -> float:
    """Return how far the middle of the year's GHI lies after solar noon, minutes.

    The mean hour angle of the sun, weighted by GHI; NaN without any. The IWEC years of Tokyo and
    Taipei give +3 and -4 minutes; a file labelled half an hour wrong gives half an hour.
    """
    times = weather.sun_times
    minutes_of_sundial = equation_of_time_spencer71(times.day_of_year.to_numpy())
    angle = np.asarray(hour_angle(times, weather.longitude, minutes_of_sundial))
    angle = (angle + 180.0) % 360.0 - 180.0
    ghi = weather.hourly["ghi"].to_numpy(dtype=np.float64)
    return float((ghi * angle).sum() * 4.0 / ghi.sum()) if ghi.sum() > 0 else float("nan")


def noon_warning(weather: Weather) -> str | None:
    """Return a sentence when a year's GHI lies more than 20 minutes to one side of solar noon."""
    lag = noon_lag_minutes(weather)
    if not abs(lag) > _DISAGREE_MINUTES:
        return None
    side, gains, loses = ("after", "west", "east") if lag > 0 else ("before", "east", "west")
    return (
        f"the year's GHI centres {abs(lag):.0f} minutes {side} solar noon: the hours may be"
        f" labelled wrongly, and planes facing {gains} gain at the cost of {loses};"
        " check --weather-label"
    )


def excess_fraction(weather: Weather, offset_minutes: float | None = None) -> float:
    """Return the share of the year's GHI that exceeds the top of the atmosphere.

    Parameters
    ----------
    weather
        A year of hourly weather.
    offset_minutes
        Minutes from the label to the sun's moment; the stated ones when absent.

    Returns
    -------
    float
        0 to 1. Hours of sunrise and sunset give a few thousandths: the sun of mid-hour stands
        for the hour.
    """
    offset = stated_offset(weather) if offset_minutes is None else offset_minutes
    times = pd.DatetimeIndex(weather.hourly.index) + pd.Timedelta(minutes=offset)
    outside = np.asarray(get_extra_radiation(times.day_of_year.to_numpy()))
    outside = outside * _cos_zenith(weather, times)
    ghi = weather.hourly["ghi"].to_numpy(dtype=np.float64)
    total = float(ghi.sum())
    return float(np.clip(ghi - outside, 0.0, None).sum() / total) if total > 0 else 0.0


def place_fault(weather: Weather) -> str | None:
    """Return what is wrong when the irradiance cannot be that of the stated place and clock.

    Parameters
    ----------
    weather
        A year of hourly weather.

    Returns
    -------
    str or None
        A sentence with the likely cause and the remedy.
    """
    excess = excess_fraction(weather)
    if excess <= BOUND_FRACTION:
        return None
    seen = f"{excess:.1%} of the year's GHI is more than the sun can give at {_place(weather)}"
    turned = replace(weather, latitude=-weather.latitude)
    by_offset = {offset: excess_fraction(weather, offset) for offset in OFFSETS_MINUTES}
    best = min(by_offset, key=lambda offset: by_offset[offset])
    if excess_fraction(turned) < min(BOUND_FRACTION, by_offset[best]):
        return f"{seen}: the latitude seems to be of the other hemisphere; correct its sign"
    if by_offset[best] <= BOUND_FRACTION / 2.0:
        return (
            f"{seen} with the label '{weather.label}': it fits {best:+d} minutes from the label; "
            f"give the right --weather-label, or correct the time zone of the file"
        )
    return f"{seen}: weather of another place, or wrong coordinates, time zone or label"


def _place(weather: Weather) -> str:
    clock = pd.DatetimeIndex(weather.hourly.index)[0].strftime("%z")
    return f"{weather.latitude:.2f}° N, {weather.longitude:.2f}° E, UTC{clock[:3]}:{clock[3:]}"


def _cos_zenith(weather: Weather, times: pd.DatetimeIndex) -> Floats:
    sun = get_solarposition(times, weather.latitude, weather.longitude, altitude=weather.altitude_m)
    zenith = sun["zenith"].to_numpy(dtype=np.float64)
    return np.asarray(np.clip(np.cos(np.radians(zenith)), 0.0, None))


def _closure_at(weather: Weather, offset_minutes: float) -> tuple[float, float]:
    times = pd.DatetimeIndex(weather.hourly.index) + pd.Timedelta(minutes=offset_minutes)
    ghi, dni, dhi = (
        weather.hourly[name].to_numpy(dtype=np.float64) for name in ("ghi", "dni", "dhi")
    )
    closed = dni * _cos_zenith(weather, times) + dhi
    light = ((ghi > 0.0) | (closed > 0.0)) & np.isfinite(closed)
    if not light.any() or ghi[light].sum() <= 0.0:
        return float("nan"), float("inf")
    difference = closed[light] - ghi[light]
    return float(closed[light].sum() / ghi[light].sum()), float(np.sqrt(np.mean(difference**2)))
