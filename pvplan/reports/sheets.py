"""One table as one sheet: headings in Chinese, English and as named, widths, formats, print.

The cells below the headings come from :mod:`pvplan.reports.cells`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
from rich.cells import cell_len
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from pvplan.reports.cells import Part, body, shown
from pvplan.reports.columns import encodable
from pvplan.reports.words import BANNER, with_unit
from pvplan.tables import Column

SHEET_ROWS: Final = 100_000
"""Most rows of a table on a sheet: below Excel's own limit, but what it still opens in seconds."""
HEADING_ROWS: Final = 5
FONT: Final = "Microsoft YaHei"
_WIDTH_SAMPLE: Final = 200
_NARROW, _WIDE = 9, 44
_FORMATS: Final = {
    "": "#,##0",
    "1": "0.000",
    "°": "0.0",
    "CNY/kWh": "0.000",
    "see unit": "#,##0.0##",
}
_FORMAT_ELSE: Final = "#,##0.0"
_RED: Final = "#C00000"
_HEIGHTS: Final = {2: 30, 3: 30, 4: 14}  # points: two lines, two lines, one small line


class TableSheet(Worksheet):  # type: ignore[misc]  # xlsxwriter carries no types
    """A worksheet whose rows below the headings come from an iterator of XML text."""

    body: Callable[[], Iterator[str]] | None = None
    dim_rowmax: Any

    def _write_rows(self) -> None:
        last = self.dim_rowmax
        self.dim_rowmax = min(last, HEADING_ROWS - 1) if self.body else last
        super()._write_rows()
        self.dim_rowmax = last
        if self.body is not None:
            for text in self.body():
                self.fh.write(text)


class Styles:
    """The cell formats of one workbook, each made once."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], Format] = {}

    def of(self, **words: Any) -> Format:
        """Return the format with these properties of xlsxwriter."""
        key = tuple(sorted(words.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({"font_name": FONT, "font_size": 10, **words})
        return self._made[key]

    @property
    def title(self) -> Format:
        """Format of the first line of a sheet."""
        return self.of(bold=True, font_size=14)

    @property
    def warning(self) -> Format:
        """Format of a first line that says that the rows are made up."""
        return self.of(bold=True, font_size=14, font_color=_RED)

    @property
    def banner(self) -> Format:
        """Format of the words that say that the rows are made up."""
        return self.of(bold=True, font_color="#FFFFFF", bg_color=_RED)

    @property
    def note(self) -> Format:
        """Format of the remark below the title."""
        return self.of(italic=True, font_color="#595959")

    def headings(self) -> tuple[Format, Format, Format]:
        """Return the formats of the Chinese, the English and the machine's heading."""
        shared = {"bg_color": "#DDEBF7", "text_wrap": True, "valign": "top"}
        return (
            self.of(bold=True, **shared),
            self.of(**shared),
            self.of(font_color="#7F7F7F", italic=True, bottom=1, **{**shared, "font_size": 8}),
        )

    def cell(self, column: Column) -> Format:
        """Return the format of the cells of a column."""
        if column.kind == "date":
            return self.of(num_format="yyyy-mm-dd", align="left")
        if column.kind == "count":
            return self.of(num_format=_FORMATS[""])
        if column.kind == "number":
            return self.of(num_format=_FORMATS.get(column.unit, _FORMAT_ELSE))
        return self.of(indent=1)


def add_sheet(
    book: Workbook,
    styles: Styles,
    name: str,
    heading: str,
    part: Part,
    *,
    demonstration: bool,
    note: str = "",
    remedy: str = "",
) -> None:
    """Add one table to a workbook.

    Parameters
    ----------
    book, styles
        The workbook and its formats.
    name
        Name of the sheet.
    heading
        First line of the sheet.
    part
        The table. One that does not fit on a sheet is left out whole, and the sheet says so.
    demonstration
        Whether the sheet says that its rows are demonstration data.
    note
        Remark below the heading.
    remedy
        Where the rows stand that do not fit on a sheet.
    """
    sheet: TableSheet = book.add_worksheet(name, TableSheet)
    if demonstration:
        put(sheet, 0, 0, f"{BANNER} · {heading}", styles.warning)
    else:
        put(sheet, 0, 0, heading, styles.title)
    put(sheet, 1, 0, note, styles.note)
    for at, column in enumerate(part.columns):
        words = (with_unit(column.zh, column), with_unit(column.en, column), column.name)
        for row, (text, style) in enumerate(zip(words, styles.headings(), strict=True), start=2):
            put(sheet, row, at, text, style)
        sheet.set_column(at, at, _width(column, part.values[at]), styles.cell(column))
    for row, height in _HEIGHTS.items():
        sheet.set_row(row, height)
    sheet.freeze_panes(HEADING_ROWS, 1)
    sheet.set_landscape()
    sheet.repeat_rows(0, HEADING_ROWS - 1)
    sheet.repeat_columns(0)
    if part.row_count > SHEET_ROWS:
        text = f"{part.row_count:,} 行超过一张工作表所列的 {SHEET_ROWS:,} 行,见 {remedy}"
        put(
            sheet,
            HEADING_ROWS,
            0,
            f"{text} / {part.row_count:,} rows exceed the {SHEET_ROWS:,} that a sheet lists: see"
            f" {remedy}",
        )
        return
    last = HEADING_ROWS + part.row_count - 1
    sheet.autofilter(HEADING_ROWS - 1, 0, max(last, HEADING_ROWS - 1), len(part.columns) - 1)
    if part.row_count:
        sheet._check_dimensions(last, len(part.columns) - 1)
        indexes = [styles.cell(column)._get_xf_index() for column in part.columns]
        sheet.body = lambda: body(part, indexes, HEADING_ROWS)


def put(sheet: Worksheet, row: int, column: int, text: object, style: Format | None = None) -> None:
    """Write text, and only text, into one cell."""
    words = shown(encodable(text))
    if words.startswith("<r>"):  # the library would take it for markup of its own
        words += " "
    if words:
        sheet.write_string(row, column, words, style)


def _width(column: Column, values: pd.Series[Any]) -> float:
    heads = (with_unit(column.zh, column), with_unit(column.en, column), column.name)
    # a heading may wrap onto a second line, so it asks for little more than half its length
    wanted = [cell_len(heads[0]), *(cell_len(head) * 0.6 for head in heads[1:])]
    if column.kind == "text":
        sample = values.iloc[:_WIDTH_SAMPLE].dropna()
        wanted.extend(cell_len(str(text)[:_WIDE]) for text in sample)
    elif column.kind == "date":
        wanted.append(len("2000-01-01"))
    elif column.kind in ("number", "count"):
        largest = np.nanmax(np.abs(values.dropna().to_numpy(dtype=float)), initial=0.0)
        wanted.append(len(f"{largest:,.1f}") + 1)
    return min(max(_NARROW, *wanted) + 2, _WIDE)
