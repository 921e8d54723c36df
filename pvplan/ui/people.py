"""Who sits before the page, and what they may write.

Without ``[auth]`` among the server's secrets there is one machine and no account: whoever sits
there is editor and admin, under a name of their own; a server that other machines reach is then
for reading only. With ``[auth]`` the reader logs in, and a table of the server's owner says who
may write. Every function that writes asks :func:`writer`.
"""

from __future__ import annotations

import getpass
import os
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from pvplan.errors import InputError, PvplanError, nearest

Role = Literal["viewer", "editor", "admin"]
Why = Literal[
    "", "log_in", "unverified", "not_listed", "listed_viewer", "table", "secrets", "shared"
]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
ROLES_FILE: Final = "PVPLAN_ROLES"
DEFAULT_FILE: Final = Path(__file__).resolve().parents[2] / ".streamlit" / "roles.toml"
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
NAME: Final = "who"
LONGEST: Final = 60


class NotAllowedError(PvplanError):
    """The reader may not write."""


@dataclass(frozen=True)
class Person:
    """A reader.

    Attributes
    ----------
    name
        What the ledger records; empty where nobody is named.
    role
        What they may do.
    why
        Why they may only read; empty for those who may write.
    """

    name: str
    role: Role
    why: Why = ""

    @property
    def may_write(self) -> bool:
        """Whether the role allows writing; a name is needed too."""
        return self.role != "viewer"


def with_login() -> bool:
    """Tell whether readers log in here; secrets that cannot be read count as a login."""
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError:
        return _secrets_there()


def one_machine() -> bool:
    """Tell whether the server listens to its own machine only."""
    return st.get_option("server.address") in LOOPBACK


def _secrets_there() -> bool:
    return any(Path(str(name)).exists() for name in st.get_option("secrets.files") or ())


def _secrets_broken() -> bool:
    try:
        return "auth" not in st.secrets
    except StreamlitSecretNotFoundError:
        return True


def current() -> Person:
    """Return the reader, by what the server knows now."""
    if not with_login():
        return Person(typed_name(), "admin") if one_machine() else Person("", "viewer", "shared")
    if _secrets_broken():
        return Person("", "viewer", "secrets")
    told: Mapping[str, Any] = st.user.to_dict()
    mail = safe_line(str(told.get("email") or ""), LONGEST).casefold()
    if not told.get("is_logged_in") or not mail:
        return Person("", "viewer", "log_in")
    if str(told.get("email_verified", True)).casefold() in ("false", "0", "none"):
        return Person(mail, "viewer", "unverified")
    try:
        table = role_table()
    except InputError:
        return Person(mail, "viewer", "table")
    role = table.get(mail, "viewer")
    why: Why = "" if role != "viewer" else "listed_viewer" if mail in table else "not_listed"
    return Person(mail, role, why)


def writer() -> Person:
    """Return the reader where they may write: the one gate before every write.

    Raises
    ------
    NotAllowedError
        They may only read.
    InputError
        They gave no name to be recorded.
    """
    person = current()
    if not person.may_write:
        raise NotAllowedError("this reader may not write")
    if not person.name:
        raise InputError("a name is needed: what is written names who wrote it")
    return person


def typed_name() -> str:
    """Return the name typed in this session, else that of the machine's user."""
    typed = st.session_state.get(NAME)
    return machine_user() if typed is None else safe_line(str(typed), LONGEST)


def machine_user() -> str:
    """Return the login of the machine's user, empty where it has none."""
    try:
        return safe_line(getpass.getuser(), LONGEST)
    except (OSError, KeyError):
        return ""


def safe_line(text: str, longest: int) -> str:
    """Return a text as one bounded line without anything that does not show."""
    # Letters of other scripts may need joiners; what turns the direction of a line may hide a name.
    plain = "".join(
        " " if letter.isspace() else letter
        for letter in text
        if letter.isspace() or unicodedata.category(letter)[0] != "C"
    )
    return re.sub(" +", " ", plain).strip()[:longest].strip()


def roles_file() -> Path:
    """Return the file of the role table: ``$PVPLAN_ROLES``, or ``.streamlit/roles.toml``."""
    return Path(os.environ.get(ROLES_FILE) or DEFAULT_FILE)


def role_table() -> dict[str, Role]:
    """Read the role table: e-mail address, small letters, to role; empty without a file.

    Raises
    ------
    InputError
        Each fault of the file.
    """
    path = roles_file()
    if not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name}: cannot be read ({error})") from error
    rows = content.get("roles", {})
    if not isinstance(rows, dict):
        raise InputError(f"{path.name}: [roles] is no table")
    faults, found = [], {}
    for mail, role in rows.items():
        if role not in ROLES:
            faults.append(f"{path.name}: {mail}: role '{role}'; {nearest(str(role), ROLES)}")
        else:
            found[str(mail).strip().casefold()] = role
    faults += [
        f"{path.name}: {key}: write roles below [roles]" for key in content if key != "roles"
    ]
    if faults:
        raise InputError(faults)
    return found
