"""The script that people write: requests, and sqlite-utils' insert_all(ignore=True)."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import requests
import sqlite_utils

from benchmarks.history import ACCOUNT, PAGE_SIZE, local_bounds
from benchmarks.tasks import Prepared, Task


def script(task: Task) -> Prepared:
    path = Path(task.folder, "script.db")

    def execute() -> None:
        database = sqlite_utils.Database(path)
        session = requests.Session()
        total, offset = 1, 0
        while offset < total:
            answer = session.get(
                f"{task.url}getLinkHistory", params={**asked(task), "offset": offset}, timeout=60
            ).json()
            database.table("clicks").insert_all(answer["history"], pk="id", ignore=True)
            total, offset = answer["total"], offset + len(answer["history"])
        database.close()

    return Prepared(execute, lambda: count(path))


def asked(task: Task) -> dict[str, Any]:
    """The parameters of the task's first request; all else is the peer's."""
    start, end = local_bounds(task.first_day, task.days)
    asked = {"login": ACCOUNT, "pass": "password", "format": "json", "order": "asc"}
    return {**asked, "start": start, "end": end, "limit": PAGE_SIZE}


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        (clicks,) = database.execute("SELECT count(*) FROM clicks").fetchone()
    return int(clicks)
