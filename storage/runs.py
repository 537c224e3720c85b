"""The table `runs`: what each run did for each account."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from archiver.model import AccountReport
from archiver.timestamps import format_utc


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as recorded. Without `finished_at` it is under way, or was ended from outside."""

    started_at: str
    finished_at: str | None
    outcome: str | None
    error: str | None


class Runs:
    """Reads and writes the runs. Each write is a transaction of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def start(self, account: str, command: str, run: UUID, now: datetime) -> int:
        """Record that an account's part of a run begins; give its number."""
        cursor = self._connection.execute(
            "INSERT INTO runs (account, command, run, started_at) VALUES (?, ?, ?, ?)",
            (account, command, str(run), format_utc(now)),
        )
        return int(cursor.lastrowid or 0)

    def finish(self, number: int, report: AccountReport, now: datetime) -> None:
        self._connection.execute(
            "UPDATE runs SET finished_at = ?, outcome = ?, fetched = ?, new = ?, duplicates = ?, "
            "windows = ?, error = ? WHERE id = ?",
            (
                format_utc(now),
                report.outcome,
                report.fetched,
                report.new,
                report.duplicates,
                report.windows,
                report.error,
                number,
            ),
        )

    def last(self, account: str) -> RunRow | None:
        return self._one("WHERE account = ?", account)

    def last_success(self, account: str) -> RunRow | None:
        return self._one("WHERE account = ? AND outcome = 'complete'", account)

    def _one(self, where: str, account: str) -> RunRow | None:
        row = self._connection.execute(
            "SELECT started_at, finished_at, outcome, error FROM runs "
            f"{where} ORDER BY id DESC LIMIT 1",
            (account,),
        ).fetchone()
        return RunRow(*row) if row else None
