"""The page when no run is finished: compute the bundled city here, or learn the command."""

from __future__ import annotations

import datetime

import streamlit as st

from pvplan.ui import jobs, runs, watched
from pvplan.ui.words import Language, say

COMMAND = "python -m pvplan run data/rooftops/shanghai --out runs/shanghai"


def show(language: Language) -> None:
    """Say that there is no run and offer both ways to one."""
    st.subheader(say("no_runs", language), anchor=False)
    st.text(say("no_runs_help", language))
    st.page_link("pvplan/ui/page_plan.py", label=say("upload_own", language))
    _job(language)
    st.code(COMMAND, language="bash")
    st.caption(say("looked_in", language))
    st.text(str(runs.runs_folder()))


@st.fragment(run_every=1.0)
def _job(language: Language) -> None:
    """Start, follow or report the one job; polling, so that a reload finds it again."""
    out = runs.runs_folder() / runs.BUNDLED_CITY.name
    job = jobs.find(out)
    if job is None and (out / runs.RUN_FILE).is_file():
        st.rerun()  # another reader's page saw its end first
    if job is None or job.failed:
        if job is not None:
            watched.failure(job, language)
        if st.button(say("compute", language), type="primary"):
            today = datetime.datetime.now().astimezone().date()
            jobs.start(jobs.Order(runs.BUNDLED_CITY, out, today))
            st.rerun(scope="fragment")
    elif job.running:
        with st.spinner(say("computing", language)):
            watched.progress(job, out, language)
    else:
        jobs.forget(out)
        st.rerun()
