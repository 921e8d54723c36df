"""The page of the checks: the run's warnings and the input rows that were not used as given."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from pvplan.tables import REJECTED_TOLD
from pvplan.ui import frame, numbers
from pvplan.ui.frame import View
from pvplan.ui.words import WORDS, say

QUOTED: Final = r"'[^']*'|“[^”]*”"
COUNTED_BY: Final = ["input", "done", "reason"]


def warnings(view: View) -> None:
    """Show the warnings of the run as text."""
    st.markdown(f"##### {view.say('warnings')}")
    found = [str(warning) for warning in view.plan.meta.get("warnings") or ()]
    if not found:
        st.caption(view.say("no_warnings"))
    for warning in found:
        st.text(f"• {warning}")


def rejected(view: View) -> None:
    """Count the rows by input and reason, and list every one."""
    st.markdown(f"##### {view.say('rejected')}")
    rows = in_words(view, view.plan.rejected)
    if not len(rows):
        st.caption(view.say("no_rejected"))
        return
    heads = {
        column.name: column.zh if view.language == "zh" else column.en for column in REJECTED_TOLD
    }
    # A reason may quote what it met in the row; rows of one kind are counted together.
    kinds = rows.assign(reason=rows["reason"].str.replace(QUOTED, "'…'", regex=True))
    counts = kinds.groupby(COUNTED_BY, sort=False, dropna=False).size()
    counted = counts.rename("count").reset_index().sort_values("count", ascending=False)
    st.dataframe(
        counted, hide_index=True, column_config={**heads, "count": view.say("count")},
        placeholder=numbers.DASH, alt=view.say("rejected"),
    )  # fmt: skip
    st.dataframe(
        rows, hide_index=True, column_config=heads, placeholder=numbers.DASH,
        alt=view.say("rejected"),
    )  # fmt: skip


def in_words(view: View, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with input, reason and what was done in the reader's language."""
    reason = "reason_zh" if view.language == "zh" else "reason"
    shown = [column.name for column in REJECTED_TOLD if not column.name.startswith("reason")]
    changed = rows.loc[:, shown].copy()
    changed.insert(shown.index("done"), "reason", rows[reason])
    for name in ("input", "done"):
        known = {value: f"{name}_{value}" for value in changed[name].dropna().unique()}
        said = {value: say(key, view.language) for value, key in known.items() if key in WORDS}
        changed[name] = changed[name].replace(said)
    return changed


frame.heading(frame.current(), "page_checks")
warnings(frame.current())
rejected(frame.current())
