"""Hourly weather: any of the formats in use, in; one whole plausible year in our words, out.

The readers (:mod:`pvplan.sources.weather_formats` and its neighbours) translate; here a year is
judged: 8760 hours in order, values that occur on Earth, a sun that belongs to the place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Final, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.errors import InputError, nearest
from pvplan.sources import weather_formats
from pvplan.sources.weather_closure import Closure, label_scan, place_fault
from pvplan.sources.weather_formats import HOURS_OF_YEAR, Hours, Label
from pvplan.sources.weather_own import read_own_hours, write_weather
from pvplan.sources.weather_power import read_nasa_power_hours
from pvplan.tables import Weather

__all__ = ["Closure", "label_scan", "read_weather", "write_weather"]

# Typical years mix months of many years. They are told in one without a leap day, half way
# between two leap years, where the sun's date is nearest to its mean.
COMMON_YEAR: Final = 2022
MAX_BYTES: Final = 100 * 1024 * 1024

READERS: Final[dict[str, Callable[[str], Hours]]] = {
    "epw": weather_formats.read_epw_hours,
    "pvgis_epw": weather_formats.read_pvgis_epw_hours,
    "pvgis_json": weather_formats.read_pvgis_json_hours,
    "pvgis_csv": weather_formats.read_pvgis_csv_hours,
    "tmy3": weather_formats.read_tmy3_hours,
    "nasa_power": read_nasa_power_hours,
    "pvplan": read_own_hours,
}
# Values that occur on Earth: the solar constant is 1361 W/m² and broken cloud adds to it for
# minutes, not hours; WMO extremes are -89.2 and +56.7 °C; no hour's mean wind has passed 60 m/s.
RANGES: Final = {
    "ghi": (0.0, 1500.0, "W/m²"),
    "dni": (0.0, 1500.0, "W/m²"),
    "dhi": (0.0, 1500.0, "W/m²"),
    "temp_air": (-90.0, 60.0, "°C"),
    "wind_speed": (0.0, 60.0, "m/s"),
}
# Legal time strays from the sun's: by 3.2 h in the west of China, nowhere by more than 3.5 h.
_MAX_ZONE_ERROR_HOURS: Final = 3.5


def read_weather(
    path: Path | str,
    *,
    label: str | None = None,
    format: str | None = None,  # noqa: A002 (the word pvlib's readers use)
) -> Weather:
    """Read a year of hourly weather from a file of any known format.

    Parameters
    ----------
    path
        EPW, PVGIS TMY (json, csv, epw), NASA POWER hourly csv, TMY3 or our own csv.
    label
        Where in its hour a time of the file stands, when the file is known to differ from its
        format: ``start``, ``middle``, ``end`` or ``instant``. Default by format: EPW and TMY3
        end, NASA POWER start, PVGIS instant with the offset that the file states.
    format
        A name of ``READERS``, when it shall not be found from the first lines.

    Returns
    -------
    Weather
        8760 rows. Times as the file labels them (a day labelled by ends runs from 01:00 to the
        next 00:00), moved to one common year; a file in UTC is told in the whole-hour zone of
        its longitude. ``ghi``, ``temp_air`` and ``wind_speed`` are complete; ``dni`` and ``dhi``
        may be NaN. Rows of 29 February are removed, and ``source`` says so.

    Raises
    ------
    InputError
        Unreadable, too large, not one whole year in order, values out of range, or a sun that
        cannot be that of the stated place; all faults of the same stage are named together.
    """
    path = Path(path)
    text = _text(path)
    name = format or weather_formats.format_of(path.name, text)
    if name not in READERS:
        raise InputError(
            f"{path.name}: weather format '{name}' is unknown; {nearest(name, READERS)}"
        )
    if label is not None and label not in get_args(Label):
        raise InputError(
            f"--weather-label: '{label}' is unknown; {nearest(label, get_args(Label))}"
        )
    try:
        hours = READERS[name](text)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name}: cannot be read as {name} ({error})") from error
    _check_place(path.name, hours)
    kept, note = _without_leap_day(hours)
    _check_year(path.name, kept)
    _check_values(path.name, kept)
    weather = _told(kept, note)
    if label is not None:
        chosen: Label = next(known for known in get_args(Label) if known == label)
        weather = replace(weather, label=chosen, offset_minutes=0.0)
    fault = place_fault(weather)
    if fault is not None:
        raise InputError(f"{path.name}: {fault}")
    return weather


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(
                f"{path.name}: {size / 1e6:.0f} MB; a year of hourly weather is below "
                f"{MAX_BYTES / 1e6:.0f} MB, give one year of one place"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name}: cannot be opened ({error.strerror})") from error
    if not raw.strip():
        raise InputError(f"{path.name}: the file is empty")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Old EPW files carry place names in Latin-1; numbers are the same in both.
        text = raw.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _check_place(name: str, hours: Hours) -> None:
    faults = []
    if not abs(hours.latitude) <= 90.0 or not abs(hours.longitude) <= 180.0:
        faults.append(
            f"{name}: latitude {hours.latitude:g}, longitude {hours.longitude:g}: no such place"
        )
    elif not hours.in_utc:
        apart = (hours.utc_offset_hours - hours.longitude / 15.0 + 12.0) % 24.0 - 12.0
        if not abs(apart) <= _MAX_ZONE_ERROR_HOURS:
            faults.append(
                f"{name}: time zone {hours.utc_offset_hours:+g} h at longitude "
                f"{hours.longitude:g}° E is {abs(apart):.1f} h off the sun; correct the sign of "
                f"the longitude or the time zone"
            )
    if not -500.0 <= hours.altitude_m <= 9000.0:
        faults.append(f"{name}: altitude {hours.altitude_m:g} m; must lie in -500..9000")
    if faults:
        raise InputError(faults)


def _without_leap_day(hours: Hours) -> tuple[Hours, str]:
    leap = (hours.hour_of.month == 2) & (hours.hour_of.day == 29)
    count = int(leap.sum())
    # A file whose 29 February is only half there is not mended but judged by its gaps.
    if not count or len(leap) != HOURS_OF_YEAR + 24:
        return hours, ""
    kept = replace(
        hours,
        hourly=hours.hourly[~leap].reset_index(drop=True),
        hour_of=hours.hour_of[~leap],
    )
    return kept, f"; {count} rows of 29 February removed"


def _hours_of_year(hour_of: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    """Return 0..8759 by month, day and hour; -1 for 29 February or a broken time."""
    broken = np.asarray(hour_of.isna() | ((hour_of.month == 2) & (hour_of.day == 29)))
    first = pd.date_range(f"{COMMON_YEAR}-01-01", periods=12, freq="MS").day_of_year.to_numpy() - 1
    month = np.where(broken, 1, hour_of.month).astype(np.int64)
    day = np.where(broken, 1, hour_of.day).astype(np.int64)
    hour = np.where(broken, 0, hour_of.hour).astype(np.int64)
    return np.where(broken, -1, (first[month - 1] + day - 1) * 24 + hour)


def _check_year(name: str, hours: Hours) -> None:
    found = _hours_of_year(hours.hour_of)
    faults = []
    if found.size != HOURS_OF_YEAR:
        faults.append(f"{name}: {found.size} rows of hours; a year has {HOURS_OF_YEAR}")
    values, first_rows, counts = np.unique(found, return_index=True, return_counts=True)
    if values.size and values[0] == -1:
        row = int(first_rows[0])
        faults.append(f"{name}: {counts[0]} rows without a usable time (first: {_at(hours, row)})")
    missing = np.setdiff1d(np.arange(HOURS_OF_YEAR), found)
    if missing.size:
        before = np.flatnonzero(found < missing[0])
        where = _at(hours, int(before[-1])) if before.size else "the beginning"
        faults.append(
            f"{name}: {missing.size} hours are missing (first: {_clock_words(missing[0])}, after "
            f"{where}); give a file without gaps"
        )
    twice = values[(counts > 1) & (values >= 0)]
    if twice.size:
        row = int(np.flatnonzero(found == twice[0])[1])
        faults.append(
            f"{name}: {twice.size} hours occur twice (first: {_clock_words(twice[0])} at "
            f"{_at(hours, row)}); give one year"
        )
    back = np.flatnonzero(np.diff(found) < 0)
    if back.size and not faults:
        faults.append(
            f"{name}: hours are not in order of time (first at {_at(hours, int(back[0]) + 1)}); "
            f"sort the rows"
        )
    if faults:
        raise InputError(faults)


def _check_values(name: str, hours: Hours) -> None:
    faults = []
    for column, (low, high, unit) in RANGES.items():
        numbers = hours.hourly[column].to_numpy(dtype=np.float64)
        missing = np.isnan(numbers)
        may_miss = column in ("dni", "dhi")
        wrong = (numbers < low) | (numbers > high) | (missing & (not may_miss))
        rows = np.flatnonzero(wrong)
        if rows.size:
            some = ", ".join(f"{_at(hours, int(row))} = {numbers[row]:g}" for row in rows[:3])
            faults.append(
                f"{name}: {column}: {rows.size} rows missing or outside {low:g}..{high:g} {unit} "
                f"({some}{', …' if rows.size > 3 else ''}); give a complete file"
            )
    if not hours.hourly["ghi"].max() > 0.0 and not faults:
        faults.append(f"{name}: ghi: no hour of the year has any light; give a complete file")
    if faults:
        raise InputError(faults)


def _at(hours: Hours, row: int) -> str:
    return f"row {row + 1}" if hours.first_line is None else f"line {hours.first_line + row}"


def _clock_words(hour_of_year: np.int64) -> str:
    start = pd.Timestamp(f"{COMMON_YEAR}-01-01") + pd.Timedelta(hours=int(hour_of_year))
    return start.strftime("the hour from %m-%d %H:00")


def _told(hours: Hours, note: str) -> Weather:
    """Return the year of hours on its local clock; the sun chooses where the clock is doubtful."""
    if not hours.doubtful_clock:
        return _on_clock(hours, note)
    as_utc = replace(hours, utc_offset_hours=0.0, in_utc=True, doubtful_clock=False)
    readings = [_on_clock(as_utc, f"{note}; read as UTC"), _on_clock(hours, note)]
    return min(readings, key=lambda weather: label_scan(weather).closure_rmse_w_per_m2)


def _on_clock(hours: Hours, note: str) -> Weather:
    zone = float(round(hours.longitude / 15.0)) if hours.in_utc else hours.utc_offset_hours
    rolled = round(zone - hours.utc_offset_hours) if hours.in_utc else 0
    clock = timezone(timedelta(hours=zone))
    begin = pd.date_range(f"{COMMON_YEAR}-01-01", periods=HOURS_OF_YEAR, freq="h", tz=clock)
    index = begin + pd.Timedelta(minutes=hours.label_after_minutes)
    values = np.roll(hours.hourly.to_numpy(dtype=np.float64), rolled, axis=0)
    return Weather(
        hourly=pd.DataFrame(
            values, columns=list(weather_formats.COLUMNS), index=index.rename("time")
        ),
        label=hours.label,
        latitude=hours.latitude,
        longitude=hours.longitude,
        altitude_m=hours.altitude_m,
        source=hours.source + note,
        offset_minutes=hours.offset_minutes,
    )
