"""Decisions from the pages into the ledger: by whom, once, nothing overwritten, conflicts told."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pvplan.errors import InputError
from pvplan.ledger import DATABASE_URL, OvertakenError, Who, open_ledger
from pvplan.reports.output import write_plan
from pvplan.tables import DECIDED_STATES, Plan
from pvplan.ui import decided_shown, deciding, people, work_lists
from pvplan.ui.words import LANGUAGES, say
from tests.conftest import ROOT, each_language
from tests.plans import toy_plan
from tests.shown import HOSTILE, app_at

SYSTEMS = ("S001", "S002")
ROOF, OTHER = "R000000", "R000001"
Opened = Callable[..., AppTest]


def register_rows(systems: tuple[str, ...] = SYSTEMS) -> pd.DataFrame:
    count = len(systems)
    return pd.DataFrame(
        {
            "name": None, "roof_id": None, "park": None, "longitude": float("nan"),
            "latitude": float("nan"), "capacity_dc_kw": 12.5, "capacity_ac_kw": float("nan"),
            "capacity_basis": "dc", "status": "commissioned", "filed_on": pd.NaT,
            "commissioned_on": pd.Timestamp("2024-05-01"), "source": "survey",
            "row": range(1, count + 1),
        },
        index=pd.Index(systems, name="system_id"),
    )  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of two systems, named by the server's owner; Li sits before the page."""
    path = tmp_path / "l.db"
    with open_ledger(path, create=True) as opened:
        opened.import_rows(register_rows(), Who("importer", "first"))
    monkeypatch.setenv(DATABASE_URL, str(path))
    monkeypatch.setattr(people, "current", lambda: people.Person("Li", "editor"))
    return path


def places(path: Path) -> list[tuple[Any, ...]]:
    with open_ledger(path) as opened:
        return [tuple(row) for row in opened.matches().itertuples(index=False)]


def batches(path: Path) -> int:
    with open_ledger(path) as opened:
        return len(opened.batches())


# ---- writing -------------------------------------------------------------------------------------


def test_a_decision_names_who_why_and_where_and_holds(ledger: Path) -> None:
    done = deciding.decide_place("S002", (ROOF, None), "accepted", " site\nvisit ", 0)
    assert (done.what, done.thing, done.place, done.by, done.note, done.again) == (
        "accepted", "S002", ROOF, "Li", "site visit", False,
    )  # fmt: skip
    assert places(ledger) == [("S002", ROOF, None, "accepted")]
    last = deciding.batches().iloc[0]
    assert (last["made_by"], last["reason"], last["source"]) == ("Li", "site visit", "app")
    assert done.at == last["made_at"]


def test_a_system_put_elsewhere_stands_there_alone_and_the_past_is_kept(ledger: Path) -> None:
    deciding.decide_place("S002", (ROOF, None), "accepted", "first", 0)
    past = deciding.past_of_system("S002")
    assert past is not None
    before = batches(ledger)
    deciding.decide_place("S002", (None, "P1"), "accepted", "second", past.last_word)
    assert places(ledger) == [("S002", None, "P1", "accepted")]
    assert batches(ledger) == before + 1  # in one breath: nobody reads it standing nowhere
    past = deciding.past_of_system("S002")
    assert past is not None
    assert [word["withdrawn"] for _, word in past.words.iterrows()] == [False, True, False]
    assert list(past.standing["park_id"]) == ["P1"]


def test_a_rejection_leaves_what_was_accepted_elsewhere(ledger: Path) -> None:
    deciding.decide_place("S002", (ROOF, None), "accepted", "", 0)
    past = deciding.past_of_system("S002")
    assert past is not None
    deciding.decide_place("S002", (OTHER, None), "rejected", "", past.last_word)
    assert sorted(places(ledger)) == [
        ("S002", ROOF, None, "accepted"), ("S002", OTHER, None, "rejected"),
    ]  # fmt: skip


