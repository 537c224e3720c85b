"""The reference server's database: accounts, links, clicks.

Its tables have plain names and columns, so that a test can count clicks by a way other than the
API:

    accounts(id, login, password_salt, password_digest, timezone)
    links(id, account_id, external_url, host, vanity_link, title, "group")
    clicks(id, account_id, link_id, clicked_at_utc, clicked_at_local, ip, country, referrer,
           user_agent, is_unique, conversion)

No value is an empty text.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from refserver.answers import xml_safe
from refserver.passwords import PasswordChecker, PasswordHash, hash_password
from refserver.timestamps import local_text, utc_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,
    password_salt BLOB NOT NULL,
    password_digest BLOB NOT NULL,
    timezone TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS links (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    external_url TEXT NOT NULL,
    host TEXT NOT NULL,
    vanity_link TEXT NOT NULL,
    title TEXT NOT NULL,
    "group" TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS links_of_account ON links (account_id, "group");
CREATE TABLE IF NOT EXISTS clicks (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    link_id INTEGER NOT NULL REFERENCES links (id),
    clicked_at_utc TEXT NOT NULL,
    clicked_at_local TEXT NOT NULL,
    ip TEXT NOT NULL,
    country TEXT NOT NULL,
    referrer TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    is_unique INTEGER NOT NULL,
    conversion TEXT NOT NULL
) STRICT;
-- Holds all that counting and paging look at, filters included, in the order of the pages.
CREATE INDEX IF NOT EXISTS clicks_in_order
    ON clicks (account_id, clicked_at_local, id, link_id);
"""

_INSERT_CLICK = """
INSERT INTO clicks (account_id, link_id, clicked_at_utc, clicked_at_local, ip, country, referrer,
                    user_agent, is_unique, conversion)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_BUSY_TIMEOUT_SECONDS = 30


class LoginTakenError(ValueError):
    """There is an account of that login already."""


class Account(NamedTuple):
    """An account whose credentials have been checked."""

    id: int
    zone: ZoneInfo


class NewClick(NamedTuple):
    """A click to be recorded. Empty texts are no values."""

    link_id: int
    clicked_at: datetime
    ip: str = ""
    country: str = ""
    referrer: str = ""
    user_agent: str = ""
    is_unique: bool = True
    conversion: str = ""


class Database:
    """Opens the file, or creates it. Any thread may use it at any time.

    Text is recorded with U+FFFD for each character that XML 1.0 can't hold.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._passwords = PasswordChecker()
        self._write_lock = threading.RLock()
        self._idle_readers: deque[sqlite3.Connection] = deque()
        self._closed = False
        self._writer = self._open()
        try:
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute("PRAGMA synchronous = NORMAL")
            self._writer.execute("PRAGMA foreign_keys = ON")
            self._writer.executescript(_SCHEMA)
        except BaseException:
            self._writer.close()
            raise

    def close(self) -> None:
        """Closes every connection; those that are in use, when they come back."""
        self._closed = True
        while self._idle_readers:
            self._idle_readers.pop().close()
        with self._write_lock:
            self._writer.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading. All that is read within is of one state of the database."""
        try:
            connection = self._idle_readers.pop()
        except IndexError:
            connection = self._open()
            connection.execute("PRAGMA query_only = ON")
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.rollback()
            self._idle_readers.append(connection)
            if self._closed:
                self.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: whole or not at all. Within another one it is part of that one."""
        with self._write_lock:
            if self._writer.in_transaction:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.rollback()
                raise
            self._writer.commit()

    def add_account(self, login: str, password: str, timezone: str) -> int:
        """The new account's id. LoginTakenError, or ZoneInfoNotFoundError for the timezone."""
        ZoneInfo(timezone)
        kept = hash_password(password)
        try:
            with self.writing() as connection:
                (account_id,) = connection.execute(
                    "INSERT INTO accounts (login, password_salt, password_digest, timezone)"
                    " VALUES (?, ?, ?, ?) RETURNING id",
                    (login, kept.salt, kept.digest, timezone),
                ).fetchone()
        except sqlite3.IntegrityError:
            raise LoginTakenError(f"there is an account {login!r} already") from None
        return int(account_id)

    def account(self, login: str, password: str) -> Account | None:
        """The account, or None where login or password is wrong."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT id, password_salt, password_digest, timezone"
                " FROM accounts WHERE login = ?",
                (login,),
            ).fetchone()
        if row is None or not self._passwords.matches(password, PasswordHash(row[1], row[2])):
            return None
        return Account(row[0], ZoneInfo(row[3]))

    def add_link(
        self,
        account_id: int,
        *,
        external_url: str,
        title: str = "",
        group: str = "",
        host: str = "",
        vanity_link: str = "",
    ) -> int:
        """The new link's id. Without a host of its own it shows the request's."""
        texts = (external_url, host, vanity_link, title, group)
        with self.writing() as connection:
            (link_id,) = connection.execute(
                'INSERT INTO links (account_id, external_url, host, vanity_link, title, "group")'
                " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                (account_id, *map(xml_safe, texts)),
            ).fetchone()
        return int(link_id)

    def rename_link(self, link_id: int, title: str) -> None:
        """LookupError where there is no such link."""
        with self.writing() as connection:
            cursor = connection.execute(
                "UPDATE links SET title = ? WHERE id = ?", (xml_safe(title), link_id)
            )
        if not cursor.rowcount:
            raise LookupError(f"there is no link {link_id}")

    def add_clicks(self, account_id: int, clicks: Iterable[NewClick]) -> None:
        """Records the clicks, ids in their order. ValueError for a time without a zone."""
        with self.writing() as connection:
            (timezone,) = connection.execute(
                "SELECT timezone FROM accounts WHERE id = ?", (account_id,)
            ).fetchone()
            zone = ZoneInfo(timezone)
            connection.executemany(
                _INSERT_CLICK, (_click_row(account_id, zone, click) for click in clicks)
            )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self._path,
            timeout=_BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )


def _click_row(account_id: int, zone: ZoneInfo, click: NewClick) -> tuple[object, ...]:
    if click.clicked_at.tzinfo is None:
        raise ValueError(f"a click's time needs a zone: {click.clicked_at}")
    instant = click.clicked_at.astimezone(UTC)
    return (
        account_id,
        click.link_id,
        utc_text(instant),
        local_text(instant, zone),
        xml_safe(click.ip),
        xml_safe(click.country),
        xml_safe(click.referrer),
        xml_safe(click.user_agent),
        int(click.is_unique),
        xml_safe(click.conversion),
    )
