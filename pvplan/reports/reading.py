"""A finished run, read back as the plan it was."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd

from pvplan.errors import InputError
from pvplan.reports.columns import SHAPES, canonical_table, columns_read
from pvplan.reports.output import GEOPACKAGE, ROOF_PARTS, ROOFS, SEPARATED
from pvplan.reports.roofs import read_roofs
from pvplan.reports.runfile import RUN_FILE, read_run_file, sha256_of
from pvplan.reports.separated import numbered, read_separated
from pvplan.reports.spatial import outlines_digest, read_outlines
from pvplan.tables import Plan

_DEPTH: Final = 3  # folders below the root in which a run is looked for


@dataclass(frozen=True)
class FinishedRun:
    """A finished run on disk, told apart without reading its tables.

    ``written_at`` is the time of its ``run.json``, seconds since 1970.
    """

    folder: Path
    city_id: str
    name_zh: str
    name_en: str
    demonstration: bool
    as_of: str
    scenario: str | None
    fingerprint: str
    written_at: float


def read_summary(folder: Path) -> dict[str, Any]:
    """Read what ``run.json`` says of a finished run, without its tables.

    Raises
    ------
    InputError
        No finished run stands there.
    """
    return read_run_file(folder)


def read_plan(folder: Path) -> Plan:
    """Read a finished run back.

    Parameters
    ----------
    folder
        The folder that :func:`~pvplan.reports.output.write_plan` wrote.

    Returns
    -------
    Plan
        Equal to the plan that was written, in its canonical form; ``meta`` also holds
        ``outputs``. Roofs in parts stay in their files: :func:`~pvplan.reports.roofs.roofs_of`
        reads of them what is asked for.

    Raises
    ------
    InputError
        ``run.json`` is missing, or a file that is read is missing or was changed since; one
        fault for each file.
    """
    meta = read_run_file(folder)
    _verify(folder, meta["outputs"])
    extra: Mapping[str, Mapping[str, str]] = meta.get("undescribed_columns", {})
    files = tuple(folder / name for name in _roof_files(meta["outputs"]))
    parts = files if files[0].name != ROOFS else ()
    tables: dict[str, Any] = {"roofs": read_roofs(files[:1], extra)}
    if parts:
        tables["roofs"] = tables["roofs"][:0]
    for name in SEPARATED:
        tables[name] = _table(folder, name, extra)
    return Plan(**tables, meta=meta, roof_parts=parts)


def _verify(folder: Path, outputs: Mapping[str, Mapping[str, Any]]) -> None:
    remedy = "put the file back as it was, or run again"
    faults: list[str] = []
    for name in (*_roof_files(outputs), *(f"{table}.csv" for table in SEPARATED), GEOPACKAGE):
        path = folder / name
        if not path.is_file():
            faults.append(f"{path}: is missing; {remedy}")
        elif not _same(path, outputs.get(name, {})):
            faults.append(f"{path}: was changed after the run (its sha256 differs); {remedy}")
    if faults:
        raise InputError(faults)


def _same(path: Path, noted: Mapping[str, Any]) -> bool:
    if sha256_of(path) == noted.get("sha256"):
        return True
    if path.name != GEOPACKAGE:
        return False
    try:
        return outlines_digest(path) == noted.get("outlines_sha256")
    except (OSError, RuntimeError, KeyError, ValueError):  # no longer a GeoPackage of ours
        return False


def _roof_files(outputs: Mapping[str, Any]) -> list[str]:
    """Return the file of the roofs, or the files of their parts."""
    parts = sorted(name for name in outputs if name.startswith(f"{ROOF_PARTS}/"))
    return parts or [ROOFS]


def _table(folder: Path, name: str, extra: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    shape = SHAPES[name]
    cells = read_separated(folder / f"{name}.csv")
    if shape.index is not None:
        cells = cells.set_index(shape.index.name)
    columns = columns_read(name, [str(word) for word in cells.columns], extra)
    table = numbered(cells, columns)
    if shape.spatial:
        outlines = read_outlines(folder / GEOPACKAGE, name).reindex(table.index)
        table = gpd.GeoDataFrame(table, geometry=outlines, crs="EPSG:4326")
    return canonical_table(name, table, columns)


def list_runs(root: Path) -> tuple[FinishedRun, ...]:
    """Find the finished runs in a folder and up to three folders below it, newest first.

    Hidden folders are passed over, and so are ``run.json`` files that no run wrote.
    """
    runs = [run for folder in _folders(root) if (run := _finished(folder)) is not None]
    return tuple(sorted(runs, key=lambda run: (-run.written_at, str(run.folder))))


def _folders(root: Path) -> Iterator[Path]:
    for place, below, files in os.walk(root):
        folder = Path(place)
        deep = len(folder.relative_to(root).parts)
        below[:] = sorted(name for name in below if not name.startswith("."))
        if RUN_FILE in files or deep >= _DEPTH:
            below.clear()
        if RUN_FILE in files:
            yield folder


def _finished(folder: Path) -> FinishedRun | None:
    try:
        meta = read_run_file(folder)
        written_at = (folder / RUN_FILE).stat().st_mtime
    except (InputError, OSError):
        return None
    city = meta.get("city") or {}
    return FinishedRun(
        folder=folder,
        city_id=str(city.get("id") or ""),
        name_zh=str(city.get("name_zh") or ""),
        name_en=str(city.get("name_en") or ""),
        demonstration=bool(city.get("demonstration")),
        as_of=str(meta.get("as_of") or ""),
        scenario=meta.get("scenario"),
        fingerprint=str(meta["fingerprint"]),
        written_at=written_at,
    )
