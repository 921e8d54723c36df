"""ROOFS, systems and GOALS to percentiles: capacity, energy, gap and date at every level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assumptions import Assumptions, Uncertainty
from pvplan.city import likelihood, uncertainty
from pvplan.city.likelihood import Percentiles
from pvplan.city.roof_groups import groups_of
from pvplan.tables import Floats, scope_of, to_thousandths

Words = npt.NDArray[np.object_]
CITY: Final = "city"
_LEVELS: Final = ("park", "district")
_IN_DRAWS: Final = {
    "capacity_dc_kw": "capacity_kw",
    "capacity_needs_survey_dc_kw": "needs_survey_kw",
    "bound_dc_kw": "bound_kw",
    "energy_ac_kwh_per_year": "energy_kwh_per_year",
}


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
class _Stands:
    """Draws of what stands, (draws, places), and the place of each column at every level.

    ``registered``, shape (1, places), is what they start from.
    """

    systems: pd.DataFrame
    drawn: Floats
    registered: Floats
    at: Mapping[str, Words]


@dataclass(frozen=True)
class _Scope:
    """Draws of one goal scope, (draws, places), and the place of each column at every level.

    ``stands`` is None without a register.
    """

    capacity: Floats
    at: Mapping[str, Words]
    stands: _Stands | None


def doubt(
    kinds: pd.DataFrame,
    flags: pd.DataFrame,
    systems: pd.DataFrame | None,
    goal_rows: pd.DataFrame,
    headline: str | None,
    as_of: date,
    assumptions: Assumptions,
) -> Doubt:
    """Carry the errors of roofs and register to every place and goal.

    Parameters
    ----------
    kinds
        Roofs of a kind a row (:func:`pvplan.kinds.kinds_of`).
    flags
        Scope of the roofs that systems stand on (:func:`pvplan.kinds.flags_of`).
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
    drawn = uncertainty.draw(_groups(kinds), rules, rules.seed)
    at = {"park": drawn.park_id, "district": drawn.district_id}
    at[CITY] = np.full(len(drawn.park_id), CITY, dtype=object)
    levels = {level: _of_level(drawn, place) for level, place in at.items()}
    scopes = {
        scope: _scope(kinds, flags, systems, scope, rules)
        for scope in map(str, goal_rows["scope"].unique())
    }
    metrics = goal_rows.loc[goal_rows["metric"] == "full_installation", "scope"]
    full = {
        scope: _full(kinds, flags, systems, scope, rules) for scope in map(str, metrics.unique())
    }
    goals = _of_goals(goal_rows, scopes, full, as_of, rules)
    drivers = {}
    for goal in _ranked(goal_rows, headline):
        row = goal_rows[(goal_rows["goal_id"] == goal) & (goal_rows["level"] == CITY)].iloc[0]
        scope = str(row["scope"])
        drivers[goal] = _drivers(row, scopes[scope], full.get(scope), rules)
    return Doubt(levels, goals, drivers)


def _ranked(goal_rows: pd.DataFrame, headline: str | None) -> list[str]:
    """Return the goals whose drivers are ranked: the headline, and full installation.

    What hangs on no roof (a stated capacity) tells nothing of which roofs to survey.
    """
    city = goal_rows[goal_rows["level"] == CITY]
    chosen = (city["goal_id"] == headline) | (city["metric"] == "full_installation")
    return [str(goal) for goal in city.loc[chosen, "goal_id"].unique()]


def _groups(kinds: pd.DataFrame) -> pd.DataFrame:
    """Sum kinds to groups of roofs that share every source of error."""
    return groups_of(kinds.rename(columns=_IN_DRAWS))


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
    kinds: pd.DataFrame,
    flags: pd.DataFrame,
    systems: pd.DataFrame | None,
    scope: str,
    rules: Uncertainty,
) -> _Scope:
    """Draw the roofs and the systems that a goal speaks of."""
    groups = _groups(kinds[scope_of(kinds, scope)])
    park, district, (capacity,) = uncertainty.draw_capacity(groups, [rules], rules.seed)
    stands = None
    if systems is not None:
        stands = _stands(_systems_of(systems, flags, scope), rules)
    return _Scope(capacity, {"park": park, "district": district}, stands)


