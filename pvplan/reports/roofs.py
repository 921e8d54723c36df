"""The roofs of a plan by id, place and column: held in memory, or in the files of a run in parts.

Pages, maps and explanations ask here and nowhere else, so that a city of millions of roofs is
read as far as it is looked at: one park, one roof, or one column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pvplan.errors import InputError
from pvplan.reports.columns import canonical_table, columns_read
from pvplan.reports.spatial import part_bounds, read_parquet
from pvplan.tables import OUTSIDE_DISTRICTS, OUTSIDE_PARKS, Plan

Found = TypeVar("Found")
Bounds = tuple[float, float, float, float]
OUTSIDE: Final = {"park_id": OUTSIDE_PARKS, "district_id": OUTSIDE_DISTRICTS}
"""The columns that say where a roof lies, and the id that stands for "in none"."""
PLACES: Final = list(OUTSIDE)
COUNT: Final = "roof_count"
_THREADS: Final = 2
_MOST_OPEN: Final = 8


@dataclass(frozen=True)
class At:
    """A place: ``park_id`` or ``district_id``, and its id; that of :data:`OUTSIDE` is "in none"."""

    column: str
    place_id: str

    @property
    def outside(self) -> bool:
        """Whether the roofs are meant that lie in no place of the kind."""
        return self.place_id == OUTSIDE[self.column]


def in_park(park_id: str) -> At:
    """Return a park, or what lies outside all parks."""
    return At("park_id", park_id)


class Roofs(Protocol):
    """The roofs of a plan; tables are indexed by ``roof_id`` and sorted by it.

    ``at`` narrows to a place; None means the whole city.
    """

    def count(self, at: At | None = None) -> int:
        """Return how many roofs there are."""

    def columns(
        self, words: Sequence[str], at: At | None = None, ids: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Return some columns, without outlines: of all, of a place, or of ids that are roofs."""

    def of(self, at: At) -> gpd.GeoDataFrame:
        """Return the roofs of a place, whole."""

    def rows(self, ids: Iterable[str]) -> gpd.GeoDataFrame:
        """Return roofs by their ids, whole; KeyError names one that is unknown."""

    def known(self, ids: Iterable[str]) -> set[str]:
        """Return which of some ids are roofs."""

    def pairs(self) -> pd.DataFrame:
        """Return ``park_id``, ``district_id`` and how many roofs lie in both, ``roof_count``.

        Both are ids of a place or of :data:`OUTSIDE`; sorted by both.
        """

    def bounds(self, at: At | None = None) -> Bounds | None:
        """Return a box that holds the roofs, west, south, east and north [°]; None without any."""


def roofs_of(plan: Plan) -> Roofs:
    """Return the roofs of a plan, wherever they are.

    Raises
    ------
    InputError
        A file of the roofs is missing, or belongs to another run.
    """
    if not plan.roof_parts:
        return _Held(plan.roofs)
    told: Mapping[str, str] = plan.meta.get("undescribed_columns", {}).get("roofs", {})
    return _filed(plan.roof_parts, str(plan.meta.get("fingerprint")), tuple(told.items()))


def roof_of(plan: Plan, roof_id: str) -> pd.Series[Any]:
    """Return one roof, a row of PLAN_ROOFS; KeyError where it is unknown."""
    found: pd.Series[Any] = roofs_of(plan).rows([roof_id]).iloc[0]
    return found


def held(plan: Plan) -> gpd.GeoDataFrame:
    """Return all roofs of a plan in memory, whole: for those who need them all at once."""
    if not plan.roof_parts:
        return plan.roofs
    return read_roofs(list(plan.roof_parts), plan.meta.get("undescribed_columns", {}))


def read_roofs(
    files: Sequence[Path], extra: Mapping[str, Mapping[str, str]], filters: Any = None
) -> gpd.GeoDataFrame:
    """Read the roofs of files, all or those of a pyarrow expression, in their canonical form.

    ``extra`` is what ``run.json`` says of columns that the dictionary does not know.
    """
    return _joined([read_parquet(file, filters) for file in files], extra)


def _joined(
    found: Sequence[gpd.GeoDataFrame], extra: Mapping[str, Mapping[str, str]]
) -> gpd.GeoDataFrame:
    roofs = pd.concat(found)
    words = [str(name) for name in roofs.columns if name != "geometry"]
    return gpd.GeoDataFrame(canonical_table("roofs", roofs, columns_read("roofs", words, extra)))


