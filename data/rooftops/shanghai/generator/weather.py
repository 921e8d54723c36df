"""The hourly base year of Baoshan, in the weather format of this program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .air import synthesise_temperature, synthesise_wind
from .facts import random_stream
from .raster import GHI_COLUMNS
from .sky import split, sun_of_year, synthesise_ghi

STATION = "58362"
YEAR = 2022  # not a leap year
SOURCE = (
    "demonstration; synthesised from monthly facts: GHI 2005-2017 means of station 58362 Baoshan "
    "(China Daily Solar Radiation Dataset, Xi'an University of Architecture and Technology); "
    "diffuse share, air temperature and wind of the CSWD typical year of Baoshan 583620"
)
NOTE = (
    "No measured hour is in this file. Daily clearness: Graham, Hollands & Unny 1988 with Bendt et "
    "al. 1981; hours: Aguiar & Collares-Pereira 1992; diffuse: Erbs et al. 1982 moved to the "
    "monthly share. Sun at the middle of each hour, true zenith: dni * cos z + dhi = ghi"
)


def base_year(stations: pd.DataFrame, monthly: pd.DataFrame, choices: dict[str, Any]) -> str:
    """Return the text of weather.csv: header lines, then 8760 hours labelled at their end."""
    station = stations[stations["station"] == STATION].iloc[0]
    latitude, longitude = float(station["latitude_deg"]), float(station["longitude_deg"])
    altitude = float(station["altitude_m"])
    times = pd.date_range(f"{YEAR}-01-01 01:00", periods=8760, freq="h", tz="Etc/GMT-8")
    sun = sun_of_year(times, latitude, longitude, altitude)
    month_kwh = station[GHI_COLUMNS].to_numpy(float)
    share = (monthly["dhi_kwh_per_m2"] / monthly["ghi_kwh_per_m2"]).to_numpy(float)
    ghi = synthesise_ghi(sun, month_kwh, random_stream(choices, "sky"))
    ghi, dni, dhi = split(sun, ghi, share)
    air = synthesise_temperature(
        sun, ghi, monthly["temp_air_degc"].to_numpy(float), random_stream(choices, "temperature")
    )
    wind = synthesise_wind(
        sun, monthly["wind_speed_m_per_s"].to_numpy(float), random_stream(choices, "wind")
    )
    head = {
        "format": "pvplan weather 1",
        "latitude": f"{latitude:.4f}",
        "longitude": f"{longitude:.4f}",
        "altitude_m": f"{altitude:.1f}",
        "timezone": "+08:00",
        "label": "end",
        "source": SOURCE,
        "note": NOTE,
    }
    lines = [f"# {key}: {value}" for key, value in head.items()]
    lines.append("time,ghi,dni,dhi,temp_air,wind_speed")
    stamps = times.strftime("%Y-%m-%dT%H:%M:%S+08:00")
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    columns = np.column_stack([ghi, dni, dhi, air, wind]) + 0.0
    lines += [
        stamp + "," + ",".join(f"{value:.1f}" for value in row)
        for stamp, row in zip(stamps, columns, strict=True)
    ]
    return "\n".join(lines) + "\n"


def write_base_year(path: Path, text: str) -> None:
    """Write the text with the same line ends on every system."""
    path.write_bytes(text.encode("utf-8"))
