"""The reference server's page time in a long history, by requests to the program itself."""

import http.client
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from benchmarks.history import PAGE_SIZE
from benchmarks.measure import Bench, Figure, Results
from refserver.database import Database

_LOGIN, _PASSWORD = "acme-api", "password"
_LINKS = 40
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_SECONDS_APART = 2
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# What a click is matters little here; how many there are matters.
_CLICKS = """
INSERT INTO clicks (account_id, link_id, clicked_at_utc, clicked_at_local, ip, country, referrer,
                    user_agent, is_unique, conversion)
WITH RECURSIVE numbered (number) AS (
    SELECT 0 UNION ALL SELECT number + 1 FROM numbered WHERE number + 1 < :clicks
),
dated AS (
    SELECT number, datetime(:first + number * :apart, 'unixepoch') AS at FROM numbered
)
SELECT :account, :first_link + number % :links, at, at,
       '198.18.' || (number % 256) || '.' || (number % 251), 'DE',
       'https://search.example/?q=' || (number % 5000),
       'Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0',
       number % 2, ''
FROM dated
"""


def measure(bench: Bench, results: Results) -> None:
    """Read the middle of a long history page by page, in both forms.

    Each round asks for a window of its own: that a window's clicks are counted for the first of
    its pages is part of what that takes.
    """
    sizes = bench.sizes
    path = bench.work / "reference.db"
    bench.tell("reference server: making its history")
    _populate(path, sizes.reference_clicks)
    where = f"in a window of {sizes.reference_window:,} of {sizes.reference_clicks:,} clicks"
    with _running(path) as address:
        for number, form in enumerate(("json", "xml")):
            rounds = [
                [seconds * 1000 for seconds in _page_seconds(address, form, bounds)]
                for bounds in _windows(bench, number * sizes.rounds)
            ]
            places = {
                "the first page": [taken[0] for taken in rounds],
                "the page in the middle": [taken[len(taken) // 2] for taken in rounds],
                "the last page": [taken[-1] for taken in rounds],
                "all pages": [seconds for taken in rounds for seconds in taken],
            }
            for place, taken in places.items():
                what = f"the reference server, {PAGE_SIZE:,} clicks as {form.upper()}: {place}"
                results.figures.append(Figure(12, f"{what} {where}", taken, 20, " ms"))
                bench.tell(f"{what}, {max(taken):.1f} ms at most")
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()


def _windows(bench: Bench, number: int) -> Iterator[tuple[str, str, int]]:
    """A window for each round, each a click further on: its start, its end, its clicks."""
    sizes = bench.sizes
    middle = (sizes.reference_clicks - sizes.reference_window) // 2
    for first in range(middle + number, middle + number + sizes.rounds):
        start, end = (
            f"{_FIRST + timedelta(seconds=_SECONDS_APART * click):%Y-%m-%d %H:%M:%S}"
            for click in (first, first + sizes.reference_window)
        )
        yield start, end, sizes.reference_window


def _populate(path: Path, clicks: int) -> None:
    with closing(Database(path)) as database:
        account = database.add_account(_LOGIN, _PASSWORD, "UTC")
        links = [
            database.add_link(account, external_url=f"https://example.com/landing/{number}")
            for number in range(_LINKS)
        ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            _CLICKS,
            {
                "clicks": clicks,
                "first": int(_FIRST.timestamp()),
                "apart": _SECONDS_APART,
                "account": account,
                "first_link": links[0],
                "links": _LINKS,
            },
        )


@contextmanager
def _running(path: Path) -> Iterator[str]:
    program = Path(sys.executable).with_name("link-refserver")
    with subprocess.Popen(
        [program, "serve", "--database", path, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        if server.stdout is None:
            raise AssertionError("its pipe was asked for")
        try:
            yield server.stdout.readline().removeprefix("listening on ").strip()
        finally:
            server.terminate()


def _page_seconds(address: str, form: str, asked_for: tuple[str, str, int]) -> Iterator[float]:
    """How long each page of a window takes, from the request to its last byte."""
    where = urlsplit(address)
    start, end, clicks = asked_for
    with closing(http.client.HTTPConnection(where.hostname or "", where.port)) as connection:
        for offset in range(0, clicks, PAGE_SIZE):
            asked = {
                "login": _LOGIN,
                "pass": _PASSWORD,
                "format": form,
                "start": start,
                "end": end,
                "limit": PAGE_SIZE,
                "offset": offset,
            }
            begun = time.perf_counter()
            connection.request("POST", "/api/v1_0/getLinkHistory", urlencode(asked), _FORM)
            body = connection.getresponse().read()
            yield time.perf_counter() - begun
            if body.count(b"user_agent") < PAGE_SIZE:
                raise RuntimeError(f"the reference server gave no whole page: {body[:200]!r}")
