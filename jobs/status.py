"""`status`: what is archived, what is missing, how fresh it is. Reads, and writes nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from archiver.config import Config
from archiver.config_account import Account
from archiver.model import Window
from archiver.plan import plan_end
from archiver.timestamps import format_utc
from archiver.windows import clip, subtract
from jobs.daily import wanted_start
from jobs.lock import Holder, holder
from jobs.sources import local_times
from storage.reading import ArchiveReader, open_reader
from storage.runs import RunRow

Status = Mapping[str, Any]


def archive_status(config: Config, now: datetime) -> Status:
    """The form of `status --json`: times in UTC, windows `[start, end)`."""
    directory = config.archive.directory
    with open_reader(directory) as reader:
        at_work = holder(directory)
        accounts = [_account_status(account, reader, now, at_work) for account in config.accounts]
        store = (reader and reader.settings.store()) or config.archive.store
    return {"archive": {"directory": str(directory), "store": store}, "accounts": accounts}


def vanished_clicks(config: Config) -> Mapping[str, int]:
    """How many archived clicks the service doesn't give any more, by account: of some or none."""
    with open_reader(config.archive.directory) as reader:
        counts = {
            account.name: reader.vanished.count(account.name) if reader else 0
            for account in config.accounts
        }
    return {name: count for name, count in counts.items() if count}


def _account_status(
    account: Account, reader: ArchiveReader | None, now: datetime, at_work: Holder | None
) -> Status:
    known = {"name": account.name, "service": account.service}
    if reader is None:
        return {**known, **_NOTHING}
    counts = reader.counts(account.name)
    coverage = reader.ledger.coverage(account.name)
    settled = plan_end(now, account.settle, local_times(account))
    start = wanted_start(account, reader.settings.first_run_at(account.name))
    if start is None and coverage:
        start = coverage[0].start
    end = coverage[-1].end if coverage else start
    wanted_so_far = clip(start, end) if start and end else None
    success = reader.runs.last_success(account.name)
    return {
        **known,
        "clicks": counts.clicks,
        "links": counts.links,
        "first_click": counts.first_click,
        "last_click": counts.last_click,
        "covered": [_window(window) for window in coverage],
        "gaps": [_window(gap) for gap in subtract([wanted_so_far], coverage)]
        if wanted_so_far
        else [],
        "behind_seconds": max(0, int((settled - end).total_seconds())) if end else None,
        "last_success": success.finished_at if success else None,
        "last_run": _run(reader.runs.last(account.name), at_work),
    }


_NOTHING: Status = {
    "clicks": 0,
    "links": 0,
    "first_click": None,
    "last_click": None,
    "covered": [],
    "gaps": [],
    "behind_seconds": None,
    "last_success": None,
    "last_run": None,
}


def _run(run: RunRow | None, at_work: Holder | None) -> Status | None:
    if run is None:
        return None
    unfinished = "running" if at_work and at_work.since <= run.started_at else "interrupted"
    return {
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "outcome": run.outcome or unfinished,
        "error": run.error,
    }


def _window(window: Window) -> Status:
    return {"start": format_utc(window.start), "end": format_utc(window.end)}
