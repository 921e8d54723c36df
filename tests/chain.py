"""The independent truth of the yield: one ``pvlib.ModelChain`` run for one plane of one roof."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pvlib

from pvplan.assumptions import Assumptions
from pvplan.roof import weather
from pvplan.tables import Floats

FLAT_LOSSES = ("snow", "mismatch", "wiring", "connections", "nameplate", "availability")


def place_weather(
    base: weather.Base,
    *,
    latitude: float,
    longitude: float,
    monthly_ghi: Floats,
    assumptions: Assumptions,
) -> pd.DataFrame:
    """Hourly weather of one place with its own sun and its own monthly GHI [kWh/m²]."""
    sun = weather.sun_over(base.times, latitude, longitude, base.altitude_m)
    ratio = monthly_ghi / base.sky.monthly_ghi()
    sky = weather.scaled(base, sun, ratio, assumptions.weather)
    columns = ("ghi", "dni", "dhi", "temp_air", "wind_speed")
    return pd.DataFrame({c: getattr(sky, c) for c in columns}, index=base.times).sort_index()


def model_chain(
    base: weather.Base,
    *,
    latitude: float,
    longitude: float,
    monthly_ghi: Floats,
    tilt: float,
    azimuth: float,
    racked: bool,
    assumptions: Assumptions,
    shaded: bool = False,
) -> Floats:
    """AC energy by month [kWh] of one kW DC by ``pvlib.ModelChain`` at the roof's own place."""
    hourly = place_weather(
        base,
        latitude=latitude,
        longitude=longitude,
        monthly_ghi=monthly_ghi,
        assumptions=assumptions,
    )
    return run_chain(
        hourly, base.altitude_m, latitude, longitude, tilt, azimuth, racked, assumptions, shaded
    )


def run_chain(
    hourly: pd.DataFrame,
    altitude_m: float,
    latitude: float,
    longitude: float,
    tilt: float,
    azimuth: float,
    racked: bool,
    assumptions: Assumptions,
    shaded: bool = False,
) -> Floats:
    """The chain itself, on weather that is ready; ``shaded`` chooses which shading loss is read."""
    system, module = assumptions.system, assumptions.module
    mounting = system.racked if racked else system.flush
    marion: Any = pvlib.iam.marion_diffuse("physical", tilt)
    array = pvlib.pvsystem.Array(
        pvlib.pvsystem.FixedMount(tilt, azimuth),
        albedo=system.albedo,
        module_parameters={
            "pdc0": 1.0,
            "gamma_pdc": module.gamma_pdc,
            "FD": float(marion["sky"]),
            "module_efficiency": module.power_w / (module.length_m * module.width_m) / 1000.0,
            "alpha_absorption": system.absorption_fraction,
        },
        temperature_model_parameters={
            "u_c": mounting.heat_loss_constant_w_per_m2_k,
            "u_v": mounting.heat_loss_wind_w_per_m2_k_per_m_per_s,
        },
    )
    efficiency = system.inverter_efficiency_fraction
    plant = pvlib.pvsystem.PVSystem(
        arrays=[array],
        inverter_parameters={
            "pdc0": 1.0 / (system.dc_ac_ratio * efficiency),
            "eta_inv_nom": efficiency,
        },
    )
    chain = pvlib.modelchain.ModelChain(
        plant,
        pvlib.location.Location(latitude, longitude, altitude=altitude_m),
        transposition_model=system.transposition_model,
        aoi_model="physical",
        spectral_model="no_loss",
        dc_model="pvwatts",
        ac_model="pvwatts",
        losses_model=lambda chain: _lose(chain, assumptions, shaded),
        temperature_model="pvsyst",
    )
    chain.run_model(hourly)
    power = chain.results.ac.fillna(0.0)
    months = pd.DatetimeIndex(power.index).month
    return np.array([power[months == month].sum() for month in range(1, 13)])


def _lose(chain: pvlib.modelchain.ModelChain, assumptions: Assumptions, shaded: bool) -> None:
    """Take the itemised losses off DC power, the soiling of each hour's month."""
    losses = assumptions.system.losses
    kept = 1.0 - assumptions.module.first_year_degradation_fraction
    kept *= 1.0 - (losses.unseen_shading_fraction if shaded else losses.shading_fraction)
    for name in FLAT_LOSSES:
        kept *= 1.0 - getattr(losses, f"{name}_fraction")
    month = pd.DatetimeIndex(chain.results.dc.index).month - 1
    clean = 1.0 - np.array(losses.soiling_fraction)[month]
    chain.results.losses = kept * clean
    chain.results.dc = chain.results.dc * (kept * clean)
