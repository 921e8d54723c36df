"""All files of a run in one zip."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 400_000_000
_PACKED: Final = (".xlsx", ".parquet")


def size_of(folder: Path, names: Sequence[str]) -> int | None:
    """Return the bytes of a run's files, None where they are too many for one zip."""
    total = sum((folder / name).stat().st_size for name in names)
    return total if names and total <= MOST_BYTES else None


def zipped(folder: Path, names: Sequence[str]) -> bytes:
    """Return a zip of a run's files; what is packed already is not packed again."""
    with tempfile.TemporaryFile() as made:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                packed = Path(name).suffix in _PACKED
                method = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                archive.write(folder / name, f"{folder.name}/{name}", compress_type=method)
        made.seek(0)
        return made.read()
