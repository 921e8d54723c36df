"""How fast is a register recorded, against writing the table anew and against row by row?

``python -m benchmarks.ledger [--rows 100000] [--sample 2000] [--db F.db|URL]`` prints JSON:
seconds of a first import, of the same file again, of one in which each tenth row differs, and of
reading what was known before; how many times as long ``pandas.to_sql`` takes to replace the whole
table (which forgets what was known), and a SELECT and an INSERT for each row. The database must be
empty.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pvplan.ledger import Who, open_ledger

ME = Who("benchmark", "measure")


def register(count: int, seed: int) -> pd.DataFrame:
    """Return rows as the reader of registers gives them."""
    rng = np.random.default_rng(seed)
    number = np.arange(count)
    days = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 3600, count), unit="D")
    return pd.DataFrame(
        {
            "name": [f"公司 {one // 7:05d} workshop {one % 7 + 1}" for one in number],
            "roof_id": [f"r{one:07d}" for one in number],
            "park": [f"{one // 200}号工业园区" for one in number],
            "longitude": np.round(rng.uniform(121, 122, count), 6),
            "latitude": np.round(rng.uniform(31, 32, count), 6),
            "capacity_dc_kw": np.round(rng.uniform(10, 3000, count), 3),
            "capacity_ac_kw": np.nan,
            "capacity_basis": "dc",
            "status": "commissioned",
            "filed_on": days.astype("datetime64[s]"),
            "commissioned_on": (days + pd.Timedelta(days=90)).astype("datetime64[s]"),
            "source": "register.csv",
            "row": number + 1,
        },
        index=pd.Index([f"s{one:07d}" for one in number], name="system_id"),
    )


def taken(work: Callable[[], Any]) -> float:
    """Return the seconds that work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row_by_row(engine: sa.Engine, rows: pd.DataFrame) -> None:
    """Look up each system and write it if it differs, as a first version would."""
    with engine.begin() as connection:
        found = sa.Table("plain", sa.MetaData(), autoload_with=connection)
        for row in rows.reset_index().to_dict("records"):
            asked = sa.select(found).where(found.c.system_id == row["system_id"])
            stands = connection.execute(asked.order_by(found.c.row.desc())).first()
            if stands is None or stands.capacity_dc_kw != row["capacity_dc_kw"]:
                connection.execute(sa.insert(found), row)


def main() -> None:
    """Measure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--sample", type=int, default=2_000)
    options.add_argument("--db", default=None)
    chosen = options.parse_args()
    first = register(chosen.rows, 1)
    tenth = first.copy()
    tenth.iloc[::10, first.columns.get_loc("capacity_dc_kw")] += 1.0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        seconds: dict[str, float] = {}
        with open_ledger(chosen.db or file, create=True) as ledger:
            seconds["first import"] = taken(lambda: ledger.import_rows(first, ME))
            known = datetime.now(UTC)
            seconds["same again"] = taken(lambda: ledger.import_rows(first, ME))
            seconds["a tenth differs"] = taken(lambda: ledger.import_rows(tenth, ME))
            seconds["read as known before"] = taken(lambda: ledger.systems(known))
            seconds["digest"] = taken(ledger.digest)
            engine = ledger._engine
            if chosen.db is None:
                megabytes = round(sum(one.stat().st_size for one in file.parent.iterdir()) / 1e6, 1)
                engine = sa.create_engine(f"sqlite:///{folder}/plain.db")
            plain = taken(
                lambda: first.to_sql("plain", engine, if_exists="replace", chunksize=10_000)
            )
            sample = tenth.iloc[:: max(len(tenth) // chosen.sample, 1)]
            each = taken(lambda: row_by_row(engine, sample)) / len(sample)
            engine.dispose()
    best = seconds["a tenth differs"]
    print(
        json.dumps(
            {
                "rows": chosen.rows,
                "database": "sqlite" if chosen.db is None else ledger.shown,
                "seconds": {name: round(value, 2) for name, value in seconds.items()},
                "megabytes": megabytes if chosen.db is None else None,
                "times_as_long": {
                    "to_sql replaces the table": round(plain / best, 2),
                    "row by row": round(each * chosen.rows / best, 2),
                },
            },
            ensure_ascii=False, indent=2,
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
