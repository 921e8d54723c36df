"""The page of the work lists: clause check, register, roofs not started, roofs blocked."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from pvplan.errors import PvplanError
from pvplan.reports.separated import separated_bytes
from pvplan.ui import (
    admin,
    choices,
    days_shown,
    decide_roof,
    decide_system,
    decided_shown,
    deciding,
    frame,
    numbers,
    places,
    runs,
    work_lists,
)
from pvplan.ui.frame import View
from pvplan.ui.work_lists import LISTS

EVERYWHERE: Final = ""
LIST: Final = "work-list"
PARK: Final = "work-park"
ROW: Final = "work-row"


def keep(what: str, widget: str) -> None:
    """Keep a choice apart from its widget: each language has a widget of its own."""
    st.session_state[what] = st.session_state[widget]


def choose_list(view: View) -> str:
    """Offer the lists; the choice stays when the language changes."""
    labels = {key: view.say(f"work_{key}") for key in LISTS}
    return choices.one_of(LIST, view.say("work_list"), labels, view.language, segmented=True)


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


def choose_kind(view: View, key: str, counted: dict[str, int]) -> str | None:
    """Count the rows of each kind, and offer to keep one kind only."""
    work = LISTS[key]
    labels = {
        kind: f"{work_lists.kind_told(work, kind, view.language)}  {numbers.plain(count)}"
        for kind, count in counted.items()
    }
    st.text(f"{view.say('count')}  {numbers.plain(sum(counted.values()))}")
    return st.pills(
        view.say("work_kinds"), list(labels), format_func=labels.__getitem__,
        key=f"work-kind-{key}-{view.language}",
    )  # fmt: skip


def listed(
    view: View, key: str, rows: pd.DataFrame, names: dict[str, str], decided: dict[str, str]
) -> None:
    """Show the rows of a list; a row that is chosen opens below."""
    work = LISTS[key]
    widget = f"work-table-{key}-{view.language}-{len(rows)}"

    def take() -> None:
        chosen = st.session_state[widget].selection.rows
        st.session_state[f"{ROW}-{key}"] = rows.index[chosen[0]] if chosen else None

    shown = work_lists.in_words(work, rows, names, view.language, decided)
    st.dataframe(
        shown, hide_index=True, column_config=work_lists.heads(work, view.language),
        placeholder=numbers.DASH, alt=view.say("work_list"), key=widget,
        height=480 if len(rows) > 12 else "content", selection_mode="single-row",
        on_select=take if work.about is not None else "ignore",
    )  # fmt: skip


def decisions(view: View, key: str) -> dict[str, str]:
    """Return what is decided of the things of a list; say so where the ledger cannot be used."""
    about = LISTS[key].about
    if about is None or deciding.where() is None:
        return {}
    try:
        return decided_shown.standing_told(view, about)
    except PvplanError as error:
        decided_shown.unusable(error, view.language)
        return {}


def decide(view: View, key: str, rows: pd.DataFrame) -> None:
    """Offer every decision on one row of a list."""
    work = LISTS[key]
    if work.about is None:
        return
    st.markdown(f"##### {view.say('decide')}")
    if deciding.where() is None:
        decided_shown.without_ledger(view.language)
        return
    if runs.is_private(view.folder):
        st.info(view.say("private_undecided"))
        return
    labels = work_lists.row_labels(work, rows, view.language)
    widget = f"{ROW}-{key}-{view.language}"
    kept = st.session_state.get(f"{ROW}-{key}")
    st.session_state[widget] = kept if kept in labels else None
    chosen = st.selectbox(
        view.say("choose_row"), list(labels), format_func=labels.__getitem__, key=widget,
        on_change=lambda: keep(f"{ROW}-{key}", widget), placeholder=view.say("choose_row_hint"),
    )  # fmt: skip
    decided_shown.outcome(view.language)
    if chosen is None:
        return
    row = rows.loc[chosen]
    with st.container(border=True, key="decide"):
        st.text(labels[chosen])
        reason = row.get(f"reason_{view.language}")
        if not numbers.missing(reason):
            st.text(str(reason))
        if work.about == "match":
            decide_system.show(view, row)
        else:
            decide_roof.show(view, row)


@st.fragment
def body(view: View) -> None:
    """Offer the lists and the parks; show the rows and give them as a file."""
    names = places.names_of(view.plan.parks, view.language)
    left, right = st.columns([5, 2], vertical_alignment="bottom")
    with left:
        key = choose_list(view)
    with right:
        park_id = choose_park(view, names)
    work = LISTS[key]
    st.caption(view.say(f"work_{key}_note"))
    counted = work_lists.counts_of(view.plan, work, park_id)
    if not counted:
        st.info(view.say("work_none_here" if park_id else f"work_{key}_none"))
        return
    kind = choose_kind(view, key, counted)
    rows = work_lists.rows_of(view.plan, work, park_id, kind)
    if len(rows) < (sum(counted.values()) if kind is None else counted[kind]):
        st.caption(view.say("largest_listed").format(most=numbers.plain(len(rows))))
    decided = decisions(view, key)
    listed(view, key, rows, names, decided)
    fingerprint = str(view.plan.meta.get("fingerprint", ""))
    stem = "-".join(places.file_stem(part) for part in (key, park_id, kind) if part)
    st.download_button(
        view.say("work_download"), lambda: separated_bytes(work.table, rows, fingerprint),
        file_name=f"{stem}.csv", mime="text/csv", on_click="ignore", key="download-work",
    )  # fmt: skip
    decide(view, key, rows)


frame.heading(frame.current(), "page_work")
body(frame.current())
days_shown.offer_with_decisions(frame.current().plan, frame.current().run, frame.current().language)
admin.show(frame.current().language)
