"""What a goal speaks of: its roofs, its systems, each place's target and what is known there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assumptions import Assumptions, Goal
from pvplan.city import goals, growth, pace
from pvplan.city.states import stage_on
from pvplan.goal_split import Split, is_split, pairs_of, split
from pvplan.tables import Floats, Ints, exact_sum, scope_of, to_thousandths

PLACES = {"district": "district_id", "park": "park_id"}
Days = npt.NDArray[np.datetime64]
Flags = npt.NDArray[np.bool_]
CURVES_AT = ("city", "district")
"""A park's history is too thin for a curve."""


@dataclass(frozen=True)
class Here:
    """One place of one goal: what is judged, and what is shown beside it; kW of DC capacity."""

    standing: goals.Standing
    stock_kw: float
    unmatched_kw: float
    under_construction_kw: float
    filed_kw: float
    trailing_36_kw_per_year: float
    roof_area_m2: float
    linear: tuple[np.datetime64, np.datetime64]
    curve: tuple[str, growth.Attainment]


@dataclass(frozen=True)
class _Systems:
    """Register rows in a goal's scope, known on the day; arrays of one length."""

    kw: Floats
    day: npt.NDArray[np.datetime64]
    status: npt.NDArray[np.str_]
    places: dict[str, npt.NDArray[np.object_]]

    def of(self, rows: npt.NDArray[np.bool_]) -> _Systems:
        """Return some of the rows."""
        places = {level: ids[rows] for level, ids in self.places.items()}
        return _Systems(self.kw[rows], self.day[rows], self.status[rows], places)

    def with_(self, other: _Systems) -> _Systems:
        """Return these rows and others."""
        places = {
            level: np.concatenate([ids, other.places[level]]) for level, ids in self.places.items()
        }
        kw, day, status = (
            np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("kw", "day", "status")
        )
        return _Systems(kw, day, status, places)