def test_undo_is_one_more_word(ledger: Path) -> None:
    deciding.decide_place("S002", (ROOF, None), "accepted", "", 0)
    past = deciding.past_of_system("S002")
    assert past is not None
    done = deciding.decide_place("S002", (ROOF, None), None, "slip", past.last_word)
    assert done.what == "taken_back"
    assert places(ledger) == []
    past = deciding.past_of_system("S002")
    assert past is not None
    assert len(past.words) == 2
    assert past.standing.empty


def test_said_twice_is_written_once(ledger: Path) -> None:
    first = deciding.decide_place("S002", (ROOF, None), "accepted", "visit", 0)
    count = batches(ledger)
    # The second click comes from a page that saw nothing of the first.
    second = deciding.decide_place("S002", (ROOF, None), "accepted", "visit", 0)
    assert batches(ledger) == count
    assert replace(second, again=False) == first
    assert second.again


def test_who_speaks_after_somebody_else_is_told_and_nothing_is_written(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deciding.decide_place("S002", (ROOF, None), "accepted", "", 0)
    count = batches(ledger)
    monkeypatch.setattr(people, "current", lambda: people.Person("Wang", "editor"))
    with pytest.raises(OvertakenError, match="S002: Li recorded something at"):
        deciding.decide_place("S002", (OTHER, None), "accepted", "", 0)
    with pytest.raises(OvertakenError):
        deciding.decide_place("S002", (ROOF, None), "accepted", "", 0)
    assert batches(ledger) == count
    # A word on another system is none on this one.
    deciding.decide_place("S001", (OTHER, None), "accepted", "", 0)


def test_facts_are_mended_and_what_changed_is_told(ledger: Path) -> None:
    past = deciding.past_of_system("S001")
    assert past is not None
    changed = {"capacity_dc_kw": 88.25, "status": "retired"}
    done = deciding.mend_facts("S001", changed, "typo", past.last_fact)
    assert (done.what, done.by, done.note, done.again) == ("facts", "Li", "typo", False)
    with open_ledger(ledger) as opened:
        rows = opened.systems()
    assert rows.loc["S001", ["capacity_dc_kw", "status"]].tolist() == [88.25, "retired"]
    assert rows.loc["S002", "capacity_dc_kw"] == 12.5
    assert deciding.mend_facts("S001", changed, "typo", past.last_fact).again
    with pytest.raises(OvertakenError):
        deciding.mend_facts("S001", {"capacity_dc_kw": 1.0}, "", past.last_fact)
    now = deciding.past_of_system("S001")
    assert now is not None
    told = decided_shown.changes_told(str(now.facts.iloc[-1]["changes"]), "zh")
    assert "12.5 → 88.25" in told
    assert "capacity_dc_kw" not in told


def test_a_block_holds_its_evidence_and_its_day(ledger: Path) -> None:
    day = date(2027, 3, 1)
    done = deciding.decide_roof(ROOF, "blocked", "rust", "report 7", day, 0)
    assert (done.what, done.thing, done.by) == ("blocked", ROOF, "Li")
    with open_ledger(ledger) as opened:
        held = opened.roof_states().loc[ROOF]
    assert (held["state"], held["evidence"]) == ("blocked", "report 7")
    assert held["review_on"].date() == day
    assert deciding.decide_roof(ROOF, "blocked", "rust", "report 7", day, 0).again
    with pytest.raises(OvertakenError):
        deciding.decide_roof(ROOF, "feasible", "mended", "", None, 0)
    last = deciding.past_of_roof(ROOF).last_word
    assert deciding.decide_roof(ROOF, None, "slip", "", None, last).what == "taken_back"
    assert deciding.past_of_roof(ROOF).standing.empty


@pytest.mark.parametrize(
    ("write", "fault"),
    [
        (lambda: deciding.decide_place("S009", (ROOF, None), "accepted", "", 0), "never recorded"),
        (lambda: deciding.decide_place("S001", (None, None), "accepted", "", 0), "name a roof"),
        (lambda: deciding.decide_place("S001", (ROOF, None), "maybe", "", 0), "is unknown"),
        (lambda: deciding.mend_facts("S001", {"capacity_dc_kw": 1e9}, "", 1), "lies outside"),
        (lambda: deciding.mend_facts("S001", {"capacity_dc_kw": float("nan")}, "", 1), "outside"),
        (lambda: deciding.mend_facts("S001", {"status": "gone"}, "", 1), "is unknown"),
        (lambda: deciding.mend_facts("S001", {"roof_id": ROOF}, "", 1), "is no fact"),
        (lambda: deciding.mend_facts("S001", {}, "", 1), "nothing is otherwise"),
        (lambda: deciding.mend_facts("S009", {"status": "filed"}, "", 1), "not in the ledger"),
        (lambda: deciding.decide_roof(ROOF, "installed", "", "", None, 0), "is unknown"),
        (lambda: deciding.decide_roof(ROOF, "blocked", "", "", None, 0), "needs its reason"),
    ],
)
def test_what_the_ledger_cannot_hold_is_refused(
    ledger: Path, write: Callable[[], Any], fault: str
) -> None:
    count = batches(ledger)
    with pytest.raises(InputError, match=fault):
        write()
    assert batches(ledger) == count


@pytest.mark.parametrize(
    ("person", "error"),
    [
        (people.Person("Li", "viewer", "not_listed"), people.NotAllowedError),
        (people.Person("", "viewer", "log_in"), people.NotAllowedError),
        (people.Person("", "admin"), InputError),
    ],
)
def test_the_function_that_writes_refuses_whoever_may_not(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, person: people.Person, error: type[Exception]
) -> None:
    monkeypatch.setattr(people, "current", lambda: person)
    count = batches(ledger)
    for write in (
        lambda: deciding.decide_place("S001", (ROOF, None), "accepted", "", 0),
        lambda: deciding.mend_facts("S001", {"status": "filed"}, "", 1),
        lambda: deciding.decide_roof(ROOF, "feasible", "", "", None, 0),
    ):
        with pytest.raises(error):
            write()
    assert batches(ledger) == count


def test_text_is_text_to_the_database(ledger: Path) -> None:
    bad = "x'); DROP TABLE match_entry; --"
    deciding.decide_place("S001", (bad, None), "accepted", bad, 0)
    assert places(ledger) == [("S001", bad, None, "accepted")]
    assert deciding.decide_roof(bad, "feasible", bad, bad, None, 0).thing == bad
    long = deciding.decide_place("S002", (ROOF, None), "accepted", "长" * 5000, 0)
    assert long.note == "长" * deciding.LONGEST_NOTE


def test_without_a_ledger_nothing_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATABASE_URL, raising=False)
    assert deciding.where() is None
    with pytest.raises(InputError, match="no ledger is named"):
        deciding.decided("match")


