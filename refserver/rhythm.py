"""When people click: the rhythm of a period, and the hours that its clock repeats."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

# How busy each local hour is, from midnight on.
_HOURS = (
    12,
    8,
    5,
    4,
    4,
    6,
    12,
    25,
    48,
    68,
    80,
    84,
    82,
    78,
    80,
    78,
    72,
    66,
    62,
    66,
    70,
    64,
    44,
    24,
)
# Monday to Sunday.
_WEEKDAYS = (1.0, 1.1, 1.1, 1.05, 0.95, 0.55, 0.6)
# Now and then a mailing goes out, and its day is several times as busy.
_MAILING_SHARE = 0.04
_MAILING_FACTOR = 4.0


class Stretch(NamedTuple):
    """Up to an hour of a period: Unix time, length, and how many clicks there are by its end."""

    start: int
    seconds: int
    clicks_by_end: int


class Repeat(NamedTuple):
    """Seconds that a clock shows twice: those of `passed`, and each `shift` seconds later."""

    passed: range
    shift: int


def plan_stretches(
    first: int, last: int, zone: ZoneInfo, clicks: int, rng: random.Random
) -> list[Stretch]:
    """The period `[first, last)` of Unix time, cut into hours; `clicks` by the last one's end."""
    begins = range(first, last, 3600)
    lengths = [min(3600, last - begin) for begin in begins]
    sums = list(accumulate(map(float.__mul__, _busyness(begins, zone, rng), map(float, lengths))))
    return [
        Stretch(begin, length, round(clicks * so_far / sums[-1]))
        for begin, length, so_far in zip(begins, lengths, sums, strict=True)
    ]


def find_repeats(first: int, last: int, zone: ZoneInfo) -> list[Repeat]:
    """What the zone's clock shows twice, both times within the period `[first, last)`."""
    repeats = []
    for begin in range(first - first % 3600, last, 3600):
        shift = _offset(begin, zone) - _offset(begin + 3600, zone)
        if shift <= 0:
            continue
        change = _clock_change(begin, zone)
        passed = range(max(first, change - shift), min(change, last - shift))
        if passed:
            repeats.append(Repeat(passed, shift))
    return repeats


def _busyness(begins: range, zone: ZoneInfo, rng: random.Random) -> Iterator[float]:
    day, day_factor = None, 1.0
    for begin in begins:
        local = datetime.fromtimestamp(begin, UTC).astimezone(zone)
        if local.date() != day:
            day = local.date()
            day_factor = _MAILING_FACTOR if rng.random() < _MAILING_SHARE else 1.0
        noise = 0.7 + 0.6 * rng.random()
        yield _HOURS[local.hour] * _WEEKDAYS[local.weekday()] * day_factor * noise


def _clock_change(begin: int, zone: ZoneInfo) -> int:
    """The first second of the new offset, where the hour from `begin` holds a change."""
    before = _offset(begin, zone)
    low, high = begin, begin + 3600
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(second: int, zone: ZoneInfo) -> int:
    local = datetime.fromtimestamp(second, UTC).astimezone(zone)
    offset = local.utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
