"""New York's clock changes: the hour that comes twice, and the one that doesn't come."""

from datetime import UTC, datetime, timedelta

import pytest
from support.archive import TestArchive

from refserver.database import NewClick

# On 2 November 2025, 01:00 to 02:00 comes twice: from 05:00Z and from 06:00Z.
FIRST_PASS = datetime(2025, 11, 2, 5, tzinfo=UTC)
AUTUMN = datetime(2025, 10, 30, 4, tzinfo=UTC), datetime(2025, 11, 3, 5, tzinfo=UTC)
SPRING = datetime(2025, 3, 7, 5, tzinfo=UTC), datetime(2025, 3, 11, 4, tzinfo=UTC)


def minutely(service, start, end, every=timedelta(minutes=7)):
    """Record a click every so often, and the same local second in both passes."""
    link = service.open_account()
    instants = []
    while start < end:
        instants.append(start)
        start += every
    twins = [FIRST_PASS + timedelta(minutes=30), FIRST_PASS + timedelta(minutes=90)]
    service.record(NewClick(link, instant, "192.0.2.1") for instant in sorted([*instants, *twins]))


@pytest.mark.parametrize("dialects", [(), ("no-id",), ("no-offset", "inclusive-end", "no-id")])
@pytest.mark.parametrize(("start", "end"), [AUTUMN, SPRING], ids=["autumn", "spring"])
@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_days_about_a_clock_change_are_archived_exactly(
    new_york, tmp_path, store, start, end, dialects
):
    """From midnight to midnight about the change, every click of both passes is there once."""
    minutely(new_york, start, end)
    first, last = (f"{instant - timedelta(hours=4):%Y-%m-%d}" for instant in (start, end))
    with new_york.serving(dialects) as url:
        archive = TestArchive(
            tmp_path / "a",
            url,
            store=store,
            timezone="America/New_York",
            pagination="bisect" if "no-offset" in dialects else "offset",
        )
        report = archive.backfill(first, last, end + timedelta(days=1))
        assert report.outcome == "complete", report
        assert archive.clicks() == new_york.clicks_between(start, end)
        again = archive.backfill(first, last, end + timedelta(days=1), again=True)
    assert again.accounts[0].new == 0


@pytest.mark.parametrize("dialects", [(), ("no-id", "no-total")])
@pytest.mark.parametrize(("start", "end"), [AUTUMN, SPRING], ids=["autumn", "spring"])
@pytest.mark.parametrize("lookback", ["0s", "1d"])
def test_runs_within_the_changes_lose_and_double_nothing(
    new_york, tmp_path, start, end, lookback, dialects
):
    """Runs each 25 minutes through the change, some within the repeated hour, end up exact.

    The service's log fills up as time goes on: no run sees a click of its future.
    """
    link = new_york.open_account()
    with new_york.serving(dialects) as url:
        archive = TestArchive(
            tmp_path / "a",
            url,
            timezone="America/New_York",
            settle="1m",
            lookback=lookback,
            since=f"{start:%Y-%m-%dT%H:%M:%SZ}",
            format="json",
        )
        now = middle = start + (end - start) / 2 - timedelta(hours=6)
        recorded = start
        while now < middle + timedelta(hours=10):
            while recorded < now:
                new_york.record([NewClick(link, recorded, "192.0.2.1")])
                recorded += timedelta(minutes=3)
            assert archive.run(now).outcome == "complete"
            now += timedelta(minutes=25)
        now += timedelta(hours=3)
        assert archive.run(now).outcome == "complete"
    assert archive.clicks() == new_york.clicks_between(start, now - timedelta(minutes=1))


def test_nothing_in_the_repeated_hour_is_covered_before_it_is_over(new_york, tmp_path):
    """While the hour repeats itself, coverage ends where it began: its texts still come."""
    minutely(new_york, *AUTUMN)
    now = FIRST_PASS + timedelta(minutes=100)
    with new_york.serving() as url:
        archive = TestArchive(tmp_path / "a", url, timezone="America/New_York", settle="0s")
        assert archive.run(now).outcome == "complete"
    assert archive.status(now)["covered"][-1]["end"] == "2025-11-02T05:00:00Z"
