"""Words and number formats that every report shares."""

from __future__ import annotations

import re
from typing import Any, Final

import pandas as pd

from pvplan.tables import Column

BANNER: Final = "示范数据 DEMONSTRATION DATA"
NO_VALUE: Final = "–"
VERDICT_WORDS: Final = {
    "met": ("达成", "met"),
    "missed": ("未达成", "missed"),
    "on_track": ("进度正常", "on track"),
    "behind": ("落后", "behind"),
    "not_assessable": ("无法评估", "not assessable"),
}
KW_PER_MW: Final = 1000.0
KWH_PER_GWH: Final = 1.0e6
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def verdict(word: str) -> str:
    """Return a verdict in Chinese and English; an unknown one as it is."""
    return " ".join(VERDICT_WORDS.get(word, (word,)))


def one_line(text: object) -> str:
    """Return text without control characters, line ends and marks that turn the direction."""
    return "" if pd.isna(text) else _CONTROL.sub(" ", str(text))  # type: ignore[call-overload]


def megawatts(kilowatts: float) -> str:
    """Print kW as MW with two decimals; a missing value as a dash."""
    return NO_VALUE if pd.isna(kilowatts) else f"{kilowatts / KW_PER_MW:,.2f}"


def percent(fraction: float) -> str:
    """Print a fraction as per cent with one decimal; a missing value as a dash."""
    return NO_VALUE if pd.isna(fraction) else f"{fraction * 100:.1f} %"


def whole(count: float) -> str:
    """Print a count with thousands apart; a missing value as a dash."""
    return NO_VALUE if pd.isna(count) else f"{count:,.0f}"


def value_told(value: Any, unit: str) -> str:
    """Print any value with its unit: digits in full, a day as ISO 8601, a missing one as a dash."""
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    if value is None or pd.isna(value):
        return NO_VALUE
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    told = f"{value:,.10g}" if isinstance(value, float) else str(value)
    return told if unit in ("", "1", "text", "date", "bool") else f"{told} {unit}"


def with_unit(words: str, column: Column) -> str:
    """Return a heading with its unit in brackets, where it has one."""
    return f"{words} [{column.unit}]" if column.unit else words
