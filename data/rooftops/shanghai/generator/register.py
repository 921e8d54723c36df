"""A demonstration register of installed systems, with the flaws that real registers have."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from .facts import SOURCE, between, random_stream
from .geojson import to_degrees
from .parks import Park
from .roofs import Roof

COLUMNS = (
    "system_id",
    "roof_id",
    "park",
    "longitude",
    "latitude",
    "capacity_dc_kw",
    "status",
    "filed_on",
    "commissioned_on",
    "source",
)
SECOND_COVERED_SHARE = 0.10
NEW_PLANTS_FROM = date(2022, 1, 1)  # clause 9: plants new from 2022 on


@dataclass(frozen=True)
class System:
    """One row of the register; None is an empty cell."""

    roof_id: str | None
    park: str | None
    place: tuple[float, float] | None  # longitude, latitude [deg]
    capacity_dc_kw: float
    status: str
    filed_on: date
    commissioned_on: date | None


def draw_register(roofs: list[Roof], parks: list[Park], choices: dict[str, Any]) -> list[System]:
    """Systems in the order of filing: commissioned year by year, then those still under way."""
    rules = choices["register"]
    stream = random_stream(choices, "register")
    names = {park.park_id: str(park.facts["name_zh"]) for park in parks}
    free = _roofs_by_inclination(roofs, stream, rules)
    covered: list[Roof] = []
    systems = []
    for commissioned in _commissioning_days(stream, rules):
        second = float(stream.random()) < float(rules["second_system_share"]) and bool(covered)
        roof = covered.pop(0) if second else _next_roof(free, commissioned)
        if not second:
            covered.append(roof)
        systems.append(_system(roof, names, commissioned, second, stream, rules))
    systems = _retire_some(systems, int(rules["retired_count"]))
    last = date.fromisoformat(str(rules["last_commissioned_on"]))
    for status, count in (
        ("under construction", rules["under_construction_count"]),
        ("filed", rules["filed_count"]),
    ):
        for _ in range(int(count)):
            drawn = _system(_next_roof(free, last), names, last, False, stream, rules)
            filed = last - timedelta(days=int(between(stream, [5.0, 260.0])))
            systems.append(replace(drawn, status=status, filed_on=filed, commissioned_on=None))
    systems = [_blur(system, number, stream, rules) for number, system in enumerate(systems)]
    return sorted(systems, key=lambda system: (system.filed_on, system.capacity_dc_kw))


def write_register(path: Path, systems: list[System]) -> None:
    """Write the register as CSV (UTF-8); `capacity_dc_kw` is the STC rating in kW."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(COLUMNS)
        for number, system in enumerate(systems, start=1):
            place = ("", "")
            if system.place is not None:
                place = (f"{system.place[0]:.6f}", f"{system.place[1]:.6f}")
            commissioned = system.commissioned_on
            rows.writerow(
                (
                    f"demo-{number:05d}",
                    system.roof_id or "",
                    system.park or "",
                    *place,
                    f"{system.capacity_dc_kw:.1f}",
                    system.status,
                    system.filed_on.isoformat(),
                    "" if commissioned is None else commissioned.isoformat(),
                    SOURCE,
                )
            )


def _roofs_by_inclination(
    roofs: list[Roof], stream: np.random.Generator, rules: dict[str, Any]
) -> list[Roof]:
    """Roofs in the order in which they get a system: larger and newer ones tend to come first.

    An exponential race (Efraimidis & Spirakis 2006, DOI 10.1016/j.ipl.2005.11.003): sorting by
    -ln(u) / weight draws without replacement in proportion to the weight.
    """
    fits = [roof for roof in roofs if roof.plan.area >= float(rules["smallest_roof_m2"])]
    odds = np.array([_odds(roof, rules) for roof in fits])
    race = -np.log1p(-stream.random(len(fits))) / odds
    return [fits[index] for index in np.argsort(race, kind="stable")]


def _odds(roof: Roof, rules: dict[str, Any]) -> float:
    odds: float = roof.plan.area ** float(rules["area_exponent"])
    return odds * float(rules["new_plant_odds"]) if _is_new(roof) else odds


def _is_new(roof: Roof) -> bool:
    return roof.completed_on is not None and roof.completed_on >= NEW_PLANTS_FROM


def _next_roof(free: list[Roof], commissioned: date) -> Roof:
    """Take the first free roof that stood half a year before the system was commissioned."""
    stood = commissioned - timedelta(days=180)
    for index, roof in enumerate(free):
        if roof.completed_on is None or roof.completed_on <= stood:
            return free.pop(index)
    raise RuntimeError(f"no free roof is left that stood by {stood}")


def _commissioning_days(stream: np.random.Generator, rules: dict[str, Any]) -> list[date]:
    last = date.fromisoformat(str(rules["last_commissioned_on"]))
    days = []
    for year, count in rules["systems_by_year"].items():
        first = date(int(year), 1, 1)
        length = (min(last, date(int(year), 12, 31)) - first).days + 1
        days += [first + timedelta(days=int(mark * length)) for mark in stream.random(int(count))]
    return sorted(days)


def _system(
    roof: Roof,
    names: dict[str, str],
    commissioned: date,
    second: bool,
    stream: np.random.Generator,
    rules: dict[str, Any],
) -> System:
    age = "recent" if commissioned.year >= int(rules["recent_from"]) else "old"
    density = between(stream, rules["density_w_per_m2"][age])
    covered = between(
        stream, rules["new_plant_covered_share" if _is_new(roof) else "covered_share"]
    )
    if second:  # it goes where the first left room
        covered = min(covered, SECOND_COVERED_SHARE)
    spot = roof.plan.representative_point()
    return System(
        roof_id=roof.roof_id,
        park=None if roof.park_id is None else names[roof.park_id],
        place=to_degrees(spot.x, spot.y),
        capacity_dc_kw=round(roof.plan.area * density * covered / 1000.0, 1),
        status="commissioned",
        filed_on=commissioned - timedelta(days=int(between(stream, [60.0, 300.0]))),
        commissioned_on=commissioned,
    )


def _retire_some(systems: list[System], count: int) -> list[System]:
    """Take down the oldest systems: every third of the first."""
    gone = set(range(0, 3 * count, 3))
    return [
        replace(system, status="retired") if number in gone else system
        for number, system in enumerate(systems)
    ]


def _blur(
    system: System, number: int, stream: np.random.Generator, rules: dict[str, Any]
) -> System:
    """Lose part of what tells where a system stands, as registers do."""
    mark = float(stream.random())
    if mark < float(rules["unmatched_share"]):
        return replace(system, roof_id=f"unlisted-{number:04d}", park=None, place=None)
    mark -= float(rules["unmatched_share"])
    if mark < float(rules["coordinates_only_share"]):
        return replace(system, roof_id=None, park=None)
    mark -= float(rules["coordinates_only_share"])
    if mark < float(rules["park_only_share"]) and system.park is not None:
        return replace(system, roof_id=None, place=None)
    return system
