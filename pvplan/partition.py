"""A building file of any size into a folder of clean buildings, cut into parts by place.

The file is read once, batch by batch, and what is learned on the way is set aside on disk: rows
(once as they stand, once in metres), roofs by place, clean buildings by part. Only a few numbers
for each row are held: a hash of its identifier, where it lies, and its place on the curve. All
decisions are those of ``read_footprints``, by the same functions.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

import pvplan
from pvplan.assumptions import Footprints
from pvplan.errors import InputError, OutputError
from pvplan.partition_roofs import (
    BUILDING,
    Cells,
    Outcome,
    cleaned,
    coded,
    fates_spill,
    lay,
    settle_several,
    uncoded,
)
from pvplan.partition_rows import Seen, Told, refuse_folder, see, to_metres
from pvplan.partition_spill import Notes, Spill, Spool
from pvplan.sources.footprints import doubts, in_order, nothing_left
from pvplan.sources.partitions import (
    About,
    Part,
    RejectedWriter,
    SourceFile,
    is_partition,
    reader_sha256,
    reasons_in,
    rules_of,
    sha256_of_file,
    told_sha256,
    write_about,
    write_part,
)
from pvplan.sources.rejections import rejected_table, rows_noted
from pvplan.sources.roofs import shared_warning
from pvplan.sources.shapefiles import files_of
from pvplan.tables import HEIGHT_SOURCES, Ints

Progress = Callable[[str], None]

ROWS_PER_PART: Final = 20_000
"""Roofs of a part at most, where nobody says otherwise."""


def partition(
    path: Path,
    out: Path,
    rules: Footprints,
    told: Told,
    *,
    rows_per_part: int = ROWS_PER_PART,
    progress: Progress | None = None,
) -> About:
    """Convert a building file into a partition, which appears whole or not at all.

    Parameters
    ----------
    path
        GeoJSON, GeoPackage, shapefile (.shp, or zipped), GeoParquet, FlatGeobuf or KML.
    out
        Folder to write; a partition that stands there is replaced.
    rules
        Footprint rules.
    told
        What the reader of the file is told.
    rows_per_part
        Roofs of a part at most, at least 1.
    progress
        Called with words on how far it is.

    Returns
    -------
    About
        What ``partition.json`` says.

    Raises
    ------
    InputError
        As ``read_footprints``; ``out`` stands there and is no partition; the file changed while
        it was read; or ``rows_per_part`` is less than 1.
    OutputError
        The folder cannot be written, or the disk is full.
    """
    if rows_per_part < 1:
        raise InputError(f"--rows-per-part: {rows_per_part}; give 1 or more")
    refuse_folder(path)
    refuse_unusable(out)
    tell = progress or _silent
    try:
        with _beside(out) as (made, work):
            stamps = _stamps(path)
            about = _written(path, made, work, rules, told, rows_per_part, tell)
            if _stamps(path) != stamps:
                raise InputError(f"{path.name}: changed while it was read; run it again")
            shutil.rmtree(work)
            write_about(about, made)
    except OSError as error:
        raise OutputError(
            f"{out}: cannot be written ({error.strerror or error}); free the disk, or name another"
            " folder"
        ) from error
    return about


def refuse_unusable(out: Path) -> None:
    """Refuse a place for a partition where something else stands, or that cannot be written.

    Raises
    ------
    InputError
        It is a file, or a folder that is no partition, or lies in no folder.
    """
    if os.path.lexists(out) and not is_partition(out):
        raise InputError(
            f"{out}: stands there and is no partition; name a new folder, or move it away"
        )
    if not out.absolute().parent.is_dir():
        raise InputError(f"{out}: there is no folder {out.parent} to make it in")


def _silent(_: str) -> None:
    return None


def _stamps(path: Path) -> list[tuple[str, int, int]]:
    if not path.is_file():
        return []
    found = [(file, file.stat()) for file in files_of(path)]
    return [(file.name, stat.st_size, stat.st_mtime_ns) for file, stat in found]


@contextmanager
def _beside(out: Path) -> Iterator[tuple[Path, Path]]:
    """Give a folder to fill and one to work in, and put the first in its place when it is whole."""
    home = out.absolute().parent
    staged = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".unfinished", dir=home))
    try:
        work = staged / "work"
        work.mkdir()
        yield staged, work
        staged.chmod(0o755)
        _exchange(staged, out)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _exchange(staged: Path, out: Path) -> None:
    if not out.exists():
        staged.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".old", dir=staged.parent))
    out.rename(old / "partition")
    try:
        staged.rename(out)
    except BaseException:
        (old / "partition").rename(out)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _written(
    path: Path, made: Path, work: Path, rules: Footprints, told: Told, most: int, tell: Progress
) -> About:
    files = tuple(
        SourceFile(file.name, sha256_of_file(file), file.stat().st_size)
        for file in (files_of(path) if path.is_file() else ())
    )
    seen = see(path, told, work, tell)
    notes, outcome = Notes(work / "notes.arrow"), Outcome(fates_spill(work))
    city = _cleaned_city(seen, told, rules, work, notes, outcome, tell)
    rejected = _rejected(path.name, made, notes, outcome, tell)
    if not len(city.codes):
        raise InputError(nothing_left(path.name, seen.rows, reasons_in(made)))
    parts = _parts(city, made, work, seen, most, tell)
    counts = in_order({"rows_read": seen.rows, **rejected.counts, **outcome.counts, **city.counts})
    warnings = (
        *seen.file.remarks,
        *seen.rule.passed,
        *shared_warning(outcome.shared, path.name),
        *doubts(counts, path.name),
    )
    words = {"datum": told.datum, "crs": told.crs, "layer": told.layer,
             "field_map": dict(told.field_map)}  # fmt: skip
    return About(
        source=path.name,
        files=files,
        **words,  # type: ignore[arg-type]
        rules=rules_of(rules),
        rules_sha256=told_sha256(rules, words),
        reader_sha256=reader_sha256(),
        version=pvplan.__version__,
        metric_crs=str(seen.metric),
        rows_per_part=most,
        counts=counts,
        warnings=warnings,
        rejected_rows=rejected.rows,
        rejected_sha256=rejected.sha256,
        parts=parts,
    )


@dataclass(frozen=True)
class _City:
    """All clean buildings, set aside; their places on the Z-curve, and counts."""

    spool: Spool
    codes: Ints
    counts: dict[str, int]


def _cleaned_city(
    seen: Seen, told: Told, rules: Footprints, work: Path, notes: Notes, outcome: Outcome,
    tell: Progress,
) -> _City:  # fmt: skip
    metres = to_metres(seen, told, rules, notes, tell)
    seen.spool.remove()
    laid = lay(metres, seen.metric, work, notes, tell)
    metres.spool.remove()
    spool, codes = Spool(work / "buildings.arrow"), [np.empty(0, dtype=np.int64)]
    counts = dict.fromkeys(["roofs", *(f"height_{name}" for name in HEIGHT_SOURCES)], 0)
    title = seen.file.title
    for frame in cleaned(laid, rules, title, seen.metric, notes, outcome, work, tell):
        table = coded(frame)
        codes.append(table["code"].to_numpy())
        spool.add(table)
        counts["roofs"] += len(frame)
        for name, number in frame["height_source"].value_counts().items():
            counts[f"height_{name}"] += int(number)
    laid.own.remove()
    laid.visiting.remove()
    return _City(spool, np.concatenate(codes), counts)


@dataclass(frozen=True)
class _Rejected:
    rows: int
    sha256: str
    counts: dict[str, int]


def _rejected(title: str, made: Path, notes: Notes, outcome: Outcome, tell: Progress) -> _Rejected:
    """Write what became of rows, in their order, and count it."""
    tell("writing rejected rows")
    writer = RejectedWriter(made)
    counts = {"rows_rejected": 0, "rows_altered": 0}
    for stretch in sorted({*notes.stretches(), *outcome.fates.stored()}):
        found: list[pd.DataFrame] = [notes.of(stretch), *settle_several(outcome, stretch)]
        table = rejected_table(found, kind="buildings", file=title)
        counts["rows_rejected"] += rows_noted(table, "rejected")
        counts["rows_altered"] += rows_noted(table, "altered")
        writer.add(table)
    notes.remove()
    outcome.fates.remove()
    return _Rejected(writer.rows, writer.close(), counts)


def _parts(
    city: _City, made: Path, work: Path, seen: Seen, most: int, tell: Progress
) -> tuple[Part, ...]:
    cells = Cells.of(city.codes, most)
    by_cell = Spill(work / "parts.arrow", BUILDING)
    for table in city.spool.tables():
        by_cell.add(table, cells.place(table["code"].to_numpy()))
    city.spool.remove()
    parts = []
    for at, name in enumerate(cells.names):
        tell(f"writing {at + 1}/{len(cells.names)} parts")
        parts.append(write_part(uncoded(by_cell.read(at), seen.metric), made, name))
    by_cell.remove()
    return tuple(parts)
