"""The SQLite store: clicks, coverage and counts in one transaction of one file."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from archiver.errors import CorruptArchiveError
from archiver.identity import FACT_FIELDS, Known
from archiver.model import CLICK_FIELDS, CLICKED_AT, Row, Window
from archiver.store import Commit
from archiver.timestamps import format_utc
from archiver.windows import intersect
from storage.columns import quoted
from storage.database import store_errors, transaction
from storage.ledger import Ledger

IN_WINDOW = "account = ? AND clicked_at >= ? AND clicked_at < ?"
COLUMNS = ", ".join(map(quoted, CLICK_FIELDS))
_FACTS = ", ".join(map(quoted, FACT_FIELDS))
# A statement for many rows: while it is carried out, which is most of storing's time, the threads
# that fetch go on. After each of single rows they would be stopped to prepare the next one.
# SQLite before 3.32 takes 999 values in one.
_ROWS_AT_ONCE = 55
_VALUES = f"({'?, ' * len(CLICK_FIELDS)}?)"
_INSERT, _INSERT_MANY = (
    # Not INSERT OR IGNORE, which would also swallow a missing time.
    f"INSERT INTO clicks ({COLUMNS}, key) VALUES {', '.join([_VALUES] * rows)} "
    "ON CONFLICT (account, clicked_at, key) DO NOTHING"
    for rows in (1, _ROWS_AT_ONCE)
)
#: Whether a row's time begins with a date: any other was changed by another program.
HAS_DAY = (
    "typeof(clicked_at) = 'text' AND clicked_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'"
)
_IS_UNIQUE = CLICK_FIELDS.index("is_unique")
_BOOLEANS = {None: None, 0: False, 1: True}


class SqliteStore:
    """Clicks in the table `clicks` of the ledger's database."""

    def __init__(self, ledger: Ledger, path: Path) -> None:
        self._ledger = ledger
        self._connection = ledger.connection
        self._path = path

    def known_clicks(self, account: str, window: Window) -> Known:
        with store_errors("read", self._path):
            rows = self._connection.execute(
                f"SELECT key, {_FACTS} FROM clicks WHERE {IN_WINDOW}",
                (account, format_utc(window.start), format_utc(window.end)),
            )
            known = {row[0]: row[1:] for row in rows}
            if known:
                known.update(self._ledger.revisions(account, window))
            return known

    def commit(self, commit: Commit) -> Sequence[str]:
        with store_errors("write to", self._path), transaction(self._connection):
            if commit.clicks:
                self._refuse_damaged_days(commit)
            insert_clicks(self._connection, commit.clicks, commit.keys)
            self._ledger.record(commit)
        return ()

    def _refuse_damaged_days(self, commit: Commit) -> None:
        """Refuse to add to a day that is looked back at and isn't what was committed.

        Clicks that another program deleted would come back as new ones, and be counted twice.
        """
        if not intersect(self._ledger.coverage(commit.account), [commit.window]):
            return
        for day in {row[CLICKED_AT][:10] for row in commit.clicks}:
            said = self._ledger.count_of_day(commit.account, day)
            (found,) = self._connection.execute(
                "SELECT count(*) FROM clicks WHERE account = ? AND clicked_at BETWEEN ? AND ?",
                (commit.account, f"{day}T00:00:00Z", f"{day}T23:59:59Z"),
            ).fetchone()
            if found != said:
                raise CorruptArchiveError(
                    f"{self._path}: of {day} (UTC), account {commit.account}, {found} clicks are "
                    f"stored, and {said} were committed: it was changed by another program. "
                    "Nothing has been changed; fetch the day again with `link-archiver repair "
                    f"--account {commit.account} --day {day}`"
                )


def insert_clicks(
    connection: sqlite3.Connection, clicks: Sequence[Row], keys: Sequence[str]
) -> None:
    """Store clicks under their keys. Raises IntegrityError where one is stored already."""
    stored = 0
    whole = len(clicks) - len(clicks) % _ROWS_AT_ONCE
    for first in range(0, whole, _ROWS_AT_ONCE):
        part = slice(first, first + _ROWS_AT_ONCE)
        keyed = zip(clicks[part], zip(keys[part], strict=True), strict=True)
        values = list(chain.from_iterable(chain.from_iterable(keyed)))
        stored += connection.execute(_INSERT_MANY, values).rowcount
    rest = zip(clicks[whole:], keys[whole:], strict=True)
    stored += connection.executemany(_INSERT, ((*row, key) for row, key in rest)).rowcount
    if stored != len(clicks):
        raise sqlite3.IntegrityError("a click of the slice is stored already")


def read_clicks(connection: sqlite3.Connection, account: str, window: Window) -> Iterator[Row]:
    """The window's clicks in the order of the table's key."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM clicks WHERE {IN_WINDOW} ORDER BY account, clicked_at, key",
        (account, format_utc(window.start), format_utc(window.end)),
    )
    yield from map(row_of_columns, rows)


def row_of_columns(columns: Row) -> Row:
    """The click of a row that begins with COLUMNS. What is no boolean stays what it is."""
    unique = columns[_IS_UNIQUE]
    return (
        *columns[:_IS_UNIQUE],
        _BOOLEANS.get(unique, unique),
        *columns[_IS_UNIQUE + 1 : len(CLICK_FIELDS)],
    )


def past_day(day: str) -> str:
    """The first text after all those that begin with a day: with it, a day is a window."""
    return day[:-1] + chr(ord(day[-1]) + 1)
