"""`verify --against-source`: what is covered fetched again, and held against what is stored.

Nothing is changed, and the archive's lock isn't needed: what a run stores meanwhile is told from
what really differs by looking a second time.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from archiver.config import Config
from archiver.config_account import Account
from archiver.errors import (
    ArchiverError,
    ConfigError,
    RefusedError,
)
from archiver.model import Window
from archiver.plan import plan_end
from archiver.privacy import Treatment, dropped, treatment
from archiver.redaction import Redactor
from archiver.sources.base import Source
from archiver.timestamps import earliest, format_utc
from archiver.windows import clip, cut_at_midnights, intersect
from jobs.accounts import REFUSED_BEFORE, Login, login_of
from jobs.comparison import Comparison
from jobs.period import typed_period
from jobs.settings import identity_settings
from jobs.sources import local_times, open_service
from jobs.turn import Observer, Observers, system_clock
from jobs.verdict import AccountVerdict, Verdict
from storage.reading import ArchiveReader, open_reader
from storage.verification.base import Difference
from storage.verification.snapshot import no_archive


@dataclass(frozen=True, slots=True)
class SourceVerification:
    """What is asked for: the accounts that passwords are for, and a period as typed."""

    config: Config
    passwords: Mapping[str, str]
    start: str | None
    end: str | None  # out
    clock: Callable[[], datetime] = system_clock
    observer: Observer = field(default_factory=Observers)

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
            refused: set[Login] = set()
            for account in accounts:
                compared = AccountVerdict(account.name)
                verdict.accounts.append(compared)
                verdict.differences += self._compare(account, reader, compared, refused)
                compared.errors[:] = map(redactor.told, compared.errors)
        return verdict

    def _compare(
        self,
        account: Account,
        reader: ArchiveReader,
        verdict: AccountVerdict,
        refused: set[Login],
    ) -> list[Difference]:
        comparison = Comparison(account, reader, verdict, self.observer)
        password = self.passwords[account.name]
        login = login_of(account, password)
        try:
            if login in refused:
                raise RefusedError(REFUSED_BEFORE)
            treat_address = _treatment(account, reader)
            with closing(open_service(account, password, treat_address)) as service:
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
            if isinstance(error, RefusedError):
                refused.add(login)
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


def _treatment(account: Account, reader: ArchiveReader) -> Treatment | None:
    """What was done to the addresses of the account's clicks, whatever its `ip` is today.

    Raises StoreError where the key that they were hashed with is lost.
    """
    ip = reader.settings.ip(account.name)
    if ip is None:  # nothing is archived
        return dropped
    return treatment(ip, reader.ip_key.read() if ip == "hash" else None)


def _refuse_changed_settings(reader: ArchiveReader, accounts: Iterable[Account]) -> None:
    problems = [
        problem
        for account in accounts
        for problem in reader.settings.changes(account.name, identity_settings(account))
    ]
    if problems:
        raise ConfigError(*problems)
