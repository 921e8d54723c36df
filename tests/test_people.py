"""Who may write: one machine without accounts, or a login and a table of roles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as some

from pvplan.errors import InputError
from pvplan.ui import people
from pvplan.ui.who_line import ROLE, WHY

LI, WANG, ZHAO = "li@city.example", "wang@city.example", "zhao@city.example"
TABLE = f'[roles]\n"{LI}" = "editor"\n"Wang@City.example" = "admin"\n"{ZHAO}" = "viewer"\n'
Logged = Callable[..., None]


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No secrets of this machine, no table, no name typed."""
    monkeypatch.setattr(st, "secrets", {})
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setenv(people.ROLES_FILE, str(tmp_path / "roles.toml"))


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Logged:
    """Configure a login, and say who the identity provider says is there."""

    def put(mail: str | None = None, **more: Any) -> None:
        told = {"is_logged_in": mail is not None, **({"email": mail} if mail else {}), **more}
        monkeypatch.setattr(st, "secrets", {"auth": {"client_id": "x"}})
        monkeypatch.setattr(st, "user", SimpleNamespace(to_dict=lambda: told))

    return put


def table(text: str) -> None:
    people.roles_file().write_text(text, encoding="utf-8")


def test_on_one_machine_everybody_writes_under_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people.getpass, "getuser", lambda: "machine")
    assert people.current() == people.Person("machine", "admin")
    st.session_state[people.NAME] = "  李\n梅\t<b> "
    assert people.writer() == people.Person("李 梅 <b>", "admin")


def test_without_a_name_nothing_is_written() -> None:
    st.session_state[people.NAME] = " \u200b\u202e "
    with pytest.raises(InputError, match="a name is needed"):
        people.writer()


def test_a_machine_user_without_a_name_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("no entry")

    monkeypatch.setattr(people.getpass, "getuser", nameless)
    assert people.current().name == ""


@pytest.mark.parametrize(
    ("address", "role"), [("127.0.0.1", "admin"), ("localhost", "admin"), ("0.0.0.0", "viewer"),  # noqa: S104
                          (None, "viewer")]
)  # fmt: skip
def test_a_server_that_others_reach_is_for_reading_until_there_is_a_login(
    monkeypatch: pytest.MonkeyPatch, address: str | None, role: str
) -> None:
    monkeypatch.setattr(st, "get_option", {"server.address": address}.get)
    assert people.current().role == role
    assert people.current().why == ("" if role == "admin" else "shared")


def test_the_table_says_who_may_write(logged: Logged) -> None:
    table(TABLE)
    seen = {}
    for mail in (LI.upper(), WANG, ZHAO, "stranger@city.example"):
        logged(mail)
        seen[mail] = people.current()
    assert seen[LI.upper()] == people.Person(LI, "editor")
    assert seen[WANG].role == "admin"
    assert seen[ZHAO] == people.Person(ZHAO, "viewer", "listed_viewer")
    assert seen["stranger@city.example"].why == "not_listed"
    logged(LI)
    assert people.writer().name == LI


@pytest.mark.parametrize(
    ("mail", "more", "why"),
    [
        (None, {}, "log_in"),
        (LI, {"is_logged_in": False}, "log_in"),
        ("", {"is_logged_in": True}, "log_in"),
        (LI, {"email_verified": False}, "unverified"),
        (ZHAO, {}, "listed_viewer"),
    ],
)
def test_whoever_may_only_read_is_refused(
    logged: Logged, mail: str | None, more: dict[str, Any], why: str
) -> None:
    table(TABLE)
    logged(mail, **more)
    assert people.current().why == why
    with pytest.raises(people.NotAllowedError):
        people.writer()


def test_a_typed_name_is_nothing_where_there_is_a_login(logged: Logged) -> None:
    table(TABLE)
    st.session_state[people.NAME] = LI
    logged(None)
    assert people.current() == people.Person("", "viewer", "log_in")
    logged(WANG)
    assert people.current().name == WANG


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f'[roles]\n"{LI}" = "edtor"\n', "did you mean 'editor'"),
        (f'"{LI}" = "editor"\n', "write roles below"),
        ("roles = 3\n", "is no table"),
        ("[roles\n", "cannot be read"),
    ],
)
def test_a_table_with_a_fault_lets_nobody_write(logged: Logged, text: str, fault: str) -> None:
    table(text)
    logged(LI)
    with pytest.raises(InputError, match=fault):
        people.role_table()
    assert people.current().why == "table"
    with pytest.raises(people.NotAllowedError):
        people.writer()


def test_without_a_table_everybody_who_logs_in_reads(logged: Logged) -> None:
    logged(WANG)
    assert people.role_table() == {}
    assert people.current().why == "not_listed"


def test_secrets_that_cannot_be_read_let_nobody_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from streamlit.errors import StreamlitSecretNotFoundError

    class Broken:
        def __contains__(self, key: str) -> bool:
            raise StreamlitSecretNotFoundError("no good")

    secrets = tmp_path / "secrets.toml"
    monkeypatch.setattr(st, "secrets", Broken())
    options = {"server.address": "127.0.0.1", "secrets.files": [str(secrets)]}
    monkeypatch.setattr(st, "get_option", options.get)
    assert people.current().role == "admin"
    secrets.write_text("[auth\n", encoding="utf-8")
    assert people.current() == people.Person("", "viewer", "secrets")
    with pytest.raises(people.NotAllowedError):
        people.writer()


@given(some.text(max_size=200), some.integers(1, 80))
def test_a_line_is_bounded_and_shows_all_that_it_holds(text: str, longest: int) -> None:
    line = people.safe_line(text, longest)
    assert len(line) <= longest
    assert line == line.strip()
    assert "  " not in line
    assert not set(line) & set("\n\r\t\0\x1b\u202e\u200b\u2028")
    assert people.safe_line(line, longest) == line


def test_every_role_and_reason_has_its_words() -> None:
    from typing import get_args

    assert set(ROLE) == set(people.ROLES)
    assert set(WHY) == set(get_args(people.Why)) - {""}
