"""What the server tells every browser: load nothing from outside, guess no types, frame no one.

A second layer behind the first one, that no text of a file ever becomes markup.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from pvplan import maps
from pvplan.errors import InputError
from pvplan.ui import ground

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

# Streamlit's page starts modules from blobs, and its map component writes and evaluates scripts:
# neither runs without the two "unsafe" words. They open nothing to another host.
POLICY: Final = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
}
HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Its folders carry a version in their name: what stands there never changes.
VENDOR: Final = "/app/static/vendor/"
FOR_A_YEAR: Final = b"public, max-age=31536000, immutable"


def policy(pictures_from: Sequence[str] = ()) -> str:
    """Write the content security policy.

    Parameters
    ----------
    pictures_from
        Further hosts that pictures may come from: those of the map's ground, where the operator
        asked for one.
    """
    told = POLICY | {"img-src": " ".join([POLICY["img-src"], *pictures_from])}
    return "; ".join(f"{name} {value}" for name, value in told.items())


def picture_hosts(server: maps.TileServer | None) -> list[str]:
    """Return the hosts of a tile server as a policy names them; none for this server's own."""
    hosts: set[str] = set()
    if server is None:
        return []
    for layer in server.layers:
        for letter in server.subdomains or " ":
            parts = urlsplit(layer.replace("{s}", letter))
            if parts.netloc:
                hosts.add(f"{parts.scheme}://{parts.netloc}")
    return sorted(hosts)


def hosts_asked_for() -> list[str]:
    """Return the hosts of the tile server in the settings; a wrong setting is told by the map."""
    try:
        return picture_hosts(ground.asked_for())
    except InputError:
        return []


class Headers:
    """ASGI middleware that adds :data:`HEADERS` and a policy to every answer."""

    def __init__(self, app: Application, pictures_from: Sequence[str] = ()) -> None:
        self.app = app
        told = HEADERS | {"content-security-policy": policy(pictures_from)}
        self.own = {name.encode(): value.encode() for name, value in told.items()}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        kept = VENDOR in scope["path"] and scope["method"] == "GET"

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = self.own | ({b"cache-control": FOR_A_YEAR} if kept else {})
                others = [pair for pair in message["headers"] if pair[0].lower() not in said]
                message["headers"] = [*others, *said.items()]
            await send(message)

        await self.app(scope, receive, dressed)
