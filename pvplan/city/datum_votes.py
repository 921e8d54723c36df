"""Whether a register's coordinates are shifted (GCJ-02, BD-09): its own rows are the witnesses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pvplan.assumptions import RegisterRules

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Verdict:
    """What the rows say of the file's datum.

    Attributes
    ----------
    datum
        The shifted datum of the file, or None where the rows do not say so clearly.
    of_row
        Shape (rows,): the shifted datum after which alone the row fits, or "".
    counts
        Rows with coordinates; that fit as they stand; that fit after the shift; that fit only
        after it. The shift is that of ``datum``, else the one after which most rows fit.
    """

    datum: str | None
    of_row: npt.NDArray[np.object_]
    counts: tuple[int, int, int, int]


def judge(
    placed: Flags, fits: Flags, shifted: Mapping[str, Flags], rules: RegisterRules
) -> Verdict:
    """Judge the datum of a register.

    Parameters
    ----------
    placed
        Shape (rows,): the row has coordinates.
    fits
        Shape (rows,): they fit as they stand: at the row's own roof where its id tells that,
        else on a roof of the park it names (on any roof if it names none).
    shifted
        The same for coordinates taken as another datum, by the name of that datum.
    rules
        ``shifted_share`` and ``shifted_min_rows``.

    Returns
    -------
    Verdict
        The file is shifted if more than ``shifted_share`` of its rows with coordinates fit after
        the shift, at least ``shifted_min_rows`` rows fit only after it, and those are more than
        ``shifted_share`` of the rows that tell the two apart.
    """
    of_row = np.full(len(placed), "", dtype=object)
    total, plain = int(placed.sum()), int((fits & placed).sum())
    named: str | None = None
    counts = (total, plain, 0, 0)
    most = 0
    for datum in sorted(shifted):
        after = shifted[datum] & placed
        only = after & ~fits
        # A row that fits both shifted datums keeps the first by name.
        of_row[only & (of_row == "")] = datum
        told = int(only.sum()) + int((fits & placed & ~after).sum())
        clear = (
            int(after.sum()) > rules.shifted_share * total
            and int(only.sum()) >= rules.shifted_min_rows
            and int(only.sum()) > rules.shifted_share * told
        )
        if int(only.sum()) > most:
            most = int(only.sum())
            named = datum if clear else None
            counts = (total, plain, int(after.sum()), most)
    if named is not None:
        of_row[shifted[named] & placed & ~fits] = named
    return Verdict(named, of_row, counts)
