"""Replacing a file of which the ledger holds the committed length, whole or not at all.

The new file is written beside the old one and synced. One transaction of the ledger then commits
its length and names it in the table `replacements`; only after that it gets the old one's name.
Where this was cut short, the next opening makes up for it, and until then a reader finds the new
file beside the old one (`committed.py`). So the ledger's length never belongs to another file than
the one that is read or appended to.
"""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from archiver.errors import CorruptArchiveError
from storage.appending import FILE_MODE, make_folders, sync_folder
from storage.committed import beside

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Replacement:
    """A new file that lies beside the one that it is to replace."""

    path: str  # of the one that it replaces, from the archive's directory on
    bytes: int
    hash: str


def write_replacement(directory: Path, path: str, pieces: Iterable[bytes]) -> Replacement:
    """Write and sync the new file. As long as the ledger doesn't name it, it means nothing."""
    new = beside(directory / path)
    make_folders(new.parent)
    with suppress(FileNotFoundError):
        new.unlink()  # of a time that was cut short
    size, hashed = 0, blake2b(digest_size=16)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(new, flags, FILE_MODE), "wb") as file:
        for piece in pieces:
            file.write(piece)
            size += len(piece)
            hashed.update(piece)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(new.parent)
    return Replacement(path, size, hashed.hexdigest())


def record_replacement(connection: sqlite3.Connection, new: Replacement) -> None:
    """Make the new file the one that counts. Whoever calls holds a transaction."""
    connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (new.path, new.bytes))
    connection.execute(
        "INSERT OR REPLACE INTO replacements VALUES (?, ?, ?)", (new.path, new.bytes, new.hash)
    )


def complete_replacements(connection: sqlite3.Connection, directory: Path) -> None:
    """Give each new file that the ledger names the old one's name.

    Whoever calls holds the archive. Raises CorruptArchiveError where neither file is the one that
    the ledger names.
    """
    for row in connection.execute("SELECT path, bytes, hash FROM replacements").fetchall():
        new = Replacement(*row)
        path = directory / new.path
        if _is(beside(path), new):
            beside(path).replace(path)
            sync_folder(path.parent)
        elif not _is(path, new):
            raise CorruptArchiveError(
                f"{path} was being repaired, and neither it nor {beside(path).name} beside it is "
                "what the repair wrote: another program changed them. Nothing has been changed; "
                "put them back from a copy, together with archive.db"
            )
        connection.execute("DELETE FROM replacements WHERE path = ?", (new.path,))


def _is(path: Path, new: Replacement) -> bool:
    """Whether a file begins with what was written as the replacement."""
    hashed, rest = blake2b(digest_size=16), new.bytes
    with suppress(FileNotFoundError), path.open("rb") as file:
        while piece := file.read(min(rest, _PIECE_BYTES)):
            hashed.update(piece)
            rest -= len(piece)
        return rest == 0 and hashed.hexdigest() == new.hash
    return False
