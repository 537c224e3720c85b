"""Random histories: what happens at the service, what goes wrong, and runs in between.

After each step the archive is held against the promise, and in the end, when nothing goes wrong
any more, it must be exactly what the service told.
"""

import gc
import json
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from model import choices, faults
from model.promise import Promise, Work
from model.reading import archived, stored
from model.spans import Span
from model.upstream import CROWD, LINKS, Event, Host, Told, Upstream
from support import figures
from support.archive import TestArchive
from support.children import in_child
from support.steps import ENDS, Fault, Steps, installed

from archiver.model import RunReport
from refserver.database import NewClick

_SECOND, _MINUTE, _DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
#: Files of memory, where there are such: what is synced is not what these tests are slow by.
_FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
#: A page holds more than two seconds' clicks where it can't be followed by another, or can't be
#: told from another: an error that is named, and so isn't what is tried here.
_LARGE_PAGE = 2 * CROWD + 1


class History(RuleBasedStateMachine):
    """One archive of one account, from its first run to its last."""

    def __init__(self, host: Host, store: str, dialect: str | None) -> None:
        super().__init__()
        self._host, self._store, self._dialect = host, store, dialect
        self._within = ExitStack()
        self._holds = False  # from the beginning until a step is under way that may fail
        self._is_faulty = False
        self._line_fault: dict[str, Any] | None = None
        self._ahead: timedelta | None = None  # the service's clock at most, if it may be wrong
        self._usual_steps = 65  # of a run, at first
        self._ever_told: Counter[Event] = Counter()

    @initialize(
        zone=st.sampled_from(sorted(choices.ZONES)),
        others=st.sets(st.sampled_from(choices.DIALECTS), max_size=3),
        form=st.sampled_from(["json", "xml"]),
        bisects=st.booleans(),
        page_size=st.sampled_from([3, 7, 25, 1000]),
        slice_records=st.sampled_from([6, 40_000]),
        concurrency=st.sampled_from([1, 1, 4]),
        settle=st.sampled_from([0, 60, 600, 7200]),
        lookback=st.sampled_from([0, 3600, 86_400, 100_000]),
        has_since=st.booleans(),
        past=st.lists(choices.groups, max_size=8),
        flood=st.booleans(),
    )
    def begin(
        self, zone, others, form, bisects, page_size, slice_records, concurrency, settle,
        lookback, has_since, past, flood,
    ) -> None:  # fmt: skip
        folder = Path(tempfile.mkdtemp(prefix="history-", dir=_FAST))
        self._within.callback(shutil.rmtree, folder)
        self._within.enter_context(patch("archiver.sources.transport._BACKOFF_SECONDS", 0))
        self._within.enter_context(patch("jobs.sources.RECORDS_IN_FLIGHT", slice_records))
        dialects = {*others, *filter(None, [self._dialect])}
        bisects = bisects or "no-offset" in dialects
        if bisects or {"no-id", "no-total"} <= dialects:
            page_size = max(page_size, _LARGE_PAGE)
        self._pages_are_large = page_size == 1000
        change = datetime.fromisoformat(choices.ZONES[zone])
        self._begin = change - 3 * _DAY
        self._upstream = Upstream(
            folder / "service.db", zone, dialects, change - _DAY, self._host.url
        )
        self._within.callback(self._upstream.close)
        self._host.app = self._upstream.app
        since = self._begin if has_since else None
        self._settings = {
            "format": form,
            "pagination": "bisect" if bisects else "offset",
            "page_size": page_size,
            "concurrency": concurrency,
            "settle": f"{settle}s",
            "lookback": f"{lookback}s",
            **({"since": f"{since:%Y-%m-%dT%H:%M:%SZ}"} if since else {}),
            **(choices.RENAMED if "renamed" in dialects else {}),
        }
        self._archive = TestArchive(
            folder, self._url(), store=self._store, timezone=zone, **self._settings
        )
        self._promise = Promise(
            self._upstream.zone, timedelta(seconds=settle), timedelta(seconds=lookback), since
        )
        self._holds = True
        self._upstream.record_groups(past)
        if flood and "cap-500" in dialects and self._pages_are_large:
            now, second = self._upstream.now, timedelta(seconds=7)
            self._upstream.record(NewClick(1, now - nth * second, "::1") for nth in range(520))

    # What happens at the service

    @rule(groups=st.lists(choices.groups, min_size=1, max_size=3))
    def clicks_come(self, groups) -> None:
        """Alike to the letter, or one after the other; late, where their time is covered."""
        self._upstream.record_groups(groups)

    @rule(change=choices.changes)
    def something_changes(self, change) -> None:
        """A click comes again, alike but for its id, is converted, or vanishes; or a link is
        renamed; or all that vanished comes back.
        """
        what, number, text = change
        told = self._upstream.told()
        match what:
            case "again" if told:
                self._upstream.record_again(told[number % len(told)])
            case "rename":
                self._upstream.rename(number % LINKS + 1, text)
            case "convert":
                self._upstream.convert(number % (len(told) + 1), text)
            case "vanish":
                self._upstream.vanish(number % (len(told) + 1))
            case "restore":
                self._upstream.restore()

    # What goes wrong

    @rule(fault=faults.answers)
    def answers_go_wrong(self, fault) -> None:
        """From now on, for a while or until all is well again."""
        if self._shows_nothing(fault):
            return
        if fault["fault"] == "clicks":
            instant = self._upstream.now - timedelta(seconds=fault["ago"])
            if self._upstream.is_crowded(instant, fault["count"]):
                return
            at = f"{instant:%Y-%m-%dT%H:%M:%SZ}"
            fault = {**fault, "clicked_at": at}
            del fault["ago"]
        if fault["fault"] == "clock":
            before = self._ahead or timedelta()
            self._ahead = max(before, timedelta(seconds=fault["seconds"]))
        self._upstream.order("faults", **fault)
        self._is_faulty = True
        figures.count(f"history: fault: {fault['fault']}")

    def _shows_nothing(self, fault) -> bool:
        """A total that is too low by just so much that a full page seems the last one."""
        is_low = fault["fault"] == "wrong-total" and fault["by"] == -1
        return is_low and not self._pages_are_large

    @rule()
    def all_is_well_again(self) -> None:
        self._upstream.order("reset")
        self._is_faulty, self._line_fault, self._ahead = False, None, None

    # What the machine does

    @rule(wait=choices.waits, way=choices.ways)
    def it_runs(self, wait, way) -> None:
        """Some time later: as it should, or in a way that goes wrong."""
        self._upstream.now += timedelta(seconds=wait)
        self._work(None, way)

    @rule(ago=choices.agos, length=st.integers(1, 400_000), again=st.booleans(), way=choices.ways)
    def it_backfills(self, ago, length, again, way) -> None:
        """A period of the past, some of it covered; or one that isn't over yet."""
        start = self._upstream.now - ago - _MINUTE
        self._work((start, start + length * _SECOND), way, again=again)

    def teardown(self) -> None:
        try:
            if self._holds:
                self._end()
        finally:
            self._within.close()
            gc.collect()  # as the daemon does after each run

    def _end(self) -> None:
        """The faults stop, and all that the service still has is asked for once more."""
        self.all_is_well_again()
        self._work(None)
        now = self._upstream.now
        self._work((self._begin - 3 * _DAY, now + _DAY), again=True)
        clicks, events = self._promise.archived.clicks, self._promise.archived.events
        lost = self._promise.settled(self._upstream.told(), now) - events
        made_up = events - self._ever_told
        assert (lost, made_up) == (Counter(), Counter())
        exported = self._archive.export()
        assert Counter(stored(json.loads(line)) for line in exported.splitlines()) == clicks
        report = self._run(Work(now, now))
        assert (report.outcome, report.accounts[0].new) == ("complete", 0)
        assert self._archive.export() == exported
        status = self._archive.status(now)
        assert (status["gaps"], status["behind_seconds"] or 0) == ([], 0)
        assert status["clicks"] == clicks.total()
        differences = self._archive.differences(now)
        assert not differences, differences
        figures.count("histories")
        figures.count("clicks archived", clicks.total())
        figures.count("clicks lost", lost.total())
        figures.count("clicks made up", made_up.total())

    def _work(self, period: Span | None, way: Any = None, *, again: bool = False) -> None:
        """Run, or backfill a period, in a way that may go wrong, and hold the archive."""
        self._holds = False
        now = self._upstream.now
        match way:
            case choices.Trouble():
                trouble = way.fault(self._store, self._usual_steps)
                self._hold(self._by_right_clock(period, again), trouble, is_clean=False)
            case choices.WrongClock(days, both) if both and days > 0:
                # Nothing can tell, until one of them is right: the next run takes it back.
                self.all_is_well_again()
                self.answers_go_wrong({**faults.CLOCK, "seconds": days * 86_400})
                wrong = now + days * _DAY
                work = Work(wrong, wrong, period, again, clocks_agree=False)
                self._hold(work, None, is_clean=False)
                self.all_is_well_again()
                self._hold(Work(now, now), None)
            case choices.WrongClock(days):
                figures.count("history: fault: clock of the machine")
                wrong = now + days * _DAY
                latest = min(wrong, now + (self._ahead or timedelta()))
                work = Work(wrong, latest, period, again, clocks_agree=False)
                self._hold(work, None, is_clean=False)
            case _:
                for fault in way if isinstance(way, list) else ():
                    self.answers_go_wrong(fault)
                self._line_fault = way if isinstance(way, dict) else None
                self._hold(self._by_right_clock(period, again), None)
        self._holds = True

    def _by_right_clock(self, period: Span | None, again: bool) -> Work:  # noqa: FBT001
        now = self._upstream.now
        return Work(now, now, period, again, clocks_agree=self._ahead is None)

    def _hold(self, work: Work, trouble: Fault | None, *, is_clean: bool = True) -> None:
        is_clean &= not (self._is_faulty or self._line_fault)
        told, account = self._told(), None
        steps = Steps(trouble)
        if trouble and trouble.kind in ENDS:
            if in_child(lambda: self._run(work, steps)):
                figures.count(f"history: process: {trouble.kind}")
        else:
            [account] = self._run(work, steps).accounts
            assert not account.unexpected, account.error
            if trouble and account.errors:
                figures.count(f"history: disk: {trouble.kind}")
            if not trouble:
                self._usual_steps = len(steps.names)
        figures.count("runs")
        after = archived(self._archive)
        if is_clean and account:
            self._promise.hold_exactly(work, told, after, account)
        else:
            self._promise.hold_loosely(work, told, self._told(), after, account)

    def _told(self) -> list[Told]:
        """What the service tells now; kept in mind, with the largest number of those alike."""
        told = self._upstream.told()
        self._ever_told |= Counter(each.event for each in told)
        return told

    def _run(self, work: Work, steps: Steps | None = None) -> RunReport:
        """Once, past the line that is faulty if one is; the line is well afterwards."""
        self._archive.write_config(self._url(), self._upstream.zone.key, **self._settings)
        with installed(steps or Steps()):
            if work.period is None:
                report = self._archive.run(work.now)
            else:
                start, end = (f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in work.period)
                report = self._archive.backfill(start, end, work.now, again=work.again)
        self._line_fault = None
        return report

    def _url(self) -> str:
        proxy, fault = self._host.proxy, self._line_fault
        assert proxy is not None
        if fault is None:
            return f"{self._host.url}/api/v1_0/"
        proxy.fail(fault["fault"], times=fault["times"], seconds=0.00001)
        return f"{proxy.url}/api/v1_0/"
