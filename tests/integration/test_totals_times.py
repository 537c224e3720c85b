"""When totals were seen, whatever the service's clock says: none takes the place of others."""

from datetime import UTC, datetime, timedelta

import pytest
from support.links import exported, linkbee
from support.scripted import Reply, scripted

from archiver.timestamps import format_utc

NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def _runs(folder, served: list[datetime], now: list[datetime]) -> list[tuple[str, int]]:
    """When each run's totals were observed, and how many hits: 1 by the first run, 2 …"""
    begun = []

    def script(_):
        hits = f'{{"error":0,"msg":"","hits":"{len(begun)}"}}'.encode()
        date = f"{served[len(begun) - 1]:%a, %d %b %Y %H:%M:%S} GMT"
        return Reply(hits, headers=(("Date", date),))

    with scripted(script) as url:
        archive = linkbee(folder, url, ["http://linkbee.com/a", "http://linkbee.com/b"])
        for instant in now:
            begun.append(instant)
            assert archive.run(instant).outcome == "complete"
    totals = exported(archive, "totals")
    by_run = {(each["observed_at"], each["clicks"]) for each in totals}
    assert len(totals) == 3 * len(by_run)  # all of a run have one time
    return sorted(by_run, key=lambda each: each[1])


@pytest.mark.parametrize("behind", [timedelta(0), timedelta(hours=3)])
def test_a_service_s_clock_that_stands_still_loses_nothing(tmp_path, behind):
    """Its first time is taken; from then on, ours."""
    now = [NOON + number * DAY for number in range(4)]
    assert _runs(tmp_path, [NOON - behind] * 4, now) == [
        (format_utc(NOON - behind), 1),
        *((format_utc(instant), number) for number, instant in enumerate(now[1:], 2)),
    ]


def test_a_service_s_clock_that_went_back_dates_nothing_before_the_latest(tmp_path):
    """The page goes on; so it does where the clock is right again."""
    served = [NOON, NOON - 2 * DAY, NOON + 2 * DAY]
    now = [NOON + number * DAY for number in range(3)]
    assert _runs(tmp_path, served, now) == [
        (format_utc(instant), number) for number, instant in enumerate(now, 1)
    ]


def test_a_service_s_clock_of_1970_dates_nothing(tmp_path):
    """It is further behind than a machine's may be ahead."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert _runs(tmp_path, [epoch, epoch + DAY], [NOON, NOON + DAY]) == [
        (format_utc(NOON), 1),
        (format_utc(NOON + DAY), 2),
    ]


def test_runs_within_one_second_keep_their_totals_apart(tmp_path):
    """And one amid which our clock was set back to the time of another."""
    second = timedelta(seconds=1)
    now = [NOON, NOON, NOON + second, NOON]
    assert _runs(tmp_path, [NOON] * 4, now) == [
        (format_utc(NOON + number * second), number + 1) for number in range(4)
    ]


def test_a_clock_of_ours_that_was_ahead_does_not_date_what_comes_then(tmp_path):
    """What it dated into the future is no reason to date all that comes after it."""
    served = [NOON + 40 * DAY, NOON + DAY]  # both are ahead, then neither
    assert _runs(tmp_path, served, [NOON + 40 * DAY, NOON + 2 * DAY]) == [
        (format_utc(NOON + 40 * DAY), 1),
        (format_utc(NOON + DAY), 2),
    ]
