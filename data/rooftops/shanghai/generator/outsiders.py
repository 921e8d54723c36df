"""Scattered town workshops that belong to no park."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from .facts import between, random_stream, whole_between
from .geojson import to_metres
from .parks import Park
from .roofs import Roof, fill_plot, record_roof
from .streets import Plot

# Towards this place, the middle of the land, lies the landward side of every park.
INLAND_DEG = (121.36, 31.12)


def scatter_outsiders(parks: list[Park], choices: dict[str, Any]) -> list[Roof]:
    """Small clusters of workshops in the towns around the parks, on the landward side."""
    rules = choices["outsiders"]
    stream = random_stream(choices, "outsiders")
    outlines = shapely.union_all([park.outline for park in parks])
    inland = np.array(to_metres(*INLAND_DEG))
    roofs: list[Roof] = []
    taken: list[BaseGeometry] = []
    while len(roofs) < int(rules["count"]):
        park = parks[int(float(stream.random()) * len(parks))]
        centre = _spot(park, inland, stream, rules)
        bodies = _cluster(centre, stream, choices)
        hull = shapely.union_all([body for body, _ in bodies]).convex_hull
        if hull.distance(outlines) < float(rules["closest_m"]):
            continue
        if any(hull.distance(other) < float(rules["cluster_gap_m"]) for other in taken):
            continue
        taken.append(hull)
        year = whole_between(stream, rules["built"])
        for body, use in bodies[: int(rules["count"]) - len(roofs)]:
            name = f"outside-{len(roofs) + 1:04d}"
            roofs.append(record_roof(name, None, body, use, year, stream, choices))
    return roofs


def _spot(
    park: Park, inland: np.ndarray, stream: np.random.Generator, rules: dict[str, Any]
) -> Point:
    """Draw a place beside the park, towards the middle of the city rather than out at sea."""
    towards = inland - np.array(park.centre_m)
    bearing = math.atan2(towards[1], towards[0]) + between(stream, [-1.1, 1.1])
    away = park.reach_m + between(stream, rules["distance_m"])
    return Point(
        park.centre_m[0] + away * math.cos(bearing), park.centre_m[1] + away * math.sin(bearing)
    )


def _cluster(
    centre: Point, stream: np.random.Generator, choices: dict[str, Any]
) -> list[tuple[Polygon, str]]:
    wanted = whole_between(stream, choices["outsiders"]["per_cluster"])
    plot = Plot(0.0, 0.0, 150.0, 110.0, turned=False)
    bodies = fill_plot(plot, "town_workshop", stream, choices)[:wanted]
    angle = between(stream, [-30.0, 30.0])
    return [
        (affinity.translate(affinity.rotate(body, angle, origin=(0, 0)), centre.x, centre.y), use)
        for body, use in bodies
    ]
