"""An archive with its configuration, driven in this process with a clock that the test sets."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from archiver.config import load_config
from archiver.model import RunReport
from jobs import daily
from jobs.archiving import Job
from jobs.backfill import Backfill
from jobs.export import Export, What
from jobs.status import archive_status
from jobs.verify import Verification
from jobs.whole_file import whole_file
from support.service import COMPARED, LOGIN, PASSWORD


class TestArchive:
    """One archive of one account (`acme`), or of several that share a login."""

    __test__ = False

    def __init__(
        self,
        folder: Path,
        base_url: str,
        *,
        store: str = "sqlite",
        timezone: str = "UTC",
        names: tuple[str, ...] = ("acme",),
        **settings: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "config.toml"
        self.store = store
        self.names = names
        self.write_config(base_url, timezone, **settings)

    def write_config(self, base_url: str, timezone: str = "UTC", **settings: Any) -> None:
        """Write the configuration anew; `settings` are keys of each account."""
        given = {"requests_per_second": 0, "totals": False, **settings}
        lines = "".join(f"{key} = {_toml(value)}\n" for key, value in given.items())
        accounts = "".join(
            f'[[accounts]]\nname = "{name}"\nservice = "linktrack"\nbase_url = "{base_url}"\n'
            f'login = "{LOGIN}"\npassword_env = "PASSWORD"\ntimezone = "{timezone}"\n{lines}\n'
            for name in self.names
        )
        text = f'[archive]\ndirectory = "archive"\nstore = "{self.store}"\n\n{accounts}'
        self.path.write_text(text, encoding="utf-8")

    def run(self, now: datetime, password: str = PASSWORD) -> RunReport:
        return self._execute("run", daily.plan, now, password)

    def backfill(self, start: str, end: str, now: datetime, *, again: bool = False) -> RunReport:
        return self._execute("backfill", Backfill(start, end, again=again).plan, now)

    def status(self, now: datetime) -> Mapping[str, Any]:
        """The status of the archive's first account."""
        account: Mapping[str, Any] = archive_status(load_config(self.path), now)["accounts"][0]
        return account

    def differences(self, now: datetime) -> Sequence[object]:
        """What `verify` finds to be other than it was committed."""
        return Verification((), None, None, clock=lambda: now).verify(self.directory).differences

    def export(self, what: What = "clicks") -> bytes:
        path = self.path.parent / "export.jsonl"
        with whole_file(path) as file:
            Export(what, (), None, None, "jsonl").write(self.directory, file)
        return path.read_bytes()

    def exported(self) -> list[dict[str, Any]]:
        """The clicks as the program gives them."""
        return [json.loads(line) for line in self.export().splitlines()]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the ledger's database, past the program."""
        with closing(sqlite3.connect(self.directory / "archive.db")) as connection:
            return connection.execute(sql).fetchall()

    @property
    def directory(self) -> Path:
        return self.path.parent / "archive"

    def clicks(self) -> "Counter[tuple[object, ...]]":
        """The multiset of stored clicks, read past the program: by SQL, or from the files."""
        return Counter(tuple(click[name] for name in COMPARED) for click in self.stored())

    def stored(self) -> list[dict[str, Any]]:
        if self.store == "jsonl":
            files = sorted(self.directory.glob("clicks/*/*/*.jsonl"))
            return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
        with closing(sqlite3.connect(self.directory / "archive.db")) as connection:
            connection.row_factory = sqlite3.Row
            rows = map(dict, connection.execute("SELECT * FROM clicks"))
            return [{**row, "is_unique": _boolean(row["is_unique"])} for row in rows]

    def _execute(
        self, command: str, plan: Any, now: datetime, password: str = PASSWORD
    ) -> RunReport:
        passwords = dict.fromkeys(self.names, password)
        config = load_config(self.path)
        return Job(command, config, passwords, plan, clock=lambda: now).execute()


def _boolean(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_toml(item)}" for key, item in value.items())
        return f"{{ {inner} }}"
    return json.dumps(value)
