"""A GeoPackage is a database: only plain tables of it are read, no question that it asks itself.

A view may call functions of GDAL or join what it likes; a virtual table hands the work to a
module. Neither is needed to keep polygons.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pvplan.errors import InputError

_INDEX: Final = re.compile(r"CREATE\s+VIRTUAL\s+TABLE\s+.*\s+USING\s+rtree\s*\(", re.I | re.S)
_VIRTUAL: Final = re.compile(r"CREATE\s+VIRTUAL\s+TABLE", re.I)
# Views that older writers add for the names that other programs look for.
_KNOWN_VIEWS: Final = (
    "st_spatial_ref_sys", "spatial_ref_sys", "st_geometry_columns", "geometry_columns",
)  # fmt: skip


def refuse_questions(file: Path, *, title: str) -> None:
    """Refuse a GeoPackage that holds more than tables and their indexes.

    Raises
    ------
    InputError
        A view or a virtual table, or a database that cannot be read.
    """
    address = f"file:{quote(str(file))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as base:
            rows = base.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        raise InputError(
            f"{title}: cannot be read as GeoPackage ({error}); save it again from a GIS"
        ) from error
    for kind, name, text in rows:
        what = None
        if kind == "view" and str(name) not in _KNOWN_VIEWS:
            what = "a view"
        elif _VIRTUAL.match(str(text).lstrip()) and not _INDEX.match(str(text).lstrip()):
            what = "a virtual table"
        if what is not None:
            raise InputError(
                f"{title}: holds {what} ('{name}'); save the layer itself as a GeoPackage"
            )
