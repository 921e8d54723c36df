"""Door to the map: a plan's parks, districts and roofs as a folium map that needs no internet.

Leaflet and the drawing code (``static/map.js``) come from the app's own server; there are no
tiles. Values that come from files reach the browser as one JSON literal in which every character
with a meaning to JavaScript, HTML, Jinja or streamlit-folium is escaped (:func:`script_value`),
and the drawing code writes them as text nodes. folium's own GeoJson, tooltips and popups are not
used: they write names as HTML, and folium renders element scripts a second time as templates.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from branca.element import MacroElement
from folium.template import Template

from pvplan.tables import OUTSIDE_PARKS, Floats, Plan

STATIC: Final = "../../app/static/"
LEAFLET: Final = f"{STATIC}vendor/leaflet-1.9.4/"
# More polygons than this make the browser slow to draw and to answer a click.
MOST_ROOFS: Final = 3000
# Six decimals of a degree are about 0.1 m, less than a pixel at any zoom in use.
COORDINATE_DECIMALS: Final = 6
# ColorBrewer palettes of five that stay apart for colour-blind readers.
SEQUENTIAL: Final = ("#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494")
DIVERGING: Final = ("#5e3c99", "#b2abd2", "#f7f7f7", "#fdb863", "#e66101")
UNKNOWN: Final = "#d5dae0"
ROOF_WITH: Final = "#0072b2"
ROOF_WITHOUT: Final = "#f7e7a1"


# The JSON text becomes the inside of a JavaScript string literal. Escaped beyond need of
# JavaScript: braces, % and # (Jinja), <>& (HTML), _ (names that streamlit-folium rewrites).
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", **{mark: f"\\u{ord(mark):04x}" for mark in "\"'`${}%#<>&_"}}
)


@dataclass(frozen=True)
class Classes:
    """Classes of a map: ``colours[i]`` holds values from ``breaks[i-1]`` up to ``breaks[i]``.

    ``least`` is the smallest value; it names the only class where the values do not spread.
    """

    breaks: tuple[float, ...]
    colours: tuple[str, ...]
    least: float = float("nan")

    def colour(self, value: float) -> str:
        """Return the colour of a value; a missing one has a colour of its own."""
        if np.isnan(value) or not self.colours:
            return UNKNOWN
        return self.colours[bisect_right(self.breaks, value)]

    def labels(self) -> tuple[str, ...]:
        """Return the words of the legend, lowest class first."""
        if not self.breaks:
            return (f"≈ {self.least:.2g}",) * len(self.colours)
        ends = [f"{end:,g}".replace("-", "−") for end in self.breaks]
        middle = [f"{low} – {high}" for low, high in pairwise(ends)]
        return (f"< {ends[0]}", *middle, f"≥ {ends[-1]}")


@dataclass(frozen=True)
class MapWords:
    """The words on the map, in the reader's language; ``badge`` is empty where none is due."""

    legend: str
    unknown: str
    zoom_in: str
    zoom_out: str
    whole_city: str
    region: str
    badge: str
    roofs: str
    roof_with: str
    roof_without: str
    roof_unknown: str


class OfflineMap(folium.Map):
    """A folium map whose scripts and styles come from the app's own server."""

    default_js = [  # noqa: RUF012 - folium's own attribute
        ("leaflet", f"{LEAFLET}leaflet.js"),
        ("map", f"{STATIC}map.js"),
    ]
    default_css = [  # noqa: RUF012 - folium's own attribute
        ("leaflet_css", f"{LEAFLET}leaflet.css"),
        ("map_css", f"{STATIC}map.css"),
    ]


class Drawing(MacroElement):
    """One call of ``static/map.js``, handing over everything it draws as one literal."""

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


