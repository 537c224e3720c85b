"""A page's links with their totals: each with its own latest, whatever a run couldn't have."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from archiver.model import Link
from archiver.timestamps import format_utc
from storage.opening import open_archive
from storage.standings import Standings

NOW = datetime(2026, 11, 19, 3, 15, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def archive(tmp_path):
    with open_archive(tmp_path, "sqlite") as archive:
        yield archive


def observe(archive, at: datetime, **clicks: int | None) -> None:
    links = [Link(key, link=key, clicks=count) for key, count in clicks.items()]
    with archive.transaction():
        archive.links.observe("acme", links, at)


def shown(archive) -> dict[str, list[tuple[datetime, int]]]:
    """The totals of each link."""
    links = Standings(archive.connection).links("acme", NOW)
    return {link.key: [(s.taken_at, s.clicks) for s in link.snapshots] for link in links}


def test_a_link_that_the_latest_run_misses_has_its_own_latest(archive):
    """Not that of the day before; its totals of about each day before are there too."""
    observe(archive, NOW - DAY, a=5, b=1)
    observe(archive, NOW - 2 * HOUR, a=8, b=2)
    observe(archive, NOW - HOUR, a=10, b=3)
    observe(archive, NOW, b=4)
    assert shown(archive) == {
        "a": [(NOW - DAY, 5), (NOW - HOUR, 10)],
        "b": [(NOW - DAY, 1), (NOW, 4)],
    }


def test_a_run_that_was_ended_amid_its_totals_takes_nothing_back(archive):
    """Each link that it didn't come to shows what the run before told."""
    names = [f"link{number}" for number in range(46)]
    for hours, clicks in ((30, 1), (3, 3)):
        observe(archive, NOW - hours * HOUR, **dict.fromkeys(names, clicks))
    observe(archive, NOW, **dict.fromkeys(names[:20], 4))
    latest = {key: totals[-1] for key, totals in shown(archive).items()}
    assert latest == {
        name: (NOW, 4) if number < 20 else (NOW - 3 * HOUR, 3) for number, name in enumerate(names)
    }


def test_however_long_ago_they_are(archive):
    """What was dated after now doesn't count; a link that never had totals has none."""
    observe(archive, NOW - 200 * DAY, old=7)
    for days in range(100):
        observe(archive, NOW - days * DAY, a=1, never=None)
    observe(archive, NOW + DAY, old=9, a=9)
    totals = shown(archive)
    assert totals["old"] == [(NOW - 200 * DAY, 7)]
    assert totals["never"] == []
    assert totals["a"][-1] == (NOW, 1)


def test_a_year_of_many_links_is_not_read_whole(archive):
    """Half of the links are missing from the latest run, and some never had totals."""
    names = [f"{number:04}" for number in range(1000)]
    for days in range(365, -1, -1):
        told = names[: 500 if days == 0 else 990]
        with archive.transaction():
            archive.connection.executemany(
                "INSERT INTO totals VALUES ('acme', ?, ?, ?, 0)",
                [(format_utc(NOW - days * DAY), name, 400 - days) for name in told],
            )
    observe(archive, NOW - 400 * DAY, **dict.fromkeys(names))
    begun = time.process_time()
    totals = shown(archive)
    assert time.process_time() - begun < 2
    assert totals["0499"][-1] == (NOW, 400)
    assert totals["0500"][-1] == (NOW - DAY, 399)
    assert totals["0999"] == []