class _Held:
    """Roofs that a plan holds."""

    def __init__(self, roofs: gpd.GeoDataFrame) -> None:
        self._roofs = roofs

    def _at(self, at: At | None) -> gpd.GeoDataFrame:
        if at is None:
            return self._roofs
        own = self._roofs[at.column]
        here = own == at.place_id
        return self._roofs[here | own.isna() if at.outside else here]

    def count(self, at: At | None = None) -> int:
        return len(self._at(at))

    def columns(
        self, words: Sequence[str], at: At | None = None, ids: Iterable[str] | None = None
    ) -> pd.DataFrame:
        rows = self._at(at)
        if ids is not None:
            rows = rows[rows.index.isin(list(ids))]
        return pd.DataFrame(rows[list(dict.fromkeys(words))])

    def of(self, at: At) -> gpd.GeoDataFrame:
        return self._at(at)

    def rows(self, ids: Iterable[str]) -> gpd.GeoDataFrame:
        return self._roofs.loc[list(ids)].sort_index()

    def known(self, ids: Iterable[str]) -> set[str]:
        return {word for word in map(str, ids) if word in self._roofs.index}

    def pairs(self) -> pd.DataFrame:
        own = pd.DataFrame(self._roofs[PLACES]).fillna(OUTSIDE)
        found: pd.DataFrame = own.groupby(PLACES).size().rename(COUNT).reset_index()
        return found

    def bounds(self, at: At | None = None) -> Bounds | None:
        return _box([tuple(map(float, self._at(at).total_bounds))])


