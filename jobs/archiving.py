"""What `run` and `backfill` share: an archive held, its accounts one after the other, a report."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from archiver.config import Config
from archiver.config_account import Account
from archiver.engine import Archiving, Terms
from archiver.errors import ArchiverError, ConfigError, RefusedError, StoreError
from archiver.model import AccountReport, RunReport
from archiver.plan import Plan, beyond
from archiver.redaction import Redactor
from archiver.sources.base import Source
from archiver.timestamps import format_utc
from archiver.windows import intersect, subtract, total_seconds
from jobs.anomalies import note_vanished, tell_anomalies
from jobs.interpreter import seldom_collecting
from jobs.lock import hold
from jobs.publish import publish_of
from jobs.sources import Service, address_treatment, local_times, open_service
from jobs.totals import keep_totals
from jobs.turn import SKEW, Observer, Observers, Turn, system_clock
from storage.opening import Archive, open_archive
from storage.settings import IdentitySettings

#: Of how many reasons for which records were rejected an error tells.
_KINDS_TOLD = 5

Login = tuple[str, str, str, str]  # service, base_url, login, password
REFUSED_BEFORE = (
    "another account has the same login, and the service has just refused it. Nothing was sent: "
    "too many refusals could lock it. Check the account's login, its password and its base_url"
)

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

    def execute(self, begun: Callable[[], None] = lambda: None) -> RunReport:
        """Archive what the plan says, account by account; one that fails harms no other.

        `begun` is called once the archive is held, before anything else is done. Raises
        ArchiveBusyError and ConfigError; all else is in the report.
        """
        accounts = [a for a in self.config.accounts if a.name in self.passwords]
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
        login = login_of(account, self.passwords[account.name])
        report = AccountReport(
            account.name, warnings=[*changes], has_clicks=account.service != "linkbee"
        )
        number: int | None = None
        try:
            with archive.transaction():
                number = archive.runs.start(account.name, self.command, self.run_id, self.clock())
            with all_told(report), closing(self._service(account, archive)) as service:
                if login in refused:
                    raise RefusedError(REFUSED_BEFORE)
                self._take(
                    Turn(
                        account, archive, service, self.clock(), self.clock, report, self.observer
                    )
                )
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
        """Write an account's pages; what can't be written joins its report, and the ledger's."""
        told = len(report.errors)
        with all_told(report):
            publish_of(report, self.config, self.clock())
        if len(report.errors) == told:
            return
        redact(report, self.passwords.values())
        with all_told(report), archive.transaction():
            archive.runs.finish(number, report, self.clock())
        for error in report.errors[told:]:
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


def redact(report: AccountReport, secrets: Iterable[str]) -> None:
    """No secret leaves in a report, wherever it goes: screen, JSON, ledger."""
    redactor = Redactor(secrets)
    report.errors[:] = map(redactor.told, report.errors)
    report.warnings[:] = map(redactor.told, report.warnings)


@contextmanager
def all_told(report: AccountReport) -> Iterator[None]:
    """Put what goes wrong within into the report: it must not keep others from their turn."""
    try:
        yield
    except ArchiverError as error:
        report.aborted = True
        report.refused = report.refused or isinstance(error, RefusedError)
        report.errors.append(str(error))
    except Exception as error:  # noqa: BLE001 - a defect of ours, told with its place
        report.aborted = report.unexpected = True
        place = traceback.extract_tb(error.__traceback__)[-1]
        report.errors.append(
            f"unexpected {type(error).__name__} in {Path(place.filename).name}:{place.lineno}: "
            f"{error}. This is a defect of link-archiver: please report it"
        )


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
    ledger, name = turn.archive.ledger, turn.account.name
    late = beyond(ledger.coverage(name), end)
    if not late or turn.clock_is_behind():
        return
    ledger.cut_coverage(name, end)
    if late[-1].end > end + SKEW:
        turn.report.warnings.append(
            f"{format_utc(late[0].start)} to {format_utc(late[-1].end)} was marked as archived, "
            "though it hasn't passed or settled yet: this machine's clock was wrong, or settle "
            "was shorter. It is fetched again when its time comes"
        )


def login_of(account: Account, password: str) -> Login:
    """What a service may lock when it has refused it too often."""
    return account.service, account.base_url, account.login, password


def identity_settings(account: Account) -> IdentitySettings:
    """What of an account's configuration shapes the identity of its clicks."""
    return IdentitySettings(account.service, account.timezone.key, account.fields, account.ip)


def hold_settings(archive: Archive, accounts: Sequence[Account]) -> Mapping[str, list[str]]:
    """Remember what shapes identities; give, by account, what somebody should know of a change.

    Raises ConfigError, and remembers nothing, where a change can't be allowed.
    """
    problems: list[str] = []
    changes: dict[str, list[str]] = {}
    with archive.transaction():
        for account in accounts:
            try:
                archive.settings.hold_account(account.name, identity_settings(account))
            except ConfigError as error:
                problems.extend(error.problems)
            else:
                changed = archive.settings.hold_ip(account.name, account.ip)
                changes[account.name] = [changed] if changed else []
        if problems:
            raise ConfigError(*problems)
    return changes


def tell_rejected(archive: Archive, report: AccountReport, now: datetime) -> None:
    """Tell of records that can't be understood and that no run has told of yet."""
    counts = archive.rejected.report(report.name, now)
    if not counts:
        return
    report.rejected = sum(counts.values())
    kinds = [f"{reason} ({count:,})" for reason, count in counts.items()]
    told = kinds[:_KINDS_TOLD] + ["…"] * (len(kinds) > _KINDS_TOLD)
    records = "1 new record" if report.rejected == 1 else f"{report.rejected:,} new records"
    # First, for of very many errors only the first are told, and this one is told once.
    report.errors.insert(
        0,
        f"{records} can't be understood: {'; '.join(told)}. Kept beside the clicks: "
        "see `link-archiver rejected`",
    )
