"""`link-archiver status`."""

from datetime import timedelta

import click

from jobs.cli.context import Context
from jobs.cli.options import json_option, some_duration

_STALE = 3


@click.command()
@click.option(
    "--stale",
    callback=some_duration,
    metavar="DURATION",
    help="Exit with 3 where an account's last complete run is longer ago, as 26h, or is none.",
)
@json_option
@click.pass_obj
def command(context: Context, stale: timedelta | None, *, as_json: bool) -> int:
    """Show what is archived, what is missing, and how the last runs went.

    The service isn't asked. A gap is wanted time before the end of what is covered that couldn't
    be fetched; the next run fetches it.

    \b
    Example:
      link-archiver status
      link-archiver status --json
      link-archiver status --stale 26h
    """  # noqa: D301 - click's mark is the character
    import logging

    import orjson

    from jobs.cli.output import show
    from jobs.cli.status_text import as_text
    from jobs.logs import tell
    from jobs.staleness import stale_accounts
    from jobs.status import archive_status, vanished_clicks
    from jobs.turn import system_clock

    config, now = context.load(), system_clock()
    status = archive_status(config, now)
    show(orjson.dumps(status) if as_json else as_text(status, vanished_clicks(config)))
    lines = [] if stale is None else stale_accounts(config, stale, now)
    for line in lines:
        tell(logging.ERROR, line)
    return _STALE if lines else 0
