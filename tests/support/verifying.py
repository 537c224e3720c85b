"""Verifying and repairing an archive of few clicks, at a time that stands still."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from archiver.config import load_config
from jobs.repair import Repair, Repaired
from jobs.verdict import Verdict
from jobs.verify import Verification
from support.archive import TestArchive
from support.service import PASSWORD

START = datetime(2025, 9, 1, tzinfo=UTC)
NOW = datetime(2025, 9, 10, tzinfo=UTC)
DAY = timedelta(days=1)
DAMAGED, EMPTY = "2025-09-02", "2025-08-31"  # on the second there is no click


def verify(archive: TestArchive, *accounts: str, **asked: object) -> Verdict:
    given = {"start": None, "end": None, "clock": lambda: NOW, **asked}
    return Verification(accounts, **given).verify(archive.directory)


def repair(
    archive: TestArchive, day: str = DAMAGED, *, password: str = PASSWORD, now: datetime = NOW
) -> Repaired:
    config = load_config(archive.path)
    return Repair(config, config.accounts[0], password, day, clock=lambda: now).execute()


def found(verdict: Verdict) -> list[tuple]:
    return [(each.account, each.day, each.what) for each in verdict.differences]


def backfilled(folder: Path, url: str, store: str, **settings: object) -> TestArchive:
    """An archive of all that a service has, and of a day before that."""
    archive = TestArchive(folder, url, store=store, **settings)
    assert archive.backfill("2025-08-31", "2025-09-05", NOW).outcome == "complete"
    return archive
