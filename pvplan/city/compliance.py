"""Whether each new plant meets its clause: PV on a share of its roof, one renewable at least."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assumptions import ComplianceRules, ModuleDensity
from pvplan.errors import AssumptionError, TableError
from pvplan.tables import COMPLIANCE, Floats, names, to_thousandths

Flags = npt.NDArray[np.bool_]

MISSING: Final = {
    "date": ("竣工(开工)日期不明", "day of completion (start) unknown"),
    "roof": ("屋顶面积不明", "gross roof area unknown"),
    "register": ("未提供光伏登记", "no PV register given"),
    "unit": ("登记容量单位存疑", "unit of a registered capacity ambiguous"),
    "doubt": ("登记项存疑", "a registered system is in doubt"),
    "layout": ("阵列占地比不明", "ground coverage ratio unknown"),
    "capacity": ("已并网但容量不明", "commissioned, capacity unknown"),
    "filed": ("仅备案或在建，无并网证明", "only filed or under construction, not commissioned"),
    "undated": ("已并网但无并网日期", "commissioned, day unknown"),
    "match": ("登记项未核对到屋顶", "registered systems not matched to a roof"),
    "near": (
        "面积估算不足以判定",
        "estimated area too near the limit; bring proof of module area",
    ),
    "other": ("其他可再生能源情况不明", "other renewables unknown"),
}
"""What may be missing, zh and en."""
REASONS: Final = {
    "recorded": ("", ""),
    "scope": ("非工业建筑，不适用", "not an industrial building"),
    "old": ("起算日之前的既有厂房", "existing plant, from before the clause"),
    "future": ("评估日尚未竣工(开工)", "not completed (started) on the day of assessment"),
    "area": ("光伏面积不足", "PV area below the required share"),
    "unreachable": ("屋顶装满仍达不到", "nor would the full roof reach it"),
    "renewable": ("未使用可再生能源", "no renewable in use"),
}
UNIT_FINDINGS: Final = ("unit_w", "unit_mw", "unit_10mw", "ac_for_dc")
DOUBT_FINDINGS: Final = ("larger_than_roof", "duplicate", "filed_as_commissioned")
NOT_KNOWN: Final = ("", "-", "?", "unknown", "n/a", "na", "nan", "未知", "不详", "不明")
NO: Final = ("0", "false", "no", "n", "none", "无", "否", "没有", "未使用")
YES: Final = ("1", "true", "yes", "y", "是", "有")
NEEDS: Final = (
    "name", "park_id", "district_id", "completed_on", "footprint_area_m2", "module_area_m2",
    "gcr", "surface_tilt", "in_goal_scope",
)  # fmt: skip


def area_per_kw(density: ModuleDensity) -> Floats:
    """Return low, mode and high module area of one kW, m²/kWp, shape (ranges + 1, 3).

    The last row is that of systems without a date.

    Raises
    ------
    AssumptionError
        The lists do not fit each other or do not rise from low to high.
    """
    lists = (density.low_w_per_m2, density.mode_w_per_m2, density.high_w_per_m2)
    faults = []
    if any(len(values) != len(density.from_year) for values in lists):
        faults.append("compliance.density: give as many low, mode and high as from_year")
    if list(density.from_year) != sorted(set(density.from_year)):
        faults.append("compliance.density.from_year: give each year once, the earliest first")
    if len(density.undated_w_per_m2) != 3:
        faults.append("compliance.density.undated_w_per_m2: give low, mode, high")
    rows = [*zip(*lists, strict=False), density.undated_w_per_m2]
    faults += [
        f"compliance.density: {row}; give low, mode, high, rising"
        for row in rows
        if list(row) != sorted(row) or row[0] == row[-1]
    ]
    if faults:
        raise AssumptionError(faults)
    watts = np.array(rows, dtype=np.float64)
    return 1000.0 / watts[:, ::-1]


def area_quantile(kw: Floats, per_kw: Floats, quantile: float) -> Floats:
    """Return a quantile of the module area of registered kW, m².

    All ranges move together (one buyer, one kind of module), so the quantile of the sum is the
    sum of the quantiles of the triangular distributions.

    Parameters
    ----------
    kw
        Shape (roofs, ranges), kWp by range of commissioning.
    per_kw
        Shape (ranges, 3): low, mode, high, m²/kWp.
    quantile
        0 to 1.
    """
    low, mode, high = per_kw.T
    rising = low + np.sqrt(quantile * (high - low) * (mode - low))
    falling = high - np.sqrt((1.0 - quantile) * (high - low) * (high - mode))
    area: Floats = kw @ np.where(quantile <= (mode - low) / (high - low), rising, falling)
    return area


def pass_probability(kw: Floats, sure_m2: Floats, required_m2: Floats, per_kw: Floats) -> Floats:
    """Return the probability that the module area reaches what is required (closed form).

    Between two of the sorted mode quantiles the area is ``α + β √u − γ √(1−u)``; with
    ``u = sin²θ`` that is ``α + ρ sin(θ − φ)``, ``ρ = √(β² + γ²)``, ``φ = atan2(γ, β)``, so the
    quantile of the required area is ``sin²(φ + asin((R − α)/ρ))``. One minus it is returned.

    Parameters
    ----------
    kw
        Shape (roofs, ranges), kWp whose module area is estimated.
    sure_m2
        Shape (roofs,), module area that is registered.
    required_m2
        Shape (roofs,), module area required.
    per_kw
        Shape (ranges, 3): low, mode, high, m²/kWp.
    """
    low, mode, high = per_kw.T
    turn = (mode - low) / (high - low)
    edges = np.unique(np.concatenate([[0.0], turn, [1.0]]))
    needed = required_m2 - sure_m2
    found = np.where(area_quantile(kw, per_kw, 0.0) >= needed, 1.0, 0.0)
    for start, end in pairwise(edges):
        first, last = area_quantile(kw, per_kw, start), area_quantile(kw, per_kw, end)
        rising = turn >= end
        alpha = kw @ np.where(rising, low, high)
        beta = kw @ np.where(rising, np.sqrt((high - low) * (mode - low)), 0.0)
        gamma = kw @ np.where(rising, 0.0, np.sqrt((high - low) * (high - mode)))
        reach = np.maximum(np.hypot(beta, gamma), 1e-300)
        angle = np.arcsin(np.clip((needed - alpha) / reach, -1.0, 1.0)) + np.arctan2(gamma, beta)
        quantile = np.clip(np.sin(np.clip(angle, 0.0, np.pi / 2.0)) ** 2, start, end)
        found = np.where((first < needed) & (needed <= last), 1.0 - quantile, found)
    return np.where(np.isnan(needed), np.nan, found)


@dataclass(frozen=True)
class _Evidence:
    """What the register knows of each roof; ``extra_kw`` may yet turn out to stand on it."""

    kw: Floats
    sure_m2: Floats
    commissioned: Flags
    capacity_unknown: Flags
    filed_kw: Floats
    undated_kw: Floats
    loose_kw: Floats


def judge(
    buildings: pd.DataFrame,
    ledger: pd.DataFrame | None,
    findings: pd.DataFrame | None,
    rules: ComplianceRules,
    *,
    target_fraction: float,
    new_plant_from: date,
    as_of: date,
) -> pd.DataFrame:
    """Hold each building against the clause of new plants.

    Evidence that lacks never makes a pass; it makes a fail only where it could not change it.

    Parameters
    ----------
    buildings
        Index roof id; columns ``NEEDS``; if present ``tables.CLAUSE_EVIDENCE``: ``started_on``,
        ``other_renewable`` (words, or no, none, 无), ``exempt_reason`` (a recorded exemption).
    ledger
        ``tables.LEDGER``, index system id, if present with ``module_area_m2``; None without one.
    findings
        ``tables.RECONCILIATION``, or None.
    rules
        Definitions and densities.
    target_fraction
        Share of the gross roof area that PV must cover.
    new_plant_from
        First day of new plants.
    as_of
        Day of assessment.

    Returns
    -------
    DataFrame
        ``tables.COMPLIANCE``, a row a building in the order given.

    Raises
    ------
    TableError
        Columns of the buildings are missing.
    """
    absent = [word for word in NEEDS if word not in buildings.columns]
    if absent:
        raise TableError([f"buildings: {word}: column is missing" for word in absent])
    day = pd.Timestamp(as_of)
    seen = _evidence(buildings, ledger, rules.density, day)
    per_kw = area_per_kw(rules.density)
    gcr = buildings["gcr"].to_numpy(np.float64)
    plan = np.cos(np.radians(buildings["surface_tilt"].fillna(0.0).to_numpy(np.float64)))
    field = np.divide(1.0, gcr, out=np.full(len(gcr), np.nan), where=gcr > 0.0)
    factor = plan if rules.area_definition == "module_plan" else field
    module = seen.sure_m2 + area_quantile(seen.kw, per_kw, 0.5)
    gross = buildings["footprint_area_m2"].to_numpy(np.float64)
    required = target_fraction * np.where(gross > 0.0, gross, np.nan)
    area = np.where(module > 0.0, module * factor, 0.0)
    margin = area - required
    potential = buildings["module_area_m2"].to_numpy(np.float64)
    potential = np.where(potential > 0.0, potential * factor, potential)
    chance = _chance(seen, required / factor, module, margin, per_kw)
    gap = np.maximum(required / factor - module, 0.0)
    newest = area_quantile(np.ones((1, 1)), per_kw[_ranges(rules.density, day)], 0.5)[0]

    lacks, reasons, exempt = _when(buildings, rules, new_plant_from, day)
    marked = _marked(buildings.index, ledger, findings)
    none = np.full(len(buildings), ledger is None)
    lacks |= {
        "roof": np.isnan(required),
        "register": none,
        "unit": marked["unit"],
        "doubt": marked["doubt"],
        "layout": np.isnan(factor) & (module > 0.0),
    }
    barred = np.logical_or.reduce(list(lacks.values()))
    sure = rules.min_pass_probability_fraction
    passes = ~barred & (chance >= sure)
    low = ~barred & ((chance < 0.5) if sure == 0.5 else (chance <= 1.0 - sure))
    maybe_kw = seen.filed_kw + seen.undated_kw + seen.loose_kw
    extra = np.where(seen.capacity_unknown, np.inf, maybe_kw)
    extra = np.where(marked["match"], np.inf, extra)
    # The widest module of all, so that no fail is told that a late match could undo.
    saved = low & (extra > 0.0) & ~(extra * per_kw.max() < gap)
    other = _other(buildings)
    renewable = seen.commissioned | (other == "yes")
    open_renewable = ~renewable & ((extra > 0.0) | (other == "unknown"))
    waiting = saved | (~renewable & (extra > 0.0))
    lacks |= {
        "capacity": waiting & seen.capacity_unknown,
        "filed": waiting & (seen.filed_kw > 0.0),
        "undated": waiting & (seen.undated_kw > 0.0),
        "match": waiting & (marked["match"] | (seen.loose_kw > 0.0)),
        "near": ~barred & ~passes & ~low,
        "other": ~renewable & (other == "unknown"),
    }
    area_state = _state(exempt, low & ~saved, passes)
    renewable_state = _state(exempt, ~barred & ~renewable & ~open_renewable, ~barred & renewable)
    failed = (area_state == "fail") | (renewable_state == "fail")
    state = _state(exempt, failed, (area_state == "pass") & (renewable_state == "pass"))
    reasons |= {
        "area": area_state == "fail",
        "unreachable": (area_state == "fail") & (potential < required),
        "renewable": renewable_state == "fail",
    }
    lacks = {word: flags & ~exempt for word, flags in lacks.items()}
    missing_kw = np.where(margin >= 0.0, 0.0, gap / newest)
    found: dict[str, Any] = {
        "roof_id": buildings.index.astype(str).to_numpy(),
        **{word: buildings[word].to_numpy() for word in NEEDS[:4]},
        "gross_roof_area_m2": to_thousandths(required / target_fraction),
        "pv_area_m2": to_thousandths(np.where(none, np.nan, area)),
        "pv_field_area_m2": to_thousandths(
            np.where(none, np.nan, np.where(module > 0.0, module * field, 0.0))
        ),
        "required_area_m2": to_thousandths(required),
        "covered_fraction": np.where(none, np.nan, area / required * target_fraction),
        "margin_m2": to_thousandths(np.where(none, np.nan, margin)),
        "missing_dc_kw": to_thousandths(np.where(none, np.nan, missing_kw)),
        "pass_probability_fraction": np.where(barred, np.nan, np.clip(chance, 0.0, 1.0)),
        "potential_area_m2": to_thousandths(potential),
        "reachable": _reachable(potential, required),
        "area_state": area_state,
        "renewable_state": renewable_state,
        "state": state,
    }
    for column, language in (("zh", 0), ("en", 1)):
        told = _told(reasons, REASONS, language)
        found[f"reason_{column}"] = np.where(reasons["recorded"], _recorded(buildings), told)
        found[f"missing_{column}"] = _told(lacks, MISSING, language)
    return pd.DataFrame(found, columns=names(COMPLIANCE))


def _chance(
    seen: _Evidence, needed: Floats, module: Floats, margin: Floats, per_kw: Floats
) -> Floats:
    """Return the probability of passing, untouched by rounding where the margin is 0."""
    chance = pass_probability(seen.kw, seen.sure_m2, needed, per_kw)
    # Where no module stands the layout does not matter.
    chance = np.where((module == 0.0) & (margin < 0.0), 0.0, chance)
    return np.where(np.abs(margin) < 1e-9, np.maximum(chance, 0.5), chance)


def _reachable(potential: Floats, required: Floats) -> Any:
    unknown = np.isnan(potential) | np.isnan(required)
    found = pd.array(np.where(unknown, False, potential >= required), dtype="boolean")
    found[unknown] = pd.NA
    return found


def _ranges(density: ModuleDensity, days: Any) -> npt.NDArray[np.int64]:
    """Return the range of each day; the last stands for no day."""
    years = pd.DatetimeIndex(np.atleast_1d(np.asarray(days, dtype="datetime64[ns]"))).year
    at = np.searchsorted(density.from_year, years.to_numpy(np.float64), side="right") - 1
    return np.where(np.isnan(years.to_numpy(np.float64)), len(density.from_year), np.maximum(at, 0))


def _evidence(
    buildings: pd.DataFrame, ledger: pd.DataFrame | None, density: ModuleDensity, day: pd.Timestamp
) -> _Evidence:
    count, ranges = len(buildings), len(density.from_year) + 1
    if ledger is None or ledger.empty:
        zero, no = np.zeros(count), np.zeros(count, dtype=bool)
        return _Evidence(np.zeros((count, ranges)), zero, no, no, zero, zero, zero)
    roof = buildings.index.get_indexer(pd.Index(ledger["roof_id"]))
    on = (roof >= 0) & ledger["roof_id"].notna().to_numpy()
    kw = ledger["capacity_dc_kw"].to_numpy(np.float64)
    since = pd.to_datetime(ledger["commissioned_on"])
    runs = (ledger["status"] == "commissioned").to_numpy(dtype=bool)
    stands = runs & (since <= day).to_numpy(dtype=bool)
    # What is known to run only later cannot have stood on the day; without a day it may have.
    pending = ledger["status"].isin(["filed", "under_construction"]).to_numpy(dtype=bool)
    if "filed_on" in ledger.columns:
        pending = pending & ~(pd.to_datetime(ledger["filed_on"]) > day).to_numpy(dtype=bool)
    undated = runs & since.isna().to_numpy(dtype=bool)
    due = stands | undated | pending
    area = np.full(len(ledger), np.nan)
    if "module_area_m2" in ledger.columns:
        area = ledger["module_area_m2"].to_numpy(np.float64)
    measured = area > 0.0
    guessed = on & stands & ~measured
    cell = roof[guessed] * ranges + _ranges(density, since.to_numpy())[guessed]
    kw_known = np.nan_to_num(kw, nan=0.0)

    def per_roof(chosen: Flags, values: Floats) -> Floats:
        return np.bincount(roof[chosen], weights=values[chosen], minlength=count).astype(np.float64)

    unknown = np.where(np.isnan(kw), np.inf, kw)
    # A system known by its park alone may stand on any roof of the park.
    nowhere = ledger["roof_id"].isna().to_numpy(dtype=bool)
    loose = due & nowhere & ledger["park_id"].notna().to_numpy()
    parks = pd.Series(unknown[loose]).groupby(ledger["park_id"].to_numpy()[loose]).sum()
    made = stands & (measured | (kw_known > 0.0))
    return _Evidence(
        kw=np.bincount(cell, weights=kw_known[guessed], minlength=count * ranges)
        .reshape(count, ranges)
        .astype(np.float64),
        sure_m2=per_roof(on & stands & measured, area),
        commissioned=per_roof(on & made, np.ones(len(ledger))) > 0.0,
        capacity_unknown=per_roof(guessed & np.isnan(kw), np.ones(len(ledger))) > 0.0,
        filed_kw=per_roof(on & pending, unknown),
        undated_kw=per_roof(on & undated, unknown),
        loose_kw=np.asarray(buildings["park_id"].map(parks).fillna(0.0), dtype=np.float64),
    )


def _when(
    buildings: pd.DataFrame, rules: ComplianceRules, first: date, day: pd.Timestamp
) -> tuple[dict[str, Flags], dict[str, Flags], Flags]:
    """Return whether the day lacks, why a building is exempt, and whether it is."""
    word = "completed_on" if rules.date_of == "completed" else "started_on"
    raw = buildings[word] if word in buildings.columns else pd.Series(pd.NaT, buildings.index)
    since = pd.to_datetime(raw)
    recorded = np.array([text is not None for text in _recorded(buildings)], dtype=bool)
    scope = ~recorded & ~buildings["in_goal_scope"].to_numpy(dtype=bool)
    rest = ~recorded & ~scope
    reasons = {
        "recorded": recorded,
        "scope": scope,
        "old": rest & (since < pd.Timestamp(first)).to_numpy(),
        "future": rest & (since > day).to_numpy(),
    }
    exempt: Flags = np.logical_or.reduce(list(reasons.values()))
    return {"date": since.isna().to_numpy() & ~exempt}, reasons, exempt


def _recorded(buildings: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return the recorded exemption of each building, None where there is none."""
    if "exempt_reason" not in buildings.columns:
        return np.full(len(buildings), None, dtype=object)
    given = buildings["exempt_reason"].astype(object)
    # A bare "yes" is no reason, a "no" no exemption.
    said = ~_plain(given).isin([*NOT_KNOWN, *NO, *YES])
    return given.where(said, None).to_numpy(dtype=object)


