"""`verify`: whether what is stored is what was committed. Reads, and writes nothing."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfo

from archiver.errors import CorruptArchiveError
from archiver.timestamps import format_utc
from jobs.accounts import refuse_unknown
from jobs.period import typed_period
from jobs.verdict import AccountVerdict, Verdict
from storage.database import FILE_NAME
from storage.ledger import DayRow
from storage.verification.base import KEYS_TOLD, Difference, is_day
from storage.verification.coverage import coverage_differences
from storage.verification.integrity import integrity_check, table_differences
from storage.verification.rejected import rejected_differences
from storage.verification.revisions import dayless_revisions
from storage.verification.snapshot import Snapshot, open_snapshot

_ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Verification:
    """What is asked for: accounts (none: all), and a period as typed, of whose days all is read.

    `configured` are accounts that may be asked for before anything of them is archived.
    `progress` is told of how many of how many clicks are looked at.
    """

    accounts: Sequence[str]
    start: str | None
    end: str | None  # out
    clock: Callable[[], datetime]
    configured: Collection[str] = ()
    progress: Callable[[int, int], None] = lambda _done, _of: None

    def verify(self, directory: Path) -> Verdict:
        """Look at an archive as it is at one instant, whatever a run does meanwhile.

        Raises ConfigError where what is asked for can't be understood, StoreError where the
        archive can't be read.
        """
        with integrity_check(directory / FILE_NAME) as faults:
            verdict, doubtful = Verdict(), []
            try:
                with open_snapshot(directory) as snapshot:
                    doubtful = self._look(snapshot, verdict)
                verdict.differences += _looked_at_again(directory, doubtful)
            except CorruptArchiveError:
                if not faults():
                    raise
                # What could be read is told, and why no more could be.
            verdict.differences[:0] = faults()
        return verdict

    def _look(self, snapshot: Snapshot, verdict: Verdict) -> list[tuple[str, str]]:
        """Look at all that is asked for; give the accounts and days that differ."""
        verdict.differences += table_differences(snapshot.connection)
        chosen = self._chosen(snapshot)
        scopes = [self._scope(snapshot, account) for account in chosen]
        count = _Count(sum(scope.clicks for scope in scopes), self.progress)
        doubtful = []
        for scope in scopes:
            account = AccountVerdict(scope.account, len(scope.days))
            verdict.accounts.append(account)
            verdict.differences += self._of_ledger(snapshot, scope.account)
            for day in scope.days:
                said = scope.said.get(day)
                found = snapshot.stored.look(scope.account, day, said, count.advance)
                account.clicks += found.clicks
                verdict.notes += found.notes
                if found.differences:
                    doubtful.append((scope.account, day))
        verdict.differences += [
            each
            for each in snapshot.stored.dayless()
            if each.account in chosen or not self.accounts
        ]
        return doubtful

    def _of_ledger(self, snapshot: Snapshot, account: str) -> Iterator[Difference]:
        """What differs of what the ledger has of an account beside its days."""
        yield from coverage_differences(snapshot.connection, account, self.clock())
        no_days = [str(day) for day in snapshot.ledger.days(account) if not is_day(day)]
        if no_days:
            yield Difference(account, None, "days", 0, len(no_days), tuple(no_days[:KEYS_TOLD]))
        yield from dayless_revisions(snapshot.connection, account)
        yield from rejected_differences(snapshot.connection, account)

    def _chosen(self, snapshot: Snapshot) -> list[str]:
        archived = snapshot.accounts()
        refuse_unknown(self.accounts, {*archived, *self.configured})
        return [name for name in archived if not self.accounts or name in self.accounts]

    def _scope(self, snapshot: Snapshot, account: str) -> "_Scope":
        zone = ZoneInfo(snapshot.zones().get(account, "UTC"))
        period = typed_period(self.start, self.end, zone)
        first, last = format_utc(period.start)[:10], format_utc(period.end - _ONE_SECOND)[:10]
        said = {
            day: row
            for day, row in snapshot.ledger.days(account).items()
            if is_day(day) and first <= day <= last
        }
        stored = {day for day in snapshot.days(account) if first <= day <= last}
        return _Scope(account, sorted(said.keys() | stored), said)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is looked at of an account: days, and what the ledger says of them."""

    account: str
    days: Sequence[str]
    said: Mapping[str, DayRow]

    @property
    def clicks(self) -> int:
        return sum(row.clicks for row in self.said.values() if isinstance(row.clicks, int))


@dataclass(slots=True)
class _Count:
    of: int
    progress: Callable[[int, int], None]
    done: int = 0

    def advance(self, clicks: int) -> None:
        self.done += clicks
        self.progress(self.done, max(self.of, self.done))


def _looked_at_again(directory: Path, days: Sequence[tuple[str, str]]) -> list[Difference]:
    """Look a second time at days that differ: a repair may have replaced one meanwhile."""
    if not days:
        return []
    differences = []
    with open_snapshot(directory) as snapshot:
        for account, of_account in groupby(days, itemgetter(0)):
            said = snapshot.ledger.days(account)
            for _, day in of_account:
                found = snapshot.stored.look(account, day, said.get(day), lambda _: None)
                differences += found.differences
    return differences
