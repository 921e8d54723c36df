"""The rows of a sheet as XML text, made column by column.

A call of the workbook library for each cell takes four times as long, prints 16 digits where
some numbers need 17, and takes text between ``<r>`` and ``</r>`` for markup of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
from xlsxwriter.utility import xl_col_to_name

from pvplan.tables import Column, Kind

EXCEL_CELL_TEXT: Final = 32_767
_ROWS_AT_ONCE: Final = 2_000
_EPOCH: Final = np.datetime64("1899-12-30", "D")  # day 0 of a sheet's dates
_ESCAPED: Final = re.compile("_x[0-9A-Fa-f]{4}_")
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")


@dataclass(frozen=True)
class Part:
    """A table as it stands on a sheet: its columns, and their values in the same order."""

    columns: tuple[Column, ...]
    values: tuple[pd.Series[Any], ...]

    @property
    def row_count(self) -> int:
        """Number of rows below the headings."""
        return len(self.values[0]) if self.values else 0


def shown(text: str) -> str:
    """Return text as long as a cell can hold it; longer text says that it was cut."""
    if len(text) <= EXCEL_CELL_TEXT // 2:
        return text
    mark = f" … [{len(text):,} 字符,已截断 / {len(text):,} characters, cut]"
    return text[: EXCEL_CELL_TEXT // 2 - len(mark)] + mark


def body(part: Part, styles: Sequence[int], first: int) -> Iterator[str]:
    """Yield the rows of a table as XML text, a few thousand at a time.

    Parameters
    ----------
    part
        The table.
    styles
        Index of the cell format of each column.
    first
        Row of the first line, counted from 0.
    """
    heads = [f'<c r="{xl_col_to_name(at)}%d" s="{style}"' for at, style in enumerate(styles)]
    for start in range(0, part.row_count, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, part.row_count)
        rows = range(first + start + 1, first + stop + 1)
        columns = [
            _cells(values.iloc[start:stop], column.kind, head, rows)
            for column, values, head in zip(part.columns, part.values, heads, strict=True)
        ]
        yield "".join(
            f'<row r="{row}">{"".join(cells)}</row>'
            for row, cells in zip(rows, zip(*columns, strict=True), strict=True)
        )


def _cells(values: pd.Series[Any], kind: Kind, head: str, rows: range) -> list[str]:
    missing = values.isna().tolist()
    tail = {"text": ' t="inlineStr"><is><t xml:space="preserve">', "flag": ' t="b"><v>'}
    start = head + tail.get(kind, "><v>")
    end = "</t></is></c>" if kind == "text" else "</v></c>"
    printed = _printed(values, kind)
    return [
        "" if gone else f"{start % row}{text}{end}"
        for row, text, gone in zip(rows, printed, missing, strict=True)
    ]


def _printed(values: pd.Series[Any], kind: Kind) -> list[str]:
    if kind == "text":
        known = {text: cell_text(text) for text in values.dropna().unique()}
        return [known.get(text, "") for text in values.tolist()]
    if kind == "flag":
        return ["1" if value is True else "0" for value in values.tolist()]
    if kind == "date":
        days = (values.to_numpy().astype("datetime64[D]") - _EPOCH).astype("int64")
        return [str(day) for day in days.tolist()]
    return [repr(value) for value in values.tolist()]


def cell_text(text: str) -> str:
    """Return text as the XML of a cell: cut to length, control characters and markup escaped."""
    words = _ESCAPED.sub(lambda found: f"_x005F{found[0]}", shown(text))
    words = _CONTROL.sub(lambda found: f"_x{ord(found[0]):04X}_", words)
    return escape(words)