class View:
    """The roofs (a row for each kind) and systems that one goal speaks of, and its targets."""

    def __init__(
        self,
        goal: Goal,
        kinds: pd.DataFrame,
        flags: pd.DataFrame,
        ledger: pd.DataFrame | None,
        as_of: date,
        assumptions: Assumptions,
        amounts: pd.DataFrame | None = None,
    ) -> None:
        self.goal, self.as_of, self.rules = goal, as_of, assumptions.allocation
        self.horizon_years = assumptions.uncertainty.attainment_horizon_years
        scope = scope_of(kinds, goal.scope)
        self.roofs = kinds if scope.all() else kinds[scope]
        module = assumptions.module
        self.kw_per_module_m2 = module.power_w / module.area_m2 / 1000.0
        self.area = "usable_area_m2" if goal.denominator == "usable_roof" else "footprint_area_m2"
        self.registered = ledger is not None
        if ledger is not None:
            stage = stages(ledger, as_of)
            known = stage != ""
            rows = ledger[known]
            here = (rows["matched_by"] != "none").to_numpy(dtype=bool)
            mine = flags.index[scope_of(flags, goal.scope)]
            on_roof = rows["roof_id"].isin(mine).to_numpy(dtype=bool)
            by_park = rows["roof_id"].isna().to_numpy(dtype=bool)
            systems = _systems(rows, stage[known])
            # Of which roof of a park is not known: an old plant's as a rule, yet maybe a new one's.
            new = goal.scope == "new_industrial"
            self.placed = systems.of(here & (on_roof | (by_park & (not new))))
            home = rows["park_id"].isin(self.roofs["park_id"]).to_numpy(dtype=bool)
            self.maybe = systems.of(here & by_park & home & new)
            self.loose = systems.of(~here)
            runs = systems.day[systems.status == "commissioned"]
            dated = runs[~np.isnat(runs)]
            self.known_from = dated.min() if len(dated) else np.datetime64("NaT", "D")
        self.split = self._split(pairs_of(self.roofs), assumptions, amounts)
        self.parts = self._targets()

    def _targets(self) -> pd.DataFrame:
        """Split the target: kW by park and district, additive over both."""
        goal = self.goal
        pairs = pairs_of(self.roofs)
        if goal.metric == "full_installation":
            # What stands where no roof is free, or none in scope, takes nothing from another
            # park's duty: it is asked for where it stands.
            pairs = pairs.reindex(pairs.index.union(self._stands_at())).fillna(0.0)
            stands = self._kw_by_pair(pairs.index, self._since)
            pairs["target"] = to_thousandths(np.maximum(pairs["full_dc_kw"], stands))
        elif goal.metric == "coverage_fraction":
            needed = (goal.target or 0.0) * pairs[self.area]
            pairs["target"] = to_thousandths(needed * self.kw_per_module_m2)
        elif self.split is None:
            pairs["target"] = np.nan
        else:
            chosen = self.split.chosen
            parks = chosen[chosen["level"] == "park"].set_index(["place_id", "district_id"])
            pairs["target"] = parks["allocated_dc_kw"]
            over = pairs["target"] - self._kw_by_pair(pairs.index, self._counted)
            rounds = parks["at_lower"].reindex(pairs.index).to_numpy(dtype=bool)
            pairs["rounding"] = over.where(rounds & (over > 0.0) & (over < 1.0), 0.0)
        return pairs.assign(rounding=pairs.get("rounding", 0.0)).reset_index()

    def _split(
        self, pairs: pd.DataFrame, assumptions: Assumptions, amounts: pd.DataFrame | None
    ) -> Split | None:
        """Split a city's capacity to its places; None where the goal is not split."""
        goal = self.goal
        if not is_split(goal) or goal.target is None or pairs.empty:
            return None
        counted = self._kw_by_pair(pairs.index, self._counted)
        before = self._kw_by_pair(pairs.index, lambda day: ~self._since(day))
        return split(goal, pairs, counted, before, assumptions, amounts)

    def _stands_at(self) -> pd.MultiIndex:
        """Return the park and district of every system that runs and counts."""
        names = ["park_id", "district_id"]
        if not self.registered:
            return pd.MultiIndex.from_arrays([[], []], names=names)
        runs = self.placed.of(self.placed.status == "commissioned").places
        pairs = pd.MultiIndex.from_arrays([runs["park"], runs["district"]], names=names)
        return pairs.drop_duplicates()

    def _kw_by_pair(self, pairs: pd.Index[Any], counts: Callable[[Days], Flags]) -> Floats:
        """Return what runs at each pair, of the days of commissioning that count; kW."""
        if not self.registered:
            return np.zeros(len(pairs))
        here = self.placed.of(self.placed.status == "commissioned")
        at = pd.MultiIndex.from_arrays([here.places["park"], here.places["district"]])
        number = pairs.get_indexer(at)
        # A system of a park that holds no roof of the scope stands at no pair.
        chosen = counts(here.day) & (number >= 0)
        return pace.place_sums(here.kw[chosen], number[chosen].astype(np.int64), len(pairs))

    def _counted(self, day: Days) -> Flags:
        """Return what counts toward the goal: built since its baseline, not after its deadline.

        So what is built later moves no target of the past.
        """
        return self._since(day) & ~(day > np.datetime64(self.goal.deadline, "D"))

    def _since(self, day: Days) -> Flags:
        baseline = self.goal.baseline if self.goal.metric == "added_dc_kw" else None
        if baseline is None:
            return np.ones(len(day), dtype=bool)
        later: Flags = day > np.datetime64(baseline, "D")
        return later

    def _target_kw(self, level: str, parts: pd.DataFrame) -> float:
        goal = self.goal
        if goal.metric == "share_of_plants":
            return float("nan")
        if goal.level == "district" or goal.scope == "all":
            return or_missing(goal.target)
        if level == "city" and is_split(goal):
            return or_missing(goal.target) if len(parts) else float("nan")
        return exact_sum(parts["target"]) if len(parts) else 0.0

    def at(
        self,
        level: str,
        ids: Sequence[str],
        plants: dict[tuple[str, str, str], goals.Plants],
        curves: dict[tuple[str, str, str], growth.Growth | None],
    ) -> dict[str, Here]:
        """Return what is known at each place of a level.

        Parameters
        ----------
        level, ids
            ``city``, ``district`` or ``park``, and the places wanted.
        plants
            (goal, level, place) to the plants that pass, where counted.
        curves
            Fitted curves by (scope, level, place), filled here: goals of one scope share them.
        """
        measured = self._measured(level, ids)
        parts = dict(tuple(self.parts.groupby(PLACES[level]))) if level in PLACES else {}
        none = self.parts[:0]
        found = {}
        for number, place in enumerate(ids):
            here = self.parts if level == "city" else parts.get(place, none)
            row = {name: float(values[number]) for name, values in measured.items()}
            standing = self._standing(level, here, row, plants.get((self.goal.id, level, place)))
            found[place] = Here(
                standing=standing,
                stock_kw=row["stock"],
                unmatched_kw=row["unmatched"],
                under_construction_kw=row["building"],
                filed_kw=row["filed"],
                trailing_36_kw_per_year=row["trailing_36"],
                roof_area_m2=float(here[self.area].sum()),
                linear=self._linear(level, place, standing, row),
                curve=self._curve(level, place, standing, row, curves),
            )
        return found

    def _standing(
        self, level: str, parts: pd.DataFrame, row: dict[str, float], plants: goals.Plants | None
    ) -> goals.Standing:
        roofs_kw = exact_sum(to_thousandths(parts["capacity_dc_kw"]))
        target_kw = self._target_kw(level, parts)
        reachable_kw = roofs_kw - np.nan_to_num(row["before"])
        if self.goal.metric == "full_installation":
            reachable_kw = target_kw  # it asks for what the roofs hold, and for no more
        return goals.Standing(
            target_kw=target_kw,
            installed_kw=row["installed"],
            by_deadline_kw=row["by_deadline"],
            undated_kw=row["undated"],
            unmatched_kw=row["in_time"],
            trailing_kw_per_year=row["trailing"],
            covers_scope=self.goal.scope != "all",
            undated_counted=self.goal.metric != "added_dc_kw",
            unmatched_recent_kw=row["recent"],
            retired_kw=row["retired"],
            reachable_kw=reachable_kw,
            roofs_kw=roofs_kw,
            plants=plants,
            rounding_kw=0.0 if level == "city" else exact_sum(to_thousandths(parts["rounding"])),
        )

    def _measured(self, level: str, ids: Sequence[str]) -> dict[str, Floats]:
        """Return every sum over systems at the places, shape (places,) each; kW."""
        count = len(ids)
        if not self.registered:
            return {name: np.full(count, np.nan) for name in _MEASURED}
        here, place = self._located(level, ids)
        runs, day = here.status == "commissioned", here.day
        undated, last = np.isnat(day), np.datetime64(self.goal.deadline, "D")
        since = self._since(day)
        before = ~since & ~undated
        rows = {
            "stock": runs,
            "installed": runs & since,
            "by_deadline": runs & since & (day <= last),
            "undated": runs & undated,
            "before": runs & before,
            "retired": (here.status == "retired") & ~before & ~(day > last),
            "building": here.status == "under_construction",
            "filed": here.status == "filed",
        }
        sums = {
            name: pace.place_sums(here.kw[which], place[which], count)
            for name, which in rows.items()
        }
        for name, years in {"trailing": 1, "trailing_36": 3}.items():
            sums[name] = pace.trailing(
                here.kw[runs], day[runs], place[runs], count,
                as_of=self.as_of, known_from=self.known_from, years=years,
            )  # fmt: skip
        return {**sums, **self._unmatched(level, ids)}

    def _unmatched(self, level: str, ids: Sequence[str]) -> dict[str, Floats]:
        """Return the commissioned rows that may stand here: all, in time, in the trailing year.

        Rows without any place count at the city only: any district or park may hold them.
        """
        maybe, place = _at(self.maybe, level, ids)
        if level == "city":
            maybe = maybe.with_(self.loose)
            place = np.zeros(len(maybe.kw), dtype=np.int64)
        runs = maybe.status == "commissioned"
        rows, place = maybe.of(runs), place[runs]
        kw, undated = np.nan_to_num(rows.kw), np.isnat(rows.day)
        counts = ~(rows.day > np.datetime64(self.goal.deadline, "D"))
        if self.goal.metric == "added_dc_kw" and self.goal.baseline is not None:
            counts &= undated | (rows.day > np.datetime64(self.goal.baseline, "D"))
        year_ago = np.datetime64(self.as_of, "D") - pace.WINDOW_DAYS
        recent = counts & (undated | (rows.day > year_ago))
        return {
            name: pace.place_sums(kw[which], place[which], len(ids))
            for name, which in {
                "unmatched": np.ones(len(kw), dtype=bool), "in_time": counts, "recent": recent
            }.items()
        }  # fmt: skip

    def _located(self, level: str, ids: Sequence[str]) -> tuple[_Systems, Ints]:
        """Return the systems at the places of a level, and the number of each one's place."""
        return _at(self.placed, level, ids)

    def _running(self, level: str, place: str) -> _Systems:
        here = self._located(level, [place])[0]
        return here.of(here.status == "commissioned")

    def _linear(
        self, level: str, place: str, standing: goals.Standing, row: dict[str, float]
    ) -> tuple[np.datetime64, np.datetime64]:
        target, reached = standing.asked_kw, standing.installed_kw
        if target > 0.0 and reached >= target:
            here = self._running(level, place)
            # Systems from before a baseline come first: they raise what has to be reached.
            day = pace.reached_on(here.kw, here.day, target + row["before"])
            return day, day
        speeds = np.array([standing.trailing_kw_per_year, row["trailing_36"]])
        wanted = np.full(2, target if standing.covers_scope else np.nan)
        day_12, day_36 = pace.attained_on(
            wanted, np.full(2, reached), speeds, self.as_of, self.horizon_years
        )
        return day_12, day_36

    def _curve(
        self,
        level: str,
        place: str,
        standing: goals.Standing,
        row: dict[str, float],
        curves: dict[tuple[str, str, str], growth.Growth | None],
    ) -> tuple[str, growth.Attainment]:
        nothing = growth.Attainment(*[np.datetime64("NaT", "D")] * 3)
        target, reached = standing.asked_kw, standing.installed_kw
        judged = standing.covers_scope and target > 0.0 and not np.isnan(reached)
        if level not in CURVES_AT or not judged:
            return "not_fitted", nothing
        if reached >= target:
            return "reached", nothing
        here, key = self._running(level, place), (self.goal.scope, level, place)
        # What is undated stands on the same roofs.
        room = standing.roofs_kw - row["undated"]
        if exact_sum(here.kw[~np.isnat(here.day)]) >= room:
            return "never", nothing
        if key not in curves:
            curves[key] = growth.fit(here.kw, here.day, self.as_of, potential_kw=room)
        curve = curves[key]
        if curve is None:
            return "too_short", nothing
        found = growth.attainment(curve, reached, target, self.horizon_years)
        return ("never" if np.isnat(found.on) else "projected"), found


