"""The work on one tile, as a worker does it: read the tile's files, assess its roofs, write them.

A worker gets paths and gives a path back. Files appear whole or not at all
(:mod:`pvplan.depot`). What is read is held against the digest of what was written.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from multiprocessing import connection, parent_process
from pathlib import Path
from threading import Thread
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from pvplan.assess import World, assess_in
from pvplan.assumptions import Assumptions
from pvplan.depot import Place, read, write_whole
from pvplan.errors import InputError
from pvplan.light import Light
from pvplan.look import surroundings
from pvplan.record import code_version, libraries, made_of
from pvplan.relief import relief
from pvplan.roof import weather
from pvplan.tables import BUILDINGS, ROOFS, Floats, names

MADE: Final = tuple(name for name in names(ROOFS) if name not in names(BUILDINGS))
"""What assessing adds to BUILDINGS; the rest the caller has already."""
PLACES: Final = 24
"""Places of light that a worker keeps; each holds some ten megabytes."""
_OBJECTS: Final = b"pvplan_objects"
_ROOFS, _CASTING, _GHI, _DRAWN = "roofs.parquet", "casting.parquet", "ghi.npy", "drawn.parquet"


@dataclass(frozen=True)
class Shared:
    """What all tiles of a run share; two are equal where their keys are.

    ``key`` tells everything that roofs depend on beside their own place: files, assumptions,
    program. ``program`` tells the caller's program and libraries (:func:`program`).
    """

    key: str
    program: Mapping[str, str] = field(compare=False)
    base: weather.Base = field(compare=False)
    assumptions: Assumptions = field(compare=False)
    crs: str = field(compare=False)
    surface_model: Path | None = field(compare=False)


def shared_of(
    about: Mapping[str, Any],
    base: weather.Base,
    assumptions: Assumptions,
    surface_model: Path | None = None,
) -> Shared:
    """Return what all tiles of a run share, from its record, its base year and its rules."""
    key = json.dumps({**made_of(about), "versions": about["versions"]}, sort_keys=True)
    model = surface_model and surface_model.resolve()
    return Shared(key, program(), base, assumptions, str(about["metric_crs"]), model)


@dataclass(frozen=True)
class Head:
    """What is known of a tile without its roofs: how many they are, and a digest of their ids."""

    roofs: int
    ids_sha256: str


def head_of(ids: pd.Index[Any]) -> Head:
    """Return the head of a tile with these roofs."""
    said = "\n".join(map(str, ids)).encode("utf-8", "surrogatepass")
    return Head(len(ids), hashlib.sha256(said).hexdigest())


@dataclass(frozen=True)
class Task:
    """A tile's inputs, and where its roofs are written to.

    ``digests`` tells the bytes of each file in the folder ``inputs``; the result is a file in
    ``folder`` named ``STEM-DIGEST.parquet`` by the bytes that it holds.
    """

    name: str
    inputs: Place
    digests: Mapping[str, str]
    folder: Place
    stem: str
    shared: Shared


def write_inputs(
    folder: Place,
    roofs: gpd.GeoDataFrame,
    casting: gpd.GeoDataFrame,
    monthly_ghi: Floats | None,
    obstructions: Any,
) -> dict[str, str]:
    """Write what a worker needs of a tile into a folder; return the digest of each file.

    Parameters
    ----------
    folder
        Made where missing; what it holds is replaced.
    roofs, casting
        BUILDINGS of the tile, and of all that can shade them.
    monthly_ghi, obstructions
        As for :func:`pvplan.assess.assess`, of the tile's roofs; or None.
    """
    if isinstance(folder, Path):
        folder.mkdir(parents=True, exist_ok=True)
    files = {_ROOFS: _table_bytes(roofs)}
    files[_CASTING] = _table_bytes(casting[["height_m", casting.geometry.name]])
    if monthly_ghi is not None:
        held = io.BytesIO()
        np.save(held, monthly_ghi)
        files[_GHI] = held.getvalue()
    if obstructions is not None:
        shapes = pa.array(shapely.to_wkb(obstructions), pa.binary())
        files[_DRAWN] = _bytes_of(pa.table({"geometry": shapes}))
    for name, data in files.items():
        write_whole(folder / name, data)
    return {name: digest_of(data) for name, data in files.items()}


def digest_of(data: bytes) -> str:
    """Return what tells bytes apart, short enough for a name."""
    return hashlib.sha256(data).hexdigest()[:32]


def work(task: Task) -> Place:
    """Assess the roofs of a tile and write what was found; returns the file.

    Raises
    ------
    PvplanError
        A fault of the roofs that another try would meet again; or the worker's program or
        libraries are not the caller's.
    OSError, MemoryError
        A fault of the machine.
    """
    shared = task.shared
    unlike = differences(program(), shared.program)
    if unlike:
        raise InputError(f"worker on {socket.gethostname()}: {unlike}; install the same versions")
    files = {name: _read_whole(task.inputs / name, told) for name, told in task.digests.items()}
    roofs, casting = (_table_of(files[name], shared.crs) for name in (_ROOFS, _CASTING))
    ghi = np.load(io.BytesIO(files[_GHI])) if _GHI in files else None
    drawn = None
    if _DRAWN in files:
        table = pq.read_table(pa.BufferReader(files[_DRAWN]))
        drawn = shapely.from_wkb(table["geometry"].to_numpy())
    rules = shared.assumptions
    seen_from = None
    if shared.surface_model is not None:
        _, seen_from = relief(shared.surface_model, shared.crs, rules.shading)
    packed = rules.layout.method == "packed"
    scenery = surroundings(casting, rules.shading, seen_from) if packed else None
    light = _light(shared)
    known = World(shared.base, rules, light, scenery)
    found = pd.DataFrame(assess_in(known, roofs, ghi, drawn)[list(MADE)])
    if light.places > PLACES:
        _light.cache_clear()
    data = _bytes_of(_to_arrow(found))
    out = task.folder / f"{task.stem}-{digest_of(data)}.parquet"
    write_whole(out, data)
    return out


def end_with_parent() -> None:
    """Let this process end when the one that started it does, however that ends."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()


