"""The page of the map: districts, parks and roofs by what the reader asks, and the pick."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
import streamlit as st

from pvplan.reports.roofs import roof_of
from pvplan.tables import OUTSIDE_PARKS
from pvplan.ui import (
    frame,
    map_choice,
    map_drawn,
    map_figures,
    numbers,
    panel,
    places,
    runs,
    tables_shown,
)
from pvplan.ui.frame import View
from pvplan.ui.map_choice import CITY, Choice
from pvplan.ui.words import Language

ROOF_PAGE: Final = Path(__file__).with_name("page_roof.py")
COLOURS: Final = {
    "gap": "colour_gap",
    "used": "colour_used",
    "pace": "colour_pace",
    "potential": "colour_potential",
}
LEVELS: Final = {"park": "map_park", "district": "map_district"}
ROOFS_BY: Final = {
    "built": "roofs_by_built",
    "kw": "roofs_by_kw",
    "density": "roofs_by_density",
    "yield": "roofs_by_yield",
    "state": "roofs_by_state",
}
NOT_ASSESSABLE: Final = {
    "gap": "gap_not_assessable",
    "used": "used_not_assessable",
    "pace": "pace_not_assessable",
}


def arrived(view: View) -> Choice:
    """Return the choice; what the link asks for in vain is told."""
    choice, unknown = map_choice.current(view.plan)
    for key, asked in unknown.items():
        st.warning(view.say("unknown_park" if key == map_choice.PARK else "unknown_in_link"))
        st.text(asked)
    map_choice.write_link(choice)
    return choice


def pick_one(view: View, key: str, words: Mapping[str, str], label: str, chosen: str) -> None:
    """Offer one of a few: the choice is kept apart from the widget, which has its language."""
    widget = f"map-{key}-{view.language}"
    st.session_state[widget] = chosen

    def take() -> None:
        st.session_state[key] = st.session_state[widget]

    st.segmented_control(
        view.say(label), list(words), key=widget, required=True, on_change=take,
        format_func=lambda item: view.say(words[item]),
    )  # fmt: skip


def choosers(view: View, choice: Choice) -> None:
    """Offer what colours places and roofs, and the level."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="map-choosers"):
        if not choice.park:
            pick_one(view, map_choice.COLOUR, COLOURS, "colour_by", choice.colour)
        if not choice.park and not choice.district:
            pick_one(view, map_choice.LEVEL, LEVELS, "map_level", choice.level)
        if choice.park or choice.all_roofs:
            pick_one(view, map_choice.ROOFS_BY, ROOFS_BY, "roofs_by", choice.roofs_by)


def all_roofs(view: View, choice: Choice) -> None:
    """Offer the roofs of the whole city."""
    st.session_state["map-all"] = choice.all_roofs

    def take() -> None:
        st.session_state[map_choice.ALL_ROOFS] = "1" if st.session_state["map-all"] else ""

    st.toggle(view.say("all_roofs"), key="map-all", on_change=take)


def ways_back(view: View, choice: Choice) -> None:
    """Offer the way back to the city, and to the district that the reader came through."""
    if choice.park or choice.district:
        st.button(view.say("back_city"), key="back-city", on_click=map_choice.go)
    if choice.park and choice.district:
        st.button(
            view.say("back_district"), key="back-district",
            on_click=lambda: map_choice.go(district=choice.district),
        )  # fmt: skip


def picked_in_table(view: View, ids: list[str], key: str) -> None:
    """Take a row chosen in the table; taking the choice back goes one step up."""
    rows = st.session_state[key]["selection"]["rows"]
    pick(view, ids[rows[0]] if rows else CITY)


def pick(view: View, park_id: str) -> None:
    """Choose a park by name; the district stays chosen where the park lies in it."""
    district = str(st.session_state.get(map_choice.DISTRICT, CITY))
    inside = not park_id or park_id in map_figures.parks_in(view.plan, district)
    map_choice.go(park=park_id, district=district if district and inside else CITY)


def choose_park(view: View, names: dict[str, str], choice: Choice) -> None:
    """Offer the parks by name: the way for the keyboard."""
    # One widget for each language: Streamlit holds a selectbox by its shown words.
    widget = f"park-{view.language}"
    st.session_state[widget] = choice.park
    labels = places.distinct({CITY: view.say("city"), **names})

    def take() -> None:
        if st.session_state[widget]:
            pick(view, st.session_state[widget])
        else:
            map_choice.go()

    st.selectbox(
        view.say("pick_park"), list(labels), key=widget, label_visibility="collapsed",
        format_func=lambda item: labels[item], on_change=take,
    )  # fmt: skip


