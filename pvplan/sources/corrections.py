"""The file of corrections: what people found of roofs, a row for each word, and it only grows.

Each row says of one roof that a fact is not what the files made us estimate. The last word on a
fact holds; a row without a value takes the words before it back. Obstructions gather: each row
adds one, ``none`` says that nothing stands there. Text that a spreadsheet would take for a formula
stands behind an apostrophe in the file and comes back without it.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import shapely

from pvplan.errors import InputError, nearest
from pvplan.sources.rejections import noted, rejected_table, rows_noted
from pvplan.tables import CORRECTIONS, FACTS, names

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no such lock; one server writes there
    fcntl = None  # type: ignore[assignment]

HEAD: Final = tuple(names(CORRECTIONS))
NOTHING_THERE: Final = "none"
"""Value of an obstruction: the roof was looked at, and nothing stands on it."""
MOST_TEXT: Final = 1_000
MOST_NAME: Final = 200
MOST_OUTLINE: Final = 50_000
MOST_ROWS: Final = 100_000
MOST_BYTES: Final = 50_000_000
MOST_CORNERS: Final = 500
FIRST_DAY: Final = date(1850, 1, 1)
LAST_DAY: Final = date(2100, 12, 31)
LARGEST_M: Final = 100.0
"""Largest radius and height of an obstruction, as in a file of obstructions."""
_FORMULA: Final = re.compile("^'*[=+\\-@\t\r\n＝＋－＠]")
_SHIELDED: Final = re.compile("^'+[=+\\-@\t\r\n＝＋－＠]")
_UNPRINTED: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NAMED: Final = ("roof_id", "recorded_by", "recorded_at")
_SIZES: Final = ("radius_m", "height_m")


@dataclass(frozen=True)
class Obstruction:
    """Something that stands on a roof: point with a radius, or outline; WGS84 degrees."""

    shape: Any
    radius_m: float | None = None
    height_m: float | None = None


@dataclass(frozen=True)
class CorrectionFile:
    """What a file of corrections holds.

    Attributes
    ----------
    holding
        One row for each word that holds: index ``row`` of the file, columns of
        ``tables.CORRECTIONS``; ``value`` is what :func:`read_value` reads.
    rejected
        Columns of ``tables.REJECTED``.
    counts
        rows_read, rows_used (that hold), rows_superseded, rows_rejected; the last three sum to
        the first.
    """

    holding: pd.DataFrame
    rejected: pd.DataFrame
    counts: Mapping[str, int]
    warnings: tuple[str, ...] = ()


def read_corrections(path: Path) -> CorrectionFile:
    """Read a file of corrections and account for every row.

    Raises
    ------
    InputError
        The file is no table with these columns, or too large.
    """
    return holding(rows_of(path), path.name)


def rows_of(path: Path) -> pd.DataFrame:
    """Return every row as it was written, the oldest first: columns of ``tables.CORRECTIONS``.

    Raises
    ------
    InputError
        As :func:`read_corrections`.
    """
    if not path.is_file():
        raise InputError(f"{path.name}: there is no such file of corrections")
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path.name}: larger than {MOST_BYTES} bytes; is it the right file?")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}: is not UTF-8; save it as CSV UTF-8") from error
    try:
        head, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    except ValueError as error:
        raise InputError(f"{path.name}: is empty; its first row names the columns") from error
    except csv.Error as error:
        raise InputError(f"{path.name}: is no CSV: {error}") from error
    missing = [name for name in HEAD if name not in head]
    if missing:
        raise InputError(f"{path.name}: columns are missing: {', '.join(missing)}")
    if len(lines) > MOST_ROWS:
        raise InputError(f"{path.name}: more than {MOST_ROWS} rows; is it the right file?")
    at = [head.index(name) for name in HEAD]
    cells = [[_bare(line[n]) if n < len(line) else "" for n in at] for line in lines if any(line)]
    index = pd.RangeIndex(1, len(cells) + 1, name="row")
    return pd.DataFrame(cells, columns=list(HEAD), index=index, dtype=object)


def holding(rows: pd.DataFrame, title: str) -> CorrectionFile:
    """Return the words that hold among rows, and why others are not taken.

    Parameters
    ----------
    rows
        Of :func:`rows_of`, the oldest first.
    title
        What messages call the file.
    """
    records = rows.to_dict("records")
    told = [fault_of({str(name): cell for name, cell in cells.items()}) for cells in records]
    wrong = rows.index[[bool(fault) for fault in told]]
    rejected = rejected_table(
        [
            noted(
                wrong,
                rows.loc[wrong, "roof_id"],
                reason=[fault for fault in told if fault],
                done="rejected",
            )
        ],
        kind="corrections",
        file=title,
    )
    good = rows.drop(index=wrong)
    held: list[Any] = []
    for (_, fact), said in good.groupby(["roof_id", "fact"], sort=False):
        alive: list[Any] = []
        for row, value in said["value"].items():
            gathers = fact == "obstruction" and value not in ("", NOTHING_THERE)
            alive = [*alive, row] if gathers else [] if value == "" else [row]
        held += alive
    left = good.loc[sorted(held)]
    counts = {
        "rows_read": len(rows),
        "rows_used": len(left),
        "rows_superseded": len(good) - len(left),
        "rows_rejected": rows_noted(rejected, "rejected"),
    }
    return CorrectionFile(left, rejected, counts)


def fault_of(cells: Mapping[str, Any]) -> str:
    """Return why a row cannot be taken, or nothing."""
    fact, known = str(cells["fact"]), names(FACTS)
    if fact not in known:
        return f"fact '{_short(fact)}' is unknown; {nearest(_short(fact), known)}"
    for column in HEAD:
        if fault := _text_fault(column, str(cells[column])):
            return f"{column}: {fault}"
    try:
        if cells["value"] != "":
            read_value(fact, str(cells["value"]))
    except InputError as error:
        return "; ".join(error.faults)
    return ""


def _text_fault(column: str, text: str) -> str:
    if column in _NAMED and not text.strip():
        return "is blank"
    most = MOST_OUTLINE if column == "value" else MOST_TEXT
    if len(text) > most:
        return f"longer than {most} characters"
    return "holds a control character" if _UNPRINTED.search(text) else ""


def read_value(fact: str, value: str) -> Any:
    """Return what a value says: word, number, day, text, :class:`Obstruction` or None for none.

    Raises
    ------
    InputError
        It is not of the fact's kind, or out of its range.
    """
    column = next(one for one in FACTS if one.name == fact)
    if fact == "obstruction":
        return read_obstruction(value)
    if column.values:
        if value not in column.values:
            raise InputError(
                f"{fact} '{_short(value)}' is unknown; {nearest(value, column.values)}"
            )
        return value
    if column.kind == "date":
        return _day(fact, value)
    if column.kind in ("number", "count"):
        return _number(fact, value, column.low, column.high, whole=column.kind == "count")
    if len(value) > MOST_NAME:
        raise InputError(f"{fact}: longer than {MOST_NAME} characters")
    return value


def _number(
    name: str, text: str, low: float | None, high: float | None, *, whole: bool = False
) -> float:
    try:
        number = int(text) if whole else float(text)
    except ValueError as error:
        kind = "a whole number" if whole else "a number"
        raise InputError(f"{name} '{_short(text)}' is not {kind}") from error
    # Not between, rather than outside: what is no number at all is refused as well.
    if not (low is None or number >= low) or not (high is None or number <= high):
        raise InputError(f"{name} {_short(text)} is not between {low:g} and {high:g}")
    return number


def _day(name: str, text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{name} '{_short(text)}' is no day; write YYYY-MM-DD") from error
    if not FIRST_DAY <= found <= LAST_DAY:
        raise InputError(f"{name} {text} is not between {FIRST_DAY} and {LAST_DAY}")
    return found


def read_obstruction(value: str) -> Obstruction | None:
    """Read ``none``, ``POINT (lon lat); radius_m=2`` or ``POLYGON ((…))``; ``height_m=`` if known.

    Raises
    ------
    InputError
        It is none of these, or a size is out of range.
    """
    if value == NOTHING_THERE:
        return None
    written, *sizes = (part.strip() for part in value.split(";"))
    told: dict[str, float] = {}
    for size in sizes:
        name, _, number = (part.strip() for part in size.partition("="))
        if name not in _SIZES:
            raise InputError(f"obstruction: '{_short(name)}' is unknown; {nearest(name, _SIZES)}")
        told[name] = _number(name, number, 0.0, LARGEST_M)
    shape = _shape(written)
    if shape.geom_type == "Point" and not told.get("radius_m"):
        raise InputError("obstruction: a point needs a radius_m above 0")
    return Obstruction(shape, told.get("radius_m"), told.get("height_m"))


def _shape(written: str) -> Any:
    try:
        shape = shapely.from_wkt(written)
    except shapely.errors.GEOSException as error:
        raise InputError("obstruction: is neither POINT (lon lat) nor POLYGON ((…))") from error
    if shape is None or shape.is_empty or shape.geom_type not in ("Point", "Polygon"):
        raise InputError("obstruction: is neither POINT (lon lat) nor POLYGON ((…))")
    corners = shapely.get_coordinates(shape)
    if len(corners) > MOST_CORNERS:
        raise InputError(f"obstruction: more than {MOST_CORNERS} corners")
    # Not within, rather than beyond: what is no number at all is refused as well.
    if not (abs(corners) <= (180.0, 90.0)).all():
        raise InputError("obstruction: a coordinate lies beyond ±180/±90 degrees")
    if not shape.is_valid:
        raise InputError("obstruction: its outline crosses itself")
    return shape


def write_obstruction(given: Obstruction) -> str:
    """Return the value that :func:`read_obstruction` reads."""
    sizes = [f"{name}={size!r}" for name in _SIZES if (size := getattr(given, name)) is not None]
    return "; ".join([shapely.to_wkt(given.shape, rounding_precision=7), *sizes])


def drawn(held: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return obstructions that hold as rows of a file of obstructions, WGS84; index ``row``."""
    chosen = held[(held["fact"] == "obstruction") & (held["value"] != NOTHING_THERE)]
    read = [read_obstruction(value) for value in chosen["value"]]
    some = [one for one in read if one is not None]
    table = gpd.GeoDataFrame(
        {
            "obstruction_id": [f"correction-{row}" for row in chosen.index],
            "roof_id": chosen["roof_id"].to_numpy(dtype=object),
            "radius_m": [one.radius_m for one in some],
            "height_m": [one.height_m for one in some],
        },
        geometry=[one.shape for one in some],
        index=chosen.index,
        crs="EPSG:4326",
    )
    table.attrs = {"warnings": (), "closed_rows": ()}
    return table


def append_corrections(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Add rows to a file of corrections, made where it is missing; all of them or none.

    Parameters
    ----------
    path
        The file; its folder is made.
    rows
        Columns of ``tables.CORRECTIONS``.

    Raises
    ------
    InputError
        A row that :func:`fault_of` refuses, or a file that cannot be read or written.
    """
    faults = [fault for row in rows if (fault := fault_of(row))]
    if faults:
        raise InputError(faults)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            before = rows_of(path).to_dict("records") if path.exists() else []
            if len(before) + len(rows) > MOST_ROWS:
                raise InputError(f"{path.name}: holds {MOST_ROWS} rows, no more fit")
            text = _printed([*before, *rows])
            if len(text) > MOST_BYTES:
                raise InputError(f"{path.name}: would grow above {MOST_BYTES} bytes")
            beside = path.with_name(f".{path.name}.new")
            with beside.open("wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
    except OSError as error:
        raise InputError(f"{path.name}: cannot be written: {error.strerror}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one writer in at a time, of this program and of others."""
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _printed(rows: Sequence[Mapping[Any, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEAD)
    writer.writerows([_shielded(str(row[name])) for name in HEAD] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _shielded(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _bare(text: str) -> str:
    return text[1:] if _SHIELDED.match(text) else text


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