@cache
def program() -> dict[str, str]:
    """Return version of this program and of the libraries that its figures depend on."""
    return {"pvplan": code_version(), **libraries()}


def differences(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Return in words what is of another version there than here; empty where all agrees."""
    unlike = [name for name in here if there.get(name) != here[name]]
    return ", ".join(f"{name} {there.get(name)} for {here[name]}" for name in unlike)


def read_found(path: Place, head: Head) -> pd.DataFrame | None:
    """Return what was found of a tile's roofs; None where the file is not whole, or of others."""
    try:
        data = _read_whole(path, path.stem.rsplit("-", 1)[-1])
    except OSError:
        return None
    found = _from_arrow(pq.read_table(pa.BufferReader(data)))
    fits = list(found.columns) == list(MADE) and head_of(found.index) == head
    return found if fits else None


def _read_whole(path: Place, digest: str) -> bytes:
    data = read(path)
    if digest_of(data) != digest:
        raise OSError(f"{path.name} does not hold the bytes that were written")
    return data


@lru_cache(maxsize=1)
def _light(shared: Shared) -> Light:
    """Return the tables of light, made once for all tiles of a run that a process computes."""
    return Light(shared.base, shared.assumptions)


def _table_bytes(table: gpd.GeoDataFrame) -> bytes:
    shapes = pa.array(shapely.to_wkb(table.geometry.to_numpy()), pa.binary())
    plain = _to_arrow(pd.DataFrame(table.drop(columns=table.geometry.name)))
    return _bytes_of(plain.append_column("geometry", shapes))


def _table_of(data: bytes, crs: str) -> gpd.GeoDataFrame:
    table = pq.read_table(pa.BufferReader(data))
    shapes = shapely.from_wkb(table["geometry"].to_numpy())
    return gpd.GeoDataFrame(_from_arrow(table.drop_columns(["geometry"])), geometry=shapes, crs=crs)


def _to_arrow(table: pd.DataFrame) -> pa.Table:
    """Return a table for a file that comes back as it is: columns of objects stay such."""
    made = pa.Table.from_pandas(table)
    objects = [str(name) for name in table.columns if table[name].dtype is np.dtype(object)]
    return made.replace_schema_metadata(
        {**(made.schema.metadata or {}), _OBJECTS: ",".join(objects).encode()}
    )


def _from_arrow(table: pa.Table) -> pd.DataFrame:
    objects = table.schema.metadata[_OBJECTS].decode().split(",")
    plain: pd.DataFrame = table.to_pandas()
    for name in (name for name in objects if name):
        given = plain[name].astype(object)
        plain[name] = given.where(given.notna(), None)
    return plain


def _bytes_of(table: pa.Table) -> bytes:
    held = io.BytesIO()
    pq.write_table(table, held, compression="zstd")
    return held.getvalue()
