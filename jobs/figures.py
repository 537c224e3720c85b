"""What an account's archive holds and how its last run went, in figures.

All of it is read from the ledger, whichever accounts took part in a run; what the run itself
reports counts where the ledger could not be written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from archiver.config import Config
from archiver.model import RunReport
from archiver.timestamps import parse_utc
from jobs.status import archive_status
from storage.reading import open_reader
from storage.runs import RunFigures, RunRow


@dataclass(frozen=True, slots=True)
class Figures:
    """An account's figures; None is what isn't known. Instants are seconds since 1970."""

    account: str
    archived_clicks: int | None = None
    links: int | None = None
    last_success: float | None = None  # 0 is never
    covered_until: float | None = None
    behind_seconds: float | None = None
    gaps: int | None = None
    gap_seconds: float | None = None
    last_run: float | None = None  # its beginning
    last_run_seconds: float | None = None
    outcome: str | None = None
    fetched: int | None = None
    new: int | None = None
    duplicates: int | None = None
    totals: int | None = None
    warnings: int | None = None
    errors: int | None = None


def archived_figures(config: Config, now: datetime) -> list[Figures]:
    """The figures of each configured account. Raises StoreError where there is no reading them."""
    statuses = archive_status(config, now)["accounts"]
    with open_reader(config.archive.directory) as reader:
        if reader is None:
            return [_of_account(status, None, None) for status in statuses]
        return [
            _of_account(
                status,
                reader.runs.last_complete_run(status["name"]),
                reader.runs.last_figures(status["name"]),
            )
            for status in statuses
        ]


def with_report(
    figures: Figures, report: RunReport | None, started: datetime, now: datetime
) -> Figures:
    """The figures with what a run reports, where the account took part in it.

    It began at `started` and ended `now`; when the account's own turn did, the ledger knows, if
    it could be written.
    """
    reported = {account.name: account for account in report.accounts} if report else {}
    if figures.account not in reported:
        return figures
    account = reported[figures.account]
    began = float(int(started.timestamp()))
    known = figures.last_run is not None and figures.last_run >= began
    seconds = figures.last_run_seconds if known else None
    return replace(
        figures,
        last_run=figures.last_run if known else began,
        last_run_seconds=max(0.0, now.timestamp() - began) if seconds is None else seconds,
        outcome=account.outcome,
        fetched=account.fetched,
        new=account.new,
        duplicates=account.duplicates,
        totals=account.totals,
        warnings=len(account.warnings),
        errors=len(account.errors),
    )


def _of_account(
    status: Mapping[str, Any], success: RunRow | None, run: RunFigures | None
) -> Figures:
    covered, gaps = status["covered"], status["gaps"]
    figures = Figures(
        account=status["name"],
        archived_clicks=status["clicks"],
        links=status["links"],
        last_success=_instant(success.finished_at) if success and success.finished_at else 0.0,
        covered_until=_instant(covered[-1]["end"]) if covered else None,
        behind_seconds=status["behind_seconds"],
        gaps=len(gaps),
        gap_seconds=sum(_instant(gap["end"]) - _instant(gap["start"]) for gap in gaps),
    )
    return _with_run(figures, run) if run else figures


def _with_run(figures: Figures, run: RunFigures) -> Figures:
    began = _instant(run.started_at)
    ended = _instant(run.finished_at) if run.finished_at else None
    return replace(
        figures,
        last_run=began,
        last_run_seconds=None if ended is None else max(0.0, ended - began),
        outcome=run.outcome or "interrupted",
        fetched=run.fetched,
        new=run.new,
        duplicates=run.duplicates,
        totals=run.totals,
        warnings=run.warnings,
        errors=run.errors,
    )


def _instant(text: str) -> float:
    return parse_utc(text).timestamp()
