"""`check`: is everything there that a run needs? One line each, with the remedy."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from archiver.config import Config
from archiver.config_account import Account
from archiver.errors import ArchiverError, ConfigError
from archiver.model import Page, Window
from archiver.plan import plan_end
from archiver.redaction import Redactor
from jobs.archiving import identity_settings
from jobs.lock import hold, holder
from jobs.sources import Service, local_times, open_service
from jobs.turn import SKEW
from storage.opening import open_archive
from storage.reading import open_reader

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
    storage = _storage(config)
    yield storage
    if storage.place == "well":
        yield from _settings(config)
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
    if not directory.exists():
        return _new_storage(directory)
    try:
        with hold(directory), open_archive(directory, config.archive.store):
            return Finding("archive", f"{directory} can be written to ({config.archive.store})")
    except ConfigError as error:
        return Finding("archive", str(error), "here")
    except ArchiverError as error:
        return Finding("archive", str(error), "there")


def _new_storage(directory: Path) -> Finding:
    """A check makes nothing: it looks at the folder that the archive is to be made in."""
    parent = next(folder for folder in directory.parents if folder.exists())
    if os.access(parent, os.W_OK | os.X_OK):
        return Finding("archive", f"{directory} isn't there yet: the first run makes it")
    text = f"{directory} isn't there, and can't be made in {parent}: check its permissions"
    return Finding("archive", text, "there")


def _settings(config: Config) -> Iterator[Finding]:
    """What `run` would refuse, since clicks would be stored twice."""
    with open_reader(config.archive.directory) as reader:
        if reader is None:
            return
        for account in config.accounts:
            for problem in reader.settings.changes(account.name, identity_settings(account)):
                yield Finding("archive", problem, "here")


def _account(
    account: Account, password_of: Callable[[Account], str], clock: Callable[[], datetime]
) -> Iterator[Finding]:
    try:
        password = password_of(account)
        service = open_service(account, password)
    except ConfigError as error:
        text = str(error).replace(f"account {account.name}: ", "")
        yield Finding(account.name, text, "here")
        return
    if password:
        yield Finding(account.name, f"the password can be read{_oddity(password)}")
    with closing(service):
        try:
            yield from _service(account, service, clock)
        except ArchiverError as error:
            yield Finding(account.name, Redactor([password]).told(str(error)), "there")


def _service(
    account: Account, service: Service, clock: Callable[[], datetime]
) -> Iterator[Finding]:
    """One small request: raises SourceError where it can't be had, or isn't what was asked for."""
    if service.clicks is None:
        next(iter(service.links.fetch_links([], lambda *_: None)))
        yield Finding(account.name, f"{account.base_url} answers and takes the credentials")
        return
    end = plan_end(clock(), account.settle, local_times(account))
    page = service.clicks.read_page(Window(end - _PROBED, end))
    yield Finding(account.name, f"{account.base_url} answers and takes the credentials")
    yield Finding(account.name, f"it gives what it is asked for ({len(page.rows)} clicks)")
    yield _clock_finding(account, page, clock())


def _oddity(password: str) -> str:
    return "; it begins or ends in white space: is that meant?" * (password != password.strip())


def _clock_finding(account: Account, page: Page, now: datetime) -> Finding:
    if page.served_at is None:
        return Finding(account.name, "the service doesn't tell its time: this machine's counts")
    skew = (now - page.served_at).total_seconds()
    if abs(skew) > SKEW.total_seconds():
        return Finding(
            account.name,
            f"this machine's clock is {abs(skew):.0f} seconds "
            f"{'ahead of' if skew > 0 else 'behind'} the service's: check its time",
            "here",
        )
    return Finding(account.name, "the service's clock and this machine's agree")
