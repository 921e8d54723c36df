"""The locks hold what the ranges ask for, with digests; nothing else is installed in silence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

FROM_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"


def asked(name: str) -> list[Requirement]:
    """Requirements of a file of ranges and of those that it includes."""
    found = []
    for line in (ROOT / name).read_text(encoding="utf-8").split("\n"):
        if line.startswith("-r "):
            found += asked(line[3:])
        elif line:
            found.append(Requirement(line))
    return found


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Version and number of digests of each package of a lock."""
    entries = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "").split("\n")
    found = {}
    for entry in entries:
        if entry and not entry.lstrip().startswith("#"):
            requirement = Requirement(entry.split("--hash")[0])
            (pin,) = requirement.specifier
            assert pin.operator == "==", entry
            found[canonicalize_name(requirement.name)] = (pin.version, entry.count("--hash=sha256"))
    return found


@pytest.mark.parametrize(
    ("ranges", "lock"),
    [
        ("requirements.txt", "requirements.lock"),
        ("requirements-dev.txt", "requirements-dev.lock"),
    ],
)
def test_the_lock_holds_what_the_ranges_ask_for(ranges: str, lock: str) -> None:
    held = locked(lock)
    assert all(digests > 0 for _, digests in held.values())
    for requirement in asked(ranges):
        version, _ = held[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}: {version}; make lock"


def test_tests_run_on_the_versions_that_a_reader_installs() -> None:
    everything = locked("requirements-dev.lock")
    assert {name: everything[name] for name in locked("requirements.lock")} == locked(
        "requirements.lock"
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("covered", "pip", "code", "said"),
    [
        (OURS, "echo pip", 0, r"^pip --require-hashes -r requirements\.lock$"),
        ("3.1", "echo pip", 0, r"lock is not made for Python .*\npip -r requirements\.txt$"),
        (OURS, "false", 2, r"requirements\.lock cannot be installed; 'make LOCKED= "),
    ],
)
def test_only_where_the_lock_covers_no_such_python_the_ranges_are_installed(
    covered: str, pip: str, code: int, said: str, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    words = [f"VENV={tmp_path}", f"BIN={Path(sys.executable).parent}", f"PIP={pip}"]
    done = subprocess.run(
        ["make", "-s", *words, f"LOCKED={covered}", str(ready)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={key: word for key, word in os.environ.items() if key not in FROM_MAKE},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert re.search(said, done.stdout.strip())
    assert done.stdout.count("pip") <= 1
    assert ready.exists() == (code == 0)
