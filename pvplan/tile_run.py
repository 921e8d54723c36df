"""Assess a city tile by tile on many workers: go on where a run ended, outlive what befalls them.

A finished tile is one file, named by all that its roofs depend on: it is never computed again. A
worker that dies, or fails, costs its tile another try; a tile that fails every time is reported
with its roofs, and the run goes on without them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
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
from functools import cached_property
from typing import Any, Final, Protocol

import geopandas as gpd
import pandas as pd

from pvplan.depot import Place, clear, files_in, folder_apart, settled
from pvplan.errors import InputError, PvplanError
from pvplan.gather import Progress
from pvplan.tables import REJECTED, Floats, names
from pvplan.tile_work import Head, Shared, Task, head_of, read_found, work, write_inputs
from pvplan.tiles import Tile

TRIES: Final = 3
"""How often a tile is tried before it is reported."""
AHEAD: Final = 2
"""Tiles under way for each worker: one that it computes, one that waits."""
NOTE: Final = "note: "
"""What a word of progress begins with that is no stage but is to stay before people's eyes."""


@dataclass(frozen=True)
class Inputs:
    """What a worker needs of one tile; see :func:`pvplan.tile_work.write_inputs`."""

    roofs: gpd.GeoDataFrame
    casting: gpd.GeoDataFrame
    monthly_ghi: Floats | None
    obstructions: Any


class Source(Protocol):
    """The roofs of a run by tile, and what all tiles share."""

    @property
    def shared(self) -> Shared:
        """What all tiles share."""

    @property
    def heads(self) -> Mapping[str, Head]:
        """Tile name to what is known of it, in the order of the tiles."""

    def ids(self, name: str) -> pd.Index[Any]:
        """Return the ids of a tile's roofs, in their order."""

    def inputs(self, name: str) -> Inputs:
        """Return what a worker needs of a tile; asked again for each try."""


@dataclass(frozen=True)
class City:
    """All roofs of a run, held in memory, and what they are assessed with."""

    buildings: gpd.GeoDataFrame
    casting: gpd.GeoDataFrame
    monthly_ghi: Floats | None
    obstructions: Any
    shared: Shared
    cut: Sequence[Tile]

    @cached_property
    def heads(self) -> Mapping[str, Head]:
        """As in :class:`Source`."""
        return {name: head_of(self.ids(name)) for name in self._known}

    @cached_property
    def _known(self) -> Mapping[str, Tile]:
        return {tile.name: tile for tile in self.cut}

    def ids(self, name: str) -> pd.Index[Any]:
        """As in :class:`Source`."""
        found: pd.Index[Any] = self.buildings.index[self._known[name].roofs]
        return found

    def inputs(self, name: str) -> Inputs:
        """As in :class:`Source`."""
        tile, ghi, drawn = self._known[name], self.monthly_ghi, self.obstructions
        return Inputs(
            self.buildings.iloc[tile.roofs],
            self.casting.iloc[tile.casting],
            None if ghi is None else ghi[tile.roofs],
            None if drawn is None else drawn[tile.roofs],
        )


