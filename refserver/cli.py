"""The command `link-refserver`."""

import logging
import os
import signal
import sqlite3
import sys
import threading
from contextlib import ExitStack, closing
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from refserver import population
from refserver.app import create_app
from refserver.database import Database
from refserver.dialects import NAMES
from refserver.serving import running
from refserver.timestamps import parse_typed


@click.group()
def main() -> None:
    """The API side of the services, for tests and for trying out."""


_database_option = click.option(
    "--database",
    "path",
    required=True,
    type=click.Path(dir_okay=False),
    help="SQLite file; it is created where there is none.",
)


@main.command()
@_database_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--dialect",
    "dialects",
    multiple=True,
    type=click.Choice(NAMES),
    help="A dialect of the contract; may be given several times.",
)
@click.option(
    "--allow-control", is_flag=True, help="Let programs on this machine set faults by /_control/."
)
def serve(
    *, path: str, host: str, port: int, dialects: tuple[str, ...], allow_control: bool
) -> None:
    """Serve the API until TERM or INT.

    The first line on stdout is `listening on http://HOST:PORT`; requests are logged on stderr,
    without their queries.

    \b
    Example:
      link-refserver serve --database reference.db --port 8080
    """  # noqa: D301 - click's mark is the character
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        database = stack.enter_context(closing(_open_database(path)))
        try:
            app = create_app(database, dialects, allow_control=allow_control)
            url = stack.enter_context(running(app, host, port))
        except OSError as error:
            raise click.UsageError(f"can't listen on {host}:{port}: {error}") from None
        click.echo(f"listening on {url}")
        stop.wait()


@main.command()
@_database_option
@click.option("--login", required=True, help="The new account's login.")
@click.option(
    "--password-env",
    "variable",
    required=True,
    metavar="VAR",
    help="Environment variable that holds the password.",
)
@click.option("--timezone", required=True, help="The account's time zone, as Europe/Zurich.")
@click.option("--links", required=True, type=click.IntRange(min=1))
@click.option("--clicks", required=True, type=click.IntRange(min=0))
@click.option("--from", "start", required=True, help="ISO 8601; in.")
@click.option("--to", "end", required=True, help="ISO 8601; out.")
@click.option("--seed", type=int, default=1, show_default=True)
def populate(
    *,
    path: str,
    login: str,
    variable: str,
    timezone: str,
    links: int,
    clicks: int,
    start: str,
    end: str,
    seed: int,
) -> None:
    """Make an account with links and clicks that look real.

    The same seed and arguments make the same clicks. A time without an offset is in the
    account's zone; a date is its midnight.

    \b
    Example:
      link-refserver populate --database reference.db --login acme
          --password-env REFSERVER_PASSWORD --timezone America/New_York
          --links 40 --clicks 5000 --from 2026-03-01 --to 2026-03-08
    """  # noqa: D301 - click's mark is the character
    password = os.environ.get(variable)
    if not password:
        raise click.UsageError(f"the environment variable {variable} holds no password")
    _refuse_no_text(f"the environment variable {variable}", password)
    _refuse_no_text("--login", login)
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.UsageError(f"--timezone: there is no zone {timezone!r}") from None
    try:
        first, last = parse_typed(start, zone), parse_typed(end, zone)
        with closing(_open_database(path)) as database:
            population.populate(
                database,
                login=login,
                password=password,
                timezone=timezone,
                links=links,
                clicks=clicks,
                start=first,
                end=last,
                seed=seed,
            )
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _refuse_no_text(what: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"{what} isn't UTF-8 text") from None


def _open_database(path: str) -> Database:
    try:
        return Database(path)
    except sqlite3.Error as error:
        raise click.UsageError(f"{path} can't be used as a database: {error}") from None
