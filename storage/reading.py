"""Reading an archive without writing to it: for `status` and `export`."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from archiver.identity import Known, content_of
from archiver.model import CLICK_ID, CLICKED_AT, Row, Window
from archiver.store import Store
from archiver.timestamps import format_utc
from storage import jsonl, sqlite
from storage.database import FILE_NAME, open_read_only, store_errors
from storage.ip_key import IpKey
from storage.ledger import Ledger
from storage.links import Links
from storage.rejected import RejectedRecords
from storage.runs import Runs
from storage.settings import Settings
from storage.vanished import VanishedClicks


@dataclass(frozen=True, slots=True)
class ArchivedAccount:
    """An account as its archive knows it, whatever the configuration says today."""

    name: str
    service: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of an account is archived; no clicks, no times."""

    clicks: int
    links: int
    first_click: str | None
    last_click: str | None


class ArchiveReader:
    """An archive open for reading alone."""

    def __init__(self, connection: sqlite3.Connection, directory: Path) -> None:
        self._connection = connection
        self._directory = directory
        self.ledger = Ledger(connection)
        self.runs = Runs(connection)
        self.links = Links(connection)
        self.vanished = VanishedClicks(connection)
        self.rejected = RejectedRecords(connection)
        self.ip_key = IpKey(connection, directory)
        self.settings = Settings(connection, directory)

    def accounts(self) -> list[ArchivedAccount]:
        """All accounts that were ever archived here, by name."""
        rows = self._connection.execute(
            "SELECT name, service, timezone FROM accounts ORDER BY name"
        )
        return [ArchivedAccount(*row) for row in rows]

    def known_clicks(self, account: str, window: Window) -> Known:
        """The stored clicks of a window by key, with the latest facts of each."""
        store: Store = (
            jsonl.JsonlStore(self.ledger, self._directory)
            if self.settings.store() == "jsonl"
            else sqlite.SqliteStore(self.ledger, self._directory / FILE_NAME)
        )
        return store.known_clicks(account, window)

    def version(self) -> int:
        """A number that changes whenever another program has written to the archive."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def counts(self, account: str) -> Counts:
        clicks, first, last = self._connection.execute(
            "SELECT coalesce(sum(clicks), 0), min(first_click), max(last_click) FROM days "
            "WHERE account = ?",
            (account,),
        ).fetchone()
        (links,) = self._connection.execute(
            "SELECT count(*) FROM links WHERE account = ?", (account,)
        ).fetchone()
        return Counts(clicks, links, first, last)

    def count_clicks(self, account: str, window: Window) -> int:
        """How many clicks the window's UTC days hold, all of each day."""
        (clicks,) = self._connection.execute(
            "SELECT coalesce(sum(clicks), 0) FROM days WHERE account = ? AND day BETWEEN ? AND ?",
            (account, format_utc(window.start)[:10], format_utc(window.end)[:10]),
        ).fetchone()
        return int(clicks)

    def clicks(self, account: str, window: Window) -> Iterator[Row]:
        """The window's clicks by time, then id as text, then content.

        Raises CorruptArchiveError where a file of the archive isn't what was committed.
        """
        (store,) = self._connection.execute("SELECT store FROM archive").fetchone()
        if store == "jsonl":
            days = jsonl.read_days(self.ledger, self._directory, account, window)
            rows: Iterator[Row] = (
                row for day in days for row in sorted(day, key=itemgetter(CLICKED_AT))
            )
        else:
            rows = sqlite.read_clicks(self._connection, account, window)
        for _, same_second in groupby(rows, itemgetter(CLICKED_AT)):
            yield from sorted(same_second, key=_by_id_then_content)


@contextmanager
def open_reader(directory: Path) -> Iterator[ArchiveReader | None]:
    """Open an archive for reading; None where there is none yet."""
    connection = open_read_only(directory)
    if connection is None:
        yield None
        return
    # An OSError that passes here is of whoever writes what was read.
    with store_errors("read", directory / FILE_NAME, (sqlite3.Error,)), closing(connection):
        yield ArchiveReader(connection, directory)


def _by_id_then_content(row: Row) -> tuple[str, bytes]:
    return row[CLICK_ID] or "", content_of(row)
