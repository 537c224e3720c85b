"""What shapes the identity of an archive's clicks, kept so that a change of it is noticed.

A changed service, time zone or field name would store known clicks a second time, or hide them;
a changed store would begin an empty archive beside the full one. Such a change is refused.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from archiver.errors import ConfigError
from archiver.timestamps import format_utc, parse_utc


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """The settings of an account that decide when two records are one click."""

    service: str
    timezone: str
    fields: Mapping[str, str]
    ip: str


class Settings:
    """Reads and writes the tables `archive` and `accounts`. Whoever writes holds a transaction."""

    def __init__(self, connection: sqlite3.Connection, directory: Path) -> None:
        self._connection = connection
        self._directory = directory

    def hold_store(self, store: str) -> None:
        """Remember the archive's store; raise ConfigError where it was another."""
        stored = self._connection.execute("SELECT store FROM archive").fetchone()
        if stored is None:
            self._connection.execute("INSERT INTO archive VALUES (?)", (store,))
        elif stored[0] != store:
            raise ConfigError(
                f"archive.store: the archive in {self._directory} was begun as {stored[0]!r} and "
                f"is now {store!r}. Set it back to {stored[0]!r}, or choose another "
                "archive.directory for a new archive"
            )

    def hold_account(self, name: str, settings: IdentitySettings) -> None:
        """Remember what shapes an account's identities; raise ConfigError where that changed.

        A changed `ip` is allowed: what is archived is just not looked back at.
        """
        stored = self._connection.execute(
            "SELECT service, timezone, fields, ip FROM accounts WHERE name = ?", (name,)
        ).fetchone()
        if stored is None:
            self._connection.execute(
                "INSERT INTO accounts (name, service, timezone, fields, ip) "
                "VALUES (?, ?, ?, ?, ?)",
                (name, settings.service, settings.timezone, _json(settings.fields), settings.ip),
            )
            return
        service, timezone, fields, ip = stored
        before = {"service": service, "timezone": timezone, "fields": fields}
        after = {
            "service": settings.service,
            "timezone": settings.timezone,
            "fields": _json(settings.fields),
        }
        problems = [
            f"account {name}: {key} was {before[key]} when its archive in {self._directory} was "
            f"begun and is now {after[key]}: known clicks would be stored a second time. Set it "
            f"back to {before[key]}, or give the account a new name"
            for key in before
            if before[key] != after[key]
        ]
        if problems:
            raise ConfigError(*problems)
        if ip != settings.ip:
            self._connection.execute(
                "UPDATE accounts SET ip = ? WHERE name = ?", (settings.ip, name)
            )
            self.stop_lookback(name)

    def stop_lookback(self, name: str) -> None:
        """From now on, what is covered so far isn't looked back at."""
        self._connection.execute(
            'UPDATE accounts SET lookback_from = (SELECT max("end") FROM coverage '
            "WHERE account = name) WHERE name = ?",
            (name,),
        )

    def lookback_from(self, name: str) -> datetime | None:
        return self._instant("lookback_from", name)

    def first_run_at(self, name: str) -> datetime | None:
        return self._instant("first_run_at", name)

    def hold_first_run(self, name: str, now: datetime) -> datetime:
        """The instant of the account's first run; `now` is, where there was none.

        Or where it lies in the future: the first run was made by a clock that was wrong, and
        what it would leave out is wanted.
        """
        first = format_utc(now)
        self._connection.execute(
            "UPDATE accounts SET first_run_at = ? WHERE name = ? "
            "AND (first_run_at IS NULL OR first_run_at > ?)",
            (first, name, first),
        )
        return self.first_run_at(name) or now

    def _instant(self, column: str, name: str) -> datetime | None:
        row = self._connection.execute(
            f"SELECT {column} FROM accounts WHERE name = ?",
            (name,),
        ).fetchone()
        return parse_utc(row[0]) if row and row[0] else None


def _json(fields: Mapping[str, str]) -> str:
    return json.dumps(dict(fields), sort_keys=True)
