"""Where the files of tiles are kept: a folder that every worker sees, or an object store by URL.

A URL such as ``s3://bucket/tiles`` is read and written through fsspec, by each machine with
credentials of its own. A file appears whole or not at all in both: a folder's by being renamed, an
object by being put.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import fsspec
from upath import UPath

from pvplan.errors import InputError

Place = Path | UPath
Result = TypeVar("Result")
STORES: Final = ("s3", "gs", "az")
"""Kinds of address under which an object appears whole or not at all."""
PROBE: Final = ".probe"
TRIES: Final = 3
_URL: Final = "://"
_SHOWN: Final = 12
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)*/?")
_PAUSE_S: Final = 1.0


def place_of(text: str) -> Place:
    """Return the folder or the place of a store that a text names; asks nobody whether it is there.

    Raises
    ------
    InputError
        The address is of a kind that is no object store, or that is not installed here, or it may
        hold a password.
    """
    kind, mark, rest = text.partition(_URL)
    if not mark:
        return Path(text)
    if kind == "file":
        return Path(rest)
    if kind not in STORES:
        raise InputError(
            f"{kind[:_SHOWN]}{_URL}…: no folder and no object store; give a folder, or an address"
            f" that begins with {', '.join(f'{each}{_URL}' for each in STORES)}"
        )
    if not _PLAIN.fullmatch(rest):
        raise InputError(
            f"{kind}{_URL}…: write {kind}{_URL}BUCKET/FOLDER with letters, digits and . _ - only;"
            " leave credentials out: each machine reads its own from its environment"
        )
    try:
        fsspec.get_filesystem_class(kind)  # says what to install
        # Another machine writes too: what was listed before says nothing.
        return UPath(text, use_listings_cache=False)
    except (ImportError, ValueError, TypeError) as error:
        raise InputError(f"{kind}{_URL}{rest}: cannot be used ({error})") from error


def is_remote(place: Place) -> bool:
    """Tell whether a place is no folder of a file system."""
    return not isinstance(place, Path)


def settled(place: Place) -> Place:
    """Return a folder by its whole path, made where it is missing; a store needs no folder."""
    if isinstance(place, Path):
        place = place.resolve()
        place.mkdir(parents=True, exist_ok=True)
    return place


def refuse_unusable(place: Place) -> None:
    """Refuse a store before anything is computed for it.

    Raises
    ------
    InputError
        Nothing can be written to it, or read from it.
    """
    if not is_remote(place):
        return
    probe = place / f"{PROBE}-{secrets.token_hex(6)}"
    try:
        write_whole(probe, b"")
        read(probe)
        _told(probe, probe.unlink)
    except OSError as error:
        raise InputError(
            f"{place}: cannot be used ({error}); see that the bucket is there, and that this"
            " machine's credentials may read and write it"
        ) from error


def read(path: Place) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    FileNotFoundError
        It is missing.
    OSError
        It cannot be read; a store is asked more than once.
    """
    data: bytes = _told(path, path.read_bytes)
    return data


def write_whole(path: Place, data: bytes) -> None:
    """Write a file that appears with all its bytes at once, or never; OSError where it cannot."""
    if not isinstance(path, Path):
        _told(path, lambda: path.write_bytes(data))
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def files_in(place: Place, suffix: str) -> list[Place]:
    """Return the files of a place that end in a suffix, by name.

    Raises
    ------
    InputError
        The place cannot be listed.
    """
    try:
        names = _told(place, lambda: _names_in(place))
    except FileNotFoundError:  # a place of a store that holds nothing yet
        names = []
    except OSError as error:
        raise InputError(f"{place}: cannot be read ({error}); see that it is there") from error
    return [place / name for name in sorted(names) if name.endswith(suffix)]


def _names_in(place: Place) -> list[str]:
    if isinstance(place, Path):
        return [path.name for path in place.iterdir()]
    # Not UPath.iterdir: of a place that holds nothing it may say that it is no folder.
    return [str(path).rsplit("/", 1)[-1] for path in place.fs.ls(place.path, detail=False)]


def size_bytes(path: Place) -> int:
    """Return how long a file is; OSError where it cannot be told."""
    return _told(path, lambda: int(path.stat().st_size))


def clear(folder: Place) -> None:
    """Remove a folder with all it holds; what cannot be removed stays."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with suppress(OSError):
        _told(folder, lambda: folder.fs.rm(folder.path, recursive=True))


@contextmanager
def folder_apart(home: Place, prefix: str) -> Iterator[Place]:
    """Give a folder of a new name in a place; it is removed at the end."""
    folder = home / f"{prefix}{secrets.token_hex(6)}"
    if isinstance(folder, Path):
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        clear(folder)


def _told(place: Place, work: Callable[[], Result]) -> Result:
    """Do some work on a place; a store is asked again, and whatever its library raises is OSError.

    Its words may hold keys and addresses: they are kept out, and stand in the log of the library.
    """
    if not is_remote(place):
        return work()
    for left in reversed(range(TRIES)):
        try:
            return work()
        except FileNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, "is not in the store", place.name) from error
        except Exception as error:
            if not left:
                raise OSError(
                    errno.EIO, f"the store fails ({type(error).__name__})", place.name
                ) from error
            time.sleep(_PAUSE_S)
    raise AssertionError  # not reached
