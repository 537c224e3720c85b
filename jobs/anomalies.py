"""What is worth a warning though all is archived: the service may have lost data.

That is the day that the archive is for, and somebody should know that it has come.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from archiver.identity import Known
from archiver.model import Link, Window
from archiver.windows import cut_at_midnights, subtract
from jobs.turn import Turn

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


def warn_of_empty_days(turn: Turn, before: Collection[Window]) -> None:
    """Warn of days without clicks that weren't whole in the coverage `before`, and now are."""
    name, ledger = turn.account.name, turn.archive.ledger
    days = whole_days(ledger.coverage(name), before)
    if not days:
        return
    earliest = date.fromordinal(max(1, days[0].toordinal() - _HISTORY))
    clicks = ledger.clicks_per_day(name, earliest, days[-1])
    odd = odd_days(clicks, days) if clicks else []
    if odd:
        told = ", ".join(map(str, odd[:_TOLD_DAYS])) + (" …" if len(odd) > _TOLD_DAYS else "")
        turn.report.warnings.append(
            f"no clicks at all on {told} (UTC), where {usual_clicks(clicks, odd[0]):,} a day or "
            "more are usual. Does the service still count? Or did it lose data? "
            f"{_STAYS}, and clicks that come late are looked for"
        )


@dataclass(slots=True)
class Missing:
    """The archived clicks that the service doesn't give any more, as one turn comes upon them.

    Each is told of once, and again only if it was there in between.
    """

    turn: Turn
    clicks: int = 0
    first: Window | None = None

    def note(self, window: Window, known: Known, missing: Collection[str]) -> None:
        """Note what is missing of a window's archived clicks, and what is there again."""
        archive, name = self.turn.archive, self.turn.account.name
        day = window.start.date().isoformat()
        with archive.transaction():
            missed = archive.vanished.missed(name, day)
            newly = set(missing) - missed
            archive.vanished.miss(name, day, newly, self.turn.now)
            there = {key for key in missed.difference(missing) if key in known}
            archive.vanished.find(name, day, there)
        if newly:
            self.clicks += len(newly)
            self.first = min(self.first or window, window)

    def warn(self) -> None:
        """Say how many have come to be missing in this turn, if any."""
        if self.clicks:
            were = (
                "1 archived click isn't"
                if self.clicks == 1
                else (f"{self.clicks:,} archived clicks aren't")
            )
            self.turn.report.warnings.append(
                f"{were} given by the service any more, the first in {self.first}: it lost data, "
                f"or somebody deleted them there. {_STAYS} (table vanished_clicks has their keys)"
            )


@dataclass(slots=True)
class Fallen:
    """Links whose totals went down since they were last seen; each is told of once."""

    before: Mapping[str, int]  # clicks by a link's key
    links: list[tuple[Link, int]] = field(default_factory=list)

    def compare(self, links: Iterable[Link]) -> None:
        self.links += _fallen(self.before, links)

    def warn(self, turn: Turn, gone: Collection[str]) -> None:
        """Say which went down, and how many clicks were on links that aren't listed any more."""
        if self.links:
            link, before = self.links[0]
            more = f" (and {len(self.links) - 1:,} more)" if len(self.links) > 1 else ""
            turn.report.warnings.append(
                f"the service's total went down for {_label(link)}{more}, from {before:,} to "
                f"{link.clicks:,}: it lost data, or somebody reset it there. {_STAYS}"
            )
        lost = [self.before[key] for key in gone if self.before.get(key)]
        if lost:
            turn.report.warnings.append(
                f"the service doesn't list {len(lost):,} of its links any more, with "
                f"{sum(lost):,} clicks: they were deleted there, or it lost data. {_STAYS}"
            )


def _median_low(counts: Sequence[int]) -> int:
    # The standard library's takes 3 ms to import, which each run would pay.
    return sorted(counts)[(len(counts) - 1) // 2]


def _fallen(before: Mapping[str, int], links: Iterable[Link]) -> Iterator[tuple[Link, int]]:
    for link in links:
        clicks = before.get(link.key)
        if clicks is not None and link.clicks is not None and link.clicks < clicks:
            yield link, clicks


def _label(link: Link) -> str:
    return " ".join((link.link or link.key).split()) or "the account as a whole"
