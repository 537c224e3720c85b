"""`check`: is everything there that a run needs? One line each, with the remedy."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from secrets import token_bytes
from typing import Literal

from archiver.config import Config
from archiver.config_account import Account
from archiver.errors import ArchiverError, ConfigError, StoreError
from archiver.privacy import treatment
from archiver.redaction import Redactor
from jobs.lock import hold, holder
from jobs.pings import read_ping
from jobs.probe import Finding, probe_clicks
from jobs.publish import rehearse
from jobs.schedule import schedule_of
from jobs.settings import identity_settings
from jobs.sources import Service, open_service
from jobs.summary import counted
from storage.database import store_errors
from storage.opening import is_new, open_archive, refuse_lost_ledger
from storage.reading import open_reader


def check(
    config: Config, password_of: Callable[[Account], str], clock: Callable[[], datetime]
) -> Iterator[Finding]:
    """Look at everything, whatever is found wrong on the way. Nothing is archived."""
    yield Finding("configuration", f"{config.path} is well formed")
    yield _schedule(config, clock())
    storage = _storage(config)
    yield storage
    if storage.place == "well":
        yield from _settings(config)
    for account in config.accounts:
        yield from _account(account, password_of, clock)
    yield from _pages(config, clock())
    yield from _notices(config)


def exit_code(findings: list[Finding]) -> int:
    """2 for what is wrong here, 3 for what is wrong there, 0 if all is well."""
    places = {finding.place for finding in findings}
    return 2 if "here" in places else 3 if "there" in places else 0


def _schedule(config: Config, now: datetime) -> Finding:
    """When the daemon would run next, for whoever uses it."""
    try:
        due = schedule_of(config).get_next_fire_time(None, now)
    except ConfigError as error:
        return Finding("schedule", str(error), "here")
    if due is None:
        return Finding("schedule", f"{config.schedule.cron!r}: the daemon would run never again")
    zone = config.schedule.timezone
    text = f"the daemon, if you use it, would run next at {due.astimezone(zone):%Y-%m-%d %H:%M}"
    return Finding("schedule", f"{text} ({zone.key})")


def _storage(config: Config) -> Finding:
    directory = config.archive.directory
    found = holder(directory)
    if found:
        return Finding("archive", f"{directory} is in use by process {found.pid} just now")
    try:
        if is_new(directory) and (directory.is_dir() or not directory.exists()):
            refuse_lost_ledger(directory)
            return _new_storage(directory)
        with hold(directory), open_archive(directory, config.archive.store) as archive:
            with store_errors("write to", archive.path), archive.transaction():
                archive.connection.execute("UPDATE archive SET store = store")
            return Finding("archive", f"{directory} can be written to ({config.archive.store})")
    except ConfigError as error:
        return Finding("archive", str(error), "here")
    except ArchiverError as error:
        return Finding("archive", str(error), "there")


def _new_storage(directory: Path) -> Finding:
    """A check makes nothing: it looks at the folder that the archive is to be made in."""
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        text = f"{directory} isn't there, and can't be made in {nearest}: check its permissions"
        return Finding("archive", text, "there")
    if nearest != directory:
        return Finding("archive", f"{directory} isn't there yet: the first run makes it")
    text = "has no archive yet: the first run begins one. If there was one, is its disk mounted?"
    return Finding("archive", f"{directory} {text}", "odd")


def _settings(config: Config) -> Iterator[Finding]:
    """What `run` would refuse, since clicks would be stored twice."""
    with open_reader(config.archive.directory) as reader:
        if reader is None:
            return
        for account in config.accounts:
            for problem in reader.settings.changes(account.name, identity_settings(account)):
                yield Finding("archive", problem, "here")
        if any(a.ip == "hash" for a in config.accounts) and reader.ip_key.is_held():
            try:
                reader.ip_key.read()
            except StoreError as error:
                yield Finding("archive", str(error), "there")


def _notices(config: Config) -> Iterator[Finding]:
    """Whether those can hear of a run who are to. Nobody is pinged."""
    variable, metrics_file = config.notify.healthcheck_url_env, config.notify.metrics_file
    if variable:
        try:
            read_ping(variable, os.environ)
            yield Finding("notify", f"${variable} holds an address to ping")
        except ConfigError as error:
            yield Finding("notify", str(error), "here")
    if metrics_file:
        folder = metrics_file.parent
        if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            yield Finding("notify", f"{metrics_file} can be written")
        else:
            text = f"{metrics_file} can't be written: make its folder, writable for this user"
            yield Finding("notify", text, "there")


def _pages(config: Config, now: datetime) -> Iterator[Finding]:
    """Whether each page could be written. None is."""
    try:
        for rehearsed in rehearse(config, now):
            subject, error = f"page {rehearsed.page.output}", rehearsed.error
            if error is not None:
                place: Literal["here", "there"] = (
                    "here" if isinstance(error, ConfigError) else "there"
                )
                yield Finding(subject, str(error), place)
            elif rehearsed.warning:
                yield Finding(subject, rehearsed.warning, "odd")
            else:
                yield Finding(subject, f"can be written, with {counted(rehearsed.links, 'link')}")
    except StoreError as error:
        yield Finding("pages", str(error), "there")


def _account(
    account: Account, password_of: Callable[[Account], str], clock: Callable[[], datetime]
) -> Iterator[Finding]:
    try:
        password = password_of(account)
        # A check keeps nothing: what addresses are hashed with is forgotten.
        service = open_service(account, password, treatment("hash", token_bytes(16)))
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
    """A few small requests. Raises SourceError where an answer can't be had or used."""
    if not account.login:
        text = "it has no login: links can be made with it, and there is nothing to archive"
        yield Finding(account.name, f"{text}. {account.base_url} wasn't asked")
        return
    if service.clicks is None:
        next(iter(service.links.fetch_links([], lambda *_: None)))
        yield Finding(account.name, f"{account.base_url} answers and takes the credentials")
        return
    yield from probe_clicks(account, service.clicks, clock())


def _oddity(password: str) -> str:
    return "; it begins or ends in white space: is that meant?" * (password != password.strip())
