"""Which windows a run fetches: coverage decides, never the schedule.

A late, a doubled or a missed run does no harm. The clock is passed in.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from archiver.model import Window
from archiver.timestamps import LocalTimes
from archiver.windows import clip, cut_at_midnights, intersect, merge, subtract

# A day or two after the calendar's beginning, so that it has a local time in every zone.
_FIRST = datetime(1, 1, 3, tzinfo=UTC)


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
    lookback_from: datetime | None = None,
) -> list[Window]:
    """Plan what is missing of `wanted`, and again the last `lookback` of what is covered.

    Again only before `wanted`'s end and, where it is given, at or after `lookback_from`.
    The windows are cut at UTC midnights and ordered by time. Where nothing is wanted, nothing is
    fetched again either.
    """
    if wanted is None:
        return []
    missing = subtract([wanted], coverage := merge(coverage))
    covered = subtract(coverage, beyond(coverage, wanted.end))
    if not covered:
        return cut_at_midnights(missing)
    end = covered[-1].end
    begin = _back(end, lookback)
    if lookback_from is not None:
        begin = max(begin, lookback_from)
    looked_at = clip(begin, end)
    again = intersect(covered, [looked_at]) if looked_at else []
    # Apart from each other: a window fetched again is covered already, whatever becomes of it.
    return sorted([*cut_at_midnights(missing), *cut_at_midnights(again)])


def plan_backfill(
    asked: Window | None,
    coverage: Iterable[Window],
    *,
    again: bool,
    lookback_from: datetime | None = None,
) -> list[Window]:
    """Plan what isn't covered of the period that was asked for, or all of it with `again`.

    What is covered before `lookback_from` isn't fetched again in any case. The windows are cut at
    UTC midnights and ordered by time.
    """
    if asked is None:
        return []
    kept = merge(coverage)
    if again:
        kept = subtract(kept, beyond(kept, lookback_from)) if lookback_from else []
    return cut_at_midnights(subtract([asked], kept))


def beyond(coverage: Iterable[Window], end: datetime) -> list[Window]:
    """Give the coverage after `end`: it was written while a clock was wrong."""
    late = (clip(max(window.start, end), window.end) for window in merge(coverage))
    return [window for window in late if window]


def _back(instant: datetime, by: timedelta) -> datetime:
    return instant - min(by, instant - _FIRST)
