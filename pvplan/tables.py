"""Every column that flows through the house: unit, meaning, range, and whether it sums.

Column words follow pvlib's nomenclature where it has one; every other quantity carries its
unit in its name. Columns marked ``sums`` are held in thousandths (see :func:`to_thousandths`),
so that any order of adding gives the same digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.errors import TableError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Selection = npt.NDArray[np.bool_] | npt.NDArray[np.int64]
Kind = Literal["text", "number", "count", "date", "flag"]

MONTHS: Final = tuple(f"{month:02d}" for month in range(1, 13))
ROOF_FORMS: Final = ("flat_concrete", "metal_sheet", "saw_tooth", "pitched")
HEIGHT_SOURCES: Final = ("given", "floors", "default")
FORM_SOURCES: Final = ("given", "inferred")
CORRECTED: Final = "corrected"
"""Source of a fact that a person put in the place of the files' estimate."""
MOUNTINGS: Final = ("flush", "racked", "east_west")
STRUCTURE_STATES: Final = ("usable", "needs_survey", "blocked", "by_share")
ROOF_STATES: Final = (
    "installed", "under_construction", "filed", "feasible", "blocked", "not_assessable",
)  # fmt: skip
DECIDED_STATES: Final = ROOF_STATES[3:]
"""States that a person may record of a roof; the others follow from the register."""
STATUSES: Final = ("filed", "under_construction", "commissioned", "retired")
VERDICTS: Final = ("met", "missed", "on_track", "behind", "not_assessable")
CURVE_STATES: Final = ("reached", "projected", "never", "too_short", "not_fitted")
OUTSIDE_PARKS: Final = "outside-parks"
OUTSIDE_DISTRICTS: Final = "outside-districts"
MATCHES: Final = ("decision", "roof_id", "coordinates", "name", "park", "none")
SEVERITIES: Final = ("error", "doubt", "note")
FINDINGS: Final = (
    "unmatched", "ambiguous", "unit_w", "unit_mw", "unit_10mw", "ac_for_dc", "duplicate",
    "filed_as_commissioned", "gcj02", "larger_than_roof", "future_date", "no_date",
)  # fmt: skip
DEMONSTRATION: Final = "demonstration"


@dataclass(frozen=True)
class Column:
    """One column: what it is called, measured in, means, and may hold.

    ``low`` and ``high`` bound plausible values (inclusive); ``sums`` marks a quantity whose
    value at a level is the sum over its roofs; ``nullable`` allows missing values.
    """

    name: str
    kind: Kind
    unit: str
    zh: str
    en: str
    low: float | None = None
    high: float | None = None
    sums: bool = False
    nullable: bool = False
    values: tuple[str, ...] = ()


def _month_columns() -> list[Column]:
    return [
        Column(
            f"energy_ac_kwh_{month}", "number", "kWh",
            f"{int(month)}月交流发电量", f"AC energy in month {int(month)}", 0, sums=True,
        )
        for month in MONTHS
    ]  # fmt: skip


WATERFALL: Final = {
    "horizontal": ("水平面辐照×容量", "Horizontal irradiation × capacity"),
    "transposition": ("倾斜面增益", "Gain of the tilted plane"),
    "horizon_beam": ("周边遮挡直射", "Beam lost to the horizon"),
    "horizon_sky": ("周边遮挡散射", "Sky light lost to the horizon"),
    "rows": ("阵列互遮", "Rows shading rows"),
    "incidence": ("入射角反射", "Reflection at the glass"),
    "rear": ("背面增益", "Rear gain"),
    "temperature": ("温度", "Temperature"),
    "soiling": ("灰尘", "Soiling"),
    "shading": ("其他遮挡", "Shading that no data show"),
    "snow": ("积雪", "Snow"),
    "mismatch": ("失配", "Mismatch"),
    "wiring": ("线损", "Wiring"),
    "connections": ("接头", "Connections"),
    "nameplate": ("标称偏差", "Nameplate"),
    "degradation": ("首年衰减", "First-year degradation"),
    "availability": ("停机", "Availability"),
    "inverter": ("逆变器", "Inverter"),
    "clipping": ("限幅", "Clipping"),
}
"""The year's energy step by step, zh and en: from horizontal irradiation to AC; they add up."""


def waterfall_name(step: str) -> str:
    """Return the column of one step of the waterfall."""
    return f"waterfall_{step}_kwh"


def _waterfall_columns() -> list[Column]:
    return [
        Column(
            waterfall_name(step), "number", "kWh", f"能量流: {zh}", f"Waterfall: {en}", sums=True
        )
        for step, (zh, en) in WATERFALL.items()
    ]


