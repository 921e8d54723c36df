"""The files of an uploaded city: checked by size and first bytes, kept under our own names.

What is kept is a city folder like any other: ``city.toml`` and its files. Only the process of a run
reads what is in them.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Final

import streamlit as st

from pvplan.ui.archives import unpack
from pvplan.ui.limited import setting
from pvplan.ui.refusals import Refusal

VECTORS: Final = ("geojson", "json", "zip", "gpkg", "parquet", "geoparquet", "fgb", "kml")
RASTERS: Final = ("tif", "tiff")
TYPES: Final[dict[str, tuple[str, ...]]] = {
    "buildings": VECTORS,
    "parks": VECTORS,
    "districts": VECTORS,
    "register": ("csv",),
    "irradiance": RASTERS,
    "weather": ("epw", "csv", "json"),
    "obstructions": VECTORS,
    "surface_model": RASTERS,
}
"""Each role with the endings of its files."""
PLACED: Final = ("buildings", "parks", "districts", "register", "obstructions")
"""Roles whose coordinates have a datum."""
READ_BY_LAYER: Final = ("buildings", "parks", "districts", "obstructions")
DATUMS: Final = ("wgs84", "gcj02", "bd09", "cgcs2000")
TOTAL_MB: Final = 600
FREE_BYTES: Final = 1_000_000_000
MOST_NAME: Final = 60
MOST_COLUMNS: Final = 2_000
_EPSG: Final = re.compile(r"EPSG:\d{4,6}")
_HEAD_BYTES: Final = 262_144
_CHUNK: Final = 1_000_000
_LIST: Final = "files.json"
_BOM: Final = b"\xef\xbb\xbf"
_TIFFS: Final = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_MAGIC: Final[dict[str, tuple[bytes, ...]]] = {
    "geojson": (b"{",), "json": (b"{",), "kml": (b"<",), "zip": (b"PK\x03\x04",),
    "gpkg": (b"SQLite format 3\x00",), "parquet": (b"PAR1",), "geoparquet": (b"PAR1",),
    "fgb": (b"fgb",), "tif": _TIFFS, "tiff": _TIFFS, "epw": (b"LOCATION",),
}  # fmt: skip
_TEXTS: Final = ("geojson", "json", "kml", "csv", "epw")
# Words by which GDAL takes a text for an order to open other files or to ask the network.
_ORDERS: Final = (b"<OGRVRT", b"<VRTDataset", b"gdal_streamed_alg", b"<WFSData", b"<GDAL_WM")
_KML_ORDERS: Final = (b"<NetworkLink", b"<!DOCTYPE", b"<!ENTITY")


@dataclass(frozen=True)
class Held:
    """A file that was taken: what its owner calls it, what we call it, its bytes, how to read it.

    ``datum`` is one of :data:`DATUMS`; ``crs`` and ``layer`` are empty where the file says.
    """

    name: str
    file: str
    size: int
    datum: str = "wgs84"
    crs: str = ""
    layer: str = ""


def most_of_one() -> int:
    """Return how many bytes a file may have: ``server.maxUploadSize`` [MB]."""
    return int(st.get_option("server.maxUploadSize")) * 1_000_000


def most_of_all() -> int:
    """Return how many bytes a visitor's files may have: ``PVPLAN_UPLOAD_TOTAL_MB``."""
    return setting("PVPLAN_UPLOAD_TOTAL_MB", TOTAL_MB) * 1_000_000


