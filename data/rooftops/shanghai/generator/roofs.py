"""Fill the parks with buildings: rows on plots, and what the record says of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from shapely.geometry import Polygon

from .facts import SOURCE, between, pick, random_stream, whole_between
from .parks import Park
from .shapes import draw_shape
from .streets import Plot, cut_blocks, cut_plots, local_frame, to_city_frame


@dataclass(frozen=True)
class Roof:
    """One building: plan in the metric CRS, and its record (None = not on record)."""

    roof_id: str
    park_id: str | None
    plan: Polygon
    use: str
    height_m: float | None
    floors: int | None
    roof_form: str | None
    completed_on: date | None


def fill_park(park: Park, choices: dict[str, Any]) -> tuple[list[Roof], float]:
    """Draw the roofs of one park; return also the share of its street blocks that is filled.

    Blocks are filled in the order of `cut_blocks` until the park holds its quota of roofs.
    """
    rules = choices["blocks"]
    stream = random_stream(choices, "roofs", park.park_id)
    land = local_frame(park).buffer(-float(rules["verge_m"]), join_style="mitre")
    quota = rules["roofs_per_park"] + rules["roofs_per_km2"] * park.area_m2 / 1e6
    large = park.area_m2 > 1e6 * float(rules["large_park_km2"])
    opened = whole_between(stream, choices["ages"]["park_opened"])
    roofs: list[Roof] = []
    blocks = cut_blocks(land, stream, rules)
    for filled, block in enumerate(blocks):
        if len(roofs) >= quota:
            return roofs, filled / len(blocks)
        for plot in cut_plots(block, large, stream, rules):
            if float(stream.random()) < float(rules["empty_plot_share"]):
                continue
            kind = pick(stream, choices["plots"][str(park.facts["main_use"])])
            built = _plot_year(opened, stream, choices["ages"])
            for body, use in fill_plot(plot, kind, stream, choices):
                if land.contains(body):
                    name = f"{park.park_id}-{len(roofs) + 1:04d}"
                    plan = to_city_frame(park, body)
                    roofs.append(record_roof(name, park.park_id, plan, use, built, stream, choices))
    return roofs, 1.0


def fill_plot(
    plot: Plot, kind: str, stream: np.random.Generator, choices: dict[str, Any]
) -> list[tuple[Polygon, str]]:
    """Rows of buildings on one plot, in the plot's frame, each with its use."""
    bodies: list[tuple[Polygon, str]] = []
    rules = choices["bodies"][kind]
    across = 0.0
    if float(stream.random()) < float(rules["front_offices"]):
        front = choices["bodies"]["front_office"]
        row, depth = _row(plot, across, "office", front, stream, choices, most=2)
        bodies += row
        across += depth + between(stream, front["gap_m"])
    while plot.depth - across >= rules["depth_m"]["bounds"][0]:
        row, depth = _row(plot, across, _use(kind, stream), rules, stream, choices)
        if not row:
            break
        bodies += row
        across += depth + between(stream, rules["gap_m"])
    return bodies


def record_roof(
    roof_id: str,
    park_id: str | None,
    plan: Polygon,
    use: str,
    built_year: int,
    stream: np.random.Generator,
    choices: dict[str, Any],
) -> Roof:
    """Draw what the record says of a building, with the gaps that real records have."""
    storeyed = use == "warehouse" and float(stream.random()) < 0.16
    height, floors = _height(use, storeyed, stream)
    form: str | None = pick(
        stream, choices["forms"][_form_class(use, storeyed, plan.area, built_year)]
    )
    completed: date | None = _completed_on(built_year, stream, choices["ages"])
    gaps = choices["gaps_in_the_record"]
    mark = float(stream.random())
    no_height = mark < gaps["height_only"] + gaps["height_and_floors"]
    no_floors = mark < gaps["height_and_floors"]
    if float(stream.random()) < gaps["roof_form"]:
        form = None
    if float(stream.random()) < gaps["completed_on"]:
        completed = None
    return Roof(
        roof_id=roof_id,
        park_id=park_id,
        plan=plan,
        use=use,
        height_m=None if no_height else height,
        floors=None if no_floors else floors,
        roof_form=form,
        completed_on=completed,
    )


