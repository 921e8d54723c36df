"""Close looks at single roofs: every module placed anew, while the pages go on.

A finished run keeps no module. Where the files that it read are at hand, the city is opened once
with the run's own words and assumptions, and each roof that a reader asks for is laid out.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
import tomllib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import streamlit as st

from pvplan.errors import PvplanError
from pvplan.reports.layouts import write_layout_dxf, write_layout_geojson
from pvplan.reports.roofs import held, roofs_of
from pvplan.reports.runfile import sha256_of
from pvplan.tables import CORRECTIONS, Plan, names
from pvplan.ui import desks, runs
from pvplan.ui.jobs import Job
from pvplan.ui.words import Language

LOG = logging.getLogger(__name__)
MOST_CITIES: Final = 2
MOST_NEAR: Final = 4
MOST_LOOKS: Final = 32
# Files that change a layout where they are given, and that a run may do without.
OPTIONAL: Final = (
    "parks", "districts", "register", "irradiance", "obstructions", "surface_model", "corrections",
)  # fmt: skip
APART: Final = {"ledger", "corrections"}
LENT: Final = {"weather", "irradiance"}


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


@dataclass(frozen=True)
class Outlook:
    """What is known of one roof, and what it would be if a survey found otherwise.

    ``estimates`` are fact to value and source, by the files alone; ``table`` is as of
    :meth:`pvplan.opened.OpenCity.outlook`; ``ratios`` hold levelised cost, payback and the like.
    """

    estimates: Mapping[str, tuple[str, str]]
    table: pd.DataFrame
    ratios: pd.Series[Any]


@dataclass(frozen=True)
class Recounted:
    """A run with the corrections of today, where they change it.

    ``changed`` are the ids of the roofs computed anew and ``roofs`` their rows of PLAN_ROOFS;
    ``parks`` and ``goals`` are those tables of the whole run.
    """

    changed: pd.Index[Any]
    roofs: pd.DataFrame
    parks: pd.DataFrame
    goals: pd.DataFrame


@dataclass
class _Desk:
    """One worker, its jobs, and what it opened (read and written by the worker only).

    ``cities`` are whole, by run; ``near`` the surroundings of single roofs of a city in parts.
    """

    worker: ThreadPoolExecutor
    cities: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    near: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    jobs: OrderedDict[tuple[str, ...], Job[Any]] = field(default_factory=OrderedDict)


@st.cache_resource(show_spinner=False)
def _desk() -> _Desk:
    return _Desk(ThreadPoolExecutor(max_workers=1, thread_name_prefix="look"))


@st.cache_data(max_entries=32, show_spinner=False)
def _digest(path: str, stamp: int, size: int) -> str:  # noqa: ARG001 - both belong to the key
    return sha256_of(Path(path))


def folder_of(plan: Plan) -> Path | None:
    """Return the city folder at hand whose files the run read, else None.

    That of a run in parts names a partition made of these files.
    """
    desk = desks.current()
    at_hand = [*runs.cities(), *([desk.city] if desk is not None else [])]
    return next((folder for folder in at_hand if _was_read(plan, folder)), None)


def _was_read(plan: Plan, folder: Path) -> bool:
    city, files = plan.meta.get("city") or {}, plan.meta.get("inputs") or []
    # What is registered or corrected is no file of the city's: it stands in the run.
    own = [noted for noted in files if noted.get("role") not in APART]
    said = _said(folder)
    return (
        bool(own and said)
        and city.get("id") == str(said.get("city", {}).get("id", folder.name))
        and all(_is_there(noted, folder, said, in_parts=bool(plan.roof_parts)) for noted in own)
    )


def _is_there(
    noted: Mapping[str, Any], folder: Path, said: Mapping[str, Any], *, in_parts: bool
) -> bool:
    """Tell whether a file that a run read lies in the folder, or was lent by the bundled city.

    Buildings are there as ``city.toml`` names them: as a file, or as a partition made from it; of
    a run in parts they must be a partition.
    """
    role, sha256 = noted.get("role"), noted.get("sha256")
    if role == "buildings":
        partition = folder / str(said.get("inputs", {}).get("buildings", ""))
        if partition != folder and partition.is_dir():
            stamps = tuple(p.stat().st_mtime_ns for p in (folder / "city.toml", partition))
            return sha256 in _made_from(str(folder), stamps)
        if in_parts:
            return False
    lent = [runs.BUNDLED_CITY] if role in LENT else []
    for home in (folder, *lent):
        path = home / Path(str(noted.get("file"))).name
        if path.is_file():
            about = path.stat()
            return _digest(str(path), about.st_mtime_ns, about.st_size) == sha256
    return False


@st.cache_data(max_entries=32, show_spinner=False)
def _made_from(folder: str, stamps: tuple[int, ...]) -> set[str]:  # noqa: ARG001 - the key
    # Imported here: the recipe loads much that a reader of finished runs never needs.
    from pvplan.opened import sources_of

    return sources_of(Path(folder))


def _said(folder: Path) -> dict[str, Any]:
    """Return what a city.toml says; nothing where it cannot be read, or says it wrongly."""
    try:
        said = tomllib.loads((folder / "city.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if all(isinstance(table, dict) for table in said.values()) else {}


def ask(
    plan: Plan, folder: Path, roof_id: str, corrections: pd.DataFrame | None = None
) -> Job[Look]:
    """Return the look at a roof, begun now unless it was asked for before.

    Parameters
    ----------
    plan, folder, roof_id
        The run, the city that it read, and the roof.
    corrections
        Every row of the corrections, to look at the roof with them; None: as the run had it.
    """
    return _job(plan, ("look", roof_id, _state(corrections)), _look, folder, roof_id, corrections)


def ask_outlook(plan: Plan, folder: Path, roof_id: str, corrections: pd.DataFrame) -> Job[Outlook]:
    """Return what is known of a roof and what a survey may change; as :func:`ask`."""
    key = ("outlook", roof_id, _state(corrections))
    return _job(plan, key, _outlook, folder, roof_id, corrections)


def ask_recount(
    plan: Plan, folder: Path, corrections: pd.DataFrame, goal_id: str | None
) -> Job[Recounted]:
    """Return the run with the corrections of today, held against one goal; as :func:`ask`."""
    key = ("recount", str(goal_id), _state(corrections))
    return _job(plan, key, _recount, folder, corrections, goal_id)


def forget(plan: Plan, *key: str) -> None:
    """Drop jobs that failed, so that they can be asked for again."""
    desk, fingerprint = _desk(), str(plan.meta.get("fingerprint"))
    for known, job in list(desk.jobs.items()):
        if known[0] == fingerprint and set(key) <= set(known) and job.failed:
            desk.jobs.pop(known, None)


def wait(job: Job[Any], seconds: float) -> None:
    """Wait for a job, but no longer than some seconds."""
    if job.outcome is not None:
        futures.wait([job.outcome], timeout=seconds)


def read_ledger(plan: Plan) -> bool:
    """Tell whether a run read what is installed from a ledger."""
    return any(noted.get("role") == "ledger" for noted in plan.meta.get("inputs") or [])


def _state(corrections: pd.DataFrame | None) -> str:
    """Return a digest of what is recorded; empty for the state of the run."""
    if corrections is None:
        return ""
    return hashlib.sha256(corrections.to_json(orient="values").encode()).hexdigest()


def _job(plan: Plan, key: tuple[str, ...], work: Callable[..., Any], *given: Any) -> Job[Any]:
    desk, whole = _desk(), (str(plan.meta.get("fingerprint")), *key)
    job = desk.jobs.get(whole)
    if job is None:
        job = desk.jobs[whole] = Job[Any]()
        job.outcome = desk.worker.submit(_done, work, desk, job, plan, *given)
        # What is under way is never dropped: its reader would only ask for it again.
        ended = [other for other, one in desk.jobs.items() if not one.running]
        for other in ended[: max(len(desk.jobs) - MOST_LOOKS, 0)]:
            del desk.jobs[other]
    else:
        desk.jobs.move_to_end(whole)
    return job


def _done(work: Callable[..., Any], desk: _Desk, job: Job[Any], plan: Plan, *given: Any) -> Any:
    try:
        return work(desk, job, plan, *given)
    except PvplanError:
        raise
    except Exception:
        LOG.exception("%s failed", work.__name__)
        raise


def differences(plan: Plan) -> dict[str, Any]:
    """Return what a run assumed besides the defaults and its city: dotted key to value."""
    entries = plan.meta.get("assumptions") or []
    return {
        str(entry["key"]): entry["value"]
        for entry in entries
        if entry.get("layer") in ("scenario", "user")
    }


def recorded_in(plan: Plan) -> pd.DataFrame:
    """Return the corrections that a run counted: columns of ``tables.CORRECTIONS``."""
    kept = plan.meta.get("corrections") or []
    return pd.DataFrame(kept, columns=names(CORRECTIONS), dtype=object)


def _outlook(
    desk: _Desk, job: Job[Outlook], plan: Plan, folder: Path, roof_id: str, rows: pd.DataFrame
) -> Outlook:
    city = _city(desk, job, plan, folder, roof_id)
    row = roofs_of(plan).rows([roof_id]).drop(columns="geometry")
    ratios = city.ratios(pd.DataFrame(row))
    return Outlook(city.estimates(roof_id), city.outlook(roof_id, rows), ratios.iloc[0])


def _recount(
    desk: _Desk,
    job: Job[Recounted],
    plan: Plan,
    folder: Path,
    rows: pd.DataFrame,
    goal_id: str | None,
) -> Recounted:
    city = _city(desk, job, plan, folder)
    start = time.perf_counter()
    before, day = _as_run(city, plan), date.fromisoformat(str(plan.meta["as_of"]))
    found = city.corrected(rows).recount(before, pd.DataFrame(held(plan)), day, goal_id)
    measures = found.measures
    roofs = pd.DataFrame(measures.roofs.loc[found.changed].drop(columns="geometry"))
    parks = pd.DataFrame(measures.tables["park"].drop(columns="geometry"))
    LOG.info("%d roofs recounted in %.2f s", len(roofs), time.perf_counter() - start)
    return Recounted(found.changed, roofs, parks, measures.measured.goals)


def _as_run(city: Any, plan: Plan) -> Any:
    """Return the city with the corrections that the run counted."""
    rows = recorded_in(plan)
    return city if rows.empty else city.corrected(rows)


def _look(
    desk: _Desk,
    job: Job[Look],
    plan: Plan,
    folder: Path,
    roof_id: str,
    corrections: pd.DataFrame | None,
) -> Look:
    city = _city(desk, job, plan, folder, roof_id)
    state = _as_run(city, plan) if corrections is None else city.corrected(corrections)
    study = state.study(roof=roof_id)
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


def _city(desk: _Desk, job: Job[Any], plan: Plan, folder: Path, roof_id: str | None = None) -> Any:
    """Return the run's city without corrections, opened once as the run was told and assumed.

    Of a city in parts only the surroundings of the roof are opened.
    """
    # Imported here: the recipe loads much that a reader of finished runs never needs.
    from pvplan.opened import open_city
    from pvplan.run import inputs_of_folder

    key, near, kept, most = str(plan.meta.get("fingerprint")), None, desk.cities, MOST_CITIES
    if plan.roof_parts and roof_id is not None:
        near = tuple(roofs_of(plan).rows([roof_id]).total_bounds)
        key, kept, most = f"{key} {roof_id}", desk.near, MOST_NEAR
    if key not in kept:
        read = {str(noted.get("role")) for noted in plan.meta["inputs"]} - APART
        absent: dict[str, Any] = {role: None for role in OPTIONAL if role not in read}
        told = dict(plan.meta.get("told") or {})
        inputs = replace(inputs_of_folder(folder), **{**absent, **told})
        opened = open_city(inputs, user=differences(plan), progress=job.report, near=near)
        kept[key] = opened
        while len(kept) > most:
            kept.popitem(last=False)
    job.report("")
    return kept[key]


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
