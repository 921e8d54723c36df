"""Databases for the ledger: SQLite files, and a PostgreSQL server started for the session."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from pvplan.ledger import Ledger, open_ledger
from tests.conftest import absent

# Every character that an address must escape.
PASSWORD = "p@ss:w/rd#?%"  # noqa: S105 (of a server that lives for a minute)
Fresh = Callable[[], str]


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL server."""

    port: int

    def url(self, database: str) -> str:
        return f"postgresql://pvplan:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside a transaction, as CREATE DATABASE wants it."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(statement)  # type: ignore[arg-type]
            return found.fetchall() if found.description else []


def _programs() -> Path | None:
    """Return the folder of initdb, pg_ctl and postgres."""
    known = shutil.which("initdb")
    places = [Path(known).resolve().parent] if known else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    needed = ("initdb", "pg_ctl", "postgres")
    whole = (place for place in places if all((place / name).exists() for name in needed))
    return next(whole, None)


def _unprivileged() -> str | None:
    """Return the user to run the server as: initdb refuses root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Start a server of its own in a folder of its own, and stop it at the end."""
    programs = _programs()
    if programs is None:
        absent("no PostgreSQL is installed (Debian: apt install postgresql)")
    # Not below pytest's folders: only root may enter those.
    folder = Path(tempfile.mkdtemp(prefix="pvplan-pg-"))
    user = _unprivileged()
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    if user is not None:
        for path in (folder, folder / "password"):
            shutil.chown(path, user)

    def run(program: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(programs / program), "-D", str(folder / "cluster"), *options],
            user=user, group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None, cwd=folder, env={"LC_ALL": "C", "PATH": os.defpath},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, timeout=120,
        )  # fmt: skip

    try:
        made = run(
            "initdb", "--username=pvplan", "--auth=scram-sha-256", "--encoding=UTF8",
            "--no-locale", "--no-sync", f"--pwfile={folder / 'password'}",
        )  # fmt: skip
        assert made.returncode == 0, made.stdout
        yield _started(run, folder)
    finally:
        run("pg_ctl", "stop", "-m", "immediate")
        shutil.rmtree(folder)


def _started(run: Callable[..., subprocess.CompletedProcess[str]], folder: Path) -> Server:
    log = folder / "log"
    # Another program may take the port between the look and the start.
    for _ in range(3):
        port = _free_port()
        options = (
            f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
            " -c full_page_writes=off -c max_connections=50"
        )
        if run("pg_ctl", "start", "-w", "-l", str(log), "-o", options).returncode == 0:
            break
    else:
        raise AssertionError(log.read_text(encoding="utf-8"))
    found = Server(port)
    # Text in the order of a language, so that a test can see whether the ledger leans on it.
    newer = int(str(found.execute("SHOW server_version_num")[0][0])) >= 150_000
    sorting = " LOCALE_PROVIDER icu ICU_LOCALE 'en-US'" if newer else ""
    found.execute(f"CREATE DATABASE empty TEMPLATE template0{sorting}")
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Run the test once on each kind of database."""
    return str(request.param)


_NUMBERS = itertools.count()


@pytest.fixture
def fresh_sqlite(tmp_path: Path) -> Fresh:
    """Return addresses of SQLite files that do not exist yet."""
    return lambda: str(tmp_path / f"ledger-{next(_NUMBERS)}.db")


@pytest.fixture
def fresh_postgresql(server: Server) -> Iterator[Fresh]:
    """Return addresses of new empty databases on the server."""
    made = []

    def fresh() -> str:
        made.append(f"test_{next(_NUMBERS)}")
        server.execute(f"CREATE DATABASE {made[-1]} TEMPLATE empty")
        return server.url(made[-1])

    yield fresh
    for name in made:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def fresh(backend: str, request: pytest.FixtureRequest) -> Fresh:
    """Return addresses of databases in which there is nothing yet."""
    found: Fresh = request.getfixturevalue(f"fresh_{backend}")
    return found


@pytest.fixture
def where(fresh: Fresh) -> str:
    """Address of a database in which there is nothing yet."""
    return fresh()


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    """An empty ledger."""
    with open_ledger(where, create=True) as opened:
        yield opened
