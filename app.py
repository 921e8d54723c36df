"""The pages: ``streamlit run app.py``. Starts them and nothing else.

The server imports this file once for ``app``; each visit runs it as a script.
"""

from __future__ import annotations

import os
from pathlib import Path

# Before GDAL is loaded: a file that calls itself GeoJSON may not make it read other files.
os.environ.setdefault("OGR_SKIP", "OGR_VRT,WFS,OAPIF,HTTP")

import streamlit as st
from starlette.middleware import Middleware

from pvplan.ui import faults, frame, headers, runs, tongue, units
from pvplan.ui.words import say

HERE = Path(__file__).resolve().parent
PAGES = ("map", "roof", "goals", "districts", "plan", "work", "checks", "files")


def main() -> None:
    """Choose language, run and goal, then show the page that the reader is on."""
    # A local icon: Streamlit would fetch one for the tab from outside otherwise.
    st.set_page_config(
        page_title="pvplan", page_icon=str(HERE / "static" / "icon.png"), layout="wide"
    )
    frame.style()
    language = frame.choose_language()
    units.choose(language)
    tongue.set_language(language)
    pages = [
        st.Page(
            HERE / "pvplan" / "ui" / f"page_{name}.py", title=say(f"page_{name}", language),
            url_path=name,
        )
        for name in PAGES
    ]  # fmt: skip
    page = st.navigation(pages, position="top")
    # The planner's page is where a run comes from: it needs none.
    if (page.url_path == "plan" and not runs.finished_runs()) or frame.choose_view(language):
        page.run()


if __name__ == "__main__":
    main()
else:
    app = st.App(
        __file__,
        middleware=[Middleware(headers.Headers, pictures_from=headers.hosts_asked_for())],
        on_script_error=faults.tell,
    )