@dataclass(frozen=True)
class Crew:
    """Who computes.

    Attributes
    ----------
    open
        Starts or joins the workers anew.
    size
        How many they are.
    names_the_dead
        Whether a worker's death is told of the tile that it worked on, so that broken workers
        tell nothing of tiles. Else each tile under way then may be what they died of.
    """

    open: Callable[[], AbstractContextManager[Executor]]
    size: int
    names_the_dead: bool = False


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes
    ----------
    files
        Tile name to its finished file, in the order of the tiles.
    failed
        Tile name to what its last try said.
    reused
        Tiles whose file was there already.
    tries
        Tasks handed out, those of tiles that had to be tried again among them.
    """

    files: Mapping[str, Place]
    failed: Mapping[str, str]
    reused: int
    tries: int


def assess_tiles(city: Source, crew: Crew, folder: Place, progress: Progress) -> Found:
    """Assess every tile, at most a few at a time, and return the files of what was found.

    Parameters
    ----------
    city
        The roofs by tile.
    crew
        The workers; they and this process see ``folder`` under the same path or URL.
    folder
        Keeps one file for each finished tile.
    progress
        Called with ``tiles DONE/ALL``, then ``assess DONE/ALL``, at first with what was there
        already and then as roofs are done; and with what befalls tiles, after :data:`NOTE`.
    """
    folder = settled(folder)
    heads = city.heads
    stems = {name: f"{name}-{_digest(city, name)}" for name in heads}
    files: dict[str, Place] = {}
    told = _Told(progress, len(heads), sum(head.roofs for head in heads.values()))

    def done(name: str, file: Place) -> bool:
        whole = read_found(file, heads[name]) is not None
        if whole:
            files[name] = file
            told.add(heads[name].roofs)
        return whole

    there: dict[str, list[Place]] = {}
    for file in files_in(folder, ".parquet"):
        there.setdefault(file.stem.rsplit("-", 1)[0], []).append(file)
    waiting = [
        name for name, stem in stems.items() if not any(done(name, f) for f in there.get(stem, []))
    ]
    reused = len(files)
    told.begin()
    tasks = _Tasks(city, stems, folder, done, progress)
    if waiting:
        tasks.run(waiting, crew)
    ordered = {name: files[name] for name in heads if name in files}
    return Found(ordered, tasks.failed, reused, tasks.handed_out)


def roofs_found(city: Source, found: Found) -> pd.DataFrame:
    """Return what assessing adds to BUILDINGS, for the roofs of all tiles that succeeded.

    Raises
    ------
    InputError
        A file of a finished tile is no longer what it was.
    """
    parts = [whole_found(city, name, file) for name, file in found.files.items()]
    return joined(parts) if parts else pd.DataFrame()


def whole_found(city: Source, name: str, file: Place) -> pd.DataFrame:
    """Return what was found of a tile; raises as :func:`roofs_found`."""
    part = read_found(file, city.heads[name])
    if part is None:
        raise InputError(f"{file.name} is no longer what was written, or cannot be read; run again")
    return part


def joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables one after the other; texts are of one kind, whatever each tile lacked."""
    found = pd.concat(parts)
    for name in found.columns:
        if not pd.api.types.is_any_real_numeric_dtype(found[name]):
            texts = found[name].astype(object)
            found[name] = texts.where(texts.notna(), None).to_numpy()
    return found


def unfinished(city: Source, failed: Mapping[str, str], file: str) -> pd.DataFrame:
    """Return REJECTED rows for the roofs of tiles that failed."""
    rows = [
        {
            "input": "buildings",
            "file": file,
            "row": pd.NA,
            "id": roof,
            "reason": f"tile {name} could not be computed",
            "done": "rejected",
            "detail": f"{failed[name]}; run again: finished tiles are kept",
        }
        for name in city.heads
        if name in failed
        for roof in city.ids(name)
    ]
    return pd.DataFrame(rows, columns=names(REJECTED))


class _Told:
    """Counts tiles and roofs as they are done; says nothing before it begins."""

    def __init__(self, progress: Progress, tiles: int, roofs: int) -> None:
        self._progress, self._tiles, self._roofs = progress, tiles, roofs
        self._tiles_done = self._roofs_done = 0
        self._begun = False

    def begin(self) -> None:
        self._begun = True
        self._say()

    def add(self, roofs: int) -> None:
        self._tiles_done += 1
        self._roofs_done += roofs
        if self._begun:
            self._say()

    def _say(self) -> None:
        self._progress(f"tiles {self._tiles_done}/{self._tiles}")
        self._progress(f"assess {self._roofs_done}/{self._roofs}")


