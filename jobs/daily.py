"""`run`: archive all that is due, once. Coverage says what is due, never the schedule."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import overload

from archiver.config_account import Account
from archiver.model import Window
from archiver.plan import plan_end, plan_run
from archiver.windows import clip
from jobs.archiving import Turn, cut_back
from jobs.sources import local_times

#: What an account's first run reaches back, where its configuration doesn't say since when.
FIRST_RUN_REACHES_BACK = timedelta(hours=24)


@overload
def wanted_start(account: Account, first_run_at: datetime) -> datetime: ...
@overload
def wanted_start(account: Account, first_run_at: datetime | None) -> datetime | None: ...
def wanted_start(account: Account, first_run_at: datetime | None) -> datetime | None:
    """From when on an account's clicks are wanted; None before its first run, without `since`."""
    if account.since is not None or first_run_at is None:
        return account.since
    return first_run_at - FIRST_RUN_REACHES_BACK


def plan(turn: Turn) -> Sequence[Window]:
    """What is missing of all that is wanted so far, and the lookback for late clicks."""
    account, archive = turn.account, turn.archive
    end = plan_end(turn.now, account.settle, local_times(account))
    cut_back(turn, end)
    first_run_at = archive.settings.hold_first_run(account.name, turn.now)
    return plan_run(
        clip(wanted_start(account, first_run_at), end),
        archive.ledger.coverage(account.name),
        account.lookback,
        archive.settings.lookback_from(account.name),
    )
