"""Register, roofs and parks to the ledger and its work list: match, part, weigh, tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan import placement, register_case, worklist
from pvplan.assumptions import RegisterRules
from pvplan.city import reconciliation
from pvplan.city.datum_votes import Verdict
from pvplan.city.matching import UNKNOWN, near_roofs
from pvplan.placement import Placement
from pvplan.register_case import Case
from pvplan.tables import LEDGER, Floats, Ints, names
from pvplan.weighing import Parts


@dataclass(frozen=True)
class Context:
    """What is known beside register and roofs.

    Attributes
    ----------
    as_of
        Days after it lie in the future; None: not looked at.
    shifted_points
        By datum (``gcj02``, ``bd09``): shape (rows, 2), m, where the register's rows lie if
        their coordinates are of that datum and were mistaken for WGS84.
    decisions
        Columns system_id, roof_id, park_id, decision (``accepted``, ``rejected``): what people
        decided before; it overrides every score. Several accepted roofs share the system.
    dc_ac_ratio
        DC capacity per AC capacity; None: AC ratings are not looked for.
    park_hold
        What all roofs of each park hold (:func:`pvplan.register_case.held_by_parks`), where the
        buildings are only those that a row may stand on; None: they are all.
    """

    as_of: date | None = None
    shifted_points: Mapping[str, Floats] = field(default_factory=dict)
    decisions: pd.DataFrame | None = None
    dc_ac_ratio: float | None = None
    park_hold: pd.DataFrame | None = None


@dataclass(frozen=True)
class Matched:
    """The ledger; a sentence for each row without a place; RECONCILIATION, one row a finding."""

    ledger: pd.DataFrame
    unmatched: pd.Series[str]
    findings: pd.DataFrame


def reconcile(
    register: pd.DataFrame,
    buildings: gpd.GeoDataFrame,
    parks: gpd.GeoDataFrame | None,
    points: Floats,
    rules: RegisterRules,
    context: Context | None = None,
) -> Matched:
    """Find the roofs, or at least the park, of each register row, and what is suspect in it.

    Parameters
    ----------
    register
        Index ``system_id`` (unique); roof_id (one, or several separated by ``;`` or ``、``),
        park, capacity_dc_kw, capacity_ac_kw, capacity_basis, status, filed_on, commissioned_on,
        source, row; ``name`` where the file has one.
    buildings
        BUILDINGS or ROOFS in a metric CRS, index ``roof_id``; ``capacity_dc_kw`` is the roof's
        technical potential where it is there.
    parks
        Parks in the same CRS, index ``park_id``, with name_zh and name_en; or None.
    points
        Shape (rows, 2): each row's coordinates in that CRS; NaN where it has none.
    rules
        Weights, thresholds, and what is believed.
    context
        Day, other datums, decisions, DC/AC ratio.

    Returns
    -------
    Matched
        Every row of the register stands in the ledger once, or as parts (``part_of``) that sum
        to it; ``matched_by`` is ``none`` where no place, or an ``error``, was found. The order
        of rows and roofs changes nothing.

    Raises
    ------
    InputError
        The register's unit is wrong as a whole, or a decision cannot be read.
    """
    known = Context() if context is None else context
    order = np.argsort(register.index.to_numpy(dtype=str), kind="stable")
    shifted = {name: np.asarray(places)[order] for name, places in known.shifted_points.items()}
    case = register_case.case_of(
        register.iloc[order], buildings, parks, points[order], rules, known.park_hold
    )
    stated, near = case.rows.points, register_case.nearby(case, rules)
    verdict = register_case.vote(case, near, shifted, rules)
    fitted = _fitted(case, verdict, shifted)
    case = register_case.believed(case, verdict, shifted, parks, rules)
    near = register_case.nearby(case, rules, (stated, near))
    found = placement.place(case, near, known.decisions, rules)
    parts = _parts(case, found)
    findings, errors, possible = worklist.told(
        case, found, parts, verdict, fitted, known.as_of, known.dc_ac_ratio, rules
    )
    ledger = _ledger(case, found, parts, errors, order)
    most = {str(case.register.index[row]): kw for row, kw in possible.items() if row in errors}
    ledger["possible_dc_kw"] = ledger.index.map(most).astype(np.float64)
    ledger = ledger[names(LEDGER)]
    unmatched = {str(case.register.index[row]): text for row, text in errors.items()}
    return Matched(ledger, pd.Series(unmatched, dtype=object).sort_index(), findings)


def _fitted(case: Case, verdict: Verdict, shifted: Mapping[str, Floats]) -> Ints:
    """Return the roof of each row that fits only after a shift: its own, else the one beneath."""
    roof = np.where(verdict.of_row == "", UNKNOWN, case.own_roof())
    for datum, points in sorted(shifted.items()):
        lost = np.flatnonzero((verdict.of_row == datum) & (roof == UNKNOWN))
        rows, roofs, _ = near_roofs(points[lost], case.roofs.tree, 0.0)
        roof[lost[rows[::-1]]] = roofs[::-1]
    return roof


def _parts(case: Case, found: Placement) -> Parts:
    rows = sorted(found.spots)
    row = np.repeat(np.array(rows, dtype=np.int64), [len(found.spots[one]) for one in rows])
    roof = np.array([roof for one in rows for roof in found.spots[one]], dtype=np.int64)
    return Parts(row, roof, reconciliation.parted(
        case.rows.capacity_dc_kw, row, _weights(case, row, roof)))  # fmt: skip


def _weights(case: Case, row: Ints, roof: Ints) -> Floats:
    """Weigh the roofs of a row by potential, by area where that of any of them is unknown."""
    potential = case.roofs.potential_kw[roof]
    blind = np.unique(row[np.isnan(potential)])
    return np.where(np.isin(row, blind), case.roofs.area_m2[roof], potential)


def _ledger(
    case: Case, found: Placement, parts: Parts, errors: Mapping[int, str], order: Ints
) -> pd.DataFrame:
    count = len(case.register)
    refused = np.zeros(count, dtype=bool)
    refused[list(errors)] = True
    kept = ~refused[parts.row]
    located = np.zeros(count, dtype=bool)
    located[parts.row[kept]] = True
    whole = np.flatnonzero(~located)
    row = np.concatenate([parts.row[kept], whole])
    roof = np.concatenate([parts.roof[kept], np.full(len(whole), UNKNOWN)])
    # Back to the order of the register, parts in the order of their roofs.
    back = np.lexsort((roof, order[row]))
    row, roof = row[back], roof[back]
    table = case.register.iloc[row].copy()
    several = np.bincount(row, minlength=count)[row] > 1
    weights = _weights(case, row, np.maximum(roof, 0)) if len(case.roof_ids) else np.ones(len(row))
    for name in ("capacity_dc_kw", "capacity_ac_kw"):
        stated = case.register[name].to_numpy(dtype=np.float64)
        table[name] = reconciliation.parted(stated, row, weights)
    park = found.park[row]
    park[roof != UNKNOWN] = case.roofs.park[roof[roof != UNKNOWN]]
    park[refused[row]] = UNKNOWN
    district = _only(found.district[row], ~refused[row])
    district[roof != UNKNOWN] = case.districts[roof[roof != UNKNOWN]]
    texts = {
        "roof_id": _named(case.roof_ids, roof),
        "park_id": _named(case.park_ids, park),
        "district_id": district,
        "matched_by": np.where(refused[row], "none", found.matched_by[row]),
        "match_zh": _only(found.zh[row], ~refused[row]),
        "match_en": _only(found.en[row], ~refused[row]),
        "part_of": _only(table.index.to_numpy(dtype=object), several),
    }
    for name, words in texts.items():
        table[name] = pd.Series(words, index=table.index, dtype=object)
    table["match_score"] = np.where(refused[row], np.nan, found.score[row])
    ids = [str(key) for key in case.register.index]
    table.index = pd.Index(reconciliation.part_ids(ids, row), name="system_id", dtype=object)
    return table


def _only(texts: npt.NDArray[np.object_], kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.object_]:
    found = texts.copy()
    found[~kept] = None
    return found


def _named(ids: npt.NDArray[np.object_], position: Ints) -> npt.NDArray[np.object_]:
    found = np.full(len(position), None, dtype=object)
    known = position != UNKNOWN
    found[known] = ids[position[known]]
    return found