_MEASURED = (
    "stock", "installed", "by_deadline", "undated", "before", "retired", "building", "filed",
    "trailing", "trailing_36", "unmatched", "in_time", "recent",
)  # fmt: skip


def _at(systems: _Systems, level: str, ids: Sequence[str]) -> tuple[_Systems, Ints]:
    """Return the systems at some places of a level, and the number of each one's place."""
    if level == "city":
        return systems, np.zeros(len(systems.kw), dtype=np.int64)
    number = pd.Index(ids).get_indexer(pd.Index(systems.places[level]))
    return systems.of(number >= 0), number[number >= 0].astype(np.int64)


def stages(ledger: pd.DataFrame, as_of: date) -> npt.NDArray[np.object_]:
    """Return what each system of a ledger was on a day (:func:`pvplan.city.states.stage_on`)."""
    filed, runs = (
        ledger[name].to_numpy(dtype="datetime64[ns]") for name in ("filed_on", "commissioned_on")
    )
    status = ledger["status"].to_numpy(dtype=object)
    return stage_on(status, filed, runs, np.datetime64(as_of, "D"))


def _systems(rows: pd.DataFrame, stage: npt.NDArray[np.object_]) -> _Systems:
    kw = rows["capacity_dc_kw"].to_numpy(dtype=np.float64)
    if "possible_dc_kw" in rows.columns:
        # Of a row that counts nowhere: what it could add at most, once it is mended.
        possible = rows["possible_dc_kw"].to_numpy(dtype=np.float64)
        nowhere = (rows["matched_by"] == "none").to_numpy(dtype=bool)
        kw = np.where(nowhere & ~np.isnan(possible), possible, kw)
    return _Systems(
        kw=kw,
        day=pd.to_datetime(rows["commissioned_on"]).to_numpy().astype("datetime64[D]"),
        status=stage.astype(str),
        places={level: rows[column].to_numpy(dtype=object) for level, column in PLACES.items()},
    )


def or_missing(target: float | None) -> float:
    """Return a target, or NaN where the goal names none."""
    return float("nan") if target is None else target
