"""One account's part of a job, and who watches it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from archiver.config_account import Account
from archiver.model import AccountReport, Window
from archiver.plan import beyond
from archiver.timestamps import format_utc
from jobs.sources import Service
from storage.opening import Archive

#: How far two clocks may differ before it is said.
SKEW = timedelta(minutes=1)


class Observer(Protocol):
    """Who watches a run: a progress bar, or nobody."""

    def begin(self, account: str, seconds: int) -> None:
        """An account's turn: so many seconds of its time are to be fetched."""
        ...

    def advance(self, account: str, window: Window) -> None:
        """This one of its windows, or a part of one, is dealt with."""
        ...

    def count(self, account: str, done: int, of: int) -> None:
        """So many of an account's links are there."""
        ...

    def end(self, report: AccountReport, /) -> None:
        """An account's turn is over; nothing of what happened was told before."""
        ...

    def warn(self, account: str, warning: str) -> None:
        """Something of an account is odd after its turn was over: a page."""
        ...

    def fail(self, account: str, error: str) -> None:
        """Something of an account went wrong after its turn was over: a page."""
        ...


@dataclass(frozen=True, slots=True)
class Observers:
    """Several who watch, or nobody."""

    all: Sequence[Observer] = ()

    def begin(self, account: str, seconds: int) -> None:
        for each in self.all:
            each.begin(account, seconds)

    def advance(self, account: str, window: Window) -> None:
        for each in self.all:
            each.advance(account, window)

    def count(self, account: str, done: int, of: int) -> None:
        for each in self.all:
            each.count(account, done, of)

    def end(self, report: AccountReport) -> None:
        for each in self.all:
            each.end(report)

    def warn(self, account: str, warning: str) -> None:
        for each in self.all:
            each.warn(account, warning)

    def fail(self, account: str, error: str) -> None:
        for each in self.all:
            each.fail(account, error)


def system_clock() -> datetime:
    """This machine's clock, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Turn:
    """One account's part of a job: what a plan may look at, and where it may leave warnings.

    `now` is when it began; `clock` goes on.
    """

    account: Account
    archive: Archive
    service: Service
    now: datetime
    clock: Callable[[], datetime]
    report: AccountReport
    observer: Observer

    def clock_is_behind(self) -> bool:
        """Whether the service's clock is well ahead of this machine's, which then is wrong.

        It costs a request: it is asked where the archive knows of a time that hasn't come yet.
        Raises SourceError without an answer: then it isn't known what is due.
        """
        if self.service.clicks is None:
            return False
        served_at = self.service.clicks.served_at()
        return served_at is not None and served_at > self.now + SKEW

    def cut_back(self, end: datetime) -> None:
        """Take back what is covered after `end`, the work of a clock that was wrong."""
        ledger, name = self.archive.ledger, self.account.name
        late = beyond(ledger.coverage(name), end)
        if not late or self.clock_is_behind():
            return
        ledger.cut_coverage(name, end)
        if late[-1].end > end + SKEW:
            self.report.warnings.append(
                f"{format_utc(late[0].start)} to {format_utc(late[-1].end)} was marked as "
                "archived, though it hasn't passed or settled yet: this machine's clock was "
                "wrong, or settle was shorter. It is fetched again when its time comes"
            )
