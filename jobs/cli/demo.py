"""`link-archiver demo`."""

import shlex
import shutil
import sys
from pathlib import Path

import click

from jobs.cli.context import Context


@click.command()
@click.argument(
    "directory", type=click.Path(path_type=Path, file_okay=False), default="link-archiver-demo"
)
@click.pass_obj
def command(context: Context, directory: Path) -> int:
    """Archive the last day of a made-up account, from a server on this machine.

    The archive stays in DIRECTORY; a second time adds only what is new.

    \b
    Example:
      link-archiver demo
      link-archiver demo /tmp/tryout
    """  # noqa: D301 - click's mark is the character
    from uuid import uuid4

    from archiver.config import load_config
    from jobs.archiving import Job
    from jobs.cli.output import show
    from jobs.cli.progress import watching
    from jobs.cli.reporting import exit_code
    from jobs.cli.status_text import as_text
    from jobs.daily import plan
    from jobs.demo import Demo
    from jobs.status import archive_status
    from jobs.turn import system_clock

    demo = Demo(directory)
    show("Starting the reference server with a populated account …")
    demo.prepare(system_clock())
    with demo.server():
        config = load_config(demo.config)
        passwords = context.passwords(config.accounts)
        show("Archiving the last day of its clicks …\n")
        run_id = uuid4()
        with watching(context, run_id) as observer:
            job = Job("run", config, passwords, plan, observer=observer, run_id=run_id)
            report = job.execute()
    for account in report.accounts:
        show(f"{account.new:,} new clicks archived, {account.duplicates:,} known already.\n")
    show(as_text(archive_status(config, system_clock()), {}))
    program = "link-archiver" if shutil.which("link-archiver") else shlex.quote(sys.argv[0])
    database = config.archive.directory / "archive.db"
    show(_WAYS_ON.format(program=program, config=demo.config, database=database))
    return exit_code(report)


_WAYS_ON = """
Look at it (the demo's server has ended; none of these needs it):
  {program} --config {config} status
  {program} --config {config} export clicks | head -3
  sqlite3 {database} 'SELECT * FROM clicks_per_link ORDER BY clicks DESC LIMIT 5'

Now your own links: {program} init"""
