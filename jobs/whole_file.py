"""Files that are there whole, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from archiver.errors import StoreError
from storage.appending import sync_folder


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name whole and durable, or not at all.

    It takes the place of whatever has the name, a link or a pipe too.
    """
    # Not by the process number: in a container the next one has the same.
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        with write_errors(path):
            with part.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            sync_folder(path.parent)
    finally:
        with suppress(OSError):  # it isn't there, or its folder can't be written to
            part.unlink()


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Say of which file something went wrong, and what to do about it."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"can't write {path}: {error.strerror or error}. Check the folder, its permissions "
            "and the disk's space"
        ) from None
