"""The facts of a roof as they are shown: estimate and actual, and what the corrections change."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from pvplan.reports.roofs import roof_of
from pvplan.ui import facts, looks, numbers, places, watched
from pvplan.ui.facts import Estimates, Known
from pvplan.ui.frame import View
from pvplan.ui.jobs import Job

HEADS: Final = (
    "fact", "estimate", "estimate_from", "actual", "actual_by", "actual_at", "grounds",
)  # fmt: skip
COLUMNS: Final = ("capacity_dc_kw", "energy_ac_kwh_per_year")
COMMAND: Final = "python -m pvplan run CITY_FOLDER --corrections {file} --out OUT"
PATIENCE_S: Final = 2.5
WAITED: Final = "recount-waited"
WIDTHS: Final = {"actual_at": 160, "actual_by": 90, "fact": 290}


def table(view: View, known: Known, roof_id: str, estimates: Estimates) -> None:
    """Show the facts of a roof, estimated and actual."""
    st.markdown(f"##### {view.say('facts_title')}")
    st.caption(view.say("facts_note"))
    rows = facts.table(known.of(roof_id), estimates, view.language)
    st.dataframe(
        rows, hide_index=True, column_config=_heads(view),
        alt=view.say("facts_title"),
    )  # fmt: skip


def _heads(view: View) -> dict[str, Any]:
    """Return the headings; moments are wide enough to be read."""
    return {
        head: st.column_config.TextColumn(view.say(head), width=WIDTHS.get(head)) for head in HEADS
    }


def history(view: View, known: Known, roof_id: str) -> None:
    """Show all that was ever recorded of a roof, the last word first."""
    st.markdown(f"##### {view.say('corrections_of_roof')}")
    every = known.rows[known.rows["roof_id"] == roof_id]
    if every.empty:
        st.caption(view.say("no_corrections"))
        return
    last_first = every.iloc[::-1].fillna("")
    rows = pd.DataFrame(
        {
            "fact": [_name(view, fact) for fact in last_first["fact"]],
            "actual": [
                facts.told_or_bare(fact, value, view.language)
                for fact, value in zip(last_first["fact"], last_first["value"], strict=True)
            ],
            "actual_by": last_first["recorded_by"],
            "actual_at": [facts.moment(at) for at in last_first["recorded_at"]],
            "grounds": last_first["evidence"],
        }
    )
    st.dataframe(
        rows, hide_index=True, alt=view.say("corrections_of_roof"),
        column_config=_heads(view),
    )  # fmt: skip


def _name(view: View, fact: str) -> str:
    return view.say(facts.NAMES[fact]) if fact in facts.NAMES else fact


def survey(view: View, job: Job[looks.Outlook]) -> None:
    """Show what a survey would change of a roof, once it has been tried."""
    st.markdown(f"##### {view.say('survey_title')}")
    if job.running:
        following(view, job, "survey_looking")
        return
    if job.failed or job.outcome is None:
        st.caption(view.say("survey_failed"))
        return
    outlook = job.outcome.result().table
    if len(outlook) < len(COLUMNS):
        st.caption(view.say("survey_none"))
        return
    rows = facts.survey(outlook, view.language)
    shown: dict[str, Any] = {
        "fact": view.say("fact"),
        "survey_if": view.say("survey_if"),
        "capacity_then": st.column_config.NumberColumn(view.say("capacity_then"), format="%,.1f"),
        "capacity_change": st.column_config.NumberColumn(
            view.say("capacity_change"), format="%+,.1f"
        ),
        "energy_then": st.column_config.NumberColumn(view.say("energy_then"), format="%,.1f"),
        "structure_then": view.say("structure_then"),
    }
    st.dataframe(rows, hide_index=True, column_config=shown, alt=view.say("survey_title"))


@st.fragment(run_every=0.7)
def following(view: View, job: Job[Any], word: str) -> None:
    """Follow a job until it is done; then the page is drawn with it."""
    if not job.running:
        st.rerun()
    st.text(f"⏳  {view.say(word)}  {job.stage}")


def recount(view: View, known: Known, roof_id: str, park_id: str, folder: Any) -> None:
    """Show what the corrections of today change, beside the run's own figures."""
    if not facts.pending(view.plan, known.held):
        return
    with st.container(border=True, key="recount"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"##### {view.say('recount_title')}")
            st.badge(view.say("not_in_run"), color="orange")
        in_parts = bool(view.plan.roof_parts)
        if folder is None or in_parts:
            st.info(view.say("recount_in_parts" if in_parts else "recount_no_folder"))
            _command(view, known)
            return
        job = looks.ask_recount(view.plan, folder, known.rows, view.goal_id)
        if job.running and st.session_state.get(WAITED) != id(job):
            # Mostly it takes less than the next look at the clock; nobody is kept waiting twice.
            st.session_state[WAITED] = id(job)
            looks.wait(job, PATIENCE_S)
        if job.running:
            following(view, job, "recounting")
            return
        if job.failed or job.outcome is None:
            if watched.again(job, "recount_failed", "retry-recount", view.language):
                looks.forget(view.plan, "recount")
                st.rerun()
            return
        _compared(view, job.outcome.result(), roof_id, park_id)
        _command(view, known)


def _command(view: View, known: Known) -> None:
    st.caption(view.say("not_in_run_note"))
    st.code(COMMAND.format(file=f"{facts.FOLDER}/{known.path.name}"), language="bash")


def _compared(view: View, found: looks.Recounted, roof_id: str, park_id: str) -> None:
    plan = view.plan
    before: pd.Series[Any] = roof_of(plan, roof_id)
    after: Any = found.roofs.loc[roof_id] if roof_id in found.roofs.index else before
    left, right = st.columns(2, gap="medium")
    with left:
        st.caption(view.say("this_roof"))
        st.table(facts.compared(_figures(before), _figures(after), view.language))
    with right:
        st.caption(f"{view.say('this_park')}")
        gaps = [
            places.goal_at(plan, view.goal_id, "park", plan.parks)["gap_dc_kw"],
            _gaps(found.goals, view.goal_id),
        ]
        ledger = looks.read_ledger(plan)
        told = [
            {**_figures(row), "gap_dc_kw": float("nan") if ledger else gap.get(park_id)}
            for row, gap in zip((plan.parks.loc[park_id], found.parks.loc[park_id]), gaps,
                                strict=True)
        ]  # fmt: skip
        st.table(facts.compared(told[0], told[1], view.language))
        if ledger:
            st.caption(view.say("gap_by_ledger"))
    st.text(f"{view.say('roofs_recounted')}  {numbers.plain(len(found.changed))}")


def _figures(row: pd.Series[Any]) -> dict[str, Any]:
    return {column: row[column] for column in COLUMNS}


def _gaps(goals: pd.DataFrame, goal_id: str | None) -> pd.Series[Any]:
    rows = goals[(goals["goal_id"] == goal_id) & (goals["level"] == "park")]
    return rows.drop_duplicates("place_id").set_index("place_id")["gap_dc_kw"]
