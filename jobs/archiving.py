"""What `run` and `backfill` share: an archive held, its accounts one after the other, a report."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from archiver.config import Config
from archiver.config_account import Account
from archiver.engine import Archiving, Terms
from archiver.errors import ConfigError, StoreError
from archiver.model import AccountReport, RunReport, Window
from archiver.redaction import Redactor
from archiver.timestamps import format_utc
from archiver.windows import total_seconds
from jobs.lock import hold
from jobs.sources import local_times, open_source, refuse_unsupported
from storage.opening import Archive, open_archive
from storage.settings import IdentitySettings


class Observer(Protocol):
    """Who watches a run: a progress bar, or nobody."""

    def begin(self, account: str, seconds: int) -> None:
        """An account's turn: so many seconds of its time are to be fetched."""
        ...

    def advance(self, seconds: int) -> None:
        """So many of them are dealt with."""
        ...


class Unobserved:
    """Nobody watches."""

    def begin(self, account: str, seconds: int) -> None:
        pass

    def advance(self, seconds: int) -> None:
        pass


def system_clock() -> datetime:
    """This machine's clock, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Turn:
    """One account's part of a job: what a plan may look at, and where it may leave warnings."""

    account: Account
    archive: Archive
    now: datetime
    report_warning: Callable[[str], None]


Plan = Callable[[Turn], Sequence[Window]]


@dataclass(frozen=True, slots=True)
class Job:
    """One execution of `run` or `backfill`."""

    command: str
    config: Config
    passwords: Mapping[str, str]  # of the accounts that take part, by name
    plan: Plan
    clock: Callable[[], datetime] = system_clock
    observer: Observer = field(default_factory=Unobserved)

    def execute(self) -> RunReport:
        """Archive what the plan says, account by account; one that fails harms no other.

        Raises ArchiveBusyError and ConfigError; all else is in the report.
        """
        accounts = [a for a in self.config.accounts if a.name in self.passwords]
        directory = self.config.archive.directory
        try:
            with hold(directory), open_archive(directory, self.config.archive.store) as archive:
                _hold_settings(archive, accounts)
                return RunReport([self._turn(account, archive) for account in accounts])
        except StoreError as error:
            return RunReport([AccountReport(a.name, errors=[str(error)]) for a in accounts])

    def _turn(self, account: Account, archive: Archive) -> AccountReport:
        try:
            with archive.transaction():
                number = archive.runs.start(account.name, self.command, self.clock())
            report = self._archive(account, archive)
        except StoreError as error:
            return AccountReport(account.name, errors=[str(error)])
        self._redact(report)
        try:
            with archive.transaction():
                if report.identity_changed:
                    archive.settings.stop_lookback(account.name)
                archive.runs.finish(number, report, self.clock())
        except StoreError as error:
            report.errors.append(str(error))
        return report

    def _archive(self, account: Account, archive: Archive) -> AccountReport:
        terms = Terms(account.name, local_times(account), account.settle, account.concurrency)
        with closing(open_source(account, self.passwords[account.name])) as source:
            archiving = Archiving(
                terms, source, archive.store, clock=self.clock, progress=self._advance
            )
            turn = Turn(account, archive, self.clock(), archiving.report.warnings.append)
            with archive.transaction():
                windows = self.plan(turn)
            self.observer.begin(account.name, sum(total_seconds([w]) for w in windows))
            return archiving.archive(windows)

    def _advance(self, window: Window) -> None:
        self.observer.advance(total_seconds([window]))

    def _redact(self, report: AccountReport) -> None:
        """No secret leaves in a report, wherever it goes: screen, JSON, ledger."""
        redactor = Redactor(self.passwords.values())
        report.errors[:] = map(redactor.redact, report.errors)
        report.warnings[:] = map(redactor.redact, report.warnings)


def chosen_accounts(config: Config, names: Sequence[str]) -> list[Account]:
    """The accounts of these names, or all without any. Raises ConfigError for an unknown name."""
    known = {account.name for account in config.accounts}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            *(
                f"--account {name}: there is no such account in {config.path}; there are: "
                f"{', '.join(sorted(known))}"
                for name in unknown
            )
        )
    return [account for account in config.accounts if not names or account.name in names]


def cut_back(turn: Turn, end: datetime) -> None:
    """Take back what is covered after `end`, the work of a clock that was wrong."""
    late = turn.archive.ledger.cut_coverage(turn.account.name, end)
    if total_seconds(late) > _CUT_UNNOTICED_SECONDS:
        turn.report_warning(
            f"{late[0]} to {format_utc(late[-1].end)} was marked as archived, though it hasn't "
            "passed or settled yet: this machine's clock was wrong, or settle was shorter. It is "
            "fetched again when its time comes"
        )


_CUT_UNNOTICED_SECONDS = 60


def _hold_settings(archive: Archive, accounts: Sequence[Account]) -> None:
    problems: list[str] = []
    with archive.transaction():
        for account in accounts:
            settings = IdentitySettings(
                account.service, account.timezone.key, account.fields, account.ip
            )
            try:
                archive.settings.hold_account(account.name, settings)
            except ConfigError as error:
                problems.extend(error.problems)
        if problems:
            raise ConfigError(*problems)
        refuse_unsupported(accounts)
