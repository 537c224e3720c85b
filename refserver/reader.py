"""A connection to the database that needn't count the same again."""

import sqlite3
from collections.abc import Hashable

_MOST_REMEMBERED = 1000


class Reader(sqlite3.Connection):
    """Remembers numbers that were counted, until anybody changes the database.

    Each page of a window states the number of all clicks in it: to count them takes longer than
    to read the page. Only for connections that write nothing themselves.
    """

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._version = -1
        self._counts: dict[Hashable, int] = {}

    def count(self, statement: str, values: tuple[Hashable, ...]) -> int:
        """The number that a statement gives, in the state of the database that is being read."""
        (version,) = self.execute("PRAGMA data_version").fetchone()
        if version != self._version or len(self._counts) >= _MOST_REMEMBERED:
            self._version = version
            self._counts.clear()
        if (statement, values) not in self._counts:
            (count,) = self.execute(statement, values).fetchone()
            self._counts[statement, values] = int(count)
        return self._counts[statement, values]
