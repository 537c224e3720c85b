"""Links with their totals over time, as a page for the web shows them."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from archiver.timestamps import format_utc, parse_utc
from storage.columns import quoted
from storage.database import FILE_NAME, open_read_only, store_errors

#: For so many days before the latest totals, those nearest to the hour of the latest are read.
_DAYS_BACK = 14
_DAY = timedelta(days=1)
_LINK = ("key", "link_id", "link", "title", "group", "host", "created_at", "destination")


class Snapshot(NamedTuple):
    """A link's totals at an instant."""

    taken_at: datetime
    clicks: int
    unique_clicks: int | None


@dataclass(frozen=True, slots=True)
class LinkHistory:
    """A link as it is now, with its latest totals, and those of about each day before.

    There are no totals where the service gave none. Times of the service are its own text.
    """

    key: str
    link_id: str | None = None
    link: str | None = None
    title: str | None = None
    group: str | None = None
    host: str | None = None
    created_at: str | None = None
    destination: str | None = None
    snapshots: tuple[Snapshot, ...] = ()  # the latest is the last


class Standings:
    """Reads what a page shows from an archive."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def knows(self, account: str) -> bool:
        """Whether any link of the account was ever archived."""
        found = self._connection.execute(
            "SELECT 1 FROM links WHERE account = ? LIMIT 1", (account,)
        ).fetchone()
        return found is not None

    def has_links(self, account: str) -> bool:
        """Whether the account has any link that isn't gone from the service."""
        found = self._connection.execute(
            "SELECT 1 FROM links WHERE account = ? AND gone_at IS NULL LIMIT 1", (account,)
        ).fetchone()
        return found is not None

    def links(self, account: str, now: datetime) -> Iterator[LinkHistory]:
        """The account's links that aren't gone from the service, by key.

        Totals that were dated after `now`, by a clock that was wrong, don't count.
        """
        columns = ", ".join(map(quoted, _LINK))
        instants = self._instants(account, now)
        older = self._older_latest(account, instants[-1]) if instants else {}
        rows = self._connection.execute(
            f"SELECT {columns}, observed_at, clicks, unique_clicks FROM links LEFT JOIN "
            "(SELECT * FROM totals WHERE account = ? "
            f"AND observed_at IN ({', '.join('?' * len(instants))})) USING (account, key) "
            "WHERE account = ? AND gone_at IS NULL ORDER BY key, observed_at",
            (account, *instants, account),
        )
        for _, observed in groupby(rows, itemgetter(0)):
            of_link = list(observed)
            snapshots = tuple(
                Snapshot(parse_utc(taken_at), clicks, unique_clicks)
                for taken_at, clicks, unique_clicks in (row[len(_LINK) :] for row in of_link)
                if taken_at is not None
            )
            latest = older.get(of_link[0][0])
            if latest and latest not in snapshots:
                snapshots += (latest,)
            yield LinkHistory(
                **dict(zip(_LINK, of_link[0], strict=False)),  # the columns of the totals follow
                snapshots=snapshots,
            )

    def _older_latest(self, account: str, latest: str) -> dict[str, Snapshot]:
        """The own latest totals of each link that has none of the `latest` instant, by key.

        The service may not have told them then, or the run was ended amid them. Each instant
        before is looked at for those that are still missing: most are found in the first.
        """
        rows = self._connection.execute(
            "SELECT key FROM links WHERE account = ? AND gone_at IS NULL AND NOT EXISTS (SELECT 1 "
            "FROM totals WHERE (account, observed_at, key) = (links.account, ?, links.key))",
            (account, latest),
        )
        missing = {key for (key,) in rows}
        found: dict[str, Snapshot] = {}
        instant = self._instant("max", "<", account, parse_utc(latest))
        while missing and instant is not None:
            rows = self._connection.execute(
                "SELECT totals.key, clicks, unique_clicks FROM json_each(?) CROSS JOIN totals "
                "ON (account, observed_at, totals.key) = (?, ?, value)",
                (json.dumps([*missing]), account, format_utc(instant)),
            )
            found |= {key: Snapshot(instant, *totals) for key, *totals in rows}
            missing -= found.keys()
            instant = self._instant("max", "<", account, instant)
        return found

    def _instants(self, account: str, now: datetime) -> list[str]:
        """The latest instant at which totals were seen, and of each day before it the nearest.

        Few of them are looked up, for each has the totals of all links.
        """
        latest = self._instant("max", "<=", account, now)
        if latest is None:
            return []
        days_back = [latest - back * _DAY for back in range(_DAYS_BACK + 1)]
        return sorted({format_utc(self._nearest(account, instant)) for instant in days_back})

    def _nearest(self, account: str, instant: datetime) -> datetime:
        """Of the instants at which totals were seen the nearest; there must be one."""
        before = self._instant("max", "<=", account, instant)
        after = self._instant("min", ">=", account, instant)
        return min((at for at in (before, after) if at), key=lambda at: abs(at - instant))

    def _instant(
        self, first: str, compared: str, account: str, other: datetime
    ) -> datetime | None:
        (found,) = self._connection.execute(
            f"SELECT {first}(observed_at) FROM totals "
            f"WHERE account = ? AND observed_at {compared} ?",
            (account, format_utc(other)),
        ).fetchone()
        return parse_utc(found) if found else None


@contextmanager
def open_standings(directory: Path) -> Iterator[Standings | None]:
    """Open an archive for reading; None where there is none yet."""
    connection = open_read_only(directory)
    if connection is None:
        yield None
        return
    with store_errors("read", directory / FILE_NAME, (sqlite3.Error,)), closing(connection):
        yield Standings(connection)
