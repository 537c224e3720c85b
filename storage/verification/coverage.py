"""The ledger's coverage: windows apart from each other, none of them in the future."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime

from archiver.model import Window
from archiver.timestamps import format_utc, parse_utc
from storage.ledger import Ledger
from storage.verification.base import Difference


def covered(connection: sqlite3.Connection, account: str) -> list[Window]:
    """The windows that are covered, as far as they can be read."""
    texts = Ledger(connection).coverage_texts(account)
    return [window for window in (_window(*each) for each in texts) if window]


def coverage_differences(
    connection: sqlite3.Connection, account: str, now: datetime
) -> Iterator[Difference]:
    """What is wrong with an account's coverage: no windows, overlapping ones, future ones."""
    end: datetime | None = None
    for texts in Ledger(connection).coverage_texts(account):
        window = _window(*texts)
        found = f"[{texts[0]}, {texts[1]})"
        if window is None:
            yield Difference(account, None, "coverage", "[start, end) in UTC", found)
            continue
        day = window.start.date().isoformat()
        if end is not None and window.start < end:
            expected = f"none before {format_utc(end)} again"
            yield Difference(account, day, "coverage", expected, found)
        if window.end > now:
            expected = f"none after {format_utc(now)}, which is now"
            yield Difference(account, day, "coverage", expected, found)
        end = window.end if end is None else max(end, window.end)


def _window(start: object, end: object) -> Window | None:
    try:
        return Window(parse_utc(str(start)), parse_utc(str(end)))
    except ValueError:
        return None
