"""The days of the SQLite store: each row read again, and its key computed again."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from archiver.identity import misnamed
from archiver.model import CLICK_FIELDS, CLICKED_AT, Row
from storage.columns import quoted
from storage.database import has_table, is_damage, is_no_text, lenient_text
from storage.ledger import DayRow
from storage.sqlite import COLUMNS, HAS_DAY, IN_WINDOW, past_day, row_of_columns
from storage.verification.base import Advance, Difference, Findings, Tally, held_against, printable
from storage.verification.revisions import Revised

_ROWS_AT_ONCE = 1000
# As the configuration has it; any other name was written by another program.
_HAS_NAME = "typeof(account) = 'text' AND account <> '' AND account NOT GLOB '*[^A-Za-z0-9_-]*'"
_NO_CLICKS = (
    f"SELECT {', '.join(f'NULL AS {quoted(name)}' for name in (*CLICK_FIELDS, 'key'))} WHERE 0"
)


class SqliteDays:
    """Reads the table `clicks`, a thousand rows at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # There is none where a first run was ended at once, or where another program dropped it.
        self._clicks = "clicks" if has_table(connection, "clicks") else f"({_NO_CLICKS})"

    def accounts(self) -> set[str]:
        found: set[str] = set()
        with self._as_far_as_it_can_be_read():
            name = self._first("account", _HAS_NAME)
            while name is not None:
                found.add(name)
                name = self._first("account", f"{_HAS_NAME} AND account > ?", name)
        return found

    def days(self, account: str) -> list[str]:
        """Step from day to day by the key; a scan of ten million rows would take its time."""
        days: list[str] = []
        condition = f"account = ? AND {HAS_DAY} AND clicked_at >= ?"
        with self._as_far_as_it_can_be_read():
            clicked_at = self._first("clicked_at", condition, account, "")
            while clicked_at is not None:
                days.append(clicked_at[:10])
                clicked_at = self._first("clicked_at", condition, account, past_day(days[-1]))
        return days

    def dayless(self) -> list[Difference]:
        rows: list[tuple[str, int]] = []
        with self._as_far_as_it_can_be_read():
            rows = self._connection.execute(
                f"SELECT CAST(account AS TEXT), count(*) FROM {self._clicks} "
                f"WHERE NOT ({HAS_DAY}) OR NOT ({_HAS_NAME}) GROUP BY 1"
            ).fetchall()
        return [
            Difference(printable(account), None, "unreadable", 0, count) for account, count in rows
        ]

    def look(self, account: str, day: str, said: DayRow | None, advance: Advance) -> Findings:
        try:
            return self._look_leniently(account, day, said, advance)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            return Findings(differences=[Difference(account, day, "database", "ok", str(error))])

    def _look_leniently(
        self, account: str, day: str, said: DayRow | None, advance: Advance
    ) -> Findings:
        try:
            return self._look(account, day, said, advance)
        except sqlite3.OperationalError as error:
            if not is_no_text(error):
                raise
        with lenient_text(self._connection):
            return self._look(account, day, said, advance)

    def _look(self, account: str, day: str, said: DayRow | None, advance: Advance) -> Findings:
        tally, wrong_keys, revised = Tally(), 0, Revised(self._connection, account, day)
        for rows, keys in self._seconds(account, day):
            advance(len(rows))
            revised.see(rows, keys)
            clicks = tally.add(rows)
            if len(clicks) == len(rows):
                wrong_keys += misnamed(rows, keys)
        differences = list(held_against(said, tally, account, day))
        if wrong_keys:
            differences.append(Difference(account, day, "keys", 0, wrong_keys))
        differences += revised.differences()
        return Findings(tally.clicks, differences)

    def _seconds(self, account: str, day: str) -> Iterator[tuple[list[Row], list[str]]]:
        """The day's rows and their keys, some at a time: each time whole seconds."""
        found = self._connection.execute(
            f"SELECT {COLUMNS}, key FROM {self._clicks} WHERE {IN_WINDOW} "
            "ORDER BY clicked_at, key",
            (account, day, past_day(day)),
        )
        rows: list[Row] = []
        keys: list[str] = []
        while columns := found.fetchmany(_ROWS_AT_ONCE):
            rows += map(row_of_columns, columns)
            keys += [each[-1] for each in columns]
            whole = _before_last_second(rows)
            if whole:
                yield rows[:whole], keys[:whole]
                del rows[:whole], keys[:whole]
        if rows:
            yield rows, keys

    @contextmanager
    def _as_far_as_it_can_be_read(self) -> Iterator[None]:
        """Read within what isn't UTF-8 too, and stop at damage: SQLite's own check names that."""
        with lenient_text(self._connection):
            try:
                yield
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise

    def _first(self, column: str, condition: str, *values: str) -> str | None:
        row: tuple[str] | None = self._connection.execute(
            f"SELECT {column} FROM {self._clicks} WHERE {condition} ORDER BY {column} LIMIT 1",
            values,
        ).fetchone()
        return row[0] if row else None


def _before_last_second(rows: Sequence[Row]) -> int:
    """How many of the rows, which are in order, are of other seconds than the last one."""
    last, count = rows[-1][CLICKED_AT], len(rows)
    while count and rows[count - 1][CLICKED_AT] == last:
        count -= 1
    return count
