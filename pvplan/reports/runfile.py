"""``run.json``: what a run read, assumed, counted and wrote. Its presence says "finished"."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from pvplan.errors import InputError

RUN_FILE: Final = "run.json"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def inventory(paths: Iterable[Path], folder: Path) -> dict[str, dict[str, Any]]:
    """Return path within a folder to SHA-256 and size in bytes of files that are whole."""
    return {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256_of(path), "bytes": path.stat().st_size,
        }
        for path in paths
    }  # fmt: skip


def write_run_file(meta: Mapping[str, Any], path: Path) -> None:
    """Write what is known of a run as JSON: UTF-8, dates as ISO 8601, missing as null.

    A half surrogate (a file name of unknown encoding) is written as its JSON escape.
    """
    text = json.dumps(jsonable(meta), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def jsonable(value: Any) -> Any:
    """Return a value made of what JSON knows: tuples become lists, NaN null, the rest text."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        ordered = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [jsonable(item) for item in ordered]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def read_run_file(folder: Path) -> dict[str, Any]:
    """Read ``run.json`` of a finished run.

    Raises
    ------
    InputError
        The folder holds no ``run.json``, or one that is not what a run writes.
    """
    path = folder / RUN_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{folder}: {RUN_FILE} is missing, so no finished run stands here; "
            "give the folder that `run --out` wrote, or run again"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); run again") from error
    if not isinstance(content, dict) or not {"fingerprint", "outputs"} <= content.keys():
        raise InputError(f"{path}: was not written by a run (no fingerprint, outputs); run again")
    return content
