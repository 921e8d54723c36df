"""What a reader sees where the program itself fails; the server's log has the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import streamlit as st

from pvplan.errors import PvplanError
from pvplan.ui.words import say

LOGGER = logging.getLogger(__name__)


def tell(error: Exception) -> bool:
    """Log a fault, say in the reader's language that there was one; Streamlit says no more."""
    LOGGER.error("a page failed", exc_info=error)
    language = st.session_state.get("language", "zh")
    st.error(say("unexpected", language))
    if isinstance(error, PvplanError):  # its words are for readers
        listed(error.faults)
    return True


def listed(told: Iterable[str]) -> None:
    """Show what is wrong, one line of text for each fault."""
    for fault in told:
        st.text(fault)