def script_value(value: Any) -> str:
    """Write a value as a JavaScript expression that is safe inside script, HTML and templates.

    Parameters
    ----------
    value
        Anything that JSON can hold, without NaN.

    Returns
    -------
    str
        ``JSON.parse("…")`` in plain ASCII.

    Raises
    ------
    ValueError
        The value holds NaN or an infinity.
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return f'JSON.parse("{text.translate(_ESCAPES)}")'


def classify(values: pd.Series[float]) -> Classes:
    """Choose at most five classes from the values themselves.

    Quantiles rounded to two digits; where some values are negative (a goal passed), the palette
    diverges at zero.

    Parameters
    ----------
    values
        One value for each place, any unit; NaN is left out.

    Returns
    -------
    Classes
        Strictly rising breaks and one colour more than breaks; no colour without any value.
    """
    numbers: Floats = np.asarray(values, dtype=np.float64)
    present: Floats = numbers[np.isfinite(numbers)]
    present.sort()
    if not present.size:
        return Classes((), ())
    least = float(present[0])
    if least < 0.0:
        negative, positive = present[present < 0.0], present[present >= 0.0]
        below = [end for end in _rounded(negative, (0.5,)) if least < end < 0.0]
        above = [end for end in _rounded(positive, (1 / 3, 2 / 3)) if 0.0 < end <= present[-1]]
        colours = DIVERGING[1 - len(below) : 3 + len(above)]
        return Classes((*below, 0.0, *above), colours, least)
    breaks = [end for end in _rounded(present, (0.2, 0.4, 0.6, 0.8)) if least < end <= present[-1]]
    places = np.linspace(0, len(SEQUENTIAL) - 1, len(breaks) + 1).round().astype(int)
    return Classes(tuple(breaks), tuple(SEQUENTIAL[place] for place in places), least)


def _rounded(present: Floats, shares: Iterable[float]) -> list[float]:
    if not present.size:
        return []
    return sorted({float(f"{end:.2g}") for end in np.quantile(present, tuple(shares))})


def parks_map(
    plan: Plan,
    values: pd.Series[float],
    captions: Mapping[str, Sequence[str]],
    district_labels: Mapping[str, str],
    words: MapWords,
) -> OfflineMap:
    """Draw the districts as thin outlines and the parks coloured by a value.

    Parameters
    ----------
    plan
        The plan; parks without geometry are not drawn.
    values
        The value to colour by, indexed by park id, in the legend's unit.
    captions
        For each park id the lines that appear on hovering.
    district_labels
        For each district id its label.
    words
        The words on the map.

    Returns
    -------
    OfflineMap
        A map that answers a click with a feature of ``kind`` "park" and its ``id``.
    """
    parks, districts = _drawn(plan.parks), _drawn(plan.districts)
    classes = classify(values.reindex(parks.index))
    properties = []
    for park_id in parks.index:
        value = float(values.get(park_id, np.nan))
        properties.append(
            {
                "kind": "park",
                "id": park_id,
                "colour": classes.colour(value),
                "unknown": bool(np.isnan(value)),
                "lines": list(captions[park_id]),
            }
        )
    legend: list[dict[str, Any]] = [
        {"colour": colour, "label": label}
        for colour, label in zip(classes.colours, classes.labels(), strict=True)
    ]
    if any(item["unknown"] for item in properties):
        legend.append({"colour": UNKNOWN, "label": words.unknown, "unknown": True})
    payload = {
        "bounds": _bounds(parks if len(parks) else _drawn(plan.roofs), districts),
        "words": asdict(words),
        "legend": legend,
        "districts": _features(districts, [{} for _ in districts.index]),
        "labels": _labels(districts, district_labels),
        "parks": _features(parks, properties),
    }
    made = OfflineMap(
        tiles=None, prefer_canvas=True, attribution_control=False, zoom_control=False,
        zoom_snap=0.25, min_zoom=5, max_zoom=20,
    )  # fmt: skip
    Drawing("base", script_value(payload)).add_to(made)
    return made


def roofs_in(plan: Plan, park_id: str) -> gpd.GeoDataFrame:
    """Return the roofs of a park, or those outside any park, largest first."""
    inside = plan.roofs["park_id"].fillna(OUTSIDE_PARKS) == park_id
    return _drawn(plan.roofs[inside]).sort_values("footprint_area_m2", ascending=False)


def roofs_literal(
    plan: Plan, park_id: str, captions: Mapping[str, Sequence[str]], words: MapWords
) -> str:
    """Write the roofs of a park for :func:`roofs_group`; worth keeping between two clicks.

    Parameters
    ----------
    plan
        The plan.
    park_id
        A park id, or the id of the row "outside parks".
    captions
        For each roof id the lines that appear on hovering.
    words
        The words on the map.

    Returns
    -------
    str
        A JavaScript expression with at most :data:`MOST_ROOFS` roofs, the largest.
    """
    roofs = roofs_in(plan, park_id).head(MOST_ROOFS)
    colours = {
        ROOF_WITH: words.roof_with, ROOF_WITHOUT: words.roof_without, UNKNOWN: words.roof_unknown,
    }  # fmt: skip
    properties = [
        {"kind": "roof", "id": roof_id, "colour": _roof_colour(kilowatts), "lines": lines}
        for roof_id, kilowatts, lines in zip(
            roofs.index,
            roofs["installed_dc_kw"].astype(float),
            [list(captions[roof_id]) for roof_id in roofs.index],
            strict=True,
        )
    ]
    seen = {item["colour"] for item in properties}
    ground = _drawn(plan.parks[plan.parks.index == park_id])
    payload = {
        "bounds": _bounds(ground, roofs),
        "words": {"roofs": words.roofs},
        "legend": [{"colour": key, "label": colours[key]} for key in colours if key in seen],
        "ground": _features(ground, [{} for _ in ground.index]),
        "roofs": _features(roofs, properties),
    }
    return script_value(payload)


def roofs_group(literal: str, serial: int) -> folium.FeatureGroup:
    """Make the group that shows a park's roofs and brings them into view.

    Parameters
    ----------
    literal
        What :func:`roofs_literal` returned.
    serial
        Rises with every choice, so that choosing the same park again shows it again.

    Returns
    -------
    folium.FeatureGroup
        For ``st_folium(feature_group_to_add=…)``.
    """
    group = folium.FeatureGroup(name=f"roofs {serial}", serial=serial)
    Drawing("roofs", literal).add_to(group)
    return group


def _roof_colour(kilowatts: float) -> str:
    if np.isnan(kilowatts):
        return UNKNOWN
    return ROOF_WITH if kilowatts > 0.0 else ROOF_WITHOUT


def _drawn(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    shown = places.geometry.notna() & ~places.geometry.is_empty
    return places[shown]


def _features(places: gpd.GeoDataFrame, properties: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    shapes = shapely.transform(
        np.asarray(places.geometry.array, dtype=object),
        lambda points: points.round(COORDINATE_DECIMALS),
    )
    features = [
        {"type": "Feature", "properties": dict(words), "geometry": json.loads(geometry)}
        for geometry, words in zip(shapely.to_geojson(shapes), properties, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def _labels(districts: gpd.GeoDataFrame, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    # Largest in the picture first: the drawing code keeps the earlier of two that collide.
    order = np.argsort(-shapely.area(np.asarray(districts.geometry.array, dtype=object)))
    points = districts.geometry.representative_point()
    return [
        {
            "text": labels[districts.index[place]],
            "latitude": round(float(points.iloc[place].y), COORDINATE_DECIMALS),
            "longitude": round(float(points.iloc[place].x), COORDINATE_DECIMALS),
        }
        for place in order
    ]


def _bounds(first: gpd.GeoDataFrame, otherwise: gpd.GeoDataFrame) -> list[list[float]] | None:
    """South-west and north-east corner as Leaflet wants them: latitude first."""
    places = first if len(first) else otherwise
    if not len(places):
        return None
    west, south, east, north = (float(end) for end in places.total_bounds)
    return [[south, west], [north, east]]
