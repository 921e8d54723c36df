"""The documents say what the program does."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from pvplan import assumptions
from pvplan.__main__ import parser
from pvplan.reports.dictionary import columns_markdown

ROOT = Path(__file__).resolve().parents[1]


def test_the_list_of_columns_is_the_tables_own() -> None:
    stands = (ROOT / "docs" / "columns.md").read_text(encoding="utf-8")
    assert stands == columns_markdown(), "write it anew: python -m pvplan columns > docs/columns.md"


def assumptions_value(key: str) -> object:
    """A value that the key's kind accepts; an unknown key is refused whatever the value."""
    entry = assumptions.load().entries.get(key)
    return entry.value if entry else "true"


def options_of(command: argparse.ArgumentParser) -> set[str]:
    """Every option of a command and of the commands below it."""
    found = set(command._option_string_actions)
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= {o for below in action.choices.values() for o in options_of(below)}
    return found


def test_the_readme_names_what_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / link).exists(), link
    options = options_of(parser())
    for word in re.findall(r"(?<![\w-])--[a-z]{2}[a-z-]*", text):
        assert word in options, word
    for key in re.findall(r"--set ([\w.]+)=", text):
        assert assumptions.load(user={key: assumptions_value(key)}), key
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", text, re.MULTILINE):
        assert (target[0] or target[1]) in targets, target
