"""One run an archive: a lock of the kernel's, gone with the process that holds it."""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from archiver.errors import ArchiveBusyError, StoreError
from archiver.timestamps import format_utc
from jobs.logs import tell

FILE_NAME = "archive.lock"
_TRIES = 5
_ASK_AGAIN_SECONDS = 0.02
_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds an archive, as written into its lock file."""

    pid: int
    since: str


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Hold the archive. Raises ArchiveBusyError, which says who does, where another run does."""
    with _lock_file(directory) as descriptor:
        if not _lock(descriptor):
            raise ArchiveBusyError(f"{_busy(directory)}. Wait until it ends")
        with _named_as_holder(descriptor):
            yield


@contextmanager
def wait_and_hold(directory: Path, meanwhile: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the archive as soon as no other run does; say who is waited for."""
    with _lock_file(directory) as descriptor:
        if not _lock(descriptor):
            tell(logging.WARNING, f"{_busy(directory)}. Waiting until it ends")
            while not _lock(descriptor):
                meanwhile()
                time.sleep(_WAIT_SECONDS)
        with _named_as_holder(descriptor):
            yield


def holder(directory: Path) -> Holder | None:
    """Who holds the archive, as its lock file tells; None where nobody does.

    The kernel knows whether it is held. A process number alone tells nothing: what was killed
    leaves its own in the file, and in a container the next process has the same.
    """
    try:
        with (directory / FILE_NAME).open("r", encoding="ascii") as file:
            if _may_lock(file.fileno(), fcntl.LOCK_SH):
                return None
            pid, since = file.read().split()
            return Holder(int(pid), since)
    except (OSError, ValueError):
        return None


@contextmanager
def _lock_file(directory: Path) -> Iterator[int]:
    path = directory / FILE_NAME
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except (FileExistsError, NotADirectoryError):
        raise StoreError(
            f"can't make {directory}: there is a file in its place. Name another folder as "
            "archive.directory"
        ) from None
    except OSError as error:
        raise StoreError(
            f"can't open {path}: {error.strerror}. Check the permissions of the archive's "
            "directory"
        ) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _named_as_holder(descriptor: int) -> Iterator[None]:
    with suppress(OSError):  # on a full disk it is held all the same, only nobody knows by whom
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {format_utc(datetime.now(UTC))}\n".encode(), 0)
    yield
    os.ftruncate(descriptor, 0)


def _lock(descriptor: int) -> bool:
    """Take the lock. Whoever asks for its holder has it for an instant: then ask again."""
    for _ in range(_TRIES):
        if _may_lock(descriptor, fcntl.LOCK_EX):
            return True
        time.sleep(_ASK_AGAIN_SECONDS)
    return False


def _may_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StoreError(
            f"can't lock {FILE_NAME}: {error.strerror}. Put archive.directory on a local disk: "
            "network file systems may have no locks, and SQLite needs them too"
        ) from None
    return True


def _busy(directory: Path) -> str:
    found = holder(directory)
    who = f"process {found.pid}, since {found.since}," if found else "another run"
    return f"the archive {directory} is held: {who} is at work there"
