"""The weather files of others, each translated once, at the door, to our words and units.

Every reader returns hours as they stand in the file with the hour of the year each belongs to;
whether they make a whole plausible year is judged in one place, :mod:`pvplan.sources.weather`.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import pandas as pd
from pvlib.iotools import read_epw, read_pvgis_tmy, read_tmy3

from pvplan.errors import InputError

Label = Literal["start", "middle", "end", "instant"]
COLUMNS: Final = ("ghi", "dni", "dhi", "temp_air", "wind_speed")
HOURS_OF_YEAR: Final = 8760
# Missing values in EPW (9999), TMY3 (-9900) and NASA POWER (-999).
_MISSING: Final = (9999.0, -9900.0, -999.0)


@dataclass(frozen=True)
class Hours:
    """Hours as read, not yet judged.

    Attributes
    ----------
    hourly
        The five columns in our units, in the order of the file; default index.
    hour_of
        For each row the clock hour it belongs to, as its beginning, without time zone.
    label_after_minutes
        Minutes from the beginning of the hour to the time as the file labels it.
    utc_offset_hours
        Time zone of ``hour_of``.
    label
        The convention of the format.
    first_line
        Line of the file on which row 0 stands; None when rows are not lines.
    offset_minutes
        For the label ``instant``: minutes from the label to the moment of measurement.
    in_utc
        The file is in UTC whatever its place; its hours are then told in the place's own zone.
    doubtful_clock
        The file states a time zone but may be in UTC.
    """

    hourly: pd.DataFrame = field(repr=False)
    hour_of: pd.DatetimeIndex = field(repr=False)
    label_after_minutes: float
    utc_offset_hours: float
    label: Label
    latitude: float
    longitude: float
    altitude_m: float
    source: str
    first_line: int | None
    offset_minutes: float = 0.0
    in_utc: bool = False
    doubtful_clock: bool = False


def format_of(name: str, text: str) -> str:
    """Return the name of the format, from the first lines of a file.

    Raises
    ------
    InputError
        None of the formats read here.
    """
    head = text[:4000].lstrip("\ufeff \r\n")
    first = head.split("\n", 1)[0]
    if head.startswith("# format: pvplan weather"):
        return "pvplan"
    if first.startswith("LOCATION,"):
        return "pvgis_epw" if "Irradiance Time Offset" in head else "epw"
    if head.startswith("-BEGIN HEADER-"):
        return "nasa_power"
    if first.startswith("{") and '"inputs"' in head:
        return "pvgis_json"
    if first.startswith("Latitude (decimal degrees)"):
        return "pvgis_csv"
    if "Date (MM/DD/YYYY)" in head:
        return "tmy3"
    raise InputError(
        f"{name}: not a weather format that is read here (first line {first[:60]!r}); give EPW, "
        f"PVGIS TMY (json, csv, epw), NASA POWER hourly csv, TMY3, or a pvplan weather csv"
    )


def read_epw_hours(text: str) -> Hours:
    """Read EnergyPlus weather: hour 1 is the first hour of the day, labelled at its end.

    Source: EnergyPlus Auxiliary Programs, "EPW data dictionary".
    """
    hourly, meta = read_epw(io.StringIO(text))
    # pvlib stamps hour 1 as 00:00: that is the beginning of the hour.
    return Hours(
        hourly=_missing_as_nan(hourly),
        hour_of=_clock(hourly.index),
        label_after_minutes=60.0,
        utc_offset_hours=float(meta["TZ"]),
        label="end",
        latitude=float(meta["latitude"]),
        longitude=float(meta["longitude"]),
        altitude_m=float(meta["altitude"]),
        source=f"EPW {meta['city']} {meta['WMO_code']} ({meta['data_type']})",
        first_line=9,
    )


def read_pvgis_epw_hours(text: str) -> Hours:
    """Read the EPW of PVGIS: values of a moment that the second comment states.

    The offset counts from the label (the end of the hour). PVGIS writes the rows in the order of
    UTC but states a time zone; the sun decides between the two clocks.
    """
    hours = read_epw_hours(text)
    stated = re.search(r"Irradiance Time Offset \(h\):\s*(-?\d+(?:\.\d+)?)", text[:4000])
    offset = float(stated.group(1)) * 60.0 if stated else 0.0
    source = f"PVGIS TMY; {hours.source}"
    return replace(
        hours, label="instant", offset_minutes=offset, source=source, doubtful_clock=True
    )


def read_pvgis_json_hours(text: str) -> Hours:
    """Read the JSON of PVGIS: hours of UTC, values of a moment after the label."""
    hourly, meta = read_pvgis_tmy(io.StringIO(text), pvgis_format="json")
    place, origin = meta["inputs"]["location"], meta["inputs"].get("meteo_data", {})
    words = [origin[word] for word in ("radiation_db", "meteo_db") if word in origin]
    return Hours(
        hourly=_missing_as_nan(hourly),
        hour_of=_clock(hourly.index),
        label_after_minutes=0.0,
        utc_offset_hours=0.0,
        label="instant",
        latitude=float(place["latitude"]),
        longitude=float(place["longitude"]),
        altitude_m=float(place["elevation"]),
        source=f"PVGIS TMY ({', '.join(words)})",
        first_line=None,
        # Files before PVGIS 5.3 state no offset; the scan of the labels then shows it.
        offset_minutes=60.0 * float(place.get("irradiance_time_offset", 0.0)),
        in_utc=True,
    )


def read_pvgis_csv_hours(text: str) -> Hours:
    """Read the CSV of PVGIS: hours of UTC, values of a moment after the label."""
    stamps = list(re.finditer(r"^(\d{8}:\d{4}),", text, re.MULTILINE))
    if not stamps:
        raise ValueError("no rows of hours")
    hour_of = pd.to_datetime([stamp.group(1) for stamp in stamps], format="%Y%m%d:%H%M")
    if len(stamps) == HOURS_OF_YEAR:
        hourly, meta = read_pvgis_tmy(io.BytesIO(text.encode()), pvgis_format="csv")
        place = meta["inputs"]
    else:
        # pvlib insists on 8760 rows; the stamps alone let the judge name the gap.
        hourly = pd.DataFrame(float("nan"), index=hour_of, columns=list(COLUMNS))
        place = {"latitude": 0.0, "longitude": 0.0, "elevation": 0.0}
    return Hours(
        hourly=_missing_as_nan(hourly),
        hour_of=pd.DatetimeIndex(hour_of),
        label_after_minutes=0.0,
        utc_offset_hours=0.0,
        label="instant",
        latitude=float(place["latitude"]),
        longitude=float(place["longitude"]),
        altitude_m=float(place["elevation"]),
        source="PVGIS TMY",
        first_line=text.count("\n", 0, stamps[0].start()) + 1,
        offset_minutes=60.0 * float(place.get("irradiance time offset", 0.0)),
        in_utc=True,
    )


def read_tmy3_hours(text: str) -> Hours:
    """Read TMY3: hours 01:00 to 24:00, each labelled at its end.

    Source: Wilcox & Marion 2008, NREL/TP-581-43156, doi:10.2172/928611.
    """
    hourly, meta = read_tmy3(io.StringIO(text))
    # pvlib moves the leap day and folds 24:00; the file's own words say which hour it is.
    day = pd.to_datetime(hourly["Date (MM/DD/YYYY)"], format="%m/%d/%Y")
    clock = hourly["Time (HH:MM)"].str.split(":", expand=True).astype(int)
    minutes = clock[0] * 60 + clock[1] - 60
    return Hours(
        hourly=_missing_as_nan(hourly),
        hour_of=pd.DatetimeIndex(day + pd.to_timedelta(minutes, unit="min")),
        label_after_minutes=60.0,
        utc_offset_hours=float(meta["TZ"]),
        label="end",
        latitude=float(meta["latitude"]),
        longitude=float(meta["longitude"]),
        altitude_m=float(meta["altitude"]),
        source=f"TMY3 {str(meta['Name']).strip()} {meta['USAF']}",
        first_line=3,
    )


def _clock(index: pd.Index) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(index).tz_localize(None)


def _missing_as_nan(hourly: pd.DataFrame) -> pd.DataFrame:
    """Return the five columns as numbers; codes for missing beam and diffuse become NaN."""
    absent = [name for name in COLUMNS if name not in hourly.columns]
    if absent:
        raise ValueError(f"no column for {', '.join(absent)}")
    numbers = hourly[list(COLUMNS)].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    # Adding zero turns the -0.0 of PVGIS into 0.0.
    numbers = pd.DataFrame(numbers.reset_index(drop=True) + 0.0)
    for name in ("dni", "dhi"):
        numbers[name] = numbers[name].where(~numbers[name].isin(_MISSING))
    return numbers
