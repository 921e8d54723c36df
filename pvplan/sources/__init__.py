"""Doors to files that come in: read, rename, check."""

from __future__ import annotations

import os
from typing import Final

# Drivers of GDAL that follow a file's text to other files or to the network. GDAL reads this
# setting once, when pyogrio or rasterio is first loaded; this package is imported before both.
REFUSED_DRIVERS: Final = ("OGR_VRT", "GDALG", "WFS", "OAPIF", "CSW", "HTTP")

_already = [name for name in os.environ.get("OGR_SKIP", "").split(",") if name]
os.environ["OGR_SKIP"] = ",".join(dict.fromkeys([*_already, *REFUSED_DRIVERS]))
