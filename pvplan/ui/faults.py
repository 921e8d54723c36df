"""What a reader sees where the program itself fails; the server's log has the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import streamlit as st

from pvplan.ui.words import say

LOGGER = logging.getLogger(__name__)


def tell(error: Exception) -> bool:
    """Log a fault, say in the reader's language that there was one; Streamlit says no more."""
    LOGGER.error("a page failed", exc_info=error)
    st.error(say("unexpected", st.session_state.get("language", "zh")))
    return True


def listed(told: Iterable[str]) -> None:
    """Show what is wrong, one line of text for each fault."""
    for fault in told:
        st.text(fault)
