"""The page of one roof: its modules, what shades it, and where its energy goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pandas as pd
import streamlit as st

from pvplan.errors import PvplanError
from pvplan.maps import MOST_ROOFS
from pvplan.reports.roofs import in_park, roof_of, roofs_of
from pvplan.tables import OUTSIDE_PARKS
from pvplan.ui import (
    charts,
    choices,
    facts,
    facts_form,
    facts_shown,
    faults,
    frame,
    looks,
    numbers,
    panel,
    park_states,
    places,
    roof_charts,
    roof_drawing,
    roof_words,
    runs,
    watched,
)
from pvplan.ui.facts import Known
from pvplan.ui.frame import View
from pvplan.ui.jobs import Job
from pvplan.ui.looks import Look, Outlook

PARK: Final = "park"
ROOF: Final = "roof"
COMMAND: Final = "python -m pvplan layout CITY_FOLDER --roof ROOF_ID --out layout.geojson"
GEOJSON: Final = "application/geo+json"
DXF: Final = "image/vnd.dxf"


def largest(view: View, park_id: str | None) -> pd.DataFrame:
    """Return name and capacity of the largest roofs of a park (None: of all), largest first."""
    return _largest(runs.mark_of(view.folder), runs.stamp_of(view.folder), park_id, view)


@st.cache_data(max_entries=64, show_spinner=False)
def _largest(run: str, stamp: int, park_id: str | None, _view: View) -> pd.DataFrame:  # noqa: ARG001
    return places.largest_roofs(_view.plan, park_id, MOST_ROOFS)


def chosen_roof(view: View) -> str:
    """Return the chosen roof, taking the link's on arrival; an unknown id is reported."""
    asked = str(st.session_state.get(ROOF, st.query_params.get(ROOF, "")))
    if asked and roofs_of(view.plan).known([asked]):
        return asked
    if asked and ROOF not in st.session_state:
        st.warning(view.say("unknown_roof"))
        st.text(asked)
    own = largest(view, st.session_state.get(PARK) or st.query_params.get(PARK, ""))
    return str((own if len(own) else largest(view, None)).index[0])


def take(key: str, widget: str) -> None:
    """Keep a choice; another park is looked at from its largest roof on."""
    st.session_state[key] = st.session_state[widget]
    if key == PARK:
        st.session_state[ROOF] = ""


def choose(view: View, key: str, labels: dict[str, str], chosen: str) -> None:
    """Offer parks or roofs by name: the way for the keyboard too."""
    # One widget for each language: Streamlit holds a selectbox by its shown words.
    widget = f"{key}-of-roof-{view.language}"
    st.session_state[widget] = chosen
    st.selectbox(
        view.say(key), list(labels), key=widget, format_func=lambda item: labels[item],
        on_change=lambda: take(key, widget),
    )  # fmt: skip


def choosers(view: View, park_id: str, roof_id: str) -> None:
    """Offer the parks that have roofs, and the roofs of the chosen one."""
    parks = view.plan.parks[view.plan.parks["roof_count"] > 0]
    listed, roofs = largest(view, park_id), roofs_of(view.plan)
    if roof_id not in listed.index:
        listed = pd.concat([listed, pd.DataFrame(roofs.rows([roof_id])[list(places.LABELLED)])])
    left, right = st.columns(2)
    with left:
        choose(view, PARK, places.distinct(places.names_of(parks, view.language)), park_id)
    with right:
        choose(view, ROOF, places.distinct(places.roof_labels(listed)), roof_id)
    left_out = roofs.count(in_park(park_id)) - len(listed)
    if left_out:
        st.text(f"{view.say('roofs_not_listed')} {numbers.plain(left_out)}")


def records(view: View) -> Known | None:
    """Return what is recorded of the run's city, or say why it cannot be read."""
    path = facts.file_of(view.plan, view.folder)
    try:
        return facts.known(path)
    except PvplanError as error:
        st.error(view.say("corrections_broken"))
        faults.listed(error.faults)
        return None


def drawn_with(view: View, roof_id: str, known: Known | None) -> pd.DataFrame | None:
    """Offer the drawing with the corrections of today where they concern the roof."""
    if known is None or roof_id not in facts.pending(view.plan, known.held):
        return None
    labels = {word: view.say(word) for word in ("with_corrections", "in_the_run")}
    chosen = choices.one_of(
        "drawing", view.say("drawing_of"), labels, view.language, segmented=True
    )
    return known.rows if chosen == "with_corrections" else None


