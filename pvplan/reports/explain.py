"""One number of a run, taken apart: formula, inputs with units and sources, rows, fingerprint."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from pvplan.errors import InputError, nearest
from pvplan.reports.behind import Rows, behind, in_scope, summed
from pvplan.reports.columns import SHAPES, described
from pvplan.reports.lineage import GAPS, LEVELS, Origin, dotted, names_in, origin_of
from pvplan.reports.roofs import At, roofs_of
from pvplan.reports.runfile import jsonable
from pvplan.tables import Column, Plan, exact_sum

DEPTH: Final = 3
_LEVEL_OF: Final = {
    "parks": "park", "districts": "district", "city": "city",
    "gap_parks": "park", "gap_districts": "district",
}  # fmt: skip
_CLOSE: Final = 2e-6  # ratios are written with six decimals, kW with three
_APART: Final = 6e-4
_DO: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class Explained:
    """A number and what it was made of.

    Attributes
    ----------
    reference
        ``TABLE.csv:COLUMN:ROW``.
    value, unit, zh, en
        What it is.
    formula, rule_zh, rule_en
        How it comes about; see :class:`~pvplan.reports.lineage.Origin`.
    recomputed
        The value computed anew from the inputs shown; None where words are all there is.
    agrees
        Whether that is the value in the table, to the digits written there.
    inputs
        Numbers of the same run that it was made of, explained in turn.
    assumptions
        Entries with value, unit, source, verified, and the layer that set them.
    rows
        Rows that it was summed from.
    files
        Input files that it depends on, with SHA-256.
    """

    reference: str
    value: Any
    unit: str
    zh: str
    en: str
    formula: str
    rule_zh: str
    rule_en: str
    recomputed: float | None
    agrees: bool | None
    inputs: tuple[Explained, ...]
    assumptions: tuple[Mapping[str, Any], ...]
    rows: Rows | None
    files: tuple[Mapping[str, Any], ...]
    run_fingerprint: str
    demonstration: bool

    def as_json(self) -> Any:
        """Return it made of what JSON knows; missing numbers are null."""
        return jsonable(asdict(self))


def explain(plan: Plan, reference: str, *, depth: int = DEPTH) -> Explained:
    """Take one number of a finished run apart.

    Parameters
    ----------
    plan
        The run.
    reference
        ``TABLE[.csv]:COLUMN:ROW``, such as ``parks.csv:gap_dc_kw:zhangjiang``. A row of the
        goals is ``GOAL/LEVEL/PLACE``, or the place alone for the headline goal. ``X_kw`` stands
        for ``X_dc_kw`` where there is no other.
    depth
        How far the inputs are explained in turn.

    Raises
    ------
    InputError
        The reference is not understood, or names an unknown table, column or row; the nearest
        known is named.
    """
    table, column, row = _parsed(plan, reference)
    if table == "roofs" and plan.roof_parts:
        plan = replace(plan, roofs=roofs_of(plan).rows([row]))
    return _explained(plan, table, column, row, depth)


def sources(
    plan: Plan, found: Explained
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return the assumptions and the files behind a number, at every depth, each once.

    A sum takes those of the first of its rows: all rows of a column come about alike.
    """
    assumed: list[Mapping[str, Any]] = []
    files: list[Mapping[str, Any]] = []
    for each in _every(plan, found):
        assumed += [entry for entry in each.assumptions if entry not in assumed]
        files += [file for file in each.files if file not in files]
    return assumed, files


def _every(plan: Plan, found: Explained) -> Iterator[Explained]:
    yield found
    for each in found.inputs:
        yield from _every(plan, each)
    if found.rows is not None and found.rows.shown:
        first = f"{found.rows.table}:{found.rows.column}:{found.rows.shown[0][0]}"
        try:
            yield from _every(plan, explain(plan, first))
        except InputError:  # summed from what is no column of its own
            return


def _parsed(plan: Plan, reference: str) -> tuple[str, Column, Any]:
    words = reference.split(":", 2)
    if len(words) != 3 or not all(words):
        raise InputError(
            f"'{reference}': write TABLE:COLUMN:ROW, e.g. parks.csv:gap_dc_kw:PARK; the tables:"
            f" {', '.join(SHAPES)}"
        )
    name = words[0].rpartition(".")[0] or words[0]
    if name not in SHAPES:
        raise InputError(f"'{words[0]}' is no table; {nearest(name, list(SHAPES))}")
    table = getattr(plan, name)
    known = {column.name: column for column in described(name, table)}
    wanted = words[1]
    if wanted not in known and wanted.endswith("_kw"):
        wanted = f"{wanted.removesuffix('_kw')}_dc_kw"
    if wanted not in known:
        raise InputError(f"{name}: no column '{words[1]}'; {nearest(words[1], list(known))}")
    return name, known[wanted], _label(plan, name, words[2])


