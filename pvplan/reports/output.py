"""A plan written whole or not at all.

Every file is first written into a hidden folder on the same file system. A new output folder
then appears by one rename. In a folder that stands already, ``run.json`` goes first and comes
last, so that a folder without it is known to be unfinished; if anything fails in between, what
stood before is put back.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from xlsxwriter.exceptions import XlsxWriterException

from pvplan.errors import OutputError
from pvplan.reports.columns import canonical, unknown_kinds
from pvplan.reports.lineage import write_lineage
from pvplan.reports.runfile import RUN_FILE, inventory, write_run_file
from pvplan.reports.separated import write_separated
from pvplan.reports.spatial import outlines_digest, write_geopackage, write_parquet
from pvplan.reports.workbook import write_workbook
from pvplan.tables import Plan

Progress = Callable[[str], None]
_BEFORE: Final = "before"  # where old files wait while the new ones are put in their place
GEOPACKAGE: Final = "plan.gpkg"
LINEAGE: Final = "lineage.json"
SEPARATED: Final = (
    "parks", "districts", "city", "goals", "gap_parks", "gap_districts", "allocation",
    "compliance", "reconciliation", "rejected", "ledger",
)  # fmt: skip
ROOFS: Final = "roofs.parquet"
ROOF_PARTS: Final = "roofs"
"""The folder that takes the place of ``roofs.parquet`` where a city came in parts."""
FILES: Final = (
    ROOFS,
    *(f"{name}.csv" for name in SEPARATED),
    "plan.xlsx",
    GEOPACKAGE,
    LINEAGE,
    RUN_FILE,
)
_EVERY: Final = (ROOF_PARTS, *FILES)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BARRED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_WRITER_ERRORS: Final = (
    OSError, DataLayerError, DataSourceError, FeatureError, XlsxWriterException,
)  # fmt: skip


def write_plan(plan: Plan, out: Path, *, progress: Progress | None = None) -> tuple[Path, ...]:
    """Write every file of a run, whole or not at all.

    Parameters
    ----------
    plan
        What the run found.
    out
        The output folder; made where it is missing. Files in it that no run writes stay.
    progress
        Called with the name of each file before it is written.

    Returns
    -------
    tuple of Path
        The files of :data:`FILES` in ``out``; ``run.json`` is last. Of a plan with ``roof_parts``
        the first is the folder :data:`ROOF_PARTS`, into which its files have moved, or were
        copied where a finished run holds them.

    Raises
    ------
    OutputError
        ``out`` is a file, cannot be written, the disk is full, or a file in it is held open by
        another program. What stood there before still stands.
    """
    refuse_unusable(out)
    made = files_of(plan)
    with _naming(out), _parents_of(out), _staging(out) as staged:
        _write_all(canonical(plan), staged, progress or (lambda _: None))
        if out.exists():
            _exchange(staged, out, made)
        else:
            staged.rename(out)
    return tuple(out / name for name in made)


def files_of(plan: Plan) -> tuple[str, ...]:
    """Return the names of what a plan is written as, ``run.json`` last."""
    return (ROOF_PARTS, *FILES[1:]) if plan.roof_parts else FILES


def roof_files(plan: Plan) -> list[str]:
    """Return the names of the files that hold the roofs of a written plan, seen from its folder."""
    return [f"{ROOF_PARTS}/{file.name}" for file in plan.roof_parts] or [ROOFS]


def refuse_unusable(out: Path) -> None:
    """Refuse an output folder of which it is plain, before anything is computed, that it fails.

    Raises
    ------
    OutputError
        It is a file, lies below one, cannot be written, or holds a folder of a result's name.
    """
    with _naming(out):
        home = next(p for p in (out.absolute(), *out.absolute().parents) if os.path.lexists(p))
        if home == out.absolute() and not home.is_dir():
            raise OutputError(f"{out}: is a file; give a folder for the output")
        if not home.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(home, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        faults = [
            f"{out / name}: is a folder, and a run writes a file of that name; move it away"
            for name in FILES
            if (out / name).is_dir()
        ]
        if (out / ROOF_PARTS).exists() and not (out / ROOF_PARTS).is_dir():
            faults.append(
                f"{out / ROOF_PARTS}: is a file, and a run may write a folder of that name; move"
                " it away"
            )
    if faults:
        raise OutputError(faults)


@contextmanager
def _naming(out: Path) -> Iterator[None]:
    """Turn a failure of a writer into one that names the folder and the remedy."""
    try:
        yield
    except _WRITER_ERRORS as error:
        raise OutputError(f"{out}: cannot be written ({_what(error)}); {_remedy(error)}") from error


def _number(error: BaseException | None) -> int | None:
    """Return the system's error number, also where a library wrapped the error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        wrapped = error.args[0] if error.args else None
        follow = error.__cause__ or error.__context__
        error = wrapped if isinstance(wrapped, BaseException) else follow
    return None


