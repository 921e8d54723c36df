"""Of the planner's page: start a run, watch it, cancel it; and the runs that the visitor has."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import Final

import streamlit as st

from pvplan.errors import PvplanError
from pvplan.ui import desks, jobs, places, runs, uploads, watched
from pvplan.ui.desks import Desk
from pvplan.ui.jobs import Order
from pvplan.ui.planner_city import City
from pvplan.ui.words import Language, say

FIRST_DAY: Final = datetime.date(2000, 1, 1)
LAST_DAY: Final = datetime.date(2100, 12, 31)
NAME_LENGTH: Final = 40
LINK: Final = "job"
TOLD: Final = "run-told"


def offer(city: City | None, scenario: str | None, own: dict[str, str], language: Language) -> None:
    """Offer the run of a city with a scenario and the planner's own values."""
    left, right = st.columns(2)
    day = left.date_input(
        say("as_of", language),
        value="today",
        min_value=FIRST_DAY,
        max_value=LAST_DAY,
        key="run-day",
    )
    name = right.text_input(
        say("run_name", language), max_chars=NAME_LENGTH, key="run-name",
        placeholder=say("run_name_hint", language),
    )  # fmt: skip
    desk = desks.current()
    full = desk is not None and _count(desk) >= desks.MOST_RUNS
    room = desk is None or jobs.room_for(desk.owner)
    if full:
        st.info(say("runs_full", language).format(most=desks.MOST_RUNS))
    elif not room:
        st.info(say("line_full", language).format(most=jobs.MOST_OF_ONE))
    st.button(
        say("compute_city", language), type="primary", key="compute-city", on_click=_start,
        args=(city, scenario, dict(own), day, name),
        disabled=city is None or full or not room or not isinstance(day, datetime.date),
    )  # fmt: skip
    for fault in st.session_state.pop(TOLD, ()):
        st.error(say("compute_failed", language))
        st.text(fault)
    _jobs(language)


def _count(desk: Desk) -> int:
    there = {folder for folder in desk.runs.iterdir() if folder.is_dir()}
    return len(there | set(jobs.of_owner(desk.owner)))


def _start(
    city: City | None,
    scenario: str | None,
    own: dict[str, str],
    day: datetime.date,
    name: str,
) -> None:
    if city is None:
        return
    try:
        desk = desks.own()
    except PvplanError as error:
        st.session_state[TOLD] = error.faults
        return
    stem = places.file_stem(name.strip()).strip("-") or f"{city.folder.name}-{scenario or 'run'}"
    taken = {folder.name for folder in desk.runs.iterdir()}
    taken |= {out.name for out in jobs.of_owner(desk.owner)}
    free = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    out = desk.runs / (stem if stem not in taken else next(n for n in free if n not in taken))
    jobs.start(Order(city.folder, out, day, scenario, own, city.told, desk.owner))
    st.query_params[LINK] = out.name


@st.fragment(run_every=1.0)
def _jobs(language: Language) -> None:
    """Follow the visitor's runs; polling, so that a reload finds them again."""
    desk = desks.current()
    if desk is None:
        return
    for out, job in jobs.of_owner(desk.owner).items():
        with st.container(border=True, key=f"job-{out.name}"):
            st.text(out.name)
            if job.running:
                watched.progress(job, out, language)
                st.button(
                    say("cancel", language), key=f"cancel-{out.name}", on_click=jobs.cancel,
                    args=(out,), disabled=job.stop.is_set(),
                )  # fmt: skip
            elif job.failed:
                files = uploads.held(desk.city)
                said = tuple(uploads.owner_names(fault, files) for fault in job.faults)
                watched.failure(job, language, said)
                st.button(
                    say("dismiss", language), key=f"dismiss-{out.name}", on_click=jobs.forget,
                    args=(out,),
                )  # fmt: skip
            else:
                jobs.forget(out)
                st.session_state["run"] = f"{runs.OWN}{out.name}"
                st.rerun()


def listed(language: Language) -> None:
    """List the visitor's runs; each can be opened on the other pages, and removed."""
    desk = desks.current()
    own = [name for name in runs.finished_runs() if name.startswith(runs.OWN)]
    if desk is None or not own:
        return
    st.markdown(f"##### {say('own_runs', language)}")
    st.caption(say("own_runs_note", language).format(hours=desks.hours()))
    for name in own:
        left, middle, right = st.columns([6, 2, 2], vertical_alignment="center")
        left.text(name.removeprefix(runs.OWN))
        middle.button(say("show_run", language), key=f"show-{name}", on_click=_show, args=(name,))
        right.button(
            say("remove", language), key=f"remove-{name}", on_click=_remove,
            args=(desk.runs / name.removeprefix(runs.OWN),),
        )  # fmt: skip


def _show(name: str) -> None:
    st.session_state["run"] = name


def _remove(folder: Path) -> None:
    desk = desks.current()
    if desk is not None and folder.parent == desk.runs:
        shutil.rmtree(folder, ignore_errors=True)
