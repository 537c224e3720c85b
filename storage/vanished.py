"""The table `vanished_clicks`: archived clicks that the service doesn't give any more."""

import sqlite3
from collections.abc import Collection
from datetime import datetime

from archiver.timestamps import format_utc


class VanishedClicks:
    """Reads and writes the table. Whoever writes holds a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def count(self, account: str) -> int:
        """How many of the account's archived clicks the service doesn't give any more."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM vanished_clicks WHERE account = ?", (account,)
        ).fetchone()
        return int(count)

    def missed(self, account: str, day: str) -> set[str]:
        """The keys of a UTC day's clicks that were missed when they were last asked for."""
        rows = self._connection.execute(
            "SELECT key FROM vanished_clicks WHERE account = ? AND day = ?", (account, day)
        )
        return {key for (key,) in rows}

    def miss(self, account: str, day: str, keys: Collection[str], now: datetime) -> None:
        """Note that clicks are missing."""
        self._connection.executemany(
            "INSERT INTO vanished_clicks (account, day, key, seen_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (account, day, key) DO NOTHING",
            [(account, day, key, format_utc(now)) for key in keys],
        )

    def find(self, account: str, day: str, keys: Collection[str]) -> None:
        """Note that clicks are there again."""
        self._connection.executemany(
            "DELETE FROM vanished_clicks WHERE (account, day, key) = (?, ?, ?)",
            [(account, day, key) for key in keys],
        )

    def report(self, account: str, now: datetime) -> tuple[int, str]:
        """How many clicks are missing that no run has told of yet, and the first's UTC day.

        From now on they are told of.
        """
        unreported = "account = ? AND reported_at IS NULL"
        count, first = self._connection.execute(
            f"SELECT count(*), coalesce(min(day), '') FROM vanished_clicks WHERE {unreported}",
            (account,),
        ).fetchone()
        if count:
            self._connection.execute(
                f"UPDATE vanished_clicks SET reported_at = ? WHERE {unreported}",
                (format_utc(now), account),
            )
        return count, first
