"""The database beneath: nothing is overwritten; what cannot be used is refused with a remedy."""

from __future__ import annotations

import re
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError

from pvplan.errors import InputError
from pvplan.ledger import Ledger, open_ledger
from pvplan.ledger.schema import METADATA, VERSION_TABLE
from tests.ledger.conftest import PASSWORD, Fresh, Server
from tests.ledger.registers import ME, counted, kw, register

TABLES = sorted(METADATA.tables)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """A ledger with a row in each table."""
    ledger.import_rows(register({"a": 1.0}), ME)
    ledger.record_roof("r", "feasible", ME)
    ledger.record_match("a", ME, roof_id="r")
    assert set(counted(ledger)) == set(TABLES) and min(counted(ledger).values()) == 1
    return ledger


def refused(ledger: Ledger, statement: str) -> None:
    """Assert that a statement is refused, and changed nothing."""
    before, digest = counted(ledger), ledger.digest()
    with (
        pytest.raises(DBAPIError, match="the ledger is append-only"),
        ledger._engine.begin() as connection,
    ):
        connection.exec_driver_sql(statement)
    assert (counted(ledger), ledger.digest()) == (before, digest)


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_neither_changed_nor_taken_away(filled: Ledger, table: str) -> None:
    key = METADATA.tables[table].primary_key.columns.keys()[0]
    refused(filled, f"DELETE FROM {table}")  # noqa: S608
    for column in [one.name for one in METADATA.tables[table].columns]:
        refused(filled, f"UPDATE {table} SET {column} = {column} WHERE {key} = 1")  # noqa: S608


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_not_taken_away_by_other_ways(filled: Ledger, table: str) -> None:
    if filled._engine.dialect.name == "postgresql":
        refused(filled, f"TRUNCATE {table} CASCADE")
        return
    for words in ("INSERT OR REPLACE", "REPLACE"):
        refused(filled, f"{words} INTO {table} SELECT * FROM {table}")  # noqa: S608
    refused(
        filled,
        "REPLACE INTO batch SELECT 99, made_at_us, kind, made_by, reason, source, sha256"
        " FROM batch",
    )


def test_the_migrations_make_just_the_tables_that_the_program_reads(ledger: Ledger) -> None:
    with ledger._engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": True,
                "compare_server_default": True,
            },
        )
        assert compare_metadata(context, METADATA) == []
        # The comparison itself can fail.
        other = sa.MetaData()
        for table in METADATA.tables.values():
            table.to_metadata(other)
        other.tables["batch"].append_column(sa.Column("more", sa.Text))
        assert len(compare_metadata(context, other)) == 1


def test_a_ledger_is_made_once_and_opened_again(where: str) -> None:
    with open_ledger(where, create=True) as ledger:
        ledger.import_rows(register({"a": 1.0}), ME)
    for create in (True, False):
        with open_ledger(where, create=create) as ledger:
            assert kw(ledger.systems()) == {"a": 1.0}


def test_a_ledger_of_a_newer_program_is_refused(where: str) -> None:
    with open_ledger(where, create=True) as ledger, ledger._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9001'")  # noqa: S608
        shown = ledger.shown
    with pytest.raises(InputError) as error:
        open_ledger(where)
    assert str(error.value) == (
        f"{shown}: was written by a newer program (schema 9001); update pvplan"
    )


def test_where_there_is_no_ledger_none_is_made_by_looking(fresh: Fresh) -> None:
    where = fresh()
    for _ in range(2):
        with pytest.raises(InputError, match="`register import` makes one"):
            open_ledger(where)
    assert "://" in where or not Path(where).exists()


def test_the_table_of_another_program_is_not_touched(where: str) -> None:
    engine = sa.create_engine(
        where.replace("postgresql:", "postgresql+psycopg:")
        if "://" in where
        else f"sqlite:///{where}"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE batch (id integer)")
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num text)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")
    with pytest.raises(InputError, match=r"holds tables of something else \(first: \w+\); give an"):
        open_ledger(where, create=True)
    with engine.begin() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {"batch", "alembic_version"}
    engine.dispose()


# --- SQLite -----------------------------------------------------------------------------------


def test_a_file_is_written_ahead(tmp_path: Path) -> None:
    """WAL: kept in the file, whoever opens it."""
    path = tmp_path / "ledger.db"
    open_ledger(path, create=True).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        # As a copy by VACUUM INTO would be:
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    connection.close()
    open_ledger(path).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_file_is_opened_while_another_changes_its_journal(tmp_path: Path) -> None:
    """SQLite refuses at once to change the journal where another holds the file: ask again."""
    path = tmp_path / "ledger.db"
    open_ledger(path, create=True).close()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.5, other.execute, ["COMMIT"])
    release.start()
    with open_ledger(path) as ledger:
        assert ledger.import_rows(register({"a": 1.0}), ME).added == 1
    release.join()
    other.close()


def test_the_database_of_another_program_is_left_as_it_was(tmp_path: Path) -> None:
    """A GeoPackage is a SQLite file too: no table of ours, no other journal."""
    path = tmp_path / "city.gpkg"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE roofs (id integer)")
    connection.close()
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(InputError, match=r"of something else \(first: roofs\); give"):
            open_ledger(path, create=create)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["city.gpkg"]


