"""`link-archiver repair`."""

import click

from jobs.cli.context import Context


@click.command()
@click.option("--account", required=True, metavar="A", help="The account.")
@click.option("--day", required=True, metavar="D", help="A day in UTC, such as 2026-11-19.")
@click.pass_obj
def command(context: Context, account: str, day: str) -> int:
    """Fetch a damaged day again, and make what is stored of it right.

    Lost clicks come back and changed ones become what the service says. What it doesn't give any
    more stays. Nothing is thrown away: what is taken out is kept in a file, and where the service
    can't be reached, nothing is changed.

    \b
    Example:
      link-archiver repair --account acme --day 2026-11-19
    """  # noqa: D301 - click's mark is the character
    from uuid import uuid4

    from archiver.model import RunReport
    from jobs.accounts import chosen_accounts
    from jobs.cli.output import show
    from jobs.cli.progress import watching
    from jobs.cli.reporting import exit_code
    from jobs.cli.verify_text import repaired_lines
    from jobs.repair import Repair, utc_day

    config = context.load()
    [chosen] = chosen_accounts(config, [account])
    asked = utc_day(day)
    password = context.password(chosen)
    run_id = uuid4()
    with watching(context, run_id) as observer:
        done = Repair(config, chosen, password, asked, observer=observer, run_id=run_id).execute()
    for line in repaired_lines(done):
        show(line)
    return exit_code(RunReport([done.report]))
