"""The exceptions of the house: each collects every fault it found and is raised once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PvplanError(Exception):
    """A fault that a person can mend; ``faults`` holds one sentence for each.

    Parameters
    ----------
    faults
        One sentence, or one for each fault: file, field, row, value seen, remedy.
    """

    def __init__(self, faults: str | Iterable[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class InputError(PvplanError):
    """A file, a row or a raster cannot be used as it is."""


class AssumptionError(PvplanError):
    """An assumption, a scenario or an option is unknown or out of range."""


class TableError(PvplanError):
    """A table breaks its contract (a fault of the program or of a result that was edited)."""


class OutputError(PvplanError):
    """A result cannot be written; what stood there before still stands."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a remedy that names the known word nearest to an unknown one.

    Parameters
    ----------
    name
        The word seen.
    known
        The words that would have been right.

    Returns
    -------
    str
        ``did you mean 'x'?``, or the list of the known words when none is near.
    """
    words = sorted(known)
    close = difflib.get_close_matches(name, words, n=1, cutoff=0.5)
    if not close:
        tail = [word for word in words if name.rsplit(".", maxsplit=1)[-1] == word.split(".")[-1]]
        close = tail[:1]
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(words) or 'none'}"
