"""The steps by which a program changes its disk: counted, and one of them made to go wrong.

A step is a call that writes, syncs or names something on the disk, or a statement of SQL that
does. Nothing of this is in the program: a test puts it around the program, in its own process
(`installed`) or in a command's (`startup/sitecustomize.py`).
"""

import atexit
import errno
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

Kind = Literal["kill", "torn", "power-cut", "error", "full", "short"]

#: How a process ends at a step: before it, amid it, and with all lost that wasn't synced.
ENDS: tuple[Kind, ...] = ("kill", "torn", "power-cut")
#: How a step fails: this one alone, or all from it on since the disk is full, or after half of it.
FAILURES: tuple[Kind, ...] = ("error", "full", "short")

_CHANGES = ("BEGIN", "COMMIT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP")
_NEEDS_SPACE = ("create", "mkdir", "write", "pwrite", "COMMIT", "INSERT", "UPDATE", "CREATE")
_PATCHED = ("open", "close", "write", "pwrite", "fsync", "mkdir", "replace")
_REAL: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in _PATCHED}
_REAL_CONNECT = sqlite3.connect


class Fault(NamedTuple):
    """What goes wrong, and at which step; the first is 1.

    With `among`, at which of the steps whose names begin so.
    """

    kind: Kind
    at: int
    among: str = ""

    def __str__(self) -> str:
        return f"{self.kind}@{self.at}@{self.among}"

    @classmethod
    def read(cls, text: str) -> "Fault":
        kind, at, among = text.split("@")
        assert kind in (*ENDS, *FAILURES), text
        return cls(kind, int(at), among)  # type: ignore[arg-type]

    def is_due(self, names: Sequence[str]) -> bool:
        """Whether the last of these steps is the one."""
        fit = [name for name in names if name.startswith(self.among)]
        return len(fit) == self.at and names[-1].startswith(self.among)


class Steps:
    """Counts the steps of the thread that made it; `names` are those that were taken.

    Its methods stand in the place of functions of `os` and `sqlite3`.
    """

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self.names: list[str] = []
        self.over = False
        self._thread = threading.get_ident()
        self._disk = _Disk()
        self._is_full = False

    def open(self, path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        makes = bool(flags & os.O_CREAT) and not Path(os.fsdecode(path)).exists()
        if makes:
            self._take("create")
        descriptor: int = _REAL["open"](path, flags, mode, **options)
        self._disk.opened(descriptor, Path(os.fsdecode(path)), makes=makes)
        return descriptor

    def close(self, descriptor: int) -> None:
        self._disk.closed(descriptor)
        _REAL["close"](descriptor)

    def write(self, descriptor: int, data: Any) -> int:
        if self._disk.knows(descriptor):
            data = self._take("write", descriptor, data)
        return int(_REAL["write"](descriptor, data))

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        self._take("pwrite")
        return int(_REAL["pwrite"](descriptor, data, offset))

    def fsync(self, descriptor: int) -> None:
        self._take("fsync")
        _REAL["fsync"](descriptor)
        self._disk.synced(descriptor)

    def mkdir(self, path: Any, mode: int = 0o777, **options: Any) -> None:
        if not Path(os.fsdecode(path)).exists():
            self._take("mkdir")
        _REAL["mkdir"](path, mode, **options)
        self._disk.named(Path(os.fsdecode(path)))

    def replace(self, *paths: Any, **options: Any) -> None:
        self._take("replace")
        _REAL["replace"](*paths, **options)

    def connect(
        self, *arguments: Any, factory: Any = sqlite3.Connection, **options: Any
    ) -> sqlite3.Connection:
        steps = self

        class Counted(factory):  # type: ignore[misc]
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                steps._take_statement(sql)
                return super().execute(sql, *values)

            def executemany(self, sql: str, *values: Any) -> sqlite3.Cursor:
                steps._take_statement(sql)
                return super().executemany(sql, *values)

        return _REAL_CONNECT(*arguments, factory=Counted, **options)

    def _take_statement(self, sql: str) -> None:
        words = sql.upper().split()
        if words[0] not in _CHANGES:
            return
        try:
            self._take(" ".join(words[:3]))
        except OSError as error:
            full = error.errno == errno.ENOSPC
            text = "database or disk is full" if full else "disk I/O error"
            raise sqlite3.OperationalError(text) from None

    def _take(self, name: str, descriptor: int | None = None, data: Any = b"") -> Any:
        """One step is about to be taken: end or fail here, or give what of its data to write."""
        if self.over or threading.get_ident() != self._thread:
            return data
        self.names.append(name)
        kind = self.fault.kind if self.fault and self.fault.is_due(self.names) else None
        half = data[: len(data) // 2]
        self._is_full |= kind in {"full", "short"}
        if kind == "short" and half:
            return half
        if self._is_full and name.startswith(_NEEDS_SPACE):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if kind == "error":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if kind == "torn" and descriptor is not None:
            _REAL["write"](descriptor, half)
        if kind == "power-cut":
            self._disk.lose_what_is_not_synced()
        if kind in ENDS:
            _end()
        return data


class _Disk:
    """What of the files would outlive a loss of power: what was synced, under synced names.

    SQLite, which does its own writing, is taken at its word: what is committed is durable.
    """

    def __init__(self) -> None:
        self._paths: dict[int, Path] = {}
        self._synced_lengths: dict[Path, int] = {}
        self._unsynced_names: list[Path] = []

    def knows(self, descriptor: int) -> bool:
        return descriptor in self._paths

    def opened(self, descriptor: int, path: Path, *, makes: bool) -> None:
        self._paths[descriptor] = path
        if path.suffix == ".jsonl":
            self._synced_lengths.setdefault(path, path.stat().st_size)
        if makes:
            self.named(path)

    def closed(self, descriptor: int) -> None:
        self._paths.pop(descriptor, None)

    def named(self, path: Path) -> None:
        self._unsynced_names.append(path)

    def synced(self, descriptor: int) -> None:
        path = self._paths.get(descriptor)
        if path in self._synced_lengths:
            self._synced_lengths[path] = path.stat().st_size
        self._unsynced_names = [each for each in self._unsynced_names if each.parent != path]

    def lose_what_is_not_synced(self) -> None:
        """The worst that fsync's promises allow for."""
        for path, length in self._synced_lengths.items():
            os.truncate(path, length)
        for path in reversed(self._unsynced_names):
            with suppress(OSError):  # a folder with the database in it, which syncs by itself
                path.rmdir() if path.is_dir() else path.unlink()


def install(steps: Steps) -> None:
    """Count steps from now on, for good."""
    for name in _PATCHED:
        setattr(os, name, getattr(steps, name))
    sqlite3.connect = steps.connect  # type: ignore[assignment]


def install_from(environ: Mapping[str, str]) -> None:
    """Do so in a command: `STEPS` is a fault, `STEPS_LOG` a file to leave the steps' names in."""
    text, log = environ.get("STEPS"), environ.get("STEPS_LOG")
    steps = Steps(Fault.read(text) if text else None)
    install(steps)
    if log:
        atexit.register(lambda: Path(log).write_text("\n".join(steps.names)))


@contextmanager
def installed(steps: Steps) -> Iterator[Steps]:
    """Count steps within."""
    install(steps)
    try:
        yield steps
    finally:
        # A connection that the service opened meanwhile may be used for long after.
        steps.over = True
        for name, function in _REAL.items():
            setattr(os, name, function)
        sqlite3.connect = _REAL_CONNECT


def _end() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process goes on")
