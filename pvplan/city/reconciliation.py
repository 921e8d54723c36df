"""Systems over several roofs: their capacity is parted by the roofs' potential, to the watt."""

from __future__ import annotations

import numpy as np

from pvplan.tables import Floats, Ints


def parted(kw: Floats, row: Ints, weight: Floats) -> Floats:
    """Part each system's capacity among its roofs.

    Parameters
    ----------
    kw
        Shape (rows,): capacity, NaN unknown.
    row
        Shape (parts,): position of the row of each part; parts of one row stand together, in
        the order in which ties of the remainder are settled.
    weight
        Shape (parts,): potential, or area, of the part's roof; not negative. Rows whose weights
        are all 0 are parted equally.

    Returns
    -------
    ndarray
        Shape (parts,): a row of one part keeps its capacity as it is. Of several parts each is
        whole thousandths, and they sum to the capacity in thousandths exactly (largest
        remainder, Hamilton).
    """
    if not len(row):
        return np.empty(0)
    starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
    size = np.diff(np.r_[starts, len(row)])
    of = np.repeat(np.arange(len(starts)), size)
    total = np.add.reduceat(weight, starts)[of]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(total > 0.0, weight / total, 1.0 / size[of])
    whole = kw[row] * 1000.0
    known = np.isfinite(whole)
    units = np.rint(np.where(known, whole, 0.0))
    exact = units * share
    floor = np.minimum(np.floor(exact), units)
    missing = (units[starts] - np.add.reduceat(floor, starts)).astype(np.int64)
    order = np.lexsort((np.arange(len(row)), -(exact - floor), of))
    rank = np.empty(len(row), dtype=np.int64)
    rank[order] = np.arange(len(row)) - starts[of]
    parts = (floor + (rank < missing[of])) / 1000.0
    parts = np.where(known, parts, np.nan)
    return np.where(size[of] == 1, kw[row], parts)


def part_ids(system: list[str], row: Ints) -> list[str]:
    """Name the parts: a row of one part keeps its id, others are ``id#1``, ``id#2`` and so on.

    Parameters
    ----------
    system
        Shape (rows,): unique ids.
    row
        Shape (parts,): position of the row of each part; parts of one row stand together.

    Returns
    -------
    list of str
        Unique; ``##`` where an id with ``#`` stands in the register already.
    """
    taken, count = set(system), np.bincount(row, minlength=len(system))
    number: dict[int, int] = {}
    found = []
    for position in row.tolist():
        if count[position] == 1:
            found.append(system[position])
            continue
        number[position] = number.get(position, 0) + 1
        name, sign = f"{system[position]}#{number[position]}", "#"
        while name in taken:
            sign += "#"
            name = f"{system[position]}{sign}{number[position]}"
        taken.add(name)
        found.append(name)
    return found
