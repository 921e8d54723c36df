"""The work lists: which rows of which table, which of their columns, and how they read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import pandas as pd
import streamlit as st

from pvplan.reports.columns import SHAPES
from pvplan.reports.roofs import held, in_park, roofs_of
from pvplan.tables import SEVERITIES, Column, Plan
from pvplan.ui.places import roof_labels
from pvplan.ui.words import LANGUAGES, Language, say, say_code

# The words of a coded column begin with this.
CODES: Final = {
    "state": "clause",
    "renewable_state": "clause",
    "finding": "finding",
    "severity": "severity",
    "roof_state": "roof_state",
    "structure_state": "structure",
}
DAY_PX: Final = 100
DECIDED: Final = "decided"
DECIDED_PX: Final = 320
MOST_LABELS: Final = 500
MOST_ROOFS: Final = 20_000
"""Of a run in parts, that a list shows at once."""
HAN_PX, LATIN_PX, PAD_PX = 14, 7, 26
FIRST_HAN: Final = "\u2e80"
FORMS: Final = {"1": "percent", "kWp": "%,.1f", "": "%,d"}


@dataclass(frozen=True)
class WorkList:
    """One list: the table it is taken from, what tells its kinds apart, and what is shown.

    ``states`` keeps the roofs that stand in one of them; none keeps every row. ``first`` is the
    order of the words of a column, ``largest`` what decides next, the largest first. ``about``
    says what the ledger decides of a row: where a system stands, what a roof is, or nothing.
    """

    table: str
    kind: str
    shown: tuple[str, ...]
    largest: str
    first: tuple[str, tuple[str, ...]] | None = None
    states: tuple[str, ...] = ()
    about: Literal["match", "roof"] | None = None


LISTS: Final = {
    "clause": WorkList(
        "compliance",
        "state",
        (
            "roof_id", "name", "park_id", "state", "completed_on", "covered_fraction",
            "missing_dc_kw", "missing_{language}", "reason_{language}", "gross_roof_area_m2",
            "pv_area_m2", "required_area_m2", "margin_m2", "pass_probability_fraction",
            "renewable_state",
        ),
        largest="missing_dc_kw",
        first=("state", ("fail", "insufficient_evidence", "pass", "exempt")),
    ),
    "register": WorkList(
        "reconciliation",
        "finding",
        (
            "severity", "finding", "system_id", "row", "park_id", "roof_id", "stated_kw",
            "suggested_kw", "score", "reason_{language}",
        ),
        largest="stated_kw",
        first=("severity", SEVERITIES),
        about="match",
    ),
    "unstarted": WorkList(
        "roofs",
        "structure_state",
        (
            "name", "park_id", "use", "feasible_dc_kw", "capacity_dc_kw", "installed_dc_kw",
            "structure_state", "energy_ac_kwh_per_year", "npv_cny",
        ),
        largest="feasible_dc_kw",
        states=("feasible",),
        about="roof",
    ),
    "blocked": WorkList(
        "roofs",
        "roof_state",
        (
            "name", "park_id", "roof_state", "capacity_dc_kw", "state_reason_{language}",
            "state_evidence", "state_review_on",
        ),
        largest="capacity_dc_kw",
        states=("blocked", "not_assessable"),
        about="roof",
    ),
}  # fmt: skip


def columns_of(work: WorkList) -> dict[str, Column]:
    """Return what is known of the columns of a list's table, its index among them."""
    shape = SHAPES[work.table]
    every = (*((shape.index,) if shape.index else ()), *shape.columns)
    return {column.name: column for column in every}


def rows_of(plan: Plan, work: WorkList, park_id: str = "", kind: str | None = None) -> pd.DataFrame:
    """Return the rows of a list: of one park or of all, of one kind or of all."""
    if work.table == "roofs":
        return _roofs(plan, work, park_id, kind)
    rows = pd.DataFrame(getattr(plan, work.table))
    if park_id:
        rows = rows[rows["park_id"] == park_id]
    if kind is not None:
        rows = rows[rows[work.kind] == kind]
    rows = rows.sort_values(work.largest, ascending=False, kind="stable")
    if work.first is None:
        return rows
    column, words = work.first
    return rows.iloc[rows[column].map(words.index).argsort(kind="stable")]


def _roofs(plan: Plan, work: WorkList, park_id: str, kind: str | None) -> pd.DataFrame:
    """Return the roofs of a list, the largest first; of a run in parts no more than some.

    Of its whole city, or of a place of more than :data:`MOST_ROOFS` roofs, they come with the
    columns that are shown.
    """
    roofs, at = roofs_of(plan), in_park(park_id) if park_id else None
    order = _ranked(plan, work, park_id, kind).first
    if not plan.roof_parts:
        whole = pd.DataFrame(held(plan))
    elif at is not None and roofs.count(at) <= MOST_ROOFS:
        whole = pd.DataFrame(roofs.of(at))
    else:
        wanted = (name.format(language=each) for name in work.shown for each in LANGUAGES)
        columns = [*wanted, "roof_state", work.kind, work.largest]
        whole = roofs.columns(columns, at, order)
    return whole.loc[order]


@dataclass(frozen=True)
class _Ranked:
    """How many roofs of each kind a list has, and the ids of those that are listed, in order."""

    counts: dict[str, int]
    first: list[str]


