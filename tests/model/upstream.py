"""The service's side of a history: what happens there, and what of it the service would tell.

What is told is counted by SQL, another path than the API, and kept in memory.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import requests
from flask import Response
from support.service import LOGIN, PASSWORD

from refserver.app import create_app
from refserver.database import Database, NewClick
from refserver.proxy import Proxy, proxying
from refserver.serving import running

LINKS = 3
#: A second holds no more clicks than this.
CROWD = 12
_ACCOUNT, _ELSEWHERE = 1, 2


#: So long ago the first of so many alike, and so many seconds from one to the next.
Group = tuple[timedelta, tuple[Any, ...], int, int]


class Event(NamedTuple):
    """What can't change about a click; `id` is None where the service doesn't give it."""

    id: str | None
    local: str
    link_id: str
    ip: str | None
    referrer: str | None
    user_agent: str | None


class Facts(NamedTuple):
    """What of a click can come later."""

    country: str | None
    is_unique: bool
    conversion: str | None


class Told(NamedTuple):
    """A click as the service tells it, and the instant that its text means: the first of two."""

    at: datetime
    event: Event
    facts: Facts


class Upstream:
    """One account at a reference server whose clock a test sets."""

    def __init__(
        self, path: Path, zone: str, dialects: Collection[str], now: datetime, url: str
    ) -> None:
        self.now = now
        self.zone = ZoneInfo(zone)
        self._has_ids = "no-id" not in dialects
        self._database = Database(path)
        assert self._database.add_account(LOGIN, PASSWORD, zone) == _ACCOUNT
        with self._database.writing() as connection:  # without a password: that would take time
            connection.execute(
                "INSERT INTO accounts (id, login, password_salt, password_digest, timezone) "
                "VALUES (?, 'elsewhere', x'', x'', 'UTC')",
                (_ELSEWHERE,),
            )
        for _ in range(LINKS):
            self._database.add_link(_ACCOUNT, external_url="https://example.com/", title="T")
        self.app = create_app(self._database, dialects, clock=lambda: self.now, allow_control=True)
        self.app.after_request(self._dated)
        self._url = url

    def close(self) -> None:
        self._database.close()

    def record(self, clicks: Iterable[NewClick]) -> None:
        self._database.add_clicks(_ACCOUNT, clicks)

    def record_groups(self, groups: Iterable[Group]) -> None:
        """Clicks, none of them later than now, and none in a second that is full."""
        for ago, (link, *rest), number, every_seconds in groups:
            for nth in range(number):
                instant = self.now - ago + timedelta(seconds=nth * every_seconds)
                if not self.is_crowded(min(instant, self.now), 1):
                    self.record([NewClick(link, min(instant, self.now), *rest)])

    def record_again(self, told: Told) -> None:
        """One more that is alike to the letter, but for its id."""
        event, facts = told.event, told.facts
        texts = (event.ip, facts.country, event.referrer, event.user_agent)
        rest = (*(text or "" for text in texts), facts.is_unique, facts.conversion or "")
        if not self.is_crowded(told.at, 1):
            self.record([NewClick(int(event.link_id), told.at, *rest)])

    def is_crowded(self, instant: datetime, more: int) -> bool:
        """Whether a second would hold too many clicks of the same local text."""
        local = instant.astimezone(self.zone).isoformat(" ")[:19]
        with self._database.reading() as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM clicks WHERE clicked_at_local = ?", (local,)
            ).fetchone()
        return bool(count + more > CROWD)

    def rename(self, link: int, title: str) -> None:
        self._database.rename_link(link, title)

    def vanish(self, click: int) -> None:
        """The service doesn't tell this click any more. (Its id isn't given to another.)"""
        self._update("SET account_id = ? WHERE id = ?", _ELSEWHERE, click)

    def restore(self) -> None:
        """All that vanished comes back, as after a restore at the service."""
        self._update("SET account_id = ?", _ACCOUNT)

    def convert(self, click: int, amount: str) -> None:
        self._update("SET conversion = ? WHERE id = ?", amount, click)

    def order(self, order: str, **body: Any) -> Any:
        """Tell the server by its control API what the coming answers do."""
        response = requests.post(f"{self._url}/_control/{order}", json=body, timeout=60)
        assert response.status_code == 200, response.text
        return response.json()

    def told(self) -> list[Told]:
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, clicked_at_local, link_id, ip, referrer, user_agent, country, "
                "is_unique, conversion FROM clicks WHERE account_id = ?",
                (_ACCOUNT,),
            ).fetchall()
        return [
            Told(
                first_reading(row[1], self.zone),
                Event(
                    str(row[0]) if self._has_ids else None, row[1], str(row[2]),
                    *(text or None for text in row[3:6]),
                ),
                Facts(row[6] or None, bool(row[7]), row[8] or None),
            )
            for row in rows
        ]  # fmt: skip

    def _update(self, change: str, *values: object) -> None:
        with self._database.writing() as connection:
            connection.execute(f"UPDATE clicks {change}", values)

    def _dated(self, response: Response) -> Response:
        response.date = self.now
        return response


def first_reading(local: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=zone, fold=0).astimezone(UTC)


@dataclass(slots=True)
class Host:
    """A server that outlives many histories: each puts its own application there."""

    app: Callable[..., Any] | None = None
    url: str = ""
    proxy: Proxy | None = None

    def __call__(self, *request: Any) -> Any:
        assert self.app is not None
        return self.app(*request)


@contextmanager
def hosting() -> Iterator[Host]:
    host = Host()
    with running(host) as host.url, proxying(host.url) as host.proxy:  # type: ignore[arg-type]
        yield host
