"""The tables of the ledger: batches, and what they say of systems, roofs and matches.

Nothing is ever changed or taken away (triggers refuse it). Each entry says something of one
thing from ``valid_from`` (missing: since ever) until before ``valid_to`` (missing: until
further notice); of entries that speak of the same day the one recorded last holds.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData()
_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
VERSION_TABLE: Final = "pvplan_version"
"""Alembic's table, under a name of our own: a server's database may hold other programs' too."""


def _entry(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column("entry_id", _ID, primary_key=True, autoincrement=True),
        sa.Column("batch_id", _ID, sa.ForeignKey("batch.batch_id"), nullable=False),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_to", sa.Date),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        *columns,
        sqlite_autoincrement=True,
    )


BATCH: Final = sa.Table(
    "batch",
    METADATA,
    sa.Column("batch_id", _ID, primary_key=True, autoincrement=True),
    # Microseconds since 1970 UTC: the same on every database, and strictly rising.
    sa.Column("made_at_us", sa.BigInteger, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
SYSTEM: Final = _entry(
    "system_entry",
    sa.Column("system_id", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text),
    sa.Column("roof_id", sa.Text),
    sa.Column("park", sa.Text),
    sa.Column("longitude", sa.Double),
    sa.Column("latitude", sa.Double),
    # Watts, whole: exact on every database.
    sa.Column("capacity_dc_w", sa.BigInteger),
    sa.Column("capacity_ac_w", sa.BigInteger),
    sa.Column("capacity_basis", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("filed_on", sa.Date),
    sa.Column("commissioned_on", sa.Date),
    # Where it was read. Always the last: it alone, being no fact of the system, is no change.
    sa.Column("source", sa.Text),
)
ROOF: Final = _entry(
    "roof_entry",
    sa.Column("roof_id", sa.Text, nullable=False, index=True),
    sa.Column("state", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("evidence", sa.Text),
    sa.Column("review_on", sa.Date),
)
MATCH: Final = _entry(
    "match_entry",
    sa.Column("system_id", sa.Text, nullable=False, index=True),
    sa.Column("roof_id", sa.Text),
    sa.Column("park_id", sa.Text),
    sa.Column("decision", sa.Text),
    sa.Column("reason", sa.Text),
)
ENTRIES: Final = (SYSTEM, ROOF, MATCH)
KEYS: Final = {
    SYSTEM.name: ("system_id",),
    ROOF.name: ("roof_id",),
    MATCH.name: ("system_id", "roof_id", "park_id"),
}


def facts_of(table: sa.Table) -> list[str]:
    """Return the columns that hold what an entry says, in order."""
    own = {"entry_id", "batch_id", "valid_from", "valid_to", "withdrawn", *KEYS[table.name]}
    return [column.name for column in table.columns if column.name not in own]
