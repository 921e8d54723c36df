"""Who said what of matches and roofs, when and why; and whether somebody spoke in between."""

from __future__ import annotations

import pandas as pd
import sqlalchemy as sa

from pvplan.errors import InputError
from pvplan.ledger.asof import frame, moment_of
from pvplan.ledger.schema import BATCH, KEYS


class OvertakenError(InputError):
    """Somebody else recorded something of the same thing since the writer looked."""


def words(connection: sa.Connection, table: sa.Table, key: str | None) -> pd.DataFrame:
    """Return the entries of matches or roofs, the oldest first, with who and when.

    Parameters
    ----------
    connection
        Open.
    table
        ``schema.MATCH`` or ``schema.ROOF``.
    key
        One system, or one roof; None: all.

    Returns
    -------
    DataFrame
        The columns of the table, ``made_by`` and ``made_at`` (UTC).
    """
    wanted = sa.select(table, BATCH.c.made_by, BATCH.c.made_at_us).join(BATCH)
    if key is not None:
        wanted = wanted.where(_key(table) == key)
    rows = connection.execute(wanted.order_by(table.c.entry_id)).all()
    found = frame(rows, table)
    found["made_by"] = [row.made_by for row in rows]
    found["made_at"] = [moment_of(row.made_at_us) for row in rows]
    return found


def check_last(connection: sa.Connection, table: sa.Table, key: str, after: int | None) -> None:
    """Refuse where the last entry of a thing is not the one that the writer saw.

    Parameters
    ----------
    connection
        One that writes: nobody comes in between.
    table
        One of ``schema.ENTRIES``.
    key
        The system, or the roof.
    after
        The last ``entry_id`` that the writer saw, 0 for none; None: anything may stand.

    Raises
    ------
    OvertakenError
    """
    if after is None:
        return
    last = connection.execute(
        sa.select(table.c.entry_id, BATCH.c.made_by, BATCH.c.made_at_us)
        .join(BATCH)
        .where(_key(table) == key)
        .order_by(table.c.entry_id.desc())
        .limit(1)
    ).first()
    if last is not None and last.entry_id != after:
        when = moment_of(last.made_at_us).isoformat(timespec="seconds")
        raise OvertakenError(f"{key}: {last.made_by} recorded something at {when}; look again")


def _key(table: sa.Table) -> sa.Column[str]:
    return table.c[KEYS[table.name][0]]