# fmt: off
BUILDINGS: Final = (
    Column("name", "text", "", "名称", "Name", nullable=True),
    Column("height_m", "number", "m", "高度", "Height above ground", 0, 1000),
    Column("height_source", "text", "", "高度来源", "Source of the height",
           values=(*HEIGHT_SOURCES, CORRECTED)),
    Column("use", "text", "", "用途", "Use", nullable=True),
    Column("completed_on", "date", "", "竣工日期", "Completed on", nullable=True),
    Column("source", "text", "", "数据来源", "Source of the row", nullable=True),
    Column("park_id", "text", "", "园区编号", "Park id", nullable=True),
    Column("district_id", "text", "", "区编号", "District id", nullable=True),
)
CLAUSE_EVIDENCE: Final = (
    Column("started_on", "date", "", "开工日期", "Construction started on", nullable=True),
    Column("other_renewable", "text", "", "其他可再生能源", "Another renewable in use, or none",
           nullable=True),
    Column("exempt_reason", "text", "", "豁免理由", "Why the clause does not apply", nullable=True),
)
"""What a buildings file may say beside BUILDINGS for the check of new plants."""
SURVEYED: Final = (
    Column("roof_form_corrected", "flag", "", "屋面形式经核实", "The roof form is a correction"),
    Column("surveyed_load_kn_per_m2", "number", "kN/m²", "结构复核允许的附加恒载",
           "Added permanent load that a survey of the structure allows", 0, 10, nullable=True),
)
"""What corrections say beside BUILDINGS; a table without them is one that nobody corrected."""
FACTS: Final = (
    Column("roof_form", "text", "", "屋面形式", "Roof form", values=ROOF_FORMS),
    Column("height_m", "number", "m", "高度", "Height above ground", 1, 400),
    SURVEYED[1],
    Column("obstruction", "text", "", "屋顶障碍物", "Obstruction on the roof"),
    Column("completed_on", "date", "", "竣工日期", "Completed on"),
    Column("renewal_year", "count", "", "屋面翻新年份", "Year of the roof's renewal", 1950, 2100),
    Column("name", "text", "", "名称", "Name"),
)
"""Facts of a roof that a person may correct: what each may be, and its unit."""
CORRECTIONS: Final = (
    Column("roof_id", "text", "", "屋顶编号", "Roof id"),
    Column("fact", "text", "", "事实", "Fact", values=tuple(fact.name for fact in FACTS)),
    Column("value", "text", "", "实际值", "Actual value; empty takes it back", nullable=True),
    Column("estimate", "text", "", "估计值", "Estimate that it replaced", nullable=True),
    Column("estimate_source", "text", "", "估计来源", "Where the estimate came from",
           nullable=True),
    Column("evidence", "text", "", "依据", "Evidence", nullable=True),
    Column("recorded_by", "text", "", "记录人", "Recorded by"),
    Column("recorded_at", "text", "", "记录时间", "Recorded at (ISO 8601)"),
)
"""The file of corrections, a row for each; it only grows, and the last word on a fact holds."""
ROOFS: Final = (
    *BUILDINGS,
    Column("roof_form", "text", "", "屋面形式", "Roof form", values=ROOF_FORMS),
    Column("roof_form_source", "text", "", "屋面形式来源", "Source of the roof form",
           values=(*FORM_SOURCES, CORRECTED)),
    Column("footprint_area_m2", "number", "m²", "屋顶(投影)面积", "Gross roof area in plan",
           0, 5e6, sums=True),
    Column("usable_area_m2", "number", "m²", "可利用面积(投影)", "Usable roof area in plan",
           0, 5e6, sums=True),
    Column("module_area_m2", "number", "m²", "组件面积", "Sum of module areas", 0, 5e6, sums=True),
    Column("module_count", "count", "", "组件数", "Modules", 0, sums=True),
    Column("plane_count", "count", "", "屋面数", "Planes", 0, 1000),
    Column("surface_tilt", "number", "°", "组件倾角", "Module tilt (main array)", 0, 90,
           nullable=True),
    Column("surface_azimuth", "number", "°", "组件方位角(180为正南)",
           "Module azimuth, 180 = south (main array)", 0, 360, nullable=True),
    Column("gcr", "number", "1", "阵列占地比", "Ground coverage ratio", 0, 1),
    Column("row_pitch_m", "number", "m", "阵列行距", "Row pitch", 0, 100, nullable=True),
    Column("capacity_dc_kw", "number", "kWp", "可装容量(直流)", "Technical potential, DC",
           0, 1e6, sums=True),
    Column("capacity_ac_kw", "number", "kW", "可装容量(交流)", "Technical potential, AC",
           0, 1e6, sums=True),
    Column("mounting", "text", "", "安装方式", "Mounting (main array)", nullable=True,
           values=MOUNTINGS),
    Column("arrangement", "text", "", "布置方案", "Arrangement of the main array", nullable=True),
    Column("arrangement_runner_up", "text", "", "次优方案", "Second best arrangement",
           nullable=True),
    Column("arrangement_margin_fraction", "number", "1", "次优方案差距",
           "What the second best lacks of the best", 0, 1, nullable=True),
    Column("structure_state", "text", "", "荷载状态", "Whether the structure bears it",
           values=STRUCTURE_STATES),
    Column("capacity_needs_survey_dc_kw", "number", "kWp", "其中需结构复核的容量",
           "Part of the potential that needs a structural survey", 0, 1e6, sums=True),
    Column("capacity_blocked_dc_kw", "number", "kWp", "荷载不允许的容量(不计入)",
           "Capacity the structure does not bear (not in the potential)", 0, 1e6, sums=True),
    Column("sky_view_fraction", "number", "1", "天空可视比例", "Sky view of the arrays", 0, 1,
           nullable=True),
    Column("beam_shading_fraction", "number", "1", "直射遮挡损失比例",
           "Share of the year's beam lost to the horizon", 0, 1, nullable=True),
    Column("ghi_kwh_per_m2_per_year", "number", "kWh/m²", "年水平面总辐照量",
           "Global horizontal irradiation per year", 300, 3000),
    Column("poa_reference_kwh_per_year", "number", "kWh", "理论发电量(倾斜面辐照×容量)",
           "Reference energy: plane-of-array irradiation × capacity", 0, sums=True),
    Column("energy_ac_kwh_per_year", "number", "kWh", "首年交流发电量", "AC energy in year one",
           0, sums=True),
    *_month_columns(),
    *_waterfall_columns(),
)
PLAN_ROOFS: Final = (
    *ROOFS,
    Column("in_goal_scope", "flag", "", "计入工业目标", "Counts toward the industrial goals"),
    Column("is_new_plant", "flag", "", "新建厂房", "New plant (by completion date)"),
    Column("installed_dc_kw", "number", "kWp", "已装容量(屋顶已核对)",
           "Installed, matched to the roof", 0, 1e6, sums=True, nullable=True),
    Column("under_construction_dc_kw", "number", "kWp", "在建容量(屋顶已核对)",
           "Under construction, matched to the roof", 0, 1e6, sums=True, nullable=True),
    Column("filed_dc_kw", "number", "kWp", "已备案容量(屋顶已核对)",
           "Filed, matched to the roof", 0, 1e6, sums=True, nullable=True),
    Column("roof_state", "text", "", "屋顶状态", "State of the roof", values=ROOF_STATES),
    Column("state_reason_zh", "text", "", "状态原因", "Why it is in that state (zh)",
           nullable=True),
    Column("state_reason_en", "text", "", "状态原因(英文)", "Why it is in that state",
           nullable=True),
    Column("state_evidence", "text", "", "证据", "Evidence of the state", nullable=True),
    Column("state_review_on", "date", "", "复核日期", "Day on which the state is reviewed",
           nullable=True),
    Column("feasible_dc_kw", "number", "kWp", "可装未装容量", "Feasible, not started", 0, 1e6,
           sums=True),
    Column("blocked_dc_kw", "number", "kWp", "受限容量", "On blocked roofs, not started", 0, 1e6,
           sums=True),
    Column("not_assessable_dc_kw", "number", "kWp", "无法评估的容量",
           "On roofs not assessable, not started", 0, 1e6, sums=True),
    Column("remainder_dc_kw", "number", "kWp", "已用屋顶的剩余容量",
           "Left over on roofs that count as used", 0, 1e6, sums=True),
    Column("over_potential_dc_kw", "number", "kWp", "登记超出潜力的容量",
           "Registered above the potential", 0, 1e6, sums=True),
    Column("capex_cny", "number", "CNY", "投资额", "Capital cost of the potential", 0, sums=True),
    Column("opex_cny_per_year", "number", "CNY/a", "年运维费", "Operating cost per year", 0,
           sums=True),
    Column("revenue_cny_per_year", "number", "CNY/a", "首年收益", "Revenue in year one", 0,
           sums=True),
    Column("npv_cny", "number", "CNY", "净现值", "Net present value", sums=True),
    Column("avoided_tco2_per_year", "number", "tCO₂/a", "年减排量", "Avoided emissions per year",
           0, sums=True),
)
RATIOS: Final = (
    Column("specific_yield_kwh_per_kw", "number", "kWh/kWp", "等效利用小时(首年)",
           "Specific yield, year one", 0, 2500, nullable=True),
    Column("performance_ratio_fraction", "number", "1", "系统效率(PR)", "Performance ratio",
           0, 1.05, nullable=True),
    Column("coverage_fraction", "number", "1", "组件面积/屋顶面积",
           "Module area / gross roof area, if all is built", 0, 1.5, nullable=True),
    Column("capacity_density_w_per_m2", "number", "W/m²", "单位屋顶面积容量",
           "DC capacity per gross roof area", 0, 300, nullable=True),
    Column("used_potential_fraction", "number", "1", "已用潜力比例",
           "Installed / technical potential", 0, nullable=True),
    Column("lcoe_cny_per_kwh", "number", "CNY/kWh", "度电成本", "Levelised cost of electricity",
           0, nullable=True),
    Column("payback_years", "number", "a", "静态回收期", "Simple payback", 0, nullable=True),
)
LEVEL_HEAD: Final = (
    Column("name_zh", "text", "", "名称", "Name (zh)", nullable=True),
    Column("name_en", "text", "", "英文名称", "Name (en)", nullable=True),
    Column("source", "text", "", "数据来源", "Source of the rows", nullable=True),
    Column("roof_count", "count", "", "屋顶数", "Roofs", 0, sums=True),
)
LEVEL_REGISTER: Final = (
    Column("installed_unlocated_dc_kw", "number", "kWp", "已装容量(仅知园区)",
           "Installed, park known, roof not", 0, sums=True, nullable=True),
    Column("installed_total_dc_kw", "number", "kWp", "已装容量合计", "Installed, total", 0,
           sums=True, nullable=True),
)
LEVEL_GOAL: Final = (
    Column("goal_id", "text", "", "目标编号", "Goal the gap refers to", nullable=True),
    Column("target_dc_kw", "number", "kWp", "目标值", "Target", 0, nullable=True),
    Column("installed_in_scope_dc_kw", "number", "kWp", "计入目标的已装容量",
           "Installed, in the goal's scope", 0, nullable=True),
    Column("gap_dc_kw", "number", "kWp", "差距(目标−计入目标的已装)",
           "Gap (target − installed in scope)", nullable=True),
)
def _percentile_columns(
    name: str, unit: str, shown: str, zh: str, en: str, *, low: float | None = 0.0
) -> tuple[Column, ...]:
    """Return P10, P50 and P90 of a quantity: percentiles, P10 the smallest."""
    return tuple(
        Column(
            f"{name}_{word}_{unit}", "number", shown, f"{zh} {word.upper()}",
            f"{en}, {word.upper()}: {chance} % chance of not more", low, nullable=True,
        )
        for word, chance in (("p10", 10), ("p50", 50), ("p90", 90))
    )  # fmt: skip


