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
from pvplan.city.states import OWED_BY, owed_kw
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
    metrics = goal_rows.loc[goal_rows["metric"] == "full_installation", "scope"]
    full: dict[str, tuple[Floats, Mapping[str, Words]] | None] = {}
    for scope in map(str, metrics.unique()):
        asked = _full(roofs, systems, scope, assumptions)
        full[scope] = None if asked is None else (asked.gap(rules), asked.at)
    goals = _of_goals(goal_rows, scopes, full, as_of, rules, seed)
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
    park, district, drawn_kw = _draw_installed(systems, rules, seed)
    pairs = [systems[f"{level}_id"].to_numpy(dtype=object) for level in _LEVELS]
    by_place = pd.Series(np.rint(kw * 1000.0)).groupby(pairs, sort=True).sum()
    registered = np.asarray(by_place, dtype=np.float64)[None, :] / 1000.0
    places = {"park": park, "district": district}
    return _Scope(drawn.capacity_kw, here, drawn_kw, registered, places)


def _draw_installed(
    systems: pd.DataFrame, rules: Uncertainty, seed: str
) -> tuple[Words, Words, Floats]:
    """Draw what stands at each park's part in a district."""
    park, district = (systems[f"{level}_id"].to_numpy(dtype=object) for level in _LEVELS)
    kw = systems["capacity_dc_kw"].to_numpy(dtype=np.float64)
    return uncertainty.draw_installed(park, district, kw, rules, seed)


