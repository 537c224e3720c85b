"""The table `rejected`: records that can't be understood, kept as the service gave them."""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from archiver.rejected import keys_of_rejected
from archiver.store import Commit
from archiver.timestamps import format_utc
from storage.database import has_table


class RejectedRecord(NamedTuple):
    """A record as kept: when it was first seen, and in which slice `[start, end)`."""

    first_seen_at: str
    account: str
    start: str
    end: str
    reason: str
    text: str


class RejectedRecords:
    """Reads and writes the rejected records. Whoever writes holds a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def record(self, commit: Commit) -> None:
        """Keep a slice's rejected records; those that are kept already stay as they are."""
        start, end = format_utc(commit.window.start), format_utc(commit.window.end)
        seen_at = format_utc(commit.seen_at)
        self._connection.executemany(
            "INSERT INTO rejected VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL) "
            "ON CONFLICT (account, key, number) DO NOTHING",
            (
                (commit.account, key, number, start, end, record.reason, record.text, seen_at)
                for record, key, number in keys_of_rejected(commit.rejected, commit.window)
            ),
        )

    def report(self, account: str, now: datetime) -> Mapping[str, int]:
        """How many records there are for each reason that no run has reported yet.

        From now on they are reported. A run that was ended before it could say anything leaves
        them to the next one.
        """
        counts = self._connection.execute(
            "SELECT reason, count(*) FROM rejected WHERE account = ? AND reported_at IS NULL "
            "GROUP BY reason ORDER BY count(*) DESC, reason",
            (account,),
        ).fetchall()
        if counts:
            self._connection.execute(
                "UPDATE rejected SET reported_at = ? WHERE account = ? AND reported_at IS NULL",
                (format_utc(now), account),
            )
        return dict(counts)

    def listed(self, account: str) -> Iterator[RejectedRecord]:
        """An account's rejected records by their slice, then as first seen."""
        if not has_table(self._connection, "rejected"):  # the archive is of an earlier version
            return
        rows = self._connection.execute(
            'SELECT first_seen_at, account, start, "end", reason, text FROM rejected '
            "WHERE account = ? ORDER BY start, first_seen_at, key, number",
            (account,),
        )
        yield from map(RejectedRecord._make, rows)
