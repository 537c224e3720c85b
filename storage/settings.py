"""What shapes the identity of an archive's clicks, kept so that a change of it is noticed.

A changed service, time zone or field name would store known clicks a second time, or hide them;
a changed store would begin an empty archive beside the full one. Such a change is refused.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

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

    def store(self) -> str | None:
        """The archive's store; None where it has none yet."""
        row = self._connection.execute("SELECT store FROM archive").fetchone()
        return str(row[0]) if row else None

    def hold_store(self, store: str) -> None:
        """Remember the archive's store; raise ConfigError where it was another.

        As long as nothing is archived, it may still change.
        """
        stored = self.store()
        if stored == store:
            return
        archived = "SELECT 1 FROM coverage UNION ALL SELECT 1 FROM days LIMIT 1"
        if stored and self._connection.execute(archived).fetchone():
            raise ConfigError(
                f"archive.store: the archive in {self._directory} was begun as {stored!r} and "
                f"is now {store!r}. Set it back to {stored!r}, or choose another "
                "archive.directory for a new archive"
            )
        self._connection.execute("DELETE FROM archive")
        self._connection.execute("INSERT INTO archive VALUES (?)", (store,))

    def hold_account(self, name: str, settings: IdentitySettings) -> None:
        """Remember what shapes an account's identities; raise ConfigError where that changed.

        A changed `ip` is no reason to refuse: see `hold_ip`.
        """
        problems = self.changes(name, settings)
        if problems:
            raise ConfigError(*problems)
        self._connection.execute(
            "INSERT INTO accounts (name, service, timezone, fields, ip) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (name) DO NOTHING",
            (name, settings.service, settings.timezone, _json(settings.fields), settings.ip),
        )

    def hold_ip(self, name: str, ip: str) -> str | None:
        """Remember a known account's `ip`; where it changed, give what somebody should know.

        What is archived under another one isn't looked back at, nor are clicks that are stored
        and not covered any more: without ids they would be stored a second time.
        """
        before, looked_back_from, covered, last_click = self._connection.execute(
            "SELECT ip, lookback_from, "
            '(SELECT max("end") FROM coverage WHERE account = name), '
            "(SELECT max(last_click) FROM days WHERE account = name) "
            "FROM accounts WHERE name = ?",
            (name,),
        ).fetchone()
        if before == ip:
            return None
        after_last = last_click and format_utc(parse_utc(last_click) + timedelta(seconds=1))
        since = max(filter(None, (looked_back_from, covered, after_last)), default=None)
        self._connection.execute(
            "UPDATE accounts SET ip = ?, lookback_from = ? WHERE name = ?", (ip, since, name)
        )
        if since is None:
            return None
        return (
            f"ip was {before!r} and is now {ip!r}: what is archived before {since} stays as it is "
            "and isn't looked back at, for its clicks can't be compared with those fetched now"
        )

    def ip(self, name: str) -> Literal["keep", "truncate", "hash", "drop"] | None:
        """The `ip` that an account's clicks were last archived under; None where none were."""
        row = self._connection.execute(
            "SELECT ip FROM accounts WHERE name = ?", (name,)
        ).fetchone()
        return row[0] if row else None

    def changes(self, name: str, settings: IdentitySettings) -> list[str]:
        """What of an account's settings isn't as it was when its archive was begun."""
        stored = self._connection.execute(
            "SELECT service, timezone, fields FROM accounts WHERE name = ?", (name,)
        ).fetchone()
        if stored is None:
            return []
        now = (settings.service, settings.timezone, _json(settings.fields))
        names = ("service", "timezone", "fields")
        return [
            f"account {name}: {key} was {before} when its archive in {self._directory} was "
            f"begun and is now {after}: known clicks would be stored a second time. Set it "
            f"back to {before}, or give the account a new name"
            for key, before, after in zip(names, stored, now, strict=True)
            if before != after
        ]

    def stop_lookback(self, name: str, end: datetime) -> None:
        """From now on, nothing before `end` is looked back at."""
        self._connection.execute(
            "UPDATE accounts SET lookback_from = max(coalesce(lookback_from, ''), ?) "
            "WHERE name = ?",
            (format_utc(end), name),
        )

    def looked_back_to(self, name: str) -> datetime | None:
        """Coverage's end at the last run whose lookback was whole."""
        return self._instant("looked_back_to", name)

    def hold_looked_back(self, name: str) -> None:
        """The lookback before coverage's end is done; the next one begins before there."""
        self._connection.execute(
            'UPDATE accounts SET looked_back_to = (SELECT max("end") FROM coverage '
            "WHERE account = name) WHERE name = ?",
            (name,),
        )

    def lookback_from(self, name: str) -> datetime | None:
        return self._instant("lookback_from", name)

    def first_run_at(self, name: str) -> datetime | None:
        return self._instant("first_run_at", name)

    def hold_first_run(self, name: str, now: datetime) -> None:
        """Keep `now` as the instant of the account's first run."""
        self._connection.execute(
            "UPDATE accounts SET first_run_at = ? WHERE name = ?", (format_utc(now), name)
        )

    def _instant(self, column: str, name: str) -> datetime | None:
        row = self._connection.execute(
            f"SELECT {column} FROM accounts WHERE name = ?",
            (name,),
        ).fetchone()
        return parse_utc(row[0]) if row and row[0] else None


def _json(fields: Mapping[str, str]) -> str:
    return json.dumps(dict(fields), sort_keys=True)
