"""Pictures of the ground from elsewhere: named servers, or an address that the operator gives."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from pvplan.errors import InputError

SERVERS: Final = Path(__file__).with_name("tile_servers.toml")
NONE: Final = ("", "none")
OWN_MAX_ZOOM: Final = 19
_FIELDS: Final = {"x", "y", "z", "s", "key"}


@dataclass(frozen=True)
class TileServer:
    """Where pictures of the ground come from; ``layers`` stand from below to above."""

    layers: tuple[str, ...]
    subdomains: str
    attribution: str
    gcj02: bool
    max_zoom: int


def chosen(setting: str, key: str = "", credit: str = "") -> TileServer | None:
    """Return the tile server that a setting asks for.

    Parameters
    ----------
    setting
        ``osm``, ``tianditu``, ``amap``, an address with ``{z}``, ``{x}``, ``{y}`` (http, https,
        or a path of this server that starts with one ``/``), or ``none``.
    key
        What the server asks of its users, for addresses with ``{key}``.
    credit
        Whom an own address is owed to, shown on the map.

    Returns
    -------
    TileServer or None
        None where no tiles are asked for.

    Raises
    ------
    InputError
        The setting is neither a known name nor a sound address, or lacks its key.
    """
    if setting.strip().lower() in NONE:
        return None
    known = tomllib.loads(SERVERS.read_text(encoding="utf-8"))
    if setting in known:
        found = {**known[setting], "layers": tuple(known[setting]["layers"])}
        server = TileServer(**found)
    elif "/" in setting:
        server = TileServer((_sound(setting),), "abc", credit, gcj02=False, max_zoom=OWN_MAX_ZOOM)
    else:
        near = get_close_matches(setting, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"PVPLAN_TILES: {setting!r} is no tile server ({', '.join(known)}){hint}")
    if any("{key}" in layer for layer in server.layers) and not key.strip():
        raise InputError(f"PVPLAN_TILES_KEY: {setting} asks its users for a key; none is set")
    layers = tuple(layer.replace("{key}", quote(key.strip(), safe="")) for layer in server.layers)
    return TileServer(layers, server.subdomains, server.attribution, server.gcj02, server.max_zoom)


def _sound(address: str) -> str:
    parts = urlsplit(address)
    here = not parts.scheme and not parts.netloc and re.match(r"/[^/\\]", address)
    there = parts.scheme in ("http", "https") and bool(parts.hostname)
    named = set(re.findall(r"\{([^{}]*)\}", address))
    if not (here or there) or not {"x", "y", "z"} <= named <= _FIELDS or re.search(r"\s", address):
        raise InputError(
            f"PVPLAN_TILES: {address!r} is no address of tiles; give http(s)://… or /… with "
            "{z}, {x} and {y}"
        )
    return address
