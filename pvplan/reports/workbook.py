"""The plan as a workbook: Summary, Goals, Parks, Districts, Roofs, Assumptions, Dictionary."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pandas as pd
from xlsxwriter import Workbook

from pvplan.assumptions import Entry, Goal
from pvplan.reports.cells import Part
from pvplan.reports.columns import SHAPES, described, encodable, tables_of
from pvplan.reports.sheets import FONT, Styles, add_sheet
from pvplan.reports.summary import add_summary
from pvplan.tables import MONTHS, WATERFALL, Column, Plan, waterfall_name

# Of each roof these stand in the other files: a sheet of some thousand roofs stays readable.
_LEFT_OUT: Final = frozenset(
    {*(f"energy_ac_kwh_{month}" for month in MONTHS), *map(waterfall_name, WATERFALL)}
)
_SHEETS: Final = (
    "goals", "gap_parks", "gap_districts", "allocation", "compliance", "reconciliation", "parks",
    "districts", "roofs",
)  # fmt: skip
_ROOFS_NOTE: Final = (
    "各月发电量与能量流见 roofs.parquet 与 plan.gpkg / energy by month and the waterfall of losses:"
    " see roofs.parquet and plan.gpkg"
)
# fmt: off
_ASSUMPTIONS: Final = (
    Column("key", "text", "", "参数", "Key"),
    Column("value", "text", "", "取值", "Value"),
    Column("number", "number", "see unit", "数值", "Value as a number", nullable=True),
    Column("unit", "text", "", "单位", "Unit"),
    Column("zh", "text", "", "含义", "Meaning (zh)"),
    Column("en", "text", "", "含义(英文)", "Meaning (en)"),
    Column("source", "text", "", "来源", "Source"),
    Column("verified", "text", "", "已核实", "Verified"),
    Column("layer", "text", "", "由谁设定", "Set by"),
)
_DICTIONARY: Final = (
    Column("table", "text", "", "表", "Table"),
    Column("column", "text", "", "列", "Column"),
    Column("zh", "text", "", "含义", "Meaning (zh)"),
    Column("en", "text", "", "含义(英文)", "Meaning (en)"),
    Column("unit", "text", "", "单位", "Unit"),
    Column("kind", "text", "", "类型", "Kind"),
    Column("sums", "text", "", "可加总", "Sums over roofs"),
    Column("missing", "text", "", "可缺失", "May be missing"),
    Column("low", "number", "see unit", "下限", "Lowest plausible", nullable=True),
    Column("high", "number", "see unit", "上限", "Highest plausible", nullable=True),
    Column("values", "text", "", "取值", "Possible values"),
    Column("where", "text", "", "所在文件", "Where to find it"),
)
# fmt: on
_IN_PARTS_NOTE: Final = "屋顶见 roofs 文件夹 / the roofs stand in the folder roofs"
_YES: Final = {True: "是 yes", False: "否 no"}


def write_workbook(plan: Plan, path: Path) -> None:
    """Write the plan as an Excel workbook.

    Parameters
    ----------
    plan
        The plan in its canonical form. ``meta["as_of"]`` dates the file in place of the clock.
    path
        The file; temporary files are made beside it.
    """
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "tmpdir": str(path.parent),
        "default_format_properties": {"font_name": FONT, "font_size": 10},
    }
    packed = BytesIO()  # a zip file on a full disk cannot even be closed
    book = Workbook(packed, options)
    try:
        _fill(book, plan)
        book.close()
    finally:
        _close_parts(book)
    path.write_bytes(packed.getbuffer())


def _close_parts(book: Workbook) -> None:
    # Where writing fails the library leaves the files of its sheets open.
    for sheet in book.worksheets():
        if sheet.fh is not None:
            with suppress(OSError):
                sheet.fh.close()


def _fill(book: Workbook, plan: Plan) -> None:
    day = datetime.fromisoformat(str(plan.meta.get("as_of", "1980-01-01"))[:10])
    book.set_properties({"title": "pvplan", "created": day})
    book.set_custom_property("fingerprint", str(plan.meta.get("fingerprint", "")), "text")
    shown = bool(plan.meta.get("city", {}).get("demonstration"))
    styles = Styles(book)
    stamp = f"{plan.meta.get('as_of', '')} · {plan.meta.get('fingerprint', '')}"
    roofs_note = _IN_PARTS_NOTE if plan.roof_parts else _ROOFS_NOTE
    add_summary(book, styles, plan)
    for name in _SHEETS:
        shape = SHAPES[name]
        add_sheet(
            book, styles, shape.en, f"{shape.zh} {shape.en}", _part(plan, name),
            demonstration=shown, note=f"{stamp} · {roofs_note}" if name == "roofs" else stamp,
            remedy="roofs.parquet" if name == "roofs" else f"{name}.csv",
        )  # fmt: skip
    add_sheet(
        book, styles, "Assumptions", "参数与目标 Assumptions and goals",
        _of_rows(_ASSUMPTIONS, [*_assumption_rows(plan.meta), *_goal_rows(plan.meta)]),
        demonstration=shown, note=stamp, remedy="run.json",
    )  # fmt: skip
    add_sheet(
        book, styles, "Data dictionary", "数据字典 Data dictionary",
        _of_rows(_DICTIONARY, list(_dictionary_rows(plan))), demonstration=shown, note=stamp,
    )  # fmt: skip


def _part(plan: Plan, name: str) -> Part:
    table = tables_of(plan)[name]
    whole = table if SHAPES[name].index is None else table.reset_index()
    left_out = _LEFT_OUT if name == "roofs" else frozenset()
    columns = tuple(item for item in described(name, table) if item.name not in left_out)
    return Part(columns, tuple(whole[column.name] for column in columns))


def _of_rows(columns: tuple[Column, ...], rows: Sequence[Mapping[str, Any]]) -> Part:
    return Part(
        columns,
        tuple(
            pd.Series(
                [_held(row.get(column.name)) for row in rows],
                dtype="float64" if column.kind == "number" else "str",
            )
            for column in columns
        ),
    )


def _held(value: Any) -> Any:
    return encodable(value) if isinstance(value, str) else value


def _assumption_rows(meta: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    known = {item.name for item in fields(Entry)}
    for entry in meta.get("assumptions", ()):
        words = {name: value for name, value in entry.items() if name in known}
        yield {**words, **_value(entry.get("value")), "verified": _YES[bool(entry.get("verified"))]}


def _goal_rows(meta: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    known = [item.name for item in fields(Goal) if item.name not in ("id", "document", "unit")]
    for goal in meta.get("goals", ()):
        for name in known:
            if goal.get(name) in (None, ""):
                continue
            yield {
                "key": f"goals.{goal['id']}.{name}",
                **_value(goal[name]),
                "unit": goal.get("unit") if name == "target" else None,
                "zh": goal.get("name_zh"),
                "en": goal.get("name_en"),
                "source": goal.get("document"),
                "verified": _YES[bool(goal.get("verified"))],
            }


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"value": str(value).lower()}
    if isinstance(value, int | float):
        return {"value": json.dumps(value), "number": float(value)}
    if isinstance(value, list | tuple):
        return {"value": ", ".join(str(item) for item in value)}
    return {"value": str(value)}


def _dictionary_rows(plan: Plan) -> Iterable[dict[str, Any]]:
    for name, table in tables_of(plan).items():
        for column in described(name, table):
            yield {
                "table": name,
                "column": column.name,
                "zh": column.zh,
                "en": column.en,
                "unit": column.unit or None,
                "kind": column.kind,
                "sums": _YES[column.sums],
                "missing": _YES[column.nullable],
                "low": column.low,
                "high": column.high,
                "values": ", ".join(column.values) or None,
                "where": SHAPES[name].where,
            }
