"""Command line: ``python -m pvplan register …``, the ledger of installed systems."""

from __future__ import annotations

import argparse
import getpass
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Console

from pvplan import assumptions
from pvplan.errors import InputError
from pvplan.ledger import DATABASE_URL, Ledger, Who, open_ledger
from pvplan.reports.runfile import sha256_of
from pvplan.reports.separated import write_plain
from pvplan.reports.terminal import Grid
from pvplan.reports.words import one_line, value_told
from pvplan.run import Inputs, KnownLedger, inputs_of_folder, run_city
from pvplan.sources.coordinates import DATUMS
from pvplan.sources.register import read_register
from pvplan.sources.register_fields import UNITS
from pvplan.tables import DECIDED_STATES, STATUSES

DEFAULT_FILE: Final = "pvplan-ledger.db"
SHOWN: Final = 40
_LISTED: Final = (
    "roof_id", "park", "capacity_dc_kw", "status", "filed_on", "commissioned_on", "source",
)  # fmt: skip


def add_command(commands: Any) -> None:
    """Add the command and its parts to the parser's."""
    register = commands.add_parser(
        "register",
        help="the ledger of installed systems: import, list, history, decide, export",
        description="Keep installed systems and decisions on roofs in a database in which nothing"
        " is overwritten: what was true when, as known when, said by whom.",
    )
    parts = register.add_subparsers(dest="part", required=True, metavar="PART")
    bring = _part(parts, "import", "record a register file; what is known just so adds nothing")
    bring.add_argument("file", type=Path, metavar="F.csv", help="as for run --register")
    bring.add_argument(
        "--unit", choices=tuple(UNITS), default=None,
        help="unit of the capacities, whatever the header says (default: the header's)",
    )  # fmt: skip
    bring.add_argument(
        "--datum", choices=DATUMS, default="wgs84", help="datum of the coordinates (wgs84)"
    )
    bring.add_argument(
        "--dry-run", action="store_true", help="say what would change, record it not"
    )
    bring.add_argument(
        "--complete", action="store_true",
        help="the file is the whole register: systems that it does not name are withdrawn",
    )  # fmt: skip
    bring.add_argument(
        "--valid-from", type=day, default=None, metavar="YYYY-MM-DD",
        help="the file speaks of this day and later (default: since ever)",
    )  # fmt: skip
    bring.add_argument(
        "--valid-to", type=day, default=None, metavar="YYYY-MM-DD",
        help="the file speaks of the days before this one (default: until further notice)",
    )  # fmt: skip
    _who(bring)
    listing = _part(parts, "list", "list the systems")
    _when(listing)
    listing.add_argument("--park", default=None, help="only those whose park is called so")
    listing.add_argument("--status", choices=STATUSES, default=None, help="only of this status")
    past = _part(parts, "history", "every entry of one system: who, when, why, what changed")
    past.add_argument("system", metavar="ID", help="system id")
    _part(parts, "batches", "every import and decision: who, when, why, which file")
    out = _part(parts, "export", "write the systems as a register file")
    out.add_argument("out", type=Path, metavar="F.csv")
    _when(out)
    check = _part(parts, "reconcile", "match the ledger with a city's roofs and list what is amiss")
    check.add_argument("city", type=Path, help="city folder")
    check.add_argument("--out", type=Path, default=None, metavar="F.csv", help="write the findings")
    _when(check)
    roof = _part(parts, "roof", "record what a roof is: feasible, blocked, not assessable")
    roof.add_argument("roof", metavar="ID", help="roof id")
    roof.add_argument(
        "--state", required=True, choices=(*DECIDED_STATES, "none"),
        help="none takes an earlier word back",
    )  # fmt: skip
    roof.add_argument("--evidence", default="", help="what shows it, e.g. a report's number")
    roof.add_argument(
        "--review-on", type=day, default=None, metavar="YYYY-MM-DD", help="day of the next look"
    )
    _who(roof)
    match = _part(parts, "match", "record that a system stands on a roof or in a park, or does not")
    match.add_argument("system", metavar="ID", help="system id")
    place = match.add_mutually_exclusive_group(required=True)
    place.add_argument("--roof", default=None, metavar="ID")
    place.add_argument("--park", default=None, metavar="ID")
    match.add_argument(
        "--decision", choices=("accepted", "rejected", "none"), default="accepted",
        help="none takes an earlier word back (default: accepted)",
    )  # fmt: skip
    _who(match)


def _part(parts: Any, name: str, words: str) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = parts.add_parser(
        name, help=words, description=f"{words[0].upper()}{words[1:]}."
    )
    found.add_argument(
        "--db", default=None, metavar="F.db|URL",
        help=f"the ledger (default: ${DATABASE_URL}, else {DEFAULT_FILE})",
    )  # fmt: skip
    return found


