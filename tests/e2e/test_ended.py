"""Ended in the middle: what was committed is safe, and the next run goes on from there."""

import signal
import time
from datetime import UTC, datetime

import pytest
from e2e.processes import watching
from support.archive import TestArchive

START, END = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 7, tzinfo=UTC)
BACKFILL = ["backfill", "--from", "2024-05-01", "--to", "2024-05-07"]
DAYS = [f"2024-05-0{day} 00:00:00" for day in range(1, 7)]


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_ended_by_a_signal_it_goes_on_where_it_stopped(
    link_archiver, service, store, number
) -> None:
    """Within seconds, with 128 + the signal, whatever the service is doing; `status` says
    interrupted; the next backfill fetches only what isn't covered, and the archive is exact.
    """
    service.populate(600, START, END)
    with watching(service) as (watched, address):
        archive = TestArchive(link_archiver.folder, address, store=store, concurrency=1)
        watched.holds_up = lambda count: count == 4
        backfill = link_archiver.start(*BACKFILL, "--json")
        watched.wait_for(backfill)
        began = time.monotonic()
        backfill.send_signal(number)
        told = link_archiver.end(backfill)
        assert time.monotonic() - began < 10
        assert told.out == ""
        if number == signal.SIGKILL:
            assert (told.code, told.err) == (-number, "")
        else:
            said = f"link-archiver: ended by {number.name}; what was committed is safe\n"
            assert (told.code, told.err) == (128 + number, said)

        status = link_archiver.status()
        assert status["covered"] == [
            {"start": "2024-05-01T00:00:00Z", "end": "2024-05-03T00:00:00Z"},
            {"start": "2024-05-06T00:00:00Z", "end": "2024-05-07T00:00:00Z"},
        ]
        last_run = status["last_run"]
        assert (last_run["outcome"], last_run["finished_at"]) == ("interrupted", None)
        committed = service.clicks_between(START, START.replace(day=3))
        committed += service.clicks_between(START.replace(day=6), END)
        assert archive.clicks() == committed

        assert watched.starts == [DAYS[5], *DAYS[:3]]  # the latest first
        watched.gate.set()
        told = link_archiver(*BACKFILL, "--json")
        assert watched.starts[4:] == [DAYS[4], DAYS[2], DAYS[3]]
    rest = service.clicks_between(START.replace(day=3), START.replace(day=6)).total()
    assert told.json["accounts"][0] == {
        "name": "acme", "outcome": "complete", "fetched": rest, "new": rest, "duplicates": 0,
        "windows": 3, "error": None,
    }  # fmt: skip
    assert link_archiver.exported() == archive.clicks() == service.clicks_between(START, END)
    assert link_archiver.status()["last_run"]["outcome"] == "complete"


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_killed_again_and_again_at_any_moment(link_archiver, service, store) -> None:
    """Wherever the kills fall, between requests or within a commit, the archive ends up exact."""
    service.populate(3000, START, END)
    with watching(service) as (watched, address):
        archive = TestArchive(link_archiver.folder, address, store=store, page_size=20)
        for requests in (20, 26, 53, 79, 102):  # some 25 a day
            watched.starts.clear()
            backfill = link_archiver.start(*BACKFILL, "--again")
            while len(watched.starts) < requests and backfill.poll() is None:
                time.sleep(0.001)
            backfill.kill()
            assert link_archiver.end(backfill).code == -signal.SIGKILL
        link_archiver(*BACKFILL)
    truth = service.clicks_between(START, END)
    assert link_archiver.exported() == archive.clicks() == truth


def test_a_dead_run_is_told_from_a_live_process_with_its_number(link_archiver, service) -> None:
    """In a container every run has the same process number, and so has `status` itself: what was
    killed is interrupted all the same, and the archive isn't in use.
    """
    service.populate(60, START, END)
    with watching(service) as (watched, address):
        archive = TestArchive(link_archiver.folder, address)
        watched.holds_up = lambda _: True
        backfill = link_archiver.start(*BACKFILL)
        watched.wait_for(backfill)
        backfill.kill()
        link_archiver.end(backfill)
        lock = archive.directory / "archive.lock"
        pid, since = lock.read_text().split()
        assert int(pid) == backfill.pid
        lock.write_text(f"1 {since}\n")  # the first process is always alive
        assert link_archiver.status()["last_run"]["outcome"] == "interrupted"
        watched.gate.set()
        watched.holds_up = lambda _: False
        assert "can be written to" in link_archiver("check").out
