"""Of the planner's page: a table of the run with chosen columns and rows, and where a cell is from.

Only a page of rows goes to the browser; the download holds all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pvplan.reports.columns import SHAPES
from pvplan.reports.explain import reference_of
from pvplan.tables import DEMONSTRATION
from pvplan.ui import choices, chosen_columns, explained, numbers, places
from pvplan.ui.chosen_columns import MOST_ROOFS, OFFERED, Chosen
from pvplan.ui.frame import View


def show(view: View) -> None:
    """Choose table, columns and rows; show a page of them, offer all, explain one cell."""
    tables = {
        name: SHAPES[name].zh if view.language == "zh" else SHAPES[name].en for name in OFFERED
    }
    name = choices.one_of("table", view.say("table"), tables, view.language)
    known = chosen_columns.offered(view.plan, name)
    labels = {key: chosen_columns.label_of(known[key], view.language) for key in known}
    columns = st.multiselect(
        view.say("columns"), list(labels), default=[c for c in OFFERED[name] if c in known],
        format_func=labels.__getitem__, key=f"columns-{name}-{view.run}-{view.language}",
        placeholder=view.say("choose_columns"),
    )  # fmt: skip
    district, park, goal = _narrowed(view, name)
    if not columns:
        st.info(view.say("choose_columns"))
        return
    if name == "roofs" and view.plan.roof_parts:
        count = chosen_columns.roof_count(view.plan, district=district, park=park)
        if count > MOST_ROOFS:
            words = view.say("too_many_rows")
            st.info(words.format(count=numbers.plain(count), most=numbers.plain(MOST_ROOFS)))
            return
    chosen = chosen_columns.choose(
        view.plan, name, columns, district=district, park=park, goal=goal
    )
    _page(view, chosen, f"{name}-{district}-{park}-{goal}")


def _narrowed(view: View, name: str) -> tuple[str | None, str | None, str | None]:
    """Offer the places and goals that a table can be narrowed to."""
    boxes = st.columns(3)
    district = park = goal = None
    if name != "goals":
        names = places.names_of(view.plan.districts, view.language)
        district = _one(view, boxes[0], "district", names)
    if name in ("roofs", "parks", "gap_parks"):
        park = _one(view, boxes[1], "park", places.names_of(view.plan.parks, view.language))
    if name in ("goals", "gap_parks", "gap_districts"):
        rows = places.headline_rows(view.plan)
        goals = {str(key): places.goal_name(row, view.language) for key, row in rows.iterrows()}
        goal = _one(view, boxes[2], "goal", goals)
    return district, park, goal


def _one(view: View, box: object, word: str, names: Mapping[str, str]) -> str | None:
    labels = {"": view.say("every"), **places.distinct(names)}
    found = box.selectbox(  # type: ignore[attr-defined]
        view.say(word), list(labels), format_func=labels.__getitem__,
        key=f"narrowed-{word}-{view.run}-{view.language}",
    )  # fmt: skip
    return str(found) or None


def _page(view: View, chosen: Chosen, key: str) -> None:
    count, box, button = st.columns([4, 2, 2], vertical_alignment="bottom")
    number = 1
    if chosen.pages > 1:
        number = int(
            box.number_input(
                view.say("page_of").format(pages=chosen.pages), 1, chosen.pages, 1,
                key=f"page-{key}",
            )
        )  # fmt: skip
    rows = chosen.page(number)
    count.text(
        view.say("rows_shown").format(
            shown=numbers.plain(len(rows)), every=numbers.plain(len(chosen.table))
        )
    )
    mark = f"-{DEMONSTRATION}" if view.demonstration else ""
    button.download_button(
        view.say("download_rows"), on_click="ignore", mime="text/csv",
        data=lambda: chosen_columns.as_csv(chosen, str(view.plan.meta.get("fingerprint", ""))),
        file_name=f"{chosen.name}{mark}.csv", key=f"rows-{key}",
    )  # fmt: skip
    st.dataframe(
        chosen_columns.shown(chosen, rows), hide_index=True, placeholder=numbers.DASH,
        column_config=chosen_columns.heads(chosen, view.language), alt=view.say("table"),
    )  # fmt: skip
    if len(rows):
        _explain(view, chosen, number, key)


def _explain(view: View, chosen: Chosen, number: int, key: str) -> None:
    """Offer every cell of the page by row and column."""
    rows = chosen.page(number)
    labels = chosen_columns.row_labels(view.plan, chosen, rows, view.language)
    heads = {
        column.name: chosen_columns.label_of(column, view.language)
        for column in chosen.columns
        if column.name in chosen.table.columns
    }
    st.markdown(f"##### {view.say('explain_cell')}")
    left, right = st.columns(2)
    row = left.selectbox(
        view.say("row"), list(labels), format_func=labels.__getitem__, index=None,
        key=f"cell-row-{key}-{number}-{view.language}", placeholder=view.say("choose_row"),
    )  # fmt: skip
    column = right.selectbox(
        view.say("column"), list(heads), format_func=heads.__getitem__, index=None,
        key=f"cell-column-{key}-{view.language}", placeholder=view.say("choose_column"),
    )  # fmt: skip
    if row is not None and column is not None:
        explained.show(view, reference_of(view.plan, chosen.name, column, row), "cell")
