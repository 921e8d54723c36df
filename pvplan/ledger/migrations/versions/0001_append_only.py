"""Batches and entries of systems, roofs and matches; nothing is changed or taken away."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = ("batch", "system_entry", "roof_entry", "match_entry")
_REPLACES = {"batch": "batch_id = NEW.batch_id OR made_at_us = NEW.made_at_us"}


def _entry(name: str, *columns: sa.Column) -> None:  # type: ignore[type-arg]
    op.create_table(
        name,
        sa.Column("entry_id", _ID, primary_key=True, autoincrement=True),
        sa.Column("batch_id", _ID, sa.ForeignKey("batch.batch_id"), nullable=False),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_to", sa.Date),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        *columns,
        sqlite_autoincrement=True,
    )


def upgrade() -> None:
    """Make the tables, their indexes, and the triggers that refuse changes."""
    op.create_table(
        "batch",
        sa.Column("batch_id", _ID, primary_key=True, autoincrement=True),
        sa.Column("made_at_us", sa.BigInteger, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    _entry(
        "system_entry",
        sa.Column("system_id", sa.Text, nullable=False, index=True),
        sa.Column("name", sa.Text),
        sa.Column("roof_id", sa.Text),
        sa.Column("park", sa.Text),
        sa.Column("longitude", sa.Double),
        sa.Column("latitude", sa.Double),
        sa.Column("capacity_dc_w", sa.BigInteger),
        sa.Column("capacity_ac_w", sa.BigInteger),
        sa.Column("capacity_basis", sa.Text),
        sa.Column("status", sa.Text),
        sa.Column("filed_on", sa.Date),
        sa.Column("commissioned_on", sa.Date),
        sa.Column("source", sa.Text),
    )
    _entry(
        "roof_entry",
        sa.Column("roof_id", sa.Text, nullable=False, index=True),
        sa.Column("state", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("evidence", sa.Text),
        sa.Column("review_on", sa.Date),
    )
    _entry(
        "match_entry",
        sa.Column("system_id", sa.Text, nullable=False, index=True),
        sa.Column("roof_id", sa.Text),
        sa.Column("park_id", sa.Text),
        sa.Column("decision", sa.Text),
        sa.Column("reason", sa.Text),
    )
    _refuse_changes()


def _refuse_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in _TABLES:
            # INSERT OR REPLACE takes a row away without a DELETE that a trigger would see.
            replaces = _REPLACES.get(table, "entry_id = NEW.entry_id")
            stands = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {replaces}) "  # noqa: S608
            for verb, name, when in (
                ("UPDATE", "update", ""), ("DELETE", "delete", ""), ("INSERT", "replace", stands),
            ):  # fmt: skip
                op.execute(
                    f"CREATE TRIGGER {table}_no_{name} BEFORE {verb} ON {table} {when}"
                    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION pvplan_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
    )
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION pvplan_append_only()"
        )
