"""A disk that is full, or fails at a step.

Each time: told with the file's name, nothing lost, nothing taken for archived that isn't there;
and once it is mended, the next run makes the archive exact.
"""

import errno
import os
import random
import resource
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import figures
from support.archive import TestArchive
from support.steps import FAILURES, Fault

START, END = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 7, tzinfo=UTC)
NOW = END + timedelta(days=1)
PERIOD = ("--from", "2024-05-01", "--to", "2024-05-07")
BACKFILL = ("backfill", *PERIOD, "--json")

stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])


@pytest.fixture
def address(service) -> Iterator[str]:
    """A service with six days of clicks."""
    service.populate(900, START, END)
    with service.serving() as url:
        yield url


@pytest.fixture
def archive(link_archiver, address, store) -> TestArchive:
    """An archive of the first day and a half."""
    made = TestArchive(link_archiver.folder, address, store=store, page_size=100)
    made.backfill("2024-05-01", "2024-05-02T12:00", NOW)
    return made


def hold(archive: TestArchive, service) -> None:
    """The next backfill makes it exact, and one more finds nothing new."""
    assert archive.backfill("2024-05-01", "2024-05-07", NOW).outcome == "complete"
    assert archive.clicks() == service.clicks_between(START, END)
    again = archive.backfill("2024-05-01", "2024-05-07", NOW, again=True)
    assert (again.outcome, again.accounts[0].new) == ("complete", 0)
    assert archive.clicks() == service.clicks_between(START, END)
    assert archive.status(NOW)["gaps"] == []


def fail_at(link_archiver, service, archive: TestArchive, fault: Fault) -> None:
    """Let a backfill fail at a step: whatever it told, the archive is right and can be mended."""
    before = archive.export()
    options = link_archiver.going_wrong(STEPS=fault)
    ended = link_archiver.end(link_archiver.start(*BACKFILL, **options))
    # Where the failing step was one of no weight (a lock given back), all may be well.
    assert ended.code in {0, 3}, ended
    if ended.code == 3:
        assert "archive" in ended.err
        assert any(os.strerror(n) in ended.err for n in (errno.ENOSPC, errno.EIO)) or (
            "disk is full" in ended.err or "disk I/O error" in ended.err
        ), ended.err
    assert set(before.splitlines()) <= set(archive.export().splitlines())
    hold(archive, service)
    figures.count(f"command: disk: {fault.kind}")


@stores
@pytest.mark.parametrize("kind", FAILURES)
def test_a_disk_that_fails_or_is_full_at_a_step(
    link_archiver, service, archive, store, kind
) -> None:
    """Exit 3 with what the system says; the next backfill goes on from there."""
    fail_at(link_archiver, service, archive, Fault(kind, random.randint(1, 45)))


@stores
def test_a_file_that_may_not_grow(link_archiver, service, archive, store) -> None:
    """The kernel's own short write and error, in the middle of a day: exit 3, and it is named."""
    limit = 40_000 if store == "jsonl" else (archive.directory / "archive.db").stat().st_size

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    told = link_archiver("backfill", *PERIOD, "--again", "--json", code=3, preexec_fn=bound)
    assert str(archive.directory) in told.err
    assert "Check the disk's space" in told.err
    hold(archive, service)


@pytest.fixture
def small_disk(link_archiver) -> Iterator[Path]:
    """A disk of four megabytes in place of the archive's directory."""
    folder = link_archiver.folder / "archive"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0750", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a disk, and not in each container")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@stores
def test_a_disk_that_is_really_full(link_archiver, small_disk, service, address, store) -> None:
    """Before the first run, and in the middle of one: exit 3 both times; with space again, the
    archive is exact.
    """
    archive = TestArchive(link_archiver.folder, address, store=store, page_size=100)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        fill(filler)
    told = link_archiver("backfill", *PERIOD, "--json", code=3)
    assert "Check the disk's space" in told.err

    os.truncate(filler, filler.stat().st_size - 1_300_000)
    told = link_archiver("backfill", *PERIOD, "--json", code=3)
    assert "Check the disk's space" in told.err
    assert 0 < archive.status(NOW)["clicks"] < 900
    filler.unlink()
    hold(archive, service)
