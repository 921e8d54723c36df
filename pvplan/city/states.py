"""What each usable roof is: installed, being built, filed, feasible, blocked, not assessable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pvplan.tables import Floats

Words = npt.NDArray[np.object_]
Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class States:
    """The state of each roof and where its potential stands; arrays of shape (roofs,).

    The account closes for every roof, in whole thousandths of a kW:
    ``potential + over = installed + under construction + filed + feasible + blocked
    + not assessable + remainder``.

    Attributes
    ----------
    state
        One of ``tables.ROOF_STATES``.
    decided
        Whether a recorded decision, not a register row or the layout, gave the state.
    feasible_kw
        Not started, on roofs whose state is ``feasible``.
    blocked_kw, not_assessable_kw
        Not started, on roofs of that state.
    remainder_kw
        Left over on roofs that count as used.
    over_kw
        Registered above the potential.
    """

    state: Words
    decided: npt.NDArray[np.bool_]
    feasible_kw: Floats
    blocked_kw: Floats
    not_assessable_kw: Floats
    remainder_kw: Floats
    over_kw: Floats


def stage_on(status: Words, filed_on: Days, commissioned_on: Days, day: np.datetime64) -> Words:
    """Return what each registered system was on a day.

    Parameters
    ----------
    status
        ``tables.STATUSES``, as the register says it now, shape (systems,).
    filed_on, commissioned_on
        Shape (systems,); NaT where not known.
    day
        The day.

    Returns
    -------
    ndarray of object, shape (systems,)
        Status on the day; empty where the system was not there yet. One that was commissioned
        later was filed by then only if its filing is known to lie before: no day of starting to
        build is registered. An unknown day never keeps a system away.
    """
    filed, runs = (days.astype("datetime64[D]") for days in (filed_on, commissioned_on))
    later = runs > day
    ended = np.isin(status, ["commissioned", "retired"])
    pending = ended & later & (filed <= day)
    gone = np.where(ended, later & ~pending, filed > day)
    return np.where(gone, "", np.where(pending, "filed", status)).astype(object)


OWED_BY: Final = (
    "capacity_dc_kw", "installed_dc_kw", "under_construction_dc_kw", "filed_dc_kw",
    "feasible_dc_kw", "not_assessable_dc_kw",
)  # fmt: skip
"""Columns of the roofs that :func:`owed_kw` takes, in its order."""


def owed_kw(
    potential_kw: Floats,
    installed_kw: Floats,
    under_construction_kw: Floats,
    filed_kw: Floats,
    feasible_kw: Floats,
    not_assessable_kw: Floats,
) -> Floats:
    """Return what full installation asks of each roof: what stands, and all that could.

    What is begun counts only as far as the roof can hold it beside what stands: a stale filing
    owes nothing. Roofs blocked with evidence and the rest of used roofs are not asked for.

    Parameters
    ----------
    potential_kw, installed_kw, under_construction_kw, filed_kw, feasible_kw, not_assessable_kw
        Shape (roofs,), kWp; registered ones NaN without a register.
    """
    potential, installed, building, filed, feasible, unknown = (
        _thousandths(kw)
        for kw in (potential_kw, installed_kw, under_construction_kw, filed_kw, feasible_kw,
                   not_assessable_kw)
    )  # fmt: skip
    begun = np.minimum(building + filed, np.maximum(potential - installed, 0))
    whole: Floats = (installed + begun + feasible + unknown) / 1000.0
    return whole


def roof_states(
    potential_kw: Floats,
    installed_kw: Floats,
    under_construction_kw: Floats,
    filed_kw: Floats,
    decision: Words,
    used_fraction: float,
) -> States:
    """Return what each roof is, and split its technical potential by it.

    A roof counts as used when what stands, is built and is filed reaches ``used_fraction`` of
    its potential; its state is then the stage that holds most of it. Any other roof is what was
    decided of it, and feasible where nothing was. A roof that no module fits is blocked by its
    layout. Without a register nothing can be said of any roof.

    Parameters
    ----------
    potential_kw
        Technical potential, shape (roofs,), whole thousandths.
    installed_kw, under_construction_kw, filed_kw
        Registered on the roof; NaN without a register.
    decision
        ``feasible``, ``blocked``, ``not_assessable`` or None where nothing was decided.
    used_fraction
        Share of the potential from which a roof counts as used.

    Returns
    -------
    States
    """
    potential, installed, building, filed = (
        _thousandths(kw) for kw in (potential_kw, installed_kw, under_construction_kw, filed_kw)
    )
    unknown = np.isnan(installed_kw)
    begun = installed + building + filed
    rest = np.where(unknown, potential, np.maximum(potential - begun, 0))
    used = (begun > 0) & (begun >= used_fraction * potential)
    stages = np.array(["installed", "under_construction", "filed"], dtype=object)
    # Of equal stages the furthest: argmax takes the first.
    stage = stages[np.argmax(np.stack([installed, building, filed]), axis=0)]
    given = np.array([word is not None for word in decision], dtype=bool)
    undecided = np.where(potential == 0, "blocked", "feasible").astype(object)
    state = np.where(used, stage, np.where(given, decision, undecided))
    state = np.where(unknown & ~given, "not_assessable", state)
    left = {
        word: np.where(state == word, rest, 0) / 1000.0
        for word in ("feasible", "blocked", "not_assessable")
    }
    return States(
        state=state.astype(object),
        decided=given & ~used,
        feasible_kw=left["feasible"],
        blocked_kw=left["blocked"],
        not_assessable_kw=left["not_assessable"],
        remainder_kw=np.where(used & ~unknown, rest, 0) / 1000.0,
        over_kw=np.where(unknown, 0, np.maximum(begun - potential, 0)) / 1000.0,
    )


def _thousandths(kw: Floats) -> npt.NDArray[np.int64]:
    whole = np.nan_to_num(np.asarray(kw, dtype=np.float64), nan=0.0)
    return np.rint(whole * 1000.0).astype(np.int64)
