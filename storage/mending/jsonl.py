"""A day of the JSONL store."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from archiver.identity import keys_of
from archiver.lines import is_click, line_of, row_of
from archiver.model import CLICK_FIELDS, CLICKED_AT, Row
from storage.appending import keep_beside
from storage.committed import open_committed
from storage.database import store_errors, transaction
from storage.jsonl import path_of
from storage.ledger import DayRow, Ledger
from storage.mending.base import FoundDay, MendedDay, refuse_changed
from storage.replacing import complete_replacements, record_replacement, write_replacement
from storage.verification.base import Tally, held_against

_ACCOUNT = CLICK_FIELDS.index("account")


class JsonlDayStore:
    """Reads and replaces a day's file."""

    def __init__(self, ledger: Ledger, directory: Path) -> None:
        self._ledger = ledger
        self._connection = ledger.connection
        self._directory = directory

    def find(self, account: str, day: str) -> FoundDay:
        """Read what counts, where that is as the ledger has it; else all that is in the file.

        For a line that was put in by hand, or taken out, moves others across the end of what
        counts.
        """
        path = path_of(account, day)
        with (
            store_errors("read", self._directory / path),
            open_committed(self._connection, self._directory, path) as file,
        ):
            said = self._ledger.days(account).get(day)
            committed = file.committed_bytes or 0
            found = _found(account, day, said, file.first_lines(committed))
            if found.sound and file.length >= committed:
                torn = file.file.read() if file.file else b""
                return replace(found, torn=torn, sound=not torn)
            if file.file:
                file.file.seek(0)
            return replace(_found(account, day, said, file.first_lines(file.length)), sound=False)

    def keys(self, rows: Sequence[Row], wanted: Sequence[str | None]) -> list[str]:  # noqa: ARG002
        """Number the alike in the order in which they stand in the file."""
        return keys_of(rows)

    def replace(self, mended: MendedDay) -> Path | None:
        account, day = mended.found.account, mended.found.day
        path, beside = path_of(account, day), None
        with store_errors("write to", self._directory / path):
            new = write_replacement(self._directory, path, map(line_of, mended.rows))
            refuse_changed(mended.found, self.find(account, day))
            if damaged := mended.damaged():
                beside = keep_beside(self._directory / path, "damaged", damaged)
            if mended.found.torn:
                keep_beside(self._directory / path, "torn", mended.found.torn)
            with transaction(self._connection):
                record_replacement(self._connection, new)
                self._ledger.record_day(mended.commit, day, mended.rows, mended.orphans)
            complete_replacements(self._connection, self._directory)
        return beside


def _found(account: str, day: str, said: DayRow | None, lines: Iterable[bytes]) -> FoundDay:
    """The day of these lines."""
    rows: list[Row] = []
    unreadable: list[bytes] = []
    for line in lines:
        row = _click(line, account, day)
        if row is None:
            unreadable.append(line if line.endswith(b"\n") else line + b"\n")
        else:
            rows.append(row)
    tally = Tally()
    tally.add(rows)
    sound = not (unreadable or any(held_against(said, tally, account, day)))
    return FoundDay(account, day, rows, keys_of(rows), unreadable, said, sound)


def _click(line: bytes, account: str, day: str) -> Row | None:
    """The click of a line; None where it is none of the day's."""
    try:
        row = row_of(line)
    except (ValueError, KeyError, TypeError):
        return None
    whole = line.endswith(b"\n") and is_click(row)
    return row if whole and (row[_ACCOUNT], row[CLICKED_AT][:10]) == (account, day) else None
