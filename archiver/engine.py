"""The way of a click: window → slices → checked → identified → committed. No step looks back.

The engine knows a service only as a `Source` and a store only as a `Store`.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from archiver.errors import AccountError, StoreError, UnavailableError, WindowError
from archiver.fetching import fetch_slices
from archiver.identity import Known, reconcile, speaks_of_ids
from archiver.model import CLICK_ID, AccountReport, Fetched, Row, Window
from archiver.plan import plan_end
from archiver.sources.base import Source
from archiver.store import Commit, Store
from archiver.timestamps import LocalTimes
from archiver.windows import belonging, clip

#: Windows in a row without an answer, after which the rest is left for the next run.
PATIENCE = 3

_SKEW_REPORTED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the engine has to know of an account: its clock, and how late its clicks may come."""

    account: str
    times: LocalTimes
    settle: timedelta
    concurrency: int = 1


class Archiving:
    """One account's part of one run. `report` tells, at any time, what has been done so far."""

    def __init__(
        self,
        terms: Terms,
        source: Source,
        store: Store,
        *,
        clock: Callable[[], datetime],
        progress: Callable[[Window], None] = lambda _: None,
    ) -> None:
        self._terms = terms
        self._source = source
        self._store = store
        self._clock = clock
        self._progress = progress
        self._started = clock()
        self._unanswered = 0
        self._skew_noted = False
        self.report = AccountReport(terms.account)

    def archive(self, windows: Iterable[Window]) -> AccountReport:
        """Archive the windows; what can't be had or stored is named in the report.

        It is left uncovered, and so it is fetched again by the next run.
        """
        try:
            slices = fetch_slices(self._source, windows, self._terms.concurrency)
            with closing(slices):
                for window, slice_ in slices:
                    self._deal_with(window, slice_)
                    self._progress(window)
        except (AccountError, StoreError) as error:
            self.report.errors.append(str(error))
        return self.report

    def _deal_with(self, window: Window, slice_: Fetched | WindowError) -> None:
        if isinstance(slice_, WindowError):
            self._note_failure(window, slice_)
        else:
            self._unanswered = 0
            self._commit(window, slice_)

    def _note_failure(self, window: Window, error: WindowError) -> None:
        self.report.errors.append(f"{window}: {error}")
        if not isinstance(error, UnavailableError):
            self._unanswered = 0
            return
        self._unanswered += 1
        if self._unanswered >= PATIENCE:
            raise AccountError(
                f"no answer for {PATIENCE} windows in a row: the rest waits for the next run"
            )

    def _commit(self, window: Window, fetched: Fetched) -> None:
        settled = self._settled(window, fetched.served_at)
        if settled is None:
            return
        rows = belonging(fetched.rows, settled)
        known = self._store.known_clicks(self._terms.account, settled)
        if identity_changed(known, rows):
            self._note_identity_changed(settled)
            return
        found = reconcile(known, rows)
        self._store.commit(
            Commit(
                account=self._terms.account,
                window=settled,
                clicks=found.new,
                keys=found.new_keys,
                revised=found.revised,
                seen_at=self._clock(),
            )
        )
        self.report.windows += 1
        self.report.fetched += len(rows)
        self.report.new += len(found.new)

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

    def _note_identity_changed(self, window: Window) -> None:
        if not self.report.identity_changed:
            self.report.identity_changed = True
            self.report.warnings.append(
                f"{window}: what is archived and what the service gives now can't be told to be "
                "the same clicks, for the service began or ceased to give ids. What is archived "
                "stays as it is and isn't looked at again"
            )


def identity_changed(known: Known, rows: list[Row]) -> bool:
    """Whether stored clicks have ids and fetched ones none, or the other way round."""
    stored = speaks_of_ids(known)
    fetched = {row[CLICK_ID] is not None for row in rows}
    return bool(stored and fetched) and stored.isdisjoint(fetched)
