"""The page's language for browsers and screen readers, and Streamlit's own words in Chinese."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import streamlit as st

from pvplan.ui.words import Language, say
from pvplan.ui.words_look import STREAMLIT_WORDS

SCRIPT: Final = Path(__file__).with_name("tongue.js")


def set_language(language: Language) -> None:
    """Say the language, name the map's frame, follow light and dark, translate Streamlit."""
    mount = st.components.v2.component("pvplan_tongue", js=SCRIPT.read_text(encoding="utf-8"))
    told = {
        "language": {"zh": "zh-CN", "en": "en"}[language],
        "words": STREAMLIT_WORDS if language == "zh" else {},
        "map": say("map_frame", language),
    }
    with st.container(key="tongue"):
        mount(key="tongue-said", data=told, height=0, on_theme_change=_drawn_anew)


def _drawn_anew() -> None:
    """Do nothing: the run that follows draws the map for the theme that the reader chose."""
