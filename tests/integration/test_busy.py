"""Days and seconds with more clicks than a page, a slice or a service's patience holds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.archive import TestArchive
from support.service import Service

from refserver.database import NewClick

DAY = datetime(2025, 9, 10, tzinfo=UTC)
NOW = datetime(2025, 9, 12, tzinfo=UTC)
BURST = DAY + timedelta(hours=9, minutes=30)


def archive_the_day(service, tmp_path, dialects=(), **settings) -> tuple[TestArchive, object]:
    with service.serving(dialects) as url:
        archive = TestArchive(tmp_path / "a", url, **settings)
        report = archive.backfill("2025-09-10", "2025-09-11", NOW)
    return archive, report


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A day of 25,000 clicks in UTC."""
    service = Service(tmp_path_factory.mktemp("busy") / "service.db")
    service.populate(25_000, DAY, DAY + timedelta(days=1))
    yield service
    service.close()


@pytest.fixture
def burst(utc: Service) -> Service:
    """A day with 1,500 clicks of one second, a third of them alike, and some about it."""
    link = utc.open_account()
    utc.record(
        NewClick(link, BURST, f"198.51.100.{n % 200}" if n % 3 else "203.0.113.1")
        for n in range(1500)
    )
    utc.record(NewClick(link, BURST + timedelta(seconds=n), "192.0.2.1") for n in range(-60, 60))
    return utc


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
@pytest.mark.parametrize(
    "dialects",
    [(), ("no-total",), ("no-id", "no-total"), ("cap-500",), ("cap-500", "no-total"),
     ("newest-first", "no-total")],
    ids=lambda names: "+".join(names) or "plain",
)  # fmt: skip
def test_a_day_of_26_pages_is_archived_whole(busy, tmp_path, store, dialects):
    """25,000 clicks of one day are archived, whatever the service states or caps."""
    archive, report = archive_the_day(busy, tmp_path, dialects, store=store, format="json")
    assert report.outcome == "complete", report
    assert archive.clicks() == busy.clicks_between(DAY, DAY + timedelta(days=1))


@pytest.mark.parametrize("dialects", [(), ("no-id",), ("cap-500",), ("cap-500", "no-total")])
def test_a_burst_of_more_than_a_page_in_one_second_is_archived_by_offsets(
    burst, tmp_path, dialects
):
    """1,500 clicks of one second, many of them alike to the letter, are 1,500 clicks."""
    archive, report = archive_the_day(burst, tmp_path, dialects)
    assert report.outcome == "complete", report
    assert archive.clicks() == burst.clicks_between(DAY, DAY + timedelta(days=1))
    assert archive.clicks().total() == 1620


@pytest.mark.parametrize("dialects", [("no-offset",), ("no-offset", "inclusive-end", "no-total")])
def test_a_burst_that_bisecting_cannot_divide_is_named_and_the_rest_archived(
    burst, tmp_path, dialects
):
    """Where only first pages can be had, the full second is an error; all others are archived."""
    archive, report = archive_the_day(burst, tmp_path, dialects, pagination="bisect")
    account = report.accounts[0]
    assert account.outcome == "partial"
    assert "2025-09-10 09:30:00" in account.error
    expected = burst.clicks_between(DAY, DAY + timedelta(days=1))
    in_the_second = burst.clicks_between(BURST, BURST + timedelta(seconds=1))
    assert archive.clicks() == expected - in_the_second
    assert archive.status(NOW)["gaps"] == [
        {"start": "2025-09-10T09:30:00Z", "end": "2025-09-10T09:30:01Z"}
    ]


def test_a_second_filled_by_its_neighbour_is_asked_for_alone(utc, tmp_path):
    """With an end that is in, a full page may be two seconds' clicks: the first is had alone."""
    link = utc.open_account()
    for second, count in ((0, 700), (1, 700), (2, 700)):
        utc.record(NewClick(link, BURST + timedelta(seconds=second)) for _ in range(count))
    archive, report = archive_the_day(
        utc, tmp_path, ("no-offset", "inclusive-end", "no-total"), pagination="bisect"
    )
    assert report.outcome == "complete", report
    assert archive.clicks().total() == 2100


def test_offsets_that_are_ignored_are_an_error_that_names_the_remedy(busy, tmp_path):
    """A service that states another offset than was asked isn't believed."""
    archive, report = archive_the_day(busy, tmp_path, ("no-offset",))
    assert report.outcome == "failed"
    assert 'pagination = "bisect"' in report.accounts[0].error
    assert not archive.clicks()
    assert archive.status(NOW)["covered"] == []


@pytest.mark.parametrize("page_size", [1000, 700])
def test_a_cap_that_nothing_shows_is_found_out(busy, tmp_path, page_size):
    """First pages only, silently 500 clicks at most, no total: nothing is taken for whole."""
    dialects = ("no-offset", "cap-500", "no-total", "inclusive-end")
    archive, report = archive_the_day(
        busy, tmp_path, dialects, pagination="bisect", page_size=page_size
    )
    assert report.outcome == "complete", report
    assert archive.clicks() == busy.clicks_between(DAY, DAY + timedelta(days=1))


def test_a_second_over_a_cap_that_nothing_shows_is_named(burst, tmp_path):
    """1,500 clicks of a second, of which a hidden cap shows 500, are an error and no loss."""
    dialects = ("no-offset", "cap-500", "no-total")
    archive, report = archive_the_day(burst, tmp_path, dialects, pagination="bisect")
    assert "2025-09-10 09:30:00" in report.accounts[0].error
    in_the_second = burst.clicks_between(BURST, BURST + timedelta(seconds=1))
    expected = burst.clicks_between(DAY, DAY + timedelta(days=1))
    assert archive.clicks() == expected - in_the_second
