"""Another day: the same files and assumptions, judged anew from the roofs of a finished run."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pvplan import run as running
from pvplan.errors import InputError
from pvplan.ledger import DATABASE_URL, Who, open_ledger
from pvplan.reports.output import write_plan
from pvplan.reports.reading import read_plan
from pvplan.tables import Plan
from pvplan.ui import days, jobs, people
from pvplan.ui.days import Days
from pvplan.ui.words import say
from tests.conftest import each_language
from tests.plans import AS_OF, toy_plan
from tests.shown import app_at
from tests.test_deciding import register_rows
from tests.test_register_command import (
    FIRST,
    SECOND,
    city,
    clock,
    register,
    same_files,
    told,
)

__all__ = ["city", "clock", "told"]  # fixtures
SHOWN = datetime.date.fromisoformat(str(AS_OF)[:10])
DAY = datetime.date(2025, 6, 30)
Opened = Callable[..., AppTest]


# ---- roofs taken over ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ledger", pytest.param("day", marks=pytest.mark.long)])
def test_roofs_taken_over_give_the_same_bytes(
    told: Any, city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Another day, and a ledger: what a whole run writes, without assessing."""
    first = register(tmp_path / "first.csv", FIRST)
    second = register(tmp_path / "second.csv", SECOND)
    assert told("register", "import", second, "--db", "l.db", "--by", "Li")[0] == 0
    assert told("run", city, "--register", first, "--as-of", "2026-11-22", "--out", "shown")[0] == 0
    asked = {"day": ("--register", first), "ledger": ("--ledger", "l.db")}
    words = (*asked[name], "--as-of", DAY)
    assert told("run", city, *words, "--out", "whole")[0] == 0

    def assessed(*_: Any) -> None:
        raise AssertionError("the roofs were assessed again")

    monkeypatch.setattr(running, "assess", assessed)
    code, _, warned = told("run", city, *words, "--reuse", "shown", "--out", "again")
    assert code == 0, warned
    same_files(tmp_path / "whole", tmp_path / "again")


def test_roofs_of_other_files_or_assumptions_are_assessed_anew(
    told: Any, city: Path, tmp_path: Path
) -> None:
    assert told("run", city, "--as-of", DAY, "--out", "shown")[0] == 0
    changed = ("--set", "module.power_w=500")
    assert told("run", city, "--as-of", DAY, *changed, "--out", "whole")[0] == 0
    assert told("run", city, "--as-of", DAY, *changed, "--reuse", "shown", "--out", "again")[0] == 0
    same_files(tmp_path / "whole", tmp_path / "again")
    shown, again = (read_plan(tmp_path / name) for name in ("shown", "again"))
    assert (again.roofs["capacity_dc_kw"] < shown.roofs["capacity_dc_kw"]).all()


