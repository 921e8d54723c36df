"""One engine for SQLite files and PostgreSQL servers: locks, refusals, and the schema's version."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError

from pvplan.errors import InputError
from pvplan.ledger.schema import METADATA, VERSION_TABLE

MIGRATIONS: Final = Path(__file__).with_name("migrations")
_WAIT_S: Final = 300
_REACH_S: Final = 10
_SQLITE: Final = b"SQLite format 3\x00"
_LOCK: Final = 0x70_76_70_6C_61_6E  # "pvplan": the advisory lock of a PostgreSQL database
_DRIVERS: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
_ADDRESSES: Final = "sqlite:///F.db or postgresql://USER:PASSWORD@HOST/DATABASE"


def engine_of(where: str | Path, *, create: bool) -> sa.Engine:
    """Return an engine for a database whose schema is up to date.

    Parameters
    ----------
    where
        A URL of SQLAlchemy, or the path of a SQLite file.
    create
        Whether a missing or empty database is made.

    Raises
    ------
    InputError
        A file that is no SQLite database; a server that cannot be reached; a database of a newer
        program, or of something else.
    """
    url = _url(where)
    if url.get_backend_name() == "sqlite":
        _check_file(url, create=create)
        engine = sa.create_engine(url)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    else:
        # Every statement sees what was committed before it, whatever the server's default: the
        # one after the wait for the lock sees what the writer before it wrote.
        ways = {"client_encoding": "utf8", "connect_timeout": _REACH_S}
        engine = sa.create_engine(
            url,
            isolation_level="READ COMMITTED",
            connect_args={key: value for key, value in ways.items() if key not in url.query},
        )
    try:
        with saying(engine):
            _migrate(engine, create=create)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _url(where: str | Path) -> sa.URL:
    if isinstance(where, Path) or "://" not in where:
        return sa.URL.create("sqlite", database=str(where))
    try:
        url = sa.make_url(where)
    except (ArgumentError, ValueError):
        url = None
    # Without the cause, and without a part that may be one of a password.
    if url is None or "@" in (url.host or ""):
        raise InputError(
            f"the ledger's address is no URL; write {_ADDRESSES}, and in the password %40 for @,"
            " %3A for :, %2F for /"
        )
    driver = _DRIVERS.get(url.get_backend_name())
    if driver is None:
        raise InputError(f"the ledger's address begins with '{url.drivername}'; write {_ADDRESSES}")
    return url.set(drivername=driver)


def shown(url: sa.URL) -> str:
    """Return the address without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    secret = {key: "***" for key in url.query if "password" in key}
    return url.update_query_dict(secret).render_as_string(hide_password=True)


def _check_file(url: sa.URL, *, create: bool) -> None:
    path = Path(url.database or "")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file for the ledger")
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as stream:
            if stream.read(len(_SQLITE)) != _SQLITE:
                raise InputError(f"{path}: is no SQLite database; give another file")
    elif not create:
        raise InputError(f"{path}: no ledger stands here; `register import` makes one")
    elif not path.absolute().parent.is_dir():
        raise InputError(f"{path}: its folder does not exist; make it, or give another file")


def _prepare(connection: Any, _record: Any) -> None:
    """Leave transactions to SQLAlchemy; a commit is on the disk when it is said to be."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout = {_WAIT_S * 1000}", "foreign_keys = ON", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    """Take the write lock at once where one will write: nobody slips in between read and write."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def saying(engine: sa.Engine) -> Iterator[None]:
    """Turn a failure of the database into one that names it, without its password."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        why = str(getattr(error, "orig", error)).strip().splitlines()
        raise InputError(
            f"{shown(engine.url)}: the ledger cannot be used"
            f" ({why[0] if why else type(error).__name__});"
            " see that it is there, may be written, and is not held by another program"
        ) from error


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """See the database as it stood at the first look, whatever is written meanwhile."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def locked(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Be the only writer: all that is written inside comes whole or not at all."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT_S}s'")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        yield connection


def _migrate(engine: sa.Engine, *, create: bool) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = ScriptDirectory.from_config(config)
    with reading(engine) as connection:
        current = _revision(connection)
        if current is None:
            _check_empty(connection, create=create)
        elif current not in {script.revision for script in known.walk_revisions()}:
            raise InputError(
                f"{shown(engine.url)}: was written by a newer program (schema {current});"
                " update pvplan"
            )
    if engine.dialect.name == "sqlite":
        _write_ahead(engine)
    if current == known.get_current_head():
        return
    with locked(engine) as connection:
        # Does nothing where another was faster.
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: sa.Connection) -> str | None:
    found = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return found.get_current_revision()


def _check_empty(connection: sa.Connection, *, create: bool) -> None:
    """Check that a ledger may be made here: alone in its file, or beside others on a server."""
    name = shown(connection.engine.url)
    tables = set(sa.inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding not in {"UTF8", "SQL_ASCII"}:
            raise InputError(
                f"{name}: the database holds text as {encoding}; make one with ENCODING 'UTF8'"
            )
        tables &= set(METADATA.tables)
    if tables:
        raise InputError(
            f"{name}: holds tables of something else (first: {min(tables)}); give another database"
        )
    if not create:
        raise InputError(f"{name}: holds no ledger; `register import` makes one")


def _write_ahead(engine: sa.Engine) -> None:
    """Let readers read while one writes; SQLite keeps this in the file.

    Of two that ask for it at once SQLite refuses one without a wait, lest each wait for the other.
    """
    raw = engine.raw_connection()
    last = time.monotonic() + _WAIT_S
    try:
        while True:
            try:
                raw.cursor().execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > last:
                    raise
                time.sleep(0.01)
    finally:
        raw.close()
