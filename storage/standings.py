"""Links with their totals over time, as a page for the web shows them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from archiver.timestamps import parse_utc
from storage.database import FILE_NAME, open_read_only, store_errors
from storage.schema import quoted

#: How long before a link's latest totals its earlier ones are read: 14 days, and half a day more.
_EARLIER = "-348 hours"
_LINK = ("key", "link_id", "link", "title", "group", "host", "created_at")


class Snapshot(NamedTuple):
    """A link's totals at an instant."""

    taken_at: datetime
    clicks: int
    unique_clicks: int | None


@dataclass(frozen=True, slots=True)
class LinkHistory:
    """A link as it is now, with its totals up to the latest, of the last 14 days and a half.

    There are no totals where the service gave none. Times of the service are its own text.
    """

    key: str
    link_id: str | None = None
    link: str | None = None
    title: str | None = None
    group: str | None = None
    host: str | None = None
    created_at: str | None = None
    snapshots: tuple[Snapshot, ...] = ()  # the latest is the last


class Standings:
    """Reads what a page shows from an archive."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def links(self, account: str) -> Iterator[LinkHistory]:
        """The account's links that aren't gone from the service, by key."""
        columns = ", ".join(map(quoted, _LINK))
        rows = self._connection.execute(
            f"WITH there AS (SELECT {columns}, (SELECT max(observed_at) FROM totals "
            "WHERE (totals.account, totals.key) = (links.account, links.key)) AS latest "
            "FROM links WHERE account = :account AND gone_at IS NULL) "
            "SELECT there.*, observed_at, clicks, unique_clicks FROM there LEFT JOIN totals "
            "ON totals.account = :account AND totals.key = there.key "
            "AND observed_at >= strftime('%Y-%m-%dT%H:%M:%SZ', latest, :earlier) "
            "ORDER BY there.key, observed_at",
            {"account": account, "earlier": _EARLIER},
        )
        totals = slice(len(_LINK) + 1, None)  # `latest` stands before them
        for _, observed in groupby(rows, itemgetter(0)):
            of_link = list(observed)
            snapshots = tuple(
                Snapshot(parse_utc(taken_at), clicks, unique_clicks)
                for taken_at, clicks, unique_clicks in (row[totals] for row in of_link)
                if taken_at is not None
            )
            yield LinkHistory(
                **dict(zip(_LINK, of_link[0], strict=False)),  # the columns of the totals follow
                snapshots=snapshots,
            )


@contextmanager
def open_standings(directory: Path) -> Iterator[Standings | None]:
    """Open an archive for reading; None where there is none yet."""
    connection = open_read_only(directory)
    if connection is None:
        yield None
        return
    with store_errors("read", directory / FILE_NAME, (sqlite3.Error,)), closing(connection):
        yield Standings(connection)