def test_a_blank_ledger_means_the_one_of_the_environment(
    told: Any, city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, said = told("run", city, "--ledger=", "--out", "o")
    assert (code, "--ledger: there is no ledger" in said) == (2, True)
    first = register(tmp_path / "first.csv", FIRST)
    assert told("register", "import", first, "--db", "l.db", "--by", "Li")[0] == 0
    monkeypatch.setenv(DATABASE_URL, str(tmp_path / "l.db"))
    assert told("run", city, "--ledger=", "--as-of", DAY, "--out", "o")[0] == 0
    assert read_plan(tmp_path / "o").city.iloc[0]["installed_dc_kw"] == 250.0


# ---- which run answers ---------------------------------------------------------------------------


def meta(**more: Any) -> dict[str, Any]:
    files = [
        {"role": "buildings", "sha256": "ab"}, {"role": "register", "sha256": "cd"},
    ]  # fmt: skip
    return {"as_of": "2026-11-22", "as_known_on": None, "assumptions_fingerprint": "f",
            "told": {}, "metric_crs": "EPSG:32651", "city": {"id": "toy"}, "scenario": None,
            "inputs": files, **more}  # fmt: skip


LEDGER = [{"role": "buildings", "sha256": "ab"}, {"role": "ledger", "sha256": "ef"}]


def test_the_days_of_a_run() -> None:
    assert days.of_run(meta()) == Days(datetime.date(2026, 11, 22))
    known = meta(as_known_on="2026-01-31", inputs=LEDGER)
    assert days.of_run(known) == Days(
        datetime.date(2026, 11, 22), datetime.date(2026, 1, 31), ledger=True
    )
    assert days.of_run(meta(as_of="soon")) is None


@pytest.mark.parametrize(
    ("more", "same"),
    [
        ({"as_of": "2025-01-01"}, True),
        ({"assumptions_fingerprint": "g"}, False),
        ({"scenario": "dense"}, False),
        ({"told": {"parks_where": "Class=3"}}, False),
        ({"inputs": [{"role": "buildings", "sha256": "ab"}, {"role": "register", "sha256": "xx"}]},
         False),
        ({"inputs": LEDGER}, True),
        ({"inputs": [{"role": "buildings", "sha256": "xx"}, LEDGER[1]]}, False),
    ],
)  # fmt: skip
def test_the_same_question_but_for_the_day(more: dict[str, Any], same: bool) -> None:
    assert days.same_question(meta(), meta(**more)) is same


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs that holds one, of a city folder at hand; Li may write."""
    monkeypatch.delenv(DATABASE_URL, raising=False)
    monkeypatch.setattr(people, "current", lambda: people.Person("Li", "editor"))
    root = tmp_path / "runs"
    monkeypatch.setenv("PVPLAN_RUNS", str(root))
    write_plan(toy_plan(), root / "toy")
    monkeypatch.setattr(days, "city_folder", lambda _plan: tmp_path / "city")
    monkeypatch.setattr(days, "_check_roles", lambda _city, _meta: None)
    st.cache_resource.clear()
    return root


def of_day(day: datetime.date) -> Plan:
    plan = toy_plan()
    return replace(plan, meta={**plan.meta, "as_of": day.isoformat()})


def test_a_run_stands_beside_the_one_shown_and_is_named_after_it(shown: Path) -> None:
    plan, toy = toy_plan(), shown / "toy"
    out = days.folder_for("toy", toy, plan, Days(DAY))
    assert out == shown / "toy-as-of-2025-06-30"
    known = Days(DAY, datetime.date(2025, 7, 1), ledger=True)
    assert days.folder_for("toy", toy, plan, known).name == (
        "toy-as-of-2025-06-30-ledger-known-2025-07-01"
    )
    write_plan(of_day(DAY), out)
    other = datetime.date(2024, 1, 1)
    assert days.folder_for("x", out, plan, Days(other)) == shown / "toy-as-of-2024-01-01"
    # What stands there already and answers something else is left alone.
    changed = of_day(DAY)
    write_plan(replace(changed, meta={**changed.meta, "scenario": "dense"}), out)
    assert days.folder_for("toy", toy, plan, Days(DAY)).name == "toy-as-of-2025-06-30-01234567"
    for outside in (shown, shown.parent, Path("/"), shown / ".." / "elsewhere"):
        with pytest.raises(InputError, match="no other run can stand beside it"):
            days.folder_for("x", outside, plan, Days(DAY))


def test_the_words_of_the_run_are_those_of_the_one_shown(
    shown: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = toy_plan()
    told_to = {"datum": {"buildings": "gcj02"}, "crs": {"parks": "EPSG:4326"}, "layer": {},
               "field_map": {"height_m": "H"}, "parks_where": "Class=3"}  # fmt: skip
    own = {**plan.meta["assumptions"][0], "key": "layout.uses", "value": ["a", "b"]}
    entries = [*plan.meta["assumptions"], own]
    plan = replace(plan, meta={**plan.meta, "told": told_to, "assumptions": entries})
    asked = days.order(plan, "toy", shown / "toy", Days(DAY))
    assert asked.out == shown / "toy-as-of-2025-06-30"
    assert asked.user == {"module.power_w": "620.0", "layout.uses": "a,b"}
    assert asked.told == (
        "--buildings-datum=gcj02", "--crs=parks=EPSG:4326", "--map=height_m=H",
        "--parks-where=Class=3", f"--reuse={shown / 'toy'}",
    )  # fmt: skip
    assert asked.environment == {}
    wanted = Days(DAY, datetime.date(2025, 7, 1), ledger=True)
    with pytest.raises(InputError, match="no ledger is named"):
        days.order(plan, "toy", shown / "toy", wanted)
    monkeypatch.setenv(DATABASE_URL, "postgresql://me:secret@host/db")
    asked = days.order(plan, "toy", shown / "toy", wanted)
    assert asked.told[-3:-1] == ("--ledger=", "--as-known-on=2025-07-01")
    assert asked.environment == {DATABASE_URL: "postgresql://me:secret@host/db"}
    # The address is seen neither in a list of processes nor in a log.
    assert "secret" not in repr(asked)
    assert not any("secret" in word for word in asked.words)


def test_a_run_of_the_ledger_counts_only_while_the_ledger_says_the_same(
    shown: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "l.db"
    with open_ledger(path, create=True) as ledger:
        ledger.import_rows(register_rows(), Who("importer", "first"))
        digest = ledger.digest(None, DAY)
    plan = of_day(DAY)
    files = [*plan.meta["inputs"], {"role": "ledger", "file": "ledger", "sha256": digest}]
    write_plan(replace(plan, meta={**plan.meta, "inputs": files}), shown / "from-ledger")
    wanted = Days(DAY, None, ledger=True)
    assert days.find(toy_plan(), wanted) is None
    monkeypatch.setenv(DATABASE_URL, str(path))
    assert days.find(toy_plan(), wanted) == "from-ledger"
    assert days.find(toy_plan(), Days(DAY)) is None
    with open_ledger(path) as ledger:
        ledger.record_match("S001", Who("Li", ""), roof_id="R000000")
    assert days.find(toy_plan(), wanted) is None


# ---- the sidebar ---------------------------------------------------------------------------------


@pytest.fixture
def opened(shown: Path) -> Opened:
    def open_page(**link: str) -> AppTest:
        return app_at("goals", link)

    return open_page


def picked(app: AppTest, day: datetime.date, language: str, run: str = "toy") -> AppTest:
    app.date_input(key=f"as-of-{run}-{language}").set_value(day).run()
    assert not app.exception, app.exception
    return app


@each_language
def test_a_day_that_is_computed_is_shown_at_once_and_the_way_back_too(
    opened: Opened, shown: Path, language: Any
) -> None:
    write_plan(of_day(DAY), shown / "earlier")
    app = picked(opened(run="toy", lang=language), DAY, language)
    assert app.query_params["run"] == "earlier"
    assert app.date_input(key=f"as-of-earlier-{language}").value == DAY
    app = picked(app, SHOWN, language, "earlier")
    assert app.query_params["run"] == "toy"


@each_language
def test_a_day_is_computed_beside_the_run_and_then_shown(
    opened: Opened, shown: Path, monkeypatch: pytest.MonkeyPatch, language: Any
) -> None:
    started: list[jobs.Order] = []
    known: dict[Path, jobs.Job[None]] = {}

    def start(order: jobs.Order) -> jobs.Job[None]:
        started.append(order)
        known[order.out] = jobs.Job[None]("assess", Future(), started=0.0)
        return known[order.out]

    monkeypatch.setattr(jobs, "start", start)
    monkeypatch.setattr(jobs, "find", known.get)
    monkeypatch.setattr(jobs, "forget", lambda out: known.pop(out, None))
    app = picked(opened(run="toy", lang=language), DAY, language)
    assert say("day_not_computed", language) in [text.value for text in app.sidebar.text]
    app.button(key="compute-day").click().run()
    assert [order.as_of for order in started] == [DAY]
    assert say("computing_day", language) in [text.value for text in app.sidebar.text]
    (out,) = known
    write_plan(of_day(DAY), out)
    known[out].outcome.set_result(None)  # type: ignore[union-attr]
    app.run()
    assert not app.exception
    assert app.query_params["run"] == "toy-as-of-2025-06-30"
    assert not app.sidebar.warning


def test_the_day_shown_can_be_kept(opened: Opened) -> None:
    app = picked(opened(run="toy", lang="en"), DAY, "en")
    app.button(key="day-back").click().run()
    assert not app.exception
    assert app.date_input(key="as-of-toy-en").value == SHOWN
    assert say("day_not_computed", "en") not in [text.value for text in app.sidebar.text]


def test_without_the_files_the_reader_learns_the_command(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "city_folder", lambda _plan: None)
    app = picked(opened(run="toy", lang="en"), DAY, "en")
    assert [info.value for info in app.sidebar.info] == [say("no_city_folder", "en")]
    assert "--as-of 2025-06-30" in app.sidebar.code[0].value


def test_who_may_only_read_cannot_fill_the_folder_of_runs(
    opened: Opened, shown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "current", lambda: people.Person("", "viewer", "log_in"))
    app = picked(opened(run="toy", lang="en"), DAY, "en")
    assert app.button(key="compute-day").disabled
    with pytest.raises(people.NotAllowedError):
        days.start(toy_plan(), "toy", shown / "toy", Days(DAY))
