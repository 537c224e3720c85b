"""Which windows a run fetches: coverage decides, never the schedule.

A late, a doubled or a missed run does no harm. The clock is passed in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from archiver.model import Window
from archiver.timestamps import LocalTimes
from archiver.windows import clip, cut_at_midnights, intersect, merge, subtract

# A day or two after the calendar's beginning, so that it has a local time in every zone.
_FIRST = datetime(1, 1, 3, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """Windows to fetch, each within a UTC day: those missing, and those covered already.

    They are apart from each other: a window that is fetched again stays covered, whatever becomes
    of it.
    """

    missing: Sequence[Window]
    again: Sequence[Window] = ()

    @property
    def windows(self) -> list[Window]:
        """All of them, in order."""
        return sorted([*self.missing, *self.again])


def plan_end(now: datetime, settle: timedelta, times: LocalTimes) -> datetime:
    """Give the instant after which nothing may be covered yet, on a whole second.

    It is `now - settle`. As long as that lies in a repeated hour, it is the hour's beginning:
    clicks of the second pass bear the texts of the first, so the first isn't whole before the
    second is over.
    """
    end = _back(now, settle).replace(microsecond=0)
    return times.repeated_hour_start(end) or end


def plan_run(
    wanted: Window | None,
    coverage: Iterable[Window],
    lookback: timedelta,
    *,
    looked_back_to: datetime | None = None,
    lookback_from: datetime | None = None,
) -> Plan:
    """Plan what is missing of `wanted`, and again the last `lookback` of what is covered.

    The lookback begins before coverage's end, or before `looked_back_to`, where an earlier one
    reached: one that failed, or that a backfill left behind, is made up for. Nothing before
    `lookback_from` is fetched again. Where nothing is wanted, nothing is fetched again either.
    """
    if wanted is None:
        return Plan([])
    missing = subtract([wanted], coverage := merge(coverage))
    covered = subtract(coverage, beyond(coverage, wanted.end))
    if not covered:
        return Plan(cut_at_midnights(missing))
    end = covered[-1].end
    begin = _back(min(end, looked_back_to or end), lookback) if lookback else end
    if lookback_from is not None:
        begin = max(begin, lookback_from)
    looked_at = clip(begin, end)
    again = intersect(covered, [looked_at]) if looked_at else []
    return Plan(cut_at_midnights(missing), cut_at_midnights(again))


def plan_backfill(
    asked: Window | None,
    coverage: Iterable[Window],
    *,
    again: bool,
    lookback_from: datetime | None = None,
) -> Plan:
    """Plan what isn't covered of the period that was asked for, or all of it with `again`.

    What is covered before `lookback_from` isn't fetched again in any case.
    """
    if asked is None:
        return Plan([])
    covered = merge(coverage)
    missing = cut_at_midnights(subtract([asked], covered))
    if not again:
        return Plan(missing)
    comparable = beyond(covered, lookback_from) if lookback_from else covered
    return Plan(missing, cut_at_midnights(intersect([asked], comparable)))


def beyond(coverage: Iterable[Window], end: datetime) -> list[Window]:
    """Give the coverage after `end`: it was written while a clock was wrong."""
    late = (clip(max(window.start, end), window.end) for window in merge(coverage))
    return [window for window in late if window]


def _back(instant: datetime, by: timedelta) -> datetime:
    return instant - min(by, instant - _FIRST)