def _stands(systems: pd.DataFrame, rules: Uncertainty) -> _Stands:
    """Draw what stands at each park's part in a district, beside what is registered there."""
    kw = systems["capacity_dc_kw"].to_numpy(dtype=np.float64)
    park, district, drawn = _draw_installed(systems, rules)
    pairs = [systems[f"{level}_id"].to_numpy(dtype=object) for level in _LEVELS]
    by_place = pd.Series(np.rint(kw * 1000.0)).groupby(pairs, sort=True).sum()
    registered = np.asarray(by_place, dtype=np.float64)[None, :] / 1000.0
    return _Stands(systems, drawn, registered, {"park": park, "district": district})


def _draw_installed(systems: pd.DataFrame, rules: Uncertainty) -> tuple[Words, Words, Floats]:
    """Draw what stands at each park's part in a district."""
    park, district = (systems[f"{level}_id"].to_numpy(dtype=object) for level in _LEVELS)
    kw = systems["capacity_dc_kw"].to_numpy(dtype=np.float64)
    return uncertainty.draw_installed(park, district, kw, rules, rules.seed)


def _systems_of(systems: pd.DataFrame, flags: pd.DataFrame, scope: str) -> pd.DataFrame:
    """Return the systems on the roofs of a scope, and those of which only the park is known."""
    chosen = flags.index[scope_of(flags, scope)]
    by_park = systems["roof_id"].isna() & (scope != "new_industrial")
    found: pd.DataFrame = systems[systems["roof_id"].isin(chosen) | by_park]
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
    rules: Uncertainty

    @property
    def at(self) -> dict[str, Words]:
        """The place of each pair at every level."""
        return {
            level: self.places.get_level_values(number).to_numpy(dtype=object)
            for number, level in enumerate(_LEVELS)
        }

    @cached_property
    def asks(self) -> Floats:
        """Draws of what is asked for, (draws, pairs)."""
        return self.asked([self.rules])[0]

    @cached_property
    def gap(self) -> Floats:
        """Draws of what is lacking, (draws, pairs)."""
        return self.lacking(self.asks, self.stands(self.rules))

    def asked(self, every: Sequence[Uncertainty]) -> list[Floats]:
        """Draw what is asked for by each of some rules."""
        found = [np.tile(self.asked_kw, (rules.draws, 1)) for rules in every]
        if self.groups is not None:
            park, district, drawn = uncertainty.draw_capacity(self.groups, every, self.rules.seed)
            of = self._pairs(park, district)
            for asks, capacity in zip(found, drawn, strict=True):
                asks[:, of] += capacity - self.stated_kw[of]
        return found

    def stands(self, rules: Uncertainty) -> tuple[Any, Floats] | None:
        """Draw what stands: numbers of pairs, and draws of these."""
        if not len(self.systems):
            return None
        park, district, drawn = _draw_installed(self.systems, rules)
        return self._pairs(park, district), drawn

    @staticmethod
    def lacking(asks: Floats, stands: tuple[Any, Floats] | None) -> Floats:
        """Return what is lacking: never below 0, so that no pair fills another."""
        lacks = asks.copy()
        if stands is not None:
            lacks[:, stands[0]] -= stands[1]
        return to_thousandths(np.maximum(lacks, 0.0))

    def _pairs(self, park: Words, district: Words) -> Any:
        return self.places.get_indexer(pd.MultiIndex.from_arrays([park, district]))


def _full(
    kinds: pd.DataFrame,
    flags: pd.DataFrame,
    systems: pd.DataFrame | None,
    scope: str,
    rules: Uncertainty,
) -> _Full | None:
    """Return what full installation asks for; None without a register."""
    if systems is None:
        return None
    chosen = kinds[scope_of(kinds, scope)]
    here = _systems_of(systems, flags, scope)
    is_open = chosen["roof_state"].isin(["feasible", "not_assessable"]).to_numpy(dtype=bool)
    keys = [chosen[f"{level}_id"].to_numpy() for level in _LEVELS]
    asked = chosen["full_dc_kw"].groupby(keys).sum()
    held = chosen["capacity_dc_kw"].where(is_open, 0.0).groupby(keys).sum()
    stand = pd.MultiIndex.from_arrays([here[f"{level}_id"].to_numpy() for level in _LEVELS])
    places = asked.index.union(stand.drop_duplicates())
    return _Full(
        places=places,
        asked_kw=to_thousandths(asked.reindex(places).fillna(0.0)),
        stated_kw=to_thousandths(held.reindex(places).fillna(0.0)),
        groups=_groups(chosen[is_open]) if is_open.any() else None,
        systems=here,
        rules=rules,
    )


