"""What the tests share: the real files, where present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def absent(reason: str) -> None:
    """Skip, or fail where the run must be complete (PVPLAN_COMPLETE=1)."""
    if os.environ.get("PVPLAN_COMPLETE") == "1":
        pytest.fail(f"must not be skipped here: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real test files beside the repository (or $PVPLAN_SHARED_DATA)."""
    folder = Path(os.environ.get("PVPLAN_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        absent(f"real test files are not beside the repository ({folder.name} is missing)")
    return folder
