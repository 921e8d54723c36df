"""Run by Alembic inside the connection that :mod:`pvplan.ledger.connection` hands over."""

from alembic import context

from pvplan.ledger.schema import METADATA, VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
