"""Of the planner's page: the assumptions, by topic or search, each with bounds and source."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pvplan.assumptions import Entry
from pvplan.errors import PvplanError
from pvplan.ui import assumed_form, choices, faults
from pvplan.ui.assumed_form import Base
from pvplan.ui.planner_city import City
from pvplan.ui.words import Language, say

CHANGED: Final = "assumed-changed"
FAULTS: Final = "assumed-faults"
MOST_SHOWN: Final = 25
LAYERS: Final = {
    "default": "layer_default",
    "city": "layer_city",
    "scenario": "layer_scenario",
    "user": "layer_user",
}


def changed() -> dict[str, str]:
    """Return what the planner changed: key to text."""
    found: dict[str, str] = st.session_state.setdefault(CHANGED, {})
    return found


def _refused() -> dict[str, tuple[str, str]]:
    """Return what was typed and cannot be used: key to text and why."""
    found: dict[str, tuple[str, str]] = st.session_state.setdefault(FAULTS, {})
    return found


def choose(city: City | None, language: Language) -> str | None:
    """Offer scenario and assumptions; return the name of the scenario."""
    words = city.words if city is not None else None
    scenario = _scenario(words, language)
    try:
        base = assumed_form.base(words, scenario)
    except PvplanError as error:
        faults.listed(error.faults)
        return scenario
    topics = {"": say("topic_all", language)}
    topics |= {name: say(key, language) for name, key in assumed_form.TOPICS.items()}
    left, right = st.columns([2, 3])
    topic = choices.one_of(
        "topic", say("topic", language), topics, language, first="finance", place=left
    )
    search = right.text_input(
        say("search", language), max_chars=60, key="assumed-search",
        placeholder=say("search_hint", language),
    )  # fmt: skip
    _changes(base, language)
    found = assumed_form.found_by(base.entries, topic or None, search)
    if not found:
        st.info(say("none_found", language))
    for entry in found[:MOST_SHOWN]:
        _entry(entry, language)
    if len(found) > MOST_SHOWN:
        st.caption(say("more_found", language).format(shown=MOST_SHOWN, every=len(found)))
    return scenario


def _scenario(words: object, language: Language) -> str | None:
    further = dict(getattr(words, "scenarios", {}))
    known = assumed_form.scenario_names(further)
    names = {"": say("scenario_none", language)}
    names |= {key: pair[0] if language == "zh" else pair[1] for key, pair in known.items()}
    return choices.one_of("scenario", say("scenario", language), names, language) or None


def _changes(base: Base, language: Language) -> None:
    """Say what was changed, and offer to take all of it back."""
    own = changed()
    for key in [key for key in own if key not in base.entries]:
        del own[key]
    if not own:
        return
    with st.container(border=True, key="changes"):
        st.text(say("changes", language).format(count=len(own)))
        for key, text in own.items():
            entry = base.entries[key]
            st.text(f"{key} = {text}  ({say('instead_of', language)} {_told(entry)})")
        st.button(say("reset_all", language), on_click=_reset, args=(list(own),), key="reset-all")


def _told(entry: Entry) -> str:
    unit = "" if entry.unit in ("1", "bool", "text", "date") else f" {entry.unit}"
    return f"{assumed_form.as_text(entry.value)}{unit}"


def _entry(entry: Entry, language: Language) -> None:
    """Show one assumption and take another value for it."""
    own, key = changed(), entry.key
    with st.container(border=True, key=f"entry-{key.replace('.', '-')}"):
        words, box, button = st.columns([6, 4, 1], vertical_alignment="center")
        meaning = entry.zh if language == "zh" else entry.en
        words.text(f"{meaning}\n{key}   [{entry.unit}]")
        with box:
            _widget(entry, own.get(key), language)
        button.button(
            "↺", key=f"reset-{key}", help=say("reset", language), disabled=key not in own,
            on_click=_reset, args=([key],),
        )  # fmt: skip
        limits = assumed_form.bounds(entry)
        mark = say("verified" if entry.verified else "unverified", language)
        layer = say(LAYERS[entry.layer], language)
        st.text(
            f"{layer}: {_told(entry)}"
            + (f"   ·   {say('bounds', language)}: {limits}" if limits else "")
            + f"   ·   {mark}\n{say('source', language)}: {entry.source}"
        )
        if key in _refused():
            st.error(say("value_refused", language))
            st.text(_refused()[key][1])


def _widget(entry: Entry, own: str | None, language: Language) -> None:
    """Offer a box that fits the value; what is typed counts once it is found usable."""
    widget, label = f"value-{entry.key}", entry.zh if language == "zh" else entry.en
    args, now = (entry, widget, language), own or assumed_form.as_text(entry.value)
    if isinstance(entry.value, bool):
        options: tuple[str, ...] = ("true", "false")
    elif entry.choices and not isinstance(entry.value, tuple):
        options = entry.choices
    else:
        st.session_state[widget] = _refused().get(entry.key, (now, ""))[0]
        st.text_input(
            label, key=widget, max_chars=assumed_form.MOST_TEXT, label_visibility="collapsed",
            on_change=_typed, args=args,
        )  # fmt: skip
        return
    st.session_state[widget] = now if now in options else options[0]
    st.selectbox(
        label, options, key=widget, label_visibility="collapsed", on_change=_typed, args=args
    )


def _typed(entry: Entry, widget: str, language: Language) -> None:
    """Take a value, or say why not; the value that stands already is no change."""
    text = str(st.session_state.get(widget, "")).strip()
    _refused().pop(entry.key, None)
    if not text or assumed_form.same(entry, text):
        _reset([entry.key])
        return
    fault = assumed_form.fault_of(entry, text, language)
    if fault is None:
        changed()[entry.key] = text
    else:
        _refused()[entry.key] = (text, fault)


def _reset(keys: list[str]) -> None:
    for key in keys:
        changed().pop(key, None)
        _refused().pop(key, None)