def parks_table(view: View, figures: pd.DataFrame, names: dict[str, str], choice: Choice) -> None:
    """Show the parks, the widest gap first; a chosen row is the same as a click on the map."""
    table = tables_shown.level_table(view.plan.parks, figures, names)
    districts = places.districts_of_parks(view.plan, view.language)
    table.insert(1, "district", [districts.get(str(index), "") for index in table.index])
    if choice.district:
        inside = map_figures.parks_in(view.plan, choice.district)
        table = table[[str(index) in inside for index in table.index]]
    table = table.sort_values(["gap", "potential"], ascending=False, kind="stable")
    ids = [str(index) for index in table.index]
    serial = st.session_state[map_choice.SERIAL]
    run = runs.mark_of(view.folder)
    key = f"parks-{run}-{view.goal_id}-{view.language}-{choice.district}-{serial}"
    chosen = [ids.index(choice.park)] if choice.park in ids else []
    st.dataframe(
        table, key=key, hide_index=True, column_config=tables_shown.column_config(view.language),
        on_select=lambda: picked_in_table(view, ids, key), selection_mode="single-row",
        selection_default={"selection": {"rows": chosen}},
        placeholder=numbers.DASH, alt=view.say("parks_table"),
    )  # fmt: skip


def show_city(view: View) -> None:
    """Show the panel of the whole city."""
    of_goal = places.goal_at(view.plan, view.goal_id, "city", view.plan.city)
    name = places.name_of(view.city, view.language)
    panel.show(view, view.city, of_goal.iloc[0], name, view.say("city_more"))
    panel.charts_of(view, view.city, of_goal.iloc[0])


def show_place(view: View, level: str, place_id: str) -> pd.Series[Any]:
    """Show the panel of a district or a park, and return its row."""
    table = map_figures.table_of(view.plan, level)
    row = table.index.get_loc(place_id)
    place: pd.Series[Any] = table.iloc[row]
    figures = places.goal_at(view.plan, view.goal_id, level, table).iloc[row]
    other: Language = "en" if view.language == "zh" else "zh"
    more = [] if place_id == OUTSIDE_PARKS else [places.name_of(place, other)]
    if level == "park":
        more.append(places.districts_of_parks(view.plan, view.language).get(place_id, ""))
    else:
        more.append(view.say("district_more"))
    told = "  ·  ".join(part for part in more if part)
    panel.show(view, place, figures, places.name_of(place, view.language), told)
    panel.charts_of(view, place, figures)
    return place


def picked_roof(view: View, choice: Choice) -> None:
    """Tell the roof that was clicked, and lead to its page."""
    if not choice.park:
        return
    if not choice.roof:
        st.caption(view.say("click_a_roof"))
        return
    name, *lines = map_figures.facts_of_roof(view, roof_of(view.plan, choice.roof))
    with st.container(border=True, key="picked-roof", gap="xsmall"):
        st.text(name)
        st.text("  ·  ".join(lines))
        st.page_link(ROOF_PAGE, label=view.say("open_roof"), icon=":material/roofing:")


def draw_map(view: View, choice: Choice) -> None:
    """Draw the map with its choosers, and say what it cannot show."""
    choosers(view, choice)
    map_drawn.draw(view, choice)
    level = choice.level_drawn
    if map_figures.shown_colour(view, level, choice.colour) != choice.colour:
        st.caption(view.say(NOT_ASSESSABLE[choice.colour]))
    with st.container(horizontal=True, vertical_alignment="center", key="map-below"):
        all_roofs(view, choice)
        ways_back(view, choice)
    picked_roof(view, choice)


@st.fragment
def body(view: View) -> None:
    """Show map, panel and table; a choice reruns only this."""
    choice = arrived(view)
    names = places.names_of(view.plan.parks, view.language)
    top, chooser = st.columns([11, 9], gap="medium", vertical_alignment="center")
    with top:
        frame.heading(view, "page_map")
    with chooser:
        choose_park(view, names, choice)
    left, right = st.columns([11, 9], gap="medium")
    with left:
        draw_map(view, choice)
    level = "park" if choice.park else "district" if choice.district else "city"
    place_id = choice.park or choice.district or str(view.city.name)
    with right:
        if level == "city":
            show_city(view)
            place = view.city
        else:
            place = show_place(view, level, place_id)
    panel.facts(view, place)
    if level == "park" and place["roof_count"]:
        st.page_link(ROOF_PAGE, label=view.say("roofs_of_park"), icon=":material/roofing:")
    tables = {"park": "parks", "district": "districts", "city": "city"}
    panel.explain_figures(view, tables[level], place_id)
    with st.expander(view.say("waterfall_title")):
        panel.waterfall(view, place)
    heading_of_table(view, choice)
    figures = places.goal_at(view.plan, view.goal_id, "park", view.plan.parks)
    parks_table(view, figures, names, choice)


def heading_of_table(view: View, choice: Choice) -> None:
    """Say which parks the table holds."""
    if choice.district:
        st.markdown(f"##### {view.say('parks_of_district')}")
    else:
        st.markdown(f"##### {view.say('parks_table')}")
    st.caption(f"{view.say('park_table_hint')} {view.say('dc_note')}")


body(frame.current())
