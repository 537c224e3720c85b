"""The command line: one module per command, imported only when it is called."""

import importlib
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click

from archiver import __version__
from archiver.errors import ArchiverError
from jobs.cli.context import Context
from jobs.cli.streams import open_closed_streams
from jobs.logs import tell
from jobs.signals import EndedBySignal, signals_as_exceptions

#: Each command, in the order of `--help`, with its line there.
COMMANDS = {
    "init": "Write a commented config.toml.",
    "check": "Check configuration, secrets, service and storage.",
    "run": "Archive all that is due, once.",
    "backfill": "Archive what isn't covered of a stated period.",
    "daemon": "Stay up, and archive what is due on a schedule.",
    "status": "Show what is archived, what is missing, and how the last runs went.",
    "verify": "Prove that what is stored is what was committed.",
    "repair": "Fetch a damaged day again.",
    "export": "Write the archive's clicks, links or totals as JSON lines or CSV.",
    "rejected": "List the records that can't be understood.",
    "make-link": "Make a tracking link and keep it.",
    "publish": "Write the pages of [[pages]] for the web.",
    "demo": "Try it out with a reference server on this machine.",
}


_GENERAL_OPTIONS = frozenset({"--config", "-v", "--verbose", "-q", "--quiet"})


class _Commands(click.Group):
    """Commands that are imported when they are called: cron starts a process a run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(
            f"jobs.cli.{name.replace('-', '_')}"
        ).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `link-archiver demo`, or with `link-archiver init`.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration; else $LINK_ARCHIVER_CONFIG, ./config.toml, the user's configuration "
    "folder, /etc/link-archiver/config.toml.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.version_option(__version__, prog_name="link-archiver")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, *, verbose: bool, quiet: bool) -> None:
    """Keep every click on your tracking links, whatever happens to the service.

    Each run archives what the service's link history has and this archive hasn't: every click
    exactly once, and a plain statement of what is missing.

    \b
    Example:
      link-archiver init
      link-archiver check
      link-archiver run
    """  # noqa: D301 - click's mark is the character
    if verbose and quiet:
        raise click.UsageError("-v and -q contradict each other: give one of them.")
    ctx.obj = Context(config=config, verbose=verbose, quiet=quiet, secrets=ctx.obj)
    ctx.obj.log()


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the program and exit with its code, as the tree in `archiver/errors.py` has it."""
    open_closed_streams()
    os.umask(0o027)  # archives are nobody else's to read
    sys.exit(_exit_code(arguments))


def _exit_code(arguments: list[str] | None) -> int:
    try:
        with signals_as_exceptions():
            return _invoke(arguments)
    except EndedBySignal as end:
        tell(logging.WARNING, f"ended by {end}; what was committed is safe")
        return end.exit_code


def _invoke(arguments: list[str] | None) -> int:
    secrets: list[str] = []
    try:
        result: Any = cli.main(
            arguments, prog_name="link-archiver", standalone_mode=False, obj=secrets
        )
    except click.NoSuchOption as error:
        error.show()
        if error.option_name in _GENERAL_OPTIONS:
            click.echo(
                f"Write it before the command: link-archiver {error.option_name} …", err=True
            )
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ArchiverError as error:
        for line in str(error).splitlines():
            tell(logging.ERROR, line)
        return error.exit_code
    except Exception:  # noqa: BLE001 - the last resort: nothing unredacted may be shown
        tell(logging.ERROR, f"unexpected: {traceback.format_exc()}")
        return ArchiverError.exit_code
    return result if isinstance(result, int) else 0
