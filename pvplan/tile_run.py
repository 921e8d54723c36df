"""Assess a city tile by tile on many workers: go on where a run ended, outlive what befalls them.

A finished tile is one file, named by all that its roofs depend on: it is never computed again. A
worker that dies, or fails, costs its tile another try; a tile that fails every time is reported
with its roofs, and the run goes on without them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd

from pvplan.errors import PvplanError
from pvplan.gather import Progress
from pvplan.tables import REJECTED, Floats, names
from pvplan.tile_work import Shared, Task, read_found, work, write_inputs
from pvplan.tiles import Tile

TRIES: Final = 3
"""How often a tile is tried before it is reported."""
AHEAD: Final = 2
"""Tiles under way for each worker: one that it computes, one that waits."""


@dataclass(frozen=True)
class City:
    """All roofs of a run and what they are assessed with."""

    buildings: gpd.GeoDataFrame
    casting: gpd.GeoDataFrame
    monthly_ghi: Floats | None
    obstructions: Any
    shared: Shared


@dataclass(frozen=True)
class Crew:
    """Who computes: ``open`` starts or joins the workers anew; ``size`` is how many they are."""

    open: Callable[[], AbstractContextManager[Executor]]
    size: int


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes
    ----------
    roofs
        What assessing adds to BUILDINGS, for the roofs of all tiles that succeeded.
    failed
        Tile name to what its last try said.
    reused
        Tiles whose file was there already.
    tries
        Tasks handed out, those of tiles that had to be tried again among them.
    """

    roofs: pd.DataFrame
    failed: Mapping[str, str]
    reused: int
    tries: int


def assess_tiles(
    city: City, tiles: Iterable[Tile], crew: Crew, folder: Path, progress: Progress
) -> Found:
    """Assess every tile, at most a few at a time, and return what was found of its roofs.

    Parameters
    ----------
    city, tiles
        The roofs, and how they are cut.
    crew
        The workers; they and this process see ``folder`` under the same path.
    folder
        Keeps one file for each finished tile.
    progress
        Called with ``assess DONE/ALL`` as roofs are done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {tile.name: tile for tile in tiles}
    stems = {name: f"{name}-{_digest(city, tile)}" for name, tile in known.items()}
    parts: dict[str, pd.DataFrame] = {}
    told = _Told(progress, len(city.buildings))

    def done(name: str, file: Path) -> bool:
        ids = city.buildings.index[known[name].roofs]
        found = read_found(file, ids)
        if found is not None:
            parts[name] = found
            told.add(len(ids))
        return found is not None

    there: dict[str, list[Path]] = {}
    for file in sorted(folder.glob("*.parquet")):
        there.setdefault(file.stem.rsplit("-", 1)[0], []).append(file)
    waiting = [
        name for name, stem in stems.items() if not any(done(name, f) for f in there.get(stem, []))
    ]
    reused = len(parts)
    tasks = _Tasks(city, known, stems, folder, done)
    if waiting:
        tasks.run(waiting, crew)
    found = _joined([parts[name] for name in known if name in parts])
    return Found(found, tasks.failed, reused, tasks.handed_out)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return tables one after the other; texts are of one kind, whatever each tile lacked."""
    if not parts:
        return pd.DataFrame()
    found = pd.concat(parts)
    for name in found.columns:
        if not pd.api.types.is_any_real_numeric_dtype(found[name]):
            texts = found[name].astype(object)
            found[name] = texts.where(texts.notna(), None).to_numpy()
    return found


def unfinished(
    city: City, tiles: Iterable[Tile], failed: Mapping[str, str], file: str
) -> pd.DataFrame:
    """Return REJECTED rows for the roofs of tiles that failed."""
    rows = [
        {
            "input": "buildings",
            "file": file,
            "row": pd.NA,
            "id": roof,
            "reason": f"tile {tile.name} could not be computed",
            "done": "rejected",
            "detail": f"{failed[tile.name]}; run again: finished tiles are kept",
        }
        for tile in tiles
        if tile.name in failed
        for roof in city.buildings.index[tile.roofs]
    ]
    return pd.DataFrame(rows, columns=names(REJECTED))


class _Told:
    """Counts roofs as they are done."""

    def __init__(self, progress: Progress, roofs: int) -> None:
        self._progress, self._roofs, self._done = progress, roofs, 0

    def add(self, count: int) -> None:
        self._done += count
        self._progress(f"assess {self._done}/{self._roofs}")


