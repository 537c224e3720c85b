"""The records that can't be understood: each is as it was kept."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from archiver.rejected import event_of
from archiver.timestamps import parse_utc
from storage.database import has_table
from storage.verification.base import KEYS_TOLD, Difference, printable


def rejected_differences(connection: sqlite3.Connection, account: str) -> Iterator[Difference]:
    """Which of an account's rejected records aren't what their keys say, or are missing between.

    One that is gone with all those alike after it leaves no trace.
    """
    if not has_table(connection, "rejected"):  # the archive is of an earlier version
        return
    names = _field_names(connection, account)
    rows = connection.execute(
        'SELECT key, number, text, start, "end", first_seen_at, reported_at FROM rejected '
        "WHERE account = ? ORDER BY key, number",
        (account,),
    )
    wrong: list[str] = []
    for key, alike in groupby(rows, itemgetter(0)):
        for place, (_, number, text, *times) in enumerate(alike, start=1):
            if names is None or number != place or not _is_as_kept(key, text, times, names):
                wrong.append(printable(str(key)))
    if wrong:
        yield Difference(account, None, "rejected", 0, len(wrong), tuple(wrong[:KEYS_TOLD]))


def _is_as_kept(key: Any, text: Any, times: list[Any], names: Mapping[str, str]) -> bool:
    start, end, first_seen_at, reported_at = times
    scope, _, event = str(key).partition(":")
    try:
        if scope != "id":
            date.fromisoformat(scope)
        for time in (start, end, first_seen_at, reported_at or first_seen_at):
            parse_utc(time)
        return start < end and isinstance(text, str) and event_of(text, names) == event
    except RecursionError:  # it could just be written, and can't be read from as deep as here
        return True
    except (ValueError, TypeError):
        return False


def _field_names(connection: sqlite3.Connection, account: str) -> Mapping[str, str] | None:
    """The service's names of fields, as the account's clicks are archived.

    None where they can't be read, or there never was such an account.
    """
    row = connection.execute("SELECT fields FROM accounts WHERE name = ?", (account,)).fetchone()
    try:
        names = json.loads(row[0]) if row else None
    except (ValueError, TypeError):
        return None
    return names if isinstance(names, dict) else None