def _who(part: argparse.ArgumentParser) -> None:
    part.add_argument(
        "--by", default=None, metavar="NAME", help="who says it (default: your login)"
    )
    part.add_argument("--reason", default="", metavar="TEXT", help="why")


def _when(part: argparse.ArgumentParser) -> None:
    part.add_argument(
        "--as-known-on", type=day, default=None, metavar="YYYY-MM-DD",
        help="only what was known by the end of this day, UTC+8 (default: all of it)",
    )  # fmt: skip
    part.add_argument(
        "--on", type=day, default=None, metavar="YYYY-MM-DD",
        help="the day spoken of (default: until further notice)",
    )  # fmt: skip


def day(text: str) -> date:
    """Read a day from the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a date; write YYYY-MM-DD") from None


def run_command(options: argparse.Namespace, console: Console, errors: Console) -> None:
    """Carry out one part.

    Raises
    ------
    PvplanError
        The ledger, a file or a word cannot be used.
    """
    parts: Mapping[str, Callable[[argparse.Namespace, Console, Console], None]] = {
        "import": _import,
        "list": _list,
        "history": _history,
        "batches": _batches,
        "export": _export,
        "reconcile": _reconcile,
        "roof": _roof,
        "match": _match,
    }
    parts[options.part](options, console, errors)


def _where(options: argparse.Namespace) -> str:
    return str(options.db or os.environ.get(DATABASE_URL) or DEFAULT_FILE)


def _open(options: argparse.Namespace, *, create: bool = False) -> Ledger:
    return open_ledger(_where(options), create=create)


@contextmanager
def _recording(options: argparse.Namespace) -> Iterator[Ledger]:
    """Open the ledger to record in; a dry run on none yet is compared with an empty one."""
    where = _where(options)
    if not options.dry_run or "://" in where or Path(where).exists():
        with _open(options, create=not options.dry_run) as ledger:
            yield ledger
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        open_ledger(Path(folder) / "empty.db", create=True) as ledger,
    ):
        yield ledger


def _said_by(options: argparse.Namespace, source: str = "", sha256: str = "") -> Who:
    try:
        name = options.by or getpass.getuser()
    except OSError as error:
        raise InputError("--by: your login has no name here; say who you are") from error
    return Who(name, options.reason, source, sha256)


def _import(options: argparse.Namespace, console: Console, errors: Console) -> None:
    assumed = assumptions.load()
    if not options.file.is_file():
        raise InputError(f"{options.file}: no such file")
    read = read_register(
        options.file,
        assumed.register,
        datum=options.datum,
        dc_ac_ratio=assumed.system.dc_ac_ratio,
        unit=options.unit,
    )
    for warning in read.warnings:
        _say(errors, f"warning: {warning}")
    for row in read.rejected.to_dict("records"):
        _say(errors, f"{row['done']}: row {row['row']} ({row['id']}): {row['reason']}")
    lost = read.counts["rows_rejected"]
    if options.complete and lost:
        raise InputError(
            f"--complete: {lost} rows of {options.file.name} cannot be used, so it is not the whole"
            " register: their systems would be withdrawn; mend the rows, or leave --complete out"
        )
    who = _said_by(options, options.file.name, sha256_of(options.file))
    with _recording(options) as ledger:
        found = ledger.import_rows(
            read.rows,
            who,
            valid_from=options.valid_from,
            valid_to=options.valid_to,
            complete=options.complete,
            dry_run=options.dry_run,
        )
        shown = ledger.shown
    _grid(console, "变更 Changes", found.differences, foot=True)
    counts = read.counts
    _say(
        console,
        f"{options.file.name}: {counts['rows_in']} 行 rows = {counts['rows_used']} 采用 used +"
        f" {counts['rows_rejected']} 未采用 rejected; 新增 added {found.added}, 变更 changed"
        f" {found.changed}, 不变 unchanged {found.unchanged}, 撤销 withdrawn {found.withdrawn},"
        f" 文件未列 not in the file {found.missing}",
    )
    if options.dry_run:
        _say(console, "试运行,未写入 dry run: nothing was recorded")
    elif found.batch_id is None:
        _say(console, f"没有变化,未写入 nothing new: nothing was recorded in {shown}")
    else:
        _say(console, f"已写入 recorded in {shown}, batch {found.batch_id}")


def _list(options: argparse.Namespace, console: Console, _errors: Console) -> None:
    with _open(options) as ledger:
        rows = ledger.systems(options.as_known_on, options.on)
    if options.park is not None:
        rows = rows[rows["park"] == options.park]
    if options.status is not None:
        rows = rows[rows["status"] == options.status]
    _grid(console, "系统 Systems", rows[list(_LISTED)].reset_index())
    total = rows["capacity_dc_kw"].sum() / 1000.0
    _say(console, f"{len(rows)} 项 systems, {total:,.3f} MWp")


def _history(options: argparse.Namespace, console: Console, _errors: Console) -> None:
    with _open(options) as ledger:
        rows = ledger.history(options.system)
    wanted = ["made_at", "made_by", "reason", "batch_source", "valid_from", "valid_to",
              "capacity_dc_kw", "status", "changes"]  # fmt: skip
    _grid(console, f"沿革 History · {options.system}", rows[wanted])


def _batches(options: argparse.Namespace, console: Console, _errors: Console) -> None:
    with _open(options) as ledger:
        rows = ledger.batches()
    wanted = ["batch_id", "made_at", "kind", "made_by", "reason", "source", "sha256"]
    _grid(console, "批次 Batches", rows.assign(sha256=rows["sha256"].str[:12])[wanted])


def _export(options: argparse.Namespace, console: Console, _errors: Console) -> None:
    with _open(options) as ledger:
        rows = ledger.systems(options.as_known_on, options.on)
    # As read back: the reader takes the unit from the name, and the basis from which one is given.
    basis, kw = rows["capacity_basis"], rows["capacity_dc_kw"]
    stated = rows.assign(
        capacity_dc_kw=kw.where(basis == "dc"), capacity_kw=kw.where(basis == "unstated")
    )
    table = stated.drop(columns=["row", "capacity_basis"]).rename_axis("system_id").reset_index()
    write_plain(table, options.out)
    _say(console, f"{len(rows)} 项 systems; written to {options.out}")


def _reconcile(options: argparse.Namespace, console: Console, errors: Console) -> None:
    base = inputs_of_folder(options.city)
    known = KnownLedger(_where(options), options.as_known_on)
    inputs = Inputs(**{**vars(base), "register": None, "ledger": known})
    as_of = options.on or options.as_known_on or date.today()  # noqa: DTZ011 (the reader's day)
    plan = run_city(inputs, as_of=as_of)
    for warning in plan.meta["warnings"]:
        _say(errors, f"warning: {warning}")
    found = plan.reconciliation
    wanted = ["severity", "finding", "system_id", "roof_id", "park_id", "stated_kw", "reason_zh",
              "reason_en"]  # fmt: skip
    _grid(console, "登记核对 Reconciliation", found[wanted])
    placed = plan.ledger["matched_by"].value_counts()
    told = ", ".join(f"{word} {count}" for word, count in placed.items())
    _say(console, f"{len(plan.ledger)} 行 rows: {told}; {len(found)} 项待核 findings")
    if options.out is not None:
        write_plain(found, options.out)
        _say(console, f"written to {options.out}")


def _roof(options: argparse.Namespace, console: Console, _errors: Console) -> None:
    state = None if options.state == "none" else options.state
    with _open(options, create=True) as ledger:
        ledger.record_roof(
            options.roof, state, _said_by(options), evidence=options.evidence,
            review_on=options.review_on,
        )  # fmt: skip
    _say(console, f"{options.roof}: {options.state} 已记录 recorded")


def _match(options: argparse.Namespace, console: Console, _errors: Console) -> None:
    decision = None if options.decision == "none" else options.decision
    with _open(options) as ledger:
        ledger.history(options.system)  # refuses a system that was never recorded
        ledger.record_match(
            options.system, _said_by(options), roof_id=options.roof,
            park_id=options.park, decision=decision,
        )  # fmt: skip
    place = options.roof or options.park
    _say(console, f"{options.system} – {place}: {options.decision} 已记录 recorded")


def _grid(console: Console, title: str, rows: pd.DataFrame, *, foot: bool = False) -> None:
    """Show a table, its first rows where it is long."""
    if rows.empty:
        if not foot:
            _say(console, f"{title}: 无 none")
        return
    shown = rows.head(SHOWN)
    left = len(rows) - len(shown)
    grid = Grid(
        title=title,
        heads=tuple(str(name) for name in rows.columns),
        rows=tuple(
            tuple(one_line(_cell(value)) for value in row) for row in shown.itertuples(index=False)
        ),
        numeric=tuple(pd.api.types.is_numeric_dtype(kind) for kind in rows.dtypes),
        foot=f"… {left} 行 more rows" if left else "",
    )
    console.print(grid.rich(console.width) if console.is_terminal else str(grid),
                  markup=False, highlight=False, soft_wrap=True)  # fmt: skip


def _cell(value: Any) -> str:
    if isinstance(value, datetime) and not pd.isna(value) and value.tzinfo is not None:
        return value.isoformat(timespec="seconds")
    return value_told(value, "")


def _say(console: Console, text: str) -> None:
    console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)
