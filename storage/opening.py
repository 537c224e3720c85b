"""From the configuration to an open archive."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from archiver.errors import CorruptArchiveError
from archiver.store import Store
from storage.database import (
    FILE_NAME,
    InPlace,
    add_clicks,
    open_database,
    store_errors,
    transaction,
)
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
    in_place: InPlace
    store: Store
    ledger: Ledger
    settings: Settings
    runs: Runs
    links: Links
    vanished: VanishedClicks
    untold: Untold
    rejected: RejectedRecords
    ip_key: IpKey

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
        in_place = InPlace(path)
        store = (
            SqliteStore(ledger, path)
            if kind == "sqlite"
            else JsonlStore(ledger, directory, in_place.check)
        )
        yield Archive(
            connection,
            path,
            in_place,
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


def is_new(directory: Path) -> bool:
    """Whether opening the archive would make it: there is none, or nothing in it."""
    path = directory / FILE_NAME
    with store_errors("look at", path):
        return not path.exists() or path.stat().st_size == 0


def refuse_lost_ledger(directory: Path) -> None:
    """Day files without the ledger that says what of them counts are no new archive's."""
    with store_errors("look into", directory):
        file = next(directory.glob("clicks/*/*/*.jsonl"), None)
        is_there = (directory / FILE_NAME).exists()
    if file is not None and not is_there:
        raise CorruptArchiveError(
            f"{directory} has day files, such as {file.name}, but no {FILE_NAME}. Put "
            f"{FILE_NAME} back from a copy; or move the folder clicks away, to begin anew"
        )
