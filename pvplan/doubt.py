"""ROOFS, systems and GOALS to percentiles: capacity, energy, gap and date at every level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assumptions import Assumptions, Uncertainty
from pvplan.city import likelihood, uncertainty
from pvplan.city.likelihood import Percentiles
from pvplan.city.roof_groups import Roofs, grouped
from pvplan.tables import Floats, scope_of, to_thousandths

Words = npt.NDArray[np.object_]
CITY: Final = "city"
_LEVELS: Final = ("park", "district")


@dataclass(frozen=True)
class Doubt:
    """What draws add to the tables.

    Attributes
    ----------
    levels
        Level (``park``, ``district``, ``city``) to LEVEL_DOUBT columns, indexed by place.
    goals
        GOAL_DOUBT columns, rows of the goals.
    drivers
        Goal to what widens its gap of the city, most first.
    """

    levels: Mapping[str, pd.DataFrame]
    goals: pd.DataFrame
    drivers: Mapping[str, tuple[likelihood.Driver, ...]]


@dataclass(frozen=True)
class _Scope:
    """Draws of one goal scope, (draws, places), and the place of each column at every level.

    ``registered``, shape (1, places), is what the installed draws start from.
    """

    capacity: Floats
    capacity_at: Mapping[str, Words]
    installed: Floats | None = None
    registered: Floats | None = None
    installed_at: Mapping[str, Words] = field(default_factory=dict)


def doubt(
    roofs: pd.DataFrame,
    systems: pd.DataFrame | None,
    goal_rows: pd.DataFrame,
    headline: str | None,
    as_of: date,
    assumptions: Assumptions,
) -> Doubt:
    """Carry the errors of roofs and register to every place and goal.

    Parameters
    ----------
    roofs
        PLAN roofs, places filled.
    systems
        Placed systems that run on the day (LEDGER), or None without a register.
    goal_rows
        GOALS without these columns.
    headline
        A goal whose gap is ranked by its drivers; None without one.
    as_of, assumptions
        Day; sizes, sharing, module.
    """
    rules = assumptions.uncertainty
    seed = rules.seed
    groups = grouped(_roofs(roofs, assumptions))
    drawn = uncertainty.draw(groups, rules, seed)
    at = {"park": drawn.park_id, "district": drawn.district_id}
    at[CITY] = np.full(len(drawn.park_id), CITY, dtype=object)
    levels = {level: _of_level(drawn, place) for level, place in at.items()}
    scopes: dict[str, _Scope] = {}
    for scope in map(str, goal_rows["scope"].unique()):
        scopes[scope] = _scope(*_of_scope(roofs, systems, scope, assumptions), rules, seed)
    goals = _of_goals(goal_rows, scopes, as_of, rules, seed)
    drivers = {}
    for goal in _ranked(goal_rows, headline):
        row = goal_rows[(goal_rows["goal_id"] == goal) & (goal_rows["level"] == CITY)]
        drivers[goal] = _drivers(roofs, systems, row.iloc[0], assumptions, seed)
    return Doubt(levels, goals, drivers)


def _ranked(goal_rows: pd.DataFrame, headline: str | None) -> list[str]:
    """Return the goals whose drivers are ranked: the headline, and full installation.

    What hangs on no roof (a stated capacity) tells nothing of which roofs to survey.
    """
    city = goal_rows[goal_rows["level"] == CITY]
    chosen = (city["goal_id"] == headline) | (city["metric"] == "full_installation")
    return [str(goal) for goal in city.loc[chosen, "goal_id"].unique()]


def _roofs(roofs: pd.DataFrame, assumptions: Assumptions) -> Roofs:
    """Return the roofs as the draws see them; a roof full of modules is the bound."""
    capacity = roofs["capacity_dc_kw"].to_numpy(dtype=np.float64)
    module = assumptions.module
    full = roofs["footprint_area_m2"].to_numpy(dtype=np.float64) * module.power_w
    bound = np.maximum(full / module.area_m2 / 1000.0, capacity)
    words = ("park_id", "district_id", "roof_form", "height_source", "roof_form_source")
    return Roofs(
        **{word: roofs[word].to_numpy(dtype=object) for word in words},
        capacity_kw=capacity,
        needs_survey_kw=roofs["capacity_needs_survey_dc_kw"].to_numpy(dtype=np.float64),
        bound_kw=bound,
        energy_kwh_per_year=roofs["energy_ac_kwh_per_year"].to_numpy(dtype=np.float64),
    )


def _of_level(drawn: uncertainty.Draws, place: Words) -> pd.DataFrame:
    """Return percentiles of capacity and energy by place."""
    wanted = sorted(set(place))
    columns: dict[str, Floats] = {}
    for name, values, unit in (
        ("capacity", drawn.capacity_kw, "dc_kw"),
        ("energy", drawn.energy_kwh_per_year, "kwh_per_year"),
        ("energy_single_year", drawn.energy_single_year_kwh, "kwh"),
    ):
        found = likelihood.percentiles(likelihood.summed(values, place, wanted))
        columns |= _named(name, unit, found)
    return pd.DataFrame(columns, index=pd.Index(wanted, dtype=object))


def _named(name: str, unit: str, found: Percentiles) -> dict[str, Floats]:
    return {f"{name}_{word}_{unit}": getattr(found, word) for word in ("p10", "p50", "p90")}


def _scope(
    groups: pd.DataFrame, systems: pd.DataFrame | None, rules: Uncertainty, seed: str
) -> _Scope:
    """Draw the roofs and the systems that a goal speaks of."""
    drawn = uncertainty.draw(groups, rules, seed)
    here = {"park": drawn.park_id, "district": drawn.district_id}
    if systems is None:
        return _Scope(drawn.capacity_kw, here)
    kw = systems["capacity_dc_kw"].to_numpy(dtype=np.float64)
    parks = systems["park_id"].to_numpy(dtype=object)
    districts = systems["district_id"].to_numpy(dtype=object)
    park, district, drawn_kw = uncertainty.draw_installed(parks, districts, kw, rules, seed)
    by_place = pd.Series(np.rint(kw * 1000.0)).groupby([parks, districts], sort=True).sum()
    registered = np.asarray(by_place, dtype=np.float64)[None, :] / 1000.0
    places = {"park": park, "district": district}
    return _Scope(drawn.capacity_kw, here, drawn_kw, registered, places)


def _of_scope(
    roofs: pd.DataFrame, systems: pd.DataFrame | None, scope: str, assumptions: Assumptions
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the groups of roofs, and the systems, that a goal speaks of."""
    chosen = roofs[scope_of(roofs, scope)]
    groups = grouped(_roofs(chosen, assumptions))
    if systems is None:
        return groups, None
    by_park = systems["roof_id"].isna() & (scope != "new_industrial")
    return groups, systems[systems["roof_id"].isin(chosen.index) | by_park]


