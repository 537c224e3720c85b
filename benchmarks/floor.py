"""How far is the archiver from a bare loop? Both are measured in one run, in turn.

100,000 clicks over loopback, JSON into SQLite. The floor is what nobody can do without: requests
by `http.client` with keep-alive, `json`, rows by `itemgetter`, `executemany` into a table with a
primary key, the same columns and durability, a transaction per 20,000 rows. No checks, no times.
The server is another process and serves pages that were made beforehand. Start-up isn't counted.

    python benchmarks/floor.py [--clicks N] [--rounds N]
"""

import argparse
import bisect
import http.client
import json
import multiprocessing
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from operator import itemgetter
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from archiver.config import load_config
from jobs.archiving import Job
from jobs.backfill import Backfill

GOAL_RATIO = 2.5
GOAL_MEGABYTES = 150
PAGE = 1000
ROWS_PER_TRANSACTION = 20_000
DAY = datetime(2025, 9, 10, tzinfo=UTC)
NOW = DAY + timedelta(days=2)
FIELDS = (
    "id", "link_id", "link", "external_url", "title", "group", "clicked_at", "ip", "country",
    "referrer", "user_agent", "is_unique", "conversion",
)  # fmt: skip


def click_of(number: int, clicks: int) -> dict[str, str | None]:
    at = DAY + timedelta(seconds=number * 86_400 // clicks)
    return {
        "id": str(10_000_000 + number),
        "link_id": str(number % 40),
        "link": f"http://linktrack.info/.{number % 40:x}",
        "external_url": f"https://example.com/landing/{number % 40}?utm_source=newsletter",
        "title": f"The campaign's page number {number % 40}",
        "group": "contest",
        "clicked_at": f"{at:%Y-%m-%d %H:%M:%S}",
        "ip": f"198.51.{number % 251}.{number % 239}",
        "country": "CH",
        "referrer": f"https://search.example/?q={number % 5000}",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0",
        "is_unique": str(number % 2),
        "conversion": None,
    }


def serve(clicks: int, ready: Connection) -> None:
    """Serve any window of the day from records made beforehand, as the reference server would."""
    records = [json.dumps(click_of(number, clicks)) for number in range(clicks)]
    times = [click_of(number, clicks)["clicked_at"] for number in range(clicks)]
    pages: dict[tuple[str, str, str], bytes] = {}

    def page(start: str, end: str, offset: str) -> bytes:
        first, last = bisect.bisect_left(times, start), bisect.bisect_left(times, end)
        at = first + int(offset)
        body = ",".join(records[at : min(at + PAGE, last)])
        head = f'{{"error":0,"msg":"","total":{last - first},"limit":{PAGE},"offset":{offset}'
        return f'{head},"history":[{body}]}}'.encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            key = (form["start"][0], form["end"][0], form["offset"][0])
            body = pages.get(key) or pages.setdefault(key, page(*key))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ready.send(server.server_port)
    server.serve_forever()


def floor(port: int, clicks: int, folder: Path) -> None:
    """The bare loop."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    database = sqlite3.connect(folder / "floor.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    columns = ", ".join(f'"{name}"' for name in ("account", *FIELDS, "a", "b", "c"))
    database.execute(
        f"CREATE TABLE clicks ({columns}, PRIMARY KEY (account, clicked_at, id)) WITHOUT ROWID"
    )
    marks = ", ".join("?" * (len(FIELDS) + 4))
    insert = f"INSERT INTO clicks VALUES ({marks}) ON CONFLICT DO NOTHING"
    values = itemgetter(*FIELDS)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    rows: list[tuple[object, ...]] = []
    for offset in range(0, clicks, PAGE):
        asked = {"start": f"{DAY:%Y-%m-%d %H:%M:%S}", "end": "2025-09-11 00:00:00"}
        connection.request("POST", "/", urlencode({**asked, "offset": offset}), headers)
        records = json.loads(connection.getresponse().read())["history"]
        rows += [("acme", *values(record), None, None, None) for record in records]
        if len(rows) >= ROWS_PER_TRANSACTION or offset + PAGE >= clicks:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(insert, rows)
            database.execute("COMMIT")
            rows = []
    assert database.execute("SELECT count(*) FROM clicks").fetchone() == (clicks,)
    database.close()


def archiver(port: int, clicks: int, folder: Path) -> None:
    """The program, without its start-up."""
    (folder / "config.toml").write_text(
        f"""
[archive]
directory = "archive"
[[accounts]]
name = "acme"
service = "linktrack"
base_url = "http://127.0.0.1:{port}/"
login = "acme"
password_env = "UNUSED"
timezone = "UTC"
format = "json"
requests_per_second = 0
totals = false
""",
        encoding="utf-8",
    )
    config = load_config(folder / "config.toml")
    plan = Backfill("2025-09-10", "2025-09-11").plan
    report = Job("backfill", config, {"acme": "password"}, plan, clock=lambda: NOW).execute()
    assert report.accounts[0].new == clicks, report


def seconds(measured: Callable[[int, int, Path], None], port: int, clicks: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        measured(port, clicks, Path(folder))
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="The archiver's time over a bare loop's.")
    parser.add_argument("--clicks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(asked.clicks, theirs), daemon=True)
    server.start()
    port = ours.recv()
    try:
        for measured in (floor, archiver):  # the server makes its pages
            seconds(measured, port, asked.clicks)
        pairs = [
            (seconds(archiver, port, asked.clicks), seconds(floor, port, asked.clicks))
            for _ in range(asked.rounds)
        ]
    finally:
        server.kill()
    ratios = [archiver_seconds / floor_seconds for archiver_seconds, floor_seconds in pairs]
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, times in zip(("archiver", "floor"), zip(*pairs, strict=True), strict=True):
        print(f"{name:<9} {statistics.median(times):.2f} s, {min(times):.2f} to {max(times):.2f}")
    print(
        f"ratio     {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f} "
        f"(goal: at most {GOAL_RATIO})"
    )
    print(f"memory    {megabytes:.0f} MB at most (goal: below {GOAL_MEGABYTES})")


if __name__ == "__main__":
    main()
