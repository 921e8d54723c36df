"""The words of goals, gaps, work lists, splits and explanations, in Chinese and English."""

from __future__ import annotations

from typing import Final

from pvplan.reports.words import VERDICT_WORDS

LEDGER_WORDS: Final[dict[str, tuple[str, str]]] = {
    # goals
    **{f"verdict_{word}": (zh, en.capitalize()) for word, (zh, en) in VERDICT_WORDS.items()},
    "achieved": ("已完成", "Achieved"),
    "deadline": ("期限", "Deadline"),
    "pace_needed": ("所需年均新增", "Needed per year"),
    "pace_trailing": ("近12个月新增", "Last 12 months"),
    "pace_trailing_36": ("近36个月年均", "Last 36 months, a year"),
    "pace_ratio": ("进度比", "Pace ratio"),
    "reachable": ("装得下的概率", "Chance roofs hold it"),
    "gap_range": ("差距 P10–P90", "Gap, P10–P90"),
    "gap_p10": ("差距 P10", "Gap P10"),
    "gap_p90": ("差距 P90", "Gap P90"),
    "under_construction": ("在建", "Under construction"),
    "filed": ("已备案", "Filed"),
    "unreachable": ("屋顶装不下的部分", "Beyond the roofs"),
    "attained_12": ("达标日（近12个月速度）", "Reached at 12-month pace"),
    "attained_12_range": ("同上，抽样 P10–P90", "Same, draws P10–P90"),
    "attained_36": ("达标日（近36个月速度）", "Reached at 36-month pace"),
    "attained_curve": ("达标日（S 形曲线）", "Reached by S-curve"),
    "attained_curve_range": ("同上，P10–P90", "Same, P10–P90"),
    "history_title": ("已装容量随时间", "Installed over time"),
    "history_alt": (
        "折线图：计入目标的已装容量、目标值与期限",
        "Line: installed capacity that counts, target and deadline",
    ),
    "history_note": (
        "按并网日期累计；无日期与已退役的系统不在线上。",
        "Summed by commissioning date; systems without a date and those since retired are not in "
        "the line.",
    ),
    "no_history": (
        "登记中没有计入该目标且有并网日期的系统，无法画出曲线。",
        "The register holds no dated system that counts toward this goal: no curve.",
    ),
    "day_axis": ("日期", "Day"),
    "drivers_title": ("查清哪一项，差距缩小最多", "Which survey narrows the gap most"),
    "drivers_note": (
        "若该项完全查清，差距的 P90−P10 大约缩小多少；各项不能相加。",
        "By how much P90 − P10 of the gap would shrink if it were known for certain; they do not "
        "add up.",
    ),
    "no_drivers": (
        "本次计算没有差距的误差来源排名。",
        "This run ranks no sources of doubt for the gap.",
    ),
    "driver": ("不确定来源", "Source of doubt"),
    "narrowing": ("缩小", "Narrowing"),
    "variance": ("占方差", "Share of the variance"),
    "owner": ("责任单位", "Who answers for it"),
    "superseded_by": ("已被取代", "Superseded by"),
    "explain_goal": ("这些数字的来历", "Where these numbers come from"),
    "goals_dash": (
        "进度比 = 近12个月新增 / 所需年均新增。“—”表示不适用、未知，或按此速度在展望期内达不到。",
        "Pace ratio: last 12 months / needed per year. A dash: not applicable, not known, or not "
        "within the horizon at that pace.",
    ),
    "never": ("达不到", "never"),
    "clause": ("条文与出处", "Clause and source"),
    "document": ("文件", "Document"),
    "method": ("目标值来由", "How the target came about"),
    "unmatched": ("未核对到地点的登记容量", "Register rows without a place"),
    "verified": ("出处已核实", "source verified"),
    "unverified": ("出处未核实", "source not verified"),
    # where a number comes from
    "explain_hint": ("点选一个数字，看它的来历", "Pick a number to see where it comes from"),
    "explain_inputs": ("由这些数字得出", "Made of these numbers"),
    "explain_rows": ("由这些行相加（大者在前）", "Summed from these rows, the largest first"),
    "explain_assumptions": ("用到的参数", "Assumptions"),
    "explain_files": ("用到的文件", "Input files"),
    "explain_lacks": (
        "这个结果没有记录拆解该数字所需的内容，请用现在的程序重新计算：",
        "This run holds no record of what takes this number apart; compute it anew:",
    ),
    "explain_none_verified": ("出处均未核实", "no source verified"),
    "explain_some_unverified": ("部分出处未核实", "some sources not verified"),
    "explain_all_verified": ("出处均已核实", "all sources verified"),
    "explain_agrees": ("✓ 按此重算一致", "✓ computed anew from these: the same"),
    "explain_differs": ("✗ 重算不一致，请勿使用", "✗ computed anew: differs; do not use"),
    "explain_download": ("下载来历（JSON）", "Download as JSON"),
    "head_meaning": ("含义", "Meaning"),
    "head_value": ("取值", "Value"),
    "head_formula": ("公式", "Formula"),
    "head_reference": ("引用", "Reference"),
    "head_row": ("行", "Row"),
    "head_key": ("参数", "Key"),
    "head_source": ("来源", "Source"),
    "head_verified": ("核实", "Verified"),
    "head_role": ("输入", "Input"),
    "head_file": ("文件", "File"),
    "head_sha256": ("校验值（SHA-256）", "SHA-256"),
    "no_goals": ("本次计算没有启用任何目标。", "No goal was enabled in this run."),
    "goals_intro": (
        "每项目标按评估日期判断；条文原文与出处在卡片内展开。",
        "Each goal is judged as of the date shown; open a card for the clause and its source.",
    ),
    # districts and city
    "districts_table": ("各区屋顶与电量", "Districts: roofs and energy"),
    "league_title": ("各区差距排名", "League of the districts"),
    "league_parks_title": ("园区差距排名", "League of the parks"),
    "league_none": (
        "所选目标在这一级没有差距数据（没有行政区或园区边界，或该目标不分解）。",
        "The chosen goal has no account at this level (no boundaries, or a goal that is not "
        "split).",
    ),
    "league_note": (
        "第1名差距最大。差距的 P10–P90 含屋顶与登记误差。",
        "Rank 1 is the widest gap. P10–P90 of the gap hold the errors of roofs and register.",
    ),
    "rank": ("名次", "Rank"),
    "verdict": ("结论", "Verdict"),
    "bound": ("上下限", "At its bound"),
    "capacity_range": ("可装容量 P10–P90", "Potential, P10–P90"),
    "energy_range": ("年发电量 P10–P90", "Energy a year, P10–P90"),
    "feasible": ("可装未装", "Feasible, not started"),
    "blocked_state": ("受限屋顶容量", "On blocked roofs"),
    "city_table": ("全市合计", "City in total"),
    # work lists
    "work_list": ("清单", "List"),
    "work_clause": ("新建厂房条款核查", "Clause check of new plants"),
    "work_register": ("登记核对", "Register against roofs"),
    "work_unstarted": ("可装未装屋顶", "Roofs not started"),
    "work_blocked": ("受限与无法评估", "Blocked, not assessable"),
    "work_clause_note": (
        "2022年起竣工的厂房逐栋核查：光伏面积不低于屋顶面积的一半，且至少使用一种可再生能源。证据不足时不判合格，并列出所缺材料。",
        "Every plant completed from 2022: PV on at least half of the roof, and at least one "
        "renewable. Without evidence nothing passes; what is missing is named.",
    ),
    "work_register_note": (
        "登记行与屋顶逐一核对后需要处理的事项：错误不计入已装，存疑计入并列出。",
        "What the register and the roofs do not agree on: errors do not count as installed, "
        "doubts count and are listed.",
    ),
    "work_unstarted_note": (
        "还有可装容量的屋顶（只装了一部分的也在内），可装未装容量大者在前；应装尽装即此表清零。",
        "Roofs that could carry PV, or more of it, the largest free capacity first; full "
        "installation means that this list is empty.",
    ),
    "work_blocked_note": (
        "每个受限屋顶都应有原因、证据与复核日期。",
        "Every blocked roof should have a reason, evidence and a day of review.",
    ),
    "work_clause_none": (
        "没有需要核查的厂房：没有启用新建厂房条款，或没有竣工日在条款之后或不明的厂房。",
        "No plant to check: the clause is not enabled, or no plant was completed since, or on a "
        "day unknown.",
    ),
    "work_register_none": (
        "登记与屋顶之间没有未了事项（没有登记数据时也如此）。",
        "Register and roofs leave nothing open (nor does a run without a register).",
    ),
    "work_unstarted_none": ("没有可装未装的屋顶。", "No roof is left to start."),
    "work_blocked_none": (
        "没有受限或无法评估的屋顶。",
        "No roof is blocked or not assessable.",
    ),
    "work_none_here": ("该园区没有此类事项。", "Nothing of this kind in this park."),
    "work_kinds": ("只看一类", "One kind only"),
    "work_download": ("下载此清单（CSV）", "Download this list (CSV)"),
    "all_parks": ("全部园区", "All parks"),
    # codes of the tables: clause, register, roofs, bounds, curve
    "clause_pass": ("合格", "passes"),
    "clause_fail": ("不合格", "fails"),
    "clause_exempt": ("豁免", "exempt"),
    "clause_insufficient_evidence": ("证据不足", "insufficient evidence"),
    "finding_unmatched": ("未找到屋顶或园区", "no roof or park found"),
    "finding_ambiguous": ("多个屋顶都像", "several roofs fit"),
    "finding_unit_w": ("似以 W 填写", "looks like W"),
    "finding_unit_mw": ("似以 MW 填写", "looks like MW"),
    "finding_unit_10mw": ("似以万千瓦填写", "looks like tens of MW"),
    "finding_ac_for_dc": ("似以交流代直流", "AC given for DC"),
    "finding_duplicate": ("重复登记", "registered twice"),
    "finding_filed_as_commissioned": ("备案日期当作并网日期", "filing date as commissioning date"),
    "finding_gcj02": ("坐标似为火星坐标", "coordinates look like GCJ-02"),
    "finding_larger_than_roof": ("容量大于屋顶", "larger than its roof"),
    "finding_future_date": ("日期晚于评估日", "dated after the day"),
    "finding_no_date": ("缺并网日期", "no commissioning date"),
    "severity_error": ("错误", "error"),
    "severity_doubt": ("存疑", "doubt"),
    "severity_note": ("提示", "note"),
    "roof_state_installed": ("已装", "installed"),
    "roof_state_under_construction": ("在建", "under construction"),
    "roof_state_filed": ("已备案", "filed"),
    "roof_state_feasible": ("可装未装", "feasible, not started"),
    "roof_state_blocked": ("受限", "blocked"),
    "roof_state_not_assessable": ("无法评估", "not assessable"),
    "structure_usable": ("荷载可直接利用", "structure: usable"),
    "structure_needs_survey": ("须先做结构复核", "structure: needs a survey"),
    "structure_blocked": ("荷载不允许", "structure: blocked"),
    "structure_by_share": ("荷载按比例折减", "structure: by share"),
    "bound_lower": ("在下限", "lower"),
    "bound_upper": ("在上限", "upper"),
    "bound_negotiated": ("协商确定", "negotiated"),
    "curve_reached": ("S 形曲线：已达标", "S-curve: reached"),
    "curve_projected": ("S 形曲线：可以推算", "S-curve: projected"),
    "curve_never": (
        "S 形曲线：照目前的饱和趋势，不会达标",
        "S-curve: as additions level off, never reached",
    ),
    "curve_too_short": (
        "S 形曲线：历史太短，不作推算",
        "S-curve: history too short, not projected",
    ),
    "curve_not_fitted": (
        "S 形曲线：未拟合（登记不覆盖全部范围，或数据不支持）",
        "S-curve: not fitted (the register covers part of the scope, or no curve fits)",
    ),
    # splitting a goal
    "split_by": ("全市目标按权重分解：", "city target split by "),
    "method_usable_area": ("可利用屋顶面积", "usable roof area"),
    "method_technical_potential": ("技术可装容量", "technical potential"),
    "method_economic_potential": ("经济可装容量", "economic potential"),
    "method_load": ("用电量", "load"),
    "method_hosting_capacity": ("可开放容量", "hosting capacity"),
    "basis_stated": ("条文规定的容量", "capacity that the clause states"),
    "basis_added": (
        "条文规定的基准日后新增容量",
        "capacity to be added after the baseline, as stated",
    ),
    "basis_full": (
        "范围内可利用屋顶的技术可装容量，扣除有据受限的部分（条文未规定数值）",
        "technical potential of the usable roofs in scope, less what is blocked with evidence "
        "(the clause states no figure)",
    ),
    "basis_gross": (
        "屋顶面积×要求比例，按组件密度折成容量",
        "required share of gross roof area, in kW by the module's density",
    ),
    "basis_usable": (
        "可利用面积×要求比例，按组件密度折成容量",
        "required share of usable roof area, in kW by the module's density",
    ),
    "basis_plants": ("合格厂房的比例", "share of the plants that pass their clause"),
    "compare_title": ("两种分解方法对比", "Two ways to split the target"),
    "compare_with": ("与采用的方法比较", "Compare the method in use with"),
    "compare_note": (
        "正值：按另一方法目标更高。各方法分的是同一个全市目标，均受上下限约束。",
        "Positive: a higher target by the other method. Each splits the same target of the city, "
        "within the same bounds.",
    ),
    "compare_alt": ("条形图：两种方法的目标之差", "Bars: difference of the two targets"),
    "compare_none": (
        "所选目标没有按权重分解，没有可比较的方法；可在左侧另选按容量（GW）下达的目标。",
        "The chosen goal is not split by a weight, so there is no other method to compare; choose "
        "a goal stated in GW at the left.",
    ),
    "shortfall": ("屋顶装不下、无处可分", "no place can take"),
    "surplus": ("已装之和超出目标", "what stands is above the target by"),
    "target_by": ("目标·{method} ({unit})", "Target: {method} ({unit})"),
    "difference": ("差额", "Difference"),
    "outcome": ("结果", "Outcome"),
    "gains": ("目标升高", "higher"),
    "loses": ("目标降低", "lower"),
    "same": ("不变", "same"),
    "level_district": ("区", "Districts"),
    "level_park": ("园区", "Parks"),
    "in_use": ("采用", "in use"),
}