LEVEL_DOUBT: Final = (
    *_percentile_columns("capacity", "dc_kw", "kWp", "可装容量", "Technical potential"),
    *_percentile_columns("energy", "kwh_per_year", "kWh", "年发电量(多年平均)",
                         "AC energy of a mean year"),
    *_percentile_columns("energy_single_year", "kwh", "kWh", "单一年份发电量",
                         "AC energy of a single year"),
)
GOAL_DOUBT: Final = (
    *_percentile_columns("gap", "dc_kw", "kWp", "差距", "Gap", low=None),
    Column("reachable_probability_fraction", "number", "1", "屋顶装得下目标的概率",
           "Probability that the usable roofs can hold the target", 0, 1, nullable=True),
    Column("attained_on_p10", "date", "", "达标日 P10(按近12个月)",
           "Reached at the pace of 12 months, 10 % chance of not later", nullable=True),
    Column("attained_on_p50", "date", "", "达标日 P50(按近12个月)",
           "Reached at the pace of 12 months, 50 % chance of not later", nullable=True),
    Column("attained_on_p90", "date", "", "达标日 P90(按近12个月)",
           "Reached at the pace of 12 months, 90 % chance of not later", nullable=True),
)
GOALS: Final = (
    Column("goal_id", "text", "", "目标编号", "Goal"),
    Column("name_zh", "text", "", "目标", "Goal (zh)"),
    Column("name_en", "text", "", "目标(英文)", "Goal (en)"),
    Column("level", "text", "", "层级", "Level", values=("city", "district", "park")),
    Column("place_id", "text", "", "地区编号", "Place id"),
    Column("place_zh", "text", "", "地区", "Place (zh)", nullable=True),
    Column("place_en", "text", "", "地区(英文)", "Place (en)", nullable=True),
    Column("deadline", "date", "", "期限", "Deadline"),
    Column("as_of", "date", "", "评估日期", "As of"),
    Column("verdict", "text", "", "结论", "Verdict", values=VERDICTS),
    Column("target", "number", "see unit", "目标值", "Target", nullable=True),
    Column("installed", "number", "see unit", "已完成", "Achieved", nullable=True),
    Column("gap", "number", "see unit", "差距", "Gap", nullable=True),
    Column("unit", "text", "", "单位", "Unit"),
    Column("target_dc_kw", "number", "kWp", "目标容量", "Target in capacity", nullable=True),
    Column("installed_dc_kw", "number", "kWp", "已装容量", "Installed capacity", nullable=True),
    Column("gap_dc_kw", "number", "kWp", "容量差距", "Gap in capacity", nullable=True),
    Column("rank", "count", "", "差距排名(1为最大)", "Rank by gap, 1 = widest", 1, nullable=True),
    Column("unmatched_dc_kw", "number", "kWp", "未核对登记容量", "Register rows without a place",
           nullable=True),
    Column("undated_dc_kw", "number", "kWp", "无并网日期的容量", "Commissioned, no date known", 0,
           nullable=True),
    Column("under_construction_dc_kw", "number", "kWp", "在建容量(不计入)",
           "Under construction, not counted", 0, nullable=True),
    Column("filed_dc_kw", "number", "kWp", "已备案容量(不计入)", "Filed, not counted", 0,
           nullable=True),
    Column("potential_dc_kw", "number", "kWp", "范围内屋顶可装容量",
           "Technical potential of the roofs in scope", 0, nullable=True),
    Column("used_potential_fraction", "number", "1", "已用潜力比例",
           "Installed / technical potential", 0, nullable=True),
    Column("unreachable_dc_kw", "number", "kWp", "屋顶装满仍达不到的部分",
           "Part of the target that the roofs in scope cannot hold", 0, nullable=True),
    Column("pace_needed_kw_per_year", "number", "kWp/a", "所需年均新增", "Pace needed",
           nullable=True),
    Column("pace_trailing_kw_per_year", "number", "kWp/a", "近12个月新增",
           "Pace of the last 12 months", nullable=True),
    Column("pace_trailing_36_kw_per_year", "number", "kWp/a", "近36个月年均新增",
           "Pace of the last 36 months", nullable=True),
    Column("pace_ratio", "number", "1", "近12个月新增/所需新增", "Pace of 12 months / pace needed",
           0, nullable=True),
    Column("attained_on_linear", "date", "", "达标日(按近12个月；已达则为当日)",
           "Reached at the pace of 12 months, or the day it was", nullable=True),
    Column("attained_on_linear_36", "date", "", "达标日(按近36个月；已达则为当日)",
           "Reached at the pace of 36 months, or the day it was", nullable=True),
    Column("attained_on_logistic", "date", "", "达标日(S形曲线)",
           "Reached by the logistic curve", nullable=True),
    Column("attained_on_logistic_p10", "date", "", "达标日(S形曲线，P10)",
           "Reached by the logistic curve, 10 % chance earlier", nullable=True),
    Column("attained_on_logistic_p90", "date", "", "达标日(S形曲线，P90)",
           "Reached by the logistic curve, 90 % chance earlier", nullable=True),
    Column("curve_state", "text", "", "S形曲线状态", "What the logistic curve says",
           values=CURVE_STATES),
    *GOAL_DOUBT,
    Column("reason_zh", "text", "", "说明", "Why (zh)", nullable=True),
    Column("reason_en", "text", "", "说明(英文)", "Why (en)", nullable=True),
    Column("scope", "text", "", "范围", "Scope"),
    Column("metric", "text", "", "指标", "Metric"),
    Column("denominator", "text", "", "分母", "Denominator"),
    Column("target_method", "text", "", "目标值来由", "How the target came about"),
    Column("clause_zh", "text", "", "条文", "Clause text"),
    Column("clause_en", "text", "", "条文(英文释义)", "Clause, English gloss"),
    Column("goal_source", "text", "", "文件出处", "Document"),
    Column("document_date", "date", "", "文件日期", "Day of the document", nullable=True),
    Column("goal_read_in", "text", "", "查阅处", "Where the document was read"),
    Column("owner", "text", "", "责任单位", "Who answers for it"),
    Column("superseded_by", "text", "", "被何目标取代", "Goal that replaced it", nullable=True),
    Column("verified", "flag", "", "已核实", "Verified"),
)
_OF_GOALS: Final = {column.name: column for column in GOALS}
# What sums many roofs knows no roof's bound.
_OF_ROOFS: Final = {column.name: replace(column, high=None) for column in PLAN_ROOFS}
GAP: Final = (
    *(_OF_GOALS[name] for name in (
        "goal_id", "name_zh", "name_en", "place_id", "place_zh", "place_en", "deadline", "as_of",
        "verdict", "target_dc_kw", "target_method",
    )),
    Column("lower_dc_kw", "number", "kWp", "目标下限", "Lower bound of the share", 0,
           nullable=True),
    Column("upper_dc_kw", "number", "kWp", "目标上限", "Upper bound of the share", 0,
           nullable=True),
    Column("bound", "text", "", "所在界限", "Bound at which the share stands", nullable=True,
           values=("lower", "upper", "negotiated")),
    *(_OF_GOALS[name] for name in ("installed_dc_kw", "gap_dc_kw", "rank")),
    Column("installed_on_roofs_dc_kw", "number", "kWp", "已装容量(范围内屋顶)",
           "Running on roofs in scope", 0, nullable=True),
    *(_OF_GOALS[name] for name in (
        "gap_p10_dc_kw", "gap_p50_dc_kw", "gap_p90_dc_kw", "potential_dc_kw",
        "used_potential_fraction", "unreachable_dc_kw", "reachable_probability_fraction",
        "under_construction_dc_kw", "filed_dc_kw",
    )),
    *(_OF_ROOFS[name] for name in (
        "feasible_dc_kw", "blocked_dc_kw", "not_assessable_dc_kw", "remainder_dc_kw",
        "over_potential_dc_kw",
    )),
    Column("under_construction_on_roofs_dc_kw", "number", "kWp", "在建容量(范围内屋顶)",
           "Under construction on roofs in scope", 0, nullable=True),
    Column("filed_on_roofs_dc_kw", "number", "kWp", "已备案容量(范围内屋顶)",
           "Filed on roofs in scope", 0, nullable=True),
    Column("feasible_roof_count", "count", "", "可装未装屋顶数",
           "Roofs with feasible capacity left", 0),
    *(_OF_GOALS[name] for name in (
        "pace_needed_kw_per_year", "pace_trailing_kw_per_year", "pace_trailing_36_kw_per_year",
        "pace_ratio", "attained_on_linear", "attained_on_p10", "attained_on_p90", "reason_zh",
        "reason_en", "goal_source", "verified",
    )),
)
"""The account of each place of a level against each goal, roofs in the goal's scope."""
LEDGER: Final = (
    Column("roof_id", "text", "", "屋顶编号", "Roof id", nullable=True),
    Column("park_id", "text", "", "园区编号", "Park id", nullable=True),
    Column("district_id", "text", "", "区编号", "District id", nullable=True),
    Column("capacity_dc_kw", "number", "kWp", "容量(直流)", "DC capacity", 0, nullable=True),
    Column("capacity_ac_kw", "number", "kW", "容量(交流)", "AC capacity", 0, nullable=True),
    Column("status", "text", "", "状态", "Status", values=STATUSES),
    Column("filed_on", "date", "", "备案日期", "Filed on", nullable=True),
    Column("commissioned_on", "date", "", "并网日期", "Commissioned on", nullable=True),
    Column("matched_by", "text", "", "核对方式", "Matched by",
           values=MATCHES),
    Column("match_score", "number", "1", "核对可信度", "Score of the match", 0, 1, nullable=True),
    Column("match_zh", "text", "", "核对依据", "What speaks for the match (zh)", nullable=True),
    Column("match_en", "text", "", "核对依据(英文)", "What speaks for the match", nullable=True),
    Column("part_of", "text", "", "所属登记项", "Register row of which this is a part",
           nullable=True),
    Column("possible_dc_kw", "number", "kWp", "更正后至多计入的容量(未计入的行)",
           "What a row that counts nowhere may add at most once mended, if not all", 0,
           nullable=True),
    Column("source", "text", "", "数据来源", "Source of the row", nullable=True),
)
RECONCILIATION: Final = (
    Column("finding", "text", "", "问题", "Finding", values=FINDINGS),
    Column("system_id", "text", "", "系统编号", "System id", nullable=True),
    Column("row", "count", "", "行号(自1起)", "Row in the file, first = 1", 1, nullable=True),
    Column("roof_id", "text", "", "候选屋顶", "Roof, or candidate", nullable=True),
    Column("park_id", "text", "", "园区编号", "Park id", nullable=True),
    Column("score", "number", "1", "可信度", "Score of the candidate", 0, 1, nullable=True),
    Column("stated_kw", "number", "kWp", "登记容量", "Capacity as stated", 0, nullable=True),
    Column("suggested_kw", "number", "kWp", "建议容量", "Capacity suggested", 0, nullable=True),
    Column("reason_zh", "text", "", "说明", "Why (zh)"),
    Column("reason_en", "text", "", "说明(英文)", "Why (en)"),
    Column("severity", "text", "", "程度", "Severity", values=SEVERITIES),
)
"""One row a finding. An ``error`` keeps its row out of the sums; a ``doubt`` counts, listed."""
ALLOCATION: Final = (
    Column("level", "text", "", "层级", "Level", values=("district", "park")),
    Column("place_id", "text", "", "地区编号", "Place id"),
    Column("district_id", "text", "", "区编号", "District id"),
    Column("method", "text", "", "分解方法", "What the goal is split by"),
    Column("weight", "number", "see method", "权重", "Weight", 0),
    Column("lower_dc_kw", "number", "kWp", "下限", "Lower bound", 0),
    Column("upper_dc_kw", "number", "kWp", "上限(空为不限)", "Upper bound, none if missing", 0,
           nullable=True),
    Column("allocated_dc_kw", "number", "kWp", "分解目标", "Share of the goal", 0, sums=True),
    Column("at_lower", "flag", "", "在下限", "Stands at its lower bound"),
    Column("at_upper", "flag", "", "在上限", "Stands at its upper bound"),
    Column("fixed", "flag", "", "协商确定", "Negotiated"),
)
"""A goal split to districts and parks; the parks of a district sum to its row."""
CLAUSE_STATES: Final = ("pass", "fail", "exempt", "insufficient_evidence")
GOAL_ALLOCATION: Final = (
    Column("goal_id", "text", "", "目标编号", "Goal"),
    *ALLOCATION,
    Column("is_chosen", "flag", "", "采用的方法", "By the method in use"),
    Column("difference_dc_kw", "number", "kWp", "与采用方法之差", "More than by the method in use"),
    Column("shortfall_dc_kw", "number", "kWp", "无处可分的部分(该方法合计)",
           "Part of the goal that no place can take, whole method", 0),
    Column("surplus_dc_kw", "number", "kWp", "下限合计超出目标的部分(该方法合计)",
           "What lower bounds hold above the goal, whole method", 0),
)
"""By method: district shares + shortfall − surplus = the goal."""
COMPLIANCE: Final = (
    Column("roof_id", "text", "", "屋顶编号", "Roof id"),
    Column("name", "text", "", "名称", "Name", nullable=True),
    Column("park_id", "text", "", "园区编号", "Park id", nullable=True),
    Column("district_id", "text", "", "区编号", "District id", nullable=True),
    Column("completed_on", "date", "", "竣工日期", "Completed on", nullable=True),
    Column("gross_roof_area_m2", "number", "m²", "屋顶面积", "Gross roof area", 0, nullable=True),
    Column("pv_area_m2", "number", "m²", "光伏面积(所选口径)", "PV area by the chosen definition",
           0, nullable=True),
    Column("pv_field_area_m2", "number", "m²", "阵列占地面积", "Array field with gaps", 0,
           nullable=True),
    Column("required_area_m2", "number", "m²", "要求面积", "Area required", 0, nullable=True),
    Column("covered_fraction", "number", "1", "光伏面积/屋顶面积", "PV area / gross roof area", 0,
           nullable=True),
    Column("margin_m2", "number", "m²", "余量(负为缺口)", "PV area less required", nullable=True),
    Column("missing_dc_kw", "number", "kWp", "缺口容量", "Capacity that would fill the gap", 0,
           nullable=True),
    Column("pass_probability_fraction", "number", "1", "面积达标概率",
           "Probability that the area suffices", 0, 1, nullable=True),
    Column("potential_area_m2", "number", "m²", "装满时光伏面积", "PV area if all is built", 0,
           nullable=True),
    Column("reachable", "flag", "", "屋顶可否达到", "Whether the roof could reach it at all",
           nullable=True),
    Column("area_state", "text", "", "面积结论", "Area test", values=CLAUSE_STATES),
    Column("renewable_state", "text", "", "可再生能源结论", "Test of one renewable at least",
           values=CLAUSE_STATES),
    Column("state", "text", "", "结论", "Both tests", values=CLAUSE_STATES),
    Column("reason_zh", "text", "", "理由", "Why it fails or is exempt (zh)", nullable=True),
    Column("reason_en", "text", "", "理由(英文)", "Why it fails or is exempt", nullable=True),
    Column("missing_zh", "text", "", "缺少的证据", "Evidence missing (zh)", nullable=True),
    Column("missing_en", "text", "", "缺少的证据(英文)", "Evidence missing", nullable=True),
)
"""One row a building, held against the clause of new plants."""
REJECTED: Final = (
    Column("input", "text", "", "输入", "Input",
           values=("buildings", "parks", "districts", "register", "weather", "irradiance",
                   "obstructions", "surface_model", "ledger", "corrections")),
    Column("file", "text", "", "文件", "File"),
    Column("row", "count", "", "行号(自1起)", "Row in the file, first = 1", nullable=True),
    Column("id", "text", "", "编号", "Id", nullable=True),
    Column("reason", "text", "", "原因", "Reason"),
    Column("done", "text", "", "处理", "What was done",
           values=("rejected", "altered", "unmatched")),
    Column("detail", "text", "", "处理说明", "Detail", nullable=True),
)
REJECTED_TOLD: Final = (
    *REJECTED[:5],
    Column("reason_zh", "text", "", "原因(中文)", "Reason (zh)"),
    *REJECTED[5:],
)
"""REJECTED as written and shown: the reason in Chinese stands beside the English one."""
# fmt: on


