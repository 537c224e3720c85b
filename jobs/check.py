"""`check`: is everything there that a run needs? One line each, with the remedy."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from archiver.config import Config
from archiver.config_account import Account
from archiver.errors import ArchiverError, ConfigError
from archiver.model import Page, Window
from archiver.plan import plan_end
from archiver.redaction import Redactor
from archiver.windows import belonging
from jobs.lock import hold, holder
from jobs.sources import local_times, open_source
from storage.opening import open_archive

_SKEW_REPORTED = timedelta(minutes=1)
_PROBED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `check`: what was looked at, whether it is well, and if not, why and what to do.

    `place` tells where it is wrong: `here` (exit code 2) or `there`, at the service or the disk
    (exit code 3).
    """

    subject: str
    text: str
    place: Literal["well", "here", "there"] = "well"


def check(
    config: Config, password_of: Callable[[Account], str], clock: Callable[[], datetime]
) -> Iterator[Finding]:
    """Look at everything, whatever is found wrong on the way. Nothing is archived."""
    yield Finding("configuration", f"{config.path} is well formed")
    yield _storage(config)
    for account in config.accounts:
        yield from _account(account, password_of, clock)


def exit_code(findings: list[Finding]) -> int:
    """2 for what is wrong here, 3 for what is wrong there, 0 if all is well."""
    places = {finding.place for finding in findings}
    return 2 if "here" in places else 3 if "there" in places else 0


def _storage(config: Config) -> Finding:
    directory = config.archive.directory
    found = holder(directory)
    if found:
        return Finding("archive", f"{directory} is in use by process {found.pid} just now")
    try:
        with hold(directory), open_archive(directory, config.archive.store):
            return Finding("archive", f"{directory} can be written to ({config.archive.store})")
    except ConfigError as error:
        return Finding("archive", str(error), "here")
    except ArchiverError as error:
        return Finding("archive", str(error), "there")


def _account(
    account: Account, password_of: Callable[[Account], str], clock: Callable[[], datetime]
) -> Iterator[Finding]:
    try:
        password = password_of(account)
        source = open_source(account, password)
    except ConfigError as error:
        text = str(error).replace(f"account {account.name}: ", "")
        yield Finding(account.name, text, "here")
        return
    yield Finding(account.name, "the password can be read, and by nobody else")
    end = plan_end(clock(), account.settle, local_times(account))
    window = Window(end - _PROBED, end)
    with closing(source):
        try:
            page = source.read_page(window)
        except ArchiverError as error:
            text = Redactor([password]).redact(str(error))
            yield Finding(account.name, text, "there")
            return
    yield Finding(account.name, f"{account.base_url} answers and takes the credentials")
    yield _clock_finding(account, page, clock())
    yield _window_finding(account, page, window)


def _clock_finding(account: Account, page: Page, now: datetime) -> Finding:
    if page.served_at is None:
        return Finding(account.name, "the service doesn't tell its time: this machine's counts")
    skew = (now - page.served_at).total_seconds()
    if abs(skew) > _SKEW_REPORTED.total_seconds():
        return Finding(
            account.name,
            f"this machine's clock is {abs(skew):.0f} seconds "
            f"{'ahead of' if skew > 0 else 'behind'} the service's: check its time",
            "here",
        )
    return Finding(account.name, "the service's clock and this machine's agree")


def _window_finding(account: Account, page: Page, window: Window) -> Finding:
    """The end may be in, so a click of its very second is no sign of anything."""
    with_end = Window(window.start, window.end + timedelta(seconds=1))
    strays = len(page.rows) - len(belonging(page.rows, with_end))
    if strays:
        return Finding(
            account.name,
            f"asked for {window}, the service gave {strays} clicks of another time: check the "
            "account's timezone, and the names of start and end in [accounts.parameters]",
            "there",
        )
    return Finding(account.name, f"the service heeds the window ({len(page.rows)} clicks of it)")
