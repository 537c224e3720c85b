"""What is worth a warning though all is archived: the service may have lost data.

That is the day that the archive is for, and somebody should know that it has come.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from archiver.identity import Known
from archiver.model import AccountReport, Link, Window
from archiver.timestamps import format_utc
from archiver.windows import cut_at_midnights, subtract
from jobs.turn import Turn
from storage.opening import Archive
from storage.untold import Asked, Fall

#: So many clicks on a usual day are many. If they come by chance (Poisson), a day without any
#: comes once in 22,000 days.
MANY = 10
_HISTORY = 28
_WEEK = 7
_DAY = timedelta(days=1)
_TOLD_DAYS = 3
_STAYS = "What is archived stays: nothing is deleted here"


def whole_days(coverage: Collection[Window], before: Iterable[Window]) -> list[date]:
    """The UTC days that `coverage`, in normal form, has whole, and that it hadn't `before`."""
    come = cut_at_midnights(subtract(coverage, before))
    days = dict.fromkeys(datetime.combine(piece.start.date(), time(), UTC) for piece in come)
    return [
        day.date()
        for day in days
        if any(window.start <= day and day + _DAY <= window.end for window in coverage)
    ]


def usual_clicks(clicks: Mapping[date, int], day: date) -> int:
    """How many clicks there usually are on a day, by the 28 days before it.

    It is the least of three medians: of all of them, of the last seven, and of those of the same
    weekday (of these four, the second least). So neither an account that rests at weekends nor a
    campaign that has ended nor a single busy day makes a day without clicks look odd.
    """
    ordinals = range(day.toordinal() - 1, day.toordinal() - 1 - _HISTORY, -1)
    if ordinals[-1] < 1:  # the calendar's beginning
        return 0
    history = [clicks.get(date.fromordinal(each), 0) for each in ordinals]
    return min(map(_median_low, (history, history[:_WEEK], history[_WEEK - 1 :: _WEEK])))


def odd_days(clicks: Mapping[date, int], days: Iterable[date]) -> list[date]:
    """Those of the days that have no clicks at all, where many are usual."""
    return [day for day in days if not clicks.get(day) and usual_clicks(clicks, day) >= MANY]


def note_vanished(turn: Turn, window: Window, known: Known, missing: Collection[str]) -> None:
    """Note which of a window's archived clicks the service doesn't give, and which it does again.

    Each is told of once, and again only if it was there in between.
    """
    archive, name = turn.archive, turn.account.name
    day = window.start.date().isoformat()
    with archive.transaction():
        missed = archive.vanished.missed(name, day)
        archive.vanished.miss(name, day, set(missing) - missed, turn.now)
        there = {key for key in missed.difference(missing) if key in known}
        archive.vanished.find(name, day, there)


def note_falls(turn: Turn, before: Mapping[str, int], links: Iterable[Link]) -> None:
    """Note links whose totals went down from what they were `before`, by their keys."""
    for link in links:
        clicks = before.get(link.key)
        if clicks is not None and link.clicks is not None and link.clicks < clicks:
            turn.archive.untold.note_fall(turn.account.name, link.key, clicks, link.clicks)


def note_gone(turn: Turn, before: Mapping[str, int], gone: Iterable[str]) -> None:
    """Note links with clicks that aren't listed any more, by their keys."""
    for key in gone:
        if before.get(key):
            turn.archive.untold.note_fall(turn.account.name, key, before[key], None)


def tell_anomalies(archive: Archive, report: AccountReport, now: datetime) -> None:
    """Warn of all that was noted and that no run has told of; it counts as told from now on.

    Whoever calls holds a transaction, and finishes the run in it.
    """
    name = report.name
    report.warnings += [
        *_of_empty_days(archive, name),
        *_of_vanished(*archive.vanished.report(name, now)),
        *_of_falls(archive.untold.take_falls(name)),
        *_of_asked(archive.untold.take_asked(name)),
    ]


def _of_empty_days(archive: Archive, account: str) -> Iterator[str]:
    """Of days without clicks that have become whole since days were told of."""
    before = archive.untold.take_coverage(account)
    days = [] if before is None else whole_days(archive.ledger.coverage(account), before)
    if not days:
        return
    earliest = date.fromordinal(max(1, days[0].toordinal() - _HISTORY))
    clicks = archive.ledger.clicks_per_day(account, earliest, days[-1])
    odd = odd_days(clicks, days) if clicks else []
    if odd:
        told = ", ".join(map(str, odd[:_TOLD_DAYS])) + (" …" if len(odd) > _TOLD_DAYS else "")
        yield (
            f"no clicks at all on {told} (UTC), where {usual_clicks(clicks, odd[0]):,} a day or "
            "more are usual. Does the service still count? Or did it lose data? "
            f"{_STAYS}, and clicks that come late are looked for"
        )


def _of_vanished(clicks: int, first_day: str) -> Iterator[str]:
    if clicks:
        were = "1 archived click isn't" if clicks == 1 else f"{clicks:,} archived clicks aren't"
        yield (
            f"{were} given by the service any more, the first on {first_day} (UTC): it lost data, "
            f"or somebody deleted them there. {_STAYS} (table vanished_clicks has their keys)"
        )


def _of_falls(falls: Sequence[Fall]) -> Iterator[str]:
    """Which went down, and how many clicks were on links that aren't listed any more."""
    fallen = [fall for fall in falls if fall.now is not None]
    if fallen:
        first = fallen[0]
        more = f" (and {len(fallen) - 1:,} more)" if len(fallen) > 1 else ""
        yield (
            f"the service's total went down for {_label(first)}{more}, from {first.was:,} to "
            f"{first.now:,}: it lost data, or somebody reset it there. {_STAYS}"
        )
    lost = [fall.was for fall in falls if fall.now is None]
    if lost:
        yield (
            f"the service doesn't list {len(lost):,} of its links any more, with "
            f"{sum(lost):,} clicks: they were deleted there, or it lost data. {_STAYS}"
        )


def _of_asked(asked: Iterable[Asked]) -> Iterator[str]:
    """Of links that may be at the service, and that it may not list."""
    for destination, asked_at in asked:
        yield (
            f"`make-link` was killed at {format_utc(asked_at)} before the service answered: a "
            f"link to {destination} may have been made, and isn't kept here. Look at the service "
            "before you make it again"
        )


def _median_low(counts: Sequence[int]) -> int:
    # The standard library's takes 3 ms to import, which each run would pay.
    return sorted(counts)[(len(counts) - 1) // 2]


def _label(fall: Fall) -> str:
    return " ".join((fall.link or fall.key).split()) or "the account as a whole"