def names(columns: Iterable[Column]) -> list[str]:
    """Return the column names in order."""
    return [column.name for column in columns]


def sum_names(columns: Iterable[Column]) -> list[str]:
    """Return the names of the columns that sum, in order."""
    return [column.name for column in columns if column.sums]


def to_thousandths(values: npt.ArrayLike) -> Floats:
    """Round to thousandths, so that sums over whole thousandths are exact in any order.

    Parameters
    ----------
    values
        Any shape; NaN stays NaN. Magnitudes up to 9e12 keep their thousandths exactly.

    Returns
    -------
    ndarray of float64
        The nearest multiples of 0.001.
    """
    return np.rint(np.asarray(values, dtype=np.float64) * 1000.0) / 1000.0


def exact_sum(values: pd.Series[Any] | Floats) -> float:
    """Sum thousandths as integers: the same digits in any order, NaN if any value is missing.

    An empty input sums to 0.
    """
    array = np.asarray(values, dtype=np.float64)
    if np.isnan(array).any():
        return float("nan")
    return float(np.rint(array * 1000.0).astype(np.int64).sum()) / 1000.0


SCOPED: Final = ("in_goal_scope", "is_new_plant")
"""The columns of PLAN roofs that say which goals speak of a roof."""


def scope_of(roofs: pd.DataFrame, scope: str) -> pd.Series[bool]:
    """Return which roofs a goal of some scope speaks of.

    Parameters
    ----------
    roofs
        PLAN roofs: :data:`SCOPED` are read.
    scope
        ``existing_industrial``, ``new_industrial``, ``industrial``, or ``all``.
    """
    industrial, new = roofs["in_goal_scope"].astype(bool), roofs["is_new_plant"].astype(bool)
    chosen: dict[str, pd.Series[bool]] = {
        "existing_industrial": industrial & ~new,
        "new_industrial": industrial & new,
        "industrial": industrial,
        "all": pd.Series(True, index=roofs.index),
    }
    return chosen[scope]


