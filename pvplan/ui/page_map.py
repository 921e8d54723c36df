"""The page of the map: parks by gap, and the park that the reader picks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pandas as pd
import streamlit as st
from streamlit_folium import st_folium

from pvplan import maps
from pvplan.tables import OUTSIDE_PARKS
from pvplan.ui import frame, numbers, panel, places, runs, tables_shown
from pvplan.ui.frame import View
from pvplan.ui.words import Language

PARK: Final = "park"
ROOF: Final = "roof"
SERIAL: Final = "park_serial"
CITY: Final = ""
MAP_HEIGHT: Final = 540
ROOF_PAGE: Final = Path(__file__).with_name("page_roof.py")


def pick(park_id: str) -> None:
    """Keep a choice; the serial rises so that the map shows the same park again."""
    st.session_state[PARK] = park_id
    st.session_state[ROOF] = ""
    st.session_state[SERIAL] = st.session_state.get(SERIAL, 0) + 1


def picked_on_map(view: View, key: str) -> None:
    """Take a click on a park; clicks on roofs change nothing."""
    answer = st.session_state.get(key) or {}
    feature: dict[str, Any] = (answer.get("last_active_drawing") or {}).get("properties") or {}
    if feature.get("kind") == "park" and feature.get("id") in view.plan.parks.index:
        pick(str(feature["id"]))


def picked_in_table(ids: list[str], key: str) -> None:
    """Take a row chosen in the table; taking the choice back shows the city."""
    rows = st.session_state[key]["selection"]["rows"]
    pick(ids[rows[0]] if rows else CITY)


def chosen_park(view: View) -> str:
    """Return the chosen park id, taking the link's on arrival; an unknown id is reported."""
    known = [str(park_id) for park_id in view.plan.parks.index]
    if PARK not in st.session_state:
        asked = st.query_params.get(PARK, CITY)
        if asked and asked not in known:
            st.warning(view.say("unknown_park"))
            st.text(asked)
        st.session_state[PARK] = asked if asked in known else CITY
    if st.session_state[PARK] not in known:
        st.session_state[PARK] = CITY
    return str(st.session_state[PARK])


@st.cache_data(max_entries=32, show_spinner=False)
def roofs_literal(kept_by: tuple[str, ...], park_id: str, _view: View) -> str:  # noqa: ARG001
    """Write the roofs of a park for the map, once for each run, park and language."""
    roofs = maps.roofs_in(_view.plan, park_id)
    potential, installed = _view.say("potential"), _view.say("installed")
    captions = {
        str(roof_id): [
            str(roof_id),
            f"{potential} {numbers.plain(capacity, 1, 'kW')}",
            f"{installed} {numbers.plain(built, 1, 'kW')}",
        ]
        for roof_id, capacity, built in zip(
            roofs.index, roofs["capacity_dc_kw"], roofs["installed_dc_kw"], strict=True
        )
    }
    return maps.roofs_literal(_view.plan, park_id, captions, map_words(_view, gap=True))


def map_words(view: View, *, gap: bool) -> maps.MapWords:
    """Return the words on the map."""
    return maps.MapWords(
        legend=view.say("gap_legend" if gap else "potential_legend"),
        unknown=view.say("legend_unknown"),
        zoom_in=view.say("zoom_in"),
        zoom_out=view.say("zoom_out"),
        whole_city=view.say("whole_city"),
        region=view.say("map_region"),
        badge=view.say("demonstration") if view.demonstration else "",
        roofs=view.say("roofs_legend"),
        roof_with=view.say("roof_with"),
        roof_without=view.say("roof_without"),
        roof_unknown=view.say("roof_unknown"),
    )


def draw_map(view: View, figures: pd.DataFrame, names: dict[str, str], park_id: str) -> None:
    """Draw the map of parks and the roofs of the chosen one."""
    parks = view.plan.parks
    has_gap = bool(figures["gap_dc_kw"].notna().any())
    coloured = figures["gap_dc_kw"] if has_gap else parks["capacity_dc_kw"]
    shown = {
        "gap": figures["gap_dc_kw"],
        "installed": parks["installed_total_dc_kw"],
        "potential": parks["capacity_dc_kw"],
    }
    captions = {
        str(index): [
            names[str(index)],
            *(f"{view.say(key)} {numbers.megawatts(shown[key].loc[index])}" for key in shown),
        ]
        for index in parks.index
    }
    made = maps.parks_map(
        view.plan,
        numbers.in_megawatts(coloured),
        captions,
        places.names_of(view.plan.districts, view.language),
        map_words(view, gap=has_gap),
    )
    # The run, its moment and the language stand for everything that the drawing holds.
    drawn = (str(view.folder), str(runs.stamp_of(view.folder)), view.language)
    group = None
    if park_id:
        literal = roofs_literal(drawn, park_id, view)
        group = maps.roofs_group(literal, st.session_state.get(SERIAL, 0))
    key = f"map-{view.goal_id}-{'-'.join(drawn)}"
    st_folium(
        made, key=key, height=MAP_HEIGHT, use_container_width=True, feature_group_to_add=group,
        returned_objects=["last_active_drawing", "last_object_clicked_count"],
        on_change=lambda: picked_on_map(view, key),
    )  # fmt: skip
    if not has_gap:
        st.caption(view.say("gap_not_assessable"))
    left_out = len(maps.roofs_in(view.plan, park_id)) - maps.MOST_ROOFS if park_id else 0
    if left_out > 0:
        st.text(f"{view.say('roofs_not_drawn')} {numbers.plain(left_out)}")


