"""Hourly weather of a place: closure and repair, the sun, and scaling to the raster's climate.

A base year of hourly weather describes how irradiance comes; a raster says how much of it each
place receives in each month. :func:`scaled` joins the two without keeping a clear month's beam
share in a dull one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pvlib

from pvplan.assumptions import WeatherRules
from pvplan.errors import InputError
from pvplan.tables import Floats, Sky, Sun, Weather

MIN_COS_ZENITH: Final = 0.065
"""Below this (86.3°) beam cannot be told from diffuse; pvlib's own bound in its decompositions."""


@dataclass(frozen=True)
class Base:
    """A base year that closes: sky and sun at its own place, daylight hours only.

    Attributes
    ----------
    sky, sun
        Arrays of shape (time,) over the hours with irradiance.
    times, all_times
        Middle of each of these intervals, and of every interval of the year.
    latitude, longitude, altitude_m
        Of the base place.
    model, model_share
        Name of the decomposition model (pvlib.irradiance) whose slope moves the diffuse share,
        and the share (time,) that it sees in the base itself.
    report
        What was found and done: ``closure_ratio``, ``redecomposed``, ``decomposition_model``.
    """

    sky: Sky
    sun: Sun
    times: pd.DatetimeIndex
    all_times: pd.DatetimeIndex
    latitude: float
    longitude: float
    altitude_m: float
    model: str
    model_share: Floats
    report: dict[str, Any]


def sun_over(times: pd.DatetimeIndex, latitude: float, longitude: float, altitude_m: float) -> Sun:
    """Return the sun at some times over a place.

    NREL's SPA through pvlib, doi:10.1016/j.solener.2003.12.003.
    """
    location = pvlib.location.Location(latitude, longitude, altitude=altitude_m)
    position = location.get_solarposition(times)
    zenith = position["apparent_zenith"].to_numpy()
    return Sun(
        zenith,
        position["azimuth"].to_numpy(),
        np.asarray(pvlib.irradiance.get_extra_radiation(times.day_of_year.to_numpy())),
        pvlib.atmosphere.get_relative_airmass(zenith),
    )


def solstice_sun(latitude: Floats, first_hour: float, last_hour: float) -> tuple[Floats, Floats]:
    """Return the sun through a window of true solar time at each place's winter solstice.

    Parameters
    ----------
    latitude
        Shape (n,), degrees; south of the equator the solstice is that of June.
    first_hour, last_hour
        Window in true solar time, hours; sampled every 5 minutes, both ends included.

    Returns
    -------
    elevation, azimuth : ndarray, shape (n, times)
        Degrees, without refraction (as the rule of GB 50797-2012 is written).
    """
    count = round((last_hour - first_hour) * 12) + 1
    hour_angle = (np.linspace(first_hour, last_hour, count) - 12.0) * 15.0
    declination = np.abs(pvlib.solarposition.declination_spencer71(np.arange(1, 366))).max()
    phi = np.radians(latitude)[:, None]
    delta = np.where(phi >= 0, -declination, declination)
    omega = np.radians(hour_angle)[None, :]
    zenith = pvlib.solarposition.solar_zenith_analytical(phi, omega, delta)
    # Not pvlib's solar_azimuth_analytical: at noon it says south on either hemisphere.
    east = -np.cos(delta) * np.sin(omega)
    north = np.sin(delta) * np.cos(phi) - np.cos(delta) * np.cos(omega) * np.sin(phi)
    return 90.0 - np.degrees(zenith), np.degrees(np.arctan2(east, north)) % 360.0


def diffuse_fraction(ghi: Floats, zenith: Floats, times: pd.DatetimeIndex, model: str) -> Floats:
    """Return DHI/GHI by a named pvlib decomposition model; 1 where there is no beam to find.

    Parameters
    ----------
    ghi
        Shape (time,), W/m².
    zenith
        Shape (time,), degrees.
    times
        Shape (time,).
    model
        ``erbs`` (doi:10.1016/0038-092X(82)90302-4), ``erbs_driesse``, ``orgill_hollands``.
    """
    split: Callable[..., Any] = getattr(pvlib.irradiance, model)
    lit = ghi > 0.0
    day = times.day_of_year.to_numpy()
    found = split(np.where(lit, ghi, 1.0), zenith, day, min_cos_zenith=MIN_COS_ZENITH)
    share = np.asarray(found["dhi"], dtype=np.float64) / np.where(lit, ghi, 1.0)
    low_sun = np.cos(np.radians(zenith)) <= MIN_COS_ZENITH
    return np.where(lit & ~low_sun, np.clip(np.nan_to_num(share, nan=1.0), 0.0, 1.0), 1.0)


