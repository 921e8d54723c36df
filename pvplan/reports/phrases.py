"""What is said of rejected, altered and unmatched rows, in Chinese beside the English."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pandas as pd

from pvplan.tables import REJECTED_TOLD, names

TABLE = Path(__file__).with_name("phrases.toml")


@cache
def _phrases() -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["phrase"]
    return tuple((re.compile(english, re.DOTALL), chinese) for english, chinese in rows)


def in_chinese(reason: str) -> str | None:
    """Return a reason in Chinese, or None where the table has no phrase for it."""
    for english, chinese in _phrases():
        found = english.fullmatch(reason.strip())
        if found:
            return _filled(chinese, found)
    return None


def _filled(chinese: str, found: re.Match[str]) -> str:
    # Values are put in once, so that braces in a value stay what they are.
    return re.sub(r"\{(\d)\}", lambda mark: found[int(mark[1])], chinese)


def with_chinese(rejected: pd.DataFrame) -> pd.DataFrame:
    """Return REJECTED with ``reason_zh`` filled; the English stands where there is no phrase."""
    told = {reason: in_chinese(reason) or reason for reason in rejected["reason"].unique()}
    table = rejected.assign(reason_zh=rejected["reason"].map(told).astype(object))
    return table[names(REJECTED_TOLD)]
