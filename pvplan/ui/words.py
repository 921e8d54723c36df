"""Every word that the pages show, in Chinese and English."""

from __future__ import annotations

from typing import Final, Literal, get_args

from pvplan.reports.words import VERDICT_WORDS

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
LANGUAGE_NAMES: Final = {"zh": "中文", "en": "English"}

WORDS: Final[dict[str, tuple[str, str]]] = {
    # the frame
    "title": ("工业园区屋顶光伏：潜力与差距", "Rooftop PV in industrial parks: potential and gap"),
    "page_map": ("园区地图", "Map of parks"),
    "page_goals": ("目标", "Goals"),
    "page_districts": ("各区与全市", "Districts and city"),
    "page_checks": ("数据核查", "Data checks"),
    "page_files": ("下载", "Downloads"),
    "language": ("语言", "Language"),
    "run": ("计算结果", "Finished run"),
    "goal": ("目标", "Goal"),
    "demonstration": ("示范数据 DEMONSTRATION", "DEMONSTRATION DATA 示范数据"),
    "as_of": ("评估日期", "As of"),
    "fingerprint": ("结果指纹", "Fingerprint"),
    "city": ("全市", "Whole city"),
    "outside_parks": ("园区以外", "Outside parks"),
    "outside_districts": ("各区以外", "Outside districts"),
    "warnings_count": (
        "本次计算有提示，见“数据核查”。",
        "This run has warnings: see “Data checks”.",
    ),
    # no run, computing
    "no_runs": ("还没有计算结果", "No finished run yet"),
    "no_runs_help": (
        "可以在这里计算随附的示范城市，或在命令行计算自己的数据：",
        "Compute the bundled demonstration city here, or your own files on the command line:",
    ),
    "compute": ("计算示范城市", "Compute the bundled city"),
    "computing": (
        "正在计算，可以离开或刷新本页。",
        "Computing; you may leave or reload this page.",
    ),
    "compute_failed": ("计算没有完成：", "The run did not finish:"),
    "unexpected": (
        "程序出错，详情见服务器日志。",
        "A fault of the program; the server's log has it.",
    ),
    "broken_run": ("这个结果无法读取：", "This run cannot be read:"),
    "looked_in": ("查找位置", "Looked in"),
    # the map page
    "park": ("园区", "Park"),
    "pick_park": ("选择园区（也可在地图或表中点选）", "Choose a park (or click on map or table)"),
    "unknown_park": (
        "链接中的园区编号不存在，已显示全市：",
        "The park id in the link is unknown; the whole city is shown:",
    ),
    "gap_legend": ("差距（MW）", "Gap (MW)"),
    "potential_legend": ("可装容量（MW）", "Potential (MW)"),
    "gap_not_assessable": (
        "所选目标在园区一级没有差距数值（没有登记数据，或该目标未分解到园区）；地图按可装容量着色。",
        "The chosen goal has no gap by park (no register, or a goal that is not split to parks); "
        "the map shows the potential.",
    ),
    "legend_unknown": ("无数据", "no value"),
    "zoom_in": ("放大", "Zoom in"),
    "zoom_out": ("缩小", "Zoom out"),
    "whole_city": ("返回全市", "Show whole city"),
    "map_region": ("园区地图，可用下方表格代替", "Map of parks; the table below offers the same"),
    "roofs_legend": ("屋顶", "Roofs"),
    "roof_with": ("已有光伏", "with PV"),
    "roof_without": ("尚无光伏", "without PV"),
    "roof_unknown": ("安装情况不明", "not known"),
    "roofs_not_drawn": (
        "屋顶较多，只画出最大的；未画出的屋顶数：",
        "Only the largest roofs are drawn; roofs not drawn:",
    ),
    "city_more": ("全部园区及园区以外的屋顶", "All parks and the roofs outside them"),
    "parks_table": ("园区一览", "All parks"),
    "park_table_hint": ("点选一行，地图随之定位。", "Choose a row and the map follows."),
    # quantities
    "potential": ("可装容量", "Potential"),
    "installed": ("已装容量", "Installed"),
    "gap": ("差距", "Gap"),
    "target": ("目标值", "Target"),
    "counted": ("计入目标", "Counted"),
    "district": ("所在区", "District"),
    "place": ("地区", "Place"),
    "roof_count": ("屋顶数", "Roofs"),
    "usable_area": ("可利用面积", "Usable roof area"),
    "roof_area": ("屋顶面积", "Gross roof area"),
    "yearly_energy": ("首年发电量", "Energy in year one"),
    "specific_yield": ("等效利用小时", "Specific yield"),
    "density": ("单位屋顶面积容量", "Capacity per roof area"),
    "capacity_ac": ("可装容量（交流）", "Potential, AC"),
    "used": ("已用潜力比例", "Potential in use"),
    "avoided": ("年减排量", "CO₂ avoided a year"),
    "lcoe": ("度电成本", "Levelised cost"),
    "payback": ("静态回收期", "Simple payback"),
    "capex": ("全部建成投资", "Cost of all potential"),
    "years": ("年", "years"),
    "million_cny": ("百万元", "million CNY"),
    "monthly_title": (
        "逐月发电量（潜力全部建成，首年）",
        "Energy by month (all potential, year one)",
    ),
    "month_axis": ("月", "Month"),
    "energy_axis": ("发电量（MWh）", "Energy (MWh)"),
    "bullet_alt": (
        "条形图：已装容量、可装容量与目标值",
        "Bar: installed capacity, potential and target",
    ),
    "mw_axis": ("容量（MW，直流）", "Capacity (MW, DC)"),
    "dc_note": (
        "容量均为组件侧直流（kWp）。差距 = 目标值 − 计入该目标的已装容量；负值表示已超过目标。",
        "Capacities are DC (kWp). Gap = target − installed capacity that counts toward the goal; "
        "negative means beyond the target.",
    ),
    # goals
    **{f"verdict_{word}": (zh, en.capitalize()) for word, (zh, en) in VERDICT_WORDS.items()},
    "achieved": ("已完成", "Achieved"),
    "deadline": ("期限", "Deadline"),
    "pace_needed": ("所需年均新增", "Needed per year"),
    "pace_trailing": ("近12个月新增", "Last 12 months"),
    "clause": ("条文与出处", "Clause and source"),
    "document": ("文件", "Document"),
    "method": ("目标值来由", "How the target came about"),
    "unmatched": ("未核对到地点的登记容量", "Register rows without a place"),
    "verified": ("出处已核实", "source verified"),
    "unverified": ("出处未核实", "source not verified"),
    "no_goals": ("本次计算没有启用任何目标。", "No goal was enabled in this run."),
    "goals_intro": (
        "每项目标按评估日期判断；条文原文与出处在卡片内展开。",
        "Each goal is judged as of the date shown; open a card for the clause and its source.",
    ),
    # districts and city
    "districts_table": ("各区", "Districts"),
    "city_table": ("全市合计", "City in total"),
    # checks
    "warnings": ("提示", "Warnings"),
    "no_warnings": ("没有提示。", "No warnings."),
    "rejected": ("未采用、已修正或未核对的输入行", "Rows rejected, altered or not matched"),
    "no_rejected": ("全部输入行均被采用。", "Every row of the inputs was used."),
    "count": ("行数", "Rows"),
    "input_buildings": ("建筑", "buildings"),
    "input_parks": ("园区", "parks"),
    "input_districts": ("行政区", "districts"),
    "input_register": ("登记数据", "register"),
    "input_weather": ("气象", "weather"),
    "input_irradiance": ("辐照栅格", "irradiance raster"),
    "done_rejected": ("未采用", "rejected"),
    "done_altered": ("已修正", "altered"),
    "done_unmatched": ("未核对", "not matched"),
    # files
    "files_intro": (
        "以下文件与页面数字一致；CSV 为带 BOM 的 UTF-8，可直接用 Excel 打开。",
        "These files hold the numbers of the pages; CSV is UTF-8 with BOM and opens in Excel.",
    ),
    "download": ("下载", "Download"),
    "file_parks": ("园区汇总", "Parks"),
    "file_districts": ("各区汇总", "Districts"),
    "file_city": ("全市汇总", "City"),
    "file_goals": ("目标与结论", "Goals and verdicts"),
    "file_ledger": ("已装系统（登记）", "Installed systems (register)"),
    "file_rejected": ("未采用或修正的行", "Rows rejected or altered"),
    "file_xlsx": ("全部表格（Excel）", "All tables (Excel)"),
    "file_gpkg": ("地理数据（GeoPackage）", "Map layers (GeoPackage)"),
    "file_parquet": ("全部屋顶（GeoParquet）", "All roofs (GeoParquet)"),
    "file_run": ("计算记录：输入、假设、版本", "Record of the run: inputs, assumptions, versions"),
}


def say(key: str, language: Language) -> str:
    """Return the words for a key in a language."""
    return WORDS[key][LANGUAGES.index(language)]