def _at(values: Floats, place: Mapping[str, Words], level: str, ids: list[str]) -> Floats:
    """Sum draws to the places of a level, (draws, ids)."""
    if level == CITY:
        return likelihood.summed(values, np.full(values.shape[1], ids[0], dtype=object), ids)
    return likelihood.summed(values, place[level], ids)


def _of_goals(
    goal_rows: pd.DataFrame,
    scopes: Mapping[str, _Scope],
    full: Mapping[str, _Full | None],
    as_of: date,
    rules: Uncertainty,
) -> pd.DataFrame:
    parts = [
        _of_goal(
            rows, scopes[str(scope)], full.get(str(scope)), as_of, rules, f"{rules.seed}/{goal}"
        )
        for (goal, scope, _), rows in goal_rows.groupby(["goal_id", "scope", "level"], sort=False)
    ]
    return pd.concat(parts).reindex(goal_rows.index) if parts else pd.DataFrame()


def _of_goal(
    rows: pd.DataFrame,
    scope: _Scope,
    full: _Full | None,
    as_of: date,
    rules: Uncertainty,
    seed: str,
) -> pd.DataFrame:
    """Return the percentiles of one goal at the places of one level."""
    level, ids = str(rows["level"].iloc[0]), [str(place) for place in rows["place_id"]]
    capacity = _at(scope.capacity, scope.at, level, ids)
    whole = rows["metric"].iloc[0] == "full_installation"
    installed = _installed(rows, scope.stands, level, ids, rules)
    stated = rows["target_dc_kw"].to_numpy(dtype=np.float64)
    if whole:
        gap = np.full(capacity.shape, np.nan)
        gap = gap if full is None else _at(full.gap, full.at, level, ids)
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


def _installed(
    rows: pd.DataFrame, stands: _Stands | None, level: str, ids: list[str], rules: Uncertainty
) -> Floats:
    """Return what stands: the register's own figure, moved by its errors."""
    told = rows["installed_dc_kw"].to_numpy(dtype=np.float64)
    if stands is None or np.isnan(told).all():
        return np.full((rules.draws, len(ids)), np.nan)
    drawn = _at(stands.drawn, stands.at, level, ids)
    stock = np.broadcast_to(_at(stands.registered, stands.at, level, ids), drawn.shape)
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
    row: pd.Series[Any], scope: _Scope, full: _Full | None, rules: Uncertainty
) -> tuple[likelihood.Driver, ...]:
    """Rank the sources by how much knowing each would narrow the city's gap."""
    if np.isnan(row["gap_dc_kw"]):
        return ()
    without: dict[str, dict[str, Uncertainty]] = {"roofs": {}, "register": {}}
    for source in uncertainty.SOURCES:
        side = {"capacity": "roofs", "survey": "roofs", "installed": "register"}.get(source.touches)
        if side is not None:
            without[side][source.name] = uncertainty.without(rules, source.name)
    if row["metric"] == "full_installation" and full is not None:
        gap, fixed = _full_fixed(full, **without)
    else:
        gap, fixed = _stated_fixed(row, scope, rules, **without)
    return likelihood.drivers(gap, fixed)


def _full_fixed(
    full: _Full, roofs: Mapping[str, Uncertainty], register: Mapping[str, Uncertainty]
) -> tuple[Floats, dict[str, Floats]]:
    """Return the draws of what full installation lacks, and those without each source."""
    stands = full.stands(full.rules)
    asks = zip(roofs, full.asked(list(roofs.values())), strict=True)
    fixed = {name: full.lacking(asked, stands).sum(axis=1) for name, asked in asks}
    for name, rules in register.items():
        fixed[name] = full.lacking(full.asks, full.stands(rules)).sum(axis=1)
    return full.gap.sum(axis=1), fixed


def _stated_fixed(
    row: pd.Series[Any],
    scope: _Scope,
    rules: Uncertainty,
    roofs: Mapping[str, Uncertainty],
    register: Mapping[str, Uncertainty],
) -> tuple[Floats, dict[str, Floats]]:
    """Return the draws of a stated target's gap, which hangs on no roof, as above."""
    rows, ids = row.to_frame().T, [str(row["place_id"])]

    def gap(stands: _Stands | None) -> Floats:
        left: Floats = row["target_dc_kw"] - _installed(rows, stands, CITY, ids, rules)[:, 0]
        return left

    drawn = gap(scope.stands)
    fixed = dict.fromkeys(roofs, drawn)
    for name, changed in register.items():
        fixed[name] = gap(scope.stands and _stands(scope.stands.systems, changed))
    return drawn, fixed