class _Tasks:
    """The tasks under way, and what became of those that ended badly."""

    def __init__(
        self,
        city: Source,
        stems: Mapping[str, str],
        folder: Place,
        done: Callable[[str, Place], bool],
        progress: Progress,
    ) -> None:
        self._city, self._stems = city, stems
        self._folder, self._done, self._progress = folder, done, progress
        self._blamed = dict.fromkeys(stems, 0)
        self._inputs = folder
        self.handed_out = 0
        self.failed: dict[str, str] = {}

    def run(self, waiting: list[str], crew: Crew) -> None:
        """Work until every tile is done or given up; open the crew again where it broke.

        Where workers die, what they worked on is tried one by one: only who dies alone is blamed.
        Where each death is told of its tile, the loss of all is nobody's: it costs a try.
        """
        suspects: list[str] = []
        # Another run may use the same folder: inputs of this one stand by themselves.
        with folder_apart(self._folder, "inputs-") as self._inputs:
            while waiting or suspects:
                with crew.open() as executor:
                    if suspects:
                        suspects = self._one_by_one(executor, suspects)
                        continue
                    suspects, waiting = self._many(executor, waiting, crew.size * AHEAD)
                if suspects:
                    count = len(suspects)
                    self._progress(f"{NOTE}the workers are gone; {count} tiles are tried again")
                if crew.names_the_dead:
                    lost = BrokenExecutor("the workers were gone")
                    waiting = [*(n for n in suspects if not self._given_up(n, lost)), *waiting]
                    suspects = []

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
        under_way: dict[Future[Place], str] = {}
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

    def _fault(self, future: Future[Place], name: str) -> BaseException | None:
        """Return what a task ended with; None where its file is there."""
        try:
            fault = future.exception()
        except CancelledError as error:
            return error
        if fault is None and not self._done(name, future.result()):
            fault = OSError(f"{future.result().name} is not the whole file that was written")
        if fault is None:
            clear(self._inputs / name)
        return fault

    def _submitted(self, executor: Executor, name: str) -> Future[Place]:
        try:
            return executor.submit(work, self._task(name))
        except (BrokenExecutor, OSError) as error:
            failed: Future[Place] = Future()
            failed.set_exception(error)
            return failed

    def _task(self, name: str) -> Task:
        inputs, given = self._inputs / name, self._city.inputs(name)
        self.handed_out += 1
        # Written anew for another try: its files may be what it failed on.
        digests = write_inputs(
            inputs, given.roofs, given.casting, given.monthly_ghi, given.obstructions
        )
        return Task(name, inputs, digests, self._folder, self._stems[name], self._city.shared)

    def _given_up(self, name: str, fault: BaseException) -> bool:
        """Say whether a tile is not tried again: a fault of its roofs would come again."""
        self._blamed[name] += 1
        ends = isinstance(fault, PvplanError) or self._blamed[name] >= TRIES
        said = _said(fault)
        if ends:
            self.failed[name] = said
        if ends or not _gone(fault):
            again = "given up" if ends else "tried again"
            self._progress(f"{NOTE}tile {name} is {again}: {said}")
        return ends


def _said(fault: BaseException) -> str:
    """Return a fault in words, with what was noted of it, such as the worker that it came from."""
    # Where a file stands is no word for a table.
    said = fault.strerror if isinstance(fault, OSError) and fault.strerror else fault
    notes = "".join(f" ({note})" for note in getattr(fault, "__notes__", ()))
    return f"{type(fault).__name__}: {said}{notes}"


def _gone(fault: BaseException | None) -> bool:
    """Say whether a fault means that the workers are gone, whatever they worked on."""
    return isinstance(fault, BrokenExecutor | CancelledError)


def _digest(city: Source, name: str) -> str:
    """Return the name of all that a tile's roofs depend on."""
    said = {
        "shared": city.shared.key,
        "tile": name,
        "roofs": city.heads[name].ids_sha256,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:20]
