"""A box of choices whose choice outlives a change of language.

Streamlit holds a box by the words that it shows, so that the box of one language knows nothing of
the other's. The choice is kept apart from the box.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pvplan.ui.words import Language


def one_of(
    what: str,
    label: str,
    labels: Mapping[str, str],
    language: Language,
    *,
    first: str | None = None,
    place: Any = st,
    segmented: bool = False,
) -> str:
    """Offer choices and return the one that is chosen.

    Parameters
    ----------
    what
        Under which the choice is kept.
    label
        Of the box.
    labels
        Each choice with its words; not empty.
    language
        Of the words.
    first
        What is chosen at first; by default the first of all.
    place
        Where the box stands.
    segmented
        Show all choices beside each other, without the label.
    """
    kept, widget = f"kept-{what}", f"{what}-{language}"
    start = first if first in labels else next(iter(labels))
    now = st.session_state.get(kept)
    st.session_state[widget] = now if now in labels else start

    def take() -> None:
        st.session_state[kept] = st.session_state[widget]

    if segmented:
        chosen = place.segmented_control(
            label, list(labels), key=widget, format_func=labels.__getitem__, on_change=take,
            required=True, label_visibility="collapsed",
        )  # fmt: skip
    else:
        chosen = place.selectbox(
            label, list(labels), key=widget, format_func=labels.__getitem__, on_change=take
        )
    st.session_state[kept] = chosen
    return str(chosen)
