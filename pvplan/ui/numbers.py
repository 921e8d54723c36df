"""Numbers as people read them: MW, GWh, per cent, thousands separators, and a dash for nothing.

The only file of the pages that changes a unit.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Final

import pandas as pd

from pvplan.tables import MONTHS, WATERFALL, waterfall_name
from pvplan.ui import units

DASH: Final = "—"
MINUS: Final = "−"
# Yearly energy in kWh from which the larger unit is easier to read.
ENERGY_UNITS: Final = ((1e9, 1e6, "GWh"), (1e6, 1e3, "MWh"), (0.0, 1.0, "kWh"))


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


def capacity_unit() -> str:
    """Return the sign of the unit in which capacities are read."""
    return units.chosen().sign


def capacity(kilowatts: Any, unit: str | None = None) -> str:
    """Write kW in the reader's unit, with its sign or another; fewer decimals from ten upward."""
    if missing(kilowatts):
        return DASH
    chosen = units.chosen()
    value = float(kilowatts) / chosen.kilowatts
    decimals = chosen.far if abs(value) >= 10.0 else chosen.decimals
    return plain(value, decimals, chosen.sign if unit is None else unit)


def gigawatt_hours(kilowatt_hours: Any) -> str:
    """Write kWh as GWh."""
    return DASH if missing(kilowatt_hours) else plain(float(kilowatt_hours) / 1e6, 2, "GWh")


def megawatt_hours(kilowatt_hours: Any) -> str:
    """Write kWh as MWh."""
    return DASH if missing(kilowatt_hours) else plain(float(kilowatt_hours) / 1e3, 1, "MWh")


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


def capacity_between(low: Any, high: Any) -> str:
    """Write two kW as a range in the reader's unit, or a dash where both are missing."""
    if missing(low) and missing(high):
        return DASH
    return f"{capacity(low, unit='')} – {capacity(high)}"


def gigawatt_hours_between(low: Any, high: Any) -> str:
    """Write two kWh as a range in GWh, or a dash where both are missing."""
    if missing(low) and missing(high):
        return DASH
    first = DASH if missing(low) else plain(float(low) / 1e6, 1)
    return f"{first} – {DASH if missing(high) else plain(float(high) / 1e6, 1, 'GWh')}"


def months_between(early: Any, late: Any, never: str) -> str:
    """Write two days as a range of months, one that never comes in words; a dash for neither."""
    if missing(early) and missing(late):
        return DASH
    return f"{day(early)[:7]} – {never if missing(late) else day(late)[:7]}"


def file_size(count: int) -> str:
    """Write a count of bytes in B, kB or MB."""
    if count < 1e3:
        return plain(count, 0, "B")
    return plain(count / 1e6, 1, "MB") if count >= 1e6 else plain(count / 1e3, 0, "kB")


def amount(value: Any, unit: str) -> str:
    """Write a goal's figure in the unit that its row states."""
    if unit in ("kWp", "kW"):
        return capacity(value)
    if unit == "1":
        return percent(value)
    return plain(value, 1, unit)


def in_capacity_unit(kilowatts: pd.Series[Any]) -> pd.Series[float]:
    """Return a column of kW in the reader's unit."""
    return pd.to_numeric(kilowatts, errors="coerce").astype(float) / units.chosen().kilowatts


def in_gigawatt_hours(kilowatt_hours: pd.Series[Any]) -> pd.Series[float]:
    """Return a column of kWh in GWh."""
    return pd.to_numeric(kilowatt_hours, errors="coerce").astype(float) / 1e6


def in_millions(amounts: pd.Series[Any]) -> pd.Series[float]:
    """Return a column of amounts in millions."""
    return pd.to_numeric(amounts, errors="coerce").astype(float) / 1e6


def in_percent(fraction: pd.Series[Any]) -> pd.Series[float]:
    """Return a column of fractions in per cent."""
    return pd.to_numeric(fraction, errors="coerce").astype(float) * 100.0


def monthly_megawatt_hours(place: pd.Series[Any]) -> pd.DataFrame:
    """Return the twelve months of a place: ``month`` (1–12) and ``energy_mwh``."""
    energy = [float(place[f"energy_ac_kwh_{month}"]) / 1000.0 for month in MONTHS]
    return pd.DataFrame({"month": range(1, 13), "energy_mwh": energy})


def ratio(whole: Any, part: Any) -> float:
    """Return what of a whole falls to one of its parts, NaN where that is not known."""
    if missing(whole) or missing(part) or not float(part):
        return math.nan
    return float(whole) / float(part)


def watts_per_area(kilowatts: Any, square_metres: Any) -> float:
    """Return W/m² of kW on an area."""
    return ratio(kilowatts, square_metres) * 1000.0


def yield_of_modules(modules: pd.DataFrame, roof: pd.Series[Any]) -> pd.Series[float]:
    """Return the yearly kWh of each module by its kW; all modules of a roof are alike."""
    kilowatts = ratio(roof["capacity_dc_kw"], roof["module_count"])
    return modules["energy_ac_kwh_per_year"] / kilowatts


def waterfall(place: pd.Series[Any]) -> tuple[pd.DataFrame, str]:
    """Return the way of a year's energy from horizontal irradiation to AC, and its unit.

    Parameters
    ----------
    place
        A row with the waterfall's columns [kWh]: a roof, a park, the city.

    Returns
    -------
    DataFrame
        One row for each step, in order, and one for what is left, ``ac``: ``step``, ``kind``
        (``total``, ``gain`` or ``loss``), ``start`` and ``end`` of its bar and ``amount`` in the
        unit, ``told`` and ``share`` (the amount, and its share of the first row, as they are
        read). Empty where a step is not known or nothing is there to lose.
    str
        kWh, MWh or GWh.
    """
    steps = place.reindex([waterfall_name(step) for step in WATERFALL]).astype(float)
    first = float(steps.iloc[0])
    if steps.isna().any() or first <= 0.0:
        return pd.DataFrame(), "kWh"
    divisor, unit = next((d, unit) for least, d, unit in ENERGY_UNITS if first >= least)
    amount = steps.reset_index(drop=True) / divisor
    end = amount.cumsum()
    rows = pd.DataFrame(
        {
            "step": list(WATERFALL),
            "start": end.shift(fill_value=0.0),
            "end": end,
            "amount": amount,
            "kind": ["total", *("gain" if step > 0.0 else "loss" for step in amount[1:])],
        }
    )
    left = {"step": "ac", "start": 0.0, "end": end.iloc[-1], "amount": end.iloc[-1]}
    rows = pd.concat([rows, pd.DataFrame([{**left, "kind": "total"}])], ignore_index=True)
    decimals = 0 if unit == "kWh" else 1
    gain = rows["kind"] == "gain"
    rows["told"] = [
        _signed(plain(v, decimals), g) for v, g in zip(rows["amount"], gain, strict=True)
    ]
    share = rows["amount"] / amount.iloc[0]
    rows["share"] = [_signed(percent(part), g) for part, g in zip(share, gain, strict=True)]
    return rows, unit


def _signed(text: str, gain: bool) -> str:
    return f"+{text}" if gain and any(digit in text for digit in "123456789") else text
