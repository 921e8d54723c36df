"""Files for the map, fetched by the visitor's browser from this server and by nobody else.

They stand in Streamlit's media store, in memory, under the hash of their content, as long as an
open page uses them. The folder ``static`` is no place for them: all who reach the server read it.
"""

from __future__ import annotations

from typing import Final

from streamlit.runtime import get_instance

# Seen from the component's own page, so that a prefix of a proxy in front does not matter.
MEDIA: Final = "../../media/"


def serve(content: bytes | str, kind: str, place: str) -> str:
    """Offer a file to this page's visitor and return its address, seen from the map's page.

    Parameters
    ----------
    content
        The bytes, or the path of a file.
    kind
        Its media type.
    place
        Where on the page it is used; another file for the same place takes its place.
    """
    address = get_instance().media_file_mgr.add(content, kind, place)
    return MEDIA + address.rsplit("/", maxsplit=1)[-1]
