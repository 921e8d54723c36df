"""The words of units, theme and access, in Chinese and English."""

from __future__ import annotations

from typing import Final

LOOK_WORDS: Final[dict[str, tuple[str, str]]] = {
    "capacity_unit": ("容量单位", "Unit of capacity"),
    "map_frame": ("地图", "Map"),
}

# Streamlit's own few words, which it has in English only, by what it writes; {} is any text.
STREAMLIT_WORDS: Final[dict[str, str]] = {
    "System": "跟随系统",
    "Light": "浅色",
    "Dark": "深色",
    "Theme": "主题",
    "Print": "打印",
    "Record screen": "录制屏幕",
    "Main menu": "主菜单",
    "App pages": "页面",
    "Skip to main content": "跳到正文",
    "Rerun": "重新运行",
    "Stop": "停止",
    "Running...": "运行中…",
    "CONNECTING": "连接中",
    "Connection error": "连接中断",
    "Page not found": "没有这个页面",
    "Close": "关闭",
    "Expand sidebar": "展开侧栏",
    "Collapse sidebar": "收起侧栏",
    "Fullscreen": "全屏",
    "Close fullscreen": "退出全屏",
    "Show data": "查看数据",
    "Show chart": "查看图",
    "Show/hide columns": "选择显示的列",
    "Search": "查找",
    "Clear selection": "取消选择",
    "Select all": "全选",
    "Sort ascending": "升序",
    "Sort descending": "降序",
    "Format": "格式",
    "Autosize": "自动列宽",
    "Pin column": "固定列",
    "Unpin column": "取消固定",
    "Hide column": "隐藏列",
    "Copy column name": "复制列名",
    "Statistics": "统计",
    "No results": "没有匹配项",
    "Choose an option": "请选择",
    "Choose options": "请选择",
    "Clear value": "清除",
    "Clear all": "全部清除",
    "Open": "展开",
    "Upload": "上传",
    "Add files": "添加文件",
    "{} per file": "每个文件不超过 {}",
    "Drag and drop files here": "把文件拖到这里",
    "Press Enter to apply": "按回车键生效",
}
