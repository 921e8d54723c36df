"""Close looks at single roofs: every module placed anew, while the pages go on.

A finished run keeps no module. Where the files that it read are at hand, the city is opened once
with the run's own words and assumptions, and each roof that a reader asks for is laid out.
"""

from __future__ import annotations

import logging
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import streamlit as st

from pvplan.errors import PvplanError
from pvplan.reports.layouts import write_layout_dxf, write_layout_geojson
from pvplan.reports.runfile import sha256_of
from pvplan.tables import Plan
from pvplan.ui import runs
from pvplan.ui.jobs import Job
from pvplan.ui.words import Language

LOG = logging.getLogger(__name__)
MOST_CITIES: Final = 2
MOST_LOOKS: Final = 32
# Files that change a layout where they are given, and that a run may do without.
OPTIONAL: Final = ("parks", "districts", "register", "irradiance", "obstructions", "surface_model")


@dataclass(frozen=True)
class Look:
    """One roof looked at closely; metric CRS. Shared by all readers: nobody changes it.

    ``roof`` is its row of ROOFS; ``bearing`` says the load in numbers, by language;
    ``modules``, ``horizon`` and ``sun`` are as in :class:`pvplan.study.Study`; the shapes are
    of one row, indexed by the roof's id.
    """

    roof: pd.Series[Any]
    bearing: dict[Language, str]
    modules: gpd.GeoDataFrame
    outline: gpd.GeoSeries
    usable: gpd.GeoSeries
    obstructions: gpd.GeoSeries
    horizon: pd.DataFrame
    sun: pd.DataFrame


@dataclass
class _Desk:
    """One worker, the cities it opened (read and written by the worker only), and its looks."""

    worker: ThreadPoolExecutor
    cities: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    jobs: OrderedDict[tuple[str, str], Job[Look]] = field(default_factory=OrderedDict)


@st.cache_resource(show_spinner=False)
def _desk() -> _Desk:
    return _Desk(ThreadPoolExecutor(max_workers=1, thread_name_prefix="look"))


@st.cache_data(max_entries=32, show_spinner=False)
def _digest(path: str, stamp: int, size: int) -> str:  # noqa: ARG001 - both belong to the key
    return sha256_of(Path(path))


def folder_of(plan: Plan) -> Path | None:
    """Return the bundled city's folder where the run read just its files, else None."""
    folder, city = runs.BUNDLED_CITY, plan.meta.get("city") or {}
    files = plan.meta.get("inputs") or []
    if city.get("id") != folder.name or not files:
        return None
    for noted in files:
        path = folder / Path(str(noted.get("file"))).name
        if not path.is_file():
            return None
        about = path.stat()
        if _digest(str(path), about.st_mtime_ns, about.st_size) != noted.get("sha256"):
            return None
    return folder


def ask(plan: Plan, folder: Path, roof_id: str) -> Job[Look]:
    """Return the look at a roof, begun now unless it was asked for before."""
    desk, key = _desk(), (str(plan.meta.get("fingerprint")), roof_id)
    job = desk.jobs.get(key)
    if job is None:
        job = desk.jobs[key] = Job[Look]()
        job.outcome = desk.worker.submit(_work, desk, job, plan, folder, roof_id)
        while len(desk.jobs) > MOST_LOOKS:
            desk.jobs.popitem(last=False)
    return job


def forget(plan: Plan, roof_id: str) -> None:
    """Drop a look that failed, so that it can be asked for again."""
    _desk().jobs.pop((str(plan.meta.get("fingerprint")), roof_id), None)


def differences(plan: Plan) -> dict[str, Any]:
    """Return what a run assumed besides the defaults and its city: dotted key to value."""
    entries = plan.meta.get("assumptions") or []
    return {
        str(entry["key"]): entry["value"]
        for entry in entries
        if entry.get("layer") in ("scenario", "user")
    }


def _work(desk: _Desk, job: Job[Look], plan: Plan, folder: Path, roof_id: str) -> Look:
    try:
        study = _city(desk, job, plan, folder).study(roof=roof_id)
    except PvplanError:
        raise
    except Exception:
        LOG.exception("the look at roof %s of %s failed", roof_id, folder.name)
        raise
    roofs = study.roofs

    def of_roof(shapes: Any) -> gpd.GeoSeries:
        return gpd.GeoSeries(shapes, index=roofs.index, crs=roofs.crs)

    return Look(
        roofs.iloc[0],
        {"zh": str(study.bearing[0][0]), "en": str(study.bearing[1][0])},
        study.modules,
        of_roof(roofs.geometry.to_numpy()),
        of_roof(study.usable),
        of_roof(study.obstructions),
        study.horizon,
        study.sun,
    )


def _city(desk: _Desk, job: Job[Look], plan: Plan, folder: Path) -> Any:
    """Return the run's city, opened once with what the run was told and assumed."""
    # Imported here: the recipe loads much that a reader of finished runs never needs.
    from pvplan.run import inputs_of_folder, open_city

    key = str(plan.meta.get("fingerprint"))
    if key not in desk.cities:
        read = {str(noted.get("role")) for noted in plan.meta["inputs"]}
        absent: dict[str, Any] = {role: None for role in OPTIONAL if role not in read}
        told = dict(plan.meta.get("told") or {})
        inputs = replace(inputs_of_folder(folder), **{**absent, **told})
        opened = open_city(inputs, user=differences(plan), progress=job.report)
        desk.cities[key] = opened
        while len(desk.cities) > MOST_CITIES:
            desk.cities.popitem(last=False)
    job.report("")
    return desk.cities[key]


def geojson(look: Look, plan: Plan) -> bytes:
    """Return the modules of a roof as the bytes of a GeoJSON file."""
    return _written(lambda path: write_layout_geojson(look.modules, path, plan.meta))


def dxf(look: Look, plan: Plan) -> bytes:
    """Return the modules of a roof, and what bounds them, as the bytes of a DXF file."""
    return _written(
        lambda path: write_layout_dxf(
            look.modules, look.outline, look.usable, look.obstructions, path, plan.meta
        )
    )


def _written(write: Callable[[Path], None]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="pvplan-") as folder:
        path = Path(folder) / "layout"
        write(path)
        return path.read_bytes()