def check(table: pd.DataFrame, columns: Iterable[Column], *, title: str) -> None:
    """Check a table against its columns and raise once with every fault.

    Parameters
    ----------
    table
        The table; extra columns are allowed.
    columns
        What it must hold.
    title
        What the message calls it, usually a file name.

    Raises
    ------
    TableError
        A column is missing, a value is missing, out of range, unknown, or a summing column is
        not held in thousandths. Each fault names column, row count, first row and value.
    """
    faults: list[str] = []
    for column in columns:
        if column.name not in table.columns:
            faults.append(f"{title}: {column.name}: column is missing")
            continue
        faults.extend(_faults_of(table[column.name], column, title))
    if faults:
        raise TableError(faults)


def _faults_of(series: pd.Series[Any], column: Column, title: str) -> list[str]:
    missing = series.isna()
    faults = [] if column.nullable else _fault(title, column, series, missing, "missing")
    if column.kind in ("number", "count"):
        number = pd.to_numeric(series, errors="coerce").astype(np.float64)
        faults += _fault(title, column, series, ~missing & ~np.isfinite(number), "not a number")
        if column.low is not None:
            wrong = number < column.low
            faults += _fault(title, column, series, wrong, f"below {column.low:g}")
        if column.high is not None:
            wrong = number > column.high
            faults += _fault(title, column, series, wrong, f"above {column.high:g}")
        if column.sums:
            scaled = number * 1000.0
            wrong = (scaled - scaled.round()).abs() > 1e-4 * np.maximum(1.0, scaled.abs() * 1e-9)
            faults += _fault(title, column, series, wrong.fillna(False), "not in thousandths")
    if column.values:
        wrong = ~missing & ~series.isin(column.values)
        faults += _fault(title, column, series, wrong, f"not one of {', '.join(column.values)}")
    return faults


