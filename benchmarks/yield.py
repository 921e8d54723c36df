"""How fast and how true is the yield of N roofs, against pvlib.ModelChain and PySAM per roof?

``python -m benchmarks.yield --roofs 100000 --sample 40`` prints JSON: seconds, roofs per second,
ratios, peak memory, largest yearly difference. Our time covers planes, modules and energy by the
screening method; the peers' only their own runs, with weather made ready before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.city import BUNDLED, roofs
from pvplan import assess as recipe
from pvplan import assumptions as assuming
from pvplan.lay_out import screened
from pvplan.roof import weather
from pvplan.roof.generation import kept_fractions
from pvplan.sources.rasters import open_irradiance, sample_monthly
from pvplan.sources.weather import read_weather
from tests.chain import place_weather, run_chain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roofs", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=40, help="roofs that the peers compute")
    options = parser.parse_args()
    # The peers know neither horizons nor rows: screening is what they can be held against.
    assumptions = assuming.load(user={"layout.method": "screening"})
    base = weather.prepare(read_weather(BUNDLED / "weather.csv"), assumptions.weather)
    buildings = roofs(options.roofs)
    where = recipe.places(buildings)
    raster = open_irradiance(BUNDLED / "irradiance.tif", assumptions.irradiance)
    ghi = sample_monthly(raster, where.longitude, where.latitude)
    covered = ~np.isnan(ghi).any(axis=1)
    buildings, ghi = buildings[covered], ghi[covered]
    before = _peak_mb()
    start = time.perf_counter()
    with ThreadPoolExecutor(2) as workers:
        found = recipe.assess(buildings, base, ghi, assumptions, workers.map)
    seconds = time.perf_counter() - start
    peak = _peak_mb()
    chosen = np.random.default_rng(1).choice(len(buildings), options.sample, replace=False)
    peers = _peers(base, buildings.iloc[chosen], found.iloc[chosen], ghi[chosen], assumptions)
    rate = len(buildings) / seconds
    report = {
        "roofs": len(buildings),
        "seconds": round(seconds, 2),
        "roofs_per_second": round(rate),
        "peak_memory_mb": round(peak),
        "memory_before_mb": round(before),
        **peers,
        "ratio_to_modelchain": round(rate / peers["modelchain_roofs_per_second"]),
    }
    if peers["pysam_roofs_per_second"]:
        report["ratio_to_pysam"] = round(rate / peers["pysam_roofs_per_second"])
    print(json.dumps(report, indent=2))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _peers(
    base: weather.Base,
    buildings: pd.DataFrame,
    found: pd.DataFrame,
    ghi: Any,
    assumptions: assuming.Assumptions,
) -> dict[str, Any]:
    """Run both peers on each plane of the sample; a roof's energy is that of its planes."""
    where = recipe.places(buildings)
    forms = recipe.forms_of(buildings, assumptions)[0]
    laid = screened(buildings.geometry.to_numpy(), forms, where, assumptions)
    laid = recipe.with_inverters(laid, len(buildings), assumptions)
    arrays, kw = laid.arrays, laid.arrays.capacity_kw
    chain_kwh, sam_kwh = np.zeros(len(buildings)), np.zeros(len(buildings))
    chain_seconds = sam_seconds = 0.0
    for number, roof in enumerate(arrays.roof):
        ratio = float(arrays.dc_ac_ratio[number])
        built_so = replace(assumptions, system=replace(assumptions.system, dc_ac_ratio=ratio))
        latitude, longitude = float(where.latitude[roof]), float(where.longitude[roof])
        hourly = place_weather(
            base,
            latitude=latitude,
            longitude=longitude,
            monthly_ghi=ghi[roof],
            assumptions=assumptions,
        )
        tilt, azimuth = float(arrays.tilt[number]), float(arrays.azimuth[number])
        racked = bool(arrays.racked[number])
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pvlib's own use of pandas, not the measured code
            months = run_chain(
                hourly, base.altitude_m, latitude, longitude, tilt, azimuth, racked, built_so
            )
        chain_seconds += time.perf_counter() - start
        chain_kwh[roof] += months.sum() * kw[number]
        energy, seconds = _pysam(hourly, latitude, longitude, tilt, azimuth, racked, built_so)
        sam_seconds += seconds
        sam_kwh[roof] += energy * kw[number]
    ours = found["energy_ac_kwh_per_year"].to_numpy()
    built = chain_kwh > 0.0
    difference = np.abs(ours[built] / chain_kwh[built] - 1.0)
    return {
        "sample_roofs": len(buildings),
        "modelchain_roofs_per_second": round(len(buildings) / chain_seconds, 3),
        "largest_yearly_difference_to_modelchain_percent": round(100 * difference.max(), 4),
        "pysam_roofs_per_second": round(len(buildings) / sam_seconds, 3) if sam_seconds else None,
        "mean_yearly_difference_to_pysam_percent": round(
            100 * float((ours[built] / sam_kwh[built] - 1.0).mean()), 2
        )
        if sam_seconds
        else None,
    }


def _pysam(
    hourly: pd.DataFrame,
    latitude: float,
    longitude: float,
    tilt: float,
    azimuth: float,
    racked: bool,
    assumptions: assuming.Assumptions,
) -> tuple[float, float]:
    """Return AC energy [kWh/kW] and seconds of one Pvwattsv8 run; (0, 0) where it is absent."""
    try:
        import PySAM.Pvwattsv8 as pvwatts
    except ImportError:
        return 0.0, 0.0
    hours = pd.date_range("2022-01-01 00:30", periods=8760, freq="h", tz=hourly.index.tz)
    full = hourly.reindex(hours).fillna({"ghi": 0.0, "dni": 0.0, "dhi": 0.0}).ffill().bfill()
    resource_data = {
        "lat": latitude,
        "lon": longitude,
        "tz": 8.0,
        "elev": 5.0,
        "year": hours.year.tolist(),
        "month": hours.month.tolist(),
        "day": hours.day.tolist(),
        "hour": hours.hour.tolist(),
        "minute": hours.minute.tolist(),
        "dn": full["dni"].tolist(),
        "df": full["dhi"].tolist(),
        "gh": full["ghi"].tolist(),
        "tdry": full["temp_air"].tolist(),
        "wspd": full["wind_speed"].tolist(),
    }
    system = assumptions.system
    # PVWatts takes one number for the year.
    kept = kept_fractions(system, assumptions.module, shaded=False).prod(axis=0)
    start = time.perf_counter()
    model = pvwatts.new()
    model.SolarResource.assign({"solar_resource_data": resource_data})
    model.SystemDesign.assign(
        {
            "system_capacity": 1.0,
            "module_type": 1,
            "dc_ac_ratio": system.dc_ac_ratio,
            "inv_eff": 100.0 * system.inverter_efficiency_fraction,
            "losses": 100.0 * (1.0 - float(kept.mean())),
            "array_type": 0 if racked else 1,
            "tilt": tilt,
            "azimuth": azimuth,
            "gcr": 0.3,
        }
    )
    model.execute(0)
    return float(model.Outputs.ac_annual), time.perf_counter() - start


if __name__ == "__main__":
    main()
