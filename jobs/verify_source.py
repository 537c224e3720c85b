"""`verify --against-source`: what is covered fetched again, and held against what is stored.

Nothing is changed, and the archive's lock isn't needed: what a run stores meanwhile is told from
what really differs by looking a second time.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from archiver.config import Config
from archiver.config_account import Account
from archiver.engine import FAILED_IN_A_ROW, UNANSWERED_IN_A_ROW, comparable
from archiver.errors import (
    AccountError,
    ArchiverError,
    ConfigError,
    CorruptArchiveError,
    UnavailableError,
    WindowError,
)
from archiver.fetching import fetch_slices
from archiver.identity import Known, Reconciled, reconcile
from archiver.model import Row, Window
from archiver.plan import plan_end
from archiver.redaction import Redactor
from archiver.sources.base import Source, earliest
from archiver.timestamps import format_utc
from archiver.windows import belonging, clip, cut_at_midnights, intersect, total_seconds
from jobs.archiving import identity_settings
from jobs.period import typed_period
from jobs.sources import local_times, open_service
from jobs.turn import Observer, Unobserved, system_clock
from jobs.verdict import AccountVerdict, Verdict
from storage.reading import ArchiveReader, open_reader
from storage.verification.base import Difference
from storage.verification.snapshot import no_archive

#: Of how many clicks of a day, and of a kind of difference, the keys are told.
KEYS_TOLD = 20


@dataclass(frozen=True, slots=True)
class SourceVerification:
    """What is asked for: the accounts that passwords are for, and a period as typed."""

    config: Config
    passwords: Mapping[str, str]
    start: str | None
    end: str | None  # out
    clock: Callable[[], datetime] = system_clock
    observer: Observer = field(default_factory=Unobserved)

    def verify(self) -> Verdict:
        """Compare account by account; what can't be fetched is told in the verdict.

        Raises ConfigError where clicks can't be compared with the settings of today, StoreError
        where there is no archive.
        """
        directory = self.config.archive.directory
        accounts = [each for each in self.config.accounts if each.name in self.passwords]
        redactor = Redactor(self.passwords.values())
        verdict = Verdict()
        with open_reader(directory) as reader:
            if reader is None:
                raise no_archive(directory)
            _refuse_changed_settings(reader, accounts)
            for account in accounts:
                compared = AccountVerdict(account.name)
                verdict.accounts.append(compared)
                verdict.differences += self._compare(account, reader, compared)
                compared.errors[:] = map(redactor.told, compared.errors)
        return verdict

    def _compare(
        self, account: Account, reader: ArchiveReader, verdict: AccountVerdict
    ) -> list[Difference]:
        comparison = _Comparison(account, reader, verdict, self.observer)
        try:
            with closing(open_service(account, self.passwords[account.name])) as service:
                if service.clicks is None:
                    verdict.warnings.append(
                        f"{account.service} has no log of clicks: there is nothing to compare"
                    )
                    return []
                windows = self._windows(account, reader, service.clicks, verdict)
                comparison.compare(service.clicks, windows)
        except ConfigError:
            raise
        except ArchiverError as error:
            verdict.errors.append(str(error))
        return comparison.differences()

    def _windows(
        self, account: Account, reader: ArchiveReader, source: Source, verdict: AccountVerdict
    ) -> list[Window]:
        """What is covered of the period, has settled, and can be compared."""
        period = typed_period(self.start, self.end, account.timezone)
        covered = intersect(reader.ledger.coverage(account.name), [period])
        if not covered:
            return []
        now = earliest([self.clock(), source.served_at()]) or self.clock()
        end = plan_end(now, account.settle, local_times(account))
        begin = reader.settings.lookback_from(account.name)
        if begin and covered[0].start < begin:
            verdict.warnings.append(
                f"what is archived before {format_utc(begin)} isn't compared: its clicks can't be "
                "held against today's, for ids or ip changed then"
            )
        comparable_time = clip(max(covered[0].start, begin or covered[0].start), end)
        return cut_at_midnights(intersect(covered, [comparable_time] if comparable_time else []))


class _Comparison:
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
                self._observer.advance(window)
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
        with closing(fetch_slices(source, deque([window]), 1)) as slices:
            for part, slice_ in slices:
                if isinstance(slice_, WindowError):
                    self._note_failure(part, slice_)
                    return
                rows += belonging(slice_.rows, part)
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


def _refuse_changed_settings(reader: ArchiveReader, accounts: Iterable[Account]) -> None:
    problems = [
        problem
        for account in accounts
        for problem in reader.settings.changes(account.name, identity_settings(account))
    ]
    if problems:
        raise ConfigError(*problems)
