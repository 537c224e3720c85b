"""The reference server's database: accounts, links, clicks. Its tables: `refserver/schema.py`."""

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
from refserver.passwords import (
    PasswordChecker,
    PasswordHash,
    hash_linkbee_password,
    hash_password,
    linkbee_text,
)
from refserver.reader import Reader
from refserver.records import NewClick, NewLink
from refserver.schema import prepare
from refserver.timestamps import local_text, utc_text

_INSERT_CLICK = """
INSERT INTO clicks (account_id, link_id, clicked_at_utc, clicked_at_local, ip, country, referrer,
                    user_agent, is_unique, conversion)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_INSERT_LINK = """
INSERT INTO links (account_id, external_url, host, vanity_link, title, "group", description, notes,
                   created_at_utc, created_at_local, expires_at, is_active, is_public, alert_at,
                   deactivate_at, has_alert_email, has_plus_tracking, has_public_tracking,
                   has_conversion_tracking, password_salt, password_digest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
RETURNING id
"""

_BUSY_TIMEOUT_SECONDS = 30


class LoginTakenError(ValueError):
    """There is an account of that login already."""


class Account(NamedTuple):
    """An account whose credentials have been checked."""

    id: int
    zone: ZoneInfo


class Database:
    """Opens the file, or creates it. Any thread may use it at any time.

    Text is recorded with U+FFFD for each character that XML 1.0 can't hold.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._passwords = PasswordChecker()
        self._write_lock = threading.RLock()
        self._idle_readers: deque[Reader] = deque()
        self._closed = False
        self._writer = self._open()
        try:
            self._writer.execute("PRAGMA synchronous = NORMAL")
            self._writer.execute("PRAGMA foreign_keys = ON")
            prepare(self._writer)
            self._writer.execute("PRAGMA journal_mode = WAL")
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
    def reading(self) -> Iterator[Reader]:
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
        linkbee = hash_linkbee_password(password, kept.salt)
        try:
            with self.writing() as connection:
                (account_id,) = connection.execute(
                    "INSERT INTO accounts (login, password_salt, password_digest, timezone,"
                    " linkbee_digest) VALUES (?, ?, ?, ?, ?) RETURNING id",
                    (login, kept.salt, kept.digest, timezone, linkbee.digest),
                ).fetchone()
        except sqlite3.IntegrityError:
            raise LoginTakenError(f"there is an account {login!r} already") from None
        return int(account_id)

    def account(self, login: str, password: str) -> Account | None:
        """The account, or None where login or password is wrong."""
        return self._checked_account("password_digest", login, password)

    def linkbee_account(self, login: str, digest: bytes) -> Account | None:
        """The account by its password's MD5 digest. An account of version 0 has none kept."""
        return self._checked_account("linkbee_digest", login, linkbee_text(digest))

    def _checked_account(self, column: str, login: str, password: str) -> Account | None:
        with self.reading() as connection:
            row = connection.execute(
                f"SELECT id, password_salt, {column}, timezone FROM accounts WHERE login = ?",  # noqa: S608
                (login,),
            ).fetchone()
        if row is None or not self.is_password(password, PasswordHash(row[1], row[2])):
            return None
        return Account(row[0], ZoneInfo(row[3]))

    def is_password(self, password: str, kept: PasswordHash) -> bool:
        return self._passwords.matches(password, kept)

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
        """The new link's id; `add_links` takes all that a link can have."""
        link = NewLink(
            external_url=external_url,
            title=title,
            group=group,
            host=host,
            vanity_link=vanity_link,
        )
        return self.add_links(account_id, [link])[0]

    def add_links(self, account_id: int, links: Iterable[NewLink]) -> list[int]:
        """The new links' ids, in their order. ValueError for a creation time without a zone."""
        with self.writing() as connection:
            zone = self._zone(connection, account_id)
            return [
                int(
                    connection.execute(_INSERT_LINK, _link_row(account_id, zone, link)).fetchone()[
                        0
                    ]
                )
                for link in links
            ]

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
            zone = self._zone(connection, account_id)
            connection.executemany(
                _INSERT_CLICK, (_click_row(account_id, zone, click) for click in clicks)
            )

    @staticmethod
    def _zone(connection: sqlite3.Connection, account_id: int) -> ZoneInfo:
        (timezone,) = connection.execute(
            "SELECT timezone FROM accounts WHERE id = ?", (account_id,)
        ).fetchone()
        return ZoneInfo(timezone)

    def _open(self) -> Reader:
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            factory=Reader,
        )
        # Holds what a window of 100,000 clicks has of the index: its last page skips all of it.
        connection.execute("PRAGMA cache_size = -16384")
        # SQLite's own lower() knows ASCII alone.
        connection.create_function("casefold", 1, str.casefold, deterministic=True)
        return connection


def _link_row(account_id: int, zone: ZoneInfo, link: NewLink) -> tuple[object, ...]:
    kept = hash_password(link.password) if link.password else PasswordHash(b"", b"")
    return (
        account_id,
        xml_safe(link.external_url),
        xml_safe(link.host),
        xml_safe(link.vanity_link),
        xml_safe(link.title),
        xml_safe(link.group),
        xml_safe(link.description),
        xml_safe(link.notes),
        *(("", "") if link.created_at is None else _time_texts(link.created_at, zone)),
        link.expires_at,
        link.is_active,
        link.is_public,
        link.alert_at,
        link.deactivate_at,
        link.has_alert_email,
        link.has_plus_tracking,
        link.has_public_tracking,
        link.has_conversion_tracking,
        kept.salt,
        kept.digest,
    )


def _click_row(account_id: int, zone: ZoneInfo, click: NewClick) -> tuple[object, ...]:
    return (
        account_id,
        click.link_id,
        *_time_texts(click.clicked_at, zone),
        xml_safe(click.ip),
        xml_safe(click.country),
        xml_safe(click.referrer),
        xml_safe(click.user_agent),
        int(click.is_unique),
        xml_safe(click.conversion),
    )


def _time_texts(moment: datetime, zone: ZoneInfo) -> tuple[str, str]:
    """The instant in UTC and in account time."""
    if moment.tzinfo is None:
        raise ValueError(f"a time needs a zone: {moment}")
    instant = moment.astimezone(UTC)
    return utc_text(instant), local_text(instant, zone)