def _at(values: Floats, place: Mapping[str, Words], level: str, ids: list[str]) -> Floats:
    """Sum draws to the places of a level, (draws, ids)."""
    if level == CITY:
        return likelihood.summed(values, np.full(values.shape[1], ids[0], dtype=object), ids)
    return likelihood.summed(values, place[level], ids)


def _of_goals(
    goal_rows: pd.DataFrame,
    scopes: Mapping[str, _Scope],
    as_of: date,
    rules: Uncertainty,
    seed: str,
) -> pd.DataFrame:
    parts = [
        _of_goal(rows, scopes[str(scope)], as_of, rules, f"{seed}/{goal}")
        for (goal, scope, _), rows in goal_rows.groupby(["goal_id", "scope", "level"], sort=False)
    ]
    return pd.concat(parts).reindex(goal_rows.index) if parts else pd.DataFrame()


def _of_goal(
    rows: pd.DataFrame, scope: _Scope, as_of: date, rules: Uncertainty, seed: str
) -> pd.DataFrame:
    """Return the percentiles of one goal at the places of one level."""
    level, ids = str(rows["level"].iloc[0]), [str(place) for place in rows["place_id"]]
    capacity = _at(scope.capacity, scope.capacity_at, level, ids)
    target, installed = _target(rows, capacity), _installed(rows, scope, level, ids)
    gap = to_thousandths(target - installed)
    pace = uncertainty.draw_pace(
        np.array([f"{level}/{place}" for place in ids], dtype=object),
        *_pace(rows, rules),
        rules.draws,
        seed,
    )
    found = likelihood.attainment(gap, pace, as_of, rules.attainment_horizon_years)
    full = rows["metric"].iloc[0] == "full_installation"
    # Full installation asks for what the roofs hold, and for no more.
    most = np.maximum(capacity, target) if full else capacity
    chance = likelihood.reachable_probability(target, most, installed)
    # Industry's roofs and pace say nothing of a goal for all PV, nor does a place without a target.
    silent = (rows["target_dc_kw"] == 0.0).to_numpy(dtype=bool) | (rows["scope"].iloc[0] == "all")
    chance = np.where(silent, np.nan, chance)
    reached = (rows["gap_dc_kw"] <= 0.0).to_numpy(dtype=bool)
    never = np.datetime64("NaT", "ns")
    dates = {
        f"attained_on_{word}": np.where(silent | reached, never, getattr(found, word))
        for word in ("p10", "p50", "p90")
    }
    columns: dict[str, Any] = {
        **_named("gap", "dc_kw", likelihood.percentiles(gap)),
        "reachable_probability_fraction": chance,
        **dates,
    }
    return pd.DataFrame(columns, index=rows.index)