def _fault(
    title: str, column: Column, series: pd.Series[Any], wrong: pd.Series[Any], what: str
) -> list[str]:
    count = int(wrong.sum())
    if not count:
        return []
    position = int(np.asarray(wrong, dtype=bool).argmax())
    first, value = series.index[position], series.iloc[position]
    return [f"{title}: {column.name}: {count} rows {what} (first: row '{first}' = {value!r})"]


@dataclass(frozen=True)
class Weather:
    """A year of hourly weather of one place, as its source labelled it.

    Attributes
    ----------
    hourly
        Index: tz-aware times as the file labels them, one row an hour. Columns ``ghi``,
        ``dni``, ``dhi`` [W/m², mean over the interval], ``temp_air`` [°C], ``wind_speed`` [m/s].
    label
        Where in its interval a time stands: ``start``, ``middle``, ``end``; ``instant`` means
        that values and sun both belong to the time itself plus ``offset_minutes``.
    latitude, longitude
        Degrees, north and east positive, WGS84.
    altitude_m
        Height above sea level, m.
    source
        What the file says of itself.
    offset_minutes
        Only for ``instant``: minutes from the label to the moment of measurement.
    """

    hourly: pd.DataFrame
    label: Literal["start", "middle", "end", "instant"]
    latitude: float
    longitude: float
    altitude_m: float
    source: str
    offset_minutes: float = 0.0

    @property
    def sun_times(self) -> pd.DatetimeIndex:
        """Times at which the sun is taken: the middle of each interval."""
        minutes = {"start": 30.0, "middle": 0.0, "end": -30.0, "instant": self.offset_minutes}
        times = pd.DatetimeIndex(self.hourly.index)
        return times + pd.Timedelta(minutes=minutes[self.label])


