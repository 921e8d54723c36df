"""A register's CSV as cells of text: any of the usual delimiters and encodings."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final

import pandas as pd

from pvplan.errors import InputError

MAX_BYTES: Final = 100 * 1024 * 1024


def read_cells(path: Path) -> tuple[list[str], pd.DataFrame, dict[int, str]]:
    """Read a CSV as text.

    Parameters
    ----------
    path
        Comma, semicolon or tab; UTF-8 (with or without BOM) or GB18030.

    Returns
    -------
    list of str
        Column names.
    DataFrame
        Cells; index: number of the row below the header, first = 1, blank lines counted.
    dict
        Row number to reason, for rows that are wider than the header.

    Raises
    ------
    InputError
        Absent, too large, empty, not CSV, or without rows.
    """
    text = _text(path)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        records = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{path.name}: cannot be read as CSV ({error})") from error
    columns = records[0]
    width = len(columns)
    filled: dict[int, list[str]] = {}
    torn: dict[int, str] = {}
    for row, record in enumerate(records[1:], start=1):
        if not any(cell.strip() for cell in record):
            continue  # a blank line is no row, but it counts, so that rows are found again
        if any(cell.strip() for cell in record[width:]):
            torn[row] = f"{len(record)} cells where the header has {width}; quote commas"
        filled[row] = (record + [""] * width)[:width]
    if not filled:
        raise InputError(f"{path.name}: no rows below the header")
    return columns, pd.DataFrame(list(filled.values()), index=list(filled), dtype=str), torn


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path.name}: {size / 1e6:.0f} MB; a register is below 105 MB")
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name}: cannot be opened ({error.strerror})") from error
    if not raw.strip():
        raise InputError(f"{path.name}: the file is empty")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    raise InputError(f"{path.name}: neither UTF-8 nor GB18030; save it as CSV UTF-8")
