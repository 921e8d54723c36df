"""How fast capacity was added at each place, and when a target is reached at that speed."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from pvplan.tables import Floats, Ints, to_thousandths

Days = npt.NDArray[np.datetime64]
"""Days (``datetime64``, any unit); NaT where not known."""

DAYS_PER_YEAR: Final = 365.25
WINDOW_DAYS: Final = 365
"""A trailing year: the systems of the last 365 days, the day itself included."""


def place_sums(kw: Floats, place: Ints, places: int) -> Floats:
    """Sum whole thousandths of kW by place: the same digits in any order.

    Parameters
    ----------
    kw
        Shape (systems,), kW; a missing value makes its place's sum missing.
    place
        Shape (systems,), number of each system's place, 0 to ``places`` - 1.
    places
        How many places there are.

    Returns
    -------
    ndarray, shape (places,)
    """
    thousandths = np.rint(np.asarray(kw, dtype=np.float64) * 1000.0)
    return np.bincount(place, weights=thousandths, minlength=places) / 1000.0


def history_years(known_from: np.datetime64, as_of: date) -> float:
    """Return for how many trailing years additions are known, years; 0 without any.

    History begins with the first commissioning that the whole register knows, not with the
    first at a place: a place where nothing was built is slow, not unknown.
    """
    if np.isnat(known_from):
        return 0.0
    days = (np.datetime64(as_of, "D") - known_from.astype("datetime64[D]")) / np.timedelta64(1, "D")
    return max(float(days), 0.0) / WINDOW_DAYS


def trailing(
    kw: Floats,
    commissioned_on: Days,
    place: Ints,
    places: int,
    *,
    as_of: date,
    known_from: np.datetime64,
    years: int,
) -> Floats:
    """Return the mean yearly addition of the last years at each place.

    Parameters
    ----------
    kw, commissioned_on, place
        Shape (systems,): capacity [kW], day, number of the place. Systems without a day or
        commissioned after ``as_of`` are in no window.
    places
        How many places there are.
    as_of
        Last day of the window.
    known_from
        First commissioning of the whole register (NaT without any): see :func:`history_years`.
    years
        Length of the window, in spans of 365 days.

    Returns
    -------
    ndarray, shape (places,)
        kW per year, whole thousandths; all missing where the history is shorter than the window.
    """
    if history_years(known_from, as_of) < years:
        return np.full(places, np.nan)
    last = np.datetime64(as_of, "D")
    day = commissioned_on.astype("datetime64[D]")
    inside = (day <= last) & (day > last - years * WINDOW_DAYS)
    return to_thousandths(place_sums(kw[inside], place[inside], places) / years)


def attained_on(
    target_kw: Floats, reached_kw: Floats, pace: Floats, as_of: date, horizon_years: float
) -> Days:
    """Return the day on which each target is reached at a steady pace.

    Parameters
    ----------
    target_kw, reached_kw
        Shape (places,), kW.
    pace
        Shape (places,), kW per year.
    as_of
        Day of ``reached_kw``.
    horizon_years
        Later than this is told as never: a date so far says nothing.

    Returns
    -------
    ndarray of datetime64[D], shape (places,)
        NaT where it is reached already, where nothing is known, and where it is never reached
        (or later than the horizon).
    """
    target, reached, speed = (
        np.asarray(a, dtype=np.float64) for a in (target_kw, reached_kw, pace)
    )
    left = target - reached
    with np.errstate(divide="ignore", invalid="ignore"):
        years = np.where((left > 0.0) & (speed > 0.0), left / speed, np.nan)
    return days_ahead(years, as_of, horizon_years)


def days_ahead(years: Floats, as_of: date, horizon_years: float) -> Days:
    """Return the day so many years ahead, whole days up; NaT where missing or too far."""
    known = years <= horizon_years
    # A hair less than a day is no day: sums of decimals must not move the date.
    days = np.ceil(np.where(known, years, 0.0) * DAYS_PER_YEAR - 1e-6).astype(np.int64)
    day = np.datetime64(as_of, "D") + days
    return np.where(known, day, np.datetime64("NaT", "D"))


def reached_on(kw: Floats, commissioned_on: Days, target_kw: float) -> np.datetime64:
    """Return the first day on which the dated systems reach a target together; NaT if not yet.

    Parameters
    ----------
    kw, commissioned_on
        Shape (systems,): capacity [kW] and day of one place's systems.
    target_kw
        What they have to reach, kW.
    """
    dated = ~np.isnat(commissioned_on)
    day = commissioned_on[dated].astype("datetime64[D]")
    order = np.argsort(day, kind="stable")
    total = np.cumsum(np.rint(kw[dated][order] * 1000.0)) / 1000.0
    enough = np.flatnonzero(total >= target_kw)
    return day[order][enough[0]] if len(enough) else np.datetime64("NaT", "D")


def ratio(trailing_kw_per_year: Floats, needed_kw_per_year: Floats) -> Floats:
    """Return the trailing pace over the pace needed; missing where none is needed; 6 decimals."""
    needed = np.asarray(needed_kw_per_year, dtype=np.float64)
    wanted = np.where(needed > 0.0, needed, np.nan)
    return np.round(np.asarray(trailing_kw_per_year, dtype=np.float64) / wanted, 6)
