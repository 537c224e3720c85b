"""`link-archiver run`."""

import click

from jobs.cli.context import Context
from jobs.cli.options import accounts_option, json_option


@click.command()
@accounts_option
@json_option
@click.pass_obj
def command(context: Context, accounts: tuple[str, ...], *, as_json: bool) -> int:
    """Archive all that is due, once: for cron and systemd timers.

    What is due is all time that has settled and isn't covered yet, and the last day or so again,
    for clicks that came late. A run that was missed, doubled or ended does no harm.

    \b
    Example:
      link-archiver run
      link-archiver run --account acme --json
    """  # noqa: D301 - click's mark is the character
    from jobs.archiving import Job, chosen_accounts
    from jobs.cli.progress import observer
    from jobs.cli.reporting import tell
    from jobs.daily import plan

    config = context.load()
    passwords = context.passwords(chosen_accounts(config, accounts))
    with observer(context) as watching:
        report = Job("run", config, passwords, plan, observer=watching).execute()
    return tell(report, context, as_json=as_json)
