"""`status --stale`: which accounts have had no complete run for too long."""

from datetime import datetime, timedelta

from archiver.config import Config
from archiver.durations import format_duration
from archiver.timestamps import parse_utc
from jobs.turn import SKEW
from storage.reading import open_reader


def stale_accounts(config: Config, longest: timedelta, now: datetime) -> list[str]:
    """Which of the configured accounts are stale, with the reason, a line each.

    Only a `run` counts: a backfill may be of any period.
    """
    with open_reader(config.archive.directory) as reader:
        successes = {
            account.name: reader.runs.last_complete_run(account.name) if reader else None
            for account in config.accounts
        }
    lines = []
    for name, success in successes.items():
        reason = _reason(success.finished_at if success else None, longest, now)
        if reason:
            lines.append(f"{name}: {reason}")
    return lines


def _reason(success: str | None, longest: timedelta, now: datetime) -> str | None:
    """Why an account is stale whose last complete run ended then; None where it isn't."""
    if success is None:
        return "no run was ever complete"
    age = now - parse_utc(success)
    if age > longest:
        return (
            f"the last complete run ended at {success}, longer ago than "
            f"{format_duration(longest)} (backfills don't count)"
        )
    if age < -SKEW:
        return (
            f"the last complete run ended at {success}, which hasn't come yet: this machine's "
            "clock is or was wrong. How long ago it was isn't known; the next run tells"
        )
    return None
