"""Each link's clicks as the service last stated them."""

from datetime import UTC, datetime, timedelta

import pytest

from archiver.model import Link
from storage.links import Links
from storage.opening import open_archive

NOW = datetime(2026, 11, 19, 3, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def links(tmp_path):
    with open_archive(tmp_path, "sqlite") as archive:
        yield archive.links


def observe(links: Links, at: datetime, account: str = "acme", **clicks: int) -> None:
    links.observe(account, [Link(key, clicks=count) for key, count in clicks.items()], at)


def test_the_latest_of_each_link(links):
    """Though a reading took more than an instant, or was cut short after some of the links."""
    assert links.latest_clicks("acme", NOW) == {}
    observe(links, NOW - 25 * HOUR, a=1, b=2, c=3)
    observe(links, NOW - HOUR, a=4)
    observe(links, NOW - HOUR + timedelta(seconds=1), b=1)
    observe(links, NOW - HOUR, "bees", a=9)
    assert links.latest_clicks("acme", NOW) == {"a": 4, "b": 1, "c": 3}
    assert links.latest_clicks("bees", NOW) == {"a": 9}


def test_the_latest_is_the_latest_however_long_ago(links):
    """The machine was off for a month; a link that wasn't there at the end is of no interest."""
    observe(links, NOW - 800 * HOUR, a=1, old=7)
    observe(links, NOW - 720 * HOUR, a=2)
    assert links.latest_clicks("acme", NOW) == {"a": 2}


def test_what_is_dated_later_does_not_count(links):
    """A clock that was ahead wrote it; it would be the latest for a long time."""
    observe(links, NOW, a=1)
    observe(links, NOW + 9000 * HOUR, a=5)
    assert links.latest_clicks("acme", NOW) == {"a": 1}
    assert links.latest_clicks("acme", NOW - HOUR) == {}