def close_look(
    view: View, roof: pd.Series[Any], folder: Path | None, corrections: pd.DataFrame | None
) -> Look | None:
    """Return the roof with its modules, or say why there is none, or that it is on its way."""
    if roof.get("arrangement") == roof_words.SCREENING:
        st.info(view.say("screening_run"))
        return None
    roof_id = str(roof.name)
    if folder is None:
        st.info(view.say("look_in_parts" if view.plan.roof_parts else "no_folder"))
        st.code(COMMAND, language="bash")
        return None
    job = looks.ask(view.plan, folder, roof_id, corrections)
    if job.running:
        facts_shown.following(view, job, "looking")
        return None
    if job.failed:
        if watched.again(job, "look_failed", "retry-look", view.language):
            looks.forget(view.plan, "look", roof_id)
            st.rerun()
        return None
    return job.outcome.result() if job.outcome is not None else None


def told(view: View, roof: pd.Series[Any], park: str) -> None:
    """Tell the roof's name and headline figures."""
    with st.container(key="place-name"):
        st.text(str(roof.name) if numbers.missing(roof.get("name")) else str(roof["name"]))
    with st.container(key="place-more", gap=None):
        if not numbers.missing(roof.get("name")):
            st.text(str(roof.name))
        st.text(roof_words.about(roof, park, view.language))
    density = numbers.watts_per_area(roof["capacity_dc_kw"], roof["footprint_area_m2"])
    yearly = numbers.ratio(roof["energy_ac_kwh_per_year"], roof["capacity_dc_kw"])
    shown = {
        "potential": numbers.plain(roof["capacity_dc_kw"], 1, "kWp"),
        "modules": numbers.plain(roof["module_count"]),
        "specific_yield": numbers.plain(yearly, 0, "kWh/kWp"),
        "density": numbers.plain(density, 0, "W/m²"),
        "energy_year_one": numbers.megawatt_hours(roof["energy_ac_kwh_per_year"]),
        "capacity_ac": numbers.plain(roof["capacity_ac_kw"], 1, "kW"),
    }
    with st.container(key="roof-headline", gap="xsmall"):
        for first in (0, 2, 4):
            for column, key in zip(st.columns(2), list(shown)[first : first + 2], strict=True):
                column.metric(view.say(key), shown[key])


def arrangement(view: View, roof: pd.Series[Any], look: Look | None) -> None:
    """Tell the arrangement, the second best, and whether the structure bears it, in numbers."""
    lines = {
        "best": roof_words.arrangement(roof.get("arrangement"), view.language),
        "runner_up": roof_words.runner_up(roof, view.language),
        "structure": roof_words.structure(roof, view.language),
        "roof_state_is": roof_words.state(roof, view.language),
    }
    with st.container(key="roof-told", gap=None):
        for key, words in lines.items():
            st.caption(view.say(key))
            st.text(words)
        if look is not None and look.bearing[view.language]:
            st.text(look.bearing[view.language])


def figures(view: View, roof: pd.Series[Any]) -> None:
    """Show the further figures of a roof; those that an older run lacks are dashes."""
    shown = {
        "roof_area": numbers.plain(roof["footprint_area_m2"], 0, "m²"),
        "usable_area": numbers.plain(roof["usable_area_m2"], 0, "m²"),
        "module_area": numbers.plain(roof["module_area_m2"], 0, "m²"),
        "tilt": numbers.plain(roof["surface_tilt"], 1, "°"),
        "azimuth": numbers.plain(roof["surface_azimuth"], 0, "°"),
        "row_pitch": numbers.plain(roof["row_pitch_m"], 2, "m"),
        "sky_view": numbers.percent(roof.get("sky_view_fraction")),
        "beam_shading": numbers.percent(roof.get("beam_shading_fraction")),
        "irradiation": numbers.plain(roof["ghi_kwh_per_m2_per_year"], 0, "kWh/m²"),
        "gcr": numbers.percent(roof["gcr"]),
        "needs_survey": numbers.plain(roof.get("capacity_needs_survey_dc_kw"), 1, "kWp"),
        "blocked": numbers.plain(roof.get("capacity_blocked_dc_kw"), 1, "kWp"),
        "installed": numbers.plain(roof.get("installed_dc_kw"), 1, "kWp"),
        "under_construction": numbers.plain(roof.get("under_construction_dc_kw"), 1, "kWp"),
        "filed": numbers.plain(roof.get("filed_dc_kw"), 1, "kWp"),
        "feasible": numbers.plain(roof.get("feasible_dc_kw"), 1, "kWp"),
        "not_assessable_state": numbers.plain(roof.get("not_assessable_dc_kw"), 1, "kWp"),
        "remainder": numbers.plain(roof.get("remainder_dc_kw"), 1, "kWp"),
    }
    panel.boxes(shown, {key: view.say(key) for key in shown})


