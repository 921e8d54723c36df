"""Why an upload is refused: a word with its details, told in the reader's language."""

from __future__ import annotations

from pvplan.ui.words import Language, say


class Refusal(Exception):  # noqa: N818 - it is told to people, not mended by a caller
    """A file that is not taken.

    Parameters
    ----------
    key
        Of the words.
    name
        The file, as its owner calls it.
    details
        What the words speak of.
    """

    def __init__(self, key: str, name: str, **details: object) -> None:
        self.key, self.name, self.details = key, name, details
        super().__init__(f"{key}: {name}")

    def told(self, language: Language) -> str:
        """Return the sentence; names in it are letters, whatever they hold."""
        return f"{self.name}: {say(self.key, language).format(**self.details)}"
