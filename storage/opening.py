"""From the configuration to an open archive."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from archiver.errors import CorruptArchiveError, StoreError
from archiver.store import Store
from storage.database import FILE_NAME, add_clicks, open_database, store_errors, transaction
from storage.ip_key import IpKey
from storage.jsonl import JsonlStore
from storage.ledger import Ledger
from storage.links import Links
from storage.rejected import RejectedRecords
from storage.replacing import complete_replacements
from storage.runs import Runs
from storage.settings import Settings
from storage.sqlite import SqliteStore
from storage.untold import Untold
from storage.vanished import VanishedClicks


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive open for writing: whoever opens it holds its lock."""

    connection: sqlite3.Connection
    path: Path
    inode: int
    store: Store
    ledger: Ledger
    settings: Settings
    runs: Runs
    links: Links
    vanished: VanishedClicks
    untold: Untold
    rejected: RejectedRecords
    ip_key: IpKey

    def check_in_place(self) -> None:
        """Raise StoreError where the database isn't the one that was opened any more."""
        if not self.path.exists() or self.path.stat().st_ino != self.inode:
            raise StoreError(
                f"{self.path} was moved or deleted while this run wrote to it: what it wrote may "
                "be lost. Put the archive back, and run again"
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All ledger writes within are committed together, or none of them."""
        with store_errors("write to", self.path), transaction(self.connection):
            yield


@contextmanager
def open_archive(directory: Path, kind: Literal["sqlite", "jsonl"]) -> Iterator[Archive]:
    """Open an archive, made where there is none.

    Raises ConfigError where the archive's store is another, StoreError where it can't be opened.
    """
    refuse_lost_ledger(directory)
    connection = open_database(directory)
    try:
        path = directory / FILE_NAME
        settings = Settings(connection, directory)
        with store_errors("write to", path), transaction(connection):
            settings.hold_store(kind)
        if kind == "sqlite":
            add_clicks(connection, directory)
        with store_errors("complete the repair of", directory):
            complete_replacements(connection, directory)
        ledger = Ledger(connection)
        store = SqliteStore(ledger, path) if kind == "sqlite" else JsonlStore(ledger, directory)
        yield Archive(
            connection,
            path,
            path.stat().st_ino,
            store,
            ledger,
            settings,
            Runs(connection),
            Links(connection),
            VanishedClicks(connection),
            Untold(connection),
            RejectedRecords(connection),
            IpKey(connection, directory),
        )
    finally:
        connection.close()


def refuse_lost_ledger(directory: Path) -> None:
    """Day files without the ledger that says what of them counts are no new archive's."""
    file = next(directory.glob("clicks/*/*/*.jsonl"), None)
    if file is not None and not (directory / FILE_NAME).exists():
        raise CorruptArchiveError(
            f"{directory} has day files, such as {file.name}, but no {FILE_NAME}. Put "
            f"{FILE_NAME} back from a copy; or move the folder clicks away, to begin anew"
        )
