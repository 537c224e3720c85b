"""Opening a file of the archive for reading: the one that holds what the ledger says counts.

While a file is being replaced (see `replacing.py`) that is the new one beside it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from storage.appending import refuse_shorter

#: No click is longer: an answer of the service has at most 8 MB, and a byte of it becomes at most
#: six. A file that another program filled with something else may have no line's end at all.
_LINE_BYTES = 6 * 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Committed:
    """A file as it was opened, None where there is none, and how much of it counts."""

    path: Path
    file: BinaryIO | None
    committed_bytes: int | None  # None: the ledger doesn't know the file

    @property
    def length(self) -> int:
        return os.fstat(self.file.fileno()).st_size if self.file else 0

    def lines(self) -> Iterator[bytes]:
        """The lines that count. Raises CorruptArchiveError where the file is shorter."""
        committed = self.committed_bytes or 0
        refuse_shorter(self.path, self.length, committed)
        return self.first_lines(committed)

    def first_lines(self, size: int) -> Iterator[bytes]:
        """The lines of the first so many bytes, as far as there are any.

        The last one has no end where the last byte isn't one; nor has a piece of one that is
        longer than any click.
        """
        if self.file is None:
            return
        while size > 0 and (line := self.file.readline(min(size, _LINE_BYTES))):
            size -= len(line)
            yield line


@contextmanager
def open_committed(
    connection: sqlite3.Connection, directory: Path, path: str
) -> Iterator[Committed]:
    """Open the file that holds what is committed under a path of the archive's directory."""
    while True:
        state = _state(connection, path)
        file = _open(directory / path, being_replaced=state[1])
        if _state(connection, path) == state:
            break
        if file:  # it was replaced, or appended to, in between
            file.close()
    try:
        yield Committed(directory / path, file, state[0])
    finally:
        if file:
            file.close()


def beside(path: Path) -> Path:
    """Where the new file lies as long as it hasn't the old one's name."""
    return path.with_name(f"{path.name}.new")


def _open(path: Path, *, being_replaced: bool) -> BinaryIO | None:
    # In this order: once the new file isn't there any more, it has the old one's name.
    for name in [beside(path)] * being_replaced + [path]:
        with suppress(FileNotFoundError):
            return name.open("rb")
    return None


def _state(connection: sqlite3.Connection, path: str) -> tuple[int | None, bool]:
    """The committed length, and whether the file is being replaced."""
    row = connection.execute("SELECT bytes FROM files WHERE path = ?", (path,)).fetchone()
    # A reader may find an archive that was last written to before there was this table.
    replaced = (
        connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'replacements'").fetchone()
        and connection.execute("SELECT 1 FROM replacements WHERE path = ?", (path,)).fetchone()
    )
    return row and row[0], bool(replaced)
