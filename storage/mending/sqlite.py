"""A day of the SQLite store."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archiver.identity import keys_kept, misnamed
from archiver.lines import is_click
from archiver.model import CLICK_FIELDS, CLICKED_AT, Row
from storage.appending import keep_beside
from storage.database import is_no_text, lenient_text, store_errors, transaction
from storage.jsonl import path_of
from storage.ledger import Ledger
from storage.mending.base import FoundDay, MendedDay, line_of_columns, refuse_changed
from storage.sqlite import COLUMNS, HAS_DAY, IN_WINDOW, insert_clicks, past_day, row_of_columns
from storage.verification.base import Tally, held_against

_OF_NO_DAY = f"account = ? AND NOT ({HAS_DAY})"


class SqliteDayStore:
    """Reads and replaces the rows of a day; with them those of its account that are of no day."""

    def __init__(self, ledger: Ledger, directory: Path) -> None:
        self._ledger = ledger
        self._connection = ledger.connection
        self._directory = directory

    def find(self, account: str, day: str) -> FoundDay:
        with store_errors("read", self._directory):
            said = self._ledger.days(account).get(day)
            rows: list[Row] = []
            keys: list[str] = []
            unreadable: list[bytes] = []
            for columns in self._columns(account, day):
                row = row_of_columns(columns)
                if is_click(row) and row[CLICKED_AT].startswith(day):
                    rows.append(row)
                    keys.append(columns[-1])
                else:
                    unreadable.append(line_of_columns((*CLICK_FIELDS, "key"), columns))
            tally = Tally()
            tally.add(rows)
            sound = not (
                unreadable or misnamed(rows, keys) or any(held_against(said, tally, account, day))
            )
        return FoundDay(account, day, rows, keys, unreadable, said, sound)

    def keys(self, rows: Sequence[Row], wanted: Sequence[str | None]) -> list[str]:
        return keys_kept(rows, wanted)

    def replace(self, mended: MendedDay) -> Path | None:
        account, day = mended.found.account, mended.found.day
        beside = None
        with store_errors("write to", self._directory), transaction(self._connection):
            refuse_changed(mended.found, self.find(account, day))
            if damaged := mended.damaged():
                beside = keep_beside(self._directory / path_of(account, day), "damaged", damaged)
            for condition, values in _conditions(account, day):
                self._connection.execute(f"DELETE FROM clicks WHERE {condition}", values)
            insert_clicks(self._connection, mended.rows, mended.keys)
            self._ledger.record_day(mended.commit, day, mended.rows, mended.orphans)
        return beside

    def _columns(self, account: str, day: str) -> list[Any]:
        try:
            return self._all_columns(account, day)
        except sqlite3.OperationalError as error:
            if not is_no_text(error):
                raise
        with lenient_text(self._connection):
            return self._all_columns(account, day)

    def _all_columns(self, account: str, day: str) -> list[Any]:
        return [
            columns
            for condition, values in _conditions(account, day)
            for columns in self._connection.execute(
                f"SELECT {COLUMNS}, key FROM clicks WHERE {condition} ORDER BY clicked_at, key",
                values,
            )
        ]


def _conditions(account: str, day: str) -> list[tuple[str, tuple[str, ...]]]:
    """Which rows a day has, and which of its account have none."""
    return [(IN_WINDOW, (account, day, past_day(day))), (_OF_NO_DAY, (account,))]