def _ranked(plan: Plan, work: WorkList, park_id: str, kind: str | None) -> _Ranked:
    """Rank the roofs of a list; those of a run in parts once, and no more than some."""
    if not plan.roof_parts:
        return _rank(plan, work, park_id, kind)
    kept_by = (str(plan.meta.get("fingerprint")), *map(str, plan.roof_parts))
    return _in_files(kept_by, plan, work, park_id, kind)


@st.cache_data(max_entries=64, show_spinner=False)
def _in_files(
    kept_by: tuple[str, ...],  # noqa: ARG001 - tells the plan in the key
    _plan: Plan,
    work: WorkList,
    park_id: str,
    kind: str | None,
) -> _Ranked:
    return _rank(_plan, work, park_id, kind, MOST_ROOFS)


def _rank(
    plan: Plan, work: WorkList, park_id: str, kind: str | None, most: int | None = None
) -> _Ranked:
    at = in_park(park_id) if park_id else None
    rows = roofs_of(plan).columns(["roof_state", work.kind, work.largest], at)
    rows = rows[rows["roof_state"].isin(work.states)]
    counts = kinds_of(work, rows)
    if kind is not None:
        rows = rows[rows[work.kind] == kind]
    order = rows.sort_values(work.largest, ascending=False, kind="stable")
    return _Ranked(counts, [str(index) for index in order.index[:most]])


def counts_of(plan: Plan, work: WorkList, park_id: str = "") -> dict[str, int]:
    """Return how many rows of each kind a list has, those among them that are not listed."""
    if work.table == "roofs":
        return _ranked(plan, work, park_id, None).counts
    return kinds_of(work, rows_of(plan, work, park_id))


def kinds_of(work: WorkList, rows: pd.DataFrame) -> dict[str, int]:
    """Return how many rows there are of each kind that occurs."""
    counted = rows[work.kind].value_counts(sort=False)
    known = columns_of(work)[work.kind].values
    return {word: int(counted[word]) for word in known if word in counted.index}


def kind_told(work: WorkList, kind: str, language: Language) -> str:
    """Return the words of one kind."""
    return say_code(CODES[work.kind], kind, language)


def in_words(
    work: WorkList,
    rows: pd.DataFrame,
    parks: Mapping[str, str],
    language: Language,
    decided: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the columns shown, coded words and parks in the reader's language.

    Parameters
    ----------
    work, rows
        The list and its rows.
    parks
        The name of each park.
    language
        Of the words.
    decided
        What the ledger holds of some systems or roofs, in words.
    """
    index = SHAPES[work.table].index
    whole = rows if index is None else rows.reset_index()
    wanted = [name.format(language=language) for name in work.shown]
    named = [*((index.name,) if index else ()), *(name for name in wanted if name in whole)]
    shown = whole[named].copy()
    for name in shown.columns:
        if name in CODES:
            codes = columns_of(work)[name].values
            told = {code: say_code(CODES[name], code, language) for code in codes}
            shown[name] = shown[name].map(told)
    if "park_id" in shown:
        shown["park_id"] = shown["park_id"].map(lambda one: parks.get(one, one))
    if decided:
        key = "system_id" if work.about == "match" else "roof_id"
        shown.insert(0, DECIDED, shown[key].map(dict(decided)))
    # A column of which nothing is known only takes room.
    return shown.dropna(axis="columns", how="all") if len(shown) else shown


def row_labels(work: WorkList, rows: pd.DataFrame, language: Language) -> dict[Any, str]:
    """Return a line for each row by which it is chosen: its index to its words; no more than some.

    The largest come first, as in the list.
    """
    first = rows.head(MOST_LABELS)
    if work.about == "roof":
        return dict(roof_labels_with_ids(first))
    system = first["system_id"].fillna("")
    return {
        index: "  ·  ".join(part for part in (str(name), kind_told(work, kind, language)) if part)
        for index, name, kind in zip(first.index, system, first[work.kind], strict=True)
    }


def roof_labels_with_ids(roofs: pd.DataFrame) -> dict[Any, str]:
    """Return the id, name and potential of roofs by their id."""
    labels = roof_labels(roofs)
    return {
        key: label if label.startswith(str(key)) else f"{key}  ·  {label}"
        for key, label in labels.items()
    }


def head_px(head: str) -> int:
    """Return the pixels that a heading takes; the table would cut it otherwise."""
    return PAD_PX + sum(HAN_PX if letter >= FIRST_HAN else LATIN_PX for letter in head)


def heads(work: WorkList, language: Language) -> dict[str, Any]:
    """Return how the columns are headed and formatted: meaning and unit."""
    found: dict[str, Any] = {
        DECIDED: st.column_config.TextColumn(say(DECIDED, language), width=DECIDED_PX)
    }
    for column in columns_of(work).values():
        words = column.zh if language == "zh" else column.en
        head = f"{words} ({column.unit})" if column.unit not in ("", "1") else words
        if column.name == "park_id":
            found[column.name] = say("park", language)
        elif column.kind in ("number", "count"):
            form = FORMS.get(column.unit, "%,.0f")
            found[column.name] = st.column_config.NumberColumn(
                head, format=form, width=head_px(head)
            )
        elif column.kind == "date":
            found[column.name] = st.column_config.DateColumn(
                head, format="YYYY-MM-DD", width=DAY_PX
            )
        else:
            found[column.name] = head
    return found
