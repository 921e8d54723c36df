"""The page of the downloads: every file of the run's folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Final

import streamlit as st

from pvplan.reports.output import ROOF_PARTS, roof_files
from pvplan.tables import DEMONSTRATION
from pvplan.ui import bundle, frame, numbers, places
from pvplan.ui.frame import View

FILES: Final = {
    "plan.xlsx": "file_xlsx",
    "parks.csv": "file_parks",
    "districts.csv": "file_districts",
    "city.csv": "file_city",
    "goals.csv": "file_goals",
    "gap_parks.csv": "file_gap_parks",
    "gap_districts.csv": "file_gap_districts",
    "allocation.csv": "file_allocation",
    "compliance.csv": "file_compliance",
    "reconciliation.csv": "file_reconciliation",
    "ledger.csv": "file_ledger",
    "rejected.csv": "file_rejected",
    "plan.gpkg": "file_gpkg",
    "roofs.parquet": "file_parquet",
    "lineage.json": "file_lineage",
    "run.json": "file_run",
}
TYPES: Final = {
    ".csv": "text/csv",
    ".zip": "application/zip",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".gpkg": "application/geopackage+sqlite3",
    ".parquet": "application/vnd.apache.parquet",
}


def offer(view: View, name: str, key: str) -> None:
    """Offer one file; a file that the run did not write is not offered."""
    path = view.folder / name
    if not path.is_file():
        return
    _row(view, key, name, path.stat().st_size, path.read_bytes)


def _row(view: View, key: str, name: str, count: int, read: Callable[[], bytes]) -> None:
    what, size, button = st.columns([6, 2, 2], vertical_alignment="center")
    what.text(f"{view.say(key)}   {name}")
    size.text(numbers.file_size(count))
    button.download_button(
        view.say("download"), read, file_name=name, mime=TYPES[PurePath(name).suffix],
        key=f"download-{name}", on_click="ignore",
    )  # fmt: skip


def body(view: View) -> None:
    """Offer all files."""
    st.caption(view.say("files_intro"))
    there = [name for name in FILES if (view.folder / name).is_file()]
    parts = roof_files(view.plan) if view.plan.roof_parts else []
    together = bundle.size_of(view.folder, [*there, *parts])
    if together is not None:
        mark = f"-{DEMONSTRATION}" if view.demonstration else ""
        name = f"{places.file_stem(view.run)}{mark}.zip"
        _row(view, "zip_all", name, together, lambda: bundle.zipped(view.folder, [*there, *parts]))
    for name, key in FILES.items():
        offer(view, name, key)
    if parts:
        _in_parts(view, parts)


def _in_parts(view: View, parts: Sequence[str]) -> None:
    """Tell where the roofs of a run in parts stand."""
    what, size, count = st.columns([6, 2, 2], vertical_alignment="center")
    what.text(f"{view.say('file_parquet')}   {ROOF_PARTS}/")
    what.caption(view.say("roofs_on_the_server"))
    size.text(numbers.file_size(sum((view.folder / name).stat().st_size for name in parts)))
    count.text(view.say("files_count").format(count=numbers.plain(len(parts))))


frame.heading(frame.current(), "page_files")
body(frame.current())
