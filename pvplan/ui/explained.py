"""Where a number comes from, shown under the number that the reader picks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
import streamlit as st

from pvplan.errors import InputError
from pvplan.reports.explain import Explained, explain, sources
from pvplan.reports.words import value_told
from pvplan.ui import faults, numbers
from pvplan.ui.frame import View
from pvplan.ui.words import Language

MOST_ROWS: Final = 12
WIDTHS: Final = {"formula": 300, "value": 170, "verified": 110}
HEADS: Final = {
    "meaning": "head_meaning",
    "value": "head_value",
    "formula": "head_formula",
    "reference": "head_reference",
    "row": "head_row",
    "key": "head_key",
    "source": "head_source",
    "verified": "head_verified",
    "role": "head_role",
    "file": "head_file",
    "sha256": "head_sha256",
}

Entries = list[Mapping[str, Any]]


def offer(view: View, references: Mapping[str, str], key: str) -> None:
    """Offer numbers by their label; the one picked is taken apart below.

    Parameters
    ----------
    view
        What the reader looks at.
    references
        Label to reference, as :func:`pvplan.reports.explain.explain` reads it.
    key
        Of the widget.
    """
    label = st.pills(
        view.say("explain_hint"), list(references), key=f"explain-{key}-{view.language}"
    )
    if label is not None:
        show(view, references[label], key)


def show(view: View, reference: str, key: str) -> None:
    """Show one number with formula, inputs, rows, assumptions, files and fingerprint."""
    try:
        found = explain(view.plan, reference)
        assumed, files = sources(view.plan, found)
    except InputError as error:
        faults.listed(error.faults)
        return
    except KeyError as error:
        # A run of an older program lacks a record that the rule now asks for.
        st.caption(view.say("explain_lacks"))
        st.text(f"{reference}  ·  {error.args[0]}")
        return
    with st.container(border=True, key=f"explained-{key}"):
        _head(view, found, assumed)
        _listed(view, "explain_inputs", _inputs(found, view.language))
        _listed(view, "explain_rows", _rows(found))
        _listed(view, "explain_assumptions", _assumptions(view, assumed))
        _listed(view, "explain_files", pd.DataFrame(files, columns=["role", "file", "sha256"]))
        st.download_button(
            view.say("explain_download"),
            json.dumps(found.as_json(), ensure_ascii=False, indent=2),
            file_name="explained.json", mime="application/json", on_click="ignore",
            key=f"explained-{key}-{reference}",
        )  # fmt: skip


def _head(view: View, found: Explained, assumed: Entries) -> None:
    meaning = found.zh if view.language == "zh" else found.en
    st.text(f"{meaning}: {value_told(found.value, found.unit)}")
    st.text(found.reference)
    if found.formula:
        check = "" if found.agrees is None else view.say(
            "explain_agrees" if found.agrees else "explain_differs"
        )  # fmt: skip
        st.text(f"= {found.formula}   {check}")
    rule = found.rule_zh if view.language == "zh" else found.rule_en
    if rule:
        st.text(rule)
    with st.container(horizontal=True):
        if found.demonstration:
            st.badge(view.say("demonstration"), color="orange")
        _checked(view, assumed)
    st.text(f"{view.say('fingerprint')}  {found.run_fingerprint}")


def _checked(view: View, assumed: Entries) -> None:
    """Say whether the sources behind a number were verified."""
    known = {bool(entry.get("verified")) for entry in assumed}
    if known == {True}:
        st.badge(view.say("explain_all_verified"), color="green")
    elif known == {False}:
        st.badge(view.say("explain_none_verified"), color="orange")
    elif known:
        st.badge(view.say("explain_some_unverified"), color="orange")


def _listed(view: View, title: str, rows: pd.DataFrame) -> None:
    if len(rows):
        st.caption(view.say(title))
        heads = {
            name: st.column_config.TextColumn(view.say(HEADS[name]), width=WIDTHS.get(name))
            for name in rows.columns
        }
        st.dataframe(
            rows, hide_index=True, column_config=heads,
            height="content" if len(rows) <= MOST_ROWS else "auto",
            placeholder=numbers.DASH, alt=view.say(title),
        )  # fmt: skip


def _inputs(found: Explained, language: Language, level: int = 0) -> pd.DataFrame:
    rows = [
        {
            "meaning": f"{'　' * depth}{each.zh if language == 'zh' else each.en}",
            "value": value_told(each.value, each.unit),
            "formula": each.formula,
            "reference": each.reference,
        }
        for depth, each in _walked(found, level)
    ]
    return pd.DataFrame(rows)


def _walked(found: Explained, level: int) -> list[tuple[int, Explained]]:
    rows: list[tuple[int, Explained]] = []
    for each in found.inputs:
        rows += [(level, each), *_walked(each, level + 1)]
    return rows


def _rows(found: Explained) -> pd.DataFrame:
    if found.rows is None:
        return pd.DataFrame()
    rows = [
        {"row": label, "value": value_told(value, found.unit)} for label, value in found.rows.shown
    ]
    left = found.rows.count - len(rows)
    if left > 0:
        rows.append({"row": f"… +{left}", "value": ""})
    return pd.DataFrame(rows)


def _assumptions(view: View, assumed: Entries) -> pd.DataFrame:
    rows = [
        {
            "key": str(entry.get("key", "")),
            "meaning": str(entry.get(view.language, "")),
            "value": value_told(entry.get("value"), str(entry.get("unit") or "")),
            "verified": view.say("verified" if entry.get("verified") else "unverified"),
            "source": str(entry.get("source", "")),
        }
        for entry in assumed
    ]
    return pd.DataFrame(rows)
