"""What a run in parts will take, from some of its tiles; what these found is kept for the run."""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from pvplan.depot import Place, files_in, is_remote, size_bytes
from pvplan.errors import InputError
from pvplan.gather import Progress
from pvplan.tile_run import Crew, Found, Inputs, Source, assess_tiles
from pvplan.tile_work import Head, Shared

EACH: Final = 3
"""Tiles that each worker assesses beside its first, which also pays for the start."""
_MB_PER_KB: Final = 1.0 / 1024.0


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes
    ----------
    roofs, tiles
        All of them.
    sampled_tiles, sampled_roofs
        From which is told.
    workers
        How many assess at once.
    gather_seconds
        As measured: all parts were walked over.
    assess_seconds, plan_seconds
        For all roofs, those of the sample among them.
    worker_mb
        Largest memory of a worker so far, or None of workers elsewhere.
    own_mb
        Largest memory of this process so far.
    tiles_mb, roofs_mb
        Finished tiles, and the result's roofs.
    """

    roofs: int
    tiles: int
    sampled_tiles: int
    sampled_roofs: int
    workers: int
    gather_seconds: float
    assess_seconds: float
    plan_seconds: float
    worker_mb: float | None
    own_mb: float
    tiles_mb: float
    roofs_mb: float

    @property
    def seconds(self) -> float:
        """All stages together."""
        return self.gather_seconds + self.assess_seconds + self.plan_seconds


@dataclass(frozen=True)
class Trial:
    """What planning and writing some tiles took: seconds, and bytes of their files."""

    seconds: float
    written_bytes: int


@dataclass(frozen=True)
class _Some:
    """Some tiles of a source."""

    source: Source
    names: Sequence[str]

    @property
    def shared(self) -> Shared:
        return self.source.shared

    @property
    def heads(self) -> Mapping[str, Head]:
        return {name: self.source.heads[name] for name in self.names}

    def ids(self, name: str) -> pd.Index[Any]:
        return self.source.ids(name)

    def inputs(self, name: str) -> Inputs:
        return self.source.inputs(name)


@dataclass(frozen=True)
class Sample:
    """Tiles that were assessed, and how long each round of them took."""

    files: Mapping[str, Place]
    roofs: tuple[int, ...]
    seconds: tuple[float, ...]


def assess_some(source: Source, crew: Crew, folder: Place, progress: Progress) -> Sample:
    """Assess some tiles, spread over the city, in two rounds of other lengths.

    Raises
    ------
    InputError
        Every tile is finished already, or none of those tried could be computed.
    """
    there = {file.name.rsplit("-", 2)[0] for file in files_in(folder, ".parquet")}
    fresh = [name for name in source.heads if name not in there]
    if not fresh:
        raise InputError("nothing to estimate: every tile is finished; run without --estimate")
    first = _spread(fresh, crew.size)
    rest = [name for name in fresh if name not in set(first)]
    rounds = [first, _spread(rest, EACH * crew.size)]
    files: dict[str, Place] = {}
    roofs, seconds = [], []
    for names in (names for names in rounds if names):
        start = time.perf_counter()
        found: Found = assess_tiles(_Some(source, names), crew, folder, progress)
        if not found.files:
            raise InputError(f"no tile could be computed: {next(iter(found.failed.values()))}")
        seconds.append(time.perf_counter() - start)
        roofs.append(sum(source.heads[name].roofs for name in names))
        files |= found.files
    return Sample(files, tuple(roofs), tuple(seconds))


def estimate(
    source: Source, sample: Sample, trial: Trial, crew: Crew, gather_seconds: float, here: bool
) -> Estimate:
    """Tell what all tiles will take from some.

    Parameters
    ----------
    source, crew
        All tiles, and who assesses them.
    sample
        Of :func:`assess_some`.
    trial
        What planning and writing the sample's tiles took.
    gather_seconds
        What reading took; it is over.
    here
        Whether the workers are processes of this machine, whose memory is known.
    """
    roofs = sum(head.roofs for head in source.heads.values())
    seen = sum(source.heads[name].roofs for name in sample.files)
    share = roofs / seen
    kept = sum(size_bytes(file) for file in sample.files.values())
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _MB_PER_KB
    return Estimate(
        roofs=roofs,
        tiles=len(source.heads),
        sampled_tiles=len(sample.files),
        sampled_roofs=seen,
        workers=crew.size,
        gather_seconds=gather_seconds,
        assess_seconds=_seconds_of(sample, roofs),
        plan_seconds=trial.seconds * share,
        worker_mb=workers if here else None,
        own_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MB_PER_KB,
        tiles_mb=kept * share / 1e6,
        roofs_mb=trial.written_bytes * share / 1e6,
    )


def told(found: Estimate, folder: Place, scratch: Path) -> list[str]:
    """Return an estimate in sentences, and a warning where the disk is too small.

    ``folder`` keeps the tiles, ``scratch`` the roofs until they are written.
    """
    worker = "not known here" if found.worker_mb is None else f"{found.worker_mb / 1e3:.1f} GB"
    free_mb = shutil.disk_usage(scratch).free / 1e6
    apart = is_remote(folder)
    here_mb = found.roofs_mb + (0.0 if apart else found.tiles_mb)
    there = f"; {found.tiles_mb / 1e3:.2f} GB in the store for tiles" if apart else ""
    lines = [
        f"{found.roofs} roofs in {found.tiles} tiles with {found.workers} workers:"
        f" {_clock(found.seconds)} (read {_clock(found.gather_seconds)}, assess"
        f" {_clock(found.assess_seconds)}, plan and write {_clock(found.plan_seconds)})",
        f"memory: {found.own_mb / 1e3:.1f} GB in this process, {worker} in the largest worker",
        f"disk: {here_mb / 1e3:.2f} GB for {'' if apart else 'tiles and '}roofs,"
        f" {free_mb / 1e3:.1f} GB are free{there}",
        f"from {found.sampled_tiles} tiles with {found.sampled_roofs} roofs, which are kept in"
        f" {folder if apart else folder.name} and serve the run",
    ]
    if here_mb > free_mb:
        lines.append("the disk is too small: give --tiles and --out folders of another")
    return lines


def _clock(seconds: float) -> str:
    if seconds < 100.0:
        return f"{seconds:.0f} s"
    if seconds < 100.0 * 60.0:
        return f"{seconds / 60.0:.0f} min"
    return f"{seconds / 3600.0:.1f} h"


def _seconds_of(sample: Sample, roofs: int) -> float:
    """Return the seconds of all roofs: a start, once, and a pace that both rounds tell."""
    pace = max(seconds / count for seconds, count in zip(sample.seconds, sample.roofs, strict=True))
    start = 0.0
    if len(sample.roofs) > 1 and sample.roofs[1] > sample.roofs[0]:
        slope = (sample.seconds[1] - sample.seconds[0]) / (sample.roofs[1] - sample.roofs[0])
        # A slope that no work explains is noise: then the second round's own pace stands.
        pace = slope if slope > 0.0 else sample.seconds[1] / sample.roofs[1]
        start = max(sample.seconds[0] - pace * sample.roofs[0], 0.0)
    return start + pace * roofs


def _spread(names: Sequence[str], count: int) -> list[str]:
    """Return some names, evenly spread over all."""
    if count >= len(names):
        return list(names)
    return [names[(2 * place + 1) * len(names) // (2 * count)] for place in range(count)]