def _what(error: BaseException) -> str:
    number = _number(error)
    return os.strerror(number) if number is not None else str(error)


def _remedy(error: BaseException) -> str:
    number = _number(error)
    if number in _FULL or "disk is full" in str(error):
        return "free some space or give another folder; nothing there was changed"
    if number in _BARRED:
        return (
            "close the files of an earlier run in other programs, or give a folder that may be "
            "written; nothing there was changed"
        )
    return "see that there is space left, or give another folder; nothing there was changed"


@contextmanager
def _parents_of(out: Path) -> Iterator[None]:
    """Make the missing folders above ``out``; take them away again if writing fails."""
    missing = [folder for folder in out.absolute().parents if not folder.exists()]
    made: list[Path] = []
    try:
        for folder in reversed(missing):
            folder.mkdir()
            made.append(folder)
        yield
    except BaseException:
        for folder in reversed(made):
            if not any(folder.iterdir()):
                folder.rmdir()
        raise


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """Yield a hidden folder on the file system of ``out``, and take it away at the end."""
    home = out if out.is_dir() else out.absolute().parent
    staged = home / f".{out.absolute().name}.writing-{secrets.token_hex(6)}"
    try:
        staged.mkdir()
        yield staged
    finally:
        # After an undo that was itself interrupted, this holds the only copy of the old files.
        if not (staged / _BEFORE).exists():
            shutil.rmtree(staged, ignore_errors=True)


def _write_all(plan: Plan, staged: Path, progress: Progress) -> None:
    fingerprint = str(plan.meta.get("fingerprint", ""))
    with ThreadPoolExecutor(1) as aside:
        progress(files_of(plan)[0])
        # Its packing leaves Python's lock to the writers of the other files.
        packed = aside.submit(_write_roofs, plan, staged, fingerprint)
        _write_others(plan, staged, fingerprint, progress)
        roofs = packed.result()
    progress(RUN_FILE)
    plain = [staged / name for name in FILES[1:] if name != RUN_FILE]
    outputs = inventory(plain, staged) | inventory(roofs, staged)
    outputs[GEOPACKAGE]["outlines_sha256"] = outlines_digest(staged / GEOPACKAGE)
    meta = {**plan.meta, "outputs": outputs}
    extra = unknown_kinds(plan)
    if extra:
        meta["undescribed_columns"] = extra
    write_run_file(meta, staged / RUN_FILE)
    for path in (*roofs, *plain, staged / RUN_FILE):  # a full disk may show only now
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())


def _write_roofs(plan: Plan, staged: Path, fingerprint: str) -> list[Path]:
    """Write the roofs, or move the files that they are; return their files.

    The files of a finished run stay where they are, and are copied.
    """
    if not plan.roof_parts:
        write_parquet(plan.roofs, staged / ROOFS, fingerprint)
        return [staged / ROOFS]
    folder = staged / ROOF_PARTS
    folder.mkdir()
    take = shutil.copy2 if "outputs" in plan.meta else shutil.move
    return [Path(take(file, folder / file.name)) for file in plan.roof_parts]


def _write_others(plan: Plan, staged: Path, fingerprint: str, progress: Progress) -> None:
    for name in SEPARATED:
        progress(f"{name}.csv")
        write_separated(name, getattr(plan, name), staged / f"{name}.csv", fingerprint)
    progress("plan.xlsx")
    write_workbook(plan, staged / "plan.xlsx")
    progress(GEOPACKAGE)
    write_geopackage(plan, staged / GEOPACKAGE)
    progress(LINEAGE)
    write_lineage(plan, staged / LINEAGE)


def _exchange(staged: Path, out: Path, made: Sequence[str]) -> None:
    """Put the new files in the place of the old: ``run.json`` goes first and comes last."""
    before = staged / _BEFORE
    before.mkdir()
    old = [name for name in reversed(_EVERY) if (out / name).exists()]
    try:
        for name in old:
            (out / name).replace(before / name)
        for name in made:
            (staged / name).replace(out / name)
    except BaseException:
        _put_back(before, out, old)
        raise
    before.rename(staged / "replaced")


def _put_back(before: Path, out: Path, old: Sequence[str]) -> None:
    # What was done is read from the folders, since an interrupt may fall between two moves.
    for name in _EVERY:
        if (before / name).exists():
            if (out / name).is_dir():  # the new roofs, there already
                shutil.rmtree(out / name)
            (before / name).replace(out / name)
        elif name not in old and (out / name).is_dir():
            shutil.rmtree(out / name)
        elif name not in old:
            (out / name).unlink(missing_ok=True)
    before.rmdir()
