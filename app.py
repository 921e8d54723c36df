"""The pages: ``streamlit run app.py``. Starts them and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

# Before GDAL is loaded: a file that calls itself GeoJSON may not make it read other files.
os.environ.setdefault("OGR_SKIP", "OGR_VRT,WFS,OAPIF,HTTP")

import streamlit as st

from pvplan.ui import frame
from pvplan.ui.words import say

HERE = Path(__file__).resolve().parent
PAGES = ("map", "roof", "goals", "districts", "work", "checks", "files")


def main() -> None:
    """Choose language, run and goal, then show the page that the reader is on."""
    # A local icon: Streamlit would fetch one for the tab from outside otherwise.
    st.set_page_config(
        page_title="pvplan", page_icon=str(HERE / "static" / "icon.png"), layout="wide"
    )
    frame.style()
    language = frame.choose_language()
    pages = [
        st.Page(
            HERE / "pvplan" / "ui" / f"page_{name}.py", title=say(f"page_{name}", language),
            url_path=name,
        )
        for name in PAGES
    ]  # fmt: skip
    page = st.navigation(pages, position="top")
    if frame.choose_view(language) is not None:
        page.run()


main()
