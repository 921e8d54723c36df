"""The verdicts and the gaps for the terminal: coloured where it is one, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pvplan.reports.words import (
    BANNER,
    NO_VALUE,
    megawatts,
    one_line,
    percent,
    verdict,
    whole,
)
from pvplan.tables import OUTSIDE_PARKS, Plan

MOST_PARKS: Final = 20
_WIDEST_CELL: Final = 40
_NARROWEST_WORDS: Final = 14  # cells of text may wrap down to this width, numbers never
_RULED, _BARE = 3, 1  # characters that a column with lines, and one without, takes beside its text
_STYLES: Final = {
    "met": "green",
    "on_track": "green",
    "missed": "red",
    "behind": "yellow",
}


@dataclass(frozen=True)
class Grid:
    """Headings and rows of text; a cell and a heading may have several lines.

    ``str()`` gives plain text, aligned by the width that a terminal gives to each character;
    :meth:`rich` gives a table for a terminal, or a list where it is too narrow for one.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    styles: tuple[str, ...] = ()
    foot: str = ""

    def __str__(self) -> str:
        cells = [[_lines(cell) for cell in row] for row in (self.heads, *self.rows)]
        widths = [
            max(cell_len(line) for row in cells for line in row[at])
            for at in range(len(self.heads))
        ]
        printed = [line for row in cells for line in _aligned(row, widths, self.numeric)]
        under = len(max((_lines(head) for head in self.heads), key=len))
        printed.insert(under, "  ".join("-" * width for width in widths))
        return "\n".join(line for line in (self.title, *printed, self.foot) if line)

    def rich(self, width: int) -> RenderableType:
        """Return the grid for a terminal; no number is cut and no text is taken for markup.

        Parameters
        ----------
        width
            Characters in a line of the terminal.
        """
        for lines, beside, unit in ((box.HEAVY_HEAD, _RULED, _lines), (None, _BARE, str.split)):
            least = self._least_widths(unit)
            if sum(least) + beside * len(least) + 1 <= width:
                return self._table(lines, least)
        return self._list(width)

    def _least_widths(self, unit: Callable[[str], list[str]]) -> list[int]:
        """Return the least width of each column: a number whole, its heading by lines or words."""
        least = []
        for at, numeric in enumerate(self.numeric):
            cells = [line for row in self.rows for line in _lines(row[at])]
            longest = max((cell_len(cell) for cell in cells), default=0)
            heading = max(cell_len(part) for part in unit(self.heads[at]))
            least.append(max(longest, heading) if numeric else min(longest, _NARROWEST_WORDS))
        return least

    def _table(self, lines: box.Box | None, least: Sequence[int]) -> Table:
        table = Table(
            title=Text(self.title),
            title_justify="left",
            caption_justify="left",
            box=lines,
            padding=(0, 1) if lines else (0, 1, 0, 0),
        )
        if self.foot:
            table.caption = Text(self.foot)
        for head, numeric, width in zip(self.heads, self.numeric, least, strict=True):
            if numeric:
                table.add_column(Text(head), justify="right", width=width)
            else:
                table.add_column(Text(head), overflow="fold")
        for row, style in zip(self.rows, self._row_styles(), strict=True):
            table.add_row(*(Text(cell) for cell in row), style=style)
        return table

    def _list(self, width: int) -> Group:
        """Return every row as lines of its own, each value after its heading."""
        parts = [Text(self.title)]
        for row, style in zip(self.rows, self._row_styles(), strict=True):
            parts.append(Text(" / ".join(_lines(row[0])), style=f"bold {style}".strip()))
            line = ""
            for head, cell in zip(self.heads[1:], row[1:], strict=True):
                words = f"  {' '.join(_lines(head))}: {' / '.join(_lines(cell))}" if cell else ""
                if line and cell_len(line + words) > width:
                    parts.append(Text(line, style=style))
                    line = ""
                line += words
            parts += [Text(line, style=style)] if line else []
        return Group(*parts, *([Text(self.foot)] if self.foot else []))

    def _row_styles(self) -> Sequence[str]:
        return self.styles or ("",) * len(self.rows)


def _lines(cell: str) -> list[str]:
    return cell.split("\n")


