"""`link-archiver export`."""

import sys
from pathlib import Path
from typing import Literal

import click

from jobs.cli.context import Context
from jobs.cli.options import accounts_option


def _file(_: click.Context, __: click.Parameter, output: Path | None) -> Path | None:
    """The file that is named, if one is; "-" is stdout, as for other programs."""
    if output == Path():
        raise click.BadParameter("it is empty. Name a file, or leave it out for stdout.")
    return None if output == Path("-") else output


@click.command()
@click.argument("what", type=click.Choice(["clicks", "links", "totals"]))
@accounts_option
@click.option("--from", "start", metavar="T", help="Beginning, in.")
@click.option("--to", "end", metavar="T", help="End, out.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="JSON lines, or CSV for spreadsheets.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    callback=_file,
    help="Where to; it appears whole or not at all. Without it, or with -, stdout.",
)
@click.pass_obj
def command(
    context: Context,
    what: Literal["clicks", "links", "totals"],
    accounts: tuple[str, ...],
    start: str | None,
    end: str | None,
    form: Literal["jsonl", "csv"],
    output: Path | None,
) -> int:
    """Write what is archived, in order of account, time and id.

    The service isn't asked: this works without a network, long after the service is gone. Times
    are ISO 8601, in the account's time zone where they have no offset.

    CSV has every value as it is. Import it as text: a spreadsheet may take one that begins with =,
    +, - or @ for a formula, and anybody who clicks can send one.

    \b
    Example:
      link-archiver export clicks --from 2026-11-01 --to 2026-12-01
      link-archiver export clicks --format csv --output clicks.csv
      link-archiver export totals --account acme
    """  # noqa: D301 - click's mark is the character
    from jobs.cli.output import writing_to_stdout
    from jobs.cli.progress import counting
    from jobs.export import Export, output_file
    from jobs.guarded import refuse_guarded

    config = context.load()
    directory = config.archive.directory
    export = Export(
        what, accounts, start, end, form, [account.name for account in config.accounts]
    )
    if output is None:
        with writing_to_stdout():
            export.write(directory, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    else:
        refuse_guarded(output, config)
        with output_file(output) as file, counting(context, "clicks") as progress:
            export.write(directory, file, progress)
    return 0
