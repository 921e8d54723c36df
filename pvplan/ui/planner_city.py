"""Of the planner's page: choose a city that is at hand, or upload one's own files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import streamlit as st

from pvplan.errors import PvplanError
from pvplan.ui import choices, desks, numbers, runs, uploads
from pvplan.ui.desks import Desk
from pvplan.ui.refusals import Refusal
from pvplan.ui.uploads import Held
from pvplan.ui.words import Language, say

UPLOADED: Final = "uploaded"
REFUSED: Final = "refused"
TURN: Final = "upload-turn"
ROLES: Final = {
    "buildings": "role_buildings",
    "parks": "role_parks",
    "districts": "role_districts",
    "register": "role_register",
    "irradiance": "role_irradiance",
    "weather": "role_weather",
    "obstructions": "role_obstructions",
    "surface_model": "role_surface_model",
}
DATUMS: Final = {
    "wgs84": "datum_wgs84",
    "gcj02": "datum_gcj02",
    "bd09": "datum_bd09",
    "cgcs2000": "datum_cgcs2000",
}


@dataclass(frozen=True)
class City:
    """What is to be computed.

    ``folder`` is the city folder; ``words`` is what it says of itself (None for an upload);
    ``told`` says how uploads are to be read.
    """

    folder: Path
    name: str
    words: Any = None
    told: tuple[str, ...] = ()


@st.cache_resource(show_spinner=False, max_entries=32)
def _words_of(folder: str, stamp: int) -> Any:  # noqa: ARG001 - the stamp belongs to the key
    # Imported here: a reader of finished runs never needs it.
    from pvplan.run import inputs_of_folder

    return inputs_of_folder(Path(folder)).city


def words_of(folder: Path) -> Any:
    """Return what a city folder of the server's owner says of itself.

    Raises
    ------
    PvplanError
        It cannot be used.
    """
    return _words_of(str(folder), (folder / "city.toml").stat().st_mtime_ns)


def choose(language: Language) -> City | None:
    """Offer the cities at hand and the upload; None until there is something to compute."""
    names: dict[str, str] = {}
    known: dict[str, City] = {}
    for folder in runs.cities():
        try:
            words = words_of(folder)
        except (PvplanError, OSError):
            continue
        key = str(len(known))
        name = words.name_zh if language == "zh" else words.name_en
        names[key], known[key] = f"{name}  ·  {folder.name}", City(folder, name, words)
    names[UPLOADED] = say("own_city", language)
    chosen = choices.one_of("plan-city", say("city_to_compute", language), names, language)
    if chosen in known:
        city = known[chosen]
        if city.words.demonstration:
            st.badge(say("demonstration", language), color="orange")
        return city
    return _upload(language)


def _upload(language: Language) -> City | None:
    st.caption(
        say("upload_note", language).format(
            one=numbers.file_size(uploads.most_of_one()),
            every=numbers.file_size(uploads.most_of_all()),
            hours=desks.hours(),
        )
    )
    desk = desks.current()
    busy = desk is not None and desk.busy
    if busy:
        st.info(say("upload_busy", language))
    name = st.text_input(
        say("own_name", language), max_chars=uploads.MOST_NAME, key="own-name",
        placeholder=say("own_city", language),
    )  # fmt: skip
    known = uploads.held(desk.city) if desk is not None else {}
    for fault in st.session_state.pop(REFUSED, []):
        st.error(say("upload_refused", language))
        st.text(fault.told(language) if isinstance(fault, Refusal) else str(fault))
    for role in uploads.TYPES:
        _role(role, known.get(role), language, busy=busy)
    if "buildings" not in known or desk is None:
        st.info(say("upload_buildings_first", language))
        return None
    st.button(say("remove_all", language), on_click=desks.remove, args=(desk,), key="remove-all")
    return City(desk.city, name, None, uploads.write_city(desk.city, name))


def _role(role: str, item: Held | None, language: Language, *, busy: bool) -> None:
    """Offer the upload of one file, and say what is held."""
    needed = say("needed" if role == "buildings" else "optional", language)
    with st.container(border=True, key=f"role-{role}"):
        st.text(f"{say(ROLES[role], language)}  ·  {needed}")
        turn = f"{TURN}-{role}"
        widget = f"upload-{role}-{st.session_state.get(turn, 0)}"
        if item is None:
            st.file_uploader(
                say(ROLES[role], language), type=list(uploads.TYPES[role]), key=widget,
                label_visibility="collapsed", on_change=_take, args=(role, widget), disabled=busy,
            )  # fmt: skip
            return
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.text(f"✓ {item.name}  ·  {numbers.file_size(item.size)}")
        right.button(
            say("remove", language), key=f"drop-{role}", on_click=_drop, args=(role,), disabled=busy
        )
        if role in uploads.PLACED:
            _reading(role, item, language, busy=busy)


def _reading(role: str, item: Held, language: Language, *, busy: bool) -> None:
    """Offer how a file with places is to be read."""
    boxes = st.columns(3)
    boxes[0].selectbox(
        say("datum", language), list(DATUMS), index=list(DATUMS).index(item.datum),
        format_func=lambda word: say(DATUMS[word], language), disabled=busy,
        key=f"datum-{role}-{language}", on_change=_retell, args=(role, language),
    )  # fmt: skip
    if role not in uploads.READ_BY_LAYER:
        return
    for box, word, label, most in (
        (boxes[1], "crs", "read_crs", 12), (boxes[2], "layer", "read_layer", uploads.MOST_NAME)
    ):  # fmt: skip
        box.text_input(
            say(label, language), value=getattr(item, word), max_chars=most,
            key=f"{word}-{role}-{language}", on_change=_retell, args=(role, language),
            placeholder=say("as_the_file_says", language), disabled=busy,
        )  # fmt: skip


def _take(role: str, widget: str) -> None:
    """Check and keep a file as soon as it has arrived; the server then forgets its own copy."""
    given: IO[bytes] | None = st.session_state.get(widget)
    if given is None:
        return
    turn = f"{TURN}-{role}"
    st.session_state[turn] = st.session_state.get(turn, 0) + 1
    try:
        desk = desks.own()
        _idle(desk)
        uploads.take(desk.city, role, str(getattr(given, "name", "")), given)
    except (Refusal, PvplanError) as fault:
        st.session_state.setdefault(REFUSED, []).append(fault)


def _drop(role: str) -> None:
    desk = desks.current()
    if desk is not None:
        uploads.drop(desk.city, role)


def _retell(role: str, language: Language) -> None:
    desk = desks.current()
    if desk is None:
        return
    words = ("datum", "crs", "layer")
    told = {word: str(st.session_state.get(f"{word}-{role}-{language}", "")) for word in words}
    try:
        uploads.read_as(desk.city, role, told)
    except Refusal as fault:
        st.session_state.setdefault(REFUSED, []).append(fault)


def _idle(desk: Desk) -> None:
    """Refuse to change files while a run may still read them."""
    if desk.busy:
        raise Refusal("refused_busy", "")
