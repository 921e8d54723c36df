"""Where a number comes from, shown under the number that the reader picks."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from pvplan.errors import InputError
from pvplan.reports.explain import Explained, explain
from pvplan.reports.words import value_told
from pvplan.ui import numbers
from pvplan.ui.frame import View
from pvplan.ui.words import Language


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
        show(view, references[label])


def show(view: View, reference: str) -> None:
    """Show one number with formula, inputs, rows, assumptions, files and fingerprint."""
    try:
        found = explain(view.plan, reference)
    except InputError as error:
        for fault in error.faults:
            st.text(fault)
        return
    with st.container(border=True, key="explained"):
        _head(view, found)
        _listed(view, "explain_inputs", _inputs(found, view.language))
        _listed(view, "explain_rows", _rows(found))
        _listed(view, "explain_assumptions", _assumptions(view, found))
        _listed(
            view, "explain_files", pd.DataFrame(found.files, columns=["role", "file", "sha256"])
        )
        st.download_button(
            view.say("explain_download"),
            json.dumps(found.as_json(), ensure_ascii=False, indent=2),
            file_name="explained.json", mime="application/json", on_click="ignore",
            key=f"explained-{reference}",
        )  # fmt: skip


def _head(view: View, found: Explained) -> None:
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
    if found.demonstration:
        st.badge(view.say("demonstration"), color="orange")
    st.text(f"{view.say('fingerprint')}  {found.run_fingerprint}")


def _listed(view: View, title: str, rows: pd.DataFrame) -> None:
    if len(rows):
        st.caption(view.say(title))
        heads = {name: view.say(f"head_{name}") for name in rows.columns}
        st.dataframe(
            rows, hide_index=True, height="content", column_config=heads,
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


def _assumptions(view: View, found: Explained) -> pd.DataFrame:
    rows = [
        {
            "key": str(entry.get("key", "")),
            "meaning": str(entry.get(view.language, "")),
            "value": value_told(entry.get("value"), str(entry.get("unit") or "")),
            "source": str(entry.get("source", "")),
            "verified": view.say("verified" if entry.get("verified") else "unverified"),
        }
        for entry in found.assumptions
    ]
    return pd.DataFrame(rows)
