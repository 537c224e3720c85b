"""What no output may overwrite and no page may show: the archive, passwords, the configuration."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from archiver.config import Config
from archiver.errors import ConfigError

_FileId = tuple[int, int]  # what the system calls a file, by whatever name: device and inode


def refuse_guarded(path: Path, config: Config) -> None:
    """Raise ConfigError where `--output` is guarded."""
    what = guarded_as(path, config)
    if what is not None:
        raise ConfigError(f"--output {path} would overwrite {what}. Name another file")


def guarded_as(path: Path, config: Config) -> str | None:
    """What of the guarded a path is or lies in, by whatever name; None for any other."""
    if any(is_same_file(folder, config.archive.directory) for folder in _with_folders(path)):
        return "the archive, whose folder is its alone"
    if is_same_file(path, config.path):
        return "the configuration"
    passwords = [a.password_file for a in config.accounts if a.password_file is not None]
    return "a password file" if is_any_of(path, passwords) else None


def is_any_of(path: Path, others: Iterable[Path]) -> bool:
    """Whether a path leads to the same file as one of the others."""
    return any(is_same_file(path, other) for other in others)


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file or folder, there or not yet."""
    if resolved(one) == resolved(other):
        return True
    found = _file_id(one)
    return found is not None and found == _file_id(other)


def is_special(path: Path) -> bool:
    """Whether a path leads to what holds no content: a terminal, a pipe, /dev/null."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def resolved(path: Path) -> Path:
    """The path without links and dots; as far as it can be followed, where links lead nowhere."""
    return Path(os.path.realpath(path))


def _with_folders(path: Path) -> Iterator[Path]:
    whole = resolved(path)
    yield from (whole, *whole.parents)


def _file_id(path: Path) -> _FileId | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
