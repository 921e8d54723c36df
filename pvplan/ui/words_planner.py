"""The words of the planner's workspace, in Chinese and English."""

from __future__ import annotations

from typing import Final

PLANNER_WORDS: Final[dict[str, tuple[str, str]]] = {
    "page_plan": ("规划", "Plan"),
    "part_compute": ("计算", "Compute"),
    "part_compare": ("方案比较", "Compare"),
    "part_tables": ("数据表", "Tables"),
    "step_city": ("一、选择城市或上传数据", "1 · Choose a city or upload files"),
    "step_assumed": ("二、情景与参数", "2 · Scenario and assumptions"),
    "step_run": ("三、计算", "3 · Compute"),
    # the city
    "city_to_compute": ("城市", "City"),
    "own_city": ("我的数据（上传）", "My own files (upload)"),
    "own_name": ("城市名称", "Name of the city"),
    "upload_note": (
        "单个文件不超过 {one}，合计不超过 {every}。文件只供本浏览器使用，{hours} 小时不使用即删除；"
        "计算在受限的独立进程中进行。",
        "At most {one} a file, {every} in all. Your files are seen in this browser only and are "
        "removed after {hours} hours without use; they are read in a process of its own.",
    ),
    "upload_busy": (
        "正在计算，完成或取消后才能更换文件。",
        "A run goes on: files can be changed once it is done or cancelled.",
    ),
    "upload_refused": ("文件未被采用：", "The file was not taken:"),
    "upload_buildings_first": (
        "请先上传建筑轮廓；其余文件可选。没有辐照栅格和气象文件时，只有随附资料覆盖的地方才能计算。",
        "Upload building footprints first; the other files are optional. Without irradiance and "
        "weather files only places that the bundled ones cover can be computed.",
    ),
    "needed": ("必需", "needed"),
    "optional": ("可选", "optional"),
    "remove": ("删除", "Remove"),
    "remove_all": ("删除我的全部文件和结果", "Remove all my files and runs"),
    "role_buildings": ("建筑轮廓", "Building footprints"),
    "role_parks": ("园区边界", "Parks"),
    "role_districts": ("行政区边界", "Districts"),
    "role_register": ("已装光伏登记（CSV）", "Register of installed systems (CSV)"),
    "role_irradiance": ("水平面辐照栅格（GeoTIFF）", "Irradiance raster (GeoTIFF)"),
    "role_weather": ("逐时气象（EPW 等）", "Hourly weather (EPW and others)"),
    "role_obstructions": ("屋顶障碍物", "Obstructions on roofs"),
    "role_surface_model": ("地表模型（GeoTIFF）", "Surface model (GeoTIFF)"),
    "datum": ("坐标基准", "Datum"),
    "datum_wgs84": ("WGS84（未加偏）", "WGS84 (not shifted)"),
    "datum_gcj02": ("GCJ-02（火星坐标，高德）", "GCJ-02 (Amap and others)"),
    "datum_bd09": ("BD-09（百度坐标）", "BD-09 (Baidu)"),
    "datum_cgcs2000": ("CGCS2000（国家大地坐标）", "CGCS2000"),
    "read_crs": ("坐标系（如 EPSG:4549）", "CRS, such as EPSG:4549"),
    "read_layer": ("图层名", "Layer"),
    "as_the_file_says": ("以文件为准", "as the file says"),
    # why an upload is refused
    "refused_ending": (
        "不支持这种扩展名；可用：{known}。",
        "this ending is not supported; use one of: {known}.",
    ),
    "refused_empty": ("文件是空的。", "the file is empty."),
    "refused_size": (
        "有 {seen} MB，单个文件上限 {most} MB。",
        "holds {seen} MB; a file may hold {most} MB.",
    ),
    "refused_total": (
        "合计将达 {seen} MB，上限 {most} MB；请先删除其他文件。",
        "all files would hold {seen} MB; at most {most} MB: remove others first.",
    ),
    "refused_disk": (
        "服务器磁盘空间不足，请稍后再试。",
        "the server is short of space; try again later.",
    ),
    "refused_magic": (
        "内容不是 {ending}（开头为 {seen}）；请重新导出。",
        "does not hold {ending} (it begins with {seen}); export it again.",
    ),
    "refused_order": (
        "含有指向其他文件或网络的指令，不予读取；请保存多边形本身。",
        "holds a recipe that points to other files or the network; save the polygons themselves.",
    ),
    "refused_columns": (
        "首行过宽（上限 {most} 列）；请只保留需要的列。",
        "its first line is too wide (at most {most} columns); keep the columns that are needed.",
    ),
    "refused_crs": (
        "坐标系 {seen} 写法不对；请写成 EPSG:4326 的形式。",
        "the CRS {seen} is not understood; write it like EPSG:4326.",
    ),
    "refused_datum": ("不认识的坐标基准 {seen}。", "the datum {seen} is unknown."),
    "refused_busy": (
        "正在计算，完成或取消后才能更换文件。",
        "a run goes on: wait for its end or cancel it.",
    ),
    "refused_zip_broken": (
        "压缩包损坏或与目录不符；请重新压缩。",
        "the zip is broken or does not hold what it lists; zip it again.",
    ),
    "refused_zip_members": (
        "压缩包内文件过多（{seen}，上限 {most}）。",
        "the zip lists too much ({seen} members; at most {most}).",
    ),
    "refused_zip_path": (
        "压缩包内的路径指向包外：{member}。",
        "a name in the zip leads out of it: {member}.",
    ),
    "refused_zip_link": ("压缩包内有链接：{member}。", "the zip holds a link: {member}."),
    "refused_zip_nested": (
        "压缩包内还有压缩包或 VRT：{member}；请只压缩 shapefile。",
        "the zip holds another archive or a VRT: {member}; zip the shapefile alone.",
    ),
    "refused_zip_locked": (
        "压缩包有密码或用了少见的压缩方法：{member}。",
        "a member is locked or packed in an unusual way: {member}.",
    ),
    "refused_zip_bomb": (
        "解压后达 {seen} MB，或压缩比异常（上限 {most} MB）。",
        "it would unpack to {seen} MB, or its ratio is not that of a map (at most {most} MB).",
    ),
    "refused_zip_no_shape": (
        "压缩包内没有这样的 shapefile（需要 .shp、.shx、.dbf、.prj）。",
        "holds no such shapefile; zip .shp, .shx, .dbf and .prj.",
    ),
    "refused_zip_many": (
        "压缩包内有多个 shapefile（{layers}）；请每个文件只放一个。",
        "holds several shapefiles ({layers}); zip one of them alone.",
    ),
    "refused_zip_parts": (
        "shapefile 缺少 {parts}。",
        "the shapefile comes without {parts}.",
    ),
    # the assumptions
    "scenario": ("情景", "Scenario"),
    "scenario_none": ("默认值", "defaults"),
    "topic": ("主题", "Topic"),
    "topic_all": ("全部主题", "all topics"),
    "topic_footprints": ("建筑轮廓的读取", "reading footprints"),
    "topic_surfaces": ("屋面形式", "roof surfaces"),
    "topic_layout": ("组件布置", "layout of modules"),
    "topic_structure": ("结构荷载", "structure and load"),
    "topic_shading": ("遮挡", "shading"),
    "topic_module": ("组件", "module"),
    "topic_system": ("系统与损失", "system and losses"),
    "topic_weather": ("气象", "weather"),
    "topic_irradiance": ("辐照", "irradiance"),
    "topic_register": ("登记数据", "register"),
    "topic_finance": ("投资与成本", "cost"),
    "topic_tariff": ("电价", "tariff"),
    "topic_carbon": ("碳排放因子", "carbon factors"),
    "topic_goals": ("目标", "goals"),
    "topic_allocation": ("目标分解", "split of goals"),
    "topic_compliance": ("条款核查", "clause check"),
    "topic_uncertainty": ("不确定性", "uncertainty"),
    "goal_enabled": ("是否启用", "in use"),
    "goal_target": ("目标值", "target"),
    "goal_deadline": ("期限", "deadline"),
    "search": ("查找参数", "Search"),
    "search_hint": ("如：造价、capex、倾角", "such as: capex, tilt, load"),
    "none_found": ("没有符合的参数。", "No assumption fits."),
    "more_found": (
        "共 {every} 个，显示前 {shown} 个；请缩小查找范围。",
        "{every} found, the first {shown} are shown; narrow the search.",
    ),
    "changes": ("已修改 {count} 个参数：", "Changed assumptions: {count}"),
    "instead_of": ("原值", "instead of"),
    "reset": ("恢复原值", "Reset"),
    "reset_all": ("全部恢复", "Reset all"),
    "bounds": ("范围", "bounds"),
    "source": ("来源", "source"),
    "layer_default": ("默认值", "default"),
    "layer_city": ("该城市的值", "the city's own"),
    "layer_scenario": ("情景的值", "of the scenario"),
    "layer_user": ("修改值", "changed"),
    "value_refused": ("这个值不能用：", "This value cannot be used:"),
    "value_out_of_bounds": (
        "“{seen}”不可用；允许 {bounds}。",
        "“{seen}” cannot be used; allowed: {bounds}.",
    ),
    "value_too_long": ("太长（上限 {most} 个字符）。", "too long (at most {most} letters)."),
    # the run
    "run_name": ("结果名称", "Name of the run"),
    "run_name_hint": ("可不填", "may be left empty"),
    "compute_city": ("开始计算", "Compute"),
    "runs_full": (
        "已有 {most} 个结果，请先删除一些。",
        "You have {most} runs; remove some first.",
    ),
    "line_full": (
        "排队已满（每人最多 {most} 个）；请等待或取消。",
        "The line is full (at most {most} for one visitor); wait or cancel one.",
    ),
    "in_line": ("排队中，前面还有 {ahead} 个计算", "In the line; runs ahead: {ahead}"),
    "cancel": ("取消", "Cancel"),
    "dismiss": ("知道了", "Dismiss"),
    "stage_start": ("启动", "Starting"),
    "stage_gather": ("读取数据", "Reading files"),
    "stage_read": ("读取数据", "Reading files"),
    "stage_footprints": ("整理建筑轮廓", "Checking footprints"),
    "stage_join": ("屋顶归入园区和行政区", "Joining roofs to parks and districts"),
    "stage_climate": ("辐照与气象", "Irradiance and weather"),
    "stage_assess": ("逐屋顶布置与发电量", "Layout and energy of the roofs"),
    "stage_plan": ("目标、差距与不确定性", "Goals, gaps and doubt"),
    "stage_write": ("写出", "Writing"),
    "roofs_done": ("个屋顶", "roofs"),
    "broken_time": (
        "超过了允许的计算时间，已停止；请减少建筑数量，或请管理员放宽 PVPLAN_RUN_SECONDS。",
        "It took longer than a run may take and was ended; give fewer buildings, or ask for a "
        "larger PVPLAN_RUN_SECONDS.",
    ),
    "broken_memory": (
        "超过了允许的内存，已停止；请减少建筑数量，或请管理员放宽 PVPLAN_RUN_MEMORY_MB。",
        "It needed more memory than a run may take and was ended; give fewer buildings, or ask for "
        "a larger PVPLAN_RUN_MEMORY_MB.",
    ),
    "broken_crash": (
        "读取或计算时进程崩溃，页面不受影响；多半是文件损坏，请重新导出后再试。",
        "The process that read the files broke down; the pages go on. A damaged file is the likely "
        "cause: export it again.",
    ),
    "broken_stopped": ("已取消。", "Cancelled."),
    "own_runs": ("我的结果", "My runs"),
    "own_runs_note": (
        "只在本浏览器可见，{hours} 小时不使用即删除；全部文件可在“下载”页取得。",
        "Seen in this browser only and removed after {hours} hours without use; all files are on "
        "the page “Downloads”.",
    ),
    "show_run": ("在各页查看", "Show"),
    # runs compared
    "runs_to_compare": (
        "要比较的结果（第一个为基准，2–4 个）",
        "Runs to compare (the first is the base; 2 to 4)",
    ),
    "choose_runs": ("选择结果", "Choose runs"),
    "compare_needs_two": (
        "比较需要同一城市的至少两个结果：请先在“计算”中另算一个。",
        "At least two runs of the same city are needed: compute another under “Compute”.",
    ),
    "compare_city": ("全市", "The whole city"),
    "quantity": ("指标", "Quantity"),
    "unit_head": ("单位", "Unit"),
    "delta_note": ("Δ：与第一个结果（基准）的差。", "Δ: difference from the first run, the base."),
    "potential_p10": ("可装容量 P10", "Potential P10"),
    "potential_p90": ("可装容量 P90", "Potential P90"),
    "compare_runs_alt": (
        "柱状图：各结果的可装容量、已装容量、目标值与差距",
        "Bars: potential, installed, target and gap of each run",
    ),
    "verdicts_title": ("各目标的结论", "Verdict of each goal"),
    "assumed_apart": ("参数的不同", "What they assume differently"),
    "assumed_alike": ("各结果的参数相同。", "They assume the same."),
    "run_as_of": ("评估日期", "as of"),
    "run_code_version": ("程序版本", "version of the program"),
    "compare_places": ("各区与各园区", "Districts and parks"),
    "place_id": ("编号", "Id"),
    # tables
    "table": ("数据表", "Table"),
    "columns": ("显示的列", "Columns"),
    "choose_columns": ("选择要显示的列", "Choose columns"),
    "every": ("全部", "all"),
    "page_of": ("第几页（共 {pages} 页）", "Page (of {pages})"),
    "rows_shown": ("显示 {shown} 行，共 {every} 行", "{shown} of {every} rows are shown"),
    "too_many_rows": (
        "所选范围有 {count} 个屋顶，一次最多显示 {most} 个：请选一个区或园区。"
        "全部屋顶在结果文件夹的 roofs/ 中（GeoParquet）。",
        "{count} roofs are chosen, and at most {most} are shown at once: choose a district or a "
        "park. All roofs stand in the folder roofs/ of the run (GeoParquet).",
    ),
    "download_rows": ("下载所选全部行（CSV）", "Download all chosen rows (CSV)"),
    "explain_cell": ("一个数的来历", "Where a number comes from"),
    "row": ("行", "Row"),
    "column": ("列", "Column"),
    "choose_row": ("选择一行", "Choose a row"),
    "choose_column": ("选择一列", "Choose a column"),
    # downloads, no run
    "zip_all": ("全部文件（ZIP）", "All files (ZIP)"),
    "upload_own": ("上传并计算自己的数据", "Upload and compute your own files"),
}
