"""Of the planner's page: two to four finished runs of one city side by side."""

from __future__ import annotations

from typing import Final

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pvplan.errors import PvplanError
from pvplan.reports.reading import FinishedRun
from pvplan.reports.separated import plain_bytes
from pvplan.tables import DEMONSTRATION, Plan
from pvplan.ui import choices, faults, frame, numbers, runs, runs_chart, scenarios, units
from pvplan.ui.frame import View
from pvplan.ui.words import Language, say

MOST: Final = 4
LEVELS: Final = ("district", "park")


def compare(view: View) -> None:
    """Choose runs and show what each found, how they differ, and what they assumed."""
    found = {name: run for name, run in runs.finished_runs().items() if _same_city(run, view, name)}
    if len(found) < 2:
        st.info(view.say("compare_needs_two"))
        return
    names = list(found)
    chosen = st.multiselect(
        view.say("runs_to_compare"), names, default=[view.run, *_others(names, view.run)],
        max_selections=MOST, key=f"compared-{view.run}-{view.language}",
        format_func=lambda name: _label(name, found[name]), placeholder=view.say("choose_runs"),
    )  # fmt: skip
    if len(chosen) < 2:
        st.info(view.say("compare_needs_two"))
        return
    try:
        plans = {_label(name, found[name]): runs.plan_of(found[name].folder) for name in chosen}
    except PvplanError as error:
        st.error(view.say("broken_run"))
        faults.listed(error.faults)
        return
    _city(view, plans)
    _assumed(view, plans)
    _places(view, plans)


def _same_city(run: FinishedRun, view: View, name: str) -> bool:
    city = view.plan.meta.get("city") or {}
    return name == view.run or (run.city_id, run.name_zh) == (
        str(city.get("id") or ""), str(city.get("name_zh") or "")
    )  # fmt: skip


def _others(names: list[str], own: str) -> list[str]:
    return [name for name in names if name != own][:1]


def _label(name: str, run: FinishedRun) -> str:
    """Return what a run is called in a heading: its name, its scenario, its day."""
    return "  ·  ".join(part for part in (name, run.scenario, run.as_of) if part)


def _city(view: View, plans: dict[str, Plan]) -> None:
    table = scenarios.city_table(plans, view.goal_id, view.language)
    st.markdown(f"##### {view.say('compare_city')}")
    told = scenarios.told(table, view.language)
    heads = {"quantity": view.say("quantity"), "unit": view.say("unit_head")}
    st.dataframe(
        told, hide_index=True, column_config=heads, height="content", alt=view.say("compare_city"),
        placeholder=numbers.DASH,
    )  # fmt: skip
    st.caption(view.say("delta_note"))
    st.altair_chart(
        runs_chart.compared(scenarios.bars(table, view.language), view.language),
        alt=view.say("compare_runs_alt"),
    )
    verdicts = scenarios.verdicts(plans, view.language)
    st.dataframe(
        verdicts, hide_index=True, column_config={"goal": view.say("goal")}, height="content",
        alt=view.say("verdicts_title"), placeholder=numbers.DASH,
    )  # fmt: skip


def _assumed(view: View, plans: dict[str, Plan]) -> None:
    st.markdown(f"##### {view.say('assumed_apart')}")
    rows = scenarios.assumed_apart(plans, view.language)
    if not len(rows):
        st.caption(view.say("assumed_alike"))
        return
    heads = {
        "key": view.say("head_key"),
        "meaning": view.say("head_meaning"),
        "unit": view.say("unit_head"),
    }
    st.dataframe(
        rows, hide_index=True, column_config=heads, alt=view.say("assumed_apart"),
        placeholder=numbers.DASH,
    )  # fmt: skip


def _places(view: View, plans: dict[str, Plan]) -> None:
    st.markdown(f"##### {view.say('compare_places')}")
    levels = {level: view.say(f"level_{level}") for level in LEVELS}
    level = choices.one_of(
        "compared-level", view.say("compare_places"), levels, view.language, segmented=True
    )
    table = scenarios.level_table(plans, level, view.goal_id, view.language)
    st.dataframe(
        table, hide_index=True, column_config=_heads(view.language, [str(name) for name in table]),
        alt=view.say("compare_places"), placeholder=numbers.DASH,
    )  # fmt: skip
    mark = f"-{DEMONSTRATION}" if view.demonstration else ""
    st.download_button(
        view.say("download"), lambda: plain_bytes(table), on_click="ignore", mime="text/csv",
        file_name=f"compared-{level}{mark}.csv", key=f"compared-download-{level}",
    )  # fmt: skip


def _heads(language: Language, columns: list[str]) -> dict[str, ColumnConfig | str]:
    form = units.chosen().column_format
    heads: dict[str, ColumnConfig | str] = {
        name: st.column_config.NumberColumn(name, format=form) for name in columns
    }
    return {**heads, "place_id": say("place_id", language), "place": say("place", language)}


def view_or_none() -> View | None:
    """Return what the reader looks at, None where no run is finished."""
    return frame.current() if runs.finished_runs() else None
