"""Spans of time, by arithmetic of the model's own: lists of `(start, end)`, the end is out."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

Span = tuple[datetime, datetime]
_MINUTE = timedelta(minutes=1)


def union(*many: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(span for spans in many for span in spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def without(spans: Iterable[Span], removed: Iterable[Span]) -> list[Span]:
    left = union(spans)
    for start, end in removed:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, start)), (max(first, end), last))
            if part[0] < part[1]
        ]
    return left


def common(spans: Iterable[Span], others: Sequence[Span]) -> list[Span]:
    whole = union(spans)
    return without(whole, without(whole, others))


def holds(spans: Iterable[Span], instant: datetime) -> bool:
    return any(start <= instant < end for start, end in spans)


def settled_end(now: datetime, settle: timedelta, zone: ZoneInfo) -> datetime:
    """Up to when anything may be archived: not into an hour that is about to repeat itself."""
    end = (now - settle).replace(microsecond=0)
    if not _is_ambiguous(end, zone):
        return end
    end = end.replace(second=0)
    while _is_ambiguous(end - _MINUTE, zone):
        end -= _MINUTE
    return end


def _is_ambiguous(instant: datetime, zone: ZoneInfo) -> bool:
    local = instant.astimezone(zone)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
