"""Footprint and attributes to planes: roof form, slope, azimuth, gross and usable plan area.

A plane is one flat surface of a roof. Areas are plan (horizontal) areas in m², so that the
planes of a roof add up to its footprint; the slope enters when modules are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import shapely

from pvplan.assumptions import FormLayout, Layout, Surfaces
from pvplan.tables import ROOF_FORMS, Floats, Ints

Geometries = npt.NDArray[np.object_]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Planes:
    """Planes of many roofs, sorted by roof; every array has shape (planes,).

    Attributes
    ----------
    roof
        Position of the plane's roof in the input.
    slope, azimuth
        Degrees; azimuth east of north, 180 = south (of a flat plane: the equator's side).
    plan_area_m2, usable_area_m2
        Gross plan area, and what the screening method takes as usable.
    axis_deg
        Direction of the roof's long axis, degrees counter-clockwise from grid east.
    centre
        Shape (planes, 2): a point of the axis line, m; a ridge runs along that line.
    side
        0: the whole roof; 1, -1: its part on the left, on the right of the axis line.
    faces
        False where the plane faces farther from the equator than its form's rule allows.
    """

    roof: Ints
    slope: Floats
    azimuth: Floats
    plan_area_m2: Floats
    usable_area_m2: Floats
    axis_deg: Floats
    centre: Floats
    side: Ints
    faces: npt.NDArray[np.bool_]


def roof_forms(
    given: Texts, use: Texts, footprint_area_m2: Floats, height_m: Floats, rules: Surfaces
) -> tuple[Texts, Texts]:
    """Return the form of each roof and whether it was given or inferred.

    A large, low building of an industrial or unknown use is taken as metal sheet, every other
    as flat concrete (``surfaces.toml``: sheet_min_area_m2, sheet_max_height_m, sheet_uses).

    Parameters
    ----------
    given
        Shape (roofs,): a word of :data:`pvplan.tables.ROOF_FORMS`, or None.
    use
        Shape (roofs,): use of the building, or None (taken as ``unknown``).
    footprint_area_m2, height_m
        Shape (roofs,).
    rules
        The rule's bounds.

    Returns
    -------
    tuple of two arrays of str, shape (roofs,)
        ``roof_form`` and ``roof_form_source`` (``given`` or ``inferred``).
    """
    known = np.isin(given.astype(str), ROOF_FORMS)
    said = np.array([isinstance(item, str) and bool(item) for item in use], dtype=bool)
    word = np.array([str(item).casefold() for item in np.where(said, use, "unknown")], dtype=object)
    sheet = (
        (footprint_area_m2 >= rules.sheet_min_area_m2)
        & (height_m <= rules.sheet_max_height_m)
        & np.isin(word.astype(str), rules.sheet_uses)
    )
    inferred = np.where(sheet, "metal_sheet", "flat_concrete")
    form = np.where(known, given, inferred).astype(object)
    return form, np.where(known, "given", "inferred").astype(object)


def describe_planes(
    geometry: Geometries,
    roof_form: Texts,
    convergence_deg: Floats,
    north: npt.NDArray[np.bool_],
    surfaces: Surfaces,
    layout: Layout,
) -> Planes:
    """Split each roof into its planes.

    Flat concrete is one level plane. Metal sheet and pitched roofs have a ridge along the long
    axis of the minimum rotated rectangle, through its centre, and two planes. A saw-tooth roof
    has one family of slopes, facing the rectangle's normal nearest the equator.

    Parameters
    ----------
    geometry
        Shape (roofs,): valid polygons or multipolygons in a metric CRS.
    roof_form
        Shape (roofs,): words of :data:`pvplan.tables.ROOF_FORMS`.
    convergence_deg
        Shape (roofs,): meridian convergence, grid north minus true north, east positive; added
        to grid azimuths.
    north
        Shape (roofs,): True on the northern hemisphere, where the equator lies south.
    surfaces, layout
        Slopes; setbacks and shares.

    Returns
    -------
    Planes
        Sorted by roof, then by the order of sides.
    """
    sides: list[_Sides] = []
    for form in ROOF_FORMS:
        chosen = np.flatnonzero(roof_form == form)
        if len(chosen):
            rules = layout.of(form)
            site = _Site(convergence_deg[chosen], np.where(north[chosen], 180.0, 0.0))
            sides += [
                side.usable_by(rules, site.equator, chosen)
                for side in _sides(form, geometry[chosen], rules.edge_setback_m, site, surfaces)
            ]
    return _stacked(sides)


@dataclass(frozen=True)
class _Site:
    convergence_deg: Floats
    equator: Floats


@dataclass(frozen=True)
class _Sides:
    """One side of many roofs of a form: arrays of shape (roofs of the form,)."""

    slope: float
    azimuth: Floats
    plan_area_m2: Floats
    usable_area_m2: Floats
    axis: _Axis
    side: int = 0
    roof: Ints | None = None
    faces: npt.NDArray[np.bool_] | None = None

    def usable_by(self, rules: FormLayout, equator: Floats, roof: Ints) -> _Sides:
        """Apply the shares of the form, and drop sides that face too far from the equator."""
        away = np.abs((self.azimuth - equator + 180.0) % 360.0 - 180.0)
        faces = away <= rules.max_azimuth_from_equator_deg + 1e-9
        usable = np.where(faces, self.usable_area_m2 * rules.usable_fraction, 0.0)
        return replace(self, usable_area_m2=usable, roof=roof, faces=faces)


@dataclass(frozen=True)
class _Axis:
    """The long axis of many roofs: a point of it, unit vector, both of shape (roofs, 2)."""

    centre: Floats
    unit: Floats

    @property
    def deg(self) -> Floats:
        angle: Floats = np.degrees(np.arctan2(self.unit[:, 1], self.unit[:, 0]))
        return angle


def _sides(
    form: str, shapes: Geometries, setback_m: float, site: _Site, rules: Surfaces
) -> list[_Sides]:
    inner = inset(shapes, setback_m)
    gross, net = shapely.area(shapes), shapely.area(inner)
    axis = _Axis(*long_axis(shapes))
    if form == "flat_concrete":
        return [_Sides(0.0, site.equator, gross, net, axis)]
    along = np.degrees(np.arctan2(axis.unit[:, 0], axis.unit[:, 1])) + site.convergence_deg
    if form == "saw_tooth":
        normals = (along[:, None] + np.array([0.0, 90.0, 180.0, 270.0])) % 360.0
        away = np.abs((normals - site.equator[:, None] + 180.0) % 360.0 - 180.0)
        # Ties (45° either way) go to the first normal, rounded so that noise cannot choose.
        facing = np.take_along_axis(normals, away.round(6).argmin(axis=1)[:, None], 1)[:, 0]
        share = rules.saw_tooth_plan_fraction
        return [_Sides(rules.saw_tooth_slope_deg, facing, gross, net * share, axis)]
    slope = rules.metal_sheet_slope_deg if form == "metal_sheet" else rules.pitched_slope_deg
    left_gross = half_area(shapes, axis.centre, axis.unit)
    left_net = half_area(inner, axis.centre, axis.unit)
    return [
        _Sides(slope, (along - 90.0) % 360.0, left_gross, left_net, axis, 1),
        _Sides(slope, (along + 90.0) % 360.0, gross - left_gross, net - left_net, axis, -1),
    ]


def _stacked(sides: list[_Sides]) -> Planes:
    roofs = [side.roof for side in sides if side.roof is not None]
    roof = np.concatenate(roofs) if roofs else np.empty(0, dtype=np.int64)
    order = np.argsort(roof, kind="stable")

    def joined(arrays: list[Floats]) -> Floats:
        stacked: Floats = np.concatenate(arrays)[order] if arrays else np.empty(0)
        return stacked

    faces = [side.faces for side in sides if side.faces is not None]
    centres = [side.axis.centre for side in sides]
    return Planes(
        roof=roof[order],
        slope=joined([np.full(len(side.azimuth), side.slope) for side in sides]),
        azimuth=joined([side.azimuth for side in sides]),
        plan_area_m2=joined([side.plan_area_m2 for side in sides]),
        usable_area_m2=joined([np.maximum(side.usable_area_m2, 0.0) for side in sides]),
        axis_deg=joined([side.axis.deg for side in sides]),
        centre=np.concatenate(centres)[order] if centres else np.empty((0, 2)),
        side=joined([np.full(len(side.azimuth), float(side.side)) for side in sides]).astype(int),
        faces=(np.concatenate(faces) if faces else np.empty(0, dtype=bool))[order],
    )


def inset(shapes: Geometries, setback_m: float) -> Geometries:
    """Return the footprints moved inward by a setback (mitred, so corners stay corners)."""
    if setback_m == 0.0:
        return shapes
    moved: Geometries = shapely.buffer(shapes, -setback_m, join_style="mitre")
    return moved


def long_axis(shapes: Geometries) -> tuple[Floats, Floats]:
    """Return centre and unit vector of the long side of each minimum rotated rectangle.

    Parameters
    ----------
    shapes
        Shape (n,), metric CRS.

    Returns
    -------
    centre, axis : ndarray, shape (n, 2)
        The axis points into the eastern half-plane (north where it is exactly vertical); of a
        square the side nearer to east-west counts as long.
    """
    boxes = shapely.oriented_envelope(shapes)
    corners = shapely.get_coordinates(boxes).reshape(len(shapes), 5, 2)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
    lengths = np.hypot(*first.T), np.hypot(*second.T)
    flatter = np.abs(first[:, 0]) >= np.abs(first[:, 1])
    square = np.abs(lengths[0] - lengths[1]) < 1e-6 * np.maximum(lengths[0], lengths[1])
    take_first = np.where(square, flatter, lengths[0] > lengths[1])
    axis = np.where(take_first[:, None], first, second)
    axis = axis / np.hypot(*axis.T)[:, None]
    backward = (axis[:, 0] < -1e-12) | ((np.abs(axis[:, 0]) <= 1e-12) & (axis[:, 1] < 0))
    return (corners[:, 0] + corners[:, 2]) / 2.0, np.where(backward[:, None], -axis, axis)


def half_area(shapes: Geometries, centre: Floats, axis: Floats) -> Floats:
    """Return the area of each shape on the left of a directed line through its centre.

    Exact for polygons with holes and multipolygons: by Green's theorem the clipped area is the
    integral of max(s, 0) du over the boundary, u along and s across the line, which is a closed
    expression on every edge.

    Parameters
    ----------
    shapes
        Shape (n,): valid polygons or multipolygons (empty ones give 0).
    centre, axis
        Shape (n, 2): a point of the line and its unit vector.

    Returns
    -------
    ndarray, shape (n,)
        m² on the left of the axis.
    """
    oriented = shapely.orient_polygons(shapes, exterior_cw=False)
    polygons, shape_of_polygon = shapely.get_parts(oriented, return_index=True)
    rings, polygon_of_ring = shapely.get_rings(polygons, return_index=True)
    points, ring_of_point = shapely.get_coordinates(rings, return_index=True)
    if not len(points):
        return np.zeros(len(shapes))
    shape_of_point = shape_of_polygon[polygon_of_ring[ring_of_point]]
    offset = points - centre[shape_of_point]
    unit = axis[shape_of_point]
    u = offset[:, 0] * unit[:, 0] + offset[:, 1] * unit[:, 1]
    s = unit[:, 0] * offset[:, 1] - unit[:, 1] * offset[:, 0]
    same_ring = ring_of_point[1:] == ring_of_point[:-1]
    high, low = np.maximum(s[1:], s[:-1]), np.minimum(s[1:], s[:-1])
    crossing = (high > 0) & (low < 0)
    span = np.where(crossing, high - low, 1.0)
    mean = np.where(crossing, high * high / (2.0 * span), np.maximum(high + low, 0.0) / 2.0)
    piece = np.where(same_ring, -(u[1:] - u[:-1]) * mean, 0.0)
    area = np.bincount(shape_of_point[1:], weights=piece, minlength=len(shapes))
    clipped: Floats = np.clip(area, 0.0, shapely.area(shapes))
    return clipped