@dataclass(frozen=True)
class Sun:
    """The sun over one place at the middle of each interval; arrays of shape (time,).

    Degrees as in pvlib; ``dni_extra`` in W/m²; ``airmass`` relative (NaN below the horizon).
    """

    apparent_zenith: Floats
    azimuth: Floats
    dni_extra: Floats
    airmass: Floats

    @property
    def cos_zenith(self) -> Floats:
        """Cosine of the apparent zenith, not below 0."""
        cosine: Floats = np.maximum(np.cos(np.radians(self.apparent_zenith)), 0.0)
        return cosine

    def at(self, hours: Selection) -> Sun:
        """Return the sun of some hours only."""
        return Sun(
            self.apparent_zenith[hours],
            self.azimuth[hours],
            self.dni_extra[hours],
            self.airmass[hours],
        )


@dataclass(frozen=True)
class Sky:
    """Irradiance and air of hours of a place; arrays of shape (time,).

    ``ghi``, ``dni``, ``dhi`` in W/m²; ``temp_air`` °C; ``wind_speed`` m/s; ``month`` 0-11.
    """

    ghi: Floats
    dni: Floats
    dhi: Floats
    temp_air: Floats
    wind_speed: Floats
    month: npt.NDArray[np.int64]

    def at(self, hours: Selection) -> Sky:
        """Return the sky of some hours only."""
        return Sky(
            self.ghi[hours],
            self.dni[hours],
            self.dhi[hours],
            self.temp_air[hours],
            self.wind_speed[hours],
            self.month[hours],
        )

    def monthly_ghi(self) -> Floats:
        """Return GHI by month, kWh/m², shape (12,)."""
        return np.bincount(self.month, weights=self.ghi, minlength=12) / 1000.0


