"""Our own weather file: a CSV that states what others leave open, written and read back exactly.

::

    # format: pvplan weather 1
    # latitude: 31.4
    # longitude: 121.45
    # altitude_m: 5.5
    # timezone: +08:00
    # label: end
    # source: where the numbers come from
    time,ghi,dni,dhi,temp_air,wind_speed
    2022-01-01T01:00:00+08:00,0.0,0.0,0.0,6.5,2.5

``label`` is start, middle, end or instant; ``instant`` may add ``offset_minutes``.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Final, get_args

import numpy as np
import pandas as pd

from pvplan.errors import OutputError, nearest
from pvplan.sources.weather_formats import COLUMNS, Hours, Label
from pvplan.tables import Weather

_NEEDED: Final = ("latitude", "longitude", "altitude_m", "timezone", "label", "source")


def write_weather(weather: Weather, path: Path | str) -> None:
    """Write a year of weather; :func:`pvplan.sources.weather.read_weather` reads it back equal.

    Parameters
    ----------
    weather
        A year of hourly weather.
    path
        File to write; it appears whole or not at all.

    Raises
    ------
    OutputError
        The file cannot be written; what stood there before still stands.
    """
    path = Path(path)
    times = pd.DatetimeIndex(weather.hourly.index)
    zone = times[0].strftime("%z")
    lines = [
        "# format: pvplan weather 1",
        f"# latitude: {weather.latitude!r}",
        f"# longitude: {weather.longitude!r}",
        f"# altitude_m: {weather.altitude_m!r}",
        f"# timezone: {zone[:3]}:{zone[3:5]}",
        f"# label: {weather.label}",
        f"# offset_minutes: {weather.offset_minutes!r}",
        f"# source: {' '.join(weather.source.split())}",
    ]
    table = weather.hourly[list(COLUMNS)].copy()
    table.insert(0, "time", [time.isoformat() for time in times])
    text = "\n".join(lines) + "\n" + table.to_csv(index=False, lineterminator="\n")
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path.name}: cannot be written ({error.strerror})") from error


def read_own_hours(text: str) -> Hours:
    """Read our own CSV.

    Raises
    ------
    ValueError
        A header line is missing or unknown, or times disagree with it.
    """
    lines = text.split("\n")
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    words = {
        key.strip(): value.strip()
        for key, _, value in (line.lstrip("# ").partition(":") for line in lines[:count])
    }
    absent = [key for key in _NEEDED if not words.get(key)]
    if absent:
        raise ValueError(f"header lines missing: {', '.join('# ' + key + ':' for key in absent)}")
    label = _label(words["label"])
    zone = _zone_hours(words["timezone"])
    # Read as text: Python's own float() gives back every digit that was written.
    table = pd.read_csv(io.StringIO("\n".join(lines[count:])), dtype=str)
    gone = [name for name in ("time", *COLUMNS) if name not in table.columns]
    if gone:
        raise ValueError(f"no column {', '.join(gone)}")
    hour_of, after = _hours_of(table["time"], zone, label)
    numbers = table[list(COLUMNS)].apply(lambda column: column.map(float))
    return Hours(
        hourly=numbers.astype(np.float64),
        hour_of=hour_of,
        label_after_minutes=after,
        utc_offset_hours=zone,
        label=label,
        latitude=float(words["latitude"]),
        longitude=float(words["longitude"]),
        altitude_m=float(words["altitude_m"]),
        source=words["source"],
        first_line=count + 2,
        offset_minutes=float(words.get("offset_minutes", 0.0)),
    )


def _label(word: str) -> Label:
    labels: tuple[Label, ...] = get_args(Label)
    for label in labels:
        if word == label:
            return label
    raise ValueError(f"label '{word}' is unknown; {nearest(word, labels)}")


def _zone_hours(word: str) -> float:
    zone = re.fullmatch(r"([+-])(\d{2}):(\d{2})", word)
    if zone is None:
        raise ValueError(f"timezone {word!r}; write it as +08:00")
    hours = int(zone.group(2)) + int(zone.group(3)) / 60.0
    return -hours if zone.group(1) == "-" else hours


def _hours_of(stamps: pd.Series[str], zone: float, label: Label) -> tuple[pd.DatetimeIndex, float]:
    if not len(stamps):
        raise ValueError("no rows of hours")
    times = pd.DatetimeIndex(pd.to_datetime(stamps, format="ISO8601", utc=True))
    clock = (times + pd.Timedelta(hours=zone)).tz_localize(None)
    naked = stamps[~stamps.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True)]
    if len(naked):
        raise ValueError(f"time {naked.iloc[0]!r} has no UTC offset")
    # An hour labelled at its end is named by the next one's beginning.
    begin = (clock - pd.Timedelta(hours=1) if label == "end" else clock).floor("h")
    after = np.asarray((clock - begin) / pd.Timedelta(minutes=1), dtype=np.float64)
    if (after != after[0]).any():
        raise ValueError("times stand at different minutes of the hour; one step of 60 is needed")
    return pd.DatetimeIndex(begin), float(after[0])
