"""`link-archiver verify`."""

from typing import TYPE_CHECKING

import click

from jobs.cli.context import Context
from jobs.cli.options import accounts_option, json_option

if TYPE_CHECKING:
    from archiver.config import Config
    from jobs.verdict import Verdict


@click.command()
@click.option("--against-source", is_flag=True, help="Compare with the service instead.")
@click.option("--from", "start", metavar="T", help="The period's beginning, in.")
@click.option("--to", "end", metavar="T", help="Its end, which is out.")
@accounts_option
@json_option
@click.pass_obj
def command(
    context: Context,
    start: str | None,
    end: str | None,
    accounts: tuple[str, ...],
    *,
    against_source: bool,
    as_json: bool,
) -> int:
    """Prove that what is stored is what was committed.

    The database is checked, and each day's clicks are counted up again and held against the
    ledger; nothing is written, and a run may go on meanwhile. With --against-source, what is
    covered of the period is fetched again, and clicks that are missing here, gone there or
    changed are reported. Exits 4 where anything differs, 3 where something can't be read.

    \b
    Example:
      link-archiver verify
      link-archiver verify --against-source --from 2026-11-01 --to 2026-12-01
    """  # noqa: D301 - click's mark is the character
    import logging

    import orjson

    from jobs.cli.output import show
    from jobs.cli.verify_text import difference_line, remedies, summary_line
    from jobs.logs import tell

    config = context.load()
    configured = [account.name for account in config.accounts]
    if against_source:
        verdict = _compared(context, config, start, end, accounts)
    else:
        verdict = _verified(context, config, start, end, accounts)
    for account in verdict.accounts:
        for warning in account.warnings:
            tell(logging.WARNING, f"{account.name}: warning: {warning}")
        for error in account.errors:
            tell(logging.ERROR, f"{account.name}: {error}")
    for note in verdict.notes:
        tell(logging.INFO, note)
    if as_json:
        show(orjson.dumps(verdict.as_json()))
    else:
        for difference in verdict.differences:
            show(difference_line(difference))
    for remedy in remedies(verdict, configured):
        tell(logging.WARNING, remedy)
    tell(logging.INFO, summary_line(verdict))
    return verdict.exit_code


def _verified(
    context: Context,
    config: "Config",
    start: str | None,
    end: str | None,
    accounts: tuple[str, ...],
) -> "Verdict":
    from jobs.cli.progress import counting
    from jobs.turn import system_clock
    from jobs.verify import Verification

    configured = [account.name for account in config.accounts]
    with counting(context, "clicks") as progress:
        asked = Verification(accounts, start, end, system_clock, configured, progress)
        return asked.verify(config.archive.directory)


def _compared(
    context: Context,
    config: "Config",
    start: str | None,
    end: str | None,
    accounts: tuple[str, ...],
) -> "Verdict":
    from uuid import uuid4

    from jobs.accounts import chosen_accounts
    from jobs.cli.progress import watching
    from jobs.period import typed_period
    from jobs.verify_source import SourceVerification

    chosen = chosen_accounts(config, accounts)
    for account in chosen:
        typed_period(start, end, account.timezone)  # one that is none is said before all else
    passwords = context.passwords(chosen)
    with watching(context, uuid4()) as observer:
        return SourceVerification(config, passwords, start, end, observer=observer).verify()
