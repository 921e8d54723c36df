"""What a vector file really is: known by its first bytes, and refused where it is not safe.

GDAL takes any text that looks like one of its recipes as an order to open other files or to ask
the network, whatever the file is called.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pvplan.errors import InputError

_SNIFFED_BYTES: Final = 65536
# Texts by which GDAL takes any text file for a recipe of its own, wherever in the head they stand.
_RECIPES: Final = (b"<OGRVRTDataSource", b"<OGRVRTLayer", b"gdal_streamed_alg", b"<WFSDataSource")
_KML_REFUSED: Final = (b"<!DOCTYPE", b"<!ENTITY", b"<NetworkLink")


@dataclass(frozen=True)
class Format:
    """A format: its name, the drivers of GDAL that may open it, and its first bytes."""

    name: str
    drivers: tuple[str, ...]
    magic: bytes


GEOJSON: Final = Format("GeoJSON", ("GeoJSON",), b"{")
PARQUET: Final = Format("GeoParquet", (), b"PAR1")
SHAPE: Final = Format("shapefile", ("ESRI Shapefile",), b"\x00\x00\x27\x0a")
ZIP: Final = Format("zipped shapefile", ("ESRI Shapefile",), b"PK\x03\x04")
KML: Final = Format("KML", ("LIBKML", "KML"), b"<")
GEOPACKAGE: Final = Format("GeoPackage", ("GPKG",), b"SQLite format 3\x00")
FORMATS: Final = {
    ".geojson": GEOJSON,
    ".json": GEOJSON,
    ".gpkg": GEOPACKAGE,
    ".zip": ZIP,
    ".shp": SHAPE,
    ".parquet": PARQUET,
    ".geoparquet": PARQUET,
    ".fgb": Format("FlatGeobuf", ("FlatGeobuf",), b"fgb"),
    ".kml": KML,
}


def local_file(path: str | Path, *, title: str) -> Path:
    """Return the path of a local file that exists and holds bytes.

    Raises
    ------
    InputError
        An address instead of a path, nothing there (the nearest name in the folder is given), a
        folder, or an empty file.
    """
    written = str(path)
    if re.match(r"^[A-Za-z][A-Za-z0-9+.\-]+:", written) or written.startswith("/vsi"):
        raise InputError(f"{title}: '{written}' is not a local file; download it first")
    file = Path(path)
    if any(mark in str(file.resolve()) for mark in "!;"):
        raise InputError(f"{title}: '{written}' holds '!' or ';' in its path; rename it")
    if file.is_dir():
        raise InputError(f"{title}: '{written}' is a folder; name a file in it")
    if not file.is_file():
        there = sorted(entry.name for entry in file.parent.glob("*"))
        close = difflib.get_close_matches(file.name, there, n=1, cutoff=0.4)
        hint = f"did you mean '{close[0]}'?" if close else "check the path"
        raise InputError(f"{title}: '{written}' does not exist; {hint}")
    if file.stat().st_size == 0:
        raise InputError(f"{title}: the file is empty (0 bytes); export it again")
    return file.resolve()


def checked_format(file: Path, *, title: str) -> Format:
    """Return the format of a file by its name, if its bytes agree and point nowhere else.

    Raises
    ------
    InputError
        An unknown ending, other content than the name says, or a text that refers to other files.
    """
    known = FORMATS.get(file.suffix.lower())
    if known is None:
        raise InputError(
            f"{title}: '{file.suffix}' is no known vector format; use {', '.join(FORMATS)}"
        )
    with file.open("rb") as stream:
        head = stream.read(_SNIFFED_BYTES)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip() if known in (GEOJSON, KML) else head
    if not text.startswith(known.magic):
        raise InputError(
            f"{title}: is named {file.suffix} but does not hold {known.name} "
            f"(it begins with {text[:12]!r}); save it as {known.name}"
        )
    if known in (GEOJSON, KML) and any(mark in head for mark in _RECIPES):
        raise InputError(
            f"{title}: holds a recipe that points to other files, not {known.name}; "
            "save the polygons themselves"
        )
    if known is KML and any(mark in file.read_bytes() for mark in _KML_REFUSED):
        raise InputError(
            f"{title}: refers to things outside the file (DOCTYPE, ENTITY or NetworkLink); "
            "save the polygons themselves"
        )
    return known