def _aligned(row: Sequence[list[str]], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    tall = max(len(lines) for lines in row)
    printed: list[str] = []
    for at in range(tall):
        cells = [lines[at] if at < len(lines) else "" for lines in row]
        padded = [
            " " * (width - cell_len(cell)) + cell if right else set_cell_size(cell, width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ]
        printed.append("  ".join(padded).rstrip())
    return printed


def _named(zh: object, en: object) -> str:
    words = [_cut(one_line(word)) for word in (zh, en)]
    return "\n".join(word for word in dict.fromkeys(words) if word.strip())


def _cut(text: str) -> str:
    if cell_len(text) <= _WIDEST_CELL:
        return text
    return set_cell_size(text, _WIDEST_CELL - 1).rstrip() + "…"


def _title(plan: Plan, zh: str, en: str) -> str:
    city = plan.meta.get("city", {})
    place = " ".join(str(city[key]) for key in ("name_zh", "name_en") if city.get(key))
    words = [
        f"{zh} {en}",
        one_line(place),
        str(plan.meta.get("as_of", "")),
        one_line(plan.meta.get("scenario") or ""),
    ]
    if city.get("demonstration"):
        words.append(f"[{BANNER}]")
    return " · ".join(word for word in words if word)


def goal_table(plan: Plan) -> Grid:
    """Return the verdict of each goal at the level it is set for.

    Capacities in MW, shares in per cent, pace in MW per year. Goals split to places below are
    counted in the last line, not shown.
    """
    of_city = plan.goals["level"] == "city"
    split = plan.goals["goal_id"].isin(plan.goals.loc[of_city, "goal_id"])
    shown = plan.goals[of_city | ~split]
    left = len(plan.goals) - len(shown)
    rows = shown.to_dict("records")
    return Grid(
        title=_title(plan, "目标", "Goals"),
        heads=(
            "目标\nGoal", "地区\nPlace", "期限\nDeadline", "目标值\nTarget", "已完成\nAchieved",
            "差距\nGap", "所需年增\nPace needed", "近12月\nTrailing", "结论\nVerdict",
        ),
        rows=tuple(_goal_row(row) for row in rows),
        numeric=(False, False, False, True, True, True, True, True, False),
        styles=tuple(_STYLES.get(str(row["verdict"]), "") for row in rows),
        foot=f"另有 {left} 行区、园区目标见 goals.csv"
        f" / {left} rows for districts and parks: see goals.csv"
        if left
        else "",
    )  # fmt: skip


def _goal_row(goal: dict[Any, Any]) -> tuple[str, ...]:
    quantities = (_quantity(goal[name], goal["unit"]) for name in ("target", "installed", "gap"))
    paces = (goal["pace_needed_kw_per_year"], goal["pace_trailing_kw_per_year"])
    deadline = goal["deadline"]
    return (
        _named(goal["name_zh"], goal["name_en"]),
        _named(goal["place_zh"], goal["place_en"]),
        NO_VALUE if pd.isna(deadline) else str(deadline)[:10],
        *quantities,
        *(NO_VALUE if pd.isna(pace) else f"{megawatts(pace)} MW/a" for pace in paces),
        verdict(str(goal["verdict"])),
    )


def _quantity(value: Any, unit: str) -> str:
    if pd.isna(value):
        return NO_VALUE
    known = {"kWp": lambda: f"{megawatts(value)} MW", "1": lambda: percent(value)}
    return known.get(unit, lambda: f"{value:,.3f} {one_line(unit)}")()


def park_table(plan: Plan, most: int = MOST_PARKS) -> Grid:
    """Return the parks with the largest gaps, then the roofs outside parks, then the city.

    Parameters
    ----------
    plan
        The plan.
    most
        Parks shown; how many more there are is said, and where they stand.
    """
    outside = plan.parks.index == OUTSIDE_PARKS
    parks = plan.parks[~outside].sort_values(
        "gap_dc_kw", ascending=False, kind="stable", na_position="last"
    )
    rows = [_park_row(_named(row["name_zh"], row["name_en"]) or str(place), row)
            for place, row in parks.head(most).iterrows()]  # fmt: skip
    left = len(parks) - len(rows)
    if left > 0:
        rows.append((f"……另有 {left} 个园区,见 parks.csv\n… {left} more parks: see parks.csv",
                     *("",) * 7))  # fmt: skip
    for _, row in plan.parks[outside].iterrows():
        rows.append(_park_row("园区外\noutside parks", row))
    for _, row in plan.city.iterrows():
        rows.append(_park_row("全市合计\nCity total", row))
    return Grid(
        title=_title(plan, "园区差距", "Gap of the parks"),
        foot=_headline(plan),
        heads=(
            "园区\nPark", "屋顶数\nRoofs", "可装 [MW]\nPotential", "已装 [MW]\nInstalled",
            "已用潜力\nUsed", "目标 [MW]\nTarget", "其中已装 [MW]\nIn scope", "差距 [MW]\nGap",
        ),
        rows=tuple(rows),
        numeric=(False, *(True,) * 7),
    )  # fmt: skip


def _park_row(name: str, row: pd.Series[Any]) -> tuple[str, ...]:
    against_goal = ("target_dc_kw", "installed_in_scope_dc_kw", "gap_dc_kw")
    return (
        name,
        whole(row["roof_count"]),
        megawatts(row["capacity_dc_kw"]),
        megawatts(row["installed_total_dc_kw"]),
        percent(row["used_potential_fraction"]),
        *(megawatts(row[column]) for column in against_goal),
    )


def _headline(plan: Plan) -> str:
    """Say which goal the gaps refer to: target and installed capacity of the roofs it speaks of."""
    chosen = plan.goals[plan.goals["goal_id"] == plan.meta.get("headline_goal")]
    if chosen.empty:
        return ""
    goal = chosen.iloc[0]
    return f"目标与差距：{one_line(goal['name_zh'])} / target and gap: {one_line(goal['name_en'])}"


def show(plan: Plan, console: Console, *, most: int = MOST_PARKS) -> None:
    """Print the goals and the parks on a console: as tables on a terminal, else as plain text."""
    for grid in (goal_table(plan), park_table(plan, most)):
        if console.is_terminal:
            console.print(grid.rich(console.width))
            console.print()
        else:
            console.file.write(f"{grid}\n\n")
