"""The ledger's revisions: each is of a click that is stored."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence

from archiver.identity import base_of_key, bases_of, key_of
from archiver.model import CLICKED_AT, Row
from storage.database import has_table
from storage.sqlite import HAS_DAY, IN_WINDOW, past_day
from storage.verification.base import KEYS_TOLD, Difference, printable

_TABLE = "click_revisions"


class Revised:
    """The clicks of a day that have revisions, less those that were seen to be stored."""

    def __init__(self, connection: sqlite3.Connection, account: str, day: str) -> None:
        self._account, self._day = account, day
        self._unseen: set[tuple[str, str]] = set()
        if has_table(connection, _TABLE):
            self._unseen.update(
                connection.execute(
                    f"SELECT clicked_at, key FROM {_TABLE} WHERE {IN_WINDOW}",
                    (account, day, past_day(day)),
                )
            )
        self._bases = {base_of_key(str(key)) for _, key in self._unseen}
        self._counts: Counter[str] = Counter()

    def see(self, rows: Sequence[Row], keys: Sequence[str]) -> None:
        """Take stored clicks off, by the keys that they are stored under."""
        if self._unseen:
            times = (row[CLICKED_AT] for row in rows)
            self._unseen.difference_update(zip(times, keys, strict=True))

    def see_in_order(self, clicks: Sequence[Row]) -> None:
        """Take stored clicks off, where the alike are numbered in the order in which they come."""
        if not self._unseen:
            return
        for click, base in zip(clicks, bases_of(clicks), strict=True):
            if base in self._bases:
                self._counts[base] += 1
                self._unseen.discard((click[CLICKED_AT], key_of(base, self._counts[base])))

    def differences(self) -> Iterator[Difference]:
        """What is left when all of the day's clicks were seen."""
        if self._unseen:
            keys = sorted(printable(str(key)) for _, key in self._unseen)
            told = tuple(keys[:KEYS_TOLD])
            yield Difference(self._account, self._day, "revisions", 0, len(keys), told)


def revised_days(connection: sqlite3.Connection, account: str) -> set[str]:
    """The UTC days of which there are revisions, whatever is stored of them."""
    if not has_table(connection, _TABLE):
        return set()
    rows = connection.execute(
        f"SELECT DISTINCT substr(clicked_at, 1, 10) FROM {_TABLE} WHERE account = ? AND {HAS_DAY}",
        (account,),
    )
    return {day for (day,) in rows}


def dayless_revisions(connection: sqlite3.Connection, account: str) -> Iterator[Difference]:
    """Revisions of no day."""
    if not has_table(connection, _TABLE):
        return
    (count,) = connection.execute(
        f"SELECT count(*) FROM {_TABLE} WHERE account = ? AND NOT ({HAS_DAY})", (account,)
    ).fetchone()
    if count:
        yield Difference(account, None, "revisions", 0, count)
