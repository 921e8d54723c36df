"""Register rows to the ledger, its places, what runs on a day, and the state of each roof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from pvplan.assumptions import Assumptions
from pvplan.city.states import roof_states
from pvplan.goal_table import OUTSIDE
from pvplan.goal_view import stages
from pvplan.reconcile import Context, reconcile
from pvplan.tables import RECONCILIATION, Floats, names

WGS84: Final = "EPSG:4326"
_STAGES: Final = {
    "installed_dc_kw": "commissioned",
    "under_construction_dc_kw": "under_construction",
    "filed_dc_kw": "filed",
}
_REASONS: Final = {
    "no_fit": ("按排布规则放不下组件", "no module fits by the rules of layout"),
    "no_load": (
        "结构不能承受附加荷载（按类别判断）",
        "by its class the structure does not bear it",
    ),
    "no_register": ("未提供装机登记", "no register of installed systems was given"),
    "overdue": ("受限复核已逾期", "the review of the block is overdue"),
}


@dataclass(frozen=True)
class Recorded:
    """What is registered and decided; any may be missing.

    Attributes
    ----------
    register
        Rows as read from a file or a ledger, index ``system_id``.
    register_file
        What messages call it.
    shifted
        By datum (``gcj02``, ``bd09``): WGS84 longitude and latitude of the rows, shape (rows,)
        each, if their coordinates were of that datum.
    decisions
        Columns system_id, roof_id, park_id, decision: matches that people settled.
    roof_decisions
        Index roof id; columns state, reason, evidence, review_on: what people decided of roofs.
    """

    register: pd.DataFrame | None = None
    register_file: str = ""
    shifted: Mapping[str, tuple[Floats, Floats]] | None = None
    decisions: pd.DataFrame | None = None
    roof_decisions: pd.DataFrame | None = None


def matched(
    roofs: gpd.GeoDataFrame,
    recorded: Recorded,
    parks: gpd.GeoDataFrame | None,
    as_of: date,
    assumptions: Assumptions,
    park_hold: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame | None, pd.DataFrame, pd.DataFrame]:
    """Find the place of each register row.

    Parameters
    ----------
    roofs
        ROOFS, or those of :class:`pvplan.register_near.Wanted` with ``park_hold`` of all.
    recorded, parks, as_of, assumptions
        Register and decisions, parks, day, rules.
    park_hold
        As in :class:`pvplan.reconcile.Context`.

    Returns
    -------
    ledger, rejected, findings
        LEDGER, or None without a register; REJECTED rows of those without a place;
        RECONCILIATION.
    """
    register = recorded.register
    if register is None:
        return None, pd.DataFrame(), pd.DataFrame(columns=names(RECONCILIATION))
    points, shifted = metric_points(recorded, roofs.crs)
    context = Context(
        as_of=as_of,
        shifted_points=shifted,
        decisions=recorded.decisions,
        dc_ac_ratio=assumptions.system.dc_ac_ratio,
        park_hold=park_hold,
    )
    found = reconcile(register, roofs, parks, points, assumptions.register, context)
    listed = pd.DataFrame(
        {
            "input": "register",
            "file": recorded.register_file,
            "row": register.loc[found.unmatched.index, "row"],
            "id": found.unmatched.index,
            "reason": found.unmatched,
            "done": "unmatched",
            "detail": "kept in ledger.csv, counted in no roof and no park",
        }
    )
    return found.ledger, listed, found.findings


def metric_points(recorded: Recorded, crs: Any) -> tuple[Floats, dict[str, Floats]]:
    """Return where the register's rows lie, (rows, 2) m, as stated and by other datums."""
    register = recorded.register
    assert register is not None  # noqa: S101 - asked of a register only
    transformer = pyproj.Transformer.from_crs(WGS84, crs, always_xy=True)
    stated = (register[name].to_numpy(dtype=np.float64) for name in ("longitude", "latitude"))
    shifted = {name: _metric(transformer, *pair) for name, pair in (recorded.shifted or {}).items()}
    return _metric(transformer, *stated), shifted


def _metric(transformer: pyproj.Transformer, longitude: Floats, latitude: Floats) -> Floats:
    x, y = transformer.transform(longitude, latitude, errcheck=False)
    points = np.stack([x, y], axis=1)
    points[~np.isfinite(points)] = np.nan
    return points


