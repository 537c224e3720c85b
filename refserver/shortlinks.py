"""Linkbee's short links: made, followed, counted."""

import sqlite3
import string

from refserver.answers import xml_safe
from refserver.database import Database
from refserver.names import is_vanity_name

_DIGITS = string.digits + string.ascii_lowercase + string.ascii_uppercase
# So that the first hash has four digits, as those of the service.
_FIRST = 62**3


def add_short_link(
    database: Database,
    url: str,
    *,
    account_id: int | None = None,
    ad: int = 2,
    category: int = 10,
    hits: int = 0,
) -> str:
    """The new link's hash. Without an account it is a quick link."""
    with database.writing() as connection:
        (number,) = connection.execute("SELECT coalesce(max(id), 0) FROM short_links").fetchone()
        taken = True
        while taken:
            number += 1
            link_hash = _base62(_FIRST + number)
            taken = is_vanity_name(connection, link_hash)
        connection.execute(
            "INSERT INTO short_links (id, account_id, hash, url, ad, category, hits)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, account_id, link_hash, xml_safe(url), ad, category, hits),
        )
    return link_hash


def follow_short_link(connection: sqlite3.Connection, link_hash: str, *, hits: int) -> str | None:
    """Counts the hits, and gives the destination; None where there is no such link."""
    row = connection.execute(
        "UPDATE short_links SET hits = hits + ? WHERE hash = ? RETURNING url", (hits, link_hash)
    ).fetchone()
    return str(row[0]) if row else None


def hits_of_link(connection: sqlite3.Connection, account_id: int, link_hash: str) -> int | None:
    """None where there is no such link, or where it is another account's."""
    row = connection.execute(
        "SELECT hits FROM short_links WHERE hash = ? AND (account_id = ? OR account_id IS NULL)",
        (link_hash, account_id),
    ).fetchone()
    return int(row[0]) if row else None


def hits_of_account(connection: sqlite3.Connection, account_id: int) -> int:
    """Of all its links; quick links are nobody's."""
    (hits,) = connection.execute(
        "SELECT ifnull(sum(hits), 0) FROM short_links WHERE account_id = ?", (account_id,)
    ).fetchone()
    return int(hits)


def _base62(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits
