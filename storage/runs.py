"""The table `runs`: what each run did for each account."""

import sqlite3
from dataclasses import dataclass, fields
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


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What a `run` did for an account. Until it is finished, only its beginning is known."""

    started_at: str
    finished_at: str | None = None
    outcome: str | None = None
    fetched: int | None = None
    new: int | None = None
    duplicates: int | None = None
    windows: int | None = None
    totals: int | None = None
    warnings: int | None = None
    errors: int | None = None


_FIGURES = ", ".join(field.name for field in fields(RunFigures))


class Runs:
    """Reads and writes the runs. Whoever writes holds a transaction."""

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
            "windows = ?, totals = ?, warnings = ?, errors = ?, error = ? WHERE id = ?",
            (
                format_utc(now),
                report.outcome,
                report.fetched,
                report.new,
                report.duplicates,
                report.windows,
                report.totals,
                len(report.warnings),
                len(report.errors),
                report.error,
                number,
            ),
        )

    def last(self, account: str) -> RunRow | None:
        return self._one("WHERE account = ?", account)

    def last_success(self, account: str) -> RunRow | None:
        """The last run or backfill that was complete; a repair is of one old day."""
        return self._one(
            "WHERE account = ? AND outcome = 'complete' AND command != 'repair'", account
        )

    def last_complete_run(self, account: str) -> RunRow | None:
        """The last `run` that was complete: a backfill may be of any period."""
        return self._one("WHERE account = ? AND command = 'run' AND outcome = 'complete'", account)

    def last_figures(self, account: str) -> RunFigures | None:
        """What the last `run` did; backfills don't count."""
        row = self._connection.execute(
            f"SELECT {_FIGURES} FROM runs WHERE account = ? AND command = 'run' "
            "ORDER BY id DESC LIMIT 1",
            (account,),
        ).fetchone()
        return RunFigures(*row) if row else None

    def _one(self, where: str, account: str) -> RunRow | None:
        row = self._connection.execute(
            "SELECT started_at, finished_at, outcome, error FROM runs "
            f"{where} ORDER BY id DESC LIMIT 1",
            (account,),
        ).fetchone()
        return RunRow(*row) if row else None
