"""A real history replayed: daily snapshots of the German register, with their revisions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from pvplan.ledger import Who, open_ledger
from tests.ledger.registers import counted, kw, register

STOCK = "solar-brutto"
WEEKS = "solar-brutto-woechentlich"


@dataclass
class Snapshot:
    """Day; kW of the whole stock and of each week's additions, as known on that day."""

    day: date
    systems: dict[str, float] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)


def snapshots(path: Path) -> list[Snapshot]:
    """Return the snapshots in order; some days have two, some tell one of the two only."""
    found: list[Snapshot] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        if told["query"] not in (STOCK, WEEKS):
            continue
        day = date.fromisoformat(told["date"])
        if not found or found[-1].day != day or told["query"] in found[-1].told:
            found.append(Snapshot(day))
        result = told["result"]
        found[-1].systems |= result if told["query"] == WEEKS else {"stock": result}
        found[-1].told.add(told["query"])
    return found


@pytest.mark.long
def test_two_years_of_a_register_are_given_back_as_they_were_known(
    shared_data: Path, where: str
) -> None:
    history = snapshots(shared_data / "reg_mastr_stat" / "stat.json")
    assert sum(STOCK in snapshot.told for snapshot in history) == 573
    assert sum(WEEKS in snapshot.told for snapshot in history) == 562
    known: dict[str, int] = {}
    past: dict[str, list[int]] = {}
    as_known: dict[date, dict[str, float]] = {}
    with open_ledger(where, create=True) as ledger:
        for number, snapshot in enumerate(history):
            watts = {key: round(kw * 1000) for key, kw in snapshot.systems.items()}
            new = {key: value for key, value in watts.items() if known.get(key) != value}
            imported = ledger.import_rows(
                register(snapshot.systems), Who("MaStR", f"snapshot {number}"),
                now=datetime.combine(snapshot.day, time(6), UTC),
            )  # fmt: skip
            assert imported.added + imported.changed == len(new)
            assert imported.unchanged == len(watts) - len(new)
            # No snapshot leaves out a week that an earlier one had, but for those without weeks.
            assert imported.missing == len(known.keys() - watts.keys())
            for key, value in new.items():
                past.setdefault(key, []).append(value)
            known |= watts
            as_known[snapshot.day] = {key: value / 1000 for key, value in known.items()}
        # As many entries as there were real changes, no more.
        assert counted(ledger)["system_entry"] == sum(map(len, past.values())) > 29_000
        for day, systems in as_known.items():
            assert kw(ledger.systems(day)) == systems, day
        for key in ("stock", "2022-05", "2023-40"):
            told = ledger.history(key)
            assert (told["capacity_dc_kw"] * 1000).round().tolist() == past[key]
            assert told["changes"].iloc[0] == "added"
            assert told["changes"].iloc[1:].str.startswith("capacity_dc_kw: ").all()
        # On 2022-10-18 the register took back a sixth of a week of February.
        before, after = (
            ledger.systems(date(2022, 10, day)).at["2022-05", "capacity_dc_kw"] for day in (17, 18)
        )
        assert (before, after) == (149_006.45, 123_864.35)