def _marked(
    roofs: pd.Index[Any], ledger: pd.DataFrame | None, findings: pd.DataFrame | None
) -> dict[str, Flags]:
    """Return the roofs that findings speak of, by what they leave open."""
    kinds = {"unit": UNIT_FINDINGS, "doubt": DOUBT_FINDINGS, "match": ("ambiguous",)}
    if findings is None or findings.empty:
        return {kind: np.zeros(len(roofs), dtype=bool) for kind in kinds}
    if "severity" in findings.columns:
        # Of rows entered again one counts and the others do not: nothing is open.
        settled = (findings["finding"] == "duplicate") & (findings["severity"] != "doubt")
        findings = findings[~settled]
    place = findings["roof_id"].astype(object)
    if ledger is not None:
        place = place.where(place.notna(), findings["system_id"].map(ledger["roof_id"].to_dict()))

    def of(kind: Iterable[str]) -> Flags:
        return np.asarray(roofs.isin(place[findings["finding"].isin(list(kind))].dropna()))

    return {kind: of(words) for kind, words in kinds.items()}


def _other(buildings: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return yes, no or unknown: whether another renewable is stated."""
    if "other_renewable" not in buildings.columns:
        return np.full(len(buildings), "unknown", dtype=object)
    given = _plain(buildings["other_renewable"])
    found: npt.NDArray[np.object_] = np.where(
        given.isin(NOT_KNOWN), "unknown", np.where(given.isin(NO), "no", "yes")
    )
    return found.astype(object)


def _plain(words: pd.Series[Any]) -> pd.Series[str]:
    """Return words as they are compared: full width and case aside, a missing one empty."""
    text = words.astype(object).where(words.notna(), "").astype(str)
    return text.str.normalize("NFKC").str.strip().str.casefold()


def _state(exempt: Flags, fails: Flags, passes: Flags) -> npt.NDArray[np.object_]:
    cases = ["exempt", "fail", "pass"]
    return np.select([exempt, fails, passes], cases, "insufficient_evidence").astype(object)


def _told(
    flags: dict[str, Flags], words: dict[str, tuple[str, str]], language: int
) -> npt.NDArray[np.object_]:
    """Return the words of all flags of each row, joined; None where there is none."""
    keys = list(flags)
    code = sum((flags[key].astype(np.int64) << n for n, key in enumerate(keys)), np.int64(0))
    mark = ("；", "; ")[language]
    kinds, at = np.unique(np.asarray(code), return_inverse=True)
    texts = np.empty(len(kinds), dtype=object)
    for n, kind in enumerate(kinds):
        told = [words[key][language] for b, key in enumerate(keys) if int(kind) >> b & 1]
        texts[n] = mark.join(told) or None
    return texts[at]
