"""The ledger: which time is archived whole, how much each day holds, and what changed later."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import NamedTuple

from archiver.errors import CorruptArchiveError
from archiver.identity import FACT_FIELDS, Facts, digest_of, facts_of
from archiver.model import CLICK_FIELDS, CLICKED_AT, Link, Row, Window
from archiver.store import Commit
from archiver.timestamps import format_utc, parse_utc
from archiver.windows import merge, subtract
from storage.columns import quoted
from storage.links import Links
from storage.rejected import RejectedRecords

_LINK_FIELDS = ("link_id", "link", "destination", "title", "group")
_link_of = itemgetter(*map(CLICK_FIELDS.index, _LINK_FIELDS))
_REVISION_KEY = ("account", "clicked_at", "key", "number")
#: A revision as it is in the database; its click is the second and the third.
REVISION_COLUMNS = (*_REVISION_KEY, "seen_at", *FACT_FIELDS)
_REVISION_COLUMNS = ", ".join(map(quoted, REVISION_COLUMNS))


class DayRow(NamedTuple):
    """What the ledger says of a UTC day of an account, as it is in the database."""

    clicks: int
    digest: str  # 32 hexadecimal digits
    first_click: str
    last_click: str


class Ledger:
    """Reads and writes the ledger's tables. Whoever writes holds a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._links = Links(connection)
        self._rejected = RejectedRecords(connection)

    def coverage(self, account: str) -> list[Window]:
        """The windows known to be archived whole, in order.

        Raises CorruptArchiveError where one of them is none.
        """
        rows = self.coverage_texts(account)
        try:
            return [Window(parse_utc(start), parse_utc(end)) for start, end in rows]
        except (ValueError, TypeError):
            raise CorruptArchiveError(
                f"what the ledger says of {account}'s coverage is no time: another program "
                "changed it. Nothing has been changed; put archive.db back from a copy"
            ) from None

    def coverage_texts(self, account: str) -> list[tuple[str, str]]:
        """The same as it is in the database, in order of the texts."""
        return self.connection.execute(
            'SELECT start, "end" FROM coverage WHERE account = ? ORDER BY start', (account,)
        ).fetchall()

    def cut_coverage(self, account: str, end: datetime) -> list[Window]:
        """Take back the coverage after an instant, and give what was taken back."""
        covered = self.coverage(account)
        late = subtract(covered, [Window(datetime.min.replace(tzinfo=end.tzinfo), end)])
        if late:
            self._replace_coverage(account, covered, subtract(covered, late))
        return late

    def record(self, commit: Commit) -> None:
        """Record what a slice brought, but for the clicks themselves."""
        self._record_days(commit.account, commit.clicks)
        self._record_links(commit)
        self._record_revisions(commit)
        self._rejected.record(commit)
        covered = self.coverage(commit.account)
        self._replace_coverage(commit.account, covered, merge([*covered, commit.window]))

    def record_day(
        self, commit: Commit, day: str, rows: Sequence[Row], orphans: Sequence[Row] = ()
    ) -> None:
        """Record anew a day of which `rows` are all clicks; `commit` says which are new.

        Revisions that are orphans, of no click of the day, are taken out.
        """
        self.connection.executemany(
            f"DELETE FROM click_revisions WHERE ({', '.join(_REVISION_KEY)}) = (?, ?, ?, ?)",
            [orphan[: len(_REVISION_KEY)] for orphan in orphans],
        )
        self.connection.execute(
            "DELETE FROM days WHERE account = ? AND day = ?", (commit.account, day)
        )
        self._record_days(commit.account, rows)
        self._record_links(commit)
        self._record_revisions(commit)

    def count_of_day(self, account: str, day: str) -> int:
        """How many clicks were committed of a UTC day."""
        row = self.connection.execute(
            "SELECT clicks FROM days WHERE account = ? AND day = ?", (account, day)
        ).fetchone()
        return int(row[0]) if row else 0

    def mend_coverage(self, account: str) -> None:
        """Let windows that overlap, as another program left them, be one."""
        covered = self.coverage(account)
        self._replace_coverage(account, covered, merge(covered))

    def days(self, account: str) -> dict[str, DayRow]:
        """The UTC days that hold clicks, in order."""
        rows = self.connection.execute(
            "SELECT day, clicks, digest, first_click, last_click FROM days WHERE account = ? "
            "ORDER BY day",
            (account,),
        )
        return {day: DayRow(*rest) for day, *rest in rows}

    def revisions(self, account: str, window: Window) -> dict[str, Facts]:
        """The latest facts of each click of the window that came back changed, by key."""
        rows = self.connection.execute(
            f"SELECT key, {', '.join(map(quoted, FACT_FIELDS))} FROM click_revisions "
            "WHERE account = ? AND clicked_at >= ? AND clicked_at < ? ORDER BY number",
            (account, format_utc(window.start), format_utc(window.end)),
        )
        return {key: tuple(facts) for key, *facts in rows}

    def orphans(self, account: str, day: str, clicks: Collection[tuple[str, str]]) -> list[Row]:
        """The revisions of a UTC day that are of none of its clicks, given by times and keys.

        As they are in the database: with the values of REVISION_COLUMNS.
        """
        rows = self.connection.execute(
            f"SELECT {_REVISION_COLUMNS} FROM click_revisions "
            "WHERE account = ? AND substr(clicked_at, 1, 10) = ?",
            (account, day),
        )
        return [row for row in rows if row[1:3] not in clicks]

    def days_with_clicks(self, account: str, first: str, last: str) -> list[str]:
        """The UTC days that hold a click between two instants, both in."""
        rows = self.connection.execute(
            "SELECT day FROM days WHERE account = ? AND day BETWEEN ? AND ? "
            "AND last_click >= ? AND first_click <= ? ORDER BY day",
            (account, first[:10], last[:10], first, last),
        )
        return [day for (day,) in rows]

    def clicks_per_day(self, account: str, first: date, last: date) -> dict[date, int]:
        """How many clicks each UTC day holds, both ends in; days without any aren't there."""
        rows = self.connection.execute(
            "SELECT day, clicks FROM days WHERE account = ? AND day BETWEEN ? AND ?",
            (account, first.isoformat(), last.isoformat()),
        )
        return {date.fromisoformat(day): clicks for day, clicks in rows}

    def committed_bytes(self, path: str) -> int:
        """How much of a file counts; 0 for a file that doesn't count yet."""
        row = self.connection.execute("SELECT bytes FROM files WHERE path = ?", (path,)).fetchone()
        return row[0] if row else 0

    def record_lengths(self, lengths: Mapping[str, int]) -> None:
        self.connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", lengths.items())

    def _replace_coverage(self, account: str, before: list[Window], after: list[Window]) -> None:
        gone = set(before) - set(after)
        come = set(after) - set(before)
        self.connection.executemany(
            "DELETE FROM coverage WHERE account = ? AND start = ?",
            [(account, format_utc(window.start)) for window in gone],
        )
        self.connection.executemany(
            "INSERT INTO coverage VALUES (?, ?, ?)",
            [(account, format_utc(window.start), format_utc(window.end)) for window in come],
        )

    def _record_days(self, account: str, clicks: Sequence[Row]) -> None:
        by_day: defaultdict[str, list[Row]] = defaultdict(list)
        for row in clicks:
            by_day[row[CLICKED_AT][:10]].append(row)
        for day, rows in by_day.items():
            self._add_to_day(account, day, rows)

    def _add_to_day(self, account: str, day: str, rows: list[Row]) -> None:
        times = [row[CLICKED_AT] for row in rows]
        count, digest, first, last = self.connection.execute(
            "SELECT clicks, digest, first_click, last_click FROM days "
            "WHERE account = ? AND day = ?",
            (account, day),
        ).fetchone() or (0, "0", times[0], times[0])
        self.connection.execute(
            "INSERT OR REPLACE INTO days VALUES (?, ?, ?, ?, ?, ?)",
            (
                account,
                day,
                count + len(rows),
                f"{(int(digest, 16) + digest_of(rows)) % (1 << 128):032x}",
                min(first, *times),
                max(last, *times),
            ),
        )

    def _record_links(self, commit: Commit) -> None:
        """Keep each link that a click was seen on, as it was then."""
        seen = dict.fromkeys(map(_link_of, commit.clicks))
        links = (Link(values[0] or values[1] or "", *values) for values in seen)
        self._links.seen_on_clicks(
            commit.account, (link for link in links if link.key), commit.seen_at
        )

    def _record_revisions(self, commit: Commit) -> None:
        """Keep what changed beside the click, numbered: a clock may go back."""
        seen_at = format_utc(commit.seen_at)
        for key, row in commit.revised.items():
            click = (commit.account, row[CLICKED_AT], key)
            (number,) = self.connection.execute(
                "SELECT coalesce(max(number), 0) + 1 FROM click_revisions "
                "WHERE (account, clicked_at, key) = (?, ?, ?)",
                click,
            ).fetchone()
            self.connection.execute(
                f"INSERT INTO click_revisions ({_REVISION_COLUMNS}) "
                f"VALUES ({', '.join('?' * len(REVISION_COLUMNS))})",
                (*click, number, seen_at, *facts_of(row)),
            )
