"""Numbers as people read them: MW, GWh, per cent, thousands separators, and a dash for nothing.

The only file of the pages that changes a unit.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Final

import pandas as pd

from pvplan.tables import MONTHS

DASH: Final = "—"
MINUS: Final = "−"


def missing(value: Any) -> bool:
    """Tell whether a value of a table is missing (None, NaN, NaT)."""
    return bool(pd.isna(value))


def plain(value: Any, decimals: int = 0, unit: str = "") -> str:
    """Write a number with thousands separators and its unit, or a dash where it is missing."""
    if missing(value) or not math.isfinite(float(value)):
        return DASH
    text = f"{float(value):,.{decimals}f}"
    if float(text.replace(",", "")) == 0.0:
        text = text.lstrip("-")
    return f"{text.replace('-', MINUS)} {unit}".rstrip()


def megawatts(kilowatts: Any, unit: str = "MW") -> str:
    """Write kW as MW: one decimal from 10 MW upward, two below."""
    if missing(kilowatts):
        return DASH
    value = float(kilowatts) / 1000.0
    return plain(value, 1 if abs(value) >= 10.0 else 2, unit)


def gigawatt_hours(kilowatt_hours: Any) -> str:
    """Write kWh as GWh."""
    return DASH if missing(kilowatt_hours) else plain(float(kilowatt_hours) / 1e6, 2, "GWh")


def millions(value: Any, unit: str) -> str:
    """Write a sum of money in millions."""
    return DASH if missing(value) else plain(float(value) / 1e6, 1, unit)


def percent(fraction: Any) -> str:
    """Write a fraction as per cent."""
    return DASH if missing(fraction) else plain(float(fraction) * 100.0, 1, "%")


def day(value: Any) -> str:
    """Write a date as YYYY-MM-DD."""
    if missing(value):
        return DASH
    return value.isoformat()[:10] if isinstance(value, date) else str(value)[:10]


def file_size(count: int) -> str:
    """Write a count of bytes in kB or MB."""
    return plain(count / 1e6, 1, "MB") if count >= 1e6 else plain(count / 1e3, 0, "kB")


def amount(value: Any, unit: str) -> str:
    """Write a goal's figure in the unit that its row states."""
    if unit in ("kWp", "kW"):
        return megawatts(value)
    if unit == "1":
        return percent(value)
    return plain(value, 1, unit)


def in_megawatts(kilowatts: pd.Series[Any]) -> pd.Series[float]:
    """Return a column of kW in MW."""
    return pd.to_numeric(kilowatts, errors="coerce").astype(float) / 1000.0


def in_gigawatt_hours(kilowatt_hours: pd.Series[Any]) -> pd.Series[float]:
    """Return a column of kWh in GWh."""
    return pd.to_numeric(kilowatt_hours, errors="coerce").astype(float) / 1e6


def in_percent(fraction: pd.Series[Any]) -> pd.Series[float]:
    """Return a column of fractions in per cent."""
    return pd.to_numeric(fraction, errors="coerce").astype(float) * 100.0


def monthly_megawatt_hours(place: pd.Series[Any]) -> pd.DataFrame:
    """Return the twelve months of a place: ``month`` (1–12) and ``energy_mwh``."""
    energy = [float(place[f"energy_ac_kwh_{month}"]) / 1000.0 for month in MONTHS]
    return pd.DataFrame({"month": range(1, 13), "energy_mwh": energy})
