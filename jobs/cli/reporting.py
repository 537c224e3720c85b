"""How `run` and `backfill` say what they did, and their exit code."""

import orjson

from archiver.model import AccountReport, RunReport
from jobs.cli.context import Context
from jobs.cli.output import show

_UNEXPECTED, _INCOMPLETE = 1, 3


def tell(report: RunReport, context: Context, *, as_json: bool) -> int:
    """Say what a run did; give its exit code."""
    for account in report.accounts:
        for warning in account.warnings:
            context.warn(f"{account.name}: warning: {warning}")
        if account.error:
            for error in account.error.splitlines():
                context.complain(f"{account.name}: {error}")
    if as_json:
        show(orjson.dumps(report.as_json()))
    else:
        for account in report.accounts:
            context.note(_line(account))
    if any(account.unexpected for account in report.accounts):
        return _UNEXPECTED
    return 0 if report.outcome == "complete" else _INCOMPLETE


def _line(account: AccountReport) -> str:
    return (
        f"{account.name}: {account.outcome}, {account.new:,} new clicks, "
        f"{account.duplicates:,} known, {account.windows:,} windows"
    )