@dataclass(frozen=True)
class Plan:
    """What a run found: the one object that every table, map, sheet and page reads.

    Attributes
    ----------
    roofs, parks, districts
        GeoDataFrames, EPSG:4326, indexed by ``roof_id``, ``park_id``, ``district_id`` and
        sorted by it; the rows "outside parks" / "outside districts" carry no geometry.
    city
        One row, indexed by the city's id.
    goals
        One row for each goal, level and place.
    gap_parks, gap_districts
        GAP: the account of each park and district against each goal.
    allocation
        GOAL_ALLOCATION: how each goal of the city is split, by every method.
    compliance
        COMPLIANCE: the new plants, and those whose day is not known, against their clause.
    reconciliation
        RECONCILIATION: what register and roofs do not agree on.
    ledger
        Register rows with the roof, park and district found for them; index ``system_id``.
    rejected
        Rows of the inputs that were rejected, altered or not matched.
    meta
        Everything of ``run.json``: fingerprint, inputs, assumptions, counts, warnings, versions.
    roof_parts
        Of a city too large to be held: the files of its roofs, in the order of the parts;
        ``roofs`` has no row then, and :func:`pvplan.reports.roofs.roofs_of` reads them.
    """

    roofs: gpd.GeoDataFrame
    parks: gpd.GeoDataFrame
    districts: gpd.GeoDataFrame
    city: pd.DataFrame
    goals: pd.DataFrame
    gap_parks: pd.DataFrame
    gap_districts: pd.DataFrame
    allocation: pd.DataFrame
    compliance: pd.DataFrame
    reconciliation: pd.DataFrame
    ledger: pd.DataFrame
    rejected: pd.DataFrame
    meta: Mapping[str, Any] = field(default_factory=dict)
    roof_parts: tuple[Path, ...] = ()
