"""The tile server that the operator's settings ask for; none unless they do."""

from __future__ import annotations

import os
from typing import Final

from pvplan import maps

TILES: Final = "PVPLAN_TILES"
TILES_KEY: Final = "PVPLAN_TILES_KEY"
TILES_CREDIT: Final = "PVPLAN_TILES_CREDIT"


def asked_for() -> maps.TileServer | None:
    """Return where pictures of the ground come from.

    Raises
    ------
    InputError
        The setting is wrong.
    """
    return maps.chosen(*(os.environ.get(name, "") for name in (TILES, TILES_KEY, TILES_CREDIT)))
