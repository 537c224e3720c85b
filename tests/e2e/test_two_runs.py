"""Runs that meet: one holds the archive, the others say so and go."""

import os
import subprocess
import time
from datetime import timedelta

import pytest
from e2e.processes import NOW, watching
from support.archive import TestArchive

from jobs.lock import hold

BACKFILL = ["backfill", "--from", "2024-05-01", "--to", "2024-05-02"]


@pytest.mark.parametrize("command", [["run", "--json"], [*BACKFILL, "--json"]])
def test_the_second_run_says_who_holds_the_archive(link_archiver, command) -> None:
    """Exit 75, the other's process and since when, what to do, and nothing on stdout; the
    account isn't touched.
    """
    archive = TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    with hold(archive.directory):
        told = link_archiver(*command, code=75)
    assert told.out == ""
    [line] = told.err.splitlines()
    assert f"the archive {archive.directory} is held: process {os.getpid()}, since 20" in line
    assert "Wait until it ends" in line
    assert link_archiver.status()["last_run"] is None


def test_what_can_be_done_while_a_run_is_at_work(link_archiver, busy_service) -> None:
    """`status` says that it runs, `export` gives what is committed, `check` says who holds the
    archive, another run is sent away; and the run isn't disturbed by any of them.
    """
    with watching(busy_service) as (watched, address):
        archive = TestArchive(link_archiver.folder, address, concurrency=1)
        watched.holds_up = lambda number: number == 2
        run = link_archiver.start(
            "backfill", "--from", str(NOW - timedelta(hours=49))[:10], "--to", str(NOW)[:10]
        )
        watched.wait_for(run)
        status = link_archiver.status()
        assert status["last_run"]["outcome"] == "running"
        assert status["last_run"]["finished_at"] is None
        assert len(status["covered"]) == 1
        midnight = NOW.replace(hour=0, minute=0, second=0)
        latest = busy_service.clicks_between(midnight - timedelta(days=1), midnight)
        assert link_archiver.exported() == latest
        told = link_archiver("check")
        assert f"archive: {archive.directory} is in use by process {run.pid}" in told.out
        assert f"held: process {run.pid}, since" in link_archiver("run", code=75).err
        watched.gate.set()
        assert link_archiver.end(run).code == 0
    assert link_archiver.status()["last_run"]["outcome"] == "complete"
    truth = busy_service.clicks_between(midnight - timedelta(days=3), midnight)
    assert archive.clicks() == truth


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_eight_runs_at_once_leave_an_exact_archive(
    link_archiver, busy_service, address, store
) -> None:
    """Each does the work or is sent away, one does it at least, and no click is lost or double."""
    archive = TestArchive(link_archiver.folder, address, store=store)
    runs = [link_archiver.start("run", "--json") for _ in range(8)]
    ended = [link_archiver.end(run) for run in runs]
    worked = [run for run in ended if run.code == 0]
    assert worked
    assert sum(run.json["accounts"][0]["new"] for run in worked) == 300
    for run in ended:
        assert run.code in {0, 75}, run
        if run.code == 75:
            assert run.out == ""
            assert "Wait until it ends" in run.err
    truth = busy_service.clicks_between(NOW - timedelta(days=2), NOW)
    assert link_archiver.exported() == archive.clicks() == truth
    assert link_archiver.status()["last_run"]["outcome"] == "complete"


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_of_twenty_runs_at_once_one_works(link_archiver, busy_service, store) -> None:
    """The other 19 exit with 75 and change nothing, whichever of them came first."""
    with watching(busy_service) as (watched, address):
        archive = TestArchive(link_archiver.folder, address, store=store)
        watched.holds_up = lambda _: True  # so that it is at work until all others have ended
        runs = [link_archiver.start("run", "--json") for _ in range(20)]
        while sum(run.poll() is not None for run in runs) < 19:
            time.sleep(0.05)
        watched.gate.set()
        ended = [link_archiver.end(run) for run in runs]
    assert sorted(run.code for run in ended) == [0] + [75] * 19
    [worked] = [run for run in ended if run.code == 0]
    assert worked.json["accounts"][0]["new"] == 300
    assert all("Wait until it ends" in run.err for run in ended if run.code == 75)
    assert archive.clicks() == busy_service.clicks_between(NOW - timedelta(days=2), NOW)


def test_a_backfill_waits_for_the_archive(link_archiver, service) -> None:
    """With --wait it says who is waited for, and goes on when that one has ended."""
    service.populate(60, NOW - timedelta(days=900), NOW - timedelta(days=899))
    with service.serving() as address:
        archive = TestArchive(link_archiver.folder, address)
        begun = str(NOW - timedelta(days=901))[:10]
        with hold(archive.directory):
            backfill = link_archiver.start(
                "backfill", "--from", begun, "--to", "2024-12-31", "--wait", stderr=None
            )
            with pytest.raises(subprocess.TimeoutExpired):
                backfill.wait(2)
        assert link_archiver.end(backfill).code == 0
    assert archive.clicks().total() == 60
