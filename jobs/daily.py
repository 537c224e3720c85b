"""`run`: archive all that is due, once. Coverage says what is due, never the schedule."""

from datetime import datetime, timedelta

from archiver.config_account import Account
from archiver.plan import Plan, plan_end, plan_run
from archiver.timestamps import format_utc
from archiver.windows import clip
from jobs.sources import local_times
from jobs.turn import Turn

#: What an account's first run reaches back, where its configuration doesn't say since when.
FIRST_RUN_REACHES_BACK = timedelta(hours=24)


def wanted_start(account: Account, first_run_at: datetime | None) -> datetime | None:
    """From when on an account's clicks are wanted; None before its first run, without `since`."""
    if account.since is not None or first_run_at is None:
        return account.since
    return first_run_at - FIRST_RUN_REACHES_BACK


def plan(turn: Turn) -> Plan:
    """What is missing of all that is wanted so far, and the lookback for late clicks."""
    account, archive = turn.account, turn.archive
    end = plan_end(turn.now, account.settle, local_times(account))
    turn.cut_back(end)
    start = wanted_start(account, _first_run_at(turn))
    if account.since is not None and account.since > turn.now:
        told = turn.report.errors if turn.clock_is_behind() else turn.report.warnings
        since = format_utc(account.since)
        told.append(
            f"since ({since}) hasn't come yet by this machine's clock: nothing is archived"
        )
    return plan_run(
        clip(start, end) if start else None,
        archive.ledger.coverage(account.name),
        account.lookback,
        looked_back_to=archive.settings.looked_back_to(account.name),
        lookback_from=archive.settings.lookback_from(account.name),
    )


def _first_run_at(turn: Turn) -> datetime:
    """The instant of the account's first run: kept by the ledger, now where this is the first.

    Where it lies in the future, that run was made by a clock that was wrong, and what it would
    leave out is wanted.
    """
    settings, name = turn.archive.settings, turn.account.name
    first = settings.first_run_at(name)
    if first is None or (first > turn.now and not turn.clock_is_behind()):
        first = turn.now.replace(microsecond=0)
        settings.hold_first_run(name, first)
    return first
