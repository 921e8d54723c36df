"""A small plan, made by hand, with every trouble that names can bring."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import MultiPolygon, Polygon, box

from pvplan.reports.columns import canonical
from pvplan.reports.phrases import with_chinese
from pvplan.reports.spatial import write_parquet
from pvplan.tables import (
    COMPLIANCE,
    GAP,
    GOAL_ALLOCATION,
    GOALS,
    LEDGER,
    LEVEL_DOUBT,
    LEVEL_GOAL,
    LEVEL_HEAD,
    LEVEL_REGISTER,
    MONTHS,
    OUTSIDE_PARKS,
    PLAN_ROOFS,
    RATIOS,
    RECONCILIATION,
    REJECTED,
    WATERFALL,
    Plan,
    check,
    exact_sum,
    names,
    sum_names,
    to_thousandths,
    waterfall_name,
)

NASTY = (
    "<img src=x onerror=alert(1)>",
    "=cmd|'/c calc'!A0",
    "张江高科技园区“一号”厂房",
    "\"quoted\", 'twice'",
    "`whoami` $(id) ${HOME}",
    "+1+1",
    "@SUM(A1:A9)",
    "<r><t>not rich</t></r>",
    "two\r\nlines\tand a tab",
    "'=already shielded",
    "[bold red]markup[/] _x0041_",
    None,
)
ROOF_COUNT = 12
AS_OF = "2026-11-22"


def toy_plan(roof_count: int = ROOF_COUNT) -> Plan:
    """Build a valid plan: 12 roofs, 2 parks and outside, 2 districts, 3 goals.

    ``roof_count`` repeats the pattern, for measurements.
    """
    roofs = _roofs(roof_count)
    parks = _level(roofs, "park_id", "park")
    districts = _level(roofs, "district_id", "district")
    city = _level(roofs.assign(city_id="toy"), "city_id", "city").drop(columns="geometry")
    goals = _goals(city.iloc[0], parks)
    return Plan(
        roofs=roofs,
        parks=parks,
        districts=districts,
        city=pd.DataFrame(city),
        goals=goals,
        gap_parks=_gaps(goals, "park"),
        gap_districts=_gaps(goals, "district"),
        allocation=_allocation(),
        compliance=_compliance(roofs),
        reconciliation=_reconciliation(),
        ledger=_ledger(roofs),
        rejected=_rejected(),
        meta=_meta(roofs),
    )


def parted(plan: Plan, folder: Path, count: int = 4) -> Plan:
    """Return a plan in its canonical form, its roofs moved into files, every ``count``-th in one.

    The files are named so that their order is not that of the ids.
    """
    whole = canonical(plan)
    files = []
    for number in range(count):
        own = whole.roofs.iloc[count - 1 - number :: count]
        files.append(folder / f"part-{number}.parquet")
        write_parquet(own, files[-1], str(whole.meta["fingerprint"]))
    counts = {**whole.meta.get("counts", {}), "roofs": len(whole.roofs)}
    meta = {**whole.meta, "counts": counts}
    return replace(whole, roofs=whole.roofs[:0], roof_parts=tuple(files), meta=meta)


def _roofs(count: int) -> gpd.GeoDataFrame:
    number = np.arange(count)
    pattern = number % ROOF_COUNT
    park = np.array(["P1", "P1", "P1", "P2", "P2", OUTSIDE_PARKS])[number % 6]
    footprint = to_thousandths(1500.0 + 137.137 * pattern)
    capacity = to_thousandths(footprint * 0.1173)
    energy = to_thousandths(capacity * 1043.71)
    months = {
        f"energy_ac_kwh_{month}": to_thousandths(energy * (0.05 + 0.005 * int(month)))
        for month in MONTHS
    }
    columns: dict[str, Any] = {
        "name": [NASTY[row] for row in pattern],
        "height_m": 8.0 + pattern / 3.0,
        "height_source": np.array(["given", "floors", "default"])[number % 3],
        "use": np.where(pattern == 4, None, "厂房"),
        "completed_on": pd.to_datetime(
            ["2015-06-30" if row % 4 else None for row in pattern]
        ),
        "source": "demonstration",
        "park_id": park,
        "district_id": np.where(number % 2, "310115", "310112"),
        "roof_form": np.array(["flat_concrete", "metal_sheet"])[number % 2],
        "roof_form_source": np.array(["given", "inferred"])[number % 2],
        "footprint_area_m2": footprint,
        "usable_area_m2": to_thousandths(footprint * 0.7),
        "module_area_m2": to_thousandths(footprint * 0.51),
        "module_count": (footprint // 3).astype("int64"),
        "plane_count": 1 + number % 2,
        "surface_tilt": np.where(number % 2, 5.71, 15.0),
        "surface_azimuth": np.where(number % 2, 271.25, 180.0),
        "gcr": np.where(number % 2, 1.0, 0.68),
        "row_pitch_m": np.where(number % 2, np.nan, 3.5),
        "capacity_dc_kw": capacity,
        "capacity_ac_kw": to_thousandths(capacity / 1.2),
        "mounting": np.where(number % 2, "flush", "east_west"),
        "arrangement": np.where(number % 2, "flush portrait axis", "east_west 10° portrait across"),
        "arrangement_runner_up": np.where(number % 2, None, "racked 5° portrait equator"),
        "arrangement_margin_fraction": np.where(number % 2, np.nan, 0.031),
        "structure_state": np.array(["usable", "needs_survey", "blocked"])[number % 3],
        "capacity_needs_survey_dc_kw": np.where(number % 3 == 1, capacity, 0.0),
        "capacity_blocked_dc_kw": np.where(number % 3 == 2, 12.4, 0.0),
        "sky_view_fraction": 0.987,
        "beam_shading_fraction": np.where(number % 2, 0.0, 0.0213),
        "ghi_kwh_per_m2_per_year": 1287.4,
        "poa_reference_kwh_per_year": to_thousandths(energy * 1.25),
        "energy_ac_kwh_per_year": energy,
        **months,
        **_waterfall(energy),
        "in_goal_scope": pattern != 11,
        "is_new_plant": pattern == 10,
        "installed_dc_kw": to_thousandths(np.where(pattern % 3 == 0, capacity * 0.5, 0.0)),
        **_states(capacity, pattern),
        "capex_cny": to_thousandths(capacity * 3000),
        "opex_cny_per_year": to_thousandths(capacity * 50),
        "revenue_cny_per_year": to_thousandths(energy * 0.55),
        "npv_cny": to_thousandths(capacity * (900.5 - 200 * pattern)),
        "avoided_tco2_per_year": to_thousandths(energy * 0.00042),
    }  # fmt: skip
    index = pd.Index([f"R{row:06d}" for row in number], name="roof_id")
    east, north = 121.4 + (number % 1000) * 2e-4, 31.1 + (number // 1000) * 2e-4
    outlines = [box(x, y, x + 1e-4, y + 1e-4) for x, y in zip(east, north, strict=True)]
    if count > 1:
        outlines[1] = MultiPolygon([outlines[1], box(121.39, 31.09, 121.3901, 31.0901)])
    table = gpd.GeoDataFrame(columns, index=index, geometry=outlines, crs="EPSG:4326")
    check(table, PLAN_ROOFS, title="toy roofs")
    return table


def _states(capacity: Any, pattern: Any) -> dict[str, Any]:
    """Roofs begun, feasible and blocked in turn; the account of each closes."""
    state = np.array(["feasible", "feasible", "blocked"], dtype=object)[pattern % 3]
    installed = to_thousandths(np.where(pattern % 3 == 0, capacity * 0.5, 0.0))
    blocked = state == "blocked"
    nothing = np.zeros(len(capacity))
    return {
        "under_construction_dc_kw": nothing,
        "filed_dc_kw": nothing,
        "roof_state": state,
        "state_reason_zh": np.where(blocked, "=屋面锈蚀", None),
        "state_reason_en": np.where(blocked, "<b>rust</b>", None),
        "state_evidence": np.where(blocked, "@检测报告 12", None),
        "state_review_on": pd.to_datetime(np.where(blocked, "2027-06-01", None)),
        "feasible_dc_kw": to_thousandths(np.where(blocked, 0.0, capacity - installed)),
        "blocked_dc_kw": np.where(blocked, capacity, 0.0),
        "not_assessable_dc_kw": nothing,
        "remainder_dc_kw": nothing,
        "over_potential_dc_kw": nothing,
    }


def _waterfall(energy: Any) -> dict[str, Any]:
    """Steps that sum to the energy exactly: a quarter is lost on the way."""
    steps = {waterfall_name(step): np.zeros(len(energy)) for step in WATERFALL}
    steps["waterfall_soiling_kwh"] = -to_thousandths(energy * 0.0357)
    steps["waterfall_temperature_kwh"] = -to_thousandths(energy * 0.2143)
    rest = energy - steps["waterfall_soiling_kwh"] - steps["waterfall_temperature_kwh"]
    steps["waterfall_horizontal_kwh"] = to_thousandths(rest)
    return steps


PLACES: dict[str, tuple[Any, Any, Any]] = {
    "P1": ("临港“新片区” =1+1", "Lingang `new` area", box(121.39, 31.05, 121.5, 31.2)),
    "P2": ("<img src=x onerror=alert(1)>", "=cmd|'/c calc'!A0",
           Polygon([(121.5, 31.0), (121.6, 31.0), (121.55, 31.1)])),
    OUTSIDE_PARKS: ("园区外", "outside parks", None),
    "310112": ("闵行区", "Minhang", box(121.3, 31.0, 121.45, 31.2)),
    "310115": ("浦东新区", "Pudong",
               MultiPolygon([box(121.45, 31.0, 121.9, 31.2), box(122.0, 31.0, 122.1, 31.1)])),
    "toy": ("示例市", "Toy city", None),
}  # fmt: skip


def _level(roofs: gpd.GeoDataFrame, key: str, level: str) -> gpd.GeoDataFrame:
    rows = {place: _sums(own, str(place), level) for place, own in roofs.groupby(key)}
    columns = names([*LEVEL_HEAD, *(c for c in PLAN_ROOFS if c.sums), *LEVEL_REGISTER,
                     *RATIOS, *LEVEL_GOAL, *LEVEL_DOUBT])  # fmt: skip
    table = pd.DataFrame.from_dict(rows, orient="index")[columns].sort_index()
    table["module_count"] = table["module_count"].astype("int64")
    table.index.name = key
    shapes = [PLACES[place][2] for place in table.index]
    check(
        table,
        [*LEVEL_HEAD, *LEVEL_REGISTER, *RATIOS, *LEVEL_GOAL, *LEVEL_DOUBT],
        title=f"toy {level}",
    )
    return gpd.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326")


def _sums(own: gpd.GeoDataFrame, place: str, level: str) -> dict[str, Any]:
    total: dict[str, Any] = {name: exact_sum(own[name]) for name in sum_names(PLAN_ROOFS)}
    unlocated = {"park": 100.5, "district": 100.5, "city": 201.0}[level]
    installed = to_thousandths(total["installed_dc_kw"] + unlocated).item()
    target = to_thousandths(total["usable_area_m2"] * 0.09).item()
    capacity, energy = total["capacity_dc_kw"], total["energy_ac_kwh_per_year"]
    return {
        **total,
        "name_zh": PLACES[place][0],
        "name_en": PLACES[place][1],
        "source": "demonstration",
        "roof_count": len(own),
        "installed_unlocated_dc_kw": unlocated,
        "installed_total_dc_kw": installed,
        "specific_yield_kwh_per_kw": round(energy / capacity, 6),
        "performance_ratio_fraction": round(energy / total["poa_reference_kwh_per_year"], 6),
        "coverage_fraction": round(total["module_area_m2"] / total["footprint_area_m2"], 6),
        "capacity_density_w_per_m2": round(1000 * capacity / total["footprint_area_m2"], 6),
        "used_potential_fraction": round(installed / capacity, 6),
        "lcoe_cny_per_kwh": 0.312345,
        "payback_years": np.nan if level == "city" else 6.1,
        "goal_id": "industrial_1gw_2025",
        "target_dc_kw": target,
        "installed_in_scope_dc_kw": installed,
        "gap_dc_kw": to_thousandths(target - installed).item(),
        **{c.name: 0.9 * capacity for c in LEVEL_DOUBT if c.name.startswith("capacity")},
        **{c.name: 0.9 * energy for c in LEVEL_DOUBT if c.name.startswith("energy")},
    }


def _goals(city: pd.Series, parks: gpd.GeoDataFrame) -> pd.DataFrame:
    rows = [
        _goal("industrial_1gw_2025", "city", "toy", "2025-12-31", city, "missed"),
        _goal("city_7gw_2030", "city", "toy", "2030-12-31", city, "behind"),
        _goal("new_plants_half_roof", "city", "toy", "2025-12-31", None, "not_assessable"),
        *(
            _goal("industrial_1gw_2025", "park", place, "2025-12-31", row, "missed")
            for place, row in parks.iterrows()
        ),
    ]
    table = pd.DataFrame(rows)[names(GOALS)]
    check(table, GOALS, title="toy goals")
    return table


def _goal(
    goal: str, level: str, place: Any, deadline: str, row: pd.Series | None, word: str
) -> dict[str, Any]:
    target, installed, gap = (
        (0.5, np.nan, np.nan)
        if row is None
        else (row["target_dc_kw"], row["installed_total_dc_kw"], row["gap_dc_kw"])
    )
    in_kw = row is not None
    return {
        "goal_id": goal, "name_zh": "存量厂房光伏", "name_en": "=PV on existing plants",
        "clause_zh": "推动既有工业厂房在可利用屋顶面积安装光伏", "clause_en": "<b>clause</b>",
        "goal_source": "上海市工业领域碳达峰实施方案 九", "verified": True,
        "scope": "existing_industrial", "level": level, "place_id": place,
        "place_zh": PLACES[place][0], "place_en": PLACES[place][1],
        "deadline": pd.Timestamp(deadline), "as_of": pd.Timestamp(AS_OF),
        "metric": "installed_dc_kw" if in_kw else "coverage_fraction",
        "target_method": "stated", "target": target, "installed": installed, "gap": gap,
        "unit": "kWp" if in_kw else "1",
        "target_dc_kw": target if in_kw else np.nan, "installed_dc_kw": installed,
        "gap_dc_kw": gap, "unmatched_dc_kw": 12.5,
        "denominator": "mw" if in_kw else "gross_roof", "owner": "未载明",
        "document_date": pd.Timestamp("2022-12-08"), "goal_read_in": "the plan itself",
        "superseded_by": None, "undated_dc_kw": 0.0, "under_construction_dc_kw": 3.5,
        "filed_dc_kw": 0.25, "potential_dc_kw": 5000.0, "used_potential_fraction": 0.125,
        "unreachable_dc_kw": 0.0 if in_kw else np.nan, "rank": 1.0 if in_kw else np.nan,
        "pace_trailing_36_kw_per_year": 6.5, "pace_ratio": 0.5 if word == "behind" else np.nan,
        "attained_on_linear": pd.Timestamp("2031-02-03") if word == "behind" else pd.NaT,
        "attained_on_linear_36": pd.NaT, "attained_on_logistic": pd.NaT,
        "attained_on_logistic_p10": pd.NaT, "attained_on_logistic_p90": pd.NaT,
        "curve_state": "too_short",
        "gap_p10_dc_kw": gap, "gap_p50_dc_kw": gap, "gap_p90_dc_kw": gap,
        "reachable_probability_fraction": 0.75 if in_kw else np.nan,
        "attained_on_p10": pd.Timestamp("2030-02-03") if word == "behind" else pd.NaT,
        "attained_on_p50": pd.NaT, "attained_on_p90": pd.NaT,
        "pace_needed_kw_per_year": 123.456 if word == "behind" else np.nan,
        "pace_trailing_kw_per_year": 7.0, "verdict": word,
        "reason_zh": "期限已过" if in_kw else "无登记数据", "reason_en": None,
    }  # fmt: skip


def _gaps(goals: pd.DataFrame, level: str) -> pd.DataFrame:
    rows = goals[goals["level"] == level].reset_index(drop=True)
    table = rows.assign(
        lower_dc_kw=0.0, upper_dc_kw=np.nan, bound="lower", feasible_roof_count=3,
        **dict.fromkeys(
            ("installed_on_roofs_dc_kw", "under_construction_on_roofs_dc_kw",
             "filed_on_roofs_dc_kw", "feasible_dc_kw", "blocked_dc_kw", "not_assessable_dc_kw",
             "remainder_dc_kw", "over_potential_dc_kw"), 12.125),
    )[names(GAP)]  # fmt: skip
    check(table, GAP, title="toy gaps")
    return table


def _allocation() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "goal_id": "industrial_1gw_2025", "level": ["district", "park", "district", "park"],
            "place_id": ["310115", "P1", "310115", "P1"], "district_id": "310115",
            "method": ["technical_potential"] * 2 + ["usable_area"] * 2,
            "weight": 10.5, "lower_dc_kw": 0.0, "upper_dc_kw": [np.nan, 50.0, np.nan, 50.0],
            "allocated_dc_kw": [40.0, 40.0, 45.0, 45.0], "at_lower": False, "at_upper": False,
            "fixed": False, "is_chosen": [True, True, False, False],
            "difference_dc_kw": [0.0, 0.0, 5.0, 5.0],
            "shortfall_dc_kw": 0.0, "surplus_dc_kw": 0.0,
        }
    )[names(GOAL_ALLOCATION)]  # fmt: skip
    check(table, GOAL_ALLOCATION, title="toy allocation")
    return table


def _compliance(roofs: gpd.GeoDataFrame) -> pd.DataFrame:
    states = ["pass", "fail", "insufficient_evidence"]
    table = pd.DataFrame(
        {
            "roof_id": list(roofs.index[:3]), "name": list(roofs["name"].iloc[:3]),
            "park_id": list(roofs["park_id"].iloc[:3]),
            "district_id": list(roofs["district_id"].iloc[:3]),
            "completed_on": pd.to_datetime(["2023-05-01", "2024-01-01", None]),
            "gross_roof_area_m2": 2000.0, "pv_area_m2": [1100.0, 400.5, 0.0],
            "pv_field_area_m2": [1500.0, 600.0, 0.0], "required_area_m2": 1000.0,
            "covered_fraction": [0.55, 0.20025, 0.0], "margin_m2": [100.0, -599.5, -1000.0],
            "missing_dc_kw": [0.0, 131.2, 220.0],
            "pass_probability_fraction": [0.9, 0.01, np.nan], "potential_area_m2": 1500.0,
            "reachable": pd.array([True, True, None], dtype="boolean"),
            "area_state": states, "renewable_state": states, "state": states,
            "reason_zh": [None, "光伏面积不足", None], "reason_en": [None, "=PV area", None],
            "missing_zh": [None, None, "竣工日期不明"], "missing_en": [None, None, "<i>day</i>"],
        }
    )[names(COMPLIANCE)]  # fmt: skip
    check(table, COMPLIANCE, title="toy compliance")
    return table


def _reconciliation() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "finding": ["unmatched", "unit_w"], "system_id": ["S002", "=S001"],
            "row": pd.array([2, 1], dtype="Int64"), "roof_id": [None, "R000000"],
            "park_id": [None, "P1"], "score": [np.nan, 0.75], "stated_kw": [12.5, 88250.0],
            "suggested_kw": [np.nan, 88.25], "reason_zh": ["找不到屋顶", "像是以 W 填写"],
            "reason_en": ["no roof found", "<script>looks like W</script>"],
            "severity": ["error", "doubt"],
        }
    )[names(RECONCILIATION)]  # fmt: skip
    check(table, RECONCILIATION, title="toy reconciliation")
    return table


def _ledger(roofs: gpd.GeoDataFrame) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "roof_id": [roofs.index[0], None],
            "park_id": ["P1", None],
            "district_id": ["310112", None],
            "capacity_dc_kw": [88.25, 12.5],
            "capacity_ac_kw": [80.0, np.nan],
            "status": ["commissioned", "filed"],
            "filed_on": pd.to_datetime(["2023-01-02", "2024-02-29"]),
            "commissioned_on": pd.to_datetime(["2023-05-06", None]),
            "matched_by": ["roof_id", "none"],
            "match_score": [0.98, np.nan],
            "match_zh": ["屋顶编号一致", None],
            "match_en": ["same roof id", None],
            "part_of": None,
            "possible_dc_kw": np.nan,
            "source": "demonstration",
        },
        index=pd.Index(["S001", "S002"], name="system_id"),
    )
    check(table, LEDGER, title="toy ledger")
    return table


def _rejected() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "input": ["buildings", "register"],
            "file": ["建筑.geojson", "register.csv"],
            "row": pd.array([7, None], dtype="Int64"),
            "id": ["=7", None],
            "reason": ["sliver, 0.3 m²", "no such roof"],
            "done": ["rejected", "unmatched"],
            "detail": [None, "kept, without a place"],
        }
    )
    check(table, REJECTED, title="toy rejected")
    return with_chinese(table)


def _meta(roofs: gpd.GeoDataFrame) -> dict[str, Any]:
    return {
        "fingerprint": "0123456789abcdef",
        "as_of": AS_OF,
        "city": {
            "id": "toy", "name_zh": "示例市", "name_en": "Toy city", "demonstration": True,
            "note_zh": "建筑为生成数据", "note_en": "=buildings are generated",
        },
        "scenario": None,
        "inputs": [
            {"role": "buildings", "file": "建筑.geojson", "sha256": "ab" * 32, "bytes": 1234},
            {"role": "weather", "file": "weather.epw", "sha256": "cd" * 32, "bytes": 5678},
        ],
        "assumptions": [
            {"key": "module.power_w", "value": 620.0, "unit": "W", "zh": "组件功率",
             "en": "Module power", "source": "=made up", "verified": False, "layer": "user"},
            {"key": "goals.settings.industrial_uses", "value": ["工业", "factory"],
             "unit": "text", "zh": "用途", "en": "Uses", "source": "choice",
             "verified": True, "layer": "default"},
        ],
        "goals": [
            {"id": "industrial_1gw_2025", "enabled": True, "name_zh": "存量", "name_en": "1 GW",
             "clause_zh": "推动既有工业厂房安装光伏", "clause_en": "1 GW by 2025",
             "document": "方案 九", "scope": "existing_industrial", "level": "city",
             "metric": "installed_dc_kw", "target": 1e6, "unit": "kWp",
             "deadline": "2025-12-31", "verified": True, "note": "", "place_id": None,
             "baseline": None, "applies_to_zh": "上海"},
        ],
        "counts": {"buildings_read": len(roofs) + 1, "buildings_used": len(roofs)},
        "warnings": ["=the datum looks wrong", "<b>no register</b>"],
        "versions": {"pvlib": "0.16", "python": "3.11"},
        "seconds": {"read": 0.12, "assess": 1.5},
        "weather": {"source": "toy", "closure_fraction": 0.99},
        "code_version": "0.1.0",
    }  # fmt: skip
