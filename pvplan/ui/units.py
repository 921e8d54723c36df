"""The unit in which the reader wants to see capacities: MW, GW or, in Chinese, 万千瓦."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import streamlit as st

from pvplan.ui.words import LANGUAGES, Language, say

UNIT: Final = "unit"


@dataclass(frozen=True)
class Unit:
    """A unit of capacity: its sign, what it is in kW, and how many decimals it wants.

    ``decimals`` counts for tables and for values below ten; ``far`` for values from ten upward.
    """

    sign: str
    kilowatts: float
    decimals: int
    far: int
    languages: tuple[Language, ...] = LANGUAGES

    @property
    def column_format(self) -> str:
        """How st.dataframe writes a value."""
        return f"%,.{self.decimals}f"

    @property
    def chart_format(self) -> str:
        """How a chart writes a value."""
        return f",.{self.decimals}f"


MEGAWATT: Final = Unit("MW", 1e3, 2, 1)
UNITS: Final = {
    "mw": MEGAWATT,
    "gw": Unit("GW", 1e6, 4, 3),
    "wankw": Unit("万千瓦", 1e4, 3, 2, ("zh",)),
}


def chosen() -> Unit:
    """Return the unit that the reader chose; MW where it is not used in the language."""
    unit = UNITS.get(str(st.session_state.get(UNIT)), MEGAWATT)
    return unit if st.session_state.get("language", "zh") in unit.languages else MEGAWATT


def choose(language: Language) -> None:
    """Offer the units of a language in the sidebar; the link's ``unit`` counts on arrival.

    The choice is kept apart from the widget, so that it comes back with the language.
    """
    offered = [code for code, unit in UNITS.items() if language in unit.languages]
    asked = st.session_state.get(UNIT, st.query_params.get(UNIT))
    kept = asked if asked in UNITS else "mw"
    widget = f"{UNIT}-{language}"
    st.session_state[widget] = kept if kept in offered else "mw"

    def take() -> None:
        st.session_state[UNIT] = st.session_state[widget]

    st.sidebar.segmented_control(
        say("capacity_unit", language), offered, key=widget, required=True, on_change=take,
        format_func=lambda code: UNITS[code].sign,
    )  # fmt: skip
    st.session_state[UNIT] = st.query_params[UNIT] = kept
