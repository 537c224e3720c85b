"""The promise as a plain model in memory: what an archive may hold after a step, and must.

Nothing here knows how the program goes about it. It knows which time a run is to fetch (what is
missing of what is wanted, and the lookback), and that what a service tells of that time is then
archived: every click, once, and never taken back.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from model.spans import Span, common, holds, settled_end, union, without
from model.upstream import Event, Facts, Told

from archiver.model import AccountReport

_FIRST_RUN_REACHES_BACK = timedelta(hours=24)


class Stored(NamedTuple):
    """A click as it is archived."""

    event: Event
    facts: Facts
    clicked_at: str


@dataclass(frozen=True, slots=True)
class Archived:
    """All that an archive says: its clicks, and what the next run goes by."""

    clicks: "Counter[Stored]" = field(default_factory=Counter)
    covered: list[Span] = field(default_factory=list)
    first_run_at: datetime | None = None
    looked_back_to: datetime | None = None

    @property
    def events(self) -> "Counter[Event]":
        events: Counter[Event] = Counter()
        for click, count in self.clicks.items():
            events[click.event] += count
        return events


@dataclass(frozen=True, slots=True)
class Work:
    """One run or backfill, by the machine's clock; `period` is the backfill's.

    Nothing is settled after `latest`, the earlier of the machine's clock and the service's.
    """

    now: datetime
    latest: datetime
    period: Span | None = None
    again: bool = False
    clocks_agree: bool = True


@dataclass(slots=True)
class Promise:
    """What is promised of one account, from step to step."""

    zone: ZoneInfo
    settle: timedelta
    lookback: timedelta
    since: datetime | None
    archived: Archived = field(default_factory=Archived)

    def settled(self, told: list[Told], now: datetime) -> "Counter[Event]":
        """What of all that is told can be archived by now."""
        return _events(told, [(_BEGIN, settled_end(now, self.settle, self.zone))])

    def hold_exactly(
        self, work: Work, told: list[Told], after: Archived, report: AccountReport
    ) -> None:
        """Nothing went wrong: the archive is what it was and all that was to be fetched."""
        before = self.archived
        missing, again = self._due(work)
        fetched = union(missing, again)
        assert report.outcome == "complete", report
        assert after.events == before.events | _events(told, fetched)
        settled = (_BEGIN, settled_end(work.now, self.settle, self.zone))
        assert after.covered == union(common(before.covered, [settled]), missing)
        if work.period is None and after.covered:
            assert after.looked_back_to == after.covered[-1][1]
        self._hold_always(work, told, told, after)
        _hold_report(report, before, after)
        self.archived = after

    def hold_loosely(
        self,
        work: Work,
        told_before: list[Told],
        told_after: list[Told],
        after: Archived,
        report: AccountReport | None,
    ) -> None:
        """Whatever went wrong: nothing is lost, made up, doubled, or covered without being there.

        `report` is None where the run was killed.
        """
        missing, again = self._due(work)
        missing = common(missing, [(_BEGIN, settled_end(work.latest, self.settle, self.zone))])
        fetched = union(missing, again)
        before = self.archived
        settled = (_BEGIN, settled_end(work.now, self.settle, self.zone))
        kept = common(before.covered, [settled])
        assert not without(kept, after.covered), "coverage got lost"
        assert not without(after.covered, union(before.covered, missing)), "unasked coverage"
        at_least = before.events | _events(told_before, without(after.covered, before.covered))
        if after.looked_back_to != before.looked_back_to:
            at_least |= _events(told_before, again)
        if report is not None and report.outcome == "complete" and work.clocks_agree:
            at_least |= _events(told_before, fetched)
        assert at_least <= after.events, at_least - after.events
        at_most = before.events | _events(told_after, fetched)
        assert after.events <= at_most, after.events - at_most
        self._hold_always(work, told_before, told_after, after)
        if report is not None:
            assert (report.outcome == "complete") == (report.error is None)
            _hold_report(report, before, after)
        self.archived = after

    def _hold_always(
        self, work: Work, told_before: list[Told], told_after: list[Told], after: Archived
    ) -> None:
        before = self.archived
        assert before.clicks <= after.clicks, "an archived click was changed"
        seen = {(told.event, told.facts) for told in (*told_before, *told_after)}
        instants = {told.event: told.at for told in told_after}
        for click in after.clicks - before.clicks:
            assert (click.event, click.facts) in seen
            assert click.clicked_at == f"{instants[click.event]:%Y-%m-%dT%H:%M:%SZ}"
        if after.first_run_at != before.first_run_at:
            assert after.first_run_at == self._first_run_at(work)
        if after.looked_back_to != before.looked_back_to:
            assert work.period is None
            assert after.looked_back_to == after.covered[-1][1]

    def _due(self, work: Work) -> tuple[list[Span], list[Span]]:
        """Which time is missing and to be fetched, and which is to be fetched again."""
        end = settled_end(work.now, self.settle, self.zone)
        covered = common(self.archived.covered, [(_BEGIN, end)])
        if work.period is not None:
            asked = [(work.period[0], min(work.period[1], end))]
            again = common(asked, covered) if work.again else []
            return without(asked, covered), again
        start = self.since or self._first_run_at(work) - _FIRST_RUN_REACHES_BACK
        if start >= end:
            return [], []
        missing = without([(start, end)], covered)
        if not covered or not self.lookback:
            return missing, []
        last = covered[-1][1]
        reached = min(last, self.archived.looked_back_to or last)
        return missing, common(covered, [(reached - self.lookback, last)])

    def _first_run_at(self, work: Work) -> datetime:
        first = self.archived.first_run_at
        return work.now if first is None or first > work.now else first


_BEGIN = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def _events(told: list[Told], spans: list[Span]) -> "Counter[Event]":
    return Counter(click.event for click in told if holds(spans, click.at))


def _hold_report(report: AccountReport, before: Archived, after: Archived) -> None:
    assert report.new == after.clicks.total() - before.clicks.total()
    assert report.fetched == report.new + report.duplicates
