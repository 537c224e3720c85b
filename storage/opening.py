"""From the configuration to an open archive."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from archiver.store import Store
from storage.database import FILE_NAME, add_clicks, open_database, store_errors, transaction
from storage.jsonl import JsonlStore
from storage.ledger import Ledger
from storage.runs import Runs
from storage.settings import Settings
from storage.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive open for writing: whoever opens it holds its lock."""

    connection: sqlite3.Connection
    path: Path
    store: Store
    ledger: Ledger
    settings: Settings
    runs: Runs

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
    connection = open_database(directory)
    try:
        path = directory / FILE_NAME
        settings = Settings(connection, directory)
        with store_errors("write to", path), transaction(connection):
            settings.hold_store(kind)
        if kind == "sqlite":
            add_clicks(connection, directory)
        ledger = Ledger(connection)
        store = SqliteStore(ledger, path) if kind == "sqlite" else JsonlStore(ledger, directory)
        yield Archive(connection, path, store, ledger, settings, Runs(connection))
    finally:
        connection.close()