def describe(roof: Roof) -> dict[str, Any]:
    """Return the properties of a building in buildings.geojson."""
    return {
        "id": roof.roof_id,
        "height": roof.height_m,
        "floors": roof.floors,
        "roof_form": roof.roof_form,
        "use": roof.use,
        "completed_on": None if roof.completed_on is None else roof.completed_on.isoformat(),
        "source": SOURCE,
    }


def _row(
    plot: Plot,
    across: float,
    use: str,
    rules: dict[str, Any],
    stream: np.random.Generator,
    choices: dict[str, Any],
    most: int = 99,
) -> tuple[list[tuple[Polygon, str]], float]:
    """One row of bodies along the plot's frontage, and the depth of the row [m]."""
    depth = min(_size(rules["depth_m"], stream), round(plot.depth - across - 0.05, 1))
    row: list[tuple[Polygon, str]] = []
    along = 0.0
    shortest = float(rules["length_m"]["bounds"][0])
    while len(row) < most and plot.frontage - along >= shortest:
        length = min(_size(rules["length_m"], stream), round(plot.frontage - along - 0.05, 1))
        kind = pick(stream, choices["shapes"][use])
        body = draw_shape(kind, length, depth, stream)
        row.append((plot.place(along, across, body), use))
        along += length + between(stream, rules["gap_m"])
    return row, depth


def _size(rules: dict[str, Any], stream: np.random.Generator) -> float:
    drawn = rules["median"] * math.exp(rules["sigma"] * float(stream.standard_normal()))
    low, high = rules["bounds"]
    return round(float(min(max(drawn, low), high)), 1)


def _use(kind: str, stream: np.random.Generator) -> str:
    if kind == "research":
        return pick(stream, {"laboratory": 0.55, "office": 0.45})
    if kind in ("factory", "large_factory", "town_workshop"):
        return pick(stream, {"workshop": 0.93, "warehouse": 0.07})
    return {"logistics": "warehouse", "dormitory": "dormitory"}[kind]


def _height(use: str, storeyed: bool, stream: np.random.Generator) -> tuple[float, int]:
    """Height [m] and number of storeys."""
    if use == "dormitory":
        floors = whole_between(stream, [5, 7])
        return round(floors * 3.3 + between(stream, [0.8, 1.4]), 1), floors
    if use == "office":
        floors = whole_between(stream, [3, 6])
        return round(floors * 3.8 + between(stream, [0.8, 1.6]), 1), floors
    if use == "laboratory":
        floors = whole_between(stream, [4, 10])
        return round(floors * 4.2 + between(stream, [1.0, 2.5]), 1), floors
    if storeyed:
        return round(between(stream, [22.5, 24.0]), 1), 3
    if use == "warehouse":
        return round(between(stream, [10.0, 13.0]), 1), 1
    floors = 2 if float(stream.random()) < 0.18 else 1
    return round(between(stream, [10.5, 14.0] if floors == 2 else [8.0, 13.0]), 1), floors


def _form_class(use: str, storeyed: bool, area_m2: float, built_year: int) -> str:
    if use == "warehouse":
        return "storeyed_warehouse" if storeyed else "shed"
    if use != "workshop":
        return use
    if built_year < 2003:
        return "old_workshop"
    return "small_workshop" if area_m2 < 1500.0 else "large_workshop"


def _plot_year(opened: int, stream: np.random.Generator, rules: dict[str, Any]) -> int:
    if float(stream.random()) < float(rules["new_plot_share"]):
        return whole_between(stream, rules["new_years"])
    late = float(stream.random()) ** float(rules["lean"])
    return opened + int(late * (int(rules["last_old_year"]) + 1 - opened))


def _completed_on(year: int, stream: np.random.Generator, rules: dict[str, Any]) -> date:
    """Draw a day in the plot's year or the one after, on the same side of 2022 as the plot."""
    last = rules["new_years"][1] if year >= rules["new_years"][0] else rules["last_old_year"]
    built = min(year + (float(stream.random()) < 0.3), int(last))
    return date(int(built), 1, 1) + timedelta(days=int(float(stream.random()) * 365))
