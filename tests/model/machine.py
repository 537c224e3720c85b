"""Random histories: what happens at the service, what goes wrong, and runs in between.

After each step the archive is held against the promise, and in the end, when nothing goes wrong
any more, it must be exactly what the service told.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from model import choices, faults
from model.promise import Promise, Work
from model.reading import archived, stored
from model.upstream import LINKS, Event, Host, Told, Upstream
from support import figures
from support.archive import TestArchive
from support.children import in_child
from support.steps import ENDS, Fault, Steps, installed

from archiver.model import RunReport
from refserver.database import NewClick
from refserver.proxy import PROXY_FAULTS

_SECOND, _MINUTE, _DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
#: Files of memory, where there are such: what is synced is not what these tests are slow by.
_FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None

#: A second holds no more clicks than this; and a page holds more than two seconds' clicks where
#: it can't be followed by another, or can't be told from another: an error that is named, and so
#: isn't what is tried here.
_CROWD = 12
_LARGE_PAGE = 2 * _CROWD + 1


class History(RuleBasedStateMachine):
    """One archive of one account, from its first run to its last."""

    def __init__(self, host: Host, store: str, dialect: str | None) -> None:
        super().__init__()
        self._host, self._store, self._dialect = host, store, dialect
        self._within = ExitStack()
        self._holds = False  # from the beginning until a step is under way that may fail
        self._is_faulty = False
        self._line_fault: dict[str, object] | None = None
        self._ever_told: Counter[Event] = Counter()

    @initialize(
        zone=st.sampled_from(sorted(choices.ZONES)),
        others=st.sets(st.sampled_from(choices.DIALECTS), max_size=3),
        form=st.sampled_from(["json", "xml"]),
        bisects=st.booleans(),
        page_size=st.sampled_from([2, 3, 7, 25, 1000]),
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
        self._record(past)
        if flood and "cap-500" in dialects and self._pages_are_large:
            now, second = self._upstream.now, timedelta(seconds=7)
            self._upstream.record(NewClick(1, now - nth * second, "::1") for nth in range(520))

    # What happens at the service

    @rule(groups=st.lists(choices.groups, min_size=1, max_size=3))
    def clicks_come(self, groups) -> None:
        """Alike to the letter, or one after the other; late, where their time is covered."""
        self._record(groups)

    @rule(change=choices.changes)
    def something_changes(self, change) -> None:
        """A click comes again, alike but for its id, is converted, or vanishes; or a link is
        renamed; or all that vanished comes back.
        """
        what, number, text = change
        told = self._upstream.told()
        match what:
            case "again" if told:
                self._record_again(told[number % len(told)])
            case "rename":
                self._upstream.rename(number % LINKS + 1, text)
            case "convert":
                self._upstream.convert(number % (len(told) + 1), text)
            case "vanish":
                self._upstream.vanish(number % (len(told) + 1))
            case "restore":
                self._upstream.restore()

    # What goes wrong

    @rule(fault=faults.answers | faults.lines, ago=choices.agos)
    def a_fault_is_set(self, fault, ago) -> None:
        if fault["fault"] in PROXY_FAULTS:
            self._line_fault = fault
        elif not self._shows_nothing(fault):
            if fault["fault"] == "clicks":
                instant = self._upstream.now - ago
                if self._is_crowded(instant, fault["count"]):
                    return
                fault = {**fault, "clicked_at": f"{instant:%Y-%m-%dT%H:%M:%SZ}"}
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
        self._is_faulty, self._line_fault = False, None

    # What the machine does

    @rule(wait=choices.waits, way=st.one_of(choices.ways, choices.ways, choices.clocks))
    def it_runs(self, wait, way) -> None:
        """Some time later: as it should, with a disk that fails, to a violent end, or by a clock
        that is wrong.
        """
        self._upstream.now += timedelta(seconds=wait)
        if isinstance(way, tuple) and not isinstance(way, Fault):
            self._run_by_wrong_clock(*way)
        else:
            self._work(Work(self._upstream.now), way)

    @rule(ago=choices.agos, length=st.integers(1, 400_000), again=st.booleans(), way=choices.ways)
    def it_backfills(self, ago, length, again, way) -> None:
        now = self._upstream.now
        start = now - ago - _MINUTE
        self._work(Work(now, (start, start + length * _SECOND), again), way)

    def teardown(self) -> None:
        try:
            if self._holds:
                self._end()
        finally:
            self._within.close()

    def _end(self) -> None:
        """The faults stop, and all that the service still has is asked for once more."""
        self.all_is_well_again()
        self._work(Work(self._upstream.now), None)
        begin = self._begin - 10 * _DAY
        self._work(Work(self._upstream.now, (begin, self._upstream.now + _DAY), again=True), None)
        clicks, events = self._promise.archived.clicks, self._promise.archived.events
        lost = self._promise.settled(self._upstream.told(), self._upstream.now) - events
        made_up = events - self._ever_told
        assert (lost, made_up) == (Counter(), Counter())
        exported = self._archive.export()
        assert Counter(stored(json.loads(line)) for line in exported.splitlines()) == clicks
        report = self._run(Work(self._upstream.now))
        assert (report.outcome, report.accounts[0].new) == ("complete", 0)
        assert self._archive.export() == exported
        status = self._archive.status(self._upstream.now)
        assert (status["gaps"], status["behind_seconds"] or 0) == ([], 0)
        assert status["clicks"] == clicks.total()
        figures.count("histories")
        figures.count("clicks archived", clicks.total())
        figures.count("clicks lost", lost.total())
        figures.count("clicks made up", made_up.total())

    def _work(self, work: Work, way: Fault | None, *, is_clean: bool = True) -> None:
        self._holds = False
        if way and way.kind in ENDS:
            self._kill(work, way)
        else:
            self._let_work(work, way, is_clean=is_clean)
        self._holds = True

    def _let_work(self, work: Work, way: Fault | None, *, is_clean: bool) -> None:
        is_clean &= not (way or self._is_faulty or self._line_fault)
        before = self._told()
        with installed(Steps(way)) if way else nullcontext():
            report = self._run(work)
        if way:
            figures.count(f"history: disk: {way.kind}")
        figures.count("runs")
        [account] = report.accounts
        assert not account.unexpected, account.error
        if is_clean:
            self._promise.hold_exactly(work, before, archived(self._archive), account)
        else:
            self._hold_loosely(work, before, account)

    def _run_by_wrong_clock(self, days: int, both: bool) -> None:  # noqa: FBT001
        """Where the service's clock is right, nothing is covered too early. Where it is ahead as
        well, nothing can tell, until one of them is right: the next run takes it back.
        """
        both &= days > 0
        if both:
            self.all_is_well_again()
            self._upstream.order("faults", fault="clock", seconds=days * 86_400, times=None)
        self._work(Work(self._upstream.now + days * _DAY), None, is_clean=False)
        figures.count(f"history: fault: {'both clocks' if both else 'clock of the machine'}")
        if both:
            self.all_is_well_again()
            self._work(Work(self._upstream.now), None)

    def _kill(self, work: Work, death: Fault) -> None:
        before = self._told()

        def die() -> None:
            with installed(Steps(death)):
                self._run(work)

        if in_child(die):
            figures.count(f"history: process: {death.kind}")
        self._hold_loosely(work, before, None)

    def _hold_loosely(self, work: Work, before: list[Told], account) -> None:
        self._promise.hold_loosely(work, before, self._told(), archived(self._archive), account)

    def _told(self) -> list[Told]:
        """What the service tells now; kept in mind, with the largest number of those alike."""
        told = self._upstream.told()
        self._ever_told |= Counter(each.event for each in told)
        return told

    def _run(self, work: Work) -> RunReport:
        """Once, past the line that is faulty if one is; the line is well afterwards."""
        self._archive.write_config(self._url(), self._upstream.zone.key, **self._settings)
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

    def _record(self, groups: Iterable[tuple]) -> None:
        now = self._upstream.now
        for ago, (link, *rest), number, every in groups:
            instants = [min(now, now - ago + nth * every * _SECOND) for nth in range(number)]
            for instant in instants:
                if not self._is_crowded(instant, 1):
                    self._upstream.record([NewClick(link, instant, *rest)])

    def _record_again(self, told: Told) -> None:
        event, facts = told.event, told.facts
        texts = (event.ip, facts.country, event.referrer, event.user_agent)
        rest = (*(text or "" for text in texts), facts.is_unique, facts.conversion or "")
        if not self._is_crowded(told.at, 1):
            self._upstream.record([NewClick(int(event.link_id), told.at, *rest)])

    def _is_crowded(self, at: datetime, number: int) -> bool:
        return self._upstream.count_in_second_of(at) + number > _CROWD
