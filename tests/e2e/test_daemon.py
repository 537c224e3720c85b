"""The daemon as a process: what it tells systemd, and how it ends."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from e2e.processes import watching
from support.archive import TestArchive
from support.systemd import Systemd

from jobs.lock import hold

DAY = timedelta(days=1)


@pytest.fixture
def systemd(tmp_path) -> Iterator[Systemd]:
    heard = Systemd(tmp_path / "notify")
    yield heard
    heard.close()


def start(link_archiver, systemd: Systemd, **environ: str) -> "subprocess.Popen[bytes]":
    """Start the daemon as systemd would."""
    given = {**link_archiver.environ, "NOTIFY_SOCKET": str(systemd.path), **environ}
    return link_archiver.start("daemon", env=given)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_at_once_and_ends_with_0(link_archiver, address, systemd, number) -> None:
    """It is ready, archives what is due, says when it runs next, and heeds the signal."""
    archive = TestArchive(link_archiver.folder, address)
    daemon = start(link_archiver, systemd, WATCHDOG_USEC="400000")
    assert systemd.heard() == "READY=1"
    assert systemd.heard() == "STATUS=running"
    said = systemd.wait_for("STATUS=next run ")
    assert "T03:15:00Z; last run: complete at 20" in said
    assert systemd.wait_for("WATCHDOG=1")
    assert systemd.wait_for("WATCHDOG=1")
    assert archive.clicks().total() == 300
    daemon.send_signal(number)
    assert systemd.wait_for("STOPPING=1")
    told = link_archiver.end(daemon)
    assert (told.code, told.out) == (0, "")
    [done, _, end] = told.err.splitlines()
    assert "Z acme: complete, 300 new clicks, 0 known" in done
    assert "[run " in done
    assert end.endswith(f"Z ended by {number.name}; what was committed is safe")
    assert link_archiver.status()["last_run"]["outcome"] == "complete"


@pytest.mark.parametrize("terms", [5, pytest.param(50, marks=pytest.mark.soak)])
@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_ended_at_random_moments_it_loses_nothing(
    link_archiver, service, systemd, store, terms
) -> None:
    """Within ten seconds, with exit code 0; the next one goes on, and the archive is exact."""
    start_day = datetime(2025, 1, 1, tzinfo=UTC)
    days = 10 + 12 * terms  # more than is archived by then
    service.populate(100 * days, start_day, start_day + days * DAY)
    rng = random.Random(terms)
    with watching(service) as (watched, address):
        archive = TestArchive(
            link_archiver.folder,
            address,
            store=store,
            since="2025-01-01",
            page_size=25,
            concurrency=rng.choice([1, 4]),
        )
        for _ in range(terms):
            watched.starts.clear()
            daemon = start(link_archiver, systemd)
            systemd.wait_for("READY=1")
            wanted = rng.randrange(40)  # requests, and then some
            patience = time.monotonic() + 10
            while len(watched.starts) < wanted and time.monotonic() < patience:
                time.sleep(0.002)
            time.sleep(rng.random() / 10)
            begun = time.monotonic()
            daemon.send_signal(signal.SIGTERM)
            assert link_archiver.end(daemon).code == 0
            assert time.monotonic() - begun < 10
        link_archiver("run")
    assert archive.clicks() == service.clicks_between(start_day, start_day + days * DAY)


def test_a_service_that_hangs_holds_up_no_end(link_archiver, busy_service, systemd) -> None:
    """An answer that doesn't come is given up at once."""
    with watching(busy_service) as (watched, address):
        archive = TestArchive(link_archiver.folder, address)
        watched.holds_up = lambda _: True
        daemon = start(link_archiver, systemd)
        watched.wait_for(daemon)
        begun = time.monotonic()
        daemon.terminate()
        assert link_archiver.end(daemon).code == 0
        assert time.monotonic() - begun < 10
    assert archive.clicks().total() == 0


def test_even_what_cannot_be_given_up_holds_up_no_end(link_archiver, tmp_path) -> None:
    """A name's resolution can hang for minutes, and nobody can end it: the process can."""
    TestArchive(tmp_path, "https://service.example/api/v1_0/")
    hanging = (
        "import socket, sys, time\n"
        "def hang(*_): print('hangs', flush=True); time.sleep(50)\n"
        "socket.getaddrinfo = hang\n"
        "from jobs.cli import main\n"
        "main(['daemon'])"
    )
    daemon = subprocess.Popen(
        [sys.executable, "-c", hanging],
        cwd=tmp_path,
        env=link_archiver.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert daemon.stdout.readline() == b"hangs\n"
    begun = time.monotonic()
    daemon.terminate()
    daemon.communicate(timeout=40)
    assert daemon.returncode == 0
    assert time.monotonic() - begun < 10


def test_it_waits_for_an_archive_that_is_held(link_archiver, address, systemd) -> None:
    """A backfill by hand may be at work there; the run comes after it."""
    archive = TestArchive(link_archiver.folder, address)
    with hold(archive.directory):
        daemon = start(link_archiver, systemd)
        systemd.wait_for("STATUS=running")
        time.sleep(1)
        assert not (archive.directory / "archive.db").exists()
    systemd.wait_for("STATUS=next run ")
    daemon.terminate()
    told = link_archiver.end(daemon)
    assert f"held: process {os.getpid()}" in told.err
    assert "Waiting until it ends" in told.err
    assert archive.clicks().total() == 300


def test_a_run_that_fails_is_not_the_last(link_archiver, address, systemd) -> None:
    """What is wrong with a configuration that was changed is said at each run; it stays up."""
    archive = TestArchive(link_archiver.folder, address)
    archive.path.write_text(archive.path.read_text().replace('"PASSWORD"', '"OTHER"'))
    told = link_archiver("daemon", code=2)
    assert "the environment variable OTHER isn't set" in told.err
    with hold(archive.directory):  # so that its first run hasn't read the configuration yet
        daemon = start(link_archiver, systemd, OTHER="wrong")
        systemd.wait_for("STATUS=running")
    assert "failed at" in systemd.wait_for("STATUS=next run ")
    assert daemon.poll() is None
    daemon.terminate()
    told = link_archiver.end(daemon)
    assert told.code == 0
    assert "HTTP 401" in told.err


@pytest.mark.parametrize(
    ("cron", "words"), [("0 3 30 2 *", "no day of any year"), ("0 3 9-2 * *", "")]
)
def test_a_schedule_that_never_comes_is_refused(link_archiver, address, cron, words) -> None:
    """At the start, with exit code 2."""
    archive = TestArchive(link_archiver.folder, address)
    archive.path.write_text(f'[schedule]\ncron = "{cron}"\n\n{archive.path.read_text()}')
    told = link_archiver("daemon", code=2)
    assert "schedule.cron: " in told.err
    assert words in told.err


def test_journald_is_told_the_priority_of_each_line(link_archiver, address, systemd) -> None:
    """Where stderr is journald's; and nothing else stands before the line."""
    TestArchive(link_archiver.folder, address)
    reader, writer = os.pipe()
    there = os.fstat(writer)
    environ = {
        **link_archiver.environ,
        "JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}",
        "NOTIFY_SOCKET": str(systemd.path),
    }
    daemon = link_archiver.start("daemon", env=environ, stderr=writer)
    os.close(writer)
    systemd.wait_for("STATUS=next run ")
    daemon.terminate()
    daemon.communicate(timeout=30)
    with os.fdopen(reader, "rb") as journal:
        [done, planned, _] = journal.read().decode().splitlines()
    assert done.startswith("<6>acme: complete, 300 new clicks")
    assert re.fullmatch(r"<6>next run at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", planned)
