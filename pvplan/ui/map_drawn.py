"""The map as it is drawn: ground, places, roofs of the chosen park, all roofs as tiles."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st
from streamlit_folium import st_folium

from pvplan import maps
from pvplan.errors import InputError
from pvplan.reports.roofs import in_park, roofs_of
from pvplan.ui import (
    faults,
    ground,
    map_choice,
    map_figures,
    map_tiles,
    numbers,
    places,
    runs,
    watched,
)
from pvplan.ui.frame import View
from pvplan.ui.jobs import Job
from pvplan.ui.map_choice import Choice
from pvplan.ui.served import serve

HEIGHT: Final = 540
Kept = tuple[str, ...]


def kept_by(view: View, *more: str) -> Kept:
    """Return what stands for everything that a drawing of this run in this language holds."""
    return (runs.mark_of(view.folder), str(runs.stamp_of(view.folder)), view.language, *more)


def draw(view: View, choice: Choice) -> None:
    """Draw the map of the choice; a click on it is taken by :func:`clicked`."""
    dark = st.context.theme.type == "dark"
    server = tile_server(view)
    base = _city(kept_by(view, str(dark), str(server)), view, server, dark=dark)
    key = "map-" + "-".join(kept_by(view, str(dark)))
    colour = map_figures.shown_colour(view, choice.level_drawn, choice.colour)
    front = choice.district if not choice.park else ""
    unit = numbers.capacity_unit()
    shown = kept_by(view, unit, str(view.goal_id), choice.level_drawn, colour, front)
    calls = [("view", _area(view, choice)), ("places", _places(shown, view))]
    calls += roof_calls(view, choice)
    st_folium(
        maps.city_map(base), key=key, height=HEIGHT, use_container_width=True,
        feature_group_to_add=maps.shown_group(calls),
        returned_objects=["last_active_drawing", "last_object_clicked_count"],
        on_change=lambda: clicked(view, key),
    )  # fmt: skip


def clicked(view: View, key: str) -> None:
    """Take a click: a district shows its parks, a park its roofs, a roof its figures."""
    answer = st.session_state.get(key) or {}
    feature: dict[str, Any] = (answer.get("last_active_drawing") or {}).get("properties") or {}
    place = str(feature.get("id"))
    plan = view.plan
    if feature.get("kind") == "district" and place in plan.districts.index:
        map_choice.go(district=place)
    elif feature.get("kind") == "park" and place in plan.parks.index:
        district = str(st.session_state.get(map_choice.DISTRICT, ""))
        inside = district and place in map_figures.parks_in(plan, district)
        map_choice.go(park=place, district=district if inside else "")
    elif feature.get("kind") == "roof" and roofs_of(plan).known([place]):
        map_choice.take_roof(plan, place, places.park_of(plan, place))


def tile_server(view: View) -> maps.TileServer | None:
    """Return where pictures of the ground come from; a setting that is wrong is told."""
    try:
        return ground.asked_for()
    except InputError as error:
        st.warning(view.say("tiles_setting"))
        faults.listed(error.faults)
        return None


@st.cache_data(max_entries=16, show_spinner=False)
def _city(kept: Kept, _view: View, _server: maps.TileServer | None, *, dark: bool) -> str:  # noqa: ARG001
    names = {
        level: places.names_of(map_figures.table_of(_view.plan, level), _view.language)
        for level in maps.LEVELS
    }
    words = maps.MapWords(
        zoom_in=_view.say("zoom_in"),
        zoom_out=_view.say("zoom_out"),
        whole_city=_view.say("whole_city"),
        region=_view.say("map_region"),
        badge=_view.say("demonstration") if _view.demonstration else "",
        legend=_view.say("map_legend"),
        no_tiles=_view.say("map_no_tiles"),
        loading=_view.say("map_loading"),
        not_loaded=_view.say("map_not_loaded"),
        zoom_for_roofs=_view.say("map_zoom_in"),
    )
    box = roofs_of(_view.plan).bounds()
    return maps.city_literal(_view.plan, names, words, box=box, server=_server, dark=dark)


@st.cache_data(max_entries=64, show_spinner=False)
def _places(kept: Kept, _view: View) -> str:
    level, colour, district = kept[-3:]
    return maps.places_literal(map_figures.coloured(_view, level, colour, district))


def _area(view: View, choice: Choice) -> str:
    area = None
    if choice.park:
        area = maps.around(view.plan, "park", choice.park)
    elif choice.district:
        area = maps.around(view.plan, "district", choice.district)
    state = st.session_state
    if area is None and choice.park:
        area = _roofs(kept_by(view), choice.park, view).area
    return maps.view_literal(area, state[map_choice.SERIAL], state[map_choice.MARKED])


@st.cache_resource(max_entries=12, show_spinner=False)
def _roofs(kept: Kept, park_id: str, _view: View) -> maps.ParkRoofs:  # noqa: ARG001
    """Return the roofs of a park as the browser fetches them, once for each run and park."""
    roofs, at = roofs_of(_view.plan), in_park(park_id)
    if roofs.count(at) > maps.MOST_FETCHED:
        return maps.many_roofs(roofs.columns(maps.TOLD_BY, at), roofs.bounds(at))
    return maps.park_roofs(roofs.of(at))


@st.cache_data(max_entries=32, show_spinner=False)
def _told(kept: Kept, colour: str, _view: View) -> dict[str, Any]:  # noqa: ARG001
    roofs = roofs_of(_view.plan).columns(maps.TOLD_BY)
    return maps.roof_colours(roofs, colour, map_figures.roof_words(_view))


def roof_calls(view: View, choice: Choice) -> list[tuple[str, str]]:
    """Return the calls that draw roofs: of the chosen park one by one, of the city as tiles."""
    calls: list[tuple[str, str]] = []
    if not (choice.park or choice.all_roofs):
        return calls
    told = _told(kept_by(view), choice.roofs_by, view)
    own = _roofs(kept_by(view), choice.park, view) if choice.park else None
    if choice.all_roofs or (own is not None and own.content is None):
        path = tiles_ready(view)
        if path:
            address = serve(path, "application/octet-stream", "map-tiles")
            calls.append(("tiles", maps.tiles_literal(address, told)))
    if own is not None:
        address = serve(own.content, "application/json", "map-roofs") if own.content else ""
        seen = own.rows_seen(told)
        calls.append(("roofs", maps.roofs_literal(view.plan, choice.park, address, told, seen)))
    return calls


def tiles_ready(view: View) -> str:
    """Return the path of the run's tiles, or nothing and say how far they are."""
    job = map_tiles.ask(view.plan, view.folder)
    if job.running:
        waiting(view, job)
    elif job.failed:
        if watched.again(job, "tiles_failed", "tiles-again", view.language):
            map_tiles.forget(view.plan, view.folder)
            st.rerun()
    elif job.outcome is not None:
        return str(job.outcome.result())
    return ""


@st.fragment(run_every=1.0)
def waiting(view: View, job: Job[Any]) -> None:
    """Tell that tiles are on their way; once they are there the page is drawn with them."""
    if not job.running:
        st.rerun()
    st.caption(view.say("tiles_waiting"))
