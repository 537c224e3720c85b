"""What others do to an archive: hold its database, take the right to write, cut or edit a file.

Each time: exit 3 with the file's name, and nothing changed; and once it is undone, the next run
makes the archive exact.
"""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer

import pytest
from e2e.processes import UNPRIVILEGED, watching
from support.archive import TestArchive

START, END = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 5, tzinfo=UTC)
NOW = END + timedelta(days=1)
BACKFILL = ("backfill", "--from", "2024-05-01", "--to", "2024-05-05", "--json")
DAY = "clicks/acme/2024/2024-05-02.jsonl"

stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])


@pytest.fixture
def address(service) -> Iterator[str]:
    """A service with four days of clicks."""
    service.populate(600, START, END)
    with service.serving() as url:
        yield url


def half_done(link_archiver, address: str, store: str) -> TestArchive:
    archive = TestArchive(link_archiver.folder, address, store=store, concurrency=1)
    archive.backfill("2024-05-01", "2024-05-02T12:00", NOW)
    return archive


def hold(archive: TestArchive, service) -> None:
    """The next backfill makes it exact, and one more finds nothing new."""
    assert archive.backfill("2024-05-01", "2024-05-05", NOW).outcome == "complete"
    again = archive.backfill("2024-05-01", "2024-05-05", NOW, again=True)
    assert (again.outcome, again.accounts[0].new) == ("complete", 0)
    assert archive.clicks() == service.clicks_between(START, END)


# The database is held


@contextmanager
def held(archive: TestArchive) -> Iterator[sqlite3.Connection]:
    """Another program writes to the database, and takes its time."""
    path = archive.directory / "archive.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


@stores
def test_a_database_that_another_program_holds(link_archiver, service, address, store) -> None:
    """After waiting for it in vain: exit 3, and whose file it is; nothing is covered."""
    archive = half_done(link_archiver, address, store)
    covered = archive.status(NOW)["covered"]
    with held(archive):
        told = link_archiver(*BACKFILL, code=3, **link_archiver.going_wrong(BUSY_SECONDS=0.2))
    assert f"{archive.directory}/archive.db: database is locked" in told.err
    assert "whether another program holds it" in told.err
    assert archive.status(NOW)["covered"] == covered
    hold(archive, service)


@stores
def test_a_database_that_is_held_in_the_middle_of_a_run(link_archiver, service, store) -> None:
    """What is fetched by then is lost to this run, and to no other: exit 3, then exact."""
    service.populate(600, START, END)
    with watching(service) as (watched, url):
        archive = half_done(link_archiver, url, store)
        watched.starts.clear()
        watched.holds_up = lambda number: number == 3
        backfill = link_archiver.start(*BACKFILL, **link_archiver.going_wrong(BUSY_SECONDS=0.2))
        watched.wait_for(backfill)
        with held(archive):
            watched.gate.set()
            told = link_archiver.end(backfill)
        assert told.code == 3
        assert told.json["outcome"] == "partial"
        assert "database is locked" in told.err
        assert archive.status(NOW)["gaps"] != []
        hold(archive, service)


@stores
def test_a_database_that_is_held_for_a_moment(link_archiver, service, address, store) -> None:
    """It is waited for, and all is well."""
    archive = half_done(link_archiver, address, store)
    with held(archive) as other:
        release = Timer(1.5, other.rollback)
        release.start()
        link_archiver(*BACKFILL)
        release.join()
    assert archive.clicks() == service.clicks_between(START, END)


# Nobody may write there


@pytest.mark.parametrize(
    ("store", "unwritable"),
    [("sqlite", "archive.db"), ("jsonl", "archive.db"), ("jsonl", "clicks"), ("jsonl", DAY)],
)
def test_a_part_of_an_archive_that_may_not_be_written_to(
    link_archiver, service, address, store, unwritable
) -> None:
    """Exit 3 and what it is about; nothing is covered that isn't there, and it goes on later."""
    archive = half_done(link_archiver, address, store)
    before = archive.export()
    with read_only(archive.directory / unwritable):
        told = link_archiver(*BACKFILL, code=3, before=UNPRIVILEGED)
        assert set(before.splitlines()) <= set(archive.export().splitlines())
    assert str(archive.directory) in told.err
    assert "permissions" in told.err
    hold(archive, service)


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    """Nobody may write to the file, or to anything below the folder."""
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}
    for path, mode in before.items():
        path.chmod(mode & ~0o222)
    yield
    for path, mode in before.items():
        path.chmod(mode)


# Files that aren't what was committed


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lose(path: Path) -> None:
    path.unlink()


def put_a_line_in(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:1], b"# looked at by hand\n", *lines[1:]]))


def overwrite(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(b"Dear Sir or Madam, ".ljust(len(content), b"?"))


def halve(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("change", [cut, empty, lose, put_a_line_in, overwrite])
@pytest.mark.parametrize("command", [(*BACKFILL, "--again"), BACKFILL])
def test_a_day_file_that_was_changed(link_archiver, service, address, change, command) -> None:
    """Exit 3 with its name and the remedy, and nothing of the day is changed or covered."""
    archive = half_done(link_archiver, address, "jsonl")
    path = archive.directory / DAY
    _hold_damage(link_archiver, archive, path, change, command)
    hold(archive, service)


@stores
@pytest.mark.parametrize("change", [halve, overwrite])
def test_a_database_that_was_changed(link_archiver, service, address, store, change) -> None:
    """The same for the ledger."""
    archive = half_done(link_archiver, address, store)
    path = archive.directory / "archive.db"
    _hold_damage(link_archiver, archive, path, change, (*BACKFILL, "--again"))
    hold(archive, service)


def test_a_ledger_that_was_lost(link_archiver, service, address) -> None:
    """Day files without it are no new archive: exit 3, and none is begun."""
    archive = half_done(link_archiver, address, "jsonl")
    _hold_damage(link_archiver, archive, archive.directory / "archive.db", lose, BACKFILL)
    hold(archive, service)


def _hold_damage(
    link_archiver, archive: TestArchive, path: Path, change: Callable[[Path], None], command
) -> None:
    """Damage a file, see it told and left as it is, and put it back from a copy."""
    intact = path.read_bytes()
    change(path)
    damaged = _files_by(path)
    told = link_archiver(*command, code=3)
    assert path.name in told.err
    assert "from a copy" in told.err
    assert _files_by(path) == damaged
    path.write_bytes(intact)


def _files_by(path: Path) -> dict[str, bytes]:
    """A file and those that are named after it, with what is in them."""
    return {each.name: each.read_bytes() for each in path.parent.glob(f"{path.name}*")}