class _Tasks:
    """The tasks under way, and what became of those that ended badly."""

    def __init__(
        self,
        city: City,
        tiles: Mapping[str, Tile],
        stems: Mapping[str, str],
        folder: Path,
        done: Callable[[str, Path], bool],
    ) -> None:
        self._city, self._tiles, self._stems = city, tiles, stems
        self._folder, self._done = folder, done
        self._blamed = dict.fromkeys(tiles, 0)
        self._inputs = folder
        self.handed_out = 0
        self.failed: dict[str, str] = {}

    def run(self, waiting: list[str], crew: Crew) -> None:
        """Work until every tile is done or given up; open the crew again where it broke.

        Where workers die, what they worked on is tried one by one: only who dies alone is blamed.
        """
        suspects: list[str] = []
        # Another run may use the same folder: inputs of this one stand by themselves.
        with tempfile.TemporaryDirectory(prefix="inputs-", dir=self._folder) as inputs:
            self._inputs = Path(inputs)
            while waiting or suspects:
                with crew.open() as executor:
                    if suspects:
                        suspects = self._one_by_one(executor, suspects)
                    else:
                        suspects, waiting = self._many(executor, waiting, crew.size * AHEAD)

    def _one_by_one(self, executor: Executor, suspects: list[str]) -> list[str]:
        """Try tiles alone, each until it is done or given up; return those left by a death."""
        queue = list(suspects)
        while queue:
            future = self._submitted(executor, queue[0])
            wait([future])
            fault = self._fault(future, queue[0])
            if fault is None or self._given_up(queue[0], fault):
                queue.pop(0)
            if _gone(fault):
                break
        return queue

    def _many(
        self, executor: Executor, waiting: list[str], at_once: int
    ) -> tuple[list[str], list[str]]:
        """Work on several tiles at once until all are done, or the workers are gone.

        Returns the tiles that were under way when the workers went, and those that were not.
        """
        queue = list(waiting)
        under_way: dict[Future[Path], str] = {}
        while queue or under_way:
            while queue and len(under_way) < at_once:
                name = queue.pop(0)
                under_way[self._submitted(executor, name)] = name
            ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
            suspects = []
            for future in ended:
                name = under_way.pop(future)
                fault = self._fault(future, name)
                if _gone(fault):
                    suspects.append(name)
                elif fault is not None and not self._given_up(name, fault):
                    queue.append(name)
            if suspects:
                return [*suspects, *under_way.values()], queue
        return [], []

    def _fault(self, future: Future[Path], name: str) -> BaseException | None:
        """Return what a task ended with; None where its file is there."""
        try:
            fault = future.exception()
        except CancelledError as error:
            return error
        if fault is None and not self._done(name, future.result()):
            fault = OSError(f"{future.result().name} is not the whole file that was written")
        if fault is None:
            shutil.rmtree(self._inputs / name, ignore_errors=True)
        return fault

    def _submitted(self, executor: Executor, name: str) -> Future[Path]:
        try:
            return executor.submit(work, self._task(name))
        except (BrokenExecutor, OSError) as error:
            failed: Future[Path] = Future()
            failed.set_exception(error)
            return failed

    def _task(self, name: str) -> Task:
        tile, city, inputs = self._tiles[name], self._city, self._inputs / name
        self.handed_out += 1
        ghi, drawn = city.monthly_ghi, city.obstructions
        # Written anew for another try: its files may be what it failed on.
        digests = write_inputs(
            inputs,
            city.buildings.iloc[tile.roofs],
            city.casting.iloc[tile.casting],
            None if ghi is None else ghi[tile.roofs],
            None if drawn is None else drawn[tile.roofs],
        )
        return Task(name, inputs, digests, self._folder, self._stems[name], city.shared)

    def _given_up(self, name: str, fault: BaseException) -> bool:
        """Say whether a tile is not tried again: a fault of its roofs would come again."""
        self._blamed[name] += 1
        ends = isinstance(fault, PvplanError) or self._blamed[name] >= TRIES
        if ends:
            # Where a file stands is no word for a table.
            said = fault.strerror if isinstance(fault, OSError) and fault.strerror else fault
            self.failed[name] = f"{type(fault).__name__}: {said}"
        return ends


def _gone(fault: BaseException | None) -> bool:
    """Say whether a fault means that the workers are gone, whatever they worked on."""
    return isinstance(fault, BrokenExecutor | CancelledError)


def _digest(city: City, tile: Tile) -> str:
    """Return the name of all that a tile's roofs depend on."""
    said = {
        "shared": city.shared.key,
        "tile": tile.name,
        "roofs": [str(roof) for roof in city.buildings.index[tile.roofs]],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:20]
