"""The page of the work lists: clause check, register, roofs not started, roofs blocked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import streamlit as st

from pvplan.reports.columns import SHAPES
from pvplan.reports.separated import separated_bytes
from pvplan.ui import frame, numbers, places
from pvplan.ui.frame import View

EVERYWHERE: Final = ""
PARK: Final = "work_park"


@dataclass(frozen=True)
class WorkList:
    """One list: the table it is taken from, what tells its kinds apart, and what is shown."""

    table: str
    kind: str
    shown: tuple[str, ...]
    kinds: tuple[str, ...] = ()


LISTS: Final = {
    "clause": WorkList(
        "compliance",
        "state",
        (
            "name", "park_id", "state", "completed_on", "gross_roof_area_m2", "pv_area_m2",
            "covered_fraction", "required_area_m2", "margin_m2", "missing_dc_kw",
            "pass_probability_fraction", "renewable_state", "missing_{language}",
        ),
    ),
    "register": WorkList(
        "reconciliation",
        "finding",
        (
            "severity", "finding", "system_id", "row", "park_id", "roof_id", "stated_kw",
            "suggested_kw", "score_fraction", "reason_{language}",
        ),
    ),
    "unstarted": WorkList(
        "roofs",
        "structure_state",
        (
            "name", "park_id", "use", "capacity_dc_kw", "installed_dc_kw", "feasible_dc_kw",
            "structure_state", "energy_ac_kwh_per_year", "npv_cny",
        ),
        kinds=("feasible",),
    ),
    "blocked": WorkList(
        "roofs",
        "roof_state",
        (
            "name", "park_id", "roof_state", "capacity_dc_kw", "state_reason_{language}",
            "state_evidence", "state_review_on",
        ),
        kinds=("blocked", "not_assessable"),
    ),
}  # fmt: skip


def rows_of(view: View, work: WorkList, park_id: str) -> pd.DataFrame:
    """Return the rows of a list, of one park or of all."""
    rows = pd.DataFrame(getattr(view.plan, work.table))
    if work.kinds:
        rows = rows[rows["roof_state"].isin(work.kinds)]
        rows = rows.sort_values("capacity_dc_kw", ascending=False, kind="stable")
    return rows[rows["park_id"] == park_id] if park_id else rows


def in_words(view: View, work: WorkList, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns shown, coded words in the reader's language."""
    known = {column.name: column for column in SHAPES[work.table].columns}
    index = SHAPES[work.table].index
    wanted = [name.format(language=view.language) for name in work.shown]
    shown = rows[[name for name in wanted if name in rows.columns]].copy()
    for name in shown.columns:
        if known[name].values:
            told = {word: view.say(f"{name}_{word}") for word in known[name].values}
            shown[name] = shown[name].map(told)
    return shown.reset_index() if index is not None else shown


def heads(view: View, work: WorkList) -> dict[str, Any]:
    """Return how the columns are headed: meaning and unit in the reader's language."""
    shape = SHAPES[work.table]
    columns = (*shape.columns, *((shape.index,) if shape.index else ()))
    found: dict[str, Any] = {}
    for column in columns:
        words = column.zh if view.language == "zh" else column.en
        head = f"{words} ({column.unit})" if column.unit not in ("", "1") else words
        if column.kind in ("number", "count"):
            form = "percent" if column.unit == "1" else "localized"
            found[column.name] = st.column_config.NumberColumn(head, format=form)
        elif column.kind == "date":
            found[column.name] = st.column_config.DateColumn(head)
        else:
            found[column.name] = head
    return found


def counts(view: View, work: WorkList, rows: pd.DataFrame) -> None:
    """Show how many rows there are of each kind."""
    number = rows[work.kind].value_counts(sort=False)
    known = {column.name: column for column in SHAPES[work.table].columns}[work.kind].values
    present = [word for word in known if number.get(word, 0)]
    if present:
        with st.container(horizontal=True, key="work-counts"):
            for word in present:
                st.metric(view.say(f"{work.kind}_{word}"), numbers.plain(number[word]))


def body(view: View) -> None:
    """Offer the lists and the parks; show the rows and give them as a file."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    labels = {key: view.say(f"work_{key}") for key in LISTS}
    with left:
        key = st.segmented_control(
            view.say("work_list"), list(LISTS), format_func=labels.__getitem__, required=True,
            default="clause", key=f"work-{view.language}", label_visibility="collapsed",
        )  # fmt: skip
    with right:
        names = places.names_of(view.plan.parks, view.language)
        offered = places.distinct({EVERYWHERE: view.say("all_parks"), **names})
        park_id = st.selectbox(
            view.say("park"), list(offered), format_func=offered.__getitem__,
            key=f"work-park-{view.language}",
        )  # fmt: skip
    work = LISTS[key or "clause"]
    rows = rows_of(view, work, park_id or "")
    st.caption(view.say(f"work_{key or 'clause'}_note"))
    if not len(rows):
        st.info(view.say("work_none"))
        return
    counts(view, work, rows)
    st.dataframe(
        in_words(view, work, rows), hide_index=True, column_config=heads(view, work),
        placeholder=numbers.DASH, alt=labels[key or "clause"],
    )  # fmt: skip
    fingerprint = str(view.plan.meta.get("fingerprint", ""))
    st.download_button(
        view.say("work_download"), lambda: separated_bytes(work.table, rows, fingerprint),
        file_name=f"{key}{'-' if park_id else ''}{park_id}.csv", mime="text/csv",
        on_click="ignore",
    )  # fmt: skip


frame.heading(frame.current(), "page_work")
body(frame.current())
