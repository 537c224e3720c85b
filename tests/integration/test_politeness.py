"""What a service is spared: too many requests at once, and too many a second.

By runs that need all that there is: windows that are split, pages side by side, retries, a
lookback, totals.
"""

import json
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from support.archive import TestArchive
from support.counting import counting
from support.scripted import Reply, scripted

from archiver.sources import transport
from jobs.signals import EndedBySignal, signals_as_exceptions

START = datetime(2025, 9, 1, tzinfo=UTC)
NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
PAGE_SIZES = {"offset": 10, "bisect": 50}  # what doesn't fit on a page can't be bisected
HOUR = timedelta(hours=1)
CLICKS = 700


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(transport, "_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr("jobs.sources.RECORDS_IN_FLIGHT", 200)


@pytest.mark.parametrize("pagination", ["offset", "bisect"])
@pytest.mark.parametrize("dialects", [(), ("no-total",), ("no-id",)], ids="".join)
@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_never_more_requests_at_once_than_allowed(
    utc, tmp_path, concurrency, dialects, pagination
):
    """Nor less, where there is something to be had by it."""
    utc.populate(CLICKS, START, NOON - HOUR, links=5)
    with counting(utc, *dialects, seconds=0.01, fails_every=13) as (url, counts):
        settings = {"page_size": PAGE_SIZES[pagination], "pagination": pagination, "totals": True}
        archive = TestArchive(tmp_path / "a", url, concurrency=concurrency, **settings)
        assert archive.backfill("2025-09-01", "2025-09-05", NOON).outcome == "complete"
        assert archive.run(NOON).outcome == "complete"
    assert archive.clicks().total() == CLICKS
    assert set(counts.methods) == {"getLinkHistory", "getLinks"}
    assert len(counts.arrivals) > 2 * 13
    assert counts.most_at_once == concurrency


def test_never_more_requests_a_second_than_allowed(utc, tmp_path):
    """Of those that follow each other none comes before its time, whatever they are for."""
    utc.populate(CLICKS, START, NOON - HOUR, links=5)
    with counting(utc, seconds=0.03, fails_every=3) as (url, counts):
        archive = TestArchive(tmp_path / "a", url, concurrency=5, page_size=20,
                              requests_per_second=40, totals=True)  # fmt: skip
        for archive_some in (
            lambda: archive.backfill("2025-09-01", "2025-09-05", NOON),
            lambda: archive.run(NOON),
        ):
            before, begun = len(counts.arrivals), time.monotonic()
            archive_some()
            arrivals = sorted(counts.arrivals[before:])
            assert len(arrivals) > 5
            for number, arrival in enumerate(arrivals):
                assert arrival - begun >= number / 40
    assert counts.most_at_once > 1


def test_a_redirect_is_one_request(tmp_path):
    """It isn't followed, nor asked for again by any of those that wait."""
    asked: list[str] = []

    def redirect(parameters: dict[str, str]) -> Reply:
        asked.append(parameters["offset"])
        return Reply(b"", 302, (("Location", url),))

    with scripted(redirect) as url:
        archive = TestArchive(tmp_path / "a", url, concurrency=5)
        report = archive.backfill("2025-09-01", "2025-09-05", NOON)
    assert report.outcome == "failed"
    assert "redirects" in str(report.accounts[0].error)
    assert asked == ["0"]


def test_a_refusal_amid_pages_ends_the_others(tmp_path):
    """Those that were sent by then are answered; no more of them are, however many there are."""
    pages: list[int] = []

    def refuse(parameters: dict[str, str]) -> Reply:
        offset = int(parameters["offset"])
        pages.append(offset)
        if offset >= 40:
            return Reply(b'{"error": 1, "msg": "wrong credentials"}', 401)
        records = ",".join(
            f'{{"id": "{n}", "clicked_at": "{parameters["start"]}"}}'
            for n in range(offset, offset + 10)
        )
        head = f'"error": 0, "msg": "", "total": 150, "limit": 10, "offset": {offset}'
        return Reply(f'{{{head}, "history": [{records}]}}'.encode())

    with scripted(refuse) as url:
        archive = TestArchive(tmp_path / "a", url, concurrency=3, page_size=10, format="json")
        [report] = archive.backfill("2025-09-01", "2025-09-01T00:00:01", NOON).accounts
    assert report.refused
    assert 40 in pages
    assert sum(offset >= 40 for offset in pages) <= 2 * 3


def test_a_signal_amid_pages_ends_them_all(tmp_path):
    """Those that are under way, and those that wait for a turn."""
    waiting, released = threading.Semaphore(0), threading.Event()

    def hang(parameters: dict[str, str]) -> Reply:
        offset, total = int(parameters["offset"]), 50
        if offset:
            waiting.release()
            released.wait(30)
        records = [
            {"id": f"{parameters['start']}-{number}", "clicked_at": parameters["start"]}
            for number in range(offset, min(offset + 5, total))
        ]
        head = {"error": 0, "msg": "", "total": total, "limit": 5, "offset": offset}
        return Reply(json.dumps({**head, "history": records}).encode())

    def end() -> None:
        for _ in range(4):
            waiting.acquire(timeout=30)
        time.sleep(0.2)  # until others wait as well
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end)
    begun = time.monotonic()
    with scripted(hang) as url, signals_as_exceptions():
        archive = TestArchive(tmp_path / "a", url, concurrency=4, page_size=5, format="json")
        ending.start()
        with pytest.raises(EndedBySignal):
            archive.backfill("2025-08-01", "2025-09-05", NOON)
        left = [each.name for each in threading.enumerate() if each.name[:5] in {"fetch", "page_"}]
        seconds = time.monotonic() - begun
        released.set()
    ending.join()
    assert seconds < 10
    assert left == []
    assert archive.clicks().total() == 0
