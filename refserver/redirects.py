"""Short addresses at work: a visitor is sent on, and the click is recorded."""

import re
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import Request, Response

from refserver import destinations
from refserver.addresses import id_name, read_id_name
from refserver.answers import text_answer
from refserver.database import Database
from refserver.passwords import PasswordHash
from refserver.records import NewClick
from refserver.shortlinks import follow_short_link

_UNIQUE_SECONDS = 30 * 60
_UNIX_TIME = re.compile(r"[0-9]{1,12}")


class _Link(NamedTuple):
    id: int
    account_id: int
    external_url: str
    is_active: int
    expires_at: str
    deactivate_at: int
    password_salt: bytes
    password_digest: bytes
    timezone: str


_SELECT = """
SELECT links.id, account_id, external_url, is_active, expires_at, deactivate_at,
       links.password_salt, links.password_digest, timezone
FROM links JOIN accounts ON accounts.id = account_id
WHERE {} AND host COLLATE NOCASE IN ('', ?, ?)
ORDER BY host = '', links.id LIMIT 1
"""
_BY_ID = _SELECT.format("links.id = ?")
# As the index on names says it, which is used for nothing else.
_BY_NAME = _SELECT.format("vanity_link = ? AND vanity_link != ''")


class Redirects:
    """The links of one database, followed. `clock` gives aware instants."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def follow(self, request: Request, name: str) -> Response:
        """302 to the destination, 401 without the link's password, 404 or 410 for no link.

        A GET is recorded as a click; a HEAD, which is a look and no visit, isn't.
        """
        with self._database.reading() as connection:
            link = _find(connection, name, request.host.lower())
        if link is None:
            return self._follow_short_link(request, name)
        if not link.is_active:
            return text_answer("This link is switched off.", 404)
        if _has_expired(link, self._clock()):
            return text_answer("This link has expired.", 410)
        if link.password_digest and not self._is_let_in(request, link):
            response = text_answer("This link needs its password.", 401)
            response.headers["WWW-Authenticate"] = 'Basic realm="link", charset="UTF-8"'
            return response
        return self._visit(request, link)

    def _visit(self, request: Request, link: _Link) -> Response:
        response = _sent_on(link.external_url)
        with self._database.writing() as connection:
            if link.deactivate_at and _clicks(connection, link.id) >= link.deactivate_at:
                return text_answer("This link has had all its clicks.", 410)
            if request.method == "GET" and response.status_code == 302:
                self._record(request, response, link)
        return response

    def _record(self, request: Request, response: Response, link: _Link) -> None:
        now = self._clock()
        second = int(now.timestamp())
        cookie = f"visited{id_name(link.id)}"
        click = NewClick(
            link.id,
            now,
            ip=request.remote_addr or "",
            referrer=_header(request, "Referer"),
            user_agent=_header(request, "User-Agent"),
            is_unique=not _is_recent(request.cookies.get(cookie, ""), second),
        )
        self._database.add_clicks(link.account_id, [click])
        response.set_cookie(
            cookie, str(second), max_age=_UNIQUE_SECONDS, httponly=True, samesite="Lax"
        )

    def _is_let_in(self, request: Request, link: _Link) -> bool:
        given = request.authorization.password if request.authorization else None
        kept = PasswordHash(link.password_salt, link.password_digest)
        return given is not None and self._database.is_password(given, kept)

    def _follow_short_link(self, request: Request, name: str) -> Response:
        with self._database.writing() as connection:
            url = follow_short_link(connection, name, hits=int(request.method == "GET"))
        return text_answer("There is no such link.", 404) if url is None else _sent_on(url)


def _find(connection: sqlite3.Connection, name: str, request_host: str) -> _Link | None:
    """A link by one of its names. One with a host of its own is found at that host alone."""
    link_id = read_id_name(name)
    statement, key = (_BY_NAME, name) if link_id is None else (_BY_ID, link_id)
    hosts = (request_host, request_host.rpartition(":")[0])
    row = connection.execute(statement, (key, *hosts)).fetchone()
    return _Link._make(row) if row else None


def _clicks(connection: sqlite3.Connection, link_id: int) -> int:
    (count,) = connection.execute(
        "SELECT count(*) FROM clicks WHERE link_id = ?", (link_id,)
    ).fetchone()
    return int(count)


def _has_expired(link: _Link, now: datetime) -> bool:
    """In a repeated hour the first of the two is meant."""
    if not link.expires_at:
        return False
    expires_at = datetime.fromisoformat(link.expires_at).replace(tzinfo=ZoneInfo(link.timezone))
    # Not compared as they are: an instant near the calendar's end has no date in UTC.
    return expires_at.timestamp() <= now.timestamp()


def _is_recent(cookie: str, second: int) -> bool:
    return bool(_UNIX_TIME.fullmatch(cookie)) and 0 <= second - int(cookie) < _UNIQUE_SECONDS


def _sent_on(url: str) -> Response:
    location = destinations.location(url)
    if location is None:
        return text_answer("This link leads nowhere.", 404)
    response = text_answer("", 302)
    response.headers["Location"] = location
    # Each visit has to come here to be counted.
    response.headers["Cache-Control"] = "no-store"
    return response


def _header(request: Request, name: str) -> str:
    """As the client wrote it, in UTF-8; what waitress hands on is Latin-1."""
    return request.headers.get(name, "").encode("latin-1").decode(errors="replace")
