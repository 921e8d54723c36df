"""Cut a park into street blocks and plots, in the park's own frame (streets along x and y)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry import Polygon

from .facts import between, whole_between
from .parks import Park

# Blocks are not filled strictly by their distance from the first ones [m].
BLOCK_NOISE_M = 350.0


@dataclass(frozen=True)
class Plot:
    """A rectangle of land [m]; `turned` plots have their rows of buildings along y."""

    west: float
    south: float
    width: float
    height: float
    turned: bool

    @property
    def frontage(self) -> float:
        """Length of a row of buildings [m]."""
        return self.height if self.turned else self.width

    @property
    def depth(self) -> float:
        """Extent across the rows [m]."""
        return self.width if self.turned else self.height

    def place(self, along: float, across: float, body: Polygon) -> Polygon:
        """Put a body, drawn with its corner at (0, 0) and its length along x, on the plot."""
        if not self.turned:
            return affinity.translate(body, self.west + along, self.south + across)
        mirrored = affinity.affine_transform(body, [0.0, 1.0, 1.0, 0.0, 0.0, 0.0])
        return affinity.translate(mirrored, self.west + across, self.south + along)


def local_frame(park: Park) -> Polygon:
    """Return the outline turned so that its streets run along x and y, around its own centre."""
    moved = affinity.translate(park.outline, -park.centre_m[0], -park.centre_m[1])
    return affinity.rotate(moved, -park.bearing_deg, origin=(0.0, 0.0))


def to_city_frame(park: Park, body: Polygon) -> Polygon:
    """Back from the park's own frame to the metric CRS."""
    turned = affinity.rotate(body, park.bearing_deg, origin=(0.0, 0.0))
    return affinity.translate(turned, *park.centre_m)


def cut_blocks(land: Polygon, stream: np.random.Generator, rules: dict[str, Any]) -> list[Polygon]:
    """Street blocks that lie mostly on the land, in the order in which they were built on.

    Building began at one or, in a large park, several blocks and spread from there.
    """
    west, south, east, north = land.bounds
    columns = _cut_line(west, east, rules["along_m"], stream, rules)
    rows = _cut_line(south, north, rules["across_m"], stream, rules)
    blocks = [shapely.box(x0, y0, x1, y1) for x0, x1 in columns for y0, y1 in rows]
    kept = [block for block in blocks if block.intersection(land).area > 0.45 * block.area]
    middles = np.array([block.centroid.coords[0] for block in kept])
    clusters = 1 + int(land.area / 1e6 / float(rules["km2_per_cluster"]))
    first = middles[(stream.random(clusters) * len(kept)).astype(int)]
    if clusters == 1:
        first = np.zeros((1, 2))
    apart = np.hypot(*(middles[:, None, :] - first[None, :, :]).transpose(2, 0, 1)).min(axis=1)
    order = np.argsort(apart + BLOCK_NOISE_M * stream.random(len(kept)), kind="stable")
    return [kept[index] for index in order]


def cut_plots(
    block: Polygon, large: bool, stream: np.random.Generator, rules: dict[str, Any]
) -> list[Plot]:
    """Cut plots side by side along the longer street of the block."""
    west, south, east, north = block.bounds
    count = whole_between(stream, rules["plots_per_block"])
    count = max(1, count - 1) if large else count
    width = (east - west) / count
    inset = float(rules["plot_setback_m"])
    half_fence = 0.5 * float(rules["fence_m"])
    plots = []
    for number in range(count):
        left = inset if number == 0 else half_fence + inset / 2
        right = inset if number == count - 1 else half_fence + inset / 2
        plots.append(
            Plot(
                west=west + number * width + left,
                south=south + inset,
                width=width - left - right,
                height=north - south - 2 * inset,
                turned=float(stream.random()) < 0.4,
            )
        )
    return plots


def _cut_line(
    start: float, stop: float, lengths: list[float], stream: np.random.Generator, rules: Any
) -> list[tuple[float, float]]:
    pieces = []
    at = start - 0.5 * float(stream.random()) * lengths[0]
    while at < stop:
        length = between(stream, lengths)
        pieces.append((at, at + length))
        at += length + between(stream, rules["road_m"])
    return pieces
