"""The ledger on the command line, and a quarter's report that comes out again to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from pvplan import register_command
from pvplan.__main__ import main
from pvplan.ledger import store
from tests.test_cli_faults import ROOFS, SOUTH, STEP, WEST, roof

Told = Callable[..., tuple[int, str, str]]
QUARTERS = (date(2025, 3, 31), date(2025, 6, 30), date(2025, 9, 30))


@pytest.fixture
def told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Told:
    """Run a command in a folder of its own; return its code, what it printed, its warnings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(register_command.DATABASE_URL, raising=False)

    def run(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Set the clock by which the ledger is written: noon of a day at UTC+8."""

    def set_to(day: date) -> None:
        noon = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
        stopped = type("Stopped", (datetime,), {"now": classmethod(lambda _cls, _zone: noon)})
        monkeypatch.setattr(store, "datetime", stopped)

    return set_to


def register(path: Path, rows: dict[str, tuple[str | None, float, str, str | None]]) -> Path:
    """Write a register: id to roof, kW, status, commissioned on."""
    pd.DataFrame(
        [
            {"system_id": key, "roof_id": where, "park": "甲", "capacity_dc_kw": kw,
             "status": status, "filed_on": "2024-01-15", "commissioned_on": day, "source": "survey"}
            for key, (where, kw, status, day) in rows.items()
        ]
    ).to_csv(path, index=False)  # fmt: skip
    return path


FIRST = {
    "s1": ("b0", 100.0, "commissioned", "2024-06-01"),
    "s2": ("b1", 150.0, "commissioned", "2025-02-01"),
    "s3": ("b2", 80.0, "filed", None),
}
SECOND = {
    "s1": ("b0", 120.0, "commissioned", "2024-06-01"),  # corrected
    "s2": ("b1", 150.0, "commissioned", "2025-02-01"),
    "s3": ("b2", 80.0, "commissioned", "2025-05-01"),
    "s4": ("b3", 90.0, "commissioned", "2025-03-01"),  # registered late
}


@pytest.fixture
def city(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    folder.mkdir()
    gpd.GeoDataFrame(
        {"id": [f"b{n}" for n in range(ROOFS)], "use": "industrial", "height": 10.0,
         "completed_on": "2015-01-01", "roof_form": "metal_sheet"},
        geometry=[roof(n) for n in range(ROOFS)], crs="EPSG:4326",
    ).to_file(folder / "b.geojson")  # fmt: skip
    outline = shapely.box(WEST - STEP, SOUTH - STEP, WEST + 4 * STEP, SOUTH + 4 * STEP)
    gpd.GeoDataFrame({"id": ["p"], "name_zh": ["甲"]}, geometry=[outline], crs="EPSG:4326").to_file(
        folder / "parks.geojson"
    )
    (folder / "city.toml").write_text(
        '[city]\nid = "small"\nname_zh = "小城"\nname_en = "Small"\n\n[inputs]\n'
        'buildings = "b.geojson"\nparks = "parks.geojson"\n',
        encoding="utf-8",
    )
    return folder


def same_files(one: Path, other: Path) -> None:
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    assert "run.json" in names
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_a_quarter_comes_out_again_to_the_byte_whatever_was_learnt_since(
    told: Told, clock: Callable[[date], None], city: Path, tmp_path: Path
) -> None:
    """Reports of 31 March and 30 June, made at the time and made again after later corrections."""
    db = tmp_path / "l.db"

    def report(name: str, quarter: date) -> Path:
        code, _, warned = told("run", city, "--ledger", db, "--as-known-on", quarter, "--out", name)
        assert code == 0, warned
        return tmp_path / name

    clock(QUARTERS[0])
    first = register(tmp_path / "first.csv", FIRST)
    assert told("register", "import", first, "--db", db, "--by", "Li")[0] == 0
    then = report("then-1", QUARTERS[0])
    block = ("--state", "blocked", "--reason", "锈蚀", "--evidence", "报告 7", "--by", "Wang")
    assert told("register", "roof", "b5", *block, "--db", db)[0] == 0
    clock(QUARTERS[1])
    second = register(tmp_path / "second.csv", SECOND)
    assert told("register", "import", second, "--db", db, "--by", "Li")[0] == 0
    known = report("then-2", QUARTERS[1])
    clock(QUARTERS[2])
    assert told("register", "match", "s4", "--park", "p", "--db", db, "--by", "Wang")[0] == 0
    nothing = {**SECOND, "s4": ("b3", 90.0, "retired", "2025-03-01")}
    third = register(tmp_path / "third.csv", nothing)
    assert told("register", "import", third, "--db", db, "--by", "Li")[0] == 0
    same_files(known, report("again-2", QUARTERS[1]))
    # The block was told later on the same day: of that day, all is known at its end.
    again = pd.read_csv(report("again-1", QUARTERS[0]) / "city.csv").iloc[0]
    before = pd.read_csv(then / "city.csv").iloc[0]
    assert again["installed_dc_kw"] == before["installed_dc_kw"] == 250.0
    assert (before["blocked_dc_kw"], again["blocked_dc_kw"] > 0.0) == (0.0, True)
    later = pd.read_csv(known / "city.csv").iloc[0]
    assert later["installed_dc_kw"] == 120.0 + 150.0 + 80.0 + 90.0
    assert json.loads((known / "run.json").read_text("utf-8"))["as_of"] == "2025-06-30"
    assert json.loads((known / "run.json").read_text("utf-8"))["as_known_on"] == "2025-06-30"


def test_before_anything_was_known_nothing_is_assessable(
    told: Told, clock: Callable[[date], None], city: Path, tmp_path: Path
) -> None:
    clock(QUARTERS[1])
    first = register(tmp_path / "first.csv", FIRST)
    assert told("register", "import", first, "--db", "l.db", "--by", "Li")[0] == 0
    code, _, warned = told(
        "run", city, "--ledger", "l.db", "--as-known-on", QUARTERS[0], "--out", "o"
    )
    assert code == 0
    assert "no system is recorded for 2025-03-31 as known on 2025-03-31" in warned
    goals = pd.read_csv(tmp_path / "o" / "goals.csv")
    assert set(goals["verdict"]) == {"not_assessable"}
    assert goals["installed_dc_kw"].isna().all()
    roofs = gpd.read_parquet(tmp_path / "o" / "roofs.parquet")
    assert set(roofs["roof_state"]) == {"not_assessable"}


def test_the_same_file_twice_changes_nothing(told: Told, tmp_path: Path) -> None:
    file = register(tmp_path / "r.csv", FIRST)
    words = ("register", "import", file, "--db", "l.db", "--by", "Li", "--reason", "first half")
    told_dry = told(*words, "--dry-run")[1]
    assert "added 3, 变更 changed 0" in told_dry
    assert "nothing was recorded" in told_dry
    assert not (tmp_path / "l.db").exists()
    assert "added 3, 变更 changed 0, 不变 unchanged 0" in told(*words)[1]
    again = told(*words)[1]
    assert "added 0, 变更 changed 0, 不变 unchanged 3" in again
    assert "nothing was recorded" in again
    batches = told("register", "batches", "--db", "l.db")[1]
    assert batches.count("first half") == 1
    changed = register(tmp_path / "r2.csv", SECOND)
    words = ("register", "import", changed, "--db", "l.db", "--by", "Li")
    shown = told(*words, "--dry-run")[1]
    assert "added 1, 变更 changed 2, 不变 unchanged 1" in shown
    assert "capacity_dc_kw: 100.0 → 120.0" in shown
    assert "added 1, 变更 changed 2" in told(*words)[1]


def test_a_history_names_who_when_why_and_what(
    told: Told, clock: Callable[[date], None], tmp_path: Path
) -> None:
    for day, rows, why in ((QUARTERS[0], FIRST, "report"), (QUARTERS[1], SECOND, "correction")):
        clock(day)
        file = register(tmp_path / f"{day}.csv", rows)
        told("register", "import", file, "--db", "l.db", "--by", "Li Na", "--reason", why)
    shown = told("register", "history", "s1", "--db", "l.db")[1]
    for word in ("2025-03-31T04:00:00", "2025-06-30T04:00:00", "Li Na", "report", "correction",
                 "capacity_dc_kw: 100.0 → 120.0", "2025-06-30.csv"):  # fmt: skip
        assert word in shown, word
    code, _, warned = told("register", "history", "nobody", "--db", "l.db")
    assert code == 2
    assert "was never recorded" in warned
    assert "Traceback" not in warned


def test_what_is_exported_is_imported_as_it_was(told: Told, tmp_path: Path) -> None:
    told("register", "import", register(tmp_path / "r.csv", SECOND), "--db", "a.db", "--by", "Li")
    assert told("register", "export", "out.csv", "--db", "a.db")[0] == 0
    assert "added 4" in told("register", "import", "out.csv", "--db", "b.db", "--by", "Li")[1]
    told("register", "export", "again.csv", "--db", "b.db")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert "unchanged 4" in told("register", "import", "out.csv", "--db", "a.db", "--by", "Li")[1]


def test_an_export_says_what_each_capacity_was_stated_as(told: Told, tmp_path: Path) -> None:
    rows = (
        "system_id,park,capacity_dc_kw,capacity_ac_kw,capacity_kw,status,commissioned_on",
        "dc,甲,120,,,commissioned,2024-01-02",
        "ac,甲,,100,,commissioned,2024-01-03",
        "both,甲,130,110,,commissioned,2024-01-04",
        "plain,甲,,,90,commissioned,2024-01-05",
    )
    (tmp_path / "r.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    told("register", "import", "r.csv", "--db", "l.db", "--by", "Li")
    told("register", "export", "out.csv", "--db", "l.db")
    assert "unchanged 4" in told("register", "import", "out.csv", "--db", "l.db", "--by", "Li")[1]


def test_a_whole_register_with_rows_that_cannot_be_used_withdraws_nothing(
    told: Told, tmp_path: Path
) -> None:
    told("register", "import", register(tmp_path / "r.csv", FIRST), "--db", "l.db", "--by", "Li")
    broken = register(tmp_path / "b.csv", {**FIRST, "s1": ("b0", -5.0, *FIRST["s1"][2:])})
    words = ("register", "import", broken, "--db", "l.db", "--by", "Li", "--complete")
    code, _, warned = told(*words)
    assert (code, "it is not the whole register" in warned) == (2, True)
    assert "3 项 systems" in told("register", "list", "--db", "l.db")[1]


def test_a_unit_given_by_word_overrides_the_header(told: Told, tmp_path: Path) -> None:
    rows = {key: (where, kw / 1000.0, *rest) for key, (where, kw, *rest) in FIRST.items()}
    file = register(tmp_path / "r.csv", rows)
    told("register", "import", file, "--unit", "MW", "--db", "l.db", "--by", "Li")
    assert "0.330 MWp" in told("register", "list", "--db", "l.db")[1]
    assert "1 项 systems" in told("register", "list", "--db", "l.db", "--status", "filed")[1]


def test_the_reconciliation_lists_what_is_amiss_and_a_decision_settles_it(
    told: Told, city: Path, tmp_path: Path
) -> None:
    rows = {**SECOND, "lost": (None, 60.0, "commissioned", "2025-01-01")}
    file = register(tmp_path / "r.csv", rows)
    text = file.read_text(encoding="utf-8").replace("lost,,甲", "lost,,乙")
    file.write_text(text, encoding="utf-8")
    told("register", "import", file, "--db", "l.db", "--by", "Li")
    words = ("register", "reconcile", city, "--db", "l.db", "--on", "2025-09-30")
    code, shown, _ = told(*words, "--out", "amiss.csv")
    assert code == 0
    amiss = pd.read_csv(tmp_path / "amiss.csv")
    assert amiss.loc[amiss["system_id"] == "lost", "finding"].tolist() == ["unmatched"]
    assert "unmatched" in shown
    assert told("register", "match", "lost", "--roof", "b7", "--db", "l.db", "--by", "Li")[0] == 0
    assert "unmatched" not in told(*words)[1]
    code, _, warned = told("register", "match", "nobody", "--roof", "b7", "--db", "l.db")
    assert (code, "was never recorded" in warned) == (2, True)


def test_a_block_without_evidence_is_refused(told: Told) -> None:
    words = ("register", "roof", "b1", "--state", "blocked", "--db", "l.db", "--by", "Li")
    code, _, warned = told(*words, "--reason", "rust")
    assert code == 2
    assert "needs its reason and its evidence" in warned


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("register", "list", "--db", "none.db"), "no ledger stands here"),
        (("register", "list", "--db", "text.db"), "is no SQLite database"),
        (("register", "import", "none.csv", "--db", "l.db"), "no such file"),
        (("run", "city", "--as-known-on", "2025-03-31", "--out", "o"), "there is no ledger"),
        (("run", "city", "--ledger", "l.db", "--register", "r.csv", "--out", "o"), "give one"),
    ],
)
def test_slips_are_said_plainly(
    told: Told, city: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "text.db").write_text("no database at all", encoding="utf-8")
    register(tmp_path / "r.csv", FIRST)
    assert city.name == "city"
    code, _, warned = told(*words)
    assert code == 2
    assert said in warned
    assert "Traceback" not in warned


def test_knowledge_alone_sets_the_day_of_the_run(
    told: Told, clock: Callable[[date], None], city: Path, tmp_path: Path
) -> None:
    """Nothing of a report as known on a day hangs on the day on which it is printed."""
    clock(QUARTERS[0] - timedelta(days=1))
    file = register(tmp_path / "r.csv", FIRST)
    told("register", "import", file, "--db", "l.db", "--by", "Li")
    told("run", city, "--ledger", "l.db", "--as-known-on", QUARTERS[0], "--out", "a")
    told("run", city, "--ledger", "l.db", "--as-known-on", QUARTERS[0], "--as-of", QUARTERS[0],
         "--out", "b")  # fmt: skip
    same_files(tmp_path / "a", tmp_path / "b")
