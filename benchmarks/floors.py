"""The floor: bare loops that do what nobody can do without, and nothing else.

Requests by `http.client` with keep-alive, `json` or ElementTree, rows by `itemgetter`,
`executemany` with ON CONFLICT into a table keyed by account, time and id. The columns and the
durability are those of the program, a transaction holds 20,000 rows. No checks, no times.
"""

import http.client
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

from archiver.model import CLICK_FIELDS
from benchmarks.history import ACCOUNT, PAGE_SIZE, local_bounds, window
from benchmarks.tasks import Prepared, Task

_ROWS_PER_TRANSACTION = 20_000
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# The service's names of the columns from clicked_at on, and of none that it doesn't have.
_values_of = itemgetter(
    "clicked_at", "clicked_at", "id", "link_id", "link", "external_url", "title", "group", "ip",
    "country", "referrer", "user_agent", "is_unique", "conversion",
)  # fmt: skip
_COLUMNS = ", ".join(f'"{name}"' for name in CLICK_FIELDS)
_TABLE = f"CREATE TABLE clicks ({_COLUMNS}, PRIMARY KEY (account, clicked_at, id)) WITHOUT ROWID"
_INSERT = (
    f"INSERT INTO clicks VALUES ('{ACCOUNT}', 'linktrack', {', '.join('?' * 14)}, NULL) "
    "ON CONFLICT DO NOTHING"
)
_EXPORTED = (
    f"SELECT {_COLUMNS} FROM clicks WHERE account = ? AND clicked_at >= ? AND clicked_at < ? "
    "ORDER BY account, clicked_at, key"
)

_Records = list[dict[str, str | None]]
_T = TypeVar("_T")


def json_to_sqlite(task: Task) -> Prepared:
    return Prepared(partial(_to_sqlite, task, "json", _of_json), partial(_count, task))


def xml_to_sqlite(task: Task) -> Prepared:
    return Prepared(partial(_to_sqlite, task, "xml", _of_xml), partial(_count, task))


def json_to_lines(task: Task) -> Prepared:
    """Each record as a JSON line, synced every 20,000."""
    path = Path(task.folder, "clicks.jsonl")
    return Prepared(
        partial(_to_lines, task, path), lambda: sum(1 for _ in path.open(encoding="utf-8"))
    )


def reading(task: Task) -> Prepared:
    """Nothing but the requests: what the server and the connection take of all others' time."""
    form = str(task.settings["format"])
    return Prepared(lambda: sum(map(len, _answers(task, form))), lambda: task.clicks)


def selecting(task: Task) -> Prepared:
    """A day's clicks out of the program's own archive, as JSON lines."""
    path = Path(task.folder, "selected.jsonl")
    return Prepared(partial(_select, task, path), lambda: sum(1 for _ in path.open("rb")))


def _answers(task: Task, form: str) -> Iterator[bytes]:
    address = urlsplit(task.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    start, end = local_bounds(task.first_day, task.days)
    asked = {"login": ACCOUNT, "pass": "password", "format": form, "start": start, "end": end}
    for offset in range(0, task.clicks, PAGE_SIZE):
        body = urlencode({**asked, "order": "asc", "limit": PAGE_SIZE, "offset": offset})
        connection.request("POST", f"{address.path}getLinkHistory", body, _FORM)
        yield connection.getresponse().read()
    connection.close()


def _of_json(body: bytes) -> _Records:
    records: _Records = json.loads(body)["history"]
    return records


def _of_xml(body: bytes) -> _Records:
    history = ET.fromstring(body).find("history")
    return [{field.tag: field.text for field in record} for record in history or ()]


def _to_sqlite(task: Task, form: str, records_of: Callable[[bytes], _Records]) -> None:
    database = sqlite3.connect(_database(task), isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(_TABLE)
    pages = (map(_values_of, records_of(body)) for body in _answers(task, form))
    for rows in _batches(pages):
        database.execute("BEGIN IMMEDIATE")
        database.executemany(_INSERT, rows)
        database.execute("COMMIT")
    database.close()


def _to_lines(task: Task, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for records in _batches(map(_of_json, _answers(task, "json"))):
            file.writelines(f"{json.dumps(record)}\n" for record in records)
            file.flush()
            os.fsync(file.fileno())


def _batches(pages: Iterable[Iterable[_T]]) -> Iterator[list[_T]]:
    batch: list[_T] = []
    for page in pages:
        batch += page
        if len(batch) >= _ROWS_PER_TRANSACTION:
            yield batch
            batch = []
    if batch:
        yield batch


def _select(task: Task, path: Path) -> None:
    day = window(task.first_day, task.days)
    bounds = (f"{instant:%Y-%m-%dT%H:%M:%SZ}" for instant in (day.start, day.end))
    database = sqlite3.connect(Path(task.folder, "archive", "archive.db"))
    with path.open("w", encoding="utf-8") as file:
        for row in database.execute(_EXPORTED, (ACCOUNT, *bounds)):
            file.write(json.dumps(dict(zip(CLICK_FIELDS, row, strict=True))) + "\n")
        file.flush()
        os.fsync(file.fileno())
    database.close()


def _database(task: Task) -> Path:
    return Path(task.folder, "floor.db")


def _count(task: Task) -> int:
    database = sqlite3.connect(_database(task))
    (count,) = database.execute("SELECT count(*) FROM clicks").fetchone()
    database.close()
    return int(count)
