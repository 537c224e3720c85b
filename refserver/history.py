"""Link history: which clicks a request's filters match, and one page of them."""

import json
import sqlite3
from dataclasses import dataclass
from typing import NamedTuple

from refserver.reader import Reader


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What is asked. `start` and `end` are compared with the clicks' local text."""

    account_id: int
    start: str
    end: str
    includes_end: bool
    link_ids: list[int] | None
    group: str | None
    newest_first: bool
    limit: int
    offset: int


class HistoryRow(NamedTuple):
    """A click and its link, all as text save what the link is made of."""

    id: str
    link_id: int
    host: str
    vanity_link: str
    external_url: str
    title: str
    group: str
    clicked_at: str
    ip: str
    country: str
    referrer: str
    user_agent: str
    is_unique: str
    conversion: str


def count_clicks(connection: Reader, query: HistoryQuery) -> int:
    """How many clicks match, whatever the page."""
    condition, values = _condition(query)
    statement = f"SELECT count(*) FROM clicks WHERE {condition}"  # noqa: S608 - made of constants
    return connection.count(statement, tuple(values))


def read_page(connection: sqlite3.Connection, query: HistoryQuery) -> list[HistoryRow]:
    """The asked page, by time and then id."""
    condition, values = _condition(query)
    direction = "DESC" if query.newest_first else "ASC"
    # The page's ids come from the index alone, so that an offset skips no rows of the table.
    statement = f"""
        SELECT CAST(clicks.id AS TEXT), link_id, host, vanity_link, external_url, title, "group",
               clicked_at_local, ip, country, referrer, user_agent, CAST(is_unique AS TEXT),
               conversion
        FROM (
            SELECT id AS page_id FROM clicks WHERE {condition}
            ORDER BY clicked_at_local {direction}, id {direction} LIMIT ? OFFSET ?
        )
        CROSS JOIN clicks ON clicks.id = page_id
        CROSS JOIN links ON links.id = link_id
        ORDER BY clicked_at_local {direction}, clicks.id {direction}
    """  # noqa: S608 - made of constants
    rows = connection.execute(statement, [*values, query.limit, query.offset])
    return [HistoryRow._make(row) for row in rows]


def _condition(query: HistoryQuery) -> tuple[str, list[str | int]]:
    comparison = "<=" if query.includes_end else "<"
    condition = f"account_id = ? AND clicked_at_local >= ? AND clicked_at_local {comparison} ?"
    values: list[str | int] = [query.account_id, query.start, query.end]
    if query.link_ids is not None:
        # As one value: a statement takes only so many.
        condition += " AND link_id IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(query.link_ids))
    if query.group is not None:
        condition += ' AND link_id IN (SELECT id FROM links WHERE account_id = ? AND "group" = ?)'
        values += [query.account_id, query.group]
    return condition, values
