"""`link-archiver rejected`."""

import sys

import click

from jobs.cli.context import Context
from jobs.cli.options import accounts_option, json_option


@click.command()
@accounts_option
@json_option
@click.pass_obj
def command(context: Context, accounts: tuple[str, ...], *, as_json: bool) -> int:
    """List the records that can't be understood, such as clicks without a time.

    They are no clicks, but nothing of them is lost: each is kept as the service gave it, once,
    with the reason and the slice of time that it came in. The service isn't asked.

    \b
    Example:
      link-archiver rejected
      link-archiver rejected --account acme --json
    """  # noqa: D301 - click's mark is the character
    from jobs.cli.output import writing_to_stdout
    from jobs.cli.rejected_text import as_document, as_lines
    from jobs.rejected import rejected_records

    config = context.load()
    configured = [account.name for account in config.accounts]
    records = rejected_records(config.archive.directory, accounts, configured)
    with writing_to_stdout():
        for part in (as_document if as_json else as_lines)(records):
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
    return 0
