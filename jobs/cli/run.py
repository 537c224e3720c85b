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
    from jobs.cli.archiving import archive_once
    from jobs.cli.reporting import exit_code, show_json

    report = archive_once(context, accounts)
    if as_json:
        show_json(report)
    return exit_code(report)