def prepare(weather: Weather, rules: WeatherRules) -> Base:
    """Check that a year closes, re-decompose it from GHI where it does not, keep lit hours.

    The closure ratio is Σ(DNI·cos z + DHI) / Σ GHI over the hours with the sun up, the sun taken
    at the middle of each interval. Where it misses 1 by more than the tolerance, or components
    are missing, DHI and DNI are made anew from GHI by the named model.

    Parameters
    ----------
    weather
        One year, hourly.
    rules
        Tolerance and model.

    Returns
    -------
    Base
        Components that close; ``report`` says what was done.

    Raises
    ------
    InputError
        GHI, temperature or wind are missing.
    """
    times = weather.sun_times
    hourly = weather.hourly
    faults = [
        f"{weather.source}: {name}: {int(hourly[name].isna().sum())} hours are missing; fill the"
        " gaps or use another file"
        for name in ("ghi", "temp_air", "wind_speed")
        if hourly[name].isna().any()
    ]
    if faults:
        raise InputError(faults)
    sun = sun_over(times, weather.latitude, weather.longitude, weather.altitude_m)
    ghi = hourly["ghi"].to_numpy(dtype=np.float64)
    dni = hourly["dni"].to_numpy(dtype=np.float64)
    dhi = hourly["dhi"].to_numpy(dtype=np.float64)
    up = sun.apparent_zenith < 90.0
    closure = float((dni * sun.cos_zenith + dhi)[up].sum() / max(ghi[up].sum(), 1e-9))
    redecompose = not abs(closure - 1.0) <= rules.closure_tolerance_fraction
    if redecompose:
        share = diffuse_fraction(ghi, sun.apparent_zenith, times, rules.decomposition_model)
        dhi = share * ghi
        dni = np.where(share < 1.0, (ghi - dhi) / np.maximum(sun.cos_zenith, MIN_COS_ZENITH), 0.0)
        # At low sun the model can leave more beam than enters the atmosphere: that is diffuse.
        dni = np.minimum(dni, sun.dni_extra)
        dhi = ghi - dni * sun.cos_zenith
    month = times.month.to_numpy().astype(np.int64) - 1
    # Months stay together, whatever month the file begins with.
    by_month = np.argsort(month, kind="stable")
    lit = by_month[((ghi > 0.0) | (dhi > 0.0))[by_month]]
    sky = Sky(
        ghi,
        dni,
        dhi,
        hourly["temp_air"].to_numpy(dtype=np.float64),
        hourly["wind_speed"].to_numpy(dtype=np.float64),
        month,
    )
    report = {
        "source": weather.source,
        "label": weather.label,
        "closure_ratio": closure,
        "redecomposed": redecompose,
        "decomposition_model": rules.decomposition_model,
        "ghi_kwh_per_m2_per_year": float(ghi.sum() / 1000.0),
        "diffuse_fraction": float(dhi.sum() / max(ghi.sum(), 1e-9)),
    }
    sky, sun, model = sky.at(lit), sun.at(lit), rules.decomposition_model
    return Base(
        sky,
        sun,
        times[lit],
        times,
        weather.latitude,
        weather.longitude,
        weather.altitude_m,
        model,
        diffuse_fraction(sky.ghi, sun.apparent_zenith, times[lit], model),
        report,
    )


