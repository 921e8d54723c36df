"""The words of the map of places, in Chinese and English."""

from __future__ import annotations

from typing import Final

MAP_WORDS: Final[dict[str, tuple[str, str]]] = {
    # what colours the places
    "colour_by": ("着色", "Colour by"),
    "colour_gap": ("差距", "Gap"),
    "colour_used": ("已用比例", "In use"),
    "colour_pace": ("进度", "Pace"),
    "colour_potential": ("潜力", "Potential"),
    "used_legend": ("已用潜力比例（%）", "Potential in use (%)"),
    "pace_legend": ("近12个月新增/所需新增（%）", "Pace of 12 months / pace needed (%)"),
    "pace_not_assessable": (
        "所选目标没有进度数值（期限已过，或未分解到这一级）；地图按可装容量着色。",
        "The chosen goal has no pace at this level (its deadline has passed, or it is not split); "
        "the map shows the potential.",
    ),
    "used_not_assessable": (
        "没有登记数据，不知已用多少；地图按可装容量着色。",
        "Without a register nothing is known to be in use; the map shows the potential.",
    ),
    # levels and ways
    "map_level": ("层级", "Level"),
    "map_district": ("各区", "Districts"),
    "map_park": ("园区", "Parks"),
    "back_city": ("← 返回全市", "← Whole city"),
    "back_district": ("← 返回该区", "← The district"),
    "unknown_in_link": (
        "链接中有本结果没有的内容，已忽略：",
        "The link asks for something that this run does not know; it was left out:",
    ),
    "district_more": ("该区的园区，点选可查看屋顶", "Its parks; click one to see its roofs"),
    "parks_of_district": ("该区的园区", "Parks of the district"),
    # roofs
    "roofs_by": ("屋顶着色", "Roofs by"),
    "roofs_by_built": ("安装", "PV"),
    "roofs_by_kw": ("容量", "kWp"),
    "roofs_by_density": ("密度", "W/m²"),
    "roofs_by_yield": ("小时数", "Yield"),
    "roofs_by_state": ("状态", "State"),
    "ready_installed": ("已装", "installed"),
    "ready_under_construction": ("在建", "under construction"),
    "ready_filed": ("已备案", "filed"),
    "ready_feasible": ("可装未装", "feasible"),
    "ready_needs_survey": ("待结构复核", "needs a survey"),
    "ready_blocked": ("受限", "blocked"),
    "ready_not_assessable": ("无法评估", "not assessable"),
    "click_a_roof": ("点选屋顶可查看其数字。", "Click a roof to see its figures."),
    "open_roof": ("打开这个屋顶", "Open this roof"),
    "all_roofs": ("显示全市屋顶", "Show all roofs of the city"),
    "tiles_waiting": (
        "正在准备全市屋顶图层，可以继续使用本页。",
        "Preparing the layer of all roofs; the page can be used meanwhile.",
    ),
    "tiles_failed": ("无法准备全市屋顶图层：", "The layer of all roofs cannot be made:"),
    # on the map
    "map_legend": ("图例", "Legend"),
    "map_loading": ("正在载入屋顶…", "Loading roofs…"),
    "map_not_loaded": ("屋顶没有载入，请刷新本页。", "The roofs did not load; reload the page."),
    "map_zoom_in": ("放大地图可见屋顶", "Zoom in to see the roofs"),
    "map_no_tiles": (
        "底图无法载入，已显示空白背景",
        "The background map does not answer; a plain ground is shown",
    ),
    "tiles_setting": ("底图设置无效：", "The setting of the background map is not valid:"),
}
