"""Small registers as the reader hands them over, and what a ledger holds of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pvplan.ledger import Ledger, Who
from pvplan.ledger.schema import METADATA, SYSTEM

ME = Who("Li Wei 李伟", "quarterly register")
NOTHING: dict[str, Any] = {
    "name": None, "roof_id": None, "park": None, "longitude": np.nan, "latitude": np.nan,
    "capacity_dc_kw": 100.0, "capacity_ac_kw": np.nan, "capacity_basis": "dc",
    "status": "commissioned", "filed_on": pd.NaT, "commissioned_on": pd.NaT, "source": "f.csv",
}  # fmt: skip


def register(systems: Mapping[str, Mapping[str, Any] | float]) -> pd.DataFrame:
    """Return rows of a register: for each id its facts, or just its kW."""
    records = [
        {**NOTHING, **(facts if isinstance(facts, Mapping) else {"capacity_dc_kw": facts})}
        for facts in systems.values()
    ]
    ids = pd.Index(list(systems), name="system_id", dtype=object)
    rows = pd.DataFrame(records, index=ids, columns=list(NOTHING), dtype=object)
    rows = rows.astype({name: float for name in rows.columns if name.startswith(("lo", "la", "cap"))
                        and name != "capacity_basis"})  # fmt: skip
    for name in ("filed_on", "commissioned_on"):
        rows[name] = pd.to_datetime(rows[name]).astype("datetime64[s]")
    return rows.assign(row=range(1, len(rows) + 1))


def at(day: str, hour: int = 12) -> datetime:
    """Return an hour of a day, UTC."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).replace(hour=hour)


def kw(rows: pd.DataFrame) -> dict[str, float]:
    """Return the DC capacity of each system."""
    return dict(zip(rows.index, rows["capacity_dc_kw"], strict=True))


def entries(ledger: Ledger) -> list[tuple[Any, ...]]:
    """Return every entry of systems: batch, id, from, until, withdrawn, watts."""
    names = ("batch_id", "system_id", "valid_from", "valid_to", "withdrawn", "capacity_dc_w")
    with ledger._engine.connect() as connection:
        found = connection.execute(
            sa.select(*(SYSTEM.c[name] for name in names)).order_by(SYSTEM.c.entry_id)
        )
        return [tuple(row) for row in found]


def counted(ledger: Ledger) -> dict[str, int]:
    """Return how many rows each table holds."""
    with ledger._engine.connect() as connection:
        return {
            name: int(
                connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            )
            for name, table in METADATA.tables.items()
        }
