"""Every word that the pages show, in Chinese and English."""

from __future__ import annotations

from typing import Final, Literal, get_args

from pvplan.ui.words_facts import FACT_WORDS
from pvplan.ui.words_ledger import LEDGER_WORDS
from pvplan.ui.words_look import LOOK_WORDS
from pvplan.ui.words_map import MAP_WORDS
from pvplan.ui.words_planner import PLANNER_WORDS
from pvplan.ui.words_work import WORK_WORDS

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
LANGUAGE_NAMES: Final = {"zh": "中文", "en": "English"}

WORDS: Final[dict[str, tuple[str, str]]] = {
    # the frame
    "title": ("工业园区屋顶光伏：潜力与差距", "Rooftop PV in industrial parks: potential and gap"),
    "page_map": ("园区地图", "Map of parks"),
    "page_roof": ("单个屋顶", "One roof"),
    "page_goals": ("目标", "Goals"),
    "page_districts": ("各区与全市", "Districts and city"),
    "page_work": ("工作清单", "Work lists"),
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
    "gap_legend": ("差距（{unit}）", "Gap ({unit})"),
    "potential_legend": ("可装容量（{unit}）", "Potential ({unit})"),
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
    "mw_axis": ("容量（{unit}，直流）", "Capacity ({unit}, DC)"),
    "dc_note": (
        "容量均为组件侧直流（kWp）。差距 = 目标值 − 计入该目标的已装容量；负值表示已超过目标。",
        "Capacities are DC (kWp). Gap = target − installed capacity that counts toward the goal; "
        "negative means beyond the target.",
    ),
    # one roof
    "roof": ("屋顶", "Roof"),
    "roofs_of_park": ("查看该园区的单个屋顶", "Look at single roofs of this park"),
    "unknown_roof": (
        "链接中的屋顶编号不存在，已显示另一屋顶：",
        "The roof id in the link is unknown; another roof is shown:",
    ),
    "roofs_not_listed": (
        "屋顶较多，只列出容量最大的；其余可用链接参数 roof= 打开。未列出的屋顶数：",
        "Only the largest roofs are listed; open others by roof= in the link. Roofs not listed:",
    ),
    "modules": ("组件数", "Modules"),
    "module": ("组件第", "Module"),
    "module_of": ("块，共", "of"),
    "module_legend": ("年发电量（kWh/kWp）", "Energy a year (kWh/kWp)"),
    "usable_legend": ("退距以内、不过暗处", "Inside setbacks, not too dark"),
    "obstructions_legend": ("障碍物", "Obstructions"),
    "outline_legend": ("屋顶轮廓", "Outline of the roof"),
    "whole_roof": ("显示整个屋顶", "Show whole roof"),
    "north_up": ("北 ↑", "N ↑"),
    "roof_map_region": ("屋顶布置图", "Drawing of the roof"),
    "looking": ("正在逐块排布组件…", "Placing every module…"),
    "look_failed": ("无法画出这个屋顶的组件：", "The modules of this roof cannot be drawn:"),
    "retry": ("重试", "Try again"),
    "no_folder": (
        "逐块布置图和地平线图需要本次计算所用的城市文件夹，这里没有找到；可在命令行生成：",
        "The drawing of modules and the horizon need the city folder of this run, which is not at "
        "hand here; on the command line:",
    ),
    "look_in_parts": (
        "本次计算按分块进行：逐块布置图和地平线图需要城市文件夹，其 city.toml 的 "
        "inputs.buildings 指向该分块文件夹，这里没有找到；可在命令行生成：",
        "This run was made in parts: the drawing of modules and the horizon need a city folder "
        "whose city.toml names that partition as inputs.buildings, which is not at hand here; on "
        "the command line:",
    ),
    "screening_run": (
        "本次计算用面积法（screening），不逐块排布组件，也不计算周边遮挡。",
        "This run used the area method (screening): it placed no module and saw no horizon.",
    ),
    "other_layout": (
        "程序在本次计算之后有改动：图中组件数与计算结果不同。图中：",
        "The program has changed since this run: the drawing holds another number of modules:",
    ),
    "best": ("采用的布置", "Chosen arrangement"),
    "runner_up": ("次优布置", "Second best"),
    "behind_by": ("少", "behind by"),
    "structure": ("荷载", "Structure"),
    "state_usable": (
        "可直接利用：附加荷载不超过该屋面形式与年代可直接承受的值",
        "usable: the added load is within what a roof of this form and age surely bears",
    ),
    "state_needs_survey": (
        "须先做结构复核：附加荷载超过可直接承受的值，但复核后可能允许",
        "needs a survey: the added load is above what is sure, within what a survey may confirm",
    ),
    "state_blocked": (
        "不允许：附加荷载超过该屋面形式与年代可能承受的值，容量不计入",
        "blocked: the added load is above what such a roof may bear; not in the potential",
    ),
    "state_by_share": (
        "面积法不逐个判断屋顶，按比例折减",
        "not judged roof by roof: the area method takes a share",
    ),
    "form_flat_concrete": ("混凝土平屋面", "flat concrete roof"),
    "form_metal_sheet": ("金属板屋面", "metal sheet roof"),
    "form_saw_tooth": ("锯齿形屋面", "saw-tooth roof"),
    "form_pitched": ("坡屋面", "pitched roof"),
    "form_given": ("屋面形式来自数据", "form as given"),
    "form_inferred": ("屋面形式为推断", "form inferred"),
    "height": ("高", "height"),
    "mounting_flush": ("顺坡平铺", "flush with the roof"),
    "mounting_racked": ("支架倾斜", "racked at"),
    "mounting_east_west": ("东西双坡", "east–west pairs at"),
    "module_portrait": ("组件竖放", "modules upright (portrait)"),
    "module_landscape": ("组件横放", "modules lengthwise (landscape)"),
    "rows_axis": ("成排沿屋面长轴", "rows along the roof axis"),
    "rows_across": ("成排垂直于屋面长轴", "rows across the roof axis"),
    "rows_equator": ("成排正对赤道（北半球朝正南）", "rows facing the equator"),
    "rows_edge": ("成排沿屋顶的一条边", "rows along an edge of the roof"),
    "by_area": ("面积法，未逐块排布", "area method, no module placed"),
    "module_area": ("组件面积", "Module area"),
    "tilt": ("组件倾角", "Module tilt"),
    "azimuth": ("组件方位角（180 为正南）", "Azimuth (180 = south)"),
    "gcr": ("阵列占地比", "Ground coverage"),
    "row_pitch": ("阵列行距", "Row pitch"),
    "sky_view": ("天空可视比例", "Sky view"),
    "beam_shading": ("直射遮挡损失", "Beam lost to shade"),
    "irradiation": ("年水平面总辐照", "Horizontal irradiation"),
    "needs_survey": ("其中须结构复核", "Needs a survey"),
    "blocked": ("荷载不允许（不计入）", "Blocked (not counted)"),
    "energy_year_one": ("首年发电量", "Energy, year one"),
    "horizon_title": ("地平线与太阳轨迹", "Horizon and paths of the sun"),
    "horizon_note": (
        "灰色：整个屋顶平均的遮挡高度；虚线：各点中最高的。数字为当地标准时的钟点。",
        "Grey: what stands around, mean over the roof; dotted: the highest at any point. Numbers "
        "are hours of local standard time.",
    ),
    "horizon_mean": ("遮挡（平均）", "horizon (mean)"),
    "horizon_highest": ("遮挡（最高处）", "horizon (highest)"),
    "azimuth_axis": ("方位角", "Azimuth"),
    "elevation_axis": ("高度角（°）", "Elevation (°)"),
    "time": ("时刻", "Time"),
    "sun_80": ("3月21日（春分）", "21 Mar, equinox"),
    "sun_172": ("6月21日（夏至）", "21 Jun, solstice"),
    "sun_266": ("9月23日（秋分）", "23 Sep, equinox"),
    "sun_356": ("12月22日（冬至）", "22 Dec, solstice"),
    "north": ("北", "N"),
    "east": ("东", "E"),
    "south": ("南", "S"),
    "west": ("西", "W"),
    "waterfall_title": (
        "从水平面辐照到交流电：逐项得失（首年）",
        "From sunlight to AC, step by step (year one)",
    ),
    "waterfall_note": (
        "百分数以第一行（水平面辐照×容量）为100 %；各项相加正好等于交流发电量。",
        "Percentages of the first row (horizontal irradiation × capacity); the steps add up to "
        "the AC energy exactly.",
    ),
    "no_waterfall": (
        "这个结果没有逐项得失的数据，或此处没有组件。",
        "This run holds no such figures, or no module stands here.",
    ),
    "ac": ("交流发电量", "AC energy"),
    "step_total": ("总量", "total"),
    "step_gain": ("增益", "gain"),
    "step_loss": ("损失", "loss"),
    "year_axis": ("首年电量（{unit}）", "Energy in year one ({unit})"),
    "layout_geojson": ("组件布置（GeoJSON）", "Layout (GeoJSON)"),
    "layout_dxf": ("组件布置（DXF）", "Layout (DXF)"),
    **FACT_WORDS,
    **LEDGER_WORDS,
    **LOOK_WORDS,
    **MAP_WORDS,
    **PLANNER_WORDS,
    **WORK_WORDS,
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
    "file_gap_parks": ("园区差距台账", "Gap by park"),
    "file_gap_districts": ("各区差距台账", "Gap by district"),
    "file_allocation": ("目标分解（各种方法）", "Allocation, by every method"),
    "file_compliance": ("新建厂房条款核查", "Clause check of new plants"),
    "file_reconciliation": ("登记核对", "Register against roofs"),
    "file_ledger": ("已装系统（登记）", "Installed systems (register)"),
    "file_rejected": ("未采用或修正的行", "Rows rejected or altered"),
    "file_xlsx": ("全部表格（Excel）", "All tables (Excel)"),
    "file_gpkg": ("地理数据（GeoPackage）", "Map layers (GeoPackage)"),
    "file_parquet": ("全部屋顶（GeoParquet）", "All roofs (GeoParquet)"),
    "roofs_on_the_server": (
        "分块保存在服务器的结果文件夹中；单个园区或区的屋顶可在“规划”页的表格中下载。",
        "In parts, in the run's folder on the server; the roofs of one park or district come down "
        "from the tables of the planner's page.",
    ),
    "files_count": ("{count} 个文件", "{count} files"),
    "file_lineage": ("每一列的来历：公式、参数、文件", "Lineage: where every column comes from"),
    "file_run": ("计算记录：输入、假设、版本", "Record of the run: inputs, assumptions, versions"),
}


def say(key: str, language: Language) -> str:
    """Return the words for a key in a language."""
    return WORDS[key][LANGUAGES.index(language)]


def say_code(prefix: str, code: str, language: Language) -> str:
    """Return the words for a code of a table, or the code itself where none are known."""
    key = f"{prefix}_{code}"
    return say(key, language) if key in WORDS else code
