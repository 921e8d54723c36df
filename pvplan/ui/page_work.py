"""The page of the work lists: clause check, register, roofs not started, roofs blocked."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from pvplan.reports.separated import separated_bytes
from pvplan.ui import frame, numbers, places, work_lists
from pvplan.ui.frame import View
from pvplan.ui.work_lists import LISTS, WorkList

EVERYWHERE: Final = ""
LIST: Final = "work-list"
PARK: Final = "work-park"


def keep(what: str, widget: str) -> None:
    """Keep a choice apart from its widget: each language has a widget of its own."""
    st.session_state[what] = st.session_state[widget]


def choose_list(view: View) -> str:
    """Offer the lists; the choice stays when the language changes."""
    labels = {key: view.say(f"work_{key}") for key in LISTS}
    widget = f"{LIST}-{view.language}"
    st.session_state[widget] = st.session_state.get(LIST, next(iter(LISTS)))
    chosen = st.segmented_control(
        view.say("work_list"), list(LISTS), format_func=labels.__getitem__, required=True,
        key=widget, label_visibility="collapsed", on_change=lambda: keep(LIST, widget),
    )  # fmt: skip
    return str(chosen)


def choose_park(view: View, names: dict[str, str]) -> str:
    """Offer all parks and each; the choice stays when the language changes."""
    offered = places.distinct({EVERYWHERE: view.say("all_parks"), **names})
    widget = f"{PARK}-{view.language}"
    kept = st.session_state.get(PARK, EVERYWHERE)
    st.session_state[widget] = kept if kept in offered else EVERYWHERE
    chosen = st.selectbox(
        view.say("park"), list(offered), format_func=offered.__getitem__, key=widget,
        label_visibility="collapsed", on_change=lambda: keep(PARK, widget),
    )  # fmt: skip
    return str(chosen)


def choose_kind(view: View, key: str, rows: pd.DataFrame) -> str | None:
    """Count the rows of each kind, and offer to keep one kind only."""
    work = LISTS[key]
    counted = work_lists.kinds_of(work, rows)
    labels = {
        kind: f"{work_lists.kind_told(work, kind, view.language)}  {numbers.plain(count)}"
        for kind, count in counted.items()
    }
    st.text(f"{view.say('count')}  {numbers.plain(len(rows))}")
    return st.pills(
        view.say("work_kinds"), list(labels), format_func=labels.__getitem__,
        key=f"work-kind-{key}-{view.language}",
    )  # fmt: skip


def listed(view: View, work: WorkList, rows: pd.DataFrame, names: dict[str, str]) -> None:
    """Show the rows of a list."""
    st.dataframe(
        work_lists.in_words(work, rows, names, view.language), hide_index=True,
        column_config=work_lists.heads(work, view.language), placeholder=numbers.DASH,
        alt=view.say("work_list"), height=480 if len(rows) > 12 else "content",
    )  # fmt: skip


def body(view: View) -> None:
    """Offer the lists and the parks; show the rows and give them as a file."""
    names = places.names_of(view.plan.parks, view.language)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        key = choose_list(view)
    with right:
        park_id = choose_park(view, names)
    work = LISTS[key]
    st.caption(view.say(f"work_{key}_note"))
    rows = work_lists.rows_of(view.plan, work, park_id)
    if not len(rows):
        st.info(view.say("work_none_here" if park_id else f"work_{key}_none"))
        return
    kind = choose_kind(view, key, rows)
    rows = work_lists.rows_of(view.plan, work, park_id, kind)
    listed(view, work, rows, names)
    fingerprint = str(view.plan.meta.get("fingerprint", ""))
    stem = "-".join(places.file_stem(part) for part in (key, park_id, kind) if part)
    st.download_button(
        view.say("work_download"), lambda: separated_bytes(work.table, rows, fingerprint),
        file_name=f"{stem}.csv", mime="text/csv", on_click="ignore", key="download-work",
    )  # fmt: skip


frame.heading(frame.current(), "page_work")
body(frame.current())
