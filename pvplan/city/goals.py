"""A goal and what is known of it at a place; which roofs it speaks of; which goal is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from pvplan.assumptions import Goal, GoalSettings
from pvplan.tables import to_thousandths

DAYS_PER_YEAR: Final = 365.25
LAST_DAYS: Final = 30
"""So few days before a deadline a pace per year says nothing."""
_ROUNDING: Final = 1e-9
_PARTIAL: Final = (
    "登记只含工业屋顶，目标涵盖全部光伏",
    "the register holds industrial roofs only, the goal speaks of all PV",
)
_LOOSE: Final = (
    "无日期或未核对的登记项可能改变结论",
    "undated or unplaced register rows could change the verdict",
)


@dataclass(frozen=True)
class Plants:
    """How many plants in scope pass their clause; ``unclear`` ones lack evidence."""

    count: int
    passing: int
    unclear: int = 0


@dataclass(frozen=True)
class Standing:
    """What is known of a goal at one place on a day; kW of DC capacity.

    Nothing that was commissioned after the day is in any of these.

    Attributes
    ----------
    target_kw
        Missing (NaN) where no target can be stated.
    installed_kw
        Placed systems that count toward the goal at ``as_of``; NaN without a register.
    by_deadline_kw
        Of these, commissioned by the deadline.
    undated_kw
        Placed systems without a commissioning date.
    unmatched_kw
        Commissioned register rows whose place is unknown, dated in time or undated: they may
        belong here.
    trailing_kw_per_year
        Commissioned in the 365 days before ``as_of``; NaN with less than a year of history.
    covers_scope
        False where the register holds only part of what the goal speaks of.
    undated_counted
        Whether ``installed_kw`` holds the undated systems: not where a goal counts additions
        since a day.
    unmatched_recent_kw
        Of ``unmatched_kw``, those that may lie in the trailing year.
    retired_kw
        Placed systems since retired, commissioned by the deadline or undated: they may have run
        on that day, none counts.
    reachable_kw
        The most that the roofs in scope can hold toward the goal: their technical potential,
        less what stood before a baseline; NaN where it is not known.
    roofs_kw
        Technical potential of the roofs in scope; NaN where it is not known.
    plants
        Counts for a goal over the share of plants; None where not given.
    rounding_kw
        Part of the target that only rounds what stands up to whole kW: nobody must build it.
    """

    target_kw: float
    installed_kw: float
    by_deadline_kw: float
    undated_kw: float
    unmatched_kw: float
    trailing_kw_per_year: float
    covers_scope: bool = True
    undated_counted: bool = True
    unmatched_recent_kw: float = 0.0
    retired_kw: float = 0.0
    reachable_kw: float = np.nan
    roofs_kw: float = np.nan
    plants: Plants | None = None
    rounding_kw: float = 0.0

    @property
    def asked_kw(self) -> float:
        """The target less what is mere rounding, kW."""
        return float(to_thousandths(self.target_kw - self.rounding_kw))

    @property
    def unreachable_kw(self) -> float:
        """What of the target the roofs in scope cannot hold, kW; NaN where not known."""
        if not self.covers_scope or np.isnan(self.reachable_kw) or np.isnan(self.target_kw):
            return float("nan")
        most = max(self.reachable_kw, 0.0, np.nan_to_num(self.installed_kw))
        return float(to_thousandths(max(self.asked_kw - most, 0.0)))


@dataclass(frozen=True)
class Verdict:
    """Verdict with its reason in both languages, and the pace needed (NaN where none is told)."""

    verdict: str
    reason_zh: str
    reason_en: str
    pace_needed_kw_per_year: float


def in_scope(
    use: pd.Series[str], in_park: pd.Series[bool], settings: GoalSettings
) -> pd.Series[bool]:
    """Return which roofs the industrial goals speak of, by use and place.

    Parameters
    ----------
    use
        Use of each building, None or ``unknown`` where not known.
    in_park
        Whether the roof lies in a park.
    settings
        Words that count inside and outside parks.
    """
    word = use.fillna("unknown").str.casefold()
    unknown = word.isin(["unknown", ""])
    inside = word.isin(settings.industrial_uses) | (unknown & settings.unknown_use_in_park_counts)
    outside = word.isin(settings.industrial_uses_outside_parks)
    return inside.where(in_park, outside).astype(bool)


def is_new(completed_on: pd.Series[pd.Timestamp], settings: GoalSettings) -> pd.Series[bool]:
    """Return which plants count as new; an unknown completion date counts as existing."""
    return (completed_on >= pd.Timestamp(settings.new_plant_from)).fillna(False).astype(bool)


def judge(goal: Goal, standing: Standing, as_of: date) -> Verdict:
    """Return the verdict of a goal at one place on a day.

    Not assessable without a target, without a register, and before the goal was set. After the
    deadline: met where the systems commissioned by it reach the target; missed where they
    cannot, even with every undated, unplaced and since retired row; else not assessable. Up to
    and on the deadline: met where the target is reached; behind where the roofs in scope cannot
    hold it; else on track or behind by the pace of the last 12 months against the pace needed,
    where there is a year of history and no undated or unplaced row could turn the answer.

    Parameters
    ----------
    goal
        Metric, deadline, day of its document and target are read.
    standing
        What is known.
    as_of
        The day of the verdict.
    """
    if goal.document_date is not None and as_of < goal.document_date:
        return _unknown(
            f"该目标于{goal.document_date}才提出", f"the goal was set on {goal.document_date}"
        )
    if goal.metric == "share_of_plants":
        return _of_plants(goal, standing.plants, as_of)
    if not standing.target_kw > 0.0:
        if standing.target_kw == 0.0 and standing.roofs_kw > 0.0:
            return _unknown("此处目标值为 0", "the target here is 0")
        return _unknown("目标范围内没有屋顶", "no roof in the goal's scope")
    if np.isnan(standing.installed_kw):
        return _unknown("未提供装机登记", "no register of installed systems was given")
    return _after(goal, standing) if as_of > goal.deadline else _before(goal, standing, as_of)


def _before(goal: Goal, standing: Standing, as_of: date) -> Verdict:
    target, reached = standing.asked_kw, standing.installed_kw
    if reached >= target:
        return Verdict("met", "已达目标", "the target is reached", 0.0)
    left = (goal.deadline - as_of).days
    needed = (target - reached) * DAYS_PER_YEAR / max(left, 1)
    shown = needed if left >= LAST_DAYS else np.nan
    if not standing.covers_scope:
        return _unknown(*_PARTIAL, shown)
    loose = standing.unmatched_kw + (0.0 if standing.undated_counted else standing.undated_kw)
    if reached + loose >= target:
        return _unknown(*_LOOSE, shown)
    if standing.unreachable_kw > 0.0:
        short = standing.unreachable_kw / 1000.0
        return Verdict(
            "behind",
            f"范围内屋顶装满仍差 {short:.1f} MW，无法达到",
            f"unreachable by {short:.1f} MW on roofs in scope",
            shown,
        )
    return _by_pace(standing, left, needed, loose)


def _by_pace(standing: Standing, left: int, needed: float, loose: float) -> Verdict:
    """Judge by the pace of the last 12 months; ``loose`` kW may be there beside what is counted."""
    missing, pace = standing.asked_kw - standing.installed_kw, standing.trailing_kw_per_year
    shown = needed if left >= LAST_DAYS else np.nan
    if np.isnan(pace):
        words_zh, words_en = "登记不足 12 个月，无法判断进度", "less than 12 months of history"
        if left >= LAST_DAYS:
            words_zh = f"{words_zh}；需每年 {needed / 1000:.1f} MW"
            words_en = f"{words_en}; {needed / 1000:.1f} MW a year needed"
        return _unknown(words_zh, words_en, shown)
    faster = pace + standing.undated_kw + standing.unmatched_recent_kw
    less = (missing - loose) * DAYS_PER_YEAR / max(left, 1)
    if pace < needed and faster >= less:
        between = f"{pace / 1000:.1f}–{faster / 1000:.1f} MW"
        return _unknown(
            f"近12个月新增 {between}，需每年 {needed / 1000:.1f} MW；{_LOOSE[0]}",
            f"{between} in the last 12 months, {needed / 1000:.1f} MW a year needed; {_LOOSE[1]}",
            shown,
        )
    words_zh = f"近12个月新增 {pace / 1000:.1f} MW，需每年 {needed / 1000:.1f} MW"
    words_en = f"{pace / 1000:.1f} MW in the last 12 months, {needed / 1000:.1f} MW a year needed"
    if left < LAST_DAYS:
        words_zh = f"距期限 {left} 天，尚缺 {missing / 1000:.1f} MW"
        words_en = f"{left} days before the deadline {missing / 1000:.1f} MW are missing"
    return Verdict("on_track" if pace >= needed else "behind", words_zh, words_en, shown)


def _after(goal: Goal, standing: Standing) -> Verdict:
    target, reached = standing.asked_kw, standing.by_deadline_kw
    words_zh = f"截至{goal.deadline}已装 {reached / 1000:.1f} MW，目标 {target / 1000:.1f} MW"
    words_en = (
        f"{reached / 1000:.1f} MW commissioned by {goal.deadline}, target {target / 1000:.1f} MW"
    )
    if reached >= target:
        return Verdict("met", words_zh, words_en, np.nan)
    if not standing.covers_scope:
        return _unknown(f"{words_zh}；{_PARTIAL[0]}", f"{words_en}; {_PARTIAL[1]}")
    loose = reached + standing.undated_kw + standing.unmatched_kw
    if loose >= target:
        return _unknown(f"{words_zh}；{_LOOSE[0]}", f"{words_en}; {_LOOSE[1]}")
    if loose + standing.retired_kw >= target:
        gone = standing.retired_kw / 1000.0
        return _unknown(
            f"{words_zh}；另有 {gone:.1f} MW 已退役，退役日期不明，可能改变结论",
            f"{words_en}; {gone:.1f} MW retired since an unknown day could change the verdict",
        )
    if standing.installed_kw >= target:
        words_zh, words_en = f"{words_zh}；此后已达到", f"{words_en}; reached since"
    return Verdict("missed", words_zh, words_en, np.nan)


def _of_plants(goal: Goal, plants: Plants | None, as_of: date) -> Verdict:
    """Judge a share of plants; the counts are those of the deadline once it has passed."""
    if goal.target is None or plants is None:
        return _unknown(
            "未提供达标厂房数", "the number of plants that pass the clause was not given"
        )
    if plants.count == 0:
        return _unknown("目标范围内没有厂房", "no plant in the goal's scope")
    words_zh = f"{plants.count} 座厂房中 {plants.passing} 座达标，目标 {goal.target:.0%}"
    words_en = f"{plants.passing} of {plants.count} plants pass, target {goal.target:.0%}"
    wanted = goal.target * plants.count - _ROUNDING
    if plants.passing >= wanted:
        return Verdict("met", words_zh, words_en, np.nan)
    if plants.passing + plants.unclear >= wanted:
        return _unknown(
            f"{words_zh}；{plants.unclear} 座证据不足",
            f"{words_en}; {plants.unclear} lack evidence",
        )
    if as_of > goal.deadline:
        return Verdict("missed", words_zh, words_en, np.nan)
    return _unknown(f"{words_zh}；厂房达标进度未知", f"{words_en}; the pace of plants is not known")


def _unknown(reason_zh: str, reason_en: str, pace_needed: float = np.nan) -> Verdict:
    return Verdict("not_assessable", reason_zh, reason_en, pace_needed)


def superseded_note(goal: Goal, known: tuple[Goal, ...]) -> tuple[str, str] | None:
    """Return the words beside a goal that a later one replaced, zh and en; None otherwise."""
    successor = next((item for item in known if item.id == goal.superseded_by), None)
    if successor is None:
        return None
    return (
        f"已被“{successor.name_zh}”（{successor.document}）取代",
        f"superseded by '{successor.name_en}' ({successor.document})",
    )


def headline(goals: tuple[Goal, ...], as_of: date) -> str | None:
    """Return the goal that maps and tables show: the next city goal still open that has parks.

    The earliest deadline on or after ``as_of`` among enabled goals of the city that industrial
    roofs can meet alone and that no other replaced; else the latest one past.
    """
    chosen = [
        goal
        for goal in goals
        if goal.enabled
        and goal.superseded_by is None
        and goal.level == "city"
        and goal.scope == "existing_industrial"
        and goal.metric in ("installed_dc_kw", "full_installation")
    ]
    ahead = sorted((goal for goal in chosen if goal.deadline >= as_of), key=lambda g: g.deadline)
    past = sorted((goal for goal in chosen if goal.deadline < as_of), key=lambda g: g.deadline)
    ordered = [*ahead[:1], *past[-1:]]
    return ordered[0].id if ordered else None