# ---- the page ------------------------------------------------------------------------------------


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    monkeypatch.delenv(DATABASE_URL, raising=False)

    def open_page(plan: Plan | None = None, **link: str) -> AppTest:
        root = tmp_path / "runs"
        write_plan(decidable(plan or toy_plan()), root / "toy")
        monkeypatch.setenv("PVPLAN_RUNS", str(root))
        return app_at("work", link)

    return open_page


def decidable(plan: Plan) -> Plan:
    """Return a plan whose findings name systems of the ledger."""
    return replace(plan, reconciliation=plan.reconciliation.assign(system_id=["S002", "S001"]))


def chosen(app: AppTest, listed: str, row: Any, language: str) -> AppTest:
    app.segmented_control(key=f"work-list-{language}").set_value(listed).run()
    app.selectbox(key=f"work-row-{listed}-{language}").set_value(row).run()
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> list[str]:
    return [element.value for element in app.text]


def button(app: AppTest, key: str) -> Any:
    return next(found for found in app.button if found.key == key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_ledger_the_page_says_how_to_get_one(opened: Opened, language: Any) -> None:
    app = opened(lang=language)
    app.segmented_control(key=f"work-list-{language}").set_value("register").run()
    assert say("no_ledger_help", language) in texts(app)
    assert any("register import" in code.value for code in app.code)
    assert not [found for found in app.button if str(found.key).startswith("write-")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_row_is_accepted_on_the_page_and_shows_as_decided(
    opened: Opened, ledger: Path, monkeypatch: pytest.MonkeyPatch, language: Any
) -> None:
    app = opened(lang=language)
    monkeypatch.setenv(DATABASE_URL, str(ledger))
    app = chosen(app, "register", 1, language)
    app.text_area(key=f"note-S001-{language}").set_value(HOSTILE[0]).run()
    button(app, f"write-S001-{language}").click().run()
    assert [element.value for element in app.success] == [say("written", language)]
    line = next(text for text in texts(app) if "S001" in text and "Li" in text)
    assert ROOF in line
    assert say("said_accepted", language) in line
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d \(UTC\+8\)", line)
    assert HOSTILE[0] in texts(app)
    assert places(ledger) == [("S001", ROOF, None, "accepted")]
    shown = app.dataframe[0].value.set_index("system_id")[work_lists.DECIDED]
    assert say("decided_pending", language) in shown["S001"]
    assert pd.isna(shown["S002"])
    # A reload shows it still, and says it once only.
    app.run()
    assert not app.success
    assert batches(ledger) == 2


def test_a_system_without_a_candidate_is_put_on_a_roof_from_the_lists(
    opened: Opened, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(lang="en")
    monkeypatch.setenv(DATABASE_URL, str(ledger))
    app = chosen(app, "register", 0, "en")
    ways = app.radio(key="way-S002-en").options
    assert ways == [say("way_elsewhere", "en"), say("way_facts", "en")]
    assert button(app, "write-S002-en").disabled
    app.selectbox(key="place-park-S002-en").set_value("P1").run()
    app.selectbox(key="place-roof-S002-en-P1").set_value(ROOF).run()
    button(app, "write-S002-en").click().run()
    assert places(ledger) == [("S002", ROOF, None, "accepted")]
    app.radio(key="way-S002-en").set_value("take_back").run()
    button(app, "write-S002-en").click().run()
    assert places(ledger) == []


def test_capacity_is_mended_with_the_suggestion_at_hand(
    opened: Opened, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(lang="en")
    monkeypatch.setenv(DATABASE_URL, str(ledger))
    app = chosen(app, "register", 1, "en")
    app.radio(key="way-S001-en").set_value("facts").run()
    assert app.number_input(key="kw-S001-en").value == 88.25
    button(app, "write-S001-en").click().run()
    with open_ledger(ledger) as opened_ledger:
        assert opened_ledger.systems().loc["S001", "capacity_dc_kw"] == 88.25


def test_a_roof_is_blocked_with_evidence(
    opened: Opened, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = toy_plan()
    roofs = plan.roofs.assign(roof_state="feasible")
    app = opened(replace(plan, roofs=roofs), lang="en")
    monkeypatch.setenv(DATABASE_URL, str(ledger))
    app = chosen(app, "unstarted", ROOF, "en")
    assert list(app.radio(key=f"roof-state-{ROOF}-en").options) == [
        say(f"roof_state_{state}", "en") for state in DECIDED_STATES
    ]
    app.radio(key=f"roof-state-{ROOF}-en").set_value("blocked").run()
    assert button(app, f"write-{ROOF}-en").disabled
    app.text_input(key=f"evidence-{ROOF}-en").set_value("report 7")
    app.text_area(key=f"note-{ROOF}-en").set_value("rust").run()
    assert not button(app, f"write-{ROOF}-en").disabled
    app.date_input(key=f"review-{ROOF}-en").set_value(date(2027, 3, 1)).run()
    button(app, f"write-{ROOF}-en").click().run()
    with open_ledger(ledger) as opened_ledger:
        assert opened_ledger.roof_states().loc[ROOF, "state"] == "blocked"


@each_language
@pytest.mark.parametrize("why", ["log_in", "not_listed", "table"])
def test_whoever_may_only_read_is_told_why_and_offered_nothing(
    opened: Opened, ledger: Path, monkeypatch: pytest.MonkeyPatch, language: Any, why: Any
) -> None:
    monkeypatch.setattr(people, "current", lambda: people.Person("", "viewer", why))
    app = opened(lang=language)
    monkeypatch.setenv(DATABASE_URL, str(ledger))
    app = chosen(app, "register", 1, language)
    assert say(f"why_{why}", language) in texts(app)
    assert not [found for found in app.button if str(found.key).startswith("write-")]
    # What was said can be read all the same; administration cannot.
    labels = [box.label for box in app.expander]
    assert any(label.startswith(say("history_of", language)) for label in labels)
    assert say("admin", language) not in labels


def test_an_admin_sees_roles_and_batches(
    opened: Opened, ledger: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "roles.toml"
    table.write_text('[roles]\n"li@city.example" = "editor"\n', encoding="utf-8")
    monkeypatch.setenv(people.ROLES_FILE, str(table))
    monkeypatch.setattr(people, "with_login", lambda: True)
    monkeypatch.setattr(people, "current", lambda: people.Person("wang@city.example", "admin"))
    app = opened(lang="en")
    monkeypatch.setenv(DATABASE_URL, str(ledger))
    app.run()
    tables = [element.value for element in app.dataframe]
    (roles,) = (found for found in tables if "E-mail" in found)
    assert roles.to_numpy().tolist() == [["li@city.example", "editor"]]
    (made,) = (found for found in tables if "Batch" in found)
    assert list(made["Who"]) == ["importer"]


def test_a_conflict_and_a_ledger_that_fell_away_are_told_in_words(
    opened: Opened, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(lang="en")
    monkeypatch.setenv(DATABASE_URL, str(ledger))
    app = chosen(app, "register", 1, "en")
    with open_ledger(ledger) as other:
        other.record_match("S001", Who("Wang", "by phone"), roof_id=OTHER)
    button(app, "write-S001-en").click().run()
    assert [error.value for error in app.error] == [say("overtaken", "en")]
    assert any("Wang recorded something" in text for text in texts(app))
    assert places(ledger) == [("S001", OTHER, None, "accepted")]
    monkeypatch.setenv(DATABASE_URL, str(ROOT / "README.md"))
    app.run()
    assert not app.exception
    assert say("ledger_unusable", "en") in [error.value for error in app.error]


def test_a_system_that_the_ledger_does_not_know_is_told(
    opened: Opened, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(lang="en")
    empty = ledger.with_name("empty.db")
    with open_ledger(empty, create=True):
        pass
    monkeypatch.setenv(DATABASE_URL, str(empty))
    app = chosen(app, "register", 1, "en")
    assert say("system_not_recorded", "en") in [info.value for info in app.info]


def test_no_name_no_button(opened: Opened, ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "current", lambda: people.Person("", "admin"))
    app = opened(lang="en")
    monkeypatch.setenv(DATABASE_URL, str(ledger))
    app = chosen(app, "register", 1, "en")
    assert say("name_first", "en") in [warning.value for warning in app.warning]
    assert not [found for found in app.button if str(found.key).startswith("write-")]


def test_the_name_is_typed_once_and_kept_by_every_page(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "machine_user", lambda: "machine")
    app = opened(lang="en")
    box = app.text_input(key="who-typed")
    assert box.value == "machine"
    box.set_value("  李梅 ").run()
    app.switch_page("pvplan/ui/page_goals.py").run()
    assert app.text_input(key="who-typed").value.strip() == "李梅"
    assert app.session_state[people.NAME].strip() == "李梅"