def money(view: View, roof: pd.Series[Any], outlook: Job[Outlook] | None) -> None:
    """Show what the roof costs and brings; the ratios once the city is open."""
    done = outlook is not None and not outlook.running and not outlook.failed
    found = outlook.outcome.result() if done and outlook is not None and outlook.outcome else None
    ratios = pd.Series(dtype=float) if found is None else found.ratios
    yearly = view.say("cny_per_year")
    shown = {
        "capex_of_roof": numbers.plain(roof["capex_cny"], 0, view.say("cny")),
        "opex_of_roof": numbers.plain(roof["opex_cny_per_year"], 0, yearly),
        "revenue_of_roof": numbers.plain(roof["revenue_cny_per_year"], 0, yearly),
        "npv_of_roof": numbers.plain(roof["npv_cny"], 0, view.say("cny")),
        "lcoe": numbers.plain(ratios.get("lcoe_cny_per_kwh"), 3, "CNY/kWh"),
        "payback": numbers.plain(ratios.get("payback_years"), 1, view.say("years")),
    }
    st.markdown(f"##### {view.say('money_title')}")
    panel.boxes(shown, {key: view.say(key) for key in shown}, key="facts-money")


def correcting(
    view: View, roof: pd.Series[Any], known: Known, outlook: Job[Outlook] | None
) -> None:
    """Show the roof's facts, estimated and actual; offer to correct them."""
    estimates = facts.estimates_of(view.plan, roof)
    if outlook is not None and outlook.outcome is not None and not outlook.running:
        estimates |= {} if outlook.failed else outlook.outcome.result().estimates
    facts_shown.table(view, known, str(roof.name), estimates)
    if outlook is not None:
        facts_shown.survey(view, outlook)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        facts_form.show(view, roof, known, estimates)
    with right:
        facts_shown.history(view, known, str(roof.name))


def downloads(view: View, look: Look, roof: pd.Series[Any], *, as_run: bool) -> None:
    """Offer the layout as files; they are written when asked for."""
    plan, stem = view.plan, places.file_stem(str(roof.name))
    drawn = len(look.modules)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(f"{view.say('modules')}  {numbers.plain(drawn)}")
        st.download_button(
            view.say("layout_geojson"), lambda: looks.geojson(look, plan), mime=GEOJSON,
            file_name=f"{stem}.geojson", key="layout-geojson", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            view.say("layout_dxf"), lambda: looks.dxf(look, plan), mime=DXF,
            file_name=f"{stem}.dxf", key="layout-dxf", on_click="ignore",
        )  # fmt: skip
    if as_run and drawn != int(roof["module_count"]):
        st.warning(f"{view.say('other_layout')} {numbers.plain(drawn)}")


def body(view: View) -> None:
    """Show one roof: figures from the run, the drawing from a close look."""
    roof_id = chosen_roof(view)
    roof = roof_of(view.plan, roof_id)
    park_id = OUTSIDE_PARKS if numbers.missing(roof["park_id"]) else str(roof["park_id"])
    st.session_state[ROOF], st.session_state[PARK] = roof_id, park_id
    st.query_params.update({PARK: park_id, ROOF: roof_id})
    frame.heading(view, "page_roof")
    choosers(view, park_id, roof_id)
    park_states.show(view, park_id)
    known, folder = records(view), looks.folder_of(view.plan)
    if known is not None:
        facts_shown.recount(view, known, roof_id, park_id, folder)
    left, right = st.columns([11, 9], gap="medium")
    with left:
        corrections = drawn_with(view, roof_id, known)
        look = close_look(view, roof, folder, corrections)
        roof_drawing.draw(view, roof_id, look)
        if look is not None:
            downloads(view, look, roof, as_run=corrections is None)
        arrangement(view, roof, look)
    with right:
        told(view, roof, places.name_of(view.plan.parks.loc[park_id], view.language))
        if look is not None:
            st.markdown(f"##### {view.say('horizon_title')}")
            chart = roof_charts.horizon(look.horizon, look.sun, view.language)
            st.altair_chart(chart, alt=view.say("horizon_title"))
            st.caption(view.say("horizon_note"))
    figures(view, roof)
    outlook = None
    if look is not None and folder is not None and known is not None:
        outlook = looks.ask_outlook(view.plan, folder, roof_id, known.rows)
    money(view, roof, outlook)
    left, right = st.columns([11, 9], gap="medium")
    with left:
        st.markdown(f"##### {view.say('waterfall_title')}")
        panel.waterfall(view, roof)
    with right:
        st.markdown(f"##### {view.say('monthly_title')}")
        months = numbers.monthly_megawatt_hours(roof)
        chart = charts.monthly_energy(months, view.language)
        st.altair_chart(chart, alt=view.say("monthly_title"))
    if known is not None:
        correcting(view, roof, known, outlook)


body(frame.current())
