"""The drawing of one roof in the page: its words, and one map for each content."""

from __future__ import annotations

import hashlib
from typing import Final

import geopandas as gpd
import streamlit as st
from streamlit_folium import st_folium

from pvplan.maps import one_roof
from pvplan.reports.roofs import roofs_of
from pvplan.ui import numbers
from pvplan.ui.frame import View
from pvplan.ui.looks import Look

MAP_HEIGHT: Final = 560


@st.cache_data(max_entries=32, show_spinner=False)
def literal_of(kept_by: tuple[str, ...], _view: View, _look: Look | None) -> str:
    """Write the drawing of a roof, once for each run, roof and language."""
    roof = roofs_of(_view.plan).rows([kept_by[-1]])
    nothing = gpd.GeoSeries([], crs=roof.crs)
    words = {key: _view.say(key) for key in ("zoom_in", "zoom_out", "whole_roof", "module")}
    words |= {key: _view.say(f"{key}_legend") for key in ("outline", "usable", "obstructions")}
    told = one_roof.RoofWords(
        legend=_view.say("roof" if _look is None or _look.modules.empty else "module_legend"),
        region=_view.say("roof_map_region"),
        north=_view.say("north_up"),
        module_of=_view.say("module_of"),
        badge=_view.say("demonstration") if _view.demonstration else "",
        **words,
    )
    if _look is None:
        return one_roof.roof_literal(
            one_roof.RoofShapes(roof.geometry, nothing, nothing), None, None, told
        )
    shapes = one_roof.RoofShapes(_look.outline, _look.usable, _look.obstructions)
    yields = numbers.yield_of_modules(_look.modules, _look.roof)
    return one_roof.roof_literal(shapes, _look.modules, yields, told)


def draw(view: View, roof_id: str, look: Look | None) -> None:
    """Draw the roof; its content stands in the key, so that another roof is another map."""
    kept_by = (str(view.plan.meta.get("fingerprint")), view.language, str(look is not None))
    literal = literal_of((*kept_by, str(view.folder), roof_id), view, look)
    key = f"roof-{hashlib.sha256(literal.encode()).hexdigest()[:16]}"
    st_folium(
        one_roof.roof_map(literal), key=key, height=MAP_HEIGHT, use_container_width=True,
        returned_objects=[],
    )  # fmt: skip
