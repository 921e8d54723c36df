"""A goal against what is installed: target, gap, pace needed, verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pvplan.assumptions import Goal, GoalSettings

DAYS_PER_YEAR = 365.25
LAST_DAYS = 30
"""So few days before a deadline a pace per year says nothing."""


@dataclass(frozen=True)
class Standing:
    """What is known of a goal at one place on a day; kW of DC capacity.

    Attributes
    ----------
    target_kw
        Missing (NaN) where no target can be stated.
    installed_kw
        Placed systems at ``as_of``; NaN without a register.
    by_deadline_kw
        Of these, commissioned by the deadline.
    undated_kw
        Of ``installed_kw``, systems without a commissioning date.
    unmatched_kw
        Commissioned register rows whose place is unknown: they may belong here.
    trailing_kw_per_year
        Commissioned in the 365 days before ``as_of``; NaN with less than a year of history.
    covers_scope
        False where the register holds only part of what the goal speaks of.
    """

    target_kw: float
    installed_kw: float
    by_deadline_kw: float
    undated_kw: float
    unmatched_kw: float
    trailing_kw_per_year: float
    covers_scope: bool = True


@dataclass(frozen=True)
class Verdict:
    """Verdict with its reason in both languages, and the pace needed (NaN after the deadline)."""

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

    After the deadline: met where the systems commissioned by it reach the target; missed where
    they cannot, even with every undated and unplaced row; else not assessable. Before it: met
    where the target is reached already; on track or behind by the pace of the last 12 months
    against the pace needed; open where there is no year of history.

    Parameters
    ----------
    goal
        Deadline and scope are read.
    standing
        What is known.
    as_of
        The day of the verdict.
    """
    if not standing.target_kw > 0.0:
        return _unknown("目标范围内没有屋顶", "no roof in the goal's scope", np.nan)
    if np.isnan(standing.installed_kw):
        return _unknown("未提供装机登记", "no register of installed systems was given", np.nan)
    return _after(goal, standing) if as_of > goal.deadline else _before(goal, standing, as_of)


def _before(goal: Goal, standing: Standing, as_of: date) -> Verdict:
    target, reached = standing.target_kw, standing.installed_kw
    if reached >= target:
        return Verdict("met", "已达目标", "the target is reached", 0.0)
    left = (goal.deadline - as_of).days
    needed = (target - reached) * DAYS_PER_YEAR / max(left, 1)
    shown = needed if left >= LAST_DAYS else np.nan
    if not standing.covers_scope:
        return _unknown(
            "登记只含工业屋顶，目标涵盖全部光伏",
            "the register holds industrial roofs only, the goal speaks of all PV",
            shown,
        )
    if reached + standing.unmatched_kw >= target:
        return _unknown(
            "未核对的登记项可能改变结论", "unplaced register rows could change the verdict", shown
        )
    pace = standing.trailing_kw_per_year
    if np.isnan(pace):
        return Verdict(
            "open", "登记不足 12 个月，无法判断进度", "less than 12 months of history", shown
        )
    words_zh = f"近12个月新增 {pace / 1000:.1f} MW，需每年 {needed / 1000:.1f} MW"
    words_en = f"{pace / 1000:.1f} MW in the last 12 months, {needed / 1000:.1f} MW a year needed"
    if left < LAST_DAYS:
        missing = (target - reached) / 1000.0
        words_zh = f"距期限 {left} 天，尚缺 {missing:.1f} MW"
        words_en = f"{left} days before the deadline {missing:.1f} MW are missing"
    return Verdict("on_track" if pace >= needed else "behind", words_zh, words_en, shown)


def _after(goal: Goal, standing: Standing) -> Verdict:
    target, reached = standing.target_kw, standing.by_deadline_kw
    words_zh = f"截至{goal.deadline}已装 {reached / 1000:.1f} MW，目标 {target / 1000:.1f} MW"
    words_en = (
        f"{reached / 1000:.1f} MW commissioned by {goal.deadline}, target {target / 1000:.1f} MW"
    )
    if reached >= target:
        return Verdict("met", words_zh, words_en, np.nan)
    if not standing.covers_scope:
        return _unknown(
            f"{words_zh}；登记只含工业屋顶，目标涵盖全部光伏",
            f"{words_en}; the register holds industrial roofs only, the goal speaks of all PV",
            np.nan,
        )
    if reached + standing.undated_kw + standing.unmatched_kw >= target:
        return _unknown(
            f"{words_zh}；无日期或未核对的登记项可能改变结论",
            f"{words_en}; undated or unplaced register rows could change the verdict",
            np.nan,
        )
    if standing.installed_kw >= target:
        words_zh, words_en = f"{words_zh}；此后已达到", f"{words_en}; reached since"
    return Verdict("missed", words_zh, words_en, np.nan)


def _unknown(reason_zh: str, reason_en: str, pace_needed: float) -> Verdict:
    return Verdict("not_assessable", reason_zh, reason_en, pace_needed)


def headline(goals: tuple[Goal, ...], as_of: date) -> str | None:
    """Return the goal that maps and tables show: the next city goal still open that has parks.

    The earliest deadline on or after ``as_of`` among enabled goals of the city that industrial
    roofs can meet alone; else the latest one past.
    """
    chosen = [
        goal
        for goal in goals
        if goal.enabled
        and goal.level == "city"
        and goal.scope == "existing_industrial"
        and goal.metric in ("installed_dc_kw", "full_installation")
    ]
    ahead = sorted((goal for goal in chosen if goal.deadline >= as_of), key=lambda g: g.deadline)
    past = sorted((goal for goal in chosen if goal.deadline < as_of), key=lambda g: g.deadline)
    ordered = [*ahead[:1], *past[-1:]]
    return ordered[0].id if ordered else None
