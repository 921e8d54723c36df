"""What is installed, as known when: an append-only database, SQLite or PostgreSQL."""

from pvplan.ledger.importing import Imported
from pvplan.ledger.store import Ledger, Who, open_ledger

__all__ = ["Imported", "Ledger", "Who", "open_ledger"]
