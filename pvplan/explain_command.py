"""Command line: ``python -m pvplan explain parks.csv:gap_dc_kw:PARK``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from pvplan.errors import InputError
from pvplan.reports.explain import Explained, explain, sources
from pvplan.reports.reading import list_runs, read_plan
from pvplan.reports.runfile import jsonable
from pvplan.reports.words import BANNER, one_line, value_told

RUNS: Final = Path("runs")
SHOWN_ASSUMPTIONS: Final = 20


def add_command(commands: Any) -> None:
    """Add the command to the parser's."""
    command = commands.add_parser(
        "explain",
        help="take one number of a finished run apart: formula, inputs, sources, rows",
        description="Say how one number of a finished run came about: its formula, its inputs"
        " with units and sources, whether each was verified, the rows it was summed from, and the"
        " run's fingerprint. The number is computed anew from what is shown.",
    )
    command.add_argument(
        "reference",
        metavar="[FOLDER/]TABLE:COLUMN:ROW",
        help="such as parks.csv:gap_dc_kw:PARK; a row of goals.csv is GOAL/LEVEL/PLACE",
    )
    command.add_argument(
        "--run",
        type=Path,
        default=None,
        metavar="FOLDER",
        help=f"folder that `run --out` wrote (default: the newest one below {RUNS}/)",
    )
    command.add_argument("--json", action="store_true", help="print it as JSON")


def run_command(options: argparse.Namespace, console: Console) -> None:
    """Explain a number on the terminal, or as JSON.

    Raises
    ------
    InputError
        No finished run, or a reference that names nothing in it.
    """
    folder, reference = _split(options.reference, options.run)
    plan = read_plan(folder)
    found = explain(plan, reference)
    assumed, files = sources(plan, found)
    if options.json:
        told = {**found.as_json(), "behind": jsonable({"assumptions": assumed, "files": files})}
        console.file.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
        return
    if found.demonstration:
        console.print(BANNER, style="bold red", markup=False, highlight=False)
    console.print(_tree(found), markup=False, highlight=False)
    console.print(_behind(assumed, files), markup=False, highlight=False)
    console.print(
        f"指纹 fingerprint {found.run_fingerprint} · {folder}", markup=False, highlight=False,
        soft_wrap=True,
    )  # fmt: skip


def _split(reference: str, run: Path | None) -> tuple[Path, str]:
    """Return the run's folder and the reference within it."""
    head, colon, rest = reference.partition(":")
    path = Path(head)
    if run is None and len(path.parts) > 1:
        return path.parent, f"{path.name}{colon}{rest}"
    if run is not None:
        return run, reference
    found = list_runs(RUNS) if RUNS.is_dir() else ()
    if not found:
        raise InputError(f"explain: no finished run below {RUNS}/; give --run FOLDER")
    return found[0].folder, reference


def _tree(found: Explained, tree: Tree | None = None) -> Tree:
    """Return what is known of a number as a tree; every text stands in one line."""
    words = f"{found.reference}  =  {value_told(found.value, found.unit)}   {found.zh} {found.en}"
    node = Tree(_plain(words)) if tree is None else tree.add(_plain(words))
    if found.formula:
        node.add(_plain(f"= {found.formula}{_check(found)}"))
    for rule in (found.rule_zh, found.rule_en):
        if rule:
            node.add(_plain(rule))
    for each in found.inputs:
        _tree(each, node)
    if found.rows is not None:
        below = node.add(_plain(f"{found.rows.count} 行 rows: {found.rows.table}"))
        for label, value in found.rows.shown:
            below.add(_plain(f"{label}  {value_told(value, found.unit)}"))
        left = found.rows.count - len(found.rows.shown)
        if found.rows.shown and left > 0:
            below.add(_plain(f"… {left} 行 more"))
    return node


def _behind(assumed: list[Mapping[str, Any]], files: list[Mapping[str, Any]]) -> Tree:
    """Return the assumptions and files behind a number as a tree."""
    node = Tree(_plain("参数与文件 Assumptions and files behind it"))
    for entry in assumed[:SHOWN_ASSUMPTIONS]:
        node.add(_plain(_entry(entry)))
    if len(assumed) > SHOWN_ASSUMPTIONS:
        left = len(assumed) - SHOWN_ASSUMPTIONS
        node.add(_plain(f"… {left} 项参数 more assumptions (--json)"))
    for file in files:
        node.add(_plain(f"{file['role']}: {file['file']}  sha256 {str(file['sha256'])[:16]}…"))
    return node


def _check(found: Explained) -> str:
    if found.agrees is None or found.recomputed is None:
        return ""
    told = value_told(found.recomputed, found.unit)
    return f"  ✓ {told}" if found.agrees else f"  ✗ 重算得 computed anew: {told}"


def _entry(entry: Mapping[str, Any]) -> str:
    told = f"{entry.get('key')} = {value_told(entry.get('value'), str(entry.get('unit') or ''))}"
    if str(entry.get("key")).startswith("derived."):
        return f"{told}  由参数导出 derived: {entry.get('source', '')}"
    state = "已核实 verified" if entry.get("verified") else "未核实 unverified"
    return (
        f"{told}  {entry.get('zh', '')} ({state}: {entry.get('source', '')};"
        f" {entry.get('layer', 'default')})"
    )


def _plain(text: str) -> Text:
    """Return text that a terminal shows as it is."""
    return Text(one_line(text), overflow="fold")
