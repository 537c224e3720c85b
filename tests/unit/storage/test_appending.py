"""Appending so that what was committed is never in doubt: torn ends, short writes, full disks."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.clicks import click

from archiver.errors import CorruptArchiveError, StoreError
from archiver.identity import reconcile
from archiver.lines import line_of
from archiver.model import Row, Window
from archiver.store import Commit
from storage import appending
from storage.appending import append, check_length, torn_bytes
from storage.opening import Archive, open_archive

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
HOUR = Window(NOON, NOON + timedelta(hours=1))
DAY_FILE = "clicks/acme/2026/2026-11-19.jsonl"


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "clicks" / "acme" / "2026" / "day.jsonl"


@pytest.fixture
def patch_os(monkeypatch) -> Callable[..., None]:
    """Replace functions of `os` for the module under test alone."""

    def patch(**functions: Any) -> None:
        monkeypatch.setattr(appending, "os", SimpleNamespace(**{**vars(os), **functions}))

    return patch


@pytest.fixture(params=[0o027, 0])
def umask(request) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def commit(archive: Archive, rows: list[Row], window: Window = HOUR) -> Sequence[str]:
    found = reconcile(archive.store.known_clicks("acme", window), rows)
    return archive.store.commit(
        Commit("acme", window, found.new, found.new_keys, found.revised, window.end)
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# Appending


def test_appending_makes_the_file_and_adds_to_it(path):
    """The new length is what was there and what came; the bytes stand one after the other."""
    assert append(path, b"one\n", 0) == 4
    assert append(path, b"two\n", 4) == 8
    assert path.read_bytes() == b"one\ntwo\n"


def test_files_and_folders_are_closed_to_others(path, tmp_path, umask):
    """Clicks hold addresses: owner and group may read, nobody else."""
    append(path, b"one\n", 0)
    assert path.stat().st_mode & 0o777 == 0o640
    for folder in list(path.parents)[:3]:
        assert folder != tmp_path
        assert folder.stat().st_mode & 0o777 == 0o750


def test_a_torn_end_is_laid_aside(path):
    """What lies beyond the committed length goes to a `.torn` file, and the file is cut."""
    append(path, b"one\n", 0)
    with path.open("ab") as file:
        file.write(b'{"half": "a li')
    assert append(path, b"two\n", 4) == 8
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.with_name("day.jsonl.torn").read_bytes() == b'{"half": "a li'


def test_whole_lines_that_were_not_committed_are_torn_too(path):
    """It is the ledger that says what counts, not a newline at the end."""
    append(path, b"one\n", 0)
    append(path, b"two\nthree\n", 4)
    assert append(path, b"four\n", 4) == 9
    assert path.read_bytes() == b"one\nfour\n"
    assert path.with_name("day.jsonl.torn").read_bytes() == b"two\nthree\n"


def test_what_was_torn_before_is_kept(path):
    """A second crash adds to what was laid aside by the first."""
    append(path, b"one\n", 0)
    for torn in (b"a", b"b"):
        with path.open("ab") as file:
            file.write(torn)
        append(path, b"", 4)
    assert path.with_name("day.jsonl.torn").read_bytes() == b"ab"


def test_a_file_that_never_counted_is_torn_whole(path):
    """A first append that was never committed leaves nothing in the file."""
    append(path, b"one\n", 0)
    assert append(path, b"uno\n", 0) == 4
    assert path.read_bytes() == b"uno\n"
    assert path.with_name("day.jsonl.torn").read_bytes() == b"one\n"


def test_a_sound_file_has_no_torn_one(path):
    """Nothing is made that nothing was torn from."""
    append(path, b"one\n", 0)
    append(path, b"two\n", 4)
    assert [file.name for file in path.parent.iterdir()] == ["day.jsonl"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_file_shorter_than_committed_is_corruption(path, exists, tmp_path):
    """The error names the file, and nothing at all is touched."""
    if exists:
        append(path, b"one\n", 0)
    before = contents(tmp_path)
    for touch in (lambda: append(path, b"two\n", 9), lambda: check_length(path, 9),
                  lambda: torn_bytes(path, 9)):  # fmt: skip
        with pytest.raises(CorruptArchiveError, match=rf"{path} has {4 * exists} bytes, and 9"):
            touch()
    assert contents(tmp_path) == before
    assert path.exists() == exists


def test_what_is_torn_is_counted(path):
    """What lies beyond the committed length, and nothing of a file that isn't there."""
    append(path, b"one\ntwo\n", 0)
    assert [torn_bytes(path, committed) for committed in (8, 4, 0)] == [0, 4, 8]
    assert torn_bytes(path.with_name("none"), 0) == 0


