"""Tables as CSV: what Excel opens rightly, and what comes back as it was.

UTF-8 with a byte-order mark, lines ending in CR LF (so that a lone CR inside a cell is quoted),
numbers as the shortest digits that read back the same, dates as ISO 8601, missing as nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api import types

from pvplan.errors import OutputError
from pvplan.reports.columns import SHAPES, described
from pvplan.tables import Column

# A spreadsheet takes a cell that starts like this for a formula (OWASP, "CSV Injection"). One
# apostrophe in front makes it text; cells that start with apostrophes and then like this get
# one as well, so that taking one away always gives back what was there.
FORMULA: Final = re.compile("^'*[=+\\-@\t\r\n＝＋－＠]")
SHIELDED: Final = re.compile("^'+[=+\\-@\t\r\n＝＋－＠]")


FINGERPRINT: Final = "run_fingerprint"
"""Last column of every table on disk: the run that the row belongs to."""


def write_separated(name: str, table: pd.DataFrame, path: Path, fingerprint: str = "") -> None:
    """Write one table; every row names the run that it belongs to.

    Parameters
    ----------
    name
        Name of the table, a key of :data:`~pvplan.reports.columns.SHAPES`.
    table
        The table in its canonical form; geometry is left out.
    path
        The file.
    fingerprint
        Of the run: the last column, :data:`FINGERPRINT`.
    """
    path.write_bytes(separated_bytes(name, table, fingerprint))


def separated_bytes(name: str, table: pd.DataFrame, fingerprint: str = "") -> bytes:
    """Return what :func:`write_separated` writes, for a table or a choice of its rows."""
    whole = table.reset_index() if SHAPES[name].index is not None else table
    cells = {column.name: _printed(whole[column.name], column) for column in described(name, table)}
    cells[FINGERPRINT] = pd.Series(fingerprint, index=whole.index, dtype=object)
    text: str = pd.DataFrame(cells, index=whole.index).to_csv(index=False, lineterminator="\r\n")
    return text.encode("utf-8-sig")


def _printed(values: pd.Series[Any], column: Column) -> pd.Series[Any]:
    if column.kind == "text":
        risky = values.str.match(FORMULA.pattern).fillna(False).astype(bool)
        return values.mask(risky, "'" + values)
    if column.kind == "date":
        days: pd.Series[Any] = values.dt.strftime("%Y-%m-%d")
        return days
    if column.kind == "flag":
        return values.map({True: "true", False: "false"})
    if values.dtype == np.float64:
        digits = [plain_number(value) for value in values.tolist()]
        return pd.Series(digits, index=values.index, dtype=object)
    return values


def write_plain(table: pd.DataFrame, path: Path) -> None:
    """Write any table as CSV in the same form; whole or not at all.

    Raises
    ------
    OutputError
        The file cannot be written; what stood there still stands.
    """
    with _whole(path) as staged:
        staged.write_bytes(plain_bytes(table))


def plain_bytes(table: pd.DataFrame) -> bytes:
    """Return what :func:`write_plain` writes; headings are shielded as cells are."""
    heads = _printed(pd.Series([str(name) for name in table]), Column("", "text", "", "", ""))
    cells = {
        head: _printed(table[name], _kind_of(str(name), table[name]))
        for head, name in zip(heads, table, strict=True)
    }
    text: str = pd.DataFrame(cells, index=table.index).to_csv(index=False, lineterminator="\r\n")
    return text.encode("utf-8-sig")


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a path to write to that takes the file's place once it is whole."""
    staged = path.with_name(f".{path.name}.writing")
    try:
        yield staged
        staged.replace(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise OutputError(f"{path}: cannot be written ({why}); give another file") from error
    finally:
        staged.unlink(missing_ok=True)


def _kind_of(name: str, values: pd.Series[Any]) -> Column:
    if types.is_datetime64_any_dtype(values.dtype):
        return Column(name, "date", "", "", "")
    if types.is_numeric_dtype(values.dtype):
        return Column(name, "number", "", "", "")
    return Column(name, "text", "", "", "")


def plain_number(value: float) -> str:
    """Return the shortest digits that read back as the same number; NaN gives no digits."""
    if np.isnan(value):
        return ""
    written = repr(float(value))
    if "e" in written:
        return str(np.format_float_positional(value, trim="-"))
    return written.removesuffix(".0")


def read_separated(path: Path) -> pd.DataFrame:
    """Read a table that :func:`write_separated` wrote: every cell text, missing as NaN."""
    cells = pd.read_csv(
        path, dtype="str", encoding="utf-8-sig", keep_default_na=False, na_values=[""]
    )
    cells = cells.drop(columns=FINGERPRINT, errors="ignore")
    return cells.apply(_unshielded) if len(cells) else cells


def _unshielded(values: pd.Series[Any]) -> pd.Series[Any]:
    shielded = values.str.match(SHIELDED.pattern).fillna(False).astype(bool)
    return values.mask(shielded, values.str[1:])


def numbered(cells: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Return cells with flags as bool and numbers as float, exactly the numbers printed.

    Parameters
    ----------
    cells
        What :func:`read_separated` returned.
    columns
        What each of its columns holds.
    """
    return cells.assign(**{column.name: _valued(cells[column.name], column) for column in columns})


def _valued(cells: pd.Series[Any], column: Column) -> pd.Series[Any]:
    if column.kind == "flag":
        return cells.map({"true": True, "false": False})
    if column.kind in ("number", "count"):  # pandas' own parsing may miss the last digit
        numbers = [float(text) for text in cells.tolist()]
        return pd.Series(numbers, index=cells.index, dtype="float64")
    return cells


def write_hourly(power: pd.DataFrame, path: Path) -> None:
    """Write power hour by hour: time with offset, kW with three decimals; whole or not at all.

    Parameters
    ----------
    power
        Index ``time``, tz-aware; columns of numbers.
    path
        The CSV file; its folder must be there.

    Raises
    ------
    OutputError
        The file cannot be written; what stood there still stands.
    """
    with _whole(path) as staged:
        text = power.round(3).rename(index=lambda time: time.isoformat(timespec="minutes"))
        text.to_csv(staged, encoding="utf-8-sig", lineterminator="\r\n")
