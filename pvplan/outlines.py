"""Boundaries of many polygons as one ragged array of edges, for kernels that read them fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from pvplan.tables import Floats, Ints


@dataclass(frozen=True)
class Outlines:
    """Boundary edges of shapes: ``edges[start[i]:start[i + 1]]`` are those of shape i.

    Attributes
    ----------
    edges
        Shape (edges, 4): x and y of begin and end, m. The inside lies on the left: exteriors run
        counter-clockwise, holes clockwise.
    start
        Shape (shapes + 1,). A missing or empty shape has no edges.
    """

    edges: Floats
    start: Ints

    def __len__(self) -> int:
        return len(self.start) - 1


def outlines(shapes: npt.NDArray[Any]) -> Outlines:
    """Return the boundary edges of polygons and multipolygons.

    Parameters
    ----------
    shapes
        Shape (n,): shapely geometries in a metric CRS; None and empty ones are allowed.
    """
    oriented = shapely.orient_polygons(shapes, exterior_cw=False)
    polygons, shape_of_polygon = shapely.get_parts(oriented, return_index=True)
    rings, polygon_of_ring = shapely.get_rings(polygons, return_index=True)
    points, ring_of_point = shapely.get_coordinates(rings, return_index=True)
    same = ring_of_point[1:] == ring_of_point[:-1]
    edges = np.concatenate([points[:-1][same], points[1:][same]], axis=1)
    shape_of_edge = shape_of_polygon[polygon_of_ring[ring_of_point[:-1][same]]]
    start = np.searchsorted(shape_of_edge, np.arange(len(shapes) + 1))
    return Outlines(np.ascontiguousarray(edges, dtype=np.float64), start.astype(np.int64))
