"""One run an archive: a lock of the kernel's, gone with the process that holds it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from archiver.errors import ArchiveBusyError, StoreError
from archiver.timestamps import format_utc

FILE_NAME = "archive.lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds an archive, as written into its lock file."""

    pid: int
    since: str

    @property
    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Hold the archive. Raises ArchiveBusyError, which says who does, where another run does."""
    path = directory / FILE_NAME
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise StoreError(
            f"can't open {path}: {error.strerror}. Check the permissions of the archive's "
            "directory"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveBusyError(_busy(directory)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {format_utc(datetime.now(UTC))}\n".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(directory: Path) -> Holder | None:
    """Who holds the archive, as far as its lock file tells; None where nobody does."""
    try:
        pid, since = (directory / FILE_NAME).read_text("ascii").split()
        found = Holder(int(pid), since)
    except (OSError, ValueError):
        return None
    return found if found.is_alive else None


def _busy(directory: Path) -> str:
    found = holder(directory)
    who = f"process {found.pid}, since {found.since}," if found else "another run"
    return f"the archive {directory} is held: {who} is at work there. Wait until it ends"