def parks_table(view: View, figures: pd.DataFrame, names: dict[str, str], park_id: str) -> None:
    """Show all parks, the widest gap first; a chosen row is the same as a click on the map."""
    table = tables_shown.level_table(view.plan.parks, figures, names)
    districts = places.districts_of_parks(view.plan, view.language)
    table.insert(1, "district", [districts.get(str(index), "") for index in table.index])
    table = table.sort_values(["gap", "potential"], ascending=False, kind="stable")
    ids = [str(index) for index in table.index]
    key = f"parks-{view.folder}-{view.goal_id}-{view.language}-{st.session_state.get(SERIAL, 0)}"
    st.dataframe(
        table, key=key, hide_index=True, column_config=tables_shown.column_config(view.language),
        on_select=lambda: picked_in_table(ids, key), selection_mode="single-row",
        selection_default={"selection": {"rows": [ids.index(park_id)] if park_id else []}},
        placeholder=numbers.DASH, alt=view.say("parks_table"),
    )  # fmt: skip


def choose_park(view: View, names: dict[str, str], park_id: str) -> None:
    """Offer the parks by name: the way for the keyboard."""
    # One widget for each language: Streamlit holds a selectbox by its shown words.
    widget = f"park-{view.language}"
    st.session_state[widget] = park_id
    labels = places.distinct({CITY: view.say("city"), **names})
    st.selectbox(
        view.say("pick_park"), list(labels), key=widget, label_visibility="collapsed",
        format_func=lambda item: labels[item],
        on_change=lambda: pick(st.session_state[widget]),
    )  # fmt: skip


@st.fragment
def body(view: View) -> None:
    """Show map, panel and table; a choice reruns only this."""
    park_id = chosen_park(view)
    if park_id:
        st.query_params[PARK] = park_id
    elif PARK in st.query_params:
        del st.query_params[PARK]
    names = places.names_of(view.plan.parks, view.language)
    figures = places.goal_at(view.plan, view.goal_id, "park", view.plan.parks)
    top, chooser = st.columns([11, 9], gap="medium", vertical_alignment="center")
    with top:
        frame.heading(view, "page_map")
    with chooser:
        choose_park(view, names, park_id)
    left, right = st.columns([11, 9], gap="medium")
    with left:
        draw_map(view, figures, names, park_id)
    with right:
        place = show_place(view, figures, park_id)
    panel.facts(view, place)
    if park_id and place["roof_count"]:
        st.page_link(ROOF_PAGE, label=view.say("roofs_of_park"), icon=":material/roofing:")
    table = "parks" if park_id else "city"
    panel.explain_figures(view, table, park_id or str(view.city.name))
    with st.expander(view.say("waterfall_title")):
        panel.waterfall(view, place)
    st.markdown(f"##### {view.say('parks_table')}")
    st.caption(f"{view.say('park_table_hint')} {view.say('dc_note')}")
    parks_table(view, figures, names, park_id)


def show_place(view: View, figures: pd.DataFrame, park_id: str) -> pd.Series[Any]:
    """Show the panel of the chosen park, or of the whole city, and return its row."""
    if not park_id:
        of_goal = places.goal_at(view.plan, view.goal_id, "city", view.plan.city)
        panel.show(
            view, view.city, of_goal.iloc[0], places.name_of(view.city, view.language),
            view.say("city_more"),
        )  # fmt: skip
        panel.charts_of(view, view.city, of_goal.iloc[0])
        return view.city
    row = view.plan.parks.index.get_loc(park_id)
    place: pd.Series[Any] = view.plan.parks.iloc[row]
    other: Language = "en" if view.language == "zh" else "zh"
    more = [] if park_id == OUTSIDE_PARKS else [places.name_of(place, other)]
    more.append(places.districts_of_parks(view.plan, view.language).get(park_id, ""))
    panel.show(
        view, place, figures.iloc[row], places.name_of(place, view.language),
        "  ·  ".join(part for part in more if part),
    )  # fmt: skip
    panel.charts_of(view, place, figures.iloc[row])
    return place


body(frame.current())
