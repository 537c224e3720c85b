"""Links and their totals: which of them a request's filters match, and one page of them."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

# Each is worked out for every link that matches, the other columns for the page's alone.
_SORT_KEYS: Mapping[str, str] = {
    "id": "id",
    "title": "title",
    "clicks": "(SELECT count(*) FROM clicks WHERE link_id = links.id)",
    "unique_clicks": "(SELECT count(*) FROM clicks WHERE link_id = links.id AND is_unique = 1)",
    "created_at": "created_at_utc",
}
SORTS = tuple(_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class LinksQuery:
    """What is asked. `search` is safe for XML, its case doesn't matter; `sort` is of SORTS."""

    account_id: int
    link_ids: list[int] | None
    group: str | None
    search: str | None
    sort: str
    descending: bool
    limit: int
    offset: int


class LinkRow(NamedTuple):
    """A link and its totals, all as text save the id."""

    id: int
    external_url: str
    host: str
    title: str
    vanity_link: str
    description: str
    notes: str
    group: str
    clicks: str
    unique_clicks: str
    created_at: str
    expires_at: str
    is_active: str
    is_public: str


def count_links(connection: sqlite3.Connection, query: LinksQuery) -> int:
    """How many links match, whatever the page."""
    condition, values = _condition(query)
    (count,) = connection.execute(
        f"SELECT count(*) FROM links WHERE {condition}",  # noqa: S608 - made of constants
        values,
    ).fetchone()
    return int(count)


def read_links(connection: sqlite3.Connection, query: LinksQuery) -> list[LinkRow]:
    """The asked page. Links that are alike in what is sorted by come in the order of their ids."""
    condition, values = _condition(query)
    direction = "DESC" if query.descending else "ASC"
    statement = f"""
        SELECT id, external_url, host, title, vanity_link, description, notes, "group",
               CAST({_SORT_KEYS["clicks"]} AS TEXT), CAST({_SORT_KEYS["unique_clicks"]} AS TEXT),
               created_at_local, expires_at, CAST(is_active AS TEXT), CAST(is_public AS TEXT)
        FROM (
            SELECT id AS page_id, {_SORT_KEYS[query.sort]} AS sort_key
            FROM links WHERE {condition}
            ORDER BY sort_key {direction}, id LIMIT ? OFFSET ?
        )
        CROSS JOIN links ON links.id = page_id
        ORDER BY sort_key {direction}, id
    """  # noqa: S608 - made of constants
    rows = connection.execute(statement, [*values, query.limit, query.offset])
    return [LinkRow._make(row) for row in rows]


def _condition(query: LinksQuery) -> tuple[str, list[object]]:
    condition = "account_id = ?"
    values: list[object] = [query.account_id]
    if query.link_ids is not None:
        # As one value: a statement takes only so many.
        condition += " AND id IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(query.link_ids))
    if query.group is not None:
        condition += ' AND "group" = ?'
        values.append(query.group)
    if query.search is not None:
        # Between the fields stands what no text here can hold, so that nothing is found across.
        condition += (
            " AND instr(casefold(title || char(1) || external_url || char(1) || description), ?)"
        )
        values.append(query.search.casefold())
    return condition, values
