"""The way of a click: window → slices → checked → identified → committed. No step looks back.

The engine knows a service only as a `Source` and a store only as a `Store`.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from archiver.errors import AccountError, RefusedError, StoreError, UnavailableError, WindowError
from archiver.fetching import fetch_slices
from archiver.identity import Known, moved_ids, reconcile, speaks_of_ids, without_ids
from archiver.model import CLICK_ID, AccountReport, Fetched, Row, Window
from archiver.plan import plan_end
from archiver.sources.base import Source
from archiver.store import Commit, Store
from archiver.timestamps import LocalTimes
from archiver.windows import belonging, clip

#: Windows that fail in a row before it is asked whether any can be had: without an answer, each
#: takes as long as all tries for it; with an answer that can't be used, little.
UNANSWERED_IN_A_ROW = 3
FAILED_IN_A_ROW = 50

_SKEW_REPORTED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the engine has to know of an account: its clock, and how late its clicks may come.

    What is stored of the time before `comparable_from` may have been stored under another `ip`.
    """

    account: str
    times: LocalTimes
    settle: timedelta
    concurrency: int = 1
    comparable_from: datetime | None = None


class Archiving:
    """One account's part of one run. `report` tells, at any time, what has been done so far.

    `missing` is told of each window that holds stored clicks, with those of them, by key, that
    the service doesn't give any more: mostly none.
    """

    def __init__(
        self,
        terms: Terms,
        source: Source,
        store: Store,
        report: AccountReport,
        *,
        clock: Callable[[], datetime],
        progress: Callable[[Window], None] = lambda _: None,
        missing: Callable[[Window, Known, Collection[str]], None] = lambda *_: None,
    ) -> None:
        self._terms = terms
        self._source = source
        self._store = store
        self._clock = clock
        self._progress = progress
        self._missing = missing
        self._started = clock()
        self._waiting: deque[Window] = deque()
        self._unanswered_in_a_row = self._failed_in_a_row = 0
        self._skew_noted = False
        self.report = report

    def archive(self, windows: Iterable[Window]) -> AccountReport:
        """Archive the windows; what can't be had or stored is named in the report.

        It is left uncovered, and so it is fetched again by the next run. The latest window comes
        first: whether it can be had tells what the failure of an earlier one means.
        """
        self._waiting = deque(windows)
        self._waiting.rotate(1)
        slices = fetch_slices(self._source, self._waiting, self._terms.concurrency)
        try:
            with closing(slices):
                for window, slice_ in slices:
                    if isinstance(slice_, WindowError):
                        self._note_failure(window, slice_)
                    else:
                        self._commit(window, slice_)
                        self._unanswered_in_a_row = self._failed_in_a_row = 0
                    self._progress(window)
                    del slice_  # or its clicks stay in memory until the next one is there
        except (AccountError, StoreError) as error:
            self.report.aborted = True
            self.report.refused = isinstance(error, RefusedError)
            self.report.errors.append(str(error))
        return self.report

    def _note_failure(self, window: Window, error: WindowError) -> None:
        """Leave a window; after some in a row try the latest one, and if it fails too, give up.

        So neither a service that is down is asked for hours, nor does a period that can't be had
        stand in the way of all that comes after it, run after run.
        """
        self.report.errors.append(f"{window}: {error}")
        self.report.failed.append(window)
        unanswered = isinstance(error, UnavailableError)
        self._unanswered_in_a_row = self._unanswered_in_a_row + 1 if unanswered else 0
        self._failed_in_a_row += 1
        too_many = max(
            self._unanswered_in_a_row - UNANSWERED_IN_A_ROW,
            self._failed_in_a_row - FAILED_IN_A_ROW,
        )
        if too_many >= self._terms.concurrency:
            raise AccountError(
                f"{self._failed_in_a_row} windows failed in a row, the latest one among them: "
                "the rest waits for the next run"
            )
        if too_many >= 0 and self._waiting:
            latest = max(self._waiting)
            self._waiting.remove(latest)
            self._waiting.appendleft(latest)

    def _commit(self, window: Window, fetched: Fetched) -> None:
        settled = self._settled(window, fetched.served_at)
        if settled != window:
            self.report.failed.append(window)  # in part: a lookback there isn't whole
        if settled is None:
            return
        rows = belonging(fetched.rows, settled)
        known = self._store.known_clicks(self._terms.account, settled)
        if not comparable(known, rows):
            self._note_incomparable(settled, "it began or ceased to give ids")
            return
        if self._precedes_change(settled) and False in speaks_of_ids(known):
            self._note_incomparable(settled, "ids or ip changed since")
            return
        found = reconcile(known, rows)
        self._note_moved(settled, len(moved_ids(known, found.new)))
        notices = self._store.commit(
            Commit(
                account=self._terms.account,
                window=settled,
                clicks=found.new,
                keys=found.new_keys,
                revised=found.revised,
                seen_at=self._clock(),
                rejected=fetched.rejected,
            )
        )
        self.report.warnings.extend(notices)
        self.report.windows += 1
        self.report.fetched += len(rows)
        self.report.new += len(found.new)
        if known:
            self._missing(settled, known, found.vanished and _without_moved(found.vanished, rows))

    def _settled(self, window: Window, served_at: datetime | None) -> Window | None:
        """The part of the window that has settled by the service's clock as well as by ours."""
        if served_at is None:
            return window
        if served_at < self._started - _SKEW_REPORTED:
            self._note_skew("behind", self._started - served_at)
        elif served_at > self._clock() + _SKEW_REPORTED:
            self._note_skew("ahead of", served_at - self._clock())
        settled = plan_end(served_at, self._terms.settle, self._terms.times)
        return clip(window.start, min(window.end, settled))

    def _note_skew(self, direction: str, by: timedelta) -> None:
        if not self._skew_noted:
            self._skew_noted = True
            self.report.warnings.append(
                f"the service's clock is {by.total_seconds():.0f} seconds {direction} this "
                "machine's: the earlier of the two counts. Check the time of this machine"
            )

    def _precedes_change(self, window: Window) -> bool:
        """Whether the window's clicks may be known under other addresses than they have now.

        It isn't covered, or it wouldn't be fetched; but a clock that was wrong, or a settle that
        became longer, may have taken back the coverage of clicks that are stored.
        """
        since = self._terms.comparable_from
        return since is not None and window.start < since

    def _note_incomparable(self, window: Window, reason: str) -> None:
        self.report.incomparable.append(window)
        self.report.warnings.append(
            f"{window}: what is archived can't be compared with what the service gives now, for "
            f"{reason}. It stays as it is and isn't looked at again"
        )

    def _note_moved(self, window: Window, count: int) -> None:
        if count:
            self.report.warnings.append(
                f"{window}: {count:,} clicks have ids that are archived with another time; they "
                "are kept as new clicks. Was the time zone changed at the service, or did it lose "
                "data and begin to count anew?"
            )


def _without_moved(vanished: list[str], rows: list[Row]) -> list[str]:
    """An id that has moved to another time is there."""
    return without_ids(vanished, {row[CLICK_ID] for row in rows if row[CLICK_ID] is not None})


def comparable(known: Known, rows: list[Row]) -> bool:
    """Whether stored and fetched clicks both have ids, or both have none."""
    stored = speaks_of_ids(known)
    fetched = {row[CLICK_ID] is not None for row in rows}
    return not stored or not fetched or not stored.isdisjoint(fetched)
