"""Run by Alembic inside the connection that :mod:`pvplan.ledger.store` hands over."""

from alembic import context

from pvplan.ledger.schema import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
