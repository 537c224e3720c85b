"""What is stored of an account held against what its service gives, window by window."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from contextlib import closing

from archiver.config_account import Account
from archiver.engine import FAILED_IN_A_ROW, UNANSWERED_IN_A_ROW, comparable
from archiver.errors import AccountError, CorruptArchiveError, UnavailableError, WindowError
from archiver.fetching import fetch_slices
from archiver.identity import Known, Reconciled, reconcile
from archiver.model import Row, Window
from archiver.sources.base import Source
from archiver.windows import belonging, total_seconds
from jobs.turn import Observer
from jobs.verdict import AccountVerdict
from storage.reading import ArchiveReader
from storage.verification.base import KEYS_TOLD, Difference


class Comparison:
    """One account's clicks, window by window."""

    def __init__(
        self, account: Account, reader: ArchiveReader, verdict: AccountVerdict, observer: Observer
    ) -> None:
        self._account = account
        self._reader = reader
        self._verdict = verdict
        self._observer = observer
        self._version = reader.version()
        self._doubtful: list[Window] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._keys: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._unanswered_in_a_row = self._failed_in_a_row = 0

    def compare(self, source: Source, windows: Sequence[Window]) -> None:
        """Compare all windows. Raises AccountError where no more of them can be had."""
        self._observer.begin(self._account.name, total_seconds(windows))
        self._verdict.days = len({window.start.date() for window in windows})
        slices = fetch_slices(source, deque(windows), self._account.concurrency)
        with closing(slices):
            for window, slice_ in slices:
                if isinstance(slice_, WindowError):
                    self._note_failure(window, slice_)
                else:
                    self._unanswered_in_a_row = self._failed_in_a_row = 0
                    self._hold(window, belonging(slice_.rows, window))
                self._observer.advance(self._account.name, window)
        for window in self._doubtful:
            self._look_again(source, window)

    def differences(self) -> list[Difference]:
        """What was found, by day."""
        return [
            Difference(self._account.name, day, what, 0, count, tuple(self._keys[day, what]))
            for (day, what), count in sorted(self._counts.items())
        ]

    def _hold(self, window: Window, rows: list[Row]) -> None:
        try:
            known = self._known(window)
        except CorruptArchiveError as error:
            self._verdict.errors.append(f"{window}: {error}")
            return
        self._verdict.clicks += len(known)
        if not comparable(known, rows):
            self._verdict.errors.append(
                f"{window}: what is archived can't be compared with what the service gives now, "
                "for it began or ceased to give ids"
            )
            return
        found = reconcile(known, rows)
        if found == Reconciled():
            return
        if self._reader.version() == self._version:
            self._add(window, found.new_keys, found.vanished, found.revised)
        else:
            self._doubtful.append(window)

    def _look_again(self, source: Source, window: Window) -> None:
        """Compare once more what a run may have changed in between.

        Missing is what isn't stored after it was fetched; vanished is what was stored before.
        """
        before = self._known(window)
        rows: list[Row] = []
        whole = True
        with closing(fetch_slices(source, deque([window]), 1)) as slices:
            for part, slice_ in slices:
                if isinstance(slice_, WindowError):
                    self._note_failure(part, slice_)
                    whole = False
                else:
                    rows += belonging(slice_.rows, part)
        if not whole:
            return
        was, is_now = reconcile(before, rows), reconcile(self._known(window), rows)
        changed = was.revised.keys() & is_now.revised.keys()
        self._add(window, is_now.new_keys, was.vanished, changed)

    def _add(
        self, window: Window, missing: Iterable[str], extra: Iterable[str], changed: Iterable[str]
    ) -> None:
        day = window.start.date().isoformat()
        for what, keys in (("missing", missing), ("extra", extra), ("changed", changed)):
            if found := sorted(keys):
                self._counts[day, what] += len(found)
                told = self._keys[day, what]
                told += found[: KEYS_TOLD - len(told)]

    def _known(self, window: Window) -> Known:
        return self._reader.known_clicks(self._account.name, window)

    def _note_failure(self, window: Window, error: WindowError) -> None:
        self._verdict.errors.append(f"{window}: {error}")
        unanswered = isinstance(error, UnavailableError)
        self._unanswered_in_a_row = self._unanswered_in_a_row + 1 if unanswered else 0
        self._failed_in_a_row += 1
        if (
            self._unanswered_in_a_row >= UNANSWERED_IN_A_ROW
            or self._failed_in_a_row >= FAILED_IN_A_ROW
        ):
            raise AccountError(
                f"{self._failed_in_a_row} windows failed in a row: the rest wasn't compared"
            )
