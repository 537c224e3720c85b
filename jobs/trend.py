"""How a link fared: its change since the day before, its clicks a day, the line of them. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from operator import attrgetter

from storage.standings import Snapshot

#: How many days the small line shows.
DAYS = 14
_DAY = timedelta(days=1)
#: A snapshot as far as this from the instant that is asked for doesn't stand for it.
_FAR = timedelta(hours=12)


def change(snapshots: Sequence[Snapshot]) -> int | None:
    """Clicks since the snapshot nearest to 24 hours before the latest; None without one near."""
    before = _nearest(snapshots, 1)
    return None if before is None else snapshots[-1].clicks - before.clicks


def daily(snapshots: Sequence[Snapshot]) -> tuple[int | None, ...]:
    """Clicks on each of the 14 days before the latest snapshot, oldest first.

    A day without a snapshot has its even share of what came by the next one; what lies before the
    first snapshot is None.
    """
    found = [(back, _nearest(snapshots, back)) for back in range(DAYS, -1, -1)]
    totals = [(back, snapshot.clicks) for back, snapshot in found if snapshot is not None]
    gained = [share for early, late in pairwise(totals) for share in _shares(early, late)]
    return (None,) * (DAYS - len(gained)) + tuple(gained)


def line(days: Sequence[int | None], width: float, height: float) -> list[tuple[float, float]]:
    """The points of a line through the days' clicks, in a box whose origin is its upper left.

    The bottom is 0, or the least where clicks were taken back; the top is the highest day.
    """
    known = [clicks for clicks in days if clicks is not None]
    low, high = min([0, *known]), max([1, *known])
    step = width / max(1, len(days) - 1)
    return [
        (round(place * step, 1), round(height * (high - clicks) / (high - low), 1))
        for place, clicks in enumerate(days)
        if clicks is not None
    ]


def _shares(early: tuple[int, int], late: tuple[int, int]) -> Iterator[int]:
    """What came between two totals, each (days back, clicks), in whole clicks a day."""
    days, gained = early[0] - late[0], late[1] - early[1]
    for day in range(days):
        yield gained * (day + 1) // days - gained * day // days


def _nearest(snapshots: Sequence[Snapshot], days_back: int) -> Snapshot | None:
    """The snapshot nearest to so many days before the latest; None where none is near."""
    if not snapshots:
        return None
    instant = snapshots[-1].taken_at - days_back * _DAY
    place = bisect_left(snapshots, instant, key=attrgetter("taken_at"))

    def distance(snapshot: Snapshot) -> timedelta:
        return abs(snapshot.taken_at - instant)

    nearest = min(snapshots[max(0, place - 1) : place + 1], key=distance)
    return nearest if distance(nearest) < _FAR else None
