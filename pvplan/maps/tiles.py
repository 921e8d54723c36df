"""All roofs of a city as vector tiles in one PMTiles file, written apart from the pages.

``python -m pvplan.maps.tiles roofs.parquet OUT.pmtiles``: GDAL holds Python's lock while it writes,
so the app runs this in a process of its own.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import geopandas as gpd

from pvplan.maps.roofs import figures
from pvplan.maps.script import with_shape

FORM: Final = "1"  # rises when the content of a tile changes
FIRST_ZOOM: Final = 13
LAST_ZOOM: Final = 15
# A tile of zoom 13 in a dense city holds about ten thousand roofs; none is left out.
_LARGEST: Final = {"MAX_SIZE": 16_000_000, "MAX_FEATURES": 1_000_000}


def write_tiles(roofs: gpd.GeoDataFrame, path: Path) -> None:
    """Write roofs as PMTiles of zoom 13 to 15, whole or not at all.

    Parameters
    ----------
    roofs
        PLAN_ROOFS, any CRS; those without a shape are left out.
    path
        The file; its folder is made where it is missing.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    shown = with_shape(roofs)
    told = figures(shown)
    columns = {"id": [str(index) for index in shown.index], **{n: told[n] for n in told.columns}}
    table = gpd.GeoDataFrame(columns, geometry=shown.geometry.to_numpy(), crs=shown.crs)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
        made = Path(folder) / path.name
        table.to_file(
            made, driver="PMTiles", engine="pyogrio", layer="roofs", NAME="roofs",
            MINZOOM=FIRST_ZOOM, MAXZOOM=LAST_ZOOM, **_LARGEST,
        )  # fmt: skip
        made.replace(path)
    for older in path.parent.glob("*.pmtiles"):
        if older != path:
            older.unlink(missing_ok=True)


def main() -> None:
    """Write the tiles of a file of roofs."""
    os.environ.setdefault("OGR_SKIP", "OGR_VRT,WFS,OAPIF,HTTP")
    source, target = (Path(word) for word in sys.argv[1:3])
    write_tiles(gpd.read_parquet(source).set_index("roof_id"), target)


if __name__ == "__main__":
    main()
