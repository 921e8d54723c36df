"""The words of the facts of a roof that a reader corrects, in Chinese and English."""

from __future__ import annotations

from typing import Final

FACT_WORDS: Final[dict[str, tuple[str, str]]] = {
    "form_corrected": ("屋面形式经核实", "form corrected"),
    # the park above a roof
    "states_title": ("园区屋顶容量按状态", "Capacity of the park's roofs by state"),
    "states_none": (
        "没有登记数据，无法按状态区分。",
        "Without a register nothing can be told by state.",
    ),
    "remainder": ("已用屋顶剩余", "Left over on used roofs"),
    "not_assessable_state": ("无法评估", "Not assessable"),
    "roof_state_is": ("屋顶状态", "State of the roof"),
    "review_due": ("复核日期", "review on"),
    # money
    "money_title": ("收益", "Money"),
    "capex_of_roof": ("投资额", "Capital cost"),
    "opex_of_roof": ("年运维费", "Operating cost a year"),
    "revenue_of_roof": ("首年收益（节省与售电）", "Revenue and savings, year one"),
    "npv_of_roof": ("净现值", "Net present value"),
    "cny_per_year": ("元/年", "CNY a year"),
    "cny": ("元", "CNY"),
    # facts
    "facts_title": ("屋顶事实：估计与核实", "Facts of the roof: estimated and actual"),
    "facts_note": (
        "估计值来自文件或推断，始终保留；核实值由人记录，写明依据、姓名与时间。",
        "Estimates come from the files or are inferred, and stay; actual values are recorded by "
        "people, with evidence, name and time.",
    ),
    "fact": ("事实", "Fact"),
    "estimate": ("估计值", "Estimate"),
    "estimate_from": ("估计来源", "Estimated from"),
    "actual": ("核实值", "Actual"),
    "actual_by": ("记录人", "Recorded by"),
    "actual_at": ("记录时间", "Recorded at"),
    "grounds": ("依据", "Evidence"),
    "fact_roof_form": ("屋面形式", "Roof form"),
    "fact_height": ("高度（m）", "Height (m)"),
    "fact_load": ("结构复核允许的附加恒载（kN/m²）", "Added load that a survey allows (kN/m²)"),
    "fact_obstruction": ("屋顶障碍物", "Obstruction on the roof"),
    "fact_completed_on": ("竣工日期", "Completed on"),
    "fact_renewal_year": ("屋面翻新年份（只作记录）", "Year of the roof's renewal (recorded only)"),
    "fact_name": ("名称（只作记录）", "Name (recorded only)"),
    "from_given": ("数据文件", "the files"),
    "from_floors": ("层数推算", "storeys"),
    "from_default": ("缺省值", "the default"),
    "from_inferred": ("按规则推断", "inferred by rule"),
    "from_class": ("按屋面形式与年代判断", "class of form and age"),
    "from_share": ("按比例扣除", "a share of the roof"),
    "from_unknown": ("未知", "not known"),
    "share_of_roof": ("屋顶的 {share}", "{share} of the roof"),
    "nothing_stands": ("屋顶上没有障碍物", "Nothing stands on the roof"),
    "point_at": ("点", "Point"),
    "outline_drawn": ("轮廓", "Outline"),
    "radius": ("半径（m）", "Radius (m)"),
    "height_of_obstruction": ("障碍物高度（m）", "Height of the obstruction (m)"),
    "longitude": ("经度（WGS84，°）", "Longitude (WGS84, °)"),
    "latitude": ("纬度（WGS84，°）", "Latitude (WGS84, °)"),
    "outline_text": (
        "轮廓角点：每行一个“经度 纬度”（WGS84，至少三个）",
        "Corners of the outline: one “longitude latitude” a line (WGS84, three or more)",
    ),
    "outline_wrong": (
        "每行须有两个数字“经度 纬度”，至少三行。",
        "Each line needs two numbers, longitude and latitude; three lines or more.",
    ),
    "obstruction_note": (
        "一旦画出一处障碍物，该屋顶不再按比例扣除：请把其他障碍物也画出。",
        "Once one obstruction is drawn, no share of this roof is taken for unknown ones: draw the "
        "others too.",
    ),
    "load_note": (
        "指屋面在现状之外还能承受的恒载；组件、支架与配重合计不超过此值才可安装。",
        "What the roof bears beyond what stands there now; modules, racks and ballast together "
        "must stay within it.",
    ),
    "recorded_only_note": (
        "只作记录，不改变任何计算结果。",
        "Recorded only; no figure follows from it.",
    ),
    # correcting
    "correct_title": ("记录核实值", "Record an actual value"),
    "which_fact": ("要核实的事实", "Fact to correct"),
    "value": ("核实值", "Actual value"),
    "grounds_help": (
        "例如竣工图号、检测报告编号、现场照片编号与日期。",
        "Such as the number of a drawing, of a survey's report or of a photograph, and its day.",
    ),
    "record_it": ("记录", "Record"),
    "take_fact_back": ("撤回，恢复估计值", "Take back: the estimate holds again"),
    "recorded_done": ("已记录。", "Recorded."),
    "fact_taken_back": ("已撤回。", "Taken back."),
    "not_recorded": ("没有记录：", "Not recorded:"),
    "grounds_needed": ("请写明依据。", "Say what the evidence is."),
    "value_needed": ("请填写核实值。", "Give the actual value."),
    "corrections_broken": ("核实记录文件无法读取：", "The file of corrections cannot be read:"),
    "no_corrections": ("这个屋顶还没有核实记录。", "Nothing has been recorded of this roof yet."),
    "corrections_of_roof": ("这个屋顶的全部记录", "All that was recorded of this roof"),
    # before and after
    "recount_title": ("计入核实值以后", "With the corrections"),
    "not_in_run": ("尚未计入计算结果", "Not yet part of the finished run"),
    "not_in_run_note": (
        "这里只重算了受影响的屋顶；页面其他数字仍是计算结果。下次计算时计入：",
        "Only the roofs concerned were computed anew here; all other figures of the pages are the "
        "run's. To count the corrections in the next run:",
    ),
    "recounting": ("正在重算受影响的屋顶…", "Computing the roofs concerned anew…"),
    "recount_failed": ("无法重算：", "The roofs cannot be computed anew:"),
    "recount_no_folder": (
        "这里没有本次计算所用的城市文件夹：核实值已保存，下次计算时计入。",
        "The city folder of this run is not at hand: the corrections are kept, and the next run "
        "counts them.",
    ),
    "recount_in_parts": (
        "本次计算按分块进行，网页不重算：核实值已保存，下次计算时计入。",
        "This run was made in parts and is not recounted here: the corrections are kept, and the "
        "next run counts them.",
    ),
    "roofs_recounted": ("重算的屋顶数", "Roofs computed anew"),
    "in_the_run": ("计算结果", "In the run"),
    "with_corrections": ("计入核实值", "With corrections"),
    "change": ("变化", "Change"),
    "this_roof": ("这个屋顶", "This roof"),
    "this_park": ("所在园区", "Its park"),
    "gap_by_ledger": (
        "本次计算读取台账，差距在下次计算时得出。",
        "This run read a ledger: the gap follows with the next run.",
    ),
    "drawing_of": ("布置图", "Drawing"),
    # what a survey would change
    "survey_title": ("核实会带来什么变化", "What a survey would change"),
    "survey_if": ("如果核实为", "If a survey finds"),
    "survey_none": (
        "影响结果的事实都已给定或核实。",
        "Every fact that matters is given or recorded already.",
    ),
    "survey_looking": ("正在逐项试算…", "Trying one fact after the other…"),
    "survey_failed": ("无法试算。", "This cannot be tried here."),
    "capacity_then": ("可装容量（kWp）", "Potential (kWp)"),
    "energy_then": ("首年发电量（MWh）", "Energy, year one (MWh)"),
    "capacity_change": ("容量变化（kWp）", "Change (kWp)"),
    "structure_then": ("荷载", "Structure"),
}
