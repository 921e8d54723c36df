"""What an admin sees beside the lists: who may do what, and every batch of the ledger."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pvplan.errors import PvplanError
from pvplan.ui import decided_shown, deciding, faults, numbers, people
from pvplan.ui.who_line import ROLE
from pvplan.ui.words import Language, say

MOST_BATCHES = 500


def show(language: Language) -> None:
    """Show the role table and the batches of the ledger to an admin; nothing to others."""
    if people.current().role != "admin":
        return
    with st.expander(say("admin", language)):
        st.markdown(f"##### {say('roles', language)}")
        _roles(language)
        if deciding.where() is not None:
            st.markdown(f"##### {say('batches', language)}")
            _batches(language)


def _roles(language: Language) -> None:
    if not people.with_login():
        st.text(say("roles_open", language))
        return
    try:
        table = people.role_table()
    except PvplanError as error:
        faults.listed(error.faults)
        return
    if not table:
        st.text(say("roles_none", language))
        return
    heads = [say(key, language) for key in ("mail", "role")]
    rows = [(mail, say(ROLE[role], language)) for mail, role in sorted(table.items())]
    st.dataframe(
        pd.DataFrame(rows, columns=heads), hide_index=True, height="content",
        alt=say("roles", language),
    )  # fmt: skip


def _batches(language: Language) -> None:
    try:
        found = deciding.batches().head(MOST_BATCHES)
    except PvplanError as error:
        decided_shown.unusable(error, language)
        return
    table = pd.DataFrame(
        {
            say("batch", language): found["batch_id"].to_numpy(),
            say("when", language): [decided_shown.moment(at) for at in found["made_at"]],
            say("batch_kind", language): found["kind"].to_numpy(),
            say("who", language): found["made_by"].to_numpy(),
            say("why", language): found["reason"].to_numpy(),
            say("head_source", language): found["source"].to_numpy(),
        }
    )
    st.dataframe(
        table, hide_index=True, placeholder=numbers.DASH, alt=say("batches", language),
        height=360 if len(table) > 9 else "content",
    )  # fmt: skip
