"""One run an archive, and who it is."""

import errno
import fcntl
import os
import re
import threading

import pytest

from archiver.errors import ArchiveBusyError, StoreError
from jobs.lock import FILE_NAME, hold, holder, wait_and_hold


def test_whoever_holds_it_is_known(tmp_path) -> None:
    """Within, the process and since when; before and after, nobody."""
    archive = tmp_path / "new" / "archive"
    assert holder(archive) is None
    with hold(archive):
        found = holder(archive)
        assert found is not None
        assert found.pid == os.getpid()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.since)
    assert holder(archive) is None
    assert (archive / FILE_NAME).stat().st_mode & 0o007 == 0


def test_nobody_else_can_hold_it(tmp_path) -> None:
    """The error names the holder and what to do; the holder keeps it."""
    with hold(tmp_path):
        with pytest.raises(ArchiveBusyError, match=f"process {os.getpid()}, since .* Wait until"):
            hold(tmp_path).__enter__()
        assert holder(tmp_path) is not None
    with hold(tmp_path):
        pass


def test_whoever_waits_shows_signs_of_life_and_holds_it_then(tmp_path, monkeypatch) -> None:
    """A watchdog would end a daemon that shows none."""
    monkeypatch.setattr("jobs.lock._WAIT_SECONDS", 0.001)
    signs = []
    first = hold(tmp_path)
    first.__enter__()

    def meanwhile() -> None:
        signs.append(holder(tmp_path))
        if len(signs) == 3:
            first.__exit__(None, None, None)

    with wait_and_hold(tmp_path, meanwhile):
        assert len(signs) == 3
        assert None not in signs
        with pytest.raises(ArchiveBusyError):
            hold(tmp_path).__enter__()


def test_it_is_given_back_whatever_happens(tmp_path) -> None:
    """An error within lets it go, with its lock file as a killed run leaves it."""
    with pytest.raises(ZeroDivisionError), hold(tmp_path):
        raise ZeroDivisionError
    assert (tmp_path / FILE_NAME).read_text() != ""
    assert holder(tmp_path) is None
    with hold(tmp_path):
        pass


@pytest.mark.parametrize("content", ["", "letters", "1 2 3", "1", "é"])
def test_a_holder_that_cannot_be_read_still_holds(tmp_path, content) -> None:
    """Just after it was taken the file may say nothing yet."""
    with hold(tmp_path):
        (tmp_path / FILE_NAME).write_text(content)
        assert holder(tmp_path) is None
        with pytest.raises(ArchiveBusyError, match="another run is at work there"):
            hold(tmp_path).__enter__()


def test_a_full_disk_is_no_reason_not_to_hold(tmp_path, monkeypatch) -> None:
    """Where the holder's name finds no room, it is held all the same; only not by whom."""

    def pwrite(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("jobs.lock.os.pwrite", pwrite)
        with (
            hold(tmp_path),
            pytest.raises(ArchiveBusyError, match="another run is at work there"),
            hold(tmp_path),
        ):
            pytest.fail("it was held twice")
    with hold(tmp_path):
        pass


def test_to_ask_for_the_holder_sends_no_run_away(tmp_path) -> None:
    """Asking takes the lock for an instant; a run that begins just then tries again."""
    with (tmp_path / FILE_NAME).open("w") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        answered = threading.Timer(0.03, fcntl.flock, (asking, fcntl.LOCK_UN))
        answered.start()
        with hold(tmp_path):
            assert holder(tmp_path) is not None
        answered.join()


def test_a_directory_that_cannot_be_made_is_told(tmp_path) -> None:
    """A StoreError that names the lock file and what to look at."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file: there is a file in its place. Name another"):
        hold(tmp_path / "file").__enter__()


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch) -> None:
    """As over some networks: an error of the store, with the remedy."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(StoreError, match=r"No locks available.*local disk"), hold(tmp_path):
        pass
