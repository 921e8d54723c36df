"""Which rows are too large or too small to be believed, each told as a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assumptions import RegisterRules
from pvplan.city import suspicions
from pvplan.city.matching import UNKNOWN
from pvplan.placement import Placement
from pvplan.register_case import Case
from pvplan.tables import Floats, Ints

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Parts:
    """Systems by roof, ordered by row and roof; arrays of shape (parts,).

    ``row`` and ``roof`` are positions, ``kw`` the part's capacity.
    """

    row: Ints
    roof: Ints
    kw: Floats


@dataclass
class WorkList:
    """The findings while they are gathered."""

    case: Case
    found: Placement
    rows: list[dict[str, Any]] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    systems: list[Any] = field(init=False)
    numbers: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        register = self.case.register
        self.systems = register.index.tolist()
        self.numbers = register["row"].tolist() if "row" in register else [None] * len(register)

    def add(
        self, finding: str, row: int, why: tuple[str, str], severity: str, *,
        roof: int | None = None, score: float | None = None, suggested: float | None = None,
    ) -> None:  # fmt: skip
        """Note one finding; roof and score are those found unless a candidate is named."""
        spots = self.found.spots.get(row, [])
        if roof is None and len(spots) == 1:
            roof, score = spots[0], float(self.found.score[row])
        park = self.found.park[row] if roof is None else self.case.roofs.park[roof]
        self.at.append(row)
        self.rows.append(
            {
                "finding": finding,
                "system_id": self.systems[row],
                "row": self.numbers[row],
                "roof_id": None if roof is None else self.case.roof_ids[roof],
                "park_id": None if park == UNKNOWN else self.case.park_ids[park],
                "score": score,
                "stated_kw": self.case.rows.capacity_dc_kw[row],
                "suggested_kw": suggested,
                "reason_zh": why[0],
                "reason_en": why[1],
                "severity": severity,
            }
        )


def weigh(
    into: WorkList, parts: Parts, errors: dict[int, str], again: Mapping[int, int],
    dc_ac_ratio: float | None, rules: RegisterRules,
) -> None:  # fmt: skip
    """Tell unit slips, systems larger than their roof or park, and AC ratings.

    Parameters
    ----------
    into
        Takes the findings.
    parts
        Systems by roof.
    errors
        Takes a sentence for each row (position) that counts nowhere.
    again
        Rows (positions) that repeat another in every fact: they weigh nothing.
    dc_ac_ratio
        None: AC ratings are not looked for.
    rules
        What is believed.

    Raises
    ------
    InputError
        The unit of the whole file is wrong.
    """
    case, found = into.case, into.found
    kw, roofs = case.rows.capacity_dc_kw, case.roofs
    live = (case.register["status"] == "commissioned").to_numpy(dtype=bool, copy=True)
    live[list(again)] = False
    area = np.full(len(kw), np.nan)
    area[np.unique(parts.row)] = np.bincount(
        parts.row, roofs.area_m2[parts.roof], minlength=len(kw)
    )[np.unique(parts.row)]
    density = suspicions.densities(parts.kw, parts.roof, live[parts.row], roofs.area_m2)
    suspicions.check_unit(density, rules)
    only_park = found.counted & np.isnan(area) & (found.park != UNKNOWN)
    suspicions.check_size(kw[only_park], rules)
    slips = suspicions.unit_slips(kw, area, rules)
    for row in np.flatnonzero(slips.finding != "").tolist():
        large = slips.suggested_kw[row] < kw[row]
        why = _slip_words(kw[row], kw[row] * 1000.0 / area[row], float(slips.suggested_kw[row]))
        into.add(slips.finding[row], row, why, "error" if large else "doubt",
                 suggested=float(slips.suggested_kw[row]))  # fmt: skip
        if large:
            roof = case.roof_ids[found.spots[row][0]]
            errors[row] = _large_words(kw[row], kw[row] * 1000.0 / area[row], roof, rules)[1]
    # A row in a wrong unit says nothing of the others on its roof.
    slipped = np.zeros(len(kw), dtype=bool)
    slipped[list(errors)] = True
    density = suspicions.densities(
        parts.kw, parts.roof, (live & ~slipped)[parts.row], roofs.area_m2
    )
    large_parts = (density > rules.max_density_w_per_m2) & ~slipped[parts.row]
    for part in np.flatnonzero(large_parts).tolist():
        row, roof = int(parts.row[part]), int(parts.roof[part])
        why = _large_words(kw[row], density[part], case.roof_ids[roof], rules)
        most = rules.max_density_w_per_m2 * roofs.area_m2[roof] / 1000.0
        if row not in errors:
            into.add("larger_than_roof", row, why, "error", roof=roof,
                     score=float(found.score[row]), suggested=float(np.floor(most)))  # fmt: skip
            errors[row] = why[1]
    _beyond_parks(into, only_park, errors, rules)
    if dc_ac_ratio is not None:
        _ac_ratings(into, parts, dc_ac_ratio, errors, rules)


def _slip_words(kw: float, density: float, suggested: float) -> tuple[str, str]:
    return (
        f"{kw:g} kW 合每平方米屋顶 {density:.3g} W；若为 {suggested:g} kW 则相称，单位可能写错",
        f"{kw:g} kW makes {density:.3g} W per m² of roof; {suggested:g} kW would suit it: the unit"
        " may have slipped",
    )


def _large_words(kw: float, density: float, roof: object, rules: RegisterRules) -> tuple[str, str]:
    most = rules.max_density_w_per_m2
    return (
        f"容量 {kw:g} kW 使屋顶 {roof} 达到 {density:.0f} W/m²，超过 {most:g}："
        "请核对单位、屋顶或重复登记",
        f"capacity_dc_kw {kw:g} makes {density:.0f} W/m² on roof {roof}, above {most:g}: check"
        " unit, roof or duplicate rows",
    )


def _beyond_parks(
    into: WorkList, only_park: Flags, errors: dict[int, str], rules: RegisterRules
) -> None:
    case, found = into.case, into.found
    rows = np.flatnonzero(only_park)
    park = found.park[rows]
    whole, most = case.park_area_m2[park], case.park_largest_m2[park]
    # A park of which no roof is known can be compared with nothing.
    whole, most = (np.where(size > 0.0, size, np.nan) for size in (whole, most))
    kw = case.rows.capacity_dc_kw[rows]
    slips = suspicions.beyond_park(kw, whole, most, rules)
    for row, word, better, m2 in zip(
        rows.tolist(), slips.finding, slips.suggested_kw, whole, strict=True
    ):
        if not word:
            continue
        stated, park = case.rows.capacity_dc_kw[row], case.park_ids[found.park[row]]
        zh = f"{stated:g} kW 超过园区 {park} 全部已知屋顶（{m2:.0f} m²）所能承载，请核对单位"
        en = (f"capacity_dc_kw {stated:g} is more than all known roofs of park {park} hold"
              f" ({m2:.0f} m²): check the unit")  # fmt: skip
        slip = word == "unit_w"
        most = np.floor(rules.max_density_w_per_m2 * m2 / 1000.0)
        into.add(word, row, (zh, en), "error", suggested=float(better if slip else most))
        errors[row] = en


def _ac_ratings(
    into: WorkList, parts: Parts, ratio: float, errors: dict[int, str], rules: RegisterRules
) -> None:
    case = into.case
    kw = case.rows.capacity_dc_kw
    basis = case.register.get("capacity_basis", pd.Series("", index=case.register.index))
    potential = np.full(len(kw), np.nan)
    single = np.bincount(parts.row, minlength=len(kw))[parts.row] == 1
    potential[parts.row[single]] = case.roofs.potential_kw[parts.roof[single]]
    unstated = (basis == "unstated").to_numpy(dtype=bool)
    for row in np.flatnonzero(suspicions.ac_for_dc(kw, unstated, potential, ratio, rules)).tolist():
        if row in errors:
            continue
        dc = float(np.round(kw[row] * ratio, 3))
        into.add(
            "ac_for_dc", row,
            (f"{kw[row]:g} kW 是常见逆变器的整数台，乘以容配比 {ratio:g} 后与屋顶可装直流容量"
             f" {potential[row]:.0f} kW 相符，可能是交流容量",
             f"{kw[row]:g} kW is a whole number of usual inverters; times the DC/AC ratio {ratio:g}"
             f" it meets the roof's DC potential of {potential[row]:.0f} kW: it may be AC"),
            "doubt", suggested=dc,
        )  # fmt: skip
