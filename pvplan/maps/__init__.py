"""Door to the map: a plan's districts, parks and roofs as a folium map that needs no internet.

Leaflet and the drawing code (``static/map.js``, ``static/roofs.js``) come from the app's own
server. Values that come from files reach the browser as JSON literals in which every character
with a meaning to JavaScript, HTML, Jinja or streamlit-folium is escaped
(:func:`pvplan.maps.script.script_value`), or as a file of their own, and the drawing code writes
them as text nodes. folium's own GeoJson, tooltips and popups are not used: they write names as
HTML, and folium renders element scripts a second time as templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import folium
from branca.element import MacroElement
from folium.template import Template

from pvplan.maps.areas import (
    LEVELS,
    Coloured,
    MapWords,
    around,
    city_literal,
    places_literal,
    view_literal,
)
from pvplan.maps.classes import DIVERGING, SEQUENTIAL, UNKNOWN, Classes, classify
from pvplan.maps.roofs import (
    COLOURS,
    MOST_FETCHED,
    MOST_ROOFS,
    READINESS,
    ROOF_WITH,
    ROOF_WITHOUT,
    TOLD_BY,
    ParkRoofs,
    RoofWords,
    many_roofs,
    park_roofs,
    readiness_of,
    roof_colours,
    roofs_file,
    roofs_literal,
    tiles_literal,
)
from pvplan.maps.script import script_value
from pvplan.maps.tile_servers import TileServer, chosen

__all__ = [
    "COLOURS", "DIVERGING", "LEVELS", "MOST_FETCHED", "MOST_ROOFS", "READINESS", "ROOF_WITH",
    "ROOF_WITHOUT", "SEQUENTIAL", "TOLD_BY", "UNKNOWN", "CityMap", "Classes", "Coloured",
    "Drawing", "MapWords", "OfflineMap", "ParkRoofs", "RoofWords", "TileServer", "around",
    "chosen", "city_literal", "city_map", "classify", "many_roofs", "park_roofs",
    "places_literal", "readiness_of", "roof_colours", "roofs_file", "roofs_literal",
    "script_value", "shown_group", "tiles_literal", "view_literal",
]  # fmt: skip

STATIC: Final = "../../app/static/"
LEAFLET: Final = f"{STATIC}vendor/leaflet-1.9.4/"
PMTILES: Final = f"{STATIC}vendor/pmtiles-4.5.0/"


class OfflineMap(folium.Map):
    """A folium map whose scripts and styles come from the app's own server."""

    default_js = [  # noqa: RUF012 - folium's own attribute
        ("leaflet", f"{LEAFLET}leaflet.js"),
        ("map", f"{STATIC}map.js"),
    ]
    default_css = [  # noqa: RUF012 - folium's own attribute
        ("leaflet_css", f"{LEAFLET}leaflet.css"),
        ("font_css", f"{STATIC}fonts.css"),
        ("map_css", f"{STATIC}map.css"),
    ]


class CityMap(OfflineMap):
    """The map of a city, which also fetches roofs and tiles."""

    default_js = [  # noqa: RUF012 - folium's own attribute
        *OfflineMap.default_js,
        ("pmtiles", f"{PMTILES}pmtiles.js"),
        ("roofs", f"{STATIC}roofs.js"),
    ]


class Drawing(MacroElement):
    """One call of the drawing code, handing over everything it draws as one literal."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
            pvplan.{{ this.function }}({{ this._parent.get_name() }}, {{ this.literal }});
        {% endmacro %}
        """
    )

    def __init__(self, function: str, literal: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Drawing"
        self.function = function
        self.literal = literal


def city_map(literal: str) -> OfflineMap:
    """Make the map of a city: its ground and its controls.

    Parameters
    ----------
    literal
        What :func:`city_literal` returned.

    Returns
    -------
    OfflineMap
        Answers a click with a feature of ``kind`` "district", "park" or "roof" and its ``id``.
    """
    made = CityMap(
        tiles=None, prefer_canvas=True, attribution_control=False, zoom_control=False,
        zoom_snap=0.25,
    )  # fmt: skip
    Drawing("base", literal).add_to(made)
    return made


def shown_group(calls: Sequence[tuple[str, str]]) -> folium.FeatureGroup:
    """Make the group that changes with every choice, while the map itself stays.

    Parameters
    ----------
    calls
        Function of the drawing code and literal, in order: ``view``, ``places``, ``roofs``,
        ``tiles``.

    Returns
    -------
    folium.FeatureGroup
        For ``st_folium(feature_group_to_add=…)``.
    """
    group = folium.FeatureGroup(name="shown")
    for function, literal in calls:
        Drawing(function, literal).add_to(group)
    return group
