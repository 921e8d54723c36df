"""Schematic outlines of the real parks: right place, right area where known, invented shape."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from shapely import affinity
from shapely.geometry import Polygon

from .facts import SOURCE, between, random_stream, whole_between
from .geojson import to_metres

# Where the middle of the outline lies as seen from the pin, in half widths.
PIN_OFFSETS = {
    "centre": (0.0, 0.0),
    "east edge": (-0.9, 0.0),
    "west part": (0.5, 0.0),
    "south end": (0.0, 0.8),
}


@dataclass(frozen=True)
class Park:
    """One park: its facts (a row of parks.csv) and its schematic outline in the metric CRS."""

    facts: pd.Series
    unit_shape: Polygon  # area 1, around its own middle
    bearing_deg: float
    pin_m: tuple[float, float]
    centre_m: tuple[float, float]
    area_m2: float

    @property
    def park_id(self) -> str:
        """Stable slug of the park."""
        return str(self.facts["id"])

    @property
    def reach_m(self) -> float:
        """Radius of the circle around the centre that holds the outline."""
        corners = np.asarray(self.unit_shape.exterior.coords)
        return math.sqrt(self.area_m2) * float(np.hypot(corners[:, 0], corners[:, 1]).max())

    @property
    def shift_m(self) -> float:
        """How far the outline had to move from its pin to keep clear of its neighbours."""
        return math.dist(self.centre_m, self._wished_centre())

    @property
    def outline(self) -> Polygon:
        """The outline in the metric CRS."""
        scale = math.sqrt(self.area_m2)
        grown = affinity.scale(self.unit_shape, scale, scale, origin=(0.0, 0.0))
        return affinity.translate(grown, *self.centre_m)

    def _wished_centre(self) -> tuple[float, float]:
        east, north = PIN_OFFSETS[str(self.facts["pin_position"])]
        half_width = 0.5 * math.sqrt(self.area_m2)
        return self.pin_m[0] + east * half_width, self.pin_m[1] + north * half_width

    def back_at_pin(self) -> Park:
        """Return the same park at the place its pin asks for."""
        return replace(self, centre_m=self._wished_centre())


def draw_parks(rows: pd.DataFrame, choices: dict[str, Any]) -> list[Park]:
    """Draw every park of `rows`; outlines keep clear of each other by `gap_m`.

    Parks move apart where their outlines would meet, the less certain pin and the smaller park
    more. Where that would take a park farther from its pin than the pin's own error, the largest
    park of the crowd is drawn smaller instead.
    """
    rules = choices["outlines"]
    wished = [_draw_park(row, choices) for _, row in rows.iterrows()]
    while True:
        parks = _move_apart(wished, float(rules["gap_m"]))
        too_far = [i for i, park in enumerate(parks) if park.shift_m > rules["largest_shift_m"]]
        if not too_far:
            return parks
        for index in {_largest_of_crowd(parks, i, float(rules["gap_m"])) for i in too_far}:
            smaller = wished[index].area_m2 * (1.0 - float(rules["shrink_step"]))
            wished[index] = replace(wished[index], area_m2=smaller).back_at_pin()


def describe(park: Park, filled_share: float) -> dict[str, Any]:
    """Return the properties of a park in parks.geojson."""
    facts = park.facts
    known = None if pd.isna(facts["area_km2"]) else float(facts["area_km2"])
    outline_km2 = round(park.area_m2 / 1e6, 3)
    note_zh = "示意轮廓，非园区边界；建筑为示范数据。"
    note_en = "Schematic outline, not the park boundary; its buildings are demonstration data."
    if known is not None and abs(outline_km2 - known) > 0.01:
        note_zh += f"已知面积 {known:g} km²，此处仅以 {outline_km2:.1f} km² 的示意核心表示。"
        note_en += f" Known area {known:g} km²; a schematic core of {outline_km2:.1f} km² is shown."
    if filled_share < 0.98:
        note_zh += f"仅约 {filled_share:.0%} 的街坊布置了建筑（抽样）。"
        note_en += f" Only about {filled_share:.0%} of its street blocks hold buildings (a sample)."
    return {
        "id": park.park_id,
        "name_zh": facts["name_zh"],
        "name_en": facts["name_en"],
        "district_id": str(facts["district"]).split("+")[0],
        "level": {"N": "national", "M": "municipal", "T": "town"}[str(facts["level"])],
        "area_known_km2": known,
        "area_outline_km2": outline_km2,
        "area_source": None if known is None else facts["area_source"],
        "place_source": facts["coordinate_source"],
        "place_shift_m": round(park.shift_m),
        "blocks_filled_fraction": round(filled_share, 2),
        "source": SOURCE,
        "note_zh": note_zh,
        "note_en": note_en,
    }


def _draw_park(row: pd.Series, choices: dict[str, Any]) -> Park:
    rules = choices["outlines"]
    stream = random_stream(choices, "outline", str(row["id"]))
    bearing_deg = between(stream, rules["street_bearing_deg"])
    shape = _cut_rectangle(stream, rules)
    shape = affinity.rotate(shape, bearing_deg, origin=(0.0, 0.0))
    drawn_km2 = between(stream, rules["unknown_area_km2"])
    if not pd.isna(row["area_km2"]):
        known = float(row["area_km2"])
        fits = known <= float(rules["known_area_kept_up_to_km2"])
        drawn_km2 = known if fits else float(rules["core_area_km2"])
    pin_m = to_metres(float(row["longitude_deg"]), float(row["latitude_deg"]))
    return Park(row, shape, bearing_deg, pin_m, pin_m, drawn_km2 * 1e6).back_at_pin()


def _cut_rectangle(stream: np.random.Generator, rules: dict[str, Any]) -> Polygon:
    """Cut one to four corners off a rectangle; area 1, around its own centroid."""
    aspect = between(stream, rules["aspect"])
    half = (0.5 * math.sqrt(aspect), 0.5 / math.sqrt(aspect))
    wanted = whole_between(stream, rules["corner_cuts"])
    order = np.argsort(stream.random(4), kind="stable")[:wanted]
    points: list[tuple[float, float]] = []
    for corner, (east, north) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1))):
        tip = (east * half[0], north * half[1])
        along = 2 * half[0] * between(stream, rules["corner_cut_share"])
        across = 2 * half[1] * between(stream, rules["corner_cut_share"])
        stepped = float(stream.random()) < 0.15
        if corner not in order:
            points.append(tip)
            continue
        on_x = (tip[0] - east * along, tip[1])
        on_y = (tip[0], tip[1] - north * across)
        inner = [(on_x[0], on_y[1])] if stepped and wanted <= 2 else []
        # Counter-clockwise the corners are entered alternately along y and along x.
        points += [on_y, *inner, on_x] if corner in (0, 2) else [on_x, *inner, on_y]
    shape = Polygon(points)
    centre = shape.centroid
    scale = 1.0 / math.sqrt(shape.area)
    moved = affinity.translate(shape, -centre.x, -centre.y)
    return affinity.scale(moved, scale, scale, origin=(0.0, 0.0))


def _move_apart(wished: list[Park], gap_m: float) -> list[Park]:
    """Push overlapping circles apart until all keep the gap (Jacobi relaxation)."""
    centres = np.array([park.centre_m for park in wished])
    reach = np.array([park.reach_m for park in wished])
    unsure = np.array(
        [1.0 if p.facts["coordinate_source"] == "approximate" else 0.6 for p in wished]
    )
    ease = unsure / reach**2
    for _ in range(2000):
        push = np.zeros_like(centres)
        worst = 0.0
        for i in range(len(wished)):
            for j in range(i + 1, len(wished)):
                apart = centres[j] - centres[i]
                distance = max(float(np.hypot(*apart)), 1.0)
                short = reach[i] + reach[j] + gap_m - distance
                if short <= 0.0:
                    continue
                worst = max(worst, short)
                step = apart / distance * short * 0.6
                push[i] -= step * ease[i] / (ease[i] + ease[j])
                push[j] += step * ease[j] / (ease[i] + ease[j])
        if worst < 1.0:
            break
        centres = centres + push
    else:
        raise RuntimeError("the park outlines did not come apart")
    moved = zip(wished, centres, strict=True)
    return [replace(park, centre_m=(float(x), float(y))) for park, (x, y) in moved]


def _largest_of_crowd(parks: list[Park], index: int, gap_m: float) -> int:
    """Find the largest park among `index` and those that touch it."""
    here = parks[index]
    touching = [
        other
        for other, park in enumerate(parks)
        if math.dist(park.centre_m, here.centre_m) <= park.reach_m + here.reach_m + gap_m + 5.0
    ]
    return max(touching, key=lambda other: (parks[other].area_m2, -other))
