"""Shapefiles, plain or zipped: which member to read, and in which encoding its texts stand."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from pvplan.errors import InputError, nearest

_SAMPLE_BYTES: Final = 1_000_000
_LANGUAGE_BYTE: Final = 29  # of the .dbf head: 0 = the language is not stated
_NEEDED: Final = (".shx", ".dbf")
_READ: Final = (*_NEEDED, ".prj", ".cpg")


@dataclass(frozen=True)
class Shapefile:
    """Where GDAL finds a shapefile, and the encoding of its texts (None: as it says itself)."""

    address: str
    encoding: str | None


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files that a reader of a path reads: all parts of a shapefile, else the path."""
    if path.suffix.lower() != ".shp":
        return (path,)
    parts = (entry for entry in path.parent.glob("*") if _same(entry, path))
    return (path, *sorted(part for part in parts if part.suffix.lower() in _READ))


def open_shapefile(file: Path, *, title: str) -> Shapefile:
    """Find the parts of a shapefile.

    Raises
    ------
    InputError
        A part is missing.
    """
    parts = {entry.suffix.lower(): entry for entry in file.parent.glob("*") if _same(entry, file)}
    _check_parts(parts, file.name, title)
    return Shapefile(str(file), _encoding(parts, lambda suffix: _head(parts[suffix])))


def open_zip(file: Path, *, layer: str | None, title: str) -> Shapefile:
    """Find the one shapefile in a zip file, or the one named by ``layer``.

    Raises
    ------
    InputError
        Not a zip file, no shapefile in it, several of them, or a part is missing.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
            shape = _chosen(members, layer, title)
            parts = {
                PurePosixPath(name).suffix.lower(): name
                for name in members
                if name.rsplit(".", maxsplit=1)[0] == shape.rsplit(".", maxsplit=1)[0]
            }
            _check_parts(parts, shape, title)

            def head(suffix: str) -> bytes:
                with archive.open(parts[suffix]) as stream:
                    return stream.read(_SAMPLE_BYTES)

            return Shapefile(f"/vsizip/{file}/{shape}", _encoding(parts, head))
    except zipfile.BadZipFile as error:
        raise InputError(f"{title}: is no whole zip file ({error}); zip it again") from error


def _chosen(members: list[str], layer: str | None, title: str) -> str:
    shapes = {PurePosixPath(name).stem: name for name in members if name.lower().endswith(".shp")}
    if not shapes:
        inside = ", ".join(members[:5]) or "nothing"
        raise InputError(f"{title}: holds no shapefile ({inside}); zip .shp, .shx, .dbf and .prj")
    if layer is not None:
        if layer not in shapes:
            raise InputError(f"{title}: has no layer '{layer}'; {nearest(layer, shapes)}")
        return shapes[layer]
    if len(shapes) > 1:
        raise InputError(
            f"{title}: holds {len(shapes)} shapefiles ({', '.join(sorted(shapes))}); "
            f"choose one, for example --layer {min(shapes)}"
        )
    return next(iter(shapes.values()))


def _check_parts(parts: Mapping[str, object], name: str, title: str) -> None:
    missing = [suffix for suffix in _NEEDED if suffix not in parts]
    if missing:
        raise InputError(
            f"{title}: {name} comes without {' and '.join(missing)}; "
            "a shapefile is .shp, .shx, .dbf and .prj together"
        )


def _same(entry: Path, file: Path) -> bool:
    return entry.stem == file.stem and entry.is_file()


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_SAMPLE_BYTES)


def _encoding(parts: Mapping[str, object], head: Callable[[str], bytes]) -> str | None:
    """Tell UTF-8 from GBK where the file does not: Chinese exports often leave both marks out."""
    if ".cpg" in parts:
        return None
    sample = head(".dbf")
    if sample[_LANGUAGE_BYTE : _LANGUAGE_BYTE + 1] != b"\x00":
        return None
    start = int.from_bytes(sample[8:10], "little")
    names = b" ".join(sample[at : at + 11].split(b"\x00")[0] for at in range(32, start, 32))
    written = (names + sample[start:]).decode("utf-8", errors="replace")
    wrong = written.count("\ufffd")
    right = sum(letter > "\x7f" for letter in written) - wrong
    if not wrong and not right:
        return None
    # A dbf cuts texts at a count of bytes, so that even true UTF-8 shows a few broken letters.
    return "utf-8" if right >= wrong else "gb18030"
