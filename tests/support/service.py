"""A reference server with known clicks, counted by SQL: another path than the API."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Response

from refserver.app import create_app
from refserver.database import Database, NewClick
from refserver.population import populate
from refserver.serving import running

LOGIN = "acme-api"
PASSWORD = "pa&ss%word+é"

#: What the truth and an archive are compared by: all that a click itself has.
COMPARED = (
    "clicked_at_source", "link_id", "ip", "country", "referrer", "user_agent", "is_unique",
    "conversion",
)  # fmt: skip


class Service:
    """An account at a service, and what really happened there."""

    def __init__(self, path: Path, timezone: str = "UTC") -> None:
        self.database = Database(path)
        self.timezone = timezone
        self.account_id = 0

    def close(self) -> None:
        self.database.close()

    def populate(self, clicks: int, start: datetime, end: datetime, *, links: int = 20) -> None:
        """Make the account with clicks that look real."""
        self.account_id = populate(
            self.database,
            login=LOGIN,
            password=PASSWORD,
            timezone=self.timezone,
            links=links,
            clicks=clicks,
            start=start,
            end=end,
            seed=7,
        )

    def open_account(self) -> int:
        """Make the account with one link and no clicks; give the link's id."""
        self.account_id = self.database.add_account(LOGIN, PASSWORD, self.timezone)
        return self.database.add_link(
            self.account_id, external_url="https://example.com/", title="One", group="g"
        )

    def record(self, clicks: Iterable[NewClick]) -> None:
        self.database.add_clicks(self.account_id, clicks)

    @contextmanager
    def serving(
        self, dialects: Collection[str] = (), now: datetime | None = None
    ) -> Iterator[str]:
        """Serve the API in a combination of dialects, by a clock that stands still at `now`.

        Gives its base_url.
        """
        if now is None:
            app = create_app(self.database, dialects)
        else:
            app = create_app(self.database, dialects, clock=lambda: now)
            app.after_request(lambda response: _dated(response, now))
        with running(app) as address:
            yield f"{address}/api/v1_0/"

    def clicks_between(self, start: datetime, end: datetime) -> "Counter[tuple[object, ...]]":
        """The multiset of clicks whose local text, as the first of two, is in `[start, end)`."""
        zone = ZoneInfo(self.timezone)
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT clicked_at_local, link_id, ip, country, referrer, user_agent, is_unique, "
                "conversion FROM clicks WHERE account_id = ?",
                (self.account_id,),
            ).fetchall()
        return Counter(
            (local, str(link), ip or None, country or None, referrer or None, agent or None,
             bool(unique), conversion or None)
            for local, link, ip, country, referrer, agent, unique, conversion in rows
            if start <= _first_reading(local, zone) < end
        )  # fmt: skip


def _dated(response: Response, now: datetime) -> Response:
    response.date = now
    return response


def _first_reading(local: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=zone, fold=0).astimezone(UTC)
