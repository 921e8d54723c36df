"""What the reader of the map has chosen: kept between clicks, in the link, and on the way back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import streamlit as st

from pvplan.maps import COLOURS
from pvplan.reports.roofs import roofs_of
from pvplan.tables import Plan
from pvplan.ui.places import park_of

CITY: Final = ""
PARK: Final = "park"
DISTRICT: Final = "district"
ROOF: Final = "roof"
COLOUR: Final = "colour"
LEVEL: Final = "level"
ROOFS_BY: Final = "roofs"
ALL_ROOFS: Final = "all"
KEYS: Final = (PARK, DISTRICT, ROOF, COLOUR, LEVEL, ROOFS_BY, ALL_ROOFS)
PLACE_COLOURS: Final = ("gap", "used", "pace", "potential")
PLACE_LEVELS: Final = ("district", "park")
FIRST: Final = {COLOUR: "gap", LEVEL: "park", ROOFS_BY: "built"}
SERIAL: Final = "park_serial"
# The roof that the map marks when it moves to a new place; a click marks by itself.
MARKED: Final = "marked_roof"
_WRITTEN: Final = "map_link"


@dataclass(frozen=True)
class Choice:
    """What is shown: places by id (empty for none), and by what they are coloured."""

    park: str
    district: str
    roof: str
    colour: str
    level: str
    roofs_by: str
    all_roofs: bool

    @property
    def level_drawn(self) -> str:
        """The level that is coloured: a chosen district shows its parks."""
        return self.level if not (self.park or self.district) else "park"


def go(*, park: str = CITY, district: str = CITY) -> None:
    """Choose a place; the serial rises so that the map moves to it, even to the same again."""
    st.session_state.update({PARK: park, DISTRICT: district, ROOF: "", MARKED: ""})
    st.session_state[SERIAL] = st.session_state.get(SERIAL, 0) + 1


def take_roof(plan: Plan, roof_id: str, park_id: str) -> None:
    """Choose a roof by a click on the map: its park is chosen too, and the view stays."""
    if st.session_state.get(PARK) != park_id:
        st.session_state[PARK] = park_id if park_id in plan.parks.index else CITY
    st.session_state[ROOF] = roof_id


def current(plan: Plan) -> tuple[Choice, dict[str, str]]:
    """Return the choice, and what the link asks for that this run does not know.

    The link counts on arrival, and when the reader goes back: then it differs from what this page
    wrote into it last. Coming from another page the link is bare, and the kept choice stands.
    """
    allowed: dict[str, Collection[str]] = {
        PARK: [*map(str, plan.parks.index), CITY],
        DISTRICT: [*map(str, plan.districts.index), CITY],
        COLOUR: PLACE_COLOURS,
        LEVEL: PLACE_LEVELS,
        ROOFS_BY: COLOURS,
        ALL_ROOFS: ("1", CITY),
    }
    state, written = st.session_state, st.session_state.get(_WRITTEN, {})
    bare = not any(key in st.query_params for key in KEYS)
    unknown: dict[str, str] = {}
    moved = False
    for key in KEYS:
        asked = str(st.query_params.get(key, ""))
        if key in state and (bare or asked == written.get(key, "")):
            continue
        before = state.get(key)
        known = _is_roof(plan, asked) if key == ROOF else asked in allowed[key]
        if asked and not known:
            unknown[key] = asked
        state[key] = asked if known else FIRST.get(key, "")
        moved |= before is not None and before != state[key] and key in (PARK, DISTRICT)
    for key, first in FIRST.items():
        if state[key] not in allowed[key]:
            state[key] = first
    if state[PARK] not in allowed[PARK] or state[DISTRICT] not in allowed[DISTRICT]:
        state[PARK] = state[DISTRICT] = CITY
    _settle(plan, moved=moved)
    park, district, roof, colour, level, roofs_by, every = (str(state[key]) for key in KEYS)
    made = Choice(park, district, roof, colour, level, roofs_by, all_roofs=every == "1")
    return made, unknown


def _is_roof(plan: Plan, roof_id: str) -> bool:
    return bool(roof_id) and bool(roofs_of(plan).known([roof_id]))


def _settle(plan: Plan, *, moved: bool) -> None:
    """Let a roof bring its park, and a way back move the map."""
    state = st.session_state
    roof = state[ROOF]
    if roof and not _is_roof(plan, roof):
        roof = state[ROOF] = ""
    if roof and not state[PARK]:
        own = park_of(plan, roof)
        state[PARK] = own if own in plan.parks.index else CITY
    if SERIAL not in state or moved:
        state[SERIAL] = state.get(SERIAL, 0) + 1
        state[MARKED] = roof
    state.setdefault(MARKED, roof)


def write_link(choice: Choice) -> None:
    """Put the choice into the link; one step of the reader is one step of the history."""
    values = (
        choice.park, choice.district, choice.roof, choice.colour, choice.level, choice.roofs_by,
        "1" if choice.all_roofs else "",
    )  # fmt: skip
    wanted = {key: value for key, value in zip(KEYS, values, strict=True) if value}
    others = {key: value for key, value in st.query_params.items() if key not in KEYS}
    if {**others, **wanted} != st.query_params.to_dict():
        st.query_params.from_dict({**others, **wanted})
    st.session_state[_WRITTEN] = wanted
