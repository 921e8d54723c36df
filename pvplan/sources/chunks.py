"""Work on many geometries by two threads: GEOS lets go of Python's lock while it computes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_THREADS: Final = 2
_CHUNK: Final = 50_000  # rows; below two of them a thread costs more than it saves


def in_chunks(work: Callable[..., npt.NDArray[Any]], *columns: npt.NDArray[Any]) -> Any:
    """Apply work to rows, chunk by chunk on two threads, and join what it returns.

    Parameters
    ----------
    work
        Takes a chunk of each column; returns an array whose first axis is joined. What it
        returns for a row must not depend on the other rows.
    *columns
        Arrays of one length.

    Returns
    -------
    ndarray
        As ``work(*columns)``, in the order of the rows.
    """
    count = len(columns[0])
    if count < 2 * _CHUNK:
        return work(*columns)
    starts = range(0, count, _CHUNK)
    pieces = [tuple(column[start : start + _CHUNK] for column in columns) for start in starts]
    with ThreadPoolExecutor(_THREADS) as threads:
        return np.concatenate(list(threads.map(lambda piece: work(*piece), pieces)))
