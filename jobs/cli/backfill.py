"""`link-archiver backfill`."""

import click

from jobs.cli.context import Context
from jobs.cli.options import accounts_option, json_option


@click.command()
@click.option("--from", "start", required=True, metavar="T", help="The period's beginning, in.")
@click.option("--to", "end", metavar="T", help="Its end, which is out; without it, now.")
@accounts_option
@click.option("--again", is_flag=True, help="Fetch what is covered as well.")
@click.option("--wait", is_flag=True, help="Wait while another run holds the archive.")
@json_option
@click.pass_obj
def command(
    context: Context,
    start: str,
    end: str | None,
    accounts: tuple[str, ...],
    *,
    again: bool,
    wait: bool,
    as_json: bool,
) -> int:
    """Archive what isn't covered of a stated period.

    Times are ISO 8601: with an offset they are exact, without they are in the account's time
    zone, and a date is its midnight. It may be ended at any time and goes on where it stopped.

    \b
    Example:
      link-archiver backfill --from 2026-01-01 --wait
      link-archiver backfill --from 2026-11-18T22:00:00Z --to 2026-11-19 --account acme --again
    """  # noqa: D301 - click's mark is the character
    from uuid import uuid4

    from jobs.accounts import chosen_accounts
    from jobs.archiving import Job
    from jobs.backfill import Backfill
    from jobs.cli.progress import watching
    from jobs.cli.reporting import exit_code, show_json
    from jobs.lock import hold, wait_and_hold
    from jobs.turn import system_clock

    config = context.load()
    chosen = chosen_accounts(config, accounts)
    backfill = Backfill(start, end, again=again)
    for account in chosen:
        # A period that isn't one is said before anything is fetched.
        backfill.period(account, system_clock())
    run_id = uuid4()
    with watching(context, run_id) as observer:
        report = Job(
            "backfill",
            config,
            context.passwords(chosen),
            backfill.plan,
            observer=observer,
            hold=wait_and_hold if wait else hold,
            run_id=run_id,
        ).execute()
    if as_json:
        show_json(report)
    return exit_code(report)
