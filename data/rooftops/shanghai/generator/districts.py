"""Schematic district cells: which district a place belongs to, without claiming its border."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely
from shapely.geometry import LineString, MultiPoint, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import polygonize, unary_union

from .facts import SOURCE
from .geojson import to_metres
from .parks import Park

Site = tuple[float, float, str]  # easting, northing [m], adcode

NOTE_ZH = "示意边界，非行政界线：由园区与区中心的泰森多边形合并而成。"
NOTE_EN = (
    "Schematic cells, not administrative boundaries: Voronoi cells of the parks and of the "
    "district's centroid, dissolved. The land area is the district's real one, not the cell's."
)


def draw_districts(
    rows: pd.DataFrame, parks: list[Park], choices: dict[str, Any]
) -> dict[str, BaseGeometry]:
    """Cells by adcode in the metric CRS; together a partition that shares its borders exactly.

    Every place goes to the district of the nearest site. Sites are the district centroids and
    points along the outlines, closer together than the outlines keep apart, so that an outline
    lies wholly in its own district's cell. An outline that straddles two districts in reality
    carries the sites of both, on either side of its dividing line.
    """
    rules = choices["districts"]
    sites = _centroid_sites(rows)
    for park in parks:
        sites += _park_sites(park, rules)
    points = MultiPoint([(x, y) for x, y, _ in sites])
    edge = _city_edge(points, float(rules["margin_m"]))
    rays = shapely.voronoi_polygons(points, extend_to=edge.buffer(50_000), only_edges=True)
    # Cutting all lines at once, and only then making faces of them, is what lets neighbours
    # share every border vertex to the last bit.
    faces = list(polygonize(unary_union([rays.intersection(edge), edge.exterior])))
    nearest = shapely.STRtree([Point(x, y) for x, y, _ in sites])
    members: dict[str, list[Polygon]] = {str(code): [] for code in rows["adcode"]}
    for face in faces:
        members[sites[int(nearest.nearest(face.representative_point()))][2]].append(face)
    return {code: shapely.coverage_union_all(cells) for code, cells in members.items()}


def describe(row: pd.Series) -> dict[str, Any]:
    """Return the properties of a district in districts.geojson."""
    return {
        "id": str(row["adcode"]),
        "name_zh": row["name_zh"],
        "name_en": row["name_en"],
        "area_land_km2": float(row["area_land_km2"]),
        "source": SOURCE,
        "note_zh": NOTE_ZH,
        "note_en": NOTE_EN,
    }


def _centroid_sites(rows: pd.DataFrame) -> list[Site]:
    return [
        (*to_metres(float(row["longitude_deg"]), float(row["latitude_deg"])), str(row["adcode"]))
        for _, row in rows.iterrows()
    ]


def _park_sites(park: Park, rules: dict[str, Any]) -> list[Site]:
    spacing = float(rules["outline_spacing_m"])
    ring = shapely.segmentize(park.outline.exterior, spacing)
    corners = [(float(x), float(y)) for x, y in ring.coords[:-1]]
    codes = str(park.facts["district"]).split("+")
    if len(codes) == 1:
        return [(x, y, codes[0]) for x, y in corners]
    border = _dividing_line(park, float(rules["straddle_share"][park.park_id]))
    west, east = _west_and_east(park, codes)
    x_border = border.coords[0][0]
    # Sites mirrored in the dividing line make the line itself the border of the cells.
    reach = 0.45 * spacing
    pairs = [
        (x_border + side * reach, float(y), code)
        for y in np.arange(border.bounds[1], border.bounds[3] + spacing, spacing)
        for side, code in ((-1.0, west), (1.0, east))
    ]
    kept = [(x, y, west if x < x_border else east) for x, y in corners]
    # A corner beside the line would bend the border that the mirrored pairs keep straight.
    return [site for site in kept if abs(site[0] - x_border) > spacing] + pairs


def _dividing_line(park: Park, share_west: float) -> LineString:
    west, south, east, north = park.outline.bounds
    x_border = west + share_west * (east - west)
    return LineString([(x_border, south), (x_border, north)])


def _west_and_east(park: Park, codes: list[str]) -> tuple[str, str]:
    """Caohejing's main district, Xuhui, lies in its east; the chemical park's, Jinshan, west."""
    main, other = codes
    return (other, main) if park.park_id == "caohejing" else (main, other)


def _city_edge(points: MultiPoint, margin_m: float) -> Polygon:
    return points.convex_hull.buffer(margin_m, quad_segs=2)
