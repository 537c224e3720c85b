"""What `run` and `backfill` share: an archive held, its accounts one after the other, a report."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from archiver.config import Config
from archiver.config_account import Account
from archiver.engine import Archiving, Terms
from archiver.errors import ConfigError, RefusedError, StoreError
from archiver.model import AccountReport, RunReport
from archiver.plan import Plan
from archiver.sources.base import Source
from archiver.windows import intersect, subtract, total_seconds
from jobs.accounts import REFUSED_BEFORE, Login, login_of
from jobs.anomalies import note_vanished, tell_anomalies
from jobs.interpreter import seldom_collecting
from jobs.lock import hold
from jobs.publish import publish_of
from jobs.rejected import tell_rejected
from jobs.reports import all_told, redact
from jobs.settings import hold_settings
from jobs.sources import Service, address_treatment, local_times, open_service
from jobs.totals import keep_totals
from jobs.turn import Observer, Observers, Turn, system_clock
from storage.opening import Archive, open_archive

MakePlan = Callable[[Turn], Plan]
Hold = Callable[[Path], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Job:
    """One execution of `run` or `backfill`."""

    command: str
    config: Config
    passwords: Mapping[str, str]  # of the accounts that take part, by name
    plan: MakePlan
    clock: Callable[[], datetime] = system_clock
    observer: Observer = field(default_factory=Observers)
    hold: Hold = hold
    run_id: UUID = field(default_factory=uuid4)
    unread: Mapping[str, ConfigError] = field(default_factory=dict)  # why there is no password

    @property
    def accounts(self) -> list[Account]:
        """Those that take part, also where no password can be had for one."""
        names = {*self.passwords, *self.unread}
        return [account for account in self.config.accounts if account.name in names]

    def execute(self, begun: Callable[[], None] = lambda: None) -> RunReport:
        """Archive what the plan says, account by account; one that fails harms no other.

        `begun` is called once the archive is held, before anything else is done. Raises
        ArchiveBusyError and ConfigError; all else is in the report.
        """
        accounts = self.accounts
        directory = self.config.archive.directory
        try:
            with self.hold(directory), seldom_collecting():
                begun()
                with open_archive(directory, self.config.archive.store) as archive:
                    changes = hold_settings(archive, accounts)
                    return RunReport(self._turns(accounts, archive, changes))
        except StoreError as error:
            reports = [AccountReport(a.name, errors=[str(error)]) for a in accounts]
            for report in reports:
                self.observer.end(report)
            return RunReport(reports)

    def _turns(
        self, accounts: Sequence[Account], archive: Archive, changes: Mapping[str, Sequence[str]]
    ) -> list[AccountReport]:
        """Each account's turn; then the pages, for a template of one's own may take its time."""
        refused: set[Login] = set()
        turns = [self._turn(a, archive, changes[a.name], refused) for a in accounts]
        for report, number in turns:
            if self.command == "run" and number is not None and not report.aborted:
                self._publish(report, number, archive)
        return [report for report, _ in turns]

    def _turn(
        self, account: Account, archive: Archive, changes: Sequence[str], refused: set[Login]
    ) -> tuple[AccountReport, int | None]:
        """One account's part; whatever goes wrong in it is in its report, and in the ledger's.

        Gives its number in the ledger too, where it has one. `changes` are its settings', and
        worth a warning. A login in `refused` isn't used again: it could be locked. One that is
        refused is added.
        """
        login = login_of(account, self.passwords.get(account.name, ""))
        report = AccountReport(account.name, warnings=[*changes], has_clicks=account.has_clicks)
        number: int | None = None
        try:
            with archive.transaction():
                number = archive.runs.start(account.name, self.command, self.run_id, self.clock())
            with all_told(report):
                if account.name in self.unread:
                    raise self.unread[account.name]
                if login in refused:
                    raise RefusedError(REFUSED_BEFORE)
                with closing(self._service(account, archive)) as service:
                    now, clock = self.clock(), self.clock
                    self._take(Turn(account, archive, service, now, clock, report, self.observer))
            if report.refused:
                refused.add(login)
            archive.in_place.check()
            with archive.transaction():
                tell_anomalies(archive, report, self.clock())
                redact(report, self.passwords.values())
                tell_rejected(archive, report, self.clock())
                archive.runs.finish(number, report, self.clock())
        except StoreError as error:
            report.errors.append(str(error))
        self.observer.end(report)
        return report, number

    def _publish(self, report: AccountReport, number: int, archive: Archive) -> None:
        """Write an account's pages; what is wrong with one joins its report, and the ledger's."""
        errors, warnings = len(report.errors), len(report.warnings)
        with all_told(report):
            publish_of(report, self.config, self.clock())
        if (len(report.errors), len(report.warnings)) == (errors, warnings):
            return
        redact(report, self.passwords.values())
        with all_told(report), archive.transaction():
            archive.runs.finish(number, report, self.clock())
        for warning in report.warnings[warnings:]:
            self.observer.warn(report.name, warning)
        for error in report.errors[errors:]:
            self.observer.fail(report.name, error)

    def _service(self, account: Account, archive: Archive) -> Service:
        password = self.passwords[account.name]
        return open_service(account, password, address_treatment(account, archive))

    def _take(self, turn: Turn) -> None:
        if turn.service.clicks is not None:
            self._archive_clicks(turn, turn.service.clicks)
        if turn.report.aborted:
            # Credentials that were refused aren't sent again: that could lock the account.
            return
        if self.command == "run" and turn.account.totals:
            keep_totals(turn)

    def _archive_clicks(self, turn: Turn, source: Source) -> None:
        account, archive, report = turn.account, turn.archive, turn.report
        with archive.transaction():
            plan = self.plan(turn)
            archive.untold.hold_coverage(account.name, archive.ledger.coverage(account.name))
        self.observer.begin(account.name, sum(total_seconds([w]) for w in plan.windows))
        terms = Terms(
            account.name,
            local_times(account),
            account.settle,
            account.concurrency,
            archive.settings.lookback_from(account.name),
        )
        archiving = Archiving(
            terms,
            source,
            archive.store,
            report,
            clock=self.clock,
            progress=partial(self.observer.advance, account.name),
            missing=partial(note_vanished, turn),
        )
        archiving.archive(plan.windows)
        with archive.transaction():
            self._keep_lookback(turn, plan)

    def _keep_lookback(self, turn: Turn, plan: Plan) -> None:
        """Note how far the lookback is done, and where it ends since clicks can't be compared."""
        name, settings, report = turn.account.name, turn.archive.settings, turn.report
        covered = turn.archive.ledger.coverage(name)
        for window in subtract(report.incomparable, covered):
            report.errors.append(f"{window} isn't archived whole: its clicks can't be compared")
        if report.incomparable:
            settings.stop_lookback(name, max(window.end for window in report.incomparable))
        whole = not report.aborted and not intersect(report.failed, plan.again)
        if self.command == "run" and whole:
            settings.hold_looked_back(name)
