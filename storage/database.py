"""Opening `archive.db`, and transactions that are whole or not at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from archiver.errors import CorruptArchiveError, StoreError
from storage import clicks_schema, schema

FILE_NAME = "archive.db"
_BUSY_SECONDS = 10.0
#: Of an archive that is made. A click is a fifth of a kilobyte to half of one, and each split of a
#: page moves what is on it and its neighbours: SQLite's own 4096 take a quarter longer to store.
_PAGE_BYTES = 16_384

# For what is neither int, float, str nor bytes, None among them, sqlite3 looks in three places
# how it is to be stored; where it finds it in the first, a row of a click takes a tenth less.
sqlite3.register_adapter(bool, int)
sqlite3.register_adapter(type(None), {None: None}.get)


def open_database(directory: Path) -> sqlite3.Connection:
    """Open the archive's database for writing, made or brought up to date where need be.

    Commits are durable when they return: WAL with synchronous=FULL. Raises StoreError.
    """
    path = directory / FILE_NAME
    with store_errors("open", path):
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # heeded where it is made
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            database = Database(connection)
            with database.atomic():  # else a process that is killed may leave it without its index
                schema.ledger.ensure_migrations_table(database)
            schema.ledger.apply(database)
        except BaseException:
            connection.close()
            raise
    return connection


class InPlace:
    """The archive's database as it was opened: what lies there now may be another, or nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = path.stat().st_ino

    def check(self) -> None:
        """Raise StoreError where the database isn't the one that was opened any more."""
        with store_errors("look at", self._path):
            if self._path.exists() and self._path.stat().st_ino == self._inode:
                return
        raise StoreError(
            f"{self._path} was moved or deleted while this run wrote to it: what it wrote may be "
            "lost. Put the archive back, and run again"
        )


def add_clicks(connection: sqlite3.Connection, directory: Path) -> None:
    """Add the tables and views of the SQLite store, or bring them up to date."""
    with store_errors("write to", directory / FILE_NAME):
        clicks_schema.clicks.apply(Database(connection))


def open_read_only(directory: Path) -> sqlite3.Connection | None:
    """Open the archive's database for reading alone; None where there is no archive yet."""
    path = directory / FILE_NAME
    with store_errors("open", path):
        if not path.exists():
            return None
        connection = _connect_read_only(path)
        connection.execute("PRAGMA query_only = ON")
        if has_table(connection, "runs"):
            return connection
        connection.close()  # the first run was ended before it had made its tables
        return None


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether a table is there: what is only read may be of an earlier version, or damaged."""
    asked = "SELECT 1 FROM sqlite_schema WHERE name = ?"
    return connection.execute(asked, (name,)).fetchone() is not None


def _connect_read_only(path: Path) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(f"{path.name}-wal").exists():
            raise
        # No writer has it open, and this user may not create the files that a reader shares
        # with one: read it as a file that doesn't change.
        return sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All within is committed together, or nothing of it.

    It takes the write lock at once: a transaction that reads first and writes then fails under
    contention, however long it would have waited.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def store_errors(
    operation: str, path: Path, errors: tuple[type[Exception], ...] = (sqlite3.Error, OSError)
) -> Iterator[None]:
    """Say what could not be done to which file, and what to do about it."""
    try:
        yield
    except errors as error:
        if is_damage(error):
            raise CorruptArchiveError(
                f"can't {operation} {path}: {error}. It was damaged, or is something else; put it "
                "back from a copy"
            ) from error
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StoreError(
            f"can't {operation} {path}: {reason}. Check the disk's space, the permissions "
            "of all files in its folder, and whether another program holds it; what was committed "
            "before is untouched"
        ) from error


def is_damage(error: Exception) -> bool:
    """Whether an error says that the database itself is damaged, or is none."""
    return type(error) is sqlite3.DatabaseError


def is_no_text(error: Exception) -> bool:
    """Whether an error says that a text isn't UTF-8, which only another program can have done."""
    return isinstance(error, sqlite3.OperationalError) and "decode to UTF-8" in str(error)


@contextmanager
def lenient_text(connection: sqlite3.Connection) -> Iterator[None]:
    """Read a text that isn't UTF-8 as one with lone surrogates, which no click has."""
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        connection.text_factory = str
