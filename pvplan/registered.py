"""What register and ledger hand to the plan: rows, other datums, decisions that fit the city."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from pvplan.gather import Files, Gathered, Inputs, stacked
from pvplan.installed import Recorded
from pvplan.plan import Findings
from pvplan.sources.coordinates import bd09_to_wgs84, gcj02_to_wgs84
from pvplan.tables import REJECTED, names

LEDGER_NAME: Final = "ledger"
_UNDO: Final = {"gcj02": gcj02_to_wgs84, "bd09": bd09_to_wgs84}


def recorded(inputs: Inputs, gathered: Gathered) -> dict[str, Any]:
    """Return the words of :class:`pvplan.installed.Recorded` for a run."""
    words = _words(inputs, gathered.files)
    if "decisions" in words:
        words["decisions"] = _of_city(words["decisions"], gathered)
    return words


def findings_of(inputs: Inputs, gathered: Gathered) -> Findings:
    """Return what a run read beside its roofs: areas, register, decisions, rejected rows."""
    found = gathered.files
    given = (found.parks, found.districts, found.register, found.obstructions, found.corrections)
    rejected = [found.footprints.rejected, gathered.outside, strangers(gathered)]
    return Findings(
        parks=found.parks.areas if found.parks else None,
        districts=found.districts.areas if found.districts else None,
        rejected=stacked([*rejected, *(door.rejected for door in given if door)]),
        **recorded(inputs, gathered),
    )


def all_recorded(inputs: Inputs, files: Files) -> Recorded:
    """Return what is registered and decided, whatever roofs the city has."""
    return Recorded(**_words(inputs, files))


def decided(files: Files) -> list[str]:
    """Return the ids of all roofs that a decision of the ledger names."""
    if files.known is None:
        return []
    of_matches = files.known.decisions["roof_id"].dropna()
    return sorted({*files.known.roof_decisions.index, *of_matches})


def _words(inputs: Inputs, files: Files) -> dict[str, Any]:
    register, known = files.register, files.known
    if register is None:
        return {"roof_decisions": known.roof_decisions} if known else {}
    rows = register.rows
    longitude = rows["longitude"].to_numpy(dtype=np.float64)
    latitude = rows["latitude"].to_numpy(dtype=np.float64)
    words: dict[str, Any] = {
        "register": rows,
        "register_file": LEDGER_NAME if known else inputs.register.name if inputs.register else "",
        "shifted": {name: undo(longitude, latitude) for name, undo in _UNDO.items()},
    }
    if known is None:
        return words
    # What was decided of a system that is not there on the day decides nothing.
    here = known.decisions["system_id"].isin(rows.index)
    return {
        **words,
        "decisions": known.decisions[here],
        "roof_decisions": known.roof_decisions,
    }


def _of_city(decisions: pd.DataFrame, gathered: Gathered) -> pd.DataFrame:
    roof = decisions["roof_id"]
    return decisions[roof.isna() | roof.isin(gathered.buildings.index)]


def strangers(gathered: Gathered) -> pd.DataFrame:
    """Return REJECTED rows: decisions of a ledger on roofs that the buildings do not hold."""
    known = gathered.files.known
    if known is None:
        return pd.DataFrame(columns=names(REJECTED))
    roofs = pd.Index(decided(gathered.files), dtype=object)
    unknown = roofs[~roofs.isin(gathered.buildings.index)]
    return pd.DataFrame(
        {
            "input": "ledger",
            "file": LEDGER_NAME,
            "row": pd.NA,
            "id": unknown,
            "reason": "a decision names a roof that the buildings do not hold",
            "done": "unmatched",
            "detail": "kept in the ledger; decides nothing here",
        },
        columns=names(REJECTED),
    )
