"""A service that loses data: it is said once, and the archive keeps what it has."""

from datetime import UTC, datetime, timedelta

import pytest
from support.archive import TestArchive
from support.service import Service

NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def warnings(archive: TestArchive, service: Service, now: datetime, **settings) -> list[str]:
    """A run's warnings, at a service whose clock is right; all is archived."""
    with service.serving(now=now) as url:
        archive.write_config(url, totals=True, **settings)
        [report] = archive.run(now).accounts
    assert report.error is None
    return report.warnings


def execute(service: Service, sql: str) -> None:
    with service.database.writing() as connection:
        connection.execute(sql)


@pytest.fixture
def archive(tmp_path) -> TestArchive:
    return TestArchive(tmp_path / "archive", "http://127.0.0.1:1/")


@pytest.mark.parametrize("form", ["xml", "json"])
def test_clicks_that_are_lost(utc, archive, form):
    """Both the clicks and the link's total are told of, once; the next day is as any other."""
    utc.populate(300, NOON - DAY, NOON + DAY, links=1)
    assert warnings(archive, utc, NOON, format=form) == []
    stored = archive.clicks()
    execute(utc, "DELETE FROM clicks WHERE id % 3 = 0")
    lost, down = warnings(archive, utc, NOON + HOUR, format=form)
    assert "archived clicks aren't given by the service any more" in lost
    assert "the service's total went down for http" in down
    for hour in (2, 3, 25):
        assert warnings(archive, utc, NOON + hour * HOUR, format=form) == []
    assert archive.clicks() > stored


def test_a_link_that_is_deleted(utc, archive):
    """It is told of with its clicks, once; its clicks, which the service still gives, aren't."""
    utc.populate(300, NOON - DAY, NOON, links=3)
    assert warnings(archive, utc, NOON) == []
    execute(utc, "UPDATE clicks SET link_id = 1 WHERE link_id = 2")
    execute(utc, "DELETE FROM links WHERE id = 2")
    told = warnings(archive, utc, NOON + DAY)
    assert any("doesn't list 1 of its links any more, with" in warning for warning in told)
    assert warnings(archive, utc, NOON + 2 * DAY) == []


def test_a_clock_that_is_off(utc, archive):
    """It is told of with the remedy, each run, and what is archived is right."""
    utc.populate(100, NOON - DAY, NOON - HOUR)
    with utc.serving(now=NOON - timedelta(minutes=5)) as url:
        archive.write_config(url)
        [report] = archive.run(NOON).accounts
    assert report.error is None
    [warning] = report.warnings
    assert warning == (
        "the service's clock is 300 seconds behind this machine's: the earlier of the two counts. "
        "Check the time of this machine"
    )
    assert archive.clicks() == utc.clicks_between(NOON - DAY, NOON)
