"""All roofs of a city as vector tiles in one PMTiles file, written apart from the pages.

``python -m pvplan.maps.tiles OUT.pmtiles < FILES``, a file of roofs a line: GDAL holds Python's
lock while it writes, so the app runs this in a process of its own. One file is held at a time.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyogrio

from pvplan.maps.roofs import COLOURS, TOLD_BY, figures
from pvplan.maps.script import with_shape

FORM: Final = "1"  # rises when the content of a tile changes
FIRST_ZOOM: Final = 13
LAST_ZOOM: Final = 15
# A tile of zoom 13 in a dense city holds about ten thousand roofs; none is left out.
_LARGEST: Final = {"MAX_SIZE": 16_000_000, "MAX_FEATURES": 1_000_000}


_CRS: Final = "EPSG:4326"
_FORM: Final = pa.schema(
    [("id", pa.string()), *((name, pa.float64()) for name in COLOURS), ("geometry", pa.binary())]
)


def write_tiles(parts: Iterable[gpd.GeoDataFrame], path: Path) -> None:
    """Write roofs as PMTiles of zoom 13 to 15, whole or not at all.

    Parameters
    ----------
    parts
        PLAN_ROOFS, some at a time, EPSG:4326; those without a shape are left out.
    path
        The file; its folder is made where it is missing.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
        made = Path(folder) / path.name
        pyogrio.write_arrow(
            pa.RecordBatchReader.from_batches(_FORM, _batches(parts)), made, driver="PMTiles",
            layer="roofs", geometry_name="geometry", geometry_type="Unknown", crs=_CRS,
            NAME="roofs", MINZOOM=FIRST_ZOOM, MAXZOOM=LAST_ZOOM, **_LARGEST,
        )  # fmt: skip
        made.replace(path)
    for older in path.parent.glob("*.pmtiles"):
        if older != path:
            older.unlink(missing_ok=True)


def _batches(parts: Iterable[gpd.GeoDataFrame]) -> Iterator[pa.RecordBatch]:
    """Give what a tile holds of roofs: id, figures, and the outline as WKB."""
    for roofs in parts:
        shown = with_shape(roofs)
        table = pd.DataFrame(figures(shown)[list(COLOURS)])
        table.insert(0, "id", [str(index) for index in shown.index])
        table["geometry"] = shown.geometry.to_wkb()
        yield pa.RecordBatch.from_pandas(table, schema=_FORM, preserve_index=False)


def main() -> None:
    """Write the tiles of the files of roofs that the input names."""
    os.environ.setdefault("OGR_SKIP", "OGR_VRT,WFS,OAPIF,HTTP")
    target, sources = Path(sys.argv[1]), [Path(line) for line in sys.stdin.read().splitlines()]
    columns = ["roof_id", "geometry", *TOLD_BY]
    read = (gpd.read_parquet(file, columns=columns).set_index("roof_id") for file in sources)
    write_tiles(read, target)


if __name__ == "__main__":
    main()
