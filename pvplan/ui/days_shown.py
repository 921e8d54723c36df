"""The pickers of the day in the sidebar, and the run for a day that is not computed yet."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Final

import streamlit as st

from pvplan.errors import PvplanError
from pvplan.reports.reading import read_summary
from pvplan.tables import Plan
from pvplan.ui import days, deciding, faults, jobs, people, runs, watched
from pvplan.ui.days import Days
from pvplan.ui.words import Language, say

FIRST_DAY: Final = datetime.date(2000, 1, 1)
LAST_DAY: Final = datetime.date(2100, 12, 31)
FAULTS: Final = "days-faults"
DIFFERS: Final = "days-differs"
ANEW: Final = "days-anew"


def choose(plan: Plan, run: str, folder: Path, language: Language) -> None:
    """Offer the day of the goals and, with a ledger, the day of knowledge; compute what is not.

    Parameters
    ----------
    plan, run, folder
        The run shown: what it found, its name, where it stands.
    language
        Of the words.
    """
    shown = days.of_run(plan.meta)
    if shown is None:
        return
    with st.sidebar.container(key="days"):
        chosen = _pick(run, shown, days.wanted(run, shown), language)
        days.want(run, chosen)
        if st.session_state.pop(DIFFERS, None) == run:
            st.warning(say("day_differs", language))
        anew = st.session_state.get(ANEW) == run
        if chosen == shown and not anew:
            st.session_state.pop(FAULTS, None)
            return
        found = days.find(plan, chosen)
        if found == run:
            st.session_state.pop(ANEW, None)
            return
        if found is not None:
            _show(found)
        _offer(plan, run, folder, chosen, language)


def _pick(run: str, shown: Days, kept: Days, language: Language) -> Days:
    as_of = st.date_input(
        say("as_of", language), value=kept.as_of, min_value=FIRST_DAY, max_value=LAST_DAY,
        key=f"as-of-{run}-{language}", format="YYYY-MM-DD",
    )  # fmt: skip
    known_on = kept.known_on
    if shown.ledger and deciding.where() is not None:
        known_on = st.date_input(
            say("known_on", language), value=kept.known_on, min_value=FIRST_DAY,
            max_value=LAST_DAY, key=f"known-on-{run}-{language}", format="YYYY-MM-DD",
            help=say("known_on_help", language),
        )  # fmt: skip
    return Days(as_of or kept.as_of, known_on, kept.ledger)


def _show(name: str) -> None:
    st.session_state["run"] = name
    for key in (days.WANTED, ANEW, FAULTS):
        st.session_state.pop(key, None)
    st.rerun()


def _offer(plan: Plan, run: str, folder: Path, chosen: Days, language: Language) -> None:
    """Offer to compute the days, follow the run, or say why it cannot be."""
    faults.listed(st.session_state.get(FAULTS, ()))
    if days.city_folder(plan) is None:
        st.info(say("day_in_parts" if plan.roof_parts else "no_city_folder", language))
        st.code(_command(chosen), language="bash", wrap_lines=True)
        _back(run, language)
        return
    try:
        out = days.folder_for(run, folder, plan, chosen)
    except PvplanError as error:
        faults.listed(error.faults)
        _back(run, language)
        return
    job = jobs.find(out)
    if job is not None and (job.running or not job.failed):
        _follow(plan, out, language)
        return
    if job is not None:
        watched.failure(job, language)
    st.text(say("day_not_computed", language))
    person = people.current()
    if not (runs.is_private(folder) or person.may_write):
        st.caption(say("day_needs_role", language))
    st.button(
        say("with_decisions" if chosen.ledger else "compute_day", language), type="primary",
        key="compute-day", on_click=_start, args=(plan, run, folder, chosen),
        disabled=not (runs.is_private(folder) or person.may_write),
    )  # fmt: skip
    _back(run, language)


def _command(chosen: Days) -> str:
    ledger = " --ledger ledger.db" if chosen.ledger else ""
    known = f" --as-known-on {chosen.known_on}" if chosen.known_on else ""
    return f"python -m pvplan run CITY --as-of {chosen.as_of}{ledger}{known} --out runs/NAME"


def _back(run: str, language: Language) -> None:
    st.button(say("back_to_shown", language), key="day-back", on_click=_forget, args=(run,))


def _forget(run: str) -> None:
    for key in (days.WANTED, ANEW, FAULTS):
        st.session_state.pop(key, None)
    # The pickers of the run begin anew from its own days.
    for key in [key for key in st.session_state if str(key).startswith(_pickers(run))]:
        del st.session_state[key]


def _pickers(run: str) -> tuple[str, str]:
    return f"as-of-{run}-", f"known-on-{run}-"


def _start(plan: Plan, run: str, folder: Path, chosen: Days) -> None:
    try:
        days.start(plan, run, folder, chosen)
        st.session_state.pop(FAULTS, None)
    except PvplanError as error:
        st.session_state[FAULTS] = error.faults


def _may_end(out: Path) -> bool:
    """Whether the reader may end a run: their own, or as one who may write."""
    return runs.is_private(out) or people.current().may_write


def _cancel(out: Path) -> None:
    """End a run for other days."""
    if _may_end(out):
        jobs.cancel(out)


@st.fragment(run_every=1.0)
def _follow(plan: Plan, out: Path, language: Language) -> None:
    """Follow the run for other days; polling, so that a reload finds it again."""
    job = jobs.find(out)
    if job is not None and job.running:
        st.text(say("computing_day", language))
        watched.progress(job, out, language)
        st.button(
            say("cancel", language), key="cancel-day", on_click=_cancel, args=(out,),
            disabled=job.stop.is_set() or not _may_end(out),
        )  # fmt: skip
        return
    if job is None or job.failed:
        st.rerun()
    jobs.forget(out)
    name = days.name_of(out)
    if not days.same_question(plan.meta, read_summary(out)):
        st.session_state[DIFFERS] = name
    _show(name)


def offer_with_decisions(plan: Plan, run: str, language: Language) -> None:
    """Offer a run that counts what the ledger holds now, with the days of the run shown."""
    shown = days.of_run(plan.meta)
    if shown is None or deciding.where() is None or not people.current().may_write:
        return
    wanted = Days(shown.as_of, None, ledger=True)
    left, right = st.columns([2, 5], vertical_alignment="center")
    left.button(
        say("with_decisions", language), key="with-decisions", on_click=_anew, args=(run, wanted)
    )
    right.caption(say("with_decisions_note", language))


def _anew(run: str, wanted: Days) -> None:
    st.session_state[ANEW] = run
    days.want(run, wanted)