def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.csv").write_text("system_id,capacity_kw\n", encoding="utf-8")
    for name, why in (
        (".", "is a folder; give a file"),
        ("text.csv", "is no SQLite database; give another file"),
        ("none/ledger.db", "its folder does not exist; make it"),
    ):
        with pytest.raises(InputError, match=f"{re.escape(str(tmp_path / name))}: {why}"):
            open_ledger(tmp_path / name, create=True)
    assert (tmp_path / "text.csv").read_text(encoding="utf-8") == "system_id,capacity_kw\n"
    with pytest.raises(InputError, match=r"ledger\.db: no ledger stands here; `register import` m"):
        open_ledger(tmp_path / "ledger.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(InputError, match=r"empty\.db: no ledger stands here"):
        open_ledger(tmp_path / "empty.db")
    open_ledger(tmp_path / "empty.db", create=True).close()


def test_a_torn_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with open_ledger(path, create=True) as ledger:
        ledger.import_rows(register({"a": 1.0}), ME)
    path.write_bytes(path.read_bytes()[:4096])
    with pytest.raises(InputError, match=r"ledger\.db: the ledger cannot be used \(.+\); see that"):
        open_ledger(path).systems()


def test_a_path_and_its_address_are_the_same_ledger(tmp_path: Path) -> None:
    path = tmp_path / "目录 %41 #1" / "台账.db"
    path.parent.mkdir()
    with open_ledger(path, create=True) as ledger:
        ledger.import_rows(register({"a": 1.0}), ME)
        assert ledger.shown == str(path)
    for where in (str(path), sa.URL.create("sqlite", database=str(path)).render_as_string()):
        with open_ledger(where) as ledger:
            assert kw(ledger.systems()) == {"a": 1.0}


# --- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:cret@se@host/db",
        "postgresql://u:secret@host:se/cret",
        "se cret://u:secret@host/db",
        "://secret",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(
        InputError, match=r"no URL; write sqlite:///F\.db or postgresql://"
    ) as error:
        open_ledger(address)
    assert "cret" not in str(error.value) and "cret" not in repr(error.value.__cause__)


@pytest.mark.parametrize("kind", ["mysql", "mysql+pymysql", "oracle", "duckdb", "http"])
def test_a_database_of_another_kind_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"begins with '{kind}'; write sqlite:///F.db")):
        open_ledger(f"{kind}://u:p@127.0.0.1/db")


@pytest.mark.parametrize("kind", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_way_to_write_postgresql_is_understood(fresh_postgresql: Fresh, kind: str) -> None:
    where = fresh_postgresql().replace("postgresql:", f"{kind}:")
    with open_ledger(where, create=True) as ledger:
        assert ledger.import_rows(register({"a": 1.0}), ME).added == 1


def test_the_password_is_never_shown(server: Server, fresh_postgresql: Fresh) -> None:
    where = fresh_postgresql()
    told = []
    with open_ledger(where, create=True) as ledger:
        told += [ledger.shown, repr(ledger._engine), str(ledger._engine.url)]
        with ledger._engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE match_entry")
        with pytest.raises(InputError) as error:
            ledger.seen()
        told.append(str(error.value))
    by_query = f"{where.split('//')[0]}//pvplan@{where.split('@')[1]}?password=secret"
    wrong = {
        "password authentication failed": where.replace("%40ss", "secret"),
        "authentication failed": by_query,
        'database "secre" does not exist': server.url("secre"),
    }
    for why, address in wrong.items():
        with pytest.raises(InputError, match=why) as error:
            open_ledger(address)
        assert "127.0.0.1" in str(error.value) and "see that it is there" in str(error.value)
        told.append(str(error.value))
    assert told[0].startswith("postgresql+psycopg://pvplan:***@127.0.0.1")
    for text in told:
        assert PASSWORD not in text and "secret" not in text and "%40ss" not in text, text


def test_a_server_that_is_not_there_is_told() -> None:
    # Port 1 of this machine: nobody listens there.
    with pytest.raises(InputError, match=r"^postgresql\+psycopg://u:\*\*\*@127\.0\.0\.1:1/db: the "
                       r"ledger cannot be used \(.*refused.*\); see that it is there"):  # fmt: skip
        open_ledger("postgresql://u:secret@127.0.0.1:1/db")


# --- PostgreSQL -------------------------------------------------------------------------------


def test_a_database_is_shared_with_other_programs(server: Server, fresh_postgresql: Fresh) -> None:
    where = fresh_postgresql()
    name = where.rsplit("/", maxsplit=1)[-1]
    server.execute("CREATE TABLE spatial_ref_sys (id integer)", name)
    server.execute("CREATE TABLE alembic_version AS SELECT 'f00'::text AS version_num", name)
    with open_ledger(where, create=True) as ledger:
        ledger.import_rows(register({"a": 1.0}), ME)
    assert server.execute("SELECT * FROM alembic_version", name) == [("f00",)]


def test_text_is_kept_whatever_the_encoding_of_the_server(server: Server) -> None:
    """Debian's package makes SQL_ASCII where no language is set; others cannot hold Chinese."""
    for encoding in ("SQL_ASCII", "LATIN1"):
        server.execute(
            f"CREATE DATABASE {encoding} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
            " TEMPLATE template0"
        )
    with open_ledger(server.url("sql_ascii"), create=True) as ledger:
        ledger.import_rows(register({"甲": {"name": "一号厂房"}}), ME)
        assert ledger.systems()["name"].to_dict() == {"甲": "一号厂房"}
    with pytest.raises(InputError, match="holds text as LATIN1; make one with ENCODING 'UTF8'"):
        open_ledger(server.url("latin1"), create=True)
