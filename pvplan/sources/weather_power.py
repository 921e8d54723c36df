"""Hourly CSV of NASA POWER: satellite irradiance and reanalysis, one year, one point.

Source: NASA Langley Research Center, POWER Project, Hourly API (power.larc.nasa.gov/docs).
Hours are labelled at their start, in local solar time (LST, whole 15° zones) or UTC.
"""

from __future__ import annotations

import io
import re
from typing import Final

import numpy as np
import pandas as pd

from pvplan.sources.weather_formats import COLUMNS, Hours

_PARAMETERS: Final = {
    "ghi": ("ALLSKY_SFC_SW_DWN",),
    "dni": ("ALLSKY_SFC_SW_DNI",),
    "dhi": ("ALLSKY_SFC_SW_DIFF",),
    "temp_air": ("T2M",),
    "wind_speed": ("WS10M", "WS2M"),
}
# W/m² for one unit of an hour's irradiation, by the community that the file was made for.
_W_PER_M2: Final = {
    "w/m^2": 1.0,
    "wh/m^2": 1.0,
    "kw-hr/m^2/hour": 1000.0,
    "kw-hr/m^2": 1000.0,
    "kwh/m^2": 1000.0,
    "mj/hr": 1e6 / 3600.0,
    "mj/m^2/hour": 1e6 / 3600.0,
    "mj/m^2/hr": 1e6 / 3600.0,
    "mj/m^2": 1e6 / 3600.0,
}


def read_nasa_power_hours(text: str) -> Hours:
    """Read the hourly point CSV of NASA POWER.

    Beam and diffuse may be absent: the columns are then NaN.

    Raises
    ------
    ValueError
        Header, unit or a needed parameter is missing.
    """
    head, found, body = text.partition("-END HEADER-")
    if not found:
        raise ValueError("the header has no end")
    table = pd.read_csv(io.StringIO(body.lstrip("\r\n")))
    latitude, longitude = _place(head)
    altitude = re.search(r"=\s*(-?\d+(?:\.\d+)?)\s*meters", head)
    missing = re.search(r"availability range:\s*(-?\d+(?:\.\d+)?)", head)
    code = float(missing.group(1)) if missing else -999.0
    in_utc = re.search(r"\bin\s+UTC\b", head) is not None
    return Hours(
        hourly=_columns(table, head, code),
        hour_of=pd.DatetimeIndex(
            pd.to_datetime(
                table[["YEAR", "MO", "DY", "HR"]].set_axis(
                    ["year", "month", "day", "hour"], axis="columns"
                )
            )
        ),
        label_after_minutes=0.0,
        utc_offset_hours=0.0 if in_utc else float(round(longitude / 15.0)),
        label="start",
        latitude=latitude,
        longitude=longitude,
        altitude_m=float(altitude.group(1)) if altitude else 0.0,
        source="NASA POWER hourly (CERES SYN1deg, MERRA-2)",
        first_line=head.count("\n") + 3,
        in_utc=in_utc,
    )


def _place(head: str) -> tuple[float, float]:
    number = r"\s*(-?\d+(?:\.\d+)?)"
    place = re.search(rf"Latitude{number}\s+Longitude{number}", head)
    if place is None:
        raise ValueError("the header states no Latitude and Longitude (only points are read)")
    return float(place.group(1)), float(place.group(2))


def _columns(table: pd.DataFrame, head: str, code: float) -> pd.DataFrame:
    columns: dict[str, pd.Series[float]] = {}
    for name in COLUMNS:
        present = [word for word in _PARAMETERS[name] if word in table.columns]
        if present:
            numbers = pd.to_numeric(table[present[0]], errors="coerce").astype(np.float64)
            scale = _scale(present[0], head) if name in ("ghi", "dni", "dhi") else 1.0
            columns[name] = numbers.where(numbers != code) * scale
        elif name in ("dni", "dhi"):
            columns[name] = pd.Series(np.nan, index=table.index)
        else:
            raise ValueError(f"no parameter {' or '.join(_PARAMETERS[name])}; ask POWER for it")
    return pd.DataFrame(columns)


def _scale(parameter: str, head: str) -> float:
    line = re.search(rf"^{parameter}\b.*\(([^()]*)\)\s*$", head, re.MULTILINE)
    unit = line.group(1).strip().lower() if line else "nothing"
    if unit not in _W_PER_M2:
        raise ValueError(f"{parameter} in {unit}, not one of {', '.join(_W_PER_M2)}")
    return _W_PER_M2[unit]
