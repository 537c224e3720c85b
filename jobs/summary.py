"""What a run did, as lines for people: in the log, and in a ping."""

from collections.abc import Iterator

from archiver.model import AccountReport, RunReport


def counted(number: int, noun: str) -> str:
    """A number of things: 1 link, 1,024 links."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def done_for(account: AccountReport) -> str:
    """What was done for an account."""
    if not account.has_clicks:
        return f"{account.outcome}, {counted(account.totals, 'total')}"
    return (
        f"{account.outcome}, {counted(account.new, 'new click')}, {account.duplicates:,} known, "
        f"{counted(account.windows, 'window')}"
    )


def lines_of(report: RunReport) -> Iterator[str]:
    """The whole run: what was done for each account, then all errors, then all warnings."""
    for account in report.accounts:
        yield f"{account.name}: {done_for(account)}"
    for account in report.accounts:
        for error in (account.error or "").splitlines():
            yield f"{account.name}: {error}"
    for account in report.accounts:
        for warning in account.warnings:
            yield f"{account.name}: warning: {warning}"
