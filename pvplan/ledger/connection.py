"""One engine for SQLite files and PostgreSQL servers: locks, refusals, and the schema's version."""

from __future__ import annotations

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
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pvplan.errors import InputError

MIGRATIONS: Final = Path(__file__).with_name("migrations")
_WAIT_S: Final = 60.0
_SQLITE: Final = b"SQLite format 3\x00"
_LOCK: Final = 0x70_76_70_6C_61_6E  # "pvplan": the advisory lock of a PostgreSQL database


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
    shown = _shown(url)
    if url.get_backend_name() == "sqlite":
        _check_file(url, create=create)
    try:
        engine = sa.create_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare)
            event.listen(engine, "begin", _begin)
        with saying(shown):
            _migrate(engine, shown, create=create)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"{shown}: its driver is not there ({error}); for PostgreSQL install psycopg and write"
            " postgresql+psycopg://USER@HOST/DATABASE"
        ) from error
    return engine


def _url(where: str | Path) -> sa.URL:
    if isinstance(where, Path) or "://" not in where:
        return sa.URL.create("sqlite", database=str(where))
    try:
        return sa.make_url(where)
    except ArgumentError as error:
        raise InputError(
            "the ledger's address is no URL; write sqlite:///F.db or"
            " postgresql+psycopg://USER@HOST/DATABASE"
        ) from error


def _shown(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


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
    """Leave transactions to SQLAlchemy, and let readers read while one writes."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {int(_WAIT_S * 1000)}", "journal_mode = WAL", "foreign_keys = ON",
        "synchronous = FULL",
    ):  # fmt: skip
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    """Take the write lock at once where one will write: nobody slips in between read and write."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def saying(shown: str) -> Iterator[None]:
    """Turn a failure of the database into one that names it, without its password."""
    try:
        yield
    except DBAPIError as error:
        why = str(error.orig).strip().splitlines()
        raise InputError(
            f"{shown}: the ledger cannot be used ({why[0] if why else type(error).__name__});"
            " see that it is there, may be written, and is not held by another program"
        ) from error


@contextmanager
def locked(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Hold the database alone: all that is written inside comes whole or not at all."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        yield connection


def _migrate(engine: sa.Engine, shown: str, *, create: bool) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = ScriptDirectory.from_config(config)
    with locked(engine) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == known.get_current_head():
            return
        if current is None:
            strange = set(sa.inspect(connection).get_table_names()) & {"batch", "system_entry"}
            if strange:
                raise InputError(f"{shown}: holds tables of something else; give another database")
            if not create:
                raise InputError(f"{shown}: holds no ledger; `register import` makes one")
        elif current not in {script.revision for script in known.walk_revisions()}:
            raise InputError(
                f"{shown}: was written by a newer program (schema {current}); update pvplan"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
