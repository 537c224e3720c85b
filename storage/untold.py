"""What was found to be odd, until a run has told of it: one that is ended tells nothing."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from archiver.model import Window
from archiver.timestamps import format_utc, parse_utc


class Fall(NamedTuple):
    """A link whose total went down from `was` to `now`; without `now` it isn't listed any more."""

    key: str
    link: str | None
    was: int
    now: int | None


class Asked(NamedTuple):
    """A link that was asked for, and whose maker was killed before it told what came of it."""

    destination: str
    asked_at: datetime


class Untold:
    """Reads and writes it. Whoever writes holds a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def hold_coverage(self, account: str, coverage: Sequence[Window]) -> None:
        """Keep what is covered before a turn, unless an earlier one told nothing of its own."""
        windows = json.dumps([(format_utc(each.start), format_utc(each.end)) for each in coverage])
        self._connection.execute(
            "UPDATE accounts SET coverage_told = coalesce(coverage_told, ?) WHERE name = ?",
            (windows, account),
        )

    def note_fall(self, account: str, key: str, was: int, now: int | None) -> None:
        """Note that a link's total went down; where it did before too, from the most it was."""
        self._connection.execute(
            "INSERT INTO untold_falls VALUES (?, ?, ?, ?) "
            "ON CONFLICT (account, key) DO UPDATE SET "
            "was = max(was, excluded.was), now = excluded.now",
            (account, key, was, now),
        )

    def note_asked(self, account: str, destination: str, asked_at: datetime) -> None:
        """Note that a link is asked for, before it is."""
        self._connection.execute(
            "INSERT OR IGNORE INTO asked_links VALUES (?, ?, ?)",
            (account, destination, format_utc(asked_at)),
        )

    def forget_asked(self, account: str, destination: str, asked_at: datetime) -> None:
        """Whoever asked knows what came of it, and tells."""
        self._connection.execute(
            "DELETE FROM asked_links WHERE (account, destination, asked_at) = (?, ?, ?)",
            (account, destination, format_utc(asked_at)),
        )

    def take_coverage(self, account: str) -> list[Window] | None:
        """What was covered when all was told; None where nothing was archived since."""
        (windows,) = self._connection.execute(
            "SELECT coverage_told FROM accounts WHERE name = ?", (account,)
        ).fetchone()
        self._connection.execute(
            "UPDATE accounts SET coverage_told = NULL WHERE name = ?", (account,)
        )
        if windows is None:
            return None
        return [Window(parse_utc(start), parse_utc(end)) for start, end in json.loads(windows)]

    def take_falls(self, account: str) -> list[Fall]:
        """The links whose totals went down, in the order of their keys."""
        falls = self._connection.execute(
            "SELECT key, link, was, now FROM untold_falls LEFT JOIN links USING (account, key) "
            "WHERE account = ? ORDER BY key",
            (account,),
        ).fetchall()
        self._connection.execute("DELETE FROM untold_falls WHERE account = ?", (account,))
        return list(map(Fall._make, falls))

    def take_asked(self, account: str) -> list[Asked]:
        """The links of which nobody knows whether they were made, the first asked for first."""
        asked = self._connection.execute(
            "SELECT destination, asked_at FROM asked_links WHERE account = ? "
            "ORDER BY asked_at, destination",
            (account,),
        ).fetchall()
        self._connection.execute("DELETE FROM asked_links WHERE account = ?", (account,))
        return [Asked(destination, parse_utc(asked_at)) for destination, asked_at in asked]
