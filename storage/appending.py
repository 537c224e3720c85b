"""Appending to files so that what was committed is never in doubt.

A file's committed length is kept in the ledger. What lies beyond it was never whole (a crash, a
disk that was full): it is moved to a `.torn` file beside it before anything is appended.
"""

import os
from pathlib import Path

from archiver.errors import CorruptArchiveError

FILE_MODE = 0o640
_FOLDER_MODE = 0o750


def append(path: Path, data: bytes | bytearray, committed_bytes: int) -> int:
    """Append lines and sync; give the file's new length, which is the caller's to commit.

    Raises CorruptArchiveError, and touches nothing, where the file can't hold what was committed.
    """
    _cut_torn_end(path, committed_bytes)
    if not path.exists():
        make_folders(path.parent)
    _append_synced(path, data)
    if committed_bytes == 0:
        sync_folder(path.parent)
    return committed_bytes + len(data)


def check_length(path: Path, committed_bytes: int) -> int:
    """The file's length. Raises CorruptArchiveError where it can't hold what was committed."""
    length = path.stat().st_size if path.exists() else 0
    refuse_shorter(path, length, committed_bytes)
    if committed_bytes:
        _refuse_end_within_line(path, committed_bytes)
    return length


def refuse_shorter(path: Path, length: int, committed_bytes: int) -> None:
    """Raise CorruptArchiveError where a file of this length is shorter than was committed."""
    if length < committed_bytes:
        raise CorruptArchiveError(
            f"{path} has {length} bytes, and {committed_bytes} were committed: it was cut or "
            "replaced by another program. Nothing has been changed; put the file back from a "
            "copy, or fetch the day again with `link-archiver repair`"
        )


def _refuse_end_within_line(path: Path, committed_bytes: int) -> None:
    """Raise CorruptArchiveError where what was committed doesn't end a line.

    A line that was put in by hand moves all others: what is cut off then would be no torn end.
    """
    with path.open("rb") as file:
        file.seek(committed_bytes - 1)
        if file.read(1) != b"\n":
            raise CorruptArchiveError(
                f"{path} has no line's end where the {committed_bytes} bytes that were committed "
                "end: it was changed by another program. Nothing has been changed; put the file "
                "back from a copy, or fetch the day again with `link-archiver repair`"
            )


def torn_bytes(path: Path, committed_bytes: int) -> int:
    """How much lies beyond what was committed. Raises CorruptArchiveError as `append` does."""
    return check_length(path, committed_bytes) - committed_bytes


def _cut_torn_end(path: Path, committed_bytes: int) -> None:
    if check_length(path, committed_bytes) == committed_bytes:
        return
    with path.open("r+b") as file:
        file.seek(committed_bytes)
        keep_beside(path, "torn", file.read())
        file.truncate(committed_bytes)
        os.fsync(file.fileno())


def keep_beside(path: Path, suffix: str, data: bytes) -> Path:
    """Add what doesn't count to a file beside the one that it was found in; give that file."""
    beside = path.with_name(f"{path.name}.{suffix}")
    make_folders(path.parent)
    _append_synced(beside, data)
    sync_folder(path.parent)
    return beside


def _append_synced(path: Path, data: bytes | bytearray) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Write all of it: a full disk can make a write short without an error."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, durable, where they aren't there."""
    if folder.exists():
        return
    make_folders(folder.parent)
    folder.mkdir(_FOLDER_MODE, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
