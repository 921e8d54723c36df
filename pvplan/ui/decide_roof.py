"""Decide what a roof is: feasible, blocked with evidence and a day of review, not assessable."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from pvplan.errors import PvplanError
from pvplan.tables import DECIDED_STATES
from pvplan.ui import decided_shown, deciding
from pvplan.ui.deciding import LONGEST_EVIDENCE, LONGEST_NOTE, Past
from pvplan.ui.frame import View
from pvplan.ui.words import say_code

TAKE_BACK: Final = "take_back"


def show(view: View, roof: pd.Series[Any]) -> None:
    """Offer every decision on a roof.

    Parameters
    ----------
    view
        What the reader looks at.
    roof
        A row of the roofs.
    """
    roof_id = str(roof.name)
    try:
        past = deciding.past_of_roof(roof_id)
    except PvplanError as error:
        decided_shown.unusable(error, view.language)
        return
    if decided_shown.may_write(view.language):
        _form(view, roof_id, past)
    decided_shown.history(past, view.language)


def _form(view: View, roof_id: str, past: Past) -> None:
    mark = f"{roof_id}-{view.language}"
    labels = {state: say_code("roof_state", state, view.language) for state in DECIDED_STATES}
    if len(past.standing):
        labels[TAKE_BACK] = view.say("way_take_back")
    state = st.radio(
        view.say("roof_is"), list(labels), format_func=labels.__getitem__, horizontal=True,
        index=None, key=f"roof-state-{mark}",
    )  # fmt: skip
    evidence, review = "", None
    if state not in (None, TAKE_BACK):
        left, right = st.columns([3, 1])
        evidence = left.text_input(
            view.say("evidence"), max_chars=LONGEST_EVIDENCE, key=f"evidence-{mark}",
            placeholder=view.say("evidence_hint"),
        )  # fmt: skip
        review = right.date_input(
            view.say("review_on"), value=None, min_value=deciding.FIRST_DAY,
            max_value=deciding.LAST_DAY, key=f"review-{mark}",
        )  # fmt: skip
    note = st.text_area(
        view.say("note"), max_chars=LONGEST_NOTE, key=f"note-{mark}", height=80,
        placeholder=view.say("note_hint"),
    )  # fmt: skip
    lacking = state == "blocked" and not (evidence.strip() and note.strip())
    if lacking:
        st.caption(view.say("block_needs"))

    def write() -> None:
        said = None if state == TAKE_BACK else state
        decided_shown.attempt(
            lambda: deciding.decide_roof(roof_id, said, note, evidence, review, past.last_word),
            view.language,
        )

    st.button(
        view.say("write"), type="primary", key=f"write-{mark}", on_click=write,
        disabled=state is None or lacking,
    )  # fmt: skip
