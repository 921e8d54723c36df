"""The first sheet of the workbook: what was computed, from what, and what came of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from pvplan.reports.sheets import Styles, put
from pvplan.reports.words import BANNER, KW_PER_MW, KWH_PER_GWH, verdict
from pvplan.tables import Plan

_M2_PER_KM2: Final = 1.0e6
_CNY_PER_MILLION: Final = 1.0e6
_PER_CENT: Final = 0.01
# column of the city's row, what it is, its unit where people read, kept units in one of those
_TOTALS: Final = (
    ("roof_count", "屋顶数", "Roofs", "", 1.0),
    ("footprint_area_m2", "屋顶面积", "Gross roof area", "km²", _M2_PER_KM2),
    ("usable_area_m2", "可利用面积", "Usable roof area", "km²", _M2_PER_KM2),
    ("capacity_dc_kw", "可装容量(直流)", "Technical potential, DC", "MW", KW_PER_MW),
    ("capacity_ac_kw", "可装容量(交流)", "Technical potential, AC", "MW", KW_PER_MW),
    ("energy_ac_kwh_per_year", "首年交流发电量", "AC energy in year one", "GWh", KWH_PER_GWH),
    ("specific_yield_kwh_per_kw", "等效利用小时", "Specific yield", "kWh/kWp", 1.0),
    ("capacity_density_w_per_m2", "单位屋顶面积容量", "DC capacity per roof area", "W/m²", 1.0),
    ("installed_total_dc_kw", "已装容量合计", "Installed", "MW", KW_PER_MW),
    ("used_potential_fraction", "已用潜力比例", "Installed / potential", "%", _PER_CENT),
    ("capex_cny", "投资额", "Capital cost", "million CNY", _CNY_PER_MILLION),
    ("npv_cny", "净现值", "Net present value", "million CNY", _CNY_PER_MILLION),
    ("lcoe_cny_per_kwh", "度电成本", "Levelised cost of electricity", "CNY/kWh", 1.0),
    ("payback_years", "静态回收期", "Simple payback", "a", 1.0),
    ("avoided_tco2_per_year", "年减排量", "Avoided emissions", "tCO₂/a", 1.0),
)
_GOAL_COLUMNS: Final = (
    ("name_zh", "目标"), ("name_en", "Goal"), ("place_zh", "地区 Place"),
    ("deadline", "期限 Deadline"), ("target", "目标值 Target"), ("installed", "已完成 Achieved"),
    ("gap", "差距 Gap"), ("unit", "单位 Unit"), ("verdict", "结论 Verdict"),
    ("reason_zh", "说明"), ("reason_en", "Why"),
)  # fmt: skip
_WIDTHS: Final = (30, 34, 18, 14, 16, 16, 16, 10, 24, 40, 40)
Cell = str | float | pd.Timestamp | None


def add_summary(book: Workbook, styles: Styles, plan: Plan) -> None:
    """Add the sheet "Summary": one screen that says what the run found.

    Parameters
    ----------
    book, styles
        The workbook and its formats.
    plan
        The plan in its canonical form.
    """
    sheet = book.add_worksheet("Summary")
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    city: Mapping[str, Any] = plan.meta.get("city", {})
    put(sheet, 0, 0, f"屋顶光伏规划 Rooftop PV plan · {_city_name(city)}", styles.title)
    row = 1
    if city.get("demonstration"):
        words = [BANNER, *(str(city[key]) for key in ("note_zh", "note_en") if city.get(key))]
        sheet.merge_range(row, 0, row, len(_WIDTHS) - 1, "", styles.banner)
        put(sheet, row, 0, " · ".join(words), styles.banner)
        row += 1
    for title, lines in _sections(plan):
        put(sheet, row + 1, 0, title, styles.of(bold=True, bottom=1, font_size=11))
        row += 2
        for line in lines:
            _line(sheet, styles, row, line)
            row += 1
    sheet.freeze_panes(1, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _city_name(city: Mapping[str, Any]) -> str:
    words = [str(city[key]) for key in ("name_zh", "name_en") if city.get(key)]
    return " ".join(words) or str(city.get("id", ""))


def _sections(plan: Plan) -> Iterator[tuple[str, list[tuple[Cell, ...]]]]:
    meta = plan.meta
    yield (
        "运行 Run",
        [
            ("评估日期", "As of", pd.Timestamp(meta["as_of"]) if meta.get("as_of") else None),
            ("情景", "Scenario", str(meta.get("scenario") or "–")),
            ("指纹", "Fingerprint", str(meta.get("fingerprint", ""))),
            ("程序版本", "Program version", str(meta.get("code_version", ""))),
        ],
    )
    yield "全市合计 Totals of the city", list(_totals(plan))
    yield "目标结论 Goals of the city", list(_goals(plan))
    yield "警告 Warnings", [(str(text),) for text in meta.get("warnings", ())] or [("无 none",)]
    yield "计数 Counts", [("", str(key), _cell(value)) for key, value in _pairs(meta, "counts")]
    yield (
        "输入 Inputs",
        [
            (str(item.get("role", "")), str(item.get("file", "")), str(item.get("sha256", "")))
            for item in meta.get("inputs", ())
        ],
    )
    yield (
        "软件版本 Versions",
        [("", str(key), str(value)) for key, value in _pairs(meta, "versions")],
    )


def _pairs(meta: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    return list(meta.get(key, {}).items())


def _cell(value: Any) -> Cell:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return float(value)


def _totals(plan: Plan) -> Iterator[tuple[Cell, ...]]:
    if not len(plan.city):
        return
    city = plan.city.iloc[0]
    for name, zh, en, unit, kept in _TOTALS:
        if name in city.index:
            value = city[name]
            # held in thousandths: nine decimals lose nothing, and take away the noise of dividing
            yield zh, en, None if pd.isna(value) else round(float(value) / kept, 9), unit


def _goals(plan: Plan) -> Iterator[tuple[Cell, ...]]:
    yield tuple(head for _, head in _GOAL_COLUMNS)
    for goal in plan.goals[plan.goals["level"] == "city"].to_dict("records"):
        shown = _in_per_cent(goal) if goal["unit"] == "1" else goal
        yield tuple(_goal_cell(name, shown[name]) for name, _ in _GOAL_COLUMNS)


def _in_per_cent(goal: Mapping[Any, Any]) -> dict[Any, Any]:
    shares = {name: round(goal[name] / _PER_CENT, 9) for name in ("target", "installed", "gap")}
    return {**goal, **shares, "unit": "%"}


def _goal_cell(name: str, value: Any) -> Cell:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value
    if name == "verdict":
        return verdict(str(value))
    return float(value) if isinstance(value, int | float) else str(value)


def _line(sheet: Worksheet, styles: Styles, row: int, cells: tuple[Cell, ...]) -> None:
    for column, value in enumerate(cells):
        if isinstance(value, str):
            put(sheet, row, column, value, styles.of(indent=1 if column > 2 else 0))
        elif isinstance(value, pd.Timestamp):
            style = styles.of(num_format="yyyy-mm-dd", align="left")
            sheet.write_datetime(row, column, value.to_pydatetime(), style)
        elif value is not None and math.isfinite(value):
            whole = value.is_integer() or abs(value) >= _M2_PER_KM2
            style = styles.of(num_format="#,##0" if whole else "#,##0.000")
            sheet.write_number(row, column, value, style)
