"""What a run says of a roof in codes, told in words: arrangement, structure, form."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from pvplan.ui import numbers
from pvplan.ui.words import WORDS, Language, say

SCREENING: Final = "screening"


def arrangement(code: Any, language: Language) -> str:
    """Return an arrangement in words.

    Parameters
    ----------
    code
        As ROOFS holds it: mounting, tilt unless flush, orientation of the modules, direction of
        the rows, as in "east_west 10° landscape axis"; or "screening"; or missing.
    language
        Of the words.

    Returns
    -------
    str
        A dash where nothing stands, and the code itself where it is none of these.
    """
    if numbers.missing(code) or not str(code).strip():
        return numbers.DASH
    if code == SCREENING:
        return say("by_area", language)
    mounting, *between = str(code).split(" ")
    *tilt, orientation, rows = between if len(between) > 1 else ["", ""]
    keys = (f"mounting_{mounting}", f"module_{orientation}", f"rows_{rows}")
    if any(key not in WORDS for key in keys) or len(tilt) > 1:
        return str(code)
    first, *rest = (say(key, language) for key in keys)
    return _comma(language).join([" ".join([first, *tilt]), *rest])


def runner_up(roof: pd.Series[Any], language: Language) -> str:
    """Return the second best arrangement and what it lacks of the best, or a dash."""
    words = arrangement(roof.get("arrangement_runner_up"), language)
    margin = roof.get("arrangement_margin_fraction")
    if words == numbers.DASH or numbers.missing(margin):
        return words
    lacks = f"{say('behind_by', language)} {numbers.percent(margin)}"
    return f"{words}（{lacks}）" if language == "zh" else f"{words} ({lacks})"


def structure(roof: pd.Series[Any], language: Language) -> str:
    """Return the state of the structure with its reason, or a dash."""
    return _coded("state", roof.get("structure_state"), language)


def state(roof: pd.Series[Any], language: Language) -> str:
    """Return the state of a roof with its reason, evidence and day of review, or a dash."""
    words = _coded("roof_state", roof.get("roof_state"), language)
    more = [roof.get(f"state_reason_{language}"), roof.get("state_evidence")]
    told = [str(one) for one in more if not numbers.missing(one) and str(one).strip()]
    if not numbers.missing(roof.get("state_review_on")):
        told.append(f"{say('review_due', language)} {numbers.day(roof['state_review_on'])}")
    return "  ·  ".join([words, *told])


def about(roof: pd.Series[Any], park: str, language: Language) -> str:
    """Return park, form and height of a roof in one line."""
    words = [
        park,
        _coded("form", roof.get("roof_form"), language),
        _coded("form", roof.get("roof_form_source"), language),
        f"{say('height', language)} {numbers.plain(roof.get('height_m'), 1, 'm')}",
    ]
    return "  ·  ".join(words)


def _coded(what: str, code: Any, language: Language) -> str:
    key = f"{what}_{code}"
    if key in WORDS:
        return say(key, language)
    return numbers.DASH if numbers.missing(code) else str(code)


def _comma(language: Language) -> str:
    return "，" if language == "zh" else ", "