class _Filed:
    """Roofs in files, none of which is read before it is asked for.

    What is kept in memory is how many roofs of each file lie where, and twelve bytes for each roof
    by which its file is found.
    """

    def __init__(self, files: tuple[Path, ...], fingerprint: str, extra: Mapping[str, str]) -> None:
        self._files, self._fingerprint = files, fingerprint
        self._extra = {"roofs": extra}

    def count(self, at: At | None = None) -> int:
        return int(self._here(at)[COUNT].sum())

    def columns(
        self, words: Sequence[str], at: At | None = None, ids: Iterable[str] | None = None
    ) -> pd.DataFrame:
        wanted = list(dict.fromkeys(words))
        narrowed, parts = [] if at is None else [_narrowed(at)], set(self._parts(at))
        if ids is not None:
            asked = list(map(str, ids))
            parts &= set(self._located(asked).values())
            narrowed.append(_among(asked))

        def one(number: int) -> pd.DataFrame:
            held = list(dict.fromkeys(["roof_id", *wanted, *([at.column] if at else [])]))
            table = self._columns(number, held)
            for each in narrowed:
                table = table.filter(each)
            made: pd.DataFrame = table.select(["roof_id", *wanted]).to_pandas()
            return made

        found = pd.concat(list(self._over(one, sorted(parts) or _ANY)))
        types = columns_read("roofs", wanted, self._extra)
        table: pd.DataFrame = canonical_table("roofs", found.set_index("roof_id"), types)
        return table

    def of(self, at: At) -> gpd.GeoDataFrame:
        return self._rows(self._parts(at), _narrowed(at))

    def rows(self, ids: Iterable[str]) -> gpd.GeoDataFrame:
        asked = list(dict.fromkeys(map(str, ids)))
        where = self._located(asked)
        lost = [word for word in asked if word not in where]
        if lost:
            raise KeyError(lost[0])
        return self._rows(sorted(set(where.values())), _among(asked))

    def known(self, ids: Iterable[str]) -> set[str]:
        return set(self._located(list(map(str, ids))))

    def pairs(self) -> pd.DataFrame:
        found: pd.DataFrame = self._places.groupby(PLACES)[COUNT].sum().reset_index()
        return found

    def bounds(self, at: At | None = None) -> Bounds | None:
        boxes = [self._read(number, part_bounds) for number in self._parts(at)]
        return _box([box for box in boxes if box is not None])

    def _rows(self, numbers: Sequence[int], narrowed: Any) -> gpd.GeoDataFrame:
        found = [
            self._read(number, lambda file: read_parquet(file, narrowed))
            for number in numbers or _ANY
        ]
        return _joined(found, self._extra)

    def _over(
        self, work: Callable[[int], Found], numbers: Sequence[int] | None = None
    ) -> Iterator[Found]:
        with ThreadPoolExecutor(_THREADS) as threads:
            yield from threads.map(work, range(len(self._files)) if numbers is None else numbers)

    def _columns(self, number: int, words: Sequence[str]) -> pa.Table:
        def read(path: Path) -> pa.Table:
            with pq.ParquetFile(path) as file:
                return file.read(columns=list(words), use_threads=False)

        return self._read(number, read)

    def _read(self, number: int, work: Callable[[Path], Found]) -> Found:
        """Read from a file, having looked whether it is still that of the run."""
        path = self._files[number]
        try:
            if _stamp_of(path) == self._fingerprint:
                return work(path)
        except (OSError, ValueError, IndexError) as error:  # pyarrow's own errors are of these
            raise InputError(
                f"{path}: cannot be read ({type(error).__name__}); {_REMEDY}"
            ) from error
        raise InputError(f"{path}: belongs to another run; {_REMEDY}")

    @cached_property
    def _places(self) -> pd.DataFrame:
        """How many roofs of each file lie in which park and district."""

        def one(number: int) -> pd.DataFrame:
            table = self._columns(number, PLACES).group_by(PLACES).aggregate([([], "count_all")])
            counted: pd.DataFrame = table.to_pandas()
            return counted.assign(part=number)

        found = pd.concat(list(self._over(one)), ignore_index=True)
        named: pd.DataFrame = found.fillna(OUTSIDE).rename(columns={"count_all": COUNT})
        return named

    def _here(self, at: At | None) -> pd.DataFrame:
        return self._places if at is None else self._places[self._places[at.column] == at.place_id]

    def _parts(self, at: At | None) -> list[int]:
        return sorted(set(self._here(at)["part"]))

    @cached_property
    def _index(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
        """A number made of each id, ascending, and the file it lies in."""
        made = list(self._over(lambda number: _numbers(self._columns(number, ["roof_id"])[0])))
        parts = np.repeat(np.arange(len(made), dtype=np.int32), [len(each) for each in made])
        numbers = np.concatenate(made)
        order = np.argsort(numbers, kind="stable")
        return numbers[order], parts[order]

    def _located(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the file of each id that is a roof."""
        if not ids:
            return {}
        numbers, parts = self._index
        asked = _numbers(pa.chunked_array([pa.array(ids, pa.string())]))
        first = np.searchsorted(numbers, asked, side="left")
        last = np.searchsorted(numbers, asked, side="right")
        # Two ids may share a number: the file tells.
        maybe: dict[int, set[str]] = {}
        for word, start, end in zip(ids, first, last, strict=True):
            for part in parts[start:end]:
                maybe.setdefault(int(part), set()).add(word)
        found: dict[str, int] = {}
        for part, words in maybe.items():
            here = self._columns(part, ["roof_id"])[0]
            sure = here.filter(pc.is_in(here, pa.array(sorted(words), here.type)))
            found |= {str(word): part for word in sure.to_pylist()}
        return found


_ANY: Final = (0,)
"""Where no file has a roof that is asked for, the first still gives the columns."""
_STAMP: Final = "run_fingerprint"
_REMEDY: Final = "load the page again, put the file back, or run again"


def _stamp_of(path: Path) -> str | None:
    """Return the fingerprint of the run that wrote a file, by its head."""
    with pq.ParquetFile(path) as file:
        place = file.metadata.schema.names.index(_STAMP)
        told = file.metadata.row_group(0).column(place).statistics
        return None if told is None else str(told.max)


@lru_cache(_MOST_OPEN)
def _filed(files: tuple[Path, ...], fingerprint: str, extra: tuple[tuple[str, str], ...]) -> _Filed:
    return _Filed(files, fingerprint, dict(extra))


def _among(ids: Sequence[str]) -> Any:
    return pc.field("roof_id").isin(pa.array(ids, pa.string()))


def _narrowed(at: At) -> Any:
    own = pc.field(at.column)
    here = own == at.place_id
    # "Or" with a missing value is missing, unless the other side is true.
    return own.is_null() | here if at.outside else here


def _numbers(ids: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    return pd.util.hash_array(ids.to_numpy(zero_copy_only=False).astype(object), categorize=False)


def _box(boxes: Sequence[Any]) -> Bounds | None:
    known = [box for box in boxes if not np.isnan(box[0])]
    if not known:
        return None
    west, south, east, north = zip(*known, strict=True)
    return min(west), min(south), max(east), max(north)