def with_places(roofs: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give every roof a park and a district, by the words for "outside"."""
    filled = {}
    for level in ("park", "district"):
        own = roofs[f"{level}_id"]
        filled[f"{level}_id"] = own.where(own.notna(), OUTSIDE[level][0]).astype(str)
    return roofs.assign(**filled)


def areas_of(roofs: pd.DataFrame) -> pd.DataFrame:
    """Sum the footprints of each park in each district; areas of parts may be stacked."""
    columns = ["park_id", "district_id", "footprint_area_m2"]
    area = pd.DataFrame({name: roofs[name].to_numpy() for name in columns})
    area["footprint_area_m2"] = np.rint(area["footprint_area_m2"] * 1000.0)
    area = area.groupby(columns[:2], as_index=False).sum()
    return area.assign(footprint_area_m2=area["footprint_area_m2"] / 1000.0)


def fill_places(area: pd.DataFrame, ledger: pd.DataFrame | None, parks: gpd.GeoDataFrame) -> None:
    """Give every park its main district, and every placed system a park and a district.

    Parameters
    ----------
    area
        Of :func:`areas_of`, all roofs of the city.
    ledger, parks
        Changed in place.
    """
    main = _main_district(area)
    parks["district_id"] = parks.index.map(main)
    if ledger is None:
        return
    placed = ledger["matched_by"] != "none"
    for level in ("park", "district"):
        column = f"{level}_id"
        if level == "district":
            by_park = ledger["park_id"].map(main).astype(object)
            ledger[column] = ledger[column].where(ledger[column].notna(), by_park)
        filled = ledger[column].where(ledger[column].notna(), OUTSIDE[level][0])
        ledger[column] = filled.where(placed, None)


def _main_district(area: pd.DataFrame) -> dict[str, str]:
    """Return the district that holds most roof area of each park."""
    order = area.sort_values(["park_id", "footprint_area_m2", "district_id"])
    return dict(zip(order["park_id"], order["district_id"], strict=True))


def on_day(ledger: pd.DataFrame | None, as_of: date, status: str) -> pd.DataFrame | None:
    """Return the placed systems that had a status on a day; undated ones are there."""
    if ledger is None:
        return None
    stage = stages(ledger, as_of)
    here: pd.DataFrame = ledger[(stage == status) & (ledger["matched_by"] != "none").to_numpy()]
    return here


def summed_kw(systems: pd.DataFrame | None, index: pd.Index[Any], column: str) -> pd.Series[float]:
    """Sum systems by a column, exactly; missing everywhere without a register."""
    if systems is None:
        return pd.Series(np.nan, index=index)
    kw = np.rint(systems["capacity_dc_kw"].to_numpy(dtype=np.float64) * 1000.0).astype(np.int64)
    total = pd.Series(kw, index=systems.index).groupby(systems[column]).sum()
    return (total.reindex(index).fillna(0) / 1000.0).astype(np.float64)


def with_states(
    roofs: gpd.GeoDataFrame,
    ledger: pd.DataFrame | None,
    decisions: pd.DataFrame | None,
    as_of: date,
    used_fraction: float,
) -> gpd.GeoDataFrame:
    """Add what stands on each roof, what is begun, and the state of the rest.

    Parameters
    ----------
    roofs
        ROOFS with its potential.
    ledger
        LEDGER, or None without a register.
    decisions
        As in :class:`Recorded`.
    as_of
        The day.
    used_fraction
        Share of the potential from which a roof counts as used.
    """
    stages = {
        column: summed_kw(on_day(ledger, as_of, status), roofs.index, "roof_id")
        for column, status in _STAGES.items()
    }
    decided = _decided(decisions, roofs.index)
    # A block whose review is overdue explains nothing any more.
    review = pd.to_datetime(decided["review_on"])
    overdue = ((decided["state"] == "blocked") & (review < pd.Timestamp(as_of))).to_numpy(
        dtype=bool
    )
    decided["state"] = decided["state"].mask(overdue, "not_assessable")
    installed, building, filed = (
        np.asarray(stages[column], dtype=np.float64) for column in _STAGES
    )
    found = roof_states(
        roofs["capacity_dc_kw"].to_numpy(dtype=np.float64),
        installed,
        building,
        filed,
        decision=decided["state"].to_numpy(dtype=object),
        used_fraction=used_fraction,
    )
    told = decided.where(pd.Series(found.decided, roofs.index), None)
    reasons = {}
    for at, language in enumerate(("zh", "en")):
        words = told["reason"].to_numpy(dtype=object, copy=True)
        words[(found.state == "blocked") & ~found.decided] = _REASONS["no_fit"][at]
        heavy = (roofs["capacity_blocked_dc_kw"] > 0.0).to_numpy(dtype=bool)
        words[(found.state == "blocked") & ~found.decided & heavy] = _REASONS["no_load"][at]
        words[(found.state == "not_assessable") & ~found.decided] = _REASONS["no_register"][at]
        late = overdue & found.decided
        words[late] = [f"{_REASONS['overdue'][at]}: {word or '–'}" for word in words[late]]
        reasons[f"state_reason_{language}"] = words
    return roofs.assign(
        **stages,
        roof_state=found.state,
        **reasons,
        state_evidence=told["evidence"],
        state_review_on=pd.to_datetime(told["review_on"]),
        feasible_dc_kw=found.feasible_kw,
        blocked_dc_kw=found.blocked_kw,
        not_assessable_dc_kw=found.not_assessable_kw,
        remainder_dc_kw=found.remainder_kw,
        over_potential_dc_kw=found.over_kw,
    )


def _decided(decisions: pd.DataFrame | None, index: pd.Index[Any]) -> pd.DataFrame:
    words = ["state", "reason", "evidence", "review_on"]
    given = pd.DataFrame(columns=words) if decisions is None else decisions[words]
    known = given.astype(object).reindex(index)
    return known.where(known.notna(), None)
