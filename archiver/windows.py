"""Interval arithmetic: what is covered, what is missing, what is fetched as one.

Every function takes windows in any order, overlapping or not, and gives a sorted list in normal
form: disjoint, and not touching unless its docstring says so. Nothing is changed in place.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from archiver.model import CLICKED_AT, Row, Window
from archiver.timestamps import format_utc

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def clip(start: datetime, end: datetime) -> Window | None:
    """Give the window `[start, end)`, or None where that is empty."""
    return Window(start, end) if start < end else None


def day_window(day: str) -> Window:
    """Give the UTC day of a date such as 2026-11-19. Raises ValueError where it is none."""
    start = datetime.combine(date.fromisoformat(day), time(), UTC)
    return Window(start, start + timedelta(days=1))


def belonging(rows: Iterable[Row], window: Window) -> list[Row]:
    """Give the clicks that belong to a window, whatever else the service gave with them."""
    start, end = format_utc(window.start), format_utc(window.end)
    return [row for row in rows if start <= row[CLICKED_AT] < end]


def merge(windows: Iterable[Window]) -> list[Window]:
    """Give the union."""
    merged: list[Window] = []
    for window in sorted(windows):
        if merged and window.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged


def intersect(windows: Iterable[Window], others: Iterable[Window]) -> list[Window]:
    """Give the time that is in both."""
    left, right = merge(windows), merge(others)
    common: list[Window] = []
    i = j = 0
    while i < len(left) and j < len(right):
        shared = clip(max(left[i].start, right[j].start), min(left[i].end, right[j].end))
        if shared:
            common.append(shared)
        if left[i].end < right[j].end:
            i += 1
        else:
            j += 1
    return common


def subtract(windows: Iterable[Window], removed: Iterable[Window]) -> list[Window]:
    """Give the time that is in `windows` and not in `removed`."""
    edges = [_FIRST]
    for window in merge(removed):
        edges += window.start, window.end
    edges.append(_LAST)
    kept = (clip(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True))
    return intersect(windows, filter(None, kept))


def cut_at_midnights(windows: Iterable[Window]) -> list[Window]:
    """Give the same time in pieces that each lie within one UTC day; pieces may touch."""
    pieces: list[Window] = []
    for window in merge(windows):
        start = window.start
        while start.date() < window.end.date():
            midnight = datetime.combine(start.date() + timedelta(days=1), time(), UTC)
            pieces.append(Window(start, midnight))
            start = midnight
        rest = clip(start, window.end)
        if rest:
            pieces.append(rest)
    return pieces


def split(window: Window, parts: int) -> list[Window]:
    """Give touching pieces on whole seconds that together are the window.

    They are at most `parts` (but never none) and of equal length to within a second. A window of
    one second can't be split: it is given alone.
    """
    seconds = total_seconds([window])
    count = max(1, min(parts, seconds))
    edges = [window.start + timedelta(seconds=seconds * i // count) for i in range(count)]
    edges.append(window.end)
    return [Window(start, end) for start, end in pairwise(edges)]


def total_seconds(windows: Iterable[Window]) -> int:
    """Give the length of the union, in seconds."""
    length = sum((window.end - window.start for window in merge(windows)), timedelta())
    return length // timedelta(seconds=1)
