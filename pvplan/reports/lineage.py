"""Where every column of every table comes from: formula, inputs, assumptions, files; as data."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final

from pvplan.reports.columns import SHAPES, described, tables_of
from pvplan.tables import Column, Plan

_FILE: Final = Path(__file__).with_name("lineage.toml")
LEVELS: Final = {"parks": "park_id", "districts": "district_id", "city": None}
"""Tables whose summing columns are sums over the roofs, and the roofs' column of their place."""

GAPS: Final = ("gap_parks", "gap_districts")
"""Tables of one account a place and goal."""


@dataclass(frozen=True)
class Origin:
    """How the values of one column come about.

    Attributes
    ----------
    formula
        Arithmetic over columns of the same row (bare names), assumptions (dotted keys) and
        quantities that the run derived from them (``derived.NAME``); its value is that of the
        column. Empty where the rule in words is all there is.
    adds
        Columns of the same row, or patterns of them, that sum to it.
    over
        ``roofs`` where it is the sum of that column over the roofs of the place, ``in_scope``
        over those in the goal's scope; for figures of the goals a word of
        :func:`pvplan.reports.behind.behind`.
    taken
        ``goals.COLUMN`` that it repeats: of the row's own goal, else of the headline goal.
    columns
        Further columns of the same row that it depends on.
    assumes
        Keys of assumptions, or what they begin with.
    files
        Roles of the input files it is read from or depends on.
    zh, en
        The rule in words.
    """

    formula: str = ""
    adds: tuple[str, ...] = ()
    over: str = ""
    taken: str = ""
    columns: tuple[str, ...] = ()
    assumes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    zh: str = ""
    en: str = ""

    def columns_of(self, known: Iterable[Any]) -> list[str]:
        """Return the columns of the same row that it is made of, in order, each once."""
        named = [name for name in names_in(self.formula) if "." not in name]
        added = [name for pattern in self.adds for name in matching(pattern, known)]
        return list(dict.fromkeys([*named, *added, *self.columns]))


@cache
def origins() -> dict[str, dict[str, Origin]]:
    """Return table to column, or pattern of columns, to origin."""
    content = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {
        table: {
            column: Origin(**{word: _held(value) for word, value in words.items()})
            for column, words in columns.items()
        }
        for table, columns in content.items()
    }


def _held(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def origin_of(table: str, column: Column) -> Origin | None:
    """Return the origin of a column, None where nothing is known of it.

    Parameters
    ----------
    table
        Name of the table, a key of :data:`~pvplan.reports.columns.SHAPES`.
    column
        The column.
    """
    if table in LEVELS and column.sums and column.name not in origins()["level"]:
        return Origin(over="roofs", zh="该地区各屋顶之和", en="sum over the roofs of the place")
    for group in (table, "level" if table in LEVELS else "gap" if table in GAPS else ""):
        known = origins().get(group, {})
        found = [key for key in known if fnmatchcase(column.name, key)]
        if found:
            return known[min(found, key=lambda key: ("*" in key or "?" in key, key))]
    return None


def matching(pattern: str, known: Iterable[Any]) -> Iterator[str]:
    """Yield the names that a pattern means, in their own order."""
    return (str(name) for name in known if fnmatchcase(str(name), pattern))


def names_in(formula: str) -> list[str]:
    """Return the names of a formula in order: columns bare, assumptions dotted."""
    if not formula:
        return []
    tree = ast.parse(formula, mode="eval").body
    return list(dict.fromkeys(_names(tree)))


def _names(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.BinOp):
        yield from _names(node.left)
        yield from _names(node.right)
    elif isinstance(node, ast.Name | ast.Attribute):
        yield dotted(node)


def dotted(node: ast.expr) -> str:
    """Return a name, or a dotted key, of a formula."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Name):
        return node.id
    raise ValueError(f"{ast.unparse(node)}: not a name")


def lineage(plan: Plan) -> dict[str, Any]:
    """Return where every column of a plan's tables comes from, as plain data.

    Returns
    -------
    dict
        ``run_fingerprint``, ``demonstration``, ``inputs`` (role, file, SHA-256), ``assumptions``
        and ``derived`` by key, and for each table ``columns``: name to unit, meaning, and what
        :class:`Origin` says of it.
    """
    tables: dict[str, Any] = {}
    for name, table in tables_of(plan).items():
        in_parts = name == "roofs" and bool(plan.roof_parts)
        tables[name] = {
            "where": "roofs/*.parquet" if in_parts else SHAPES[name].where,
            "rows": plan.meta["counts"]["roofs"] if in_parts else len(table),
            "columns": {
                column.name: _told(name, column, table) for column in described(name, table)
            },
        }
    meta = plan.meta
    return {
        "run_fingerprint": meta.get("fingerprint", ""),
        "as_of": meta.get("as_of"),
        "demonstration": bool((meta.get("city") or {}).get("demonstration")),
        "code_version": meta.get("code_version"),
        "inputs": list(meta.get("inputs", ())),
        "assumptions": {entry["key"]: entry for entry in meta.get("assumptions", ())},
        "derived": dict(meta.get("derived", {})),
        "tables": tables,
    }


def _told(name: str, column: Column, table: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"unit": column.unit, "zh": column.zh, "en": column.en}
    origin = origin_of(name, column)
    if origin is None:
        return said
    if origin.formula:
        said["formula"] = origin.formula
    inputs = origin.columns_of(table.columns)
    words = {
        "from_columns": inputs,
        "sum_over": origin.over,
        "same_as": origin.taken,
        "assumptions": list(origin.assumes),
        "files": list(origin.files),
        "rule_zh": origin.zh,
        "rule_en": origin.en,
    }
    return said | {word: value for word, value in words.items() if value}


def write_lineage(plan: Plan, path: Path) -> None:
    """Write :func:`lineage` as JSON, UTF-8."""
    text = json.dumps(lineage(plan), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    path.write_bytes(text.encode("utf-8", "backslashreplace"))