def test_short_writes_are_completed(path, patch_os):
    """A write that takes a few bytes only is followed by the next, until all is written."""
    sizes: list[int] = []

    def short(descriptor: int, data: memoryview) -> int:
        sizes.append(len(data))
        return os.write(descriptor, data[:3])

    patch_os(write=short)
    assert append(path, b"0123456789\n", 0) == 11
    assert path.read_bytes() == b"0123456789\n"
    assert sizes == [11, 8, 5, 2]


def test_names_and_bytes_are_synced(path, tmp_path, patch_os):
    """A new file, its folder and each folder that a new one was made in are made durable."""
    synced: list[Path] = []

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        os.fsync(descriptor)

    patch_os(fsync=fsync)
    append(path, b"one\n", 0)
    folders = [tmp_path, tmp_path / "clicks", tmp_path / "clicks" / "acme", path.parent]
    assert synced == [*folders[:3], path, folders[3]]
    synced.clear()
    append(path, b"two\n", 4)
    assert synced == [path]


def test_a_torn_end_is_durable_before_the_file_is_cut(path, patch_os):
    """At no moment are the torn bytes in neither file."""
    append(path, b"one\n", 0)
    with path.open("ab") as file:
        file.write(b"torn")
    lengths: list[tuple[str, int]] = []

    def fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        lengths.append((name, path.stat().st_size))
        os.fsync(descriptor)

    patch_os(fsync=fsync)
    append(path, b"", 4)
    assert lengths[:3] == [("day.jsonl.torn", 8), ("2026", 8), ("day.jsonl", 4)]


# Through the store


def test_a_full_disk_is_a_store_error_and_no_click_is_lost(tmp_path, patch_os, monkeypatch):
    """Half a line is written, then the disk is full: nothing counts, and the next try is exact."""
    rows = [click("2026-11-19T12:00:00Z")] * 2 + [click("2026-11-19T12:00:01Z", id="5")]
    written = 0

    def full(descriptor: int, data: memoryview) -> int:
        nonlocal written
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = os.write(descriptor, data[: len(data) // 2])
        return written

    with open_archive(tmp_path, "jsonl") as archive:
        patch_os(write=full)
        with pytest.raises(StoreError, match=r"append to .*No space left.*disk's space"):
            commit(archive, rows)
        assert written > 0
        assert archive.ledger.coverage("acme") == []
        assert archive.store.known_clicks("acme", HOUR) == {}
        monkeypatch.undo()
        [notice] = commit(archive, rows)
        assert notice.startswith(f"{tmp_path / DAY_FILE}: {written} bytes that were never commit")
        assert list(commit(archive, [*rows, click("2026-11-19T12:00:02Z")])) == []
        assert archive.ledger.coverage("acme") == [HOUR]
    data = (tmp_path / DAY_FILE).read_bytes()
    stored = [*rows, click("2026-11-19T12:00:02Z")]
    assert sorted(data.splitlines(keepends=True)) == sorted(map(line_of, stored))
    assert len((tmp_path / f"{DAY_FILE}.torn").read_bytes()) == written


def test_a_file_that_was_cut_is_refused_by_the_store(tmp_path):
    """The run stops before anything is written, and the file stays as it was found."""
    path = tmp_path / DAY_FILE
    with open_archive(tmp_path, "jsonl") as archive:
        commit(archive, [click("2026-11-19T12:00:00Z", id=str(n)) for n in range(5)])
        path.write_bytes(path.read_bytes()[:-1])
        before = path.read_bytes()
        with pytest.raises(CorruptArchiveError, match=path.name):
            archive.store.known_clicks("acme", HOUR)
        late = Commit("acme", HOUR, [click("2026-11-19T12:00:09Z", id="9")], ["k"], {}, NOON)
        with pytest.raises(CorruptArchiveError, match="Nothing has been changed"):
            archive.store.commit(late)
        assert path.read_bytes() == before


def test_days_are_files_by_account_and_year(tmp_path, umask):
    """One file an account and UTC day, where people look for it, closed to others."""
    window = Window(NOON, NOON + timedelta(days=60))
    rows = [click("2026-12-31T23:59:59Z"), click("2027-01-01T00:00:00Z")]
    with open_archive(tmp_path, "jsonl") as archive:
        commit(archive, rows, window)
    for row, name in zip(rows, ("2026/2026-12-31.jsonl", "2027/2027-01-01.jsonl"), strict=True):
        path = tmp_path / "clicks" / "acme" / name
        assert path.read_bytes() == line_of(row)
        assert path.stat().st_mode & 0o777 == 0o640