def _of_scope(
    roofs: pd.DataFrame, systems: pd.DataFrame | None, scope: str, assumptions: Assumptions
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the groups of roofs, and the systems, that a goal speaks of."""
    chosen = roofs[scope_of(roofs, scope)]
    groups = grouped(_roofs(chosen, assumptions))
    if systems is None:
        return groups, None
    return groups, _systems_of(systems, chosen, scope)


def _systems_of(systems: pd.DataFrame, chosen: pd.DataFrame, scope: str) -> pd.DataFrame:
    """Return the systems on the roofs of a scope, and those of which only the park is known."""
    by_park = systems["roof_id"].isna() & (scope != "new_industrial")
    found: pd.DataFrame = systems[systems["roof_id"].isin(chosen.index) | by_park]
    return found


@dataclass(frozen=True)
class _Full:
    """What full installation asks for at each park's part in a district, ready to be drawn.

    Only the roofs that are feasible or not assessable are uncertain: ``groups`` are theirs and
    ``stated_kw`` is their capacity. ``asked_kw`` is all that is asked for; both of shape (pairs,).
    """

    places: pd.Index[Any]
    asked_kw: Floats
    stated_kw: Floats
    groups: pd.DataFrame | None
    systems: pd.DataFrame

    @property
    def at(self) -> dict[str, Words]:
        """The place of each pair at every level."""
        return {
            level: self.places.get_level_values(number).to_numpy(dtype=object)
            for number, level in enumerate(_LEVELS)
        }

    def gap(self, rules: Uncertainty) -> Floats:
        """Draw what is lacking, (draws, pairs): never below 0, so that no pair fills another."""
        lacks = np.tile(self.asked_kw, (rules.draws, 1))
        if self.groups is not None:
            drawn = uncertainty.draw(self.groups, rules, rules.seed)
            of = self._pairs(drawn.park_id, drawn.district_id)
            lacks[:, of] += drawn.capacity_kw - self.stated_kw[of]
        if len(self.systems):
            stands = _draw_installed(self.systems, rules, rules.seed)
            lacks[:, self._pairs(*stands[:2])] -= stands[2]
        return to_thousandths(np.maximum(lacks, 0.0))

    def _pairs(self, park: Words, district: Words) -> Any:
        return self.places.get_indexer(pd.MultiIndex.from_arrays([park, district]))


def _full(
    roofs: pd.DataFrame, systems: pd.DataFrame | None, scope: str, assumptions: Assumptions
) -> _Full | None:
    """Return what full installation asks for; None without a register."""
    if systems is None:
        return None
    chosen = roofs[scope_of(roofs, scope)]
    here = _systems_of(systems, chosen, scope)
    owed = owed_kw(*(chosen[name].to_numpy(dtype=np.float64) for name in OWED_BY))
    is_open = chosen["roof_state"].isin(["feasible", "not_assessable"]).to_numpy(dtype=bool)
    keys = [chosen[f"{level}_id"].to_numpy() for level in _LEVELS]
    asked = pd.Series(owed).groupby(keys).sum()
    held = chosen["capacity_dc_kw"].where(is_open, 0.0).groupby(keys).sum()
    stand = pd.MultiIndex.from_arrays([here[f"{level}_id"].to_numpy() for level in _LEVELS])
    places = asked.index.union(stand.drop_duplicates())
    return _Full(
        places=places,
        asked_kw=np.asarray(asked.reindex(places).fillna(0.0), dtype=np.float64),
        stated_kw=held.reindex(places).fillna(0.0).to_numpy(dtype=np.float64),
        groups=grouped(_roofs(chosen[is_open], assumptions)) if is_open.any() else None,
        systems=here,
    )


def _at(values: Floats, place: Mapping[str, Words], level: str, ids: list[str]) -> Floats:
    """Sum draws to the places of a level, (draws, ids)."""
    if level == CITY:
        return likelihood.summed(values, np.full(values.shape[1], ids[0], dtype=object), ids)
    return likelihood.summed(values, place[level], ids)


def _of_goals(
    goal_rows: pd.DataFrame,
    scopes: Mapping[str, _Scope],
    full: Mapping[str, tuple[Floats, Mapping[str, Words]] | None],
    as_of: date,
    rules: Uncertainty,
    seed: str,
) -> pd.DataFrame:
    parts = [
        _of_goal(rows, scopes[str(scope)], full.get(str(scope)), as_of, rules, f"{seed}/{goal}")
        for (goal, scope, _), rows in goal_rows.groupby(["goal_id", "scope", "level"], sort=False)
    ]
    return pd.concat(parts).reindex(goal_rows.index) if parts else pd.DataFrame()


def _of_goal(
    rows: pd.DataFrame,
    scope: _Scope,
    full: tuple[Floats, Mapping[str, Words]] | None,
    as_of: date,
    rules: Uncertainty,
    seed: str,
) -> pd.DataFrame:
    """Return the percentiles of one goal at the places of one level."""
    level, ids = str(rows["level"].iloc[0]), [str(place) for place in rows["place_id"]]
    capacity = _at(scope.capacity, scope.capacity_at, level, ids)
    whole = rows["metric"].iloc[0] == "full_installation"
    installed = _installed(rows, scope, level, ids)
    stated = rows["target_dc_kw"].to_numpy(dtype=np.float64)
    if whole:
        gap = np.full(capacity.shape, np.nan)
        gap = gap if full is None else _at(*full, level, ids)
        target = gap + installed
    else:
        target = np.broadcast_to(stated, capacity.shape)
        gap = to_thousandths(target - installed)
    pace = uncertainty.draw_pace(
        np.array([f"{level}/{place}" for place in ids], dtype=object),
        *_pace(rows, rules),
        rules.draws,
        seed,
    )
    found = likelihood.attainment(gap, pace, as_of, rules.attainment_horizon_years)
    # Full installation asks for what the roofs hold, and for no more.
    most = np.maximum(capacity, target) if whole else capacity
    chance = likelihood.reachable_probability(target, most, installed)
    # Industry's roofs and pace say nothing of a goal for all PV, nor does a place without a target.
    silent = (rows["target_dc_kw"] == 0.0).to_numpy(dtype=bool) | (rows["scope"].iloc[0] == "all")
    chance = np.where(silent, np.nan, chance)
    reached = ((rows["verdict"] == "met") | (rows["gap_dc_kw"] <= 0.0)).to_numpy(dtype=bool)
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
    rules, scope = assumptions.uncertainty, str(row["scope"])
    if row["metric"] == "full_installation":
        full = _full(roofs, systems, scope, assumptions)

        def gap(changed: Uncertainty) -> Floats:
            drawn: Floats = np.zeros(0) if full is None else full.gap(changed).sum(axis=1)
            return drawn

    else:
        rows, ids = row.to_frame().T, [str(row["place_id"])]
        groups, here = _of_scope(roofs, systems, scope, assumptions)

        def gap(changed: Uncertainty) -> Floats:
            found = _scope(groups, here, changed, seed)
            left: Floats = row["target_dc_kw"] - _installed(rows, found, CITY, ids)[:, 0]
            return left

    touched = [
        source.name
        for source in uncertainty.SOURCES
        if source.touches in ("capacity", "survey", "installed")
    ]
    fixed = {name: gap(uncertainty.without(rules, name)) for name in touched}
    return likelihood.drivers(gap(rules), fixed)
