"""The line in the sidebar that says who is reading, and lets them log in or name themselves."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pvplan.ui import people
from pvplan.ui.words import Language, say

WHY: Final = {
    "log_in": "why_log_in",
    "unverified": "why_unverified",
    "not_listed": "why_not_listed",
    "listed_viewer": "why_listed_viewer",
    "table": "why_table",
    "secrets": "why_secrets",
    "shared": "why_shared",
}
ROLE: Final = {"viewer": "role_viewer", "editor": "role_editor", "admin": "role_admin"}


def show(language: Language) -> None:
    """Show the reader and their role; offer a name, or to log in or out."""
    person = people.current()
    with st.sidebar.container(key="who-line"):
        if not people.with_login():
            if people.one_machine():
                _name(language)
            return
        if person.name:
            st.text(f"{person.name}  ·  {say(ROLE[person.role], language)}")
        log_in_or_out(language, logged_in=bool(person.name), key="side")


def log_in_or_out(language: Language, *, logged_in: bool, key: str) -> None:
    """Offer to log in, or to log out."""
    if logged_in:
        st.button(say("log_out", language), key=f"log-out-{key}", on_click=st.logout)
    else:
        st.button(say("log_in", language), key=f"log-in-{key}", on_click=st.login)


def _name(language: Language) -> None:
    """Let the reader of a machine without accounts say under which name decisions are recorded."""
    widget = f"{people.NAME}-typed"
    if widget not in st.session_state:
        st.session_state[widget] = people.typed_name()

    def take() -> None:
        st.session_state[people.NAME] = st.session_state[widget]

    st.text_input(
        say("your_name", language), key=widget, max_chars=people.LONGEST, on_change=take,
        help=say("your_name_help", language),
    )  # fmt: skip


def refused(person: people.Person, language: Language) -> None:
    """Say why a reader may not write, and what to do."""
    with st.container(border=True, key="no-permission"):
        st.markdown(f"##### {say('no_permission', language)}")
        st.text(say(WHY[person.why], language))
        if person.why == "log_in":
            log_in_or_out(language, logged_in=False, key="refused")
