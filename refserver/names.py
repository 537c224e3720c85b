"""The names in short addresses, which both APIs' links share: who has one already."""

import sqlite3

from refserver.answers import ApiError


def refuse_taken_name(connection: sqlite3.Connection, host: str, vanity_link: str) -> None:
    """Raises ApiError where a link of this host, or a Linkbee link, has the name already."""
    if not vanity_link:
        return
    taken = connection.execute(
        "SELECT 1 FROM links WHERE vanity_link = ? AND host = ?"
        " UNION ALL SELECT 1 FROM short_links WHERE hash = ?",
        (vanity_link, host, vanity_link),
    ).fetchone()
    if taken:
        raise ApiError(400, "vanity_link: takes a name that no other link has")


def is_vanity_name(connection: sqlite3.Connection, name: str) -> bool:
    """Whether any link has the name, at whichever host."""
    found = connection.execute(
        "SELECT 1 FROM links WHERE vanity_link = ? AND vanity_link != ''", (name,)
    )
    return found.fetchone() is not None