def scaled(base: Base, sun: Sun, ratio: Floats, rules: WeatherRules) -> Sky:
    """Return the base year with each month's GHI multiplied by a ratio, under another sun.

    Each hour's GHI follows the height of the new sun and one factor a month, bounded by a clean
    clear sky (simplified Solis, doi:10.1016/j.solener.2007.08.009) or by the base itself where
    that is higher; the factor is found so that the month's GHI is met. The diffuse share moves
    by the difference that the decomposition model sees between the new and the old clearness;
    so at ratio 1 over the base place every value is the base's own, bit for bit. Beam that would
    exceed the clear sky's turns into diffuse. Where the sun is too low to tell (cos z ≤ 0.065)
    beam and diffuse keep their share.

    Parameters
    ----------
    base
        The base year, arrays over (time,).
    sun
        The sun of the new place at the same times.
    ratio
        Shape (12,): month's GHI over the base month's; NaN marks months that are not needed,
        which are returned as the base.
    rules
        Clear-sky parameters.

    Returns
    -------
    Sky
        Closes as the base closes.

    Raises
    ------
    InputError
        A month's GHI is more than a clear sky gives all month.
    """
    sky = base.sky
    wanted = np.where(np.isnan(ratio), 1.0, ratio)
    old_cosine, new_cosine = base.sun.cos_zenith, sun.cos_zenith
    high = (old_cosine > MIN_COS_ZENITH) & (new_cosine > MIN_COS_ZENITH)
    turned = sky.ghi * np.where(high, new_cosine / np.where(high, old_cosine, 1.0), 1.0)
    clear_ghi, clear_dni = _clear_sky(sun, base.altitude_m, rules)
    bound = np.maximum(turned, clear_ghi)
    target = wanted * sky.monthly_ghi() * 1000.0
    factor = _month_factors(turned, bound, sky.month, target)
    ghi = np.where(factor[sky.month] == 1.0, turned, np.minimum(turned * factor[sky.month], bound))

    old_share = np.where(sky.ghi > 0.0, sky.dhi / np.where(sky.ghi > 0.0, sky.ghi, 1.0), 1.0)
    moved = diffuse_fraction(ghi, sun.apparent_zenith, base.times, base.model) - base.model_share
    growth = np.where(sky.ghi > 0.0, ghi / np.where(sky.ghi > 0.0, sky.ghi, 1.0), 1.0)
    new_share = np.clip(old_share + np.where(high, moved, 0.0), 0.0, np.maximum(old_share, 1.0))
    same = (growth == 1.0) & (moved == 0.0)
    dhi = np.where(same, sky.dhi, new_share * ghi)
    old_beam = np.where(high, (sky.ghi - sky.dhi) / np.where(high, old_cosine, 1.0), 0.0)
    new_beam = np.where(high, (ghi - dhi) / np.where(high, new_cosine, 1.0), 0.0)
    dni = np.where(high, sky.dni + (new_beam - old_beam), sky.dni * growth)
    dni = np.maximum(np.where(same & (new_cosine == old_cosine), sky.dni, dni), 0.0)
    excess = np.where(high, np.maximum(dni - np.maximum(sky.dni, clear_dni), 0.0), 0.0)
    return replace(sky, ghi=ghi, dni=dni - excess, dhi=dhi + excess * new_cosine)


def _clear_sky(sun: Sun, altitude_m: float, rules: WeatherRules) -> tuple[Floats, Floats]:
    elevation = np.maximum(90.0 - sun.apparent_zenith, 0.01)
    clear = pvlib.clearsky.simplified_solis(
        elevation,
        aod700=rules.clear_sky_aod700,
        precipitable_water=rules.clear_sky_precipitable_water_cm,
        pressure=pvlib.atmosphere.alt2pres(altitude_m),
        dni_extra=sun.dni_extra,
    )
    return np.asarray(clear["ghi"]), np.asarray(clear["dni"])


def _month_factors(
    ghi: Floats, bound: Floats, month: npt.NDArray[np.int64], target: Floats
) -> Floats:
    """Return the factor of each month for which Σ min(factor · ghi, bound) meets the target."""
    total = np.bincount(month, weights=ghi, minlength=12)
    most = np.bincount(month, weights=np.where(ghi > 0.0, bound, 0.0), minlength=12)
    short = target > most * (1.0 + 1e-12)
    if short.any():
        first = int(np.flatnonzero(short)[0])
        raise InputError(
            f"irradiance: month {first + 1}: {target[first] / 1000.0:.1f} kWh/m² is more than a"
            f" clear sky gives ({most[first] / 1000.0:.1f} kWh/m²); check the raster's unit. If it"
            " is right and close to that sky: --set weather.ghi_ratio_step=0.01"
        )
    exact = np.abs(target - total) <= 1e-12 * np.maximum(total, 1.0)
    factor = np.where(exact, 1.0, target / np.maximum(total, 1e-9))
    settled = exact
    for _ in range(200):
        reached = np.bincount(month, weights=np.minimum(ghi * factor[month], bound), minlength=12)
        missing = target - reached
        # A month that is met stays: its digits must not depend on what other months still need.
        settled = settled | (np.abs(missing) <= 1e-9 * np.maximum(target, 1.0))
        if settled.all():
            break
        # Hours at their bound cannot give more: the free hours carry what is missing.
        at_bound = ghi * factor[month] >= bound
        free = np.bincount(month, weights=np.where(at_bound, 0.0, ghi), minlength=12)
        factor = factor + np.where(settled, 0.0, missing / np.maximum(free, 1e-9))
    return factor
