"""An archive read past the program: what is committed of its clicks, and what its ledger says."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

from model.promise import Archived, Stored
from model.upstream import Event, Facts
from support.archive import TestArchive


def archived(archive: TestArchive) -> Archived:
    """All that counts; an archive that was never begun, or not to its end, is empty."""
    path = archive.directory / "archive.db"
    if not path.exists():
        return Archived()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        if not {"runs", "clicks" if archive.store == "sqlite" else "files"} <= tables:
            return Archived()
        account = connection.execute("SELECT * FROM accounts WHERE name = 'acme'").fetchone()
        rows = _lines(archive, connection) if archive.store == "jsonl" else connection.execute(
            "SELECT * FROM clicks"
        )  # fmt: skip
        return Archived(
            Counter(map(stored, rows)),
            [
                (_instant(row["start"]), _instant(row["end"]))
                for row in connection.execute("SELECT * FROM coverage ORDER BY start")
            ],
            _instant(account["first_run_at"]) if account else None,
            _instant(account["looked_back_to"]) if account else None,
        )


def stored(row: Any) -> Stored:
    """A click from a row of SQL, or from a line's object."""
    event = Event(row["id"], row["clicked_at_source"], row["link_id"], row["ip"],
                  row["referrer"], row["user_agent"])  # fmt: skip
    facts = Facts(row["country"], bool(row["is_unique"]), row["conversion"])
    return Stored(event, facts, row["clicked_at"])


def _lines(archive: TestArchive, connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    for path, committed in connection.execute("SELECT path, bytes FROM files"):
        content = (archive.directory / path).read_bytes()
        assert len(content) >= committed, f"{path} is shorter than committed"
        yield from map(json.loads, content[:committed].splitlines())


def _instant(text: str | None) -> Any:
    return None if text is None else datetime.fromisoformat(text)
