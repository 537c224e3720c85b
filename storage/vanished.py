"""The table `vanished_clicks`: archived clicks that the service doesn't give any more."""

import sqlite3
from collections.abc import Collection
from datetime import datetime

from archiver.timestamps import format_utc


class VanishedClicks:
    """Reads and writes the table. Whoever writes holds a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def missed(self, account: str, day: str) -> set[str]:
        """The keys of a UTC day's clicks that were missed when they were last asked for."""
        rows = self._connection.execute(
            "SELECT key FROM vanished_clicks WHERE account = ? AND day = ?", (account, day)
        )
        return {key for (key,) in rows}

    def miss(self, account: str, day: str, keys: Collection[str], now: datetime) -> None:
        """Note that clicks are missing."""
        self._connection.executemany(
            "INSERT INTO vanished_clicks VALUES (?, ?, ?, ?) "
            "ON CONFLICT (account, day, key) DO NOTHING",
            [(account, day, key, format_utc(now)) for key in keys],
        )

    def find(self, account: str, day: str, keys: Collection[str]) -> None:
        """Note that clicks are there again."""
        self._connection.executemany(
            "DELETE FROM vanished_clicks WHERE (account, day, key) = (?, ?, ?)",
            [(account, day, key) for key in keys],
        )
