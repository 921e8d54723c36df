"""What became of rows that were not taken as they stood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.tables import REJECTED, names

Done = Literal["rejected", "altered"]
Texts = str | Sequence[str | None] | npt.NDArray[np.object_] | None


def noted(rows: npt.ArrayLike, ids: npt.ArrayLike, *, reason: Texts, done: Done,
          detail: Texts = None) -> pd.DataFrame:  # fmt: skip
    """Note one decision for several rows of a file.

    Parameters
    ----------
    rows
        Row numbers, first = 1.
    ids
        Identifier of each row.
    reason, detail
        One text for all, or one for each.
    done
        ``rejected``: the row is not used; ``altered``: it is used, but not as it stood.
    """
    columns = {"id": ids, "reason": reason, "detail": detail}
    # Values by position: a column of a table would bring its own index along.
    said = {
        name: value if value is None or isinstance(value, str) else np.asarray(value, dtype=object)
        for name, value in columns.items()
    }
    table = pd.DataFrame({"row": np.asarray(rows, dtype=np.int64), "done": done, **said})
    return table.astype(dict.fromkeys(columns, object))


def rejected_table(notes: Iterable[pd.DataFrame], *, kind: str, file: str) -> pd.DataFrame:
    """Gather notes into the table of rejected and altered rows.

    Parameters
    ----------
    notes
        Frames of :func:`noted`.
    kind
        ``buildings``, ``parks`` or ``districts``.
    file
        Name of the file.

    Returns
    -------
    DataFrame
        Columns of ``tables.REJECTED``, by row, rejected before altered.
    """
    filled = [note for note in notes if len(note)]
    if not filled:
        empty = pd.DataFrame({column: pd.Series(dtype=object) for column in names(REJECTED)})
        return empty.astype({"row": "int64"})
    table = pd.concat(filled, ignore_index=True).assign(input=kind, file=file)
    ordered = table.sort_values(
        ["row", "done", "reason"], ascending=[True, False, True], ignore_index=True, kind="stable"
    )
    return ordered[names(REJECTED)]


def rows_noted(rejected: pd.DataFrame, done: Done) -> int:
    """Count the rows with at least one such decision."""
    return int(rejected.loc[rejected["done"] == done, "row"].nunique())
