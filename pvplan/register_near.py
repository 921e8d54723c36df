"""The roofs that a register's rows may stand on: all that matching asks for of a large city."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pvplan.assumptions import RegisterRules
from pvplan.city import likeness
from pvplan.city.matching import TOUCH_M
from pvplan.installed import Recorded, metric_points

Flags = npt.NDArray[np.bool_]


class Wanted:
    """Tells which roofs of a city, seen a part at a time, a register may speak of.

    Those are the roofs near a row's coordinates under any datum; those whose id a row, a list of
    ids or a decision names, in any spelling; and those with a name of their own in a park. Matched
    with these alone, and with what all roofs of each park hold, a register gives the same ledger
    as with every roof.

    Parameters
    ----------
    recorded
        Register, other datums and decisions.
    crs
        The metric CRS of the roofs.
    rules
        How far is near.
    asked
        Ids that are looked for besides.
    """

    def __init__(
        self, recorded: Recorded, crs: Any, rules: RegisterRules, asked: Iterable[str] = ()
    ) -> None:
        register, asked = recorded.register, _words(asked)
        self._distance_m = max(rules.max_distance_m, TOUCH_M)
        self._tree = shapely.STRtree([])
        if register is not None:
            stated, shifted = metric_points(recorded, crs)
            every = np.concatenate([stated, *shifted.values()])
            self._tree = shapely.STRtree(
                np.asarray(shapely.points(every[np.isfinite(every).all(axis=1)]))
            )
            asked += _words(register["roof_id"])
        for decided in (recorded.decisions, recorded.roof_decisions):
            if decided is not None:
                ids = decided["roof_id"] if "roof_id" in decided.columns else decided.index
                asked += _words(ids)
        self._asked = frozenset(asked)
        self._alike = frozenset(map(likeness.id_key, asked)) - {""}

    def of(self, roofs: pd.DataFrame, shapes: npt.NDArray[np.object_]) -> Flags:
        """Say which roofs are wanted.

        Parameters
        ----------
        roofs
            Index roof id; ``park_id``, and ``name`` where it is known.
        shapes
            Their outlines, shape (roofs,).
        """
        ids = [str(key) for key in roofs.index]
        found = np.array(
            [key in self._asked or likeness.id_key(key) in self._alike for key in ids], dtype=bool
        )
        if len(self._tree):
            near = self._tree.query(shapes, predicate="dwithin", distance=self._distance_m)
            found[near[0]] = True
        if "name" in roofs.columns:
            named = roofs["name"].notna() & (roofs["name"] != "") & roofs["park_id"].notna()
            found |= named.to_numpy(dtype=bool)
        return found


def _words(texts: Iterable[Any]) -> list[str]:
    """Return the texts, and the single ids where one lists several."""
    known = [str(text) for text in texts if pd.notna(text)]
    return [word for text in known for word in (text, *likeness.listed(text))]
