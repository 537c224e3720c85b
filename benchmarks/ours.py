"""The program itself, by its own code: what its commands call, without their start-up."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from archiver.config import Config, load_config
from archiver.errors import ArchiverError
from archiver.identity import keys_of
from archiver.model import CLICK_FIELDS
from archiver.store import Commit
from archiver.timestamps import format_utc
from benchmarks.history import ACCOUNT, ZONE, History, fingerprint, window
from benchmarks.tasks import Prepared, Task
from jobs.archiving import Job
from jobs.backfill import Backfill
from jobs.export import Export
from jobs.settings import identity_settings
from jobs.status import archive_status
from jobs.whole_file import whole_file
from storage.opening import open_archive

_CONFIG = """
[archive]
directory = "archive"
store = "{store}"

[[accounts]]
name = "{account}"
service = "linktrack"
base_url = "{url}"
login = "acme-api"
password_env = "PASSWORD"
timezone = "{zone}"
requests_per_second = 0
totals = false
"""
_NO_SERVICE = "http://127.0.0.1:9/"  # of tasks that ask none
_UNIQUE = CLICK_FIELDS.index("is_unique")


def archive(task: Task) -> Prepared:
    """Archive the task's days, by `backfill`."""
    return Prepared(partial(_backfill, configured(task), task), partial(_stored, task))


def archive_again(task: Task) -> Prepared:
    """Archive days that are archived already, by `backfill --again`."""
    execute = partial(_backfill, configured(task), task, again=True)
    return Prepared(execute, partial(_stored, task))


def fill(task: Task) -> Prepared:
    """Put days into an archive as runs would have, past the service: a commit for each day."""
    return Prepared(partial(_fill, configured(task), task), lambda: task.clicks)


def status(task: Task) -> Prepared:
    config = configured(task)
    told: list[int] = []

    def execute() -> None:
        (account,) = archive_status(config, datetime.now(UTC))["accounts"]
        told.append(account["clicks"])

    return Prepared(execute, lambda: told[0])


def export(task: Task) -> Prepared:
    config = configured(task)
    path = Path(task.folder, "exported.jsonl")
    asked = Export("clicks", (), *_bounds(task), "jsonl")

    def execute() -> None:
        with whole_file(path) as file:
            asked.write(config.archive.directory, file)

    def exported() -> str:
        with path.open("rb") as lines:
            return fingerprint(tuple(json.loads(line).values()) for line in lines)

    return Prepared(execute, exported)


def configured(task: Task) -> Config:
    """The configuration of a task's folder, written anew."""
    text = _CONFIG.format(
        store=task.store, account=ACCOUNT, url=task.url or _NO_SERVICE, zone=ZONE
    )
    text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in task.settings.items())
    path = Path(task.folder, "config.toml")
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def _bounds(task: Task) -> tuple[str, str]:
    days = window(task.first_day, task.days)
    return format_utc(days.start), format_utc(days.end)


def _backfill(config: Config, task: Task, *, again: bool = False) -> None:
    plan = Backfill(*_bounds(task), again=again).plan
    report = Job("backfill", config, {ACCOUNT: "password"}, plan).execute()
    (account,) = report.accounts
    if account.outcome != "complete" or account.new != (0 if again else task.clicks):
        raise ArchiverError(f"{account.new} new clicks of {task.clicks}: {account.error}")


def _fill(config: Config, task: Task) -> None:
    history = History(task.clicks_a_day)
    with open_archive(config.archive.directory, "sqlite") as opened:
        with opened.transaction():
            opened.settings.hold_account(ACCOUNT, identity_settings(config.accounts[0]))
        for day in range(task.first_day, task.first_day + task.days):
            rows = history.rows(day)
            opened.store.commit(
                Commit(ACCOUNT, window(day, 1), rows, keys_of(rows), {}, datetime.now(UTC))
            )


def _stored(task: Task) -> str:
    """The fingerprint of the task's days as they are stored, read past the program."""
    rows = _lines(task) if task.store == "jsonl" else _table(task)
    return fingerprint(rows)


def _lines(task: Task) -> Iterator[tuple[object, ...]]:
    for path in Path(task.folder, "archive", "clicks", ACCOUNT).glob("*/*.jsonl"):
        for line in path.read_bytes().splitlines():
            yield tuple(json.loads(line).values())


def _table(task: Task) -> Iterator[tuple[object, ...]]:
    columns = ", ".join(f'"{name}"' for name in CLICK_FIELDS)
    with closing(sqlite3.connect(Path(task.folder, "archive", "archive.db"))) as database:
        for row in database.execute(
            f"SELECT {columns} FROM clicks WHERE clicked_at >= ? AND clicked_at < ?", _bounds(task)
        ):
            yield (*row[:_UNIQUE], bool(row[_UNIQUE]), *row[_UNIQUE + 1 :])
