"""Rows set aside on disk: in the order they come, or by key, so that none but a few are held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from pvplan.tables import Ints

BUFFER_BYTES: Final = 48_000_000
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="zstd")


class Spool:
    """Tables in the order that they are written, read again from the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        """Write a table; all have the same columns."""
        if self._writer is None:
            self._writer = pa.ipc.new_stream(str(self._path), table.schema, options=_OPTIONS)
        self._writer.write_table(table.combine_chunks())
        self.rows += table.num_rows

    def tables(self) -> Iterator[pa.Table]:
        """Give the tables that were written; nothing may be written after."""
        self.close()
        if not self.rows:
            return
        with pa.OSFile(str(self._path)) as file, pa.ipc.open_stream(file) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])

    def close(self) -> None:
        """Finish writing."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def remove(self) -> None:
        """Free the disk of what was written."""
        self.close()
        self._path.unlink(missing_ok=True)


class Spill:
    """Rows by key: those of one key are read together, in the order that they were written.

    One file holds all; a piece is written when the buffers are full.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._path = path
        self._buffers: dict[int, list[pa.Table]] = {}
        self._held_bytes = 0
        self._pieces: dict[int, list[tuple[int, int]]] = {}

    def add(self, table: pa.Table, keys: Ints) -> None:
        """Write rows; ``keys`` has one whole number for each."""
        if not table.num_rows:
            return
        order = np.argsort(keys, kind="stable")
        sorted_keys = keys[order]
        taken = table.cast(self._schema).take(pa.array(order))
        cuts = np.flatnonzero(np.diff(sorted_keys)) + 1
        for first, last in zip([0, *cuts], [*cuts, len(order)], strict=True):
            piece = taken.slice(int(first), int(last - first))
            self._buffers.setdefault(int(sorted_keys[first]), []).append(piece)
        self._held_bytes += taken.nbytes
        if self._held_bytes > BUFFER_BYTES:
            self._flush()

    def stored(self) -> list[int]:
        """Return the keys under which anything was written, ascending."""
        return sorted({*self._buffers, *self._pieces})

    def read(self, key: int) -> pa.Table:
        """Return the rows of a key; an empty table where none were written."""
        found = []
        pieces = self._pieces.get(key, [])
        if pieces:
            with self._path.open("rb") as file:
                for offset, length in pieces:
                    file.seek(offset)
                    with pa.ipc.open_stream(pa.py_buffer(file.read(length))) as reader:
                        found.append(reader.read_all())
        found += self._buffers.get(key, [])
        if not found:
            return self._schema.empty_table()
        return pa.concat_tables(found).combine_chunks()

    def _flush(self) -> None:
        with self._path.open("ab") as file:
            for key, tables in self._buffers.items():
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, self._schema, options=_OPTIONS) as writer:
                    writer.write_table(pa.concat_tables(tables).combine_chunks())
                written = sink.getvalue()
                self._pieces.setdefault(key, []).append((file.tell(), written.size))
                file.write(written)
        self._buffers, self._held_bytes = {}, 0

    def remove(self) -> None:
        """Free the disk of what was written."""
        self._path.unlink(missing_ok=True)


NOTES: Final = pa.schema(
    [("row", pa.int64()), *((name, pa.string()) for name in ("done", "id", "reason", "detail"))]
)
ROWS_OF_NOTES: Final = 200_000


class Notes:
    """What became of rows, set aside by stretches of the file."""

    def __init__(self, path: Path) -> None:
        self._spill = Spill(path, NOTES)

    def add(self, notes: list[pd.DataFrame]) -> None:
        """Take frames of :func:`~pvplan.sources.rejections.noted`."""
        for note in notes:
            if len(note):
                table = pa.Table.from_pandas(note, NOTES, preserve_index=False)
                self._spill.add(table, note["row"].to_numpy() // ROWS_OF_NOTES)

    def stretches(self) -> list[int]:
        """Return the stretches of which anything is noted."""
        return self._spill.stored()

    def of(self, stretch: int) -> pd.DataFrame:
        """Return the notes of a stretch in the order that they were taken."""
        return as_frame(self._spill.read(stretch))

    def remove(self) -> None:
        """Free the disk."""
        self._spill.remove()


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Turn a table into columns: texts as they are or None, numbers, days in seconds."""
    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            columns[name] = pd.Series(column.to_pylist(), dtype=object)
        else:
            columns[name] = column.to_pandas()
    return pd.DataFrame(columns)