def held(city: Path) -> dict[str, Held]:
    """Return the files that were taken, by role."""
    try:
        known = json.loads((city / _LIST).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return {role: Held(**known[role]) for role in TYPES if role in known}


def take(
    city: Path, role: str, name: str, stream: IO[bytes], told: Mapping[str, str] | None = None
) -> Held:
    """Check a file and keep it in the place of an earlier one of its role.

    Parameters
    ----------
    city
        The visitor's city folder.
    role
        A key of :data:`TYPES`.
    name
        What its owner calls it.
    stream
        Its bytes.
    told
        ``datum``, ``crs``, ``layer``: how it is to be read.

    Returns
    -------
    Held

    Raises
    ------
    Refusal
        Of another kind than its name says, empty, too large, not safe; nothing was changed.
    """
    told = _checked_words(name, told or {})
    ending = Path(name).suffix.lower().removeprefix(".")
    if ending not in TYPES[role]:
        raise Refusal("refused_ending", name, known=", ".join(TYPES[role]))
    size = _size(stream)
    known = held(city)
    others = sum(item.size for other, item in known.items() if other != role)
    _check_size(city, name, size, others)
    _check_bytes(name, ending, stream)
    incoming = city / f".{role}"
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(mode=0o700)
    try:
        target = incoming / f"{role}.{ending}"
        if ending == "zip":
            room = most_of_all() - others
            path, size = unpack(stream, name, told["layer"], target.with_suffix(""), room)
        else:
            path = _kept(stream, target)
        shutil.rmtree(city / role, ignore_errors=True)
        incoming.rename(city / role)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    if ending == "zip":
        told = {**told, "layer": ""}
    item = Held(_short(name), f"{role}/{path.name}", size, **told)
    _write(city, {**known, role: item})
    return item


def read_as(city: Path, role: str, told: Mapping[str, str]) -> None:
    """Change how a file that was taken is to be read.

    Raises
    ------
    Refusal
        An unknown datum, or a CRS that is not written like ``EPSG:4326``.
    """
    known = held(city)
    item = known[role]
    words = _checked_words(item.name, told)
    changed = replace(item, datum=words["datum"], crs=words["crs"], layer=words["layer"])
    _write(city, {**known, role: changed})


def drop(city: Path, role: str) -> None:
    """Remove a file that was taken."""
    shutil.rmtree(city / role, ignore_errors=True)
    _write(city, {other: item for other, item in held(city).items() if other != role})


def write_city(city: Path, name: str) -> tuple[str, ...]:
    """Write ``city.toml`` for the files that were taken.

    Parameters
    ----------
    city
        The visitor's city folder.
    name
        What the city is called; shown as it is.

    Returns
    -------
    tuple of str
        Words of the command line that say how the files are to be read.
    """
    files = held(city)
    shown = json.dumps(_short(name) or "city", ensure_ascii=False)
    lines = [
        "[city]",
        'id = "uploaded"',
        f"name_zh = {shown}",
        f"name_en = {shown}",
        "",
        "[inputs]",
    ]
    lines += [f'{role} = "{item.file}"' for role, item in files.items()]
    lines += ["", "[inputs.datum]"]
    lines += [f'{role} = "{item.datum}"' for role, item in files.items() if role in PLACED]
    (city / "city.toml").write_text("\n".join(lines) + "\n", "utf-8")
    words = [
        f"--{option}={role}={word}"
        for role, item in files.items()
        if role in READ_BY_LAYER
        for option, word in (("crs", item.crs), ("layer", item.layer))
        if word
    ]
    return tuple(words)


def _write(city: Path, known: Mapping[str, Held]) -> None:
    text = json.dumps({role: asdict(item) for role, item in known.items()}, ensure_ascii=False)
    (city / _LIST).write_text(text, "utf-8")


def _short(name: str) -> str:
    """Return a name without control characters, and not too long to be shown."""
    plain = "".join(letter for letter in name if letter.isprintable())
    return plain.strip()[:MOST_NAME]


def _checked_words(name: str, told: Mapping[str, str]) -> dict[str, str]:
    crs = told.get("crs", "").strip().upper()
    if crs and not _EPSG.fullmatch(crs):
        raise Refusal("refused_crs", name, seen=crs[:MOST_NAME])
    datum = told.get("datum", "wgs84")
    if datum not in DATUMS:
        raise Refusal("refused_datum", name, seen=datum[:MOST_NAME])
    return {"datum": datum, "crs": crs, "layer": _short(told.get("layer", ""))}


def _size(stream: IO[bytes]) -> int:
    stream.seek(0, 2)
    size = stream.tell()
    stream.seek(0)
    return size


def _check_size(city: Path, name: str, size: int, others: int) -> None:
    if not size:
        raise Refusal("refused_empty", name)
    if size > most_of_one():
        raise Refusal("refused_size", name, seen=_mb(size), most=_mb(most_of_one()))
    if others + size > most_of_all():
        raise Refusal("refused_total", name, seen=_mb(others + size), most=_mb(most_of_all()))
    if shutil.disk_usage(city).free < FREE_BYTES + size:
        raise Refusal("refused_disk", name)


def _mb(count: int) -> str:
    return f"{count / 1e6:,.1f}"


def _check_bytes(name: str, ending: str, stream: IO[bytes]) -> None:
    """Hold the first bytes against the ending, and refuse texts that point elsewhere."""
    head = stream.read(_HEAD_BYTES)
    stream.seek(0)
    text = head.removeprefix(_BOM).lstrip() if ending in _TEXTS else head
    if ending in _MAGIC and not text.startswith(_MAGIC[ending]):
        raise Refusal("refused_magic", name, ending=ending, seen=repr(text[:12])[2:-1])
    if ending not in _TEXTS:
        return
    if b"\x00" in head:
        raise Refusal("refused_magic", name, ending=ending, seen=repr(text[:12])[2:-1])
    orders = (*_ORDERS, *_KML_ORDERS) if ending == "kml" else _ORDERS
    if any(word in head for word in orders):
        raise Refusal("refused_order", name)
    if ending == "csv":
        first = head.split(b"\n", 1)[0]
        columns = max(first.count(mark) for mark in (b",", b";", b"\t"))
        if columns > MOST_COLUMNS or len(first) == _HEAD_BYTES:
            raise Refusal("refused_columns", name, most=MOST_COLUMNS)


def _kept(stream: IO[bytes], path: Path) -> Path:
    with path.open("wb") as out:
        shutil.copyfileobj(stream, out, _CHUNK)
    path.chmod(0o600)
    return path


def owner_names(text: str, files: Mapping[str, Held]) -> str:
    """Return a fault with a file called as its owner calls it."""
    for item in files.values():
        text = text.replace(Path(item.file).name, item.name)
    return text
