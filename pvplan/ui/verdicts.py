"""The colours of the verdicts; the word always stands beside the colour."""

from __future__ import annotations

from typing import Final, Literal

Colour = Literal["green", "red", "orange", "blue", "gray"]
COLOURS: Final[dict[str, Colour]] = {
    "met": "green",
    "missed": "red",
    "on_track": "green",
    "behind": "orange",
    "not_assessable": "gray",
}
