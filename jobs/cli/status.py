"""`link-archiver status`."""

import click

from jobs.cli.context import Context
from jobs.cli.options import json_option


@click.command()
@json_option
@click.pass_obj
def command(context: Context, *, as_json: bool) -> int:
    """Show what is archived, what is missing, and how the last runs went.

    The service isn't asked. A gap is wanted time before the end of what is covered that couldn't
    be fetched; the next run fetches it.

    \b
    Example:
      link-archiver status
      link-archiver status --json
    """  # noqa: D301 - click's mark is the character
    import orjson

    from jobs.cli.output import show
    from jobs.cli.status_text import as_text
    from jobs.status import archive_status
    from jobs.turn import system_clock

    status = archive_status(context.load(), system_clock())
    show(orjson.dumps(status) if as_json else as_text(status))
    return 0
