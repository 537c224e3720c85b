"""An archive at one instant, for looking at it however long that takes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from archiver.errors import StoreError
from storage.database import FILE_NAME, has_table, open_read_only, store_errors
from storage.ledger import Ledger
from storage.opening import refuse_lost_ledger
from storage.settings import Settings
from storage.verification.base import StoredDays
from storage.verification.jsonl import JsonlDays
from storage.verification.revisions import revised_days
from storage.verification.sqlite import SqliteDays


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the ledger says, and what is stored. A run may go on meanwhile: it isn't seen.

    A day file that is appended to holds what was committed before all the same; one that is
    replaced meanwhile, by a repair, doesn't: look at it again in another snapshot.
    """

    connection: sqlite3.Connection
    ledger: Ledger
    stored: StoredDays

    def zones(self) -> dict[str, str]:
        """The accounts that the ledger knows, with their time zones."""
        return dict(self.connection.execute("SELECT name, timezone FROM accounts").fetchall())

    def accounts(self) -> list[str]:
        """All accounts of which the ledger says something, or something is stored."""
        # These may be missing: the ledger is of an earlier version, or damaged, which is named.
        later = [
            each for each in ("click_revisions", "rejected") if has_table(self.connection, each)
        ]
        asked = [f"SELECT account FROM {table}" for table in ("days", "coverage", *later)]
        rows = self.connection.execute(" UNION ".join(["SELECT name FROM accounts", *asked]))
        return sorted({name for (name,) in rows} | self.stored.accounts())

    def days(self, account: str) -> set[str]:
        """The UTC days of which something is stored, whatever the ledger says of their clicks."""
        return {*self.stored.days(account), *revised_days(self.connection, account)}


@contextmanager
def open_snapshot(directory: Path) -> Iterator[Snapshot]:
    """Open an archive for reading, as it is now.

    Raises StoreError where there is none: nothing can be said of it.
    """
    refuse_lost_ledger(directory)
    path = directory / FILE_NAME
    connection = open_read_only(directory)
    if connection is None:
        raise no_archive(directory)
    with store_errors("read", path, (sqlite3.Error,)), closing(connection):
        connection.execute("BEGIN")
        kind = Settings(connection, directory).store()
        stored = JsonlDays(connection, directory) if kind == "jsonl" else SqliteDays(connection)
        yield Snapshot(connection, Ledger(connection), stored)


def no_archive(directory: Path) -> StoreError:
    """The error where there is no archive: to say that nothing differs would be wrong."""
    return StoreError(
        f"there is no archive in {directory}: nothing can be verified. Check archive.directory; "
        "the first `link-archiver run` begins one"
    )