def _label(plan: Plan, name: str, text: str) -> Any:
    """Return the label of the row that a text means."""
    table = getattr(plan, name)
    keys = SHAPES[name].keys
    if name == "roofs" and plan.roof_parts:
        if not roofs_of(plan).known([text]):
            raise InputError(f"{name}: no row '{text}'")
        return text
    if not keys:
        if text not in table.index:
            raise InputError(f"{name}: no row '{text}'; {nearest(text, list(table.index))}")
        return text
    rows = table
    parts = text.split("/", len(keys) - 1)
    if len(parts) < len(keys):  # the place alone, of the headline goal
        parts = [str(plan.meta.get("headline_goal")), *parts[-1:]]
        keys = (keys[0], keys[-1])
    for key, part in zip(keys, parts, strict=True):
        words = _words(rows[key])
        found = rows[words == part]
        if found.empty:
            raise InputError(
                f"{name}: no row with {key} '{part}'; {nearest(part, set(words))};"
                f" a row is {'/'.join(SHAPES[name].keys)}"
            )
        rows = found
    return rows.index[0]


def _words(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return keys as they stand in a reference; a missing one is empty."""
    return values.astype(object).where(values.notna(), "").astype(str)


def reference_of(plan: Plan, name: str, column: str, label: Any) -> str:
    """Return the reference of a cell, as :func:`explain` reads it."""
    keys = SHAPES[name].keys
    row = getattr(plan, name).loc[label] if keys else None
    told = "/".join(_words(row[list(keys)])) if row is not None else str(label)
    return f"{SHAPES[name].file}:{column}:{told}"


def _explained(plan: Plan, name: str, column: Column, label: Any, depth: int) -> Explained:
    table = getattr(plan, name)
    value = label if column.name == table.index.name else table.loc[label, column.name]
    origin = origin_of(name, column) or Origin()
    rows, recomputed = _recomputed(plan, name, column, label, origin)
    agrees = None if recomputed is None else _same(value, recomputed)
    return Explained(
        reference=reference_of(plan, name, column.name, label),
        value=value,
        unit=_unit(column, table, label),
        zh=column.zh,
        en=column.en,
        formula=_formula(origin, column),
        rule_zh=origin.zh,
        rule_en=origin.en,
        recomputed=recomputed,
        agrees=agrees,
        inputs=_inputs(plan, name, label, origin, depth) if depth > 0 else (),
        assumptions=_assumed(plan, origin, table.loc[label]),
        rows=rows,
        files=tuple(f for f in plan.meta.get("inputs", ()) if f.get("role") in origin.files),
        run_fingerprint=str(plan.meta.get("fingerprint", "")),
        demonstration=bool((plan.meta.get("city") or {}).get("demonstration")),
    )


def _unit(column: Column, table: pd.DataFrame, label: Any) -> str:
    return str(table.loc[label, "unit"]) if column.unit == "see unit" else column.unit


def _formula(origin: Origin, column: Column) -> str:
    if origin.over in ("roofs", "in_scope"):
        return f"Σ roofs.{column.name}"
    return origin.formula or " + ".join(origin.adds) or origin.taken


def _recomputed(
    plan: Plan, name: str, column: Column, label: Any, origin: Origin
) -> tuple[Rows | None, float | None]:
    row = getattr(plan, name).loc[label]
    if origin.over:
        return _over(plan, name, column, label, origin.over)
    if origin.adds:
        return None, exact_sum(
            np.array([row[each] for each in origin.columns_of(row.index)], float)
        )
    if origin.taken:
        found = _taken(plan, origin, name, label)
        return None, math.nan if found is None else _number(plan.goals.loc[found[1], found[0]])
    if origin.formula:
        return None, evaluate(origin.formula, lambda word: _valued(plan, row, word))
    return None, None


def _over(
    plan: Plan, name: str, column: Column, label: Any, what: str
) -> tuple[Rows | None, float | None]:
    """Return the rows that a figure was summed from, and the figure made anew."""
    if what == "roofs":
        return _summed(plan, name, column, label)
    if what == "in_scope":
        at = _goal_row(plan, name, label)
        return (None, None) if at is None else in_scope(plan, plan.goals.loc[at], column.name)
    return behind(plan, what, getattr(plan, name).loc[label])


def _summed(plan: Plan, name: str, column: Column, label: Any) -> tuple[Rows, float]:
    place = LEVELS[name]
    roofs, at = roofs_of(plan), None if place is None else At(place, str(label))
    if column.name == "roof_count":
        count = roofs.count(at)
        return Rows("roofs", "roof_id", count, ()), float(count)
    return summed("roofs", roofs.columns([column.name], at)[column.name])


def evaluate(formula: str, value_of: Callable[[str], float]) -> float:
    """Compute a formula: numbers, names, + - * /; a division by 0 gives NaN."""
    return _value(ast.parse(formula, mode="eval").body, value_of)


def _value(node: ast.expr, value_of: Callable[[str], float]) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _DO:
        left, right = _value(node.left, value_of), _value(node.right, value_of)
        if isinstance(node.op, ast.Div) and right == 0.0:
            return math.nan
        return _DO[type(node.op)](left, right)
    return value_of(dotted(node))


def _valued(plan: Plan, row: pd.Series[Any], word: str) -> float:
    if "." not in word:
        return float(row[word])
    if word.startswith("derived."):
        return float(plan.meta["derived"][word.removeprefix("derived.")]["value"])
    return float(_entries(plan)[word]["value"])


def _entries(plan: Plan) -> dict[str, Mapping[str, Any]]:
    return {str(entry["key"]): entry for entry in plan.meta.get("assumptions", ())}


def _number(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)


def _same(value: Any, recomputed: float) -> bool:
    number = _number(value)
    if math.isnan(number) or math.isnan(recomputed):
        return math.isnan(number) and math.isnan(recomputed)
    return abs(number - recomputed) <= max(_APART, _CLOSE * abs(recomputed))


def _inputs(plan: Plan, name: str, label: Any, origin: Origin, depth: int) -> tuple[Explained, ...]:
    table = getattr(plan, name)
    known = {column.name: column for column in described(name, table)}
    found = [
        _explained(plan, name, known[word], label, depth - 1)
        for word in origin.columns_of(table.columns)
        if word in known
    ]
    taken = _taken(plan, origin, name, label)
    if taken is not None:
        goals = {column.name: column for column in described("goals", plan.goals)}
        found.append(_explained(plan, "goals", goals[taken[0]], taken[1], depth - 1))
    return tuple(found)


def _taken(plan: Plan, origin: Origin, name: str, label: Any) -> tuple[str, Any] | None:
    """Return column and label of the goals' row that a figure repeats."""
    at = _goal_row(plan, name, label) if origin.taken else None
    return None if at is None else (origin.taken.partition(".")[2], at)


def _goal_row(plan: Plan, name: str, label: Any) -> Any:
    """Return the label of the goals' row of a place: of its own goal, or the headline goal."""
    level, goal, place = _LEVEL_OF[name], plan.meta.get("headline_goal"), label
    if name in GAPS:
        goal, place = getattr(plan, name).loc[label, ["goal_id", "place_id"]]
    goals = plan.goals
    chosen = goals[
        (goals["goal_id"] == goal) & (goals["level"] == level) & (goals["place_id"] == place)
    ]
    return None if chosen.empty else chosen.index[0]


def _assumed(plan: Plan, origin: Origin, row: pd.Series[Any]) -> tuple[Mapping[str, Any], ...]:
    entries, derived = _entries(plan), plan.meta.get("derived", {})
    words = [word for word in names_in(origin.formula) if "." in word]
    found: list[Mapping[str, Any]] = []
    for word in [*words, *origin.assumes]:
        if word == "goal":
            found += [_goal(goal) for goal in plan.meta["goals"] if goal["id"] == row["goal_id"]]
            continue
        if word.startswith("derived."):
            key = word.removeprefix("derived.")
            found.append({"key": word, **derived.get(key, {})})
            continue
        found += [
            entry
            for key, entry in entries.items()
            if (key == word or key.startswith(f"{word}.")) and entry not in found
        ]
    return tuple(found)


def _goal(goal: Mapping[str, Any]) -> dict[str, Any]:
    """Return a goal of the registry in the words of an assumption."""
    return {
        "key": f"goals.{goal['id']}",
        "value": goal.get("target"),
        "unit": goal.get("unit"),
        "source": goal.get("document"),
        "verified": goal.get("verified"),
        "zh": goal.get("clause_zh"),
        "en": goal.get("clause_en"),
        "layer": "default",
    }
