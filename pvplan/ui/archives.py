"""An uploaded zip of a shapefile: looked through before anything is unpacked, unpacked by us.

No name of a member becomes a path: the parts are written under our own names. The zip itself never
reaches GDAL.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Final

from pvplan.ui.refusals import Refusal

MOST_MEMBERS: Final = 200
MOST_DIRECTORY_BYTES: Final = 1_000_000
MOST_EXPANSION: Final = 200
SMALL_BYTES: Final = 1_000_000
NEEDED: Final = (".shp", ".shx", ".dbf")
PARTS: Final = (*NEEDED, ".prj", ".cpg")
_TAIL_BYTES: Final = 66_000
_END: Final = b"PK\x05\x06"
_NESTED: Final = (".zip", ".7z", ".rar", ".gz", ".tar", ".kmz", ".vrt")
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNK: Final = 1_000_000


def unpack(
    stream: IO[bytes], name: str, layer: str, target: Path, most_bytes: int
) -> tuple[Path, int]:
    """Unpack the one shapefile of a zip under our own name.

    Parameters
    ----------
    stream
        The zip.
    name
        What a message calls it.
    layer
        Which shapefile is meant, by its name; empty where there is only one.
    target
        What the parts are called, without ending.
    most_bytes
        What all of it may hold when unpacked.

    Returns
    -------
    Path, int
        The ``.shp`` file, and the bytes of all parts.

    Raises
    ------
    Refusal
        Too many members, too large when unpacked, a name that leads elsewhere, a link, a zip
        in the zip, a password, no whole shapefile, or several.
    """
    _check_directory(stream, name)
    try:
        with zipfile.ZipFile(stream) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _check_members(members, name, most_bytes)
            chosen = _chosen(members, name, layer)
            total = 0
            for suffix, member in chosen.items():
                total += _copy(archive, member, target.with_suffix(suffix), name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Refusal("refused_zip_broken", name) from error
    return target.with_suffix(".shp"), total


def _check_directory(stream: IO[bytes], name: str) -> None:
    """Read the size of the list of members before anything reads that list."""
    stream.seek(0, 2)
    size = stream.tell()
    stream.seek(max(0, size - _TAIL_BYTES))
    tail = stream.read()
    stream.seek(0)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise Refusal("refused_zip_broken", name)
    count = int.from_bytes(tail[at + 10 : at + 12], "little")
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    # 0xffff and 0xffffffff say that a second, larger record counts: no shapefile needs one.
    if count > MOST_MEMBERS or directory > MOST_DIRECTORY_BYTES:
        raise Refusal("refused_zip_members", name, seen=count, most=MOST_MEMBERS)


def _check_members(members: Sequence[zipfile.ZipInfo], name: str, most_bytes: int) -> None:
    if len(members) > MOST_MEMBERS:
        raise Refusal("refused_zip_members", name, seen=len(members), most=MOST_MEMBERS)
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in member.filename:
            raise Refusal("refused_zip_path", name, member=member.filename)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Refusal("refused_zip_link", name, member=member.filename)
        if path.suffix.lower() in _NESTED:
            raise Refusal("refused_zip_nested", name, member=member.filename)
        if member.flag_bits & 1 or member.compress_type not in _METHODS:
            raise Refusal("refused_zip_locked", name, member=member.filename)
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if unpacked > most_bytes or unpacked > max(SMALL_BYTES, packed * MOST_EXPANSION):
        raise Refusal(
            "refused_zip_bomb", name, seen=_megabytes(unpacked), most=_megabytes(most_bytes)
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f}"


def _chosen(
    members: Sequence[zipfile.ZipInfo], name: str, layer: str
) -> dict[str, zipfile.ZipInfo]:
    """Return the parts of the shapefile that is meant, by their ending."""
    own = [member for member in members if not member.filename.startswith("__MACOSX/")]
    shapes = [m for m in own if PurePosixPath(m.filename).suffix.lower() == ".shp"]
    if layer:
        shapes = [m for m in shapes if PurePosixPath(m.filename).stem == layer]
    if not shapes:
        raise Refusal("refused_zip_no_shape", name)
    if len(shapes) > 1:
        listed = ", ".join(sorted(PurePosixPath(m.filename).stem for m in shapes)[:8])
        raise Refusal("refused_zip_many", name, layers=listed)
    stem = shapes[0].filename.rsplit(".", maxsplit=1)[0]
    parts = {
        PurePosixPath(m.filename).suffix.lower(): m
        for m in own
        if m.filename.rsplit(".", maxsplit=1)[0] == stem
    }
    missing = [suffix for suffix in NEEDED if suffix not in parts]
    if missing:
        raise Refusal("refused_zip_parts", name, parts=" ".join(missing))
    return {suffix: parts[suffix] for suffix in PARTS if suffix in parts}


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, name: str) -> int:
    """Write a member, never more than it claimed to hold."""
    written = 0
    with archive.open(member) as source, path.open("wb") as out:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > member.file_size:
                raise Refusal("refused_zip_broken", name)
            out.write(chunk)
    path.chmod(0o600)
    return written