def _target(rows: pd.DataFrame, capacity: Floats) -> Floats:
    """Return the target: drawn with the potential where that is what is asked for."""
    target = rows["target_dc_kw"].to_numpy(dtype=np.float64)
    stated = np.broadcast_to(target, capacity.shape)
    if rows["metric"].iloc[0] != "full_installation":
        return stated
    # What is blocked or left on used roofs is not asked for: the same share in every draw.
    potential = rows["potential_dc_kw"].to_numpy(dtype=np.float64)
    share = np.divide(target, potential, out=np.zeros(len(target)), where=potential > 0.0)
    drawn = np.where(potential > 0.0, capacity * share, stated)
    return np.where(np.isnan(target), np.nan, to_thousandths(drawn))


def _installed(rows: pd.DataFrame, scope: _Scope, level: str, ids: list[str]) -> Floats:
    """Return what stands: the register's own figure, moved by its errors."""
    told = rows["installed_dc_kw"].to_numpy(dtype=np.float64)
    if scope.installed is None or scope.registered is None or np.isnan(told).all():
        return np.full((len(scope.capacity), len(ids)), np.nan)
    drawn = _at(scope.installed, scope.installed_at, level, ids)
    stock = np.broadcast_to(_at(scope.registered, scope.installed_at, level, ids), drawn.shape)
    # A goal that counts from a baseline holds a part of what stands: the same relative error.
    moved = np.divide(drawn, stock, out=np.ones_like(drawn), where=stock > 0.0)
    return np.where(np.isnan(told), np.nan, to_thousandths(moved * told))


def _pace(rows: pd.DataFrame, rules: Uncertainty) -> tuple[Floats, Floats]:
    """Return the pace of the last year and its spread: what it differs from the last three.

    Not below a stated share of the pace: less history never makes a date surer.
    """
    year = rows["pace_trailing_kw_per_year"].to_numpy(dtype=np.float64)
    three = rows["pace_trailing_36_kw_per_year"].to_numpy(dtype=np.float64)
    least = rules.pace_fraction * year
    return year, np.fmax(np.abs(year - three), least)


def _drivers(
    roofs: pd.DataFrame,
    systems: pd.DataFrame | None,
    row: pd.Series[Any],
    assumptions: Assumptions,
    seed: str,
) -> tuple[likelihood.Driver, ...]:
    """Rank the sources by how much knowing each would narrow the city's gap."""
    if np.isnan(row["gap_dc_kw"]):
        return ()
    rules, rows, ids = assumptions.uncertainty, row.to_frame().T, [str(row["place_id"])]
    groups, here = _of_scope(roofs, systems, str(row["scope"]), assumptions)

    def gap(changed: Uncertainty) -> Floats:
        scope = _scope(groups, here, changed, seed)
        target = _target(rows, _at(scope.capacity, scope.capacity_at, CITY, ids))
        drawn: Floats = (target - _installed(rows, scope, CITY, ids))[:, 0]
        return drawn

    touched = [
        source.name
        for source in uncertainty.SOURCES
        if source.touches in ("capacity", "survey", "installed")
    ]
    fixed = {name: gap(uncertainty.without(rules, name)) for name in touched}
    return likelihood.drivers(gap(rules), fixed)
