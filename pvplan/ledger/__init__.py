"""What is installed, as known when: an append-only database, SQLite or PostgreSQL."""

from pvplan.ledger.asof import CITY_TIME, moment_of, moment_us
from pvplan.ledger.importing import Imported
from pvplan.ledger.said import OvertakenError
from pvplan.ledger.store import DATABASE_URL, Ledger, Who, open_ledger

__all__ = [
    "CITY_TIME", "DATABASE_URL", "Imported", "Ledger", "OvertakenError", "Who",
    "moment_of", "moment_us", "open_ledger",
]  # fmt: skip
