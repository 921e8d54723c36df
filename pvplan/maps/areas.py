"""What the map is handed of districts and parks: their shapes once, their values as often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from pvplan.maps.classes import UNKNOWN, classify
from pvplan.maps.script import (
    COORDINATE_DECIMALS,
    bounds,
    corners,
    features,
    script_value,
    with_shape,
)
from pvplan.maps.tile_servers import TileServer
from pvplan.tables import Plan

LEVELS: Final = ("district", "park")


@dataclass(frozen=True)
class MapWords:
    """The words on the map, in the reader's language; ``badge`` is empty where none is due."""

    zoom_in: str
    zoom_out: str
    whole_city: str
    region: str
    badge: str
    legend: str
    no_tiles: str
    loading: str
    not_loaded: str
    zoom_for_roofs: str


@dataclass(frozen=True)
class Coloured:
    """What colours the places of a level.

    Attributes
    ----------
    level
        ``district`` or ``park``.
    values
        One value for each place, in the unit of the title, by id.
    title
        What the colours mean, with its unit.
    unknown
        The words of a place without a value.
    labels
        For each id the value as it is written at the place.
    captions
        For each id the lines that appear on hovering, its name first.
    dimmed
        Ids of places that stand behind.
    around
        The district around the places in front, drawn with a strong line; empty for none.
    """

    level: str
    values: pd.Series[float]
    title: str
    unknown: str
    labels: Mapping[str, str]
    captions: Mapping[str, tuple[str, ...]]
    dimmed: frozenset[str] = frozenset()
    around: str = ""


def city_literal(
    plan: Plan,
    names: Mapping[str, Mapping[str, str]],
    words: MapWords,
    *,
    box: Sequence[float] | None = None,
    server: TileServer | None = None,
    dark: bool = False,
) -> str:
    """Write what stays while the reader walks through the city; worth keeping.

    Parameters
    ----------
    plan
        The plan; places without a shape are not drawn.
    names
        For each level the name of each place by its id.
    words
        The words on the map.
    box
        West, south, east and north [°] of the roofs: shown where no place has a shape.
    server
        Where the picture behind the places comes from; None draws a plain ground.
    dark
        Whether the page around is dark.

    Returns
    -------
    str
        A JavaScript expression for :func:`pvplan.maps.city_map`.
    """
    shapes = {level: with_shape(table) for level, table in _tables(plan).items()}
    payload = {
        "bounds": bounds(with_shape(plan.parks), with_shape(plan.districts)) or corners(box),
        "words": asdict(words),
        "dark": dark,
        "tiles": asdict(server) if server else None,
        "shapes": {
            level: features(table, [{"kind": level, "id": str(index)} for index in table.index])
            for level, table in shapes.items()
        },
        "labels": {level: _labels(table, names[level]) for level, table in shapes.items()},
    }
    return script_value(payload)


def places_literal(coloured: Coloured) -> str:
    """Write which colour and words each place of a level has, and the legend.

    Returns
    -------
    str
        A JavaScript expression: one call of ``places`` in ``static/map.js``.
    """
    classes = classify(coloured.values.loc[list(map(str, coloured.captions))])
    places = {}
    for index, lines in coloured.captions.items():
        value = float(coloured.values[index])
        places[index] = {
            "colour": classes.colour(value),
            "pattern": "hatch" if classes.place(value) is None else "",
            "label": coloured.labels[index],
            "lines": list(lines),
            "dimmed": index in coloured.dimmed,
        }
    legend: list[dict[str, Any]] = [
        {"colour": colour, "label": label, "pattern": ""}
        for colour, label in zip(classes.colours, classes.labels(), strict=True)
    ]
    if any(place["pattern"] for place in places.values()):
        legend.append({"colour": UNKNOWN, "label": coloured.unknown, "pattern": "hatch"})
    return script_value(
        {
            "level": coloured.level,
            "places": places,
            "around": coloured.around,
            "legend": {"title": coloured.title, "rows": legend},
        }
    )


def view_literal(area: list[list[float]] | None, serial: int, roof_id: str) -> str:
    """Write which part of the map to show: anew with each serial, never on a mere repaint.

    Parameters
    ----------
    area
        South-west and north-east corner, latitude first; None shows the whole city.
    serial
        Rises with every choice, so that choosing the same place again shows it again.
    roof_id
        The roof to be marked on arrival, or nothing.
    """
    return script_value({"bounds": area, "serial": serial, "roof": roof_id})


def around(plan: Plan, level: str, place_id: str) -> list[list[float]] | None:
    """Return the corners of one place, or None where it has no shape."""
    table = _tables(plan)[level]
    return bounds(with_shape(table[table.index == place_id]))


def _tables(plan: Plan) -> dict[str, gpd.GeoDataFrame]:
    return {"district": plan.districts, "park": plan.parks}


def _labels(places: gpd.GeoDataFrame, names: Mapping[str, str]) -> list[dict[str, Any]]:
    # Largest in the picture first: the drawing code keeps the earlier of two that collide.
    order = np.argsort(-shapely.area(np.asarray(places.geometry.array, dtype=object)))
    points = places.geometry.representative_point()
    return [
        {
            "id": str(places.index[place]),
            "text": names[str(places.index[place])],
            "latitude": round(float(points.iloc[place].y), COORDINATE_DECIMALS),
            "longitude": round(float(points.iloc[place].x), COORDINATE_DECIMALS),
        }
        for place in order
    ]
