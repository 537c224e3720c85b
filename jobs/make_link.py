"""`make-link`: a tracking link made at the service, and kept in the ledger."""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import datetime

from archiver.config import Config
from archiver.config_account import Account
from archiver.errors import ConfigError, SourceError, StoreError
from archiver.model import Link
from archiver.privacy import dropped
from archiver.sources.linkbee import ADS, CATEGORIES, LinkbeeLinks
from archiver.sources.linktrack_links import LinktrackLinks
from jobs.lock import hold
from jobs.logs import tell
from jobs.settings import identity_settings
from jobs.signals import EndedBySignal, signals_held_back
from jobs.sources import open_service
from storage.opening import Archive, open_archive

LINKBEE_OPTIONS = frozenset({"ad", "cat"})


def make_link(
    config: Config,
    account: Account,
    password: str,
    options: Mapping[str, str],
    now: datetime,
    announce: Callable[[str], None] = lambda _: None,
) -> str:
    """Make a link, keep it, announce it, and give it.

    `options` are the service's own, `external_url` among them. Ended by a signal, it keeps and
    announces a link that was made, or says that one may have been; killed, the next run says so.

    Raises ConfigError for an option of the other service or one that can't be sent, SourceError
    where the service makes none, ArchiveBusyError before anything is made, and StoreError, which
    names the link, where it is made but can't be kept.
    """
    _refuse_foreign(account, options)
    _refuse_unsendable(account, options)
    directory = config.archive.directory
    made: Link | None = None
    is_kept = False
    asked = options["external_url"], now

    def keep(link: Link) -> None:
        nonlocal is_kept
        try:
            with archive.transaction():
                archive.links.observe(account.name, [link], now)
                archive.untold.forget_asked(account.name, *asked)
        except StoreError as error:
            raise StoreError(f"made {link.link}, but didn't keep it: {error}") from None
        is_kept = True
        announce(link.link or link.key)

    with hold(directory), open_archive(directory, config.archive.store) as archive:
        with archive.transaction():
            archive.settings.hold_account(account.name, identity_settings(account))
            archive.untold.note_asked(account.name, *asked)
        try:
            with closing(open_service(account, password, dropped)) as service:
                made = _made(service.links, options)
                made = _confirmed(service.links, made)
            with signals_held_back():
                keep(made)
        except EndedBySignal:
            if made is None:
                _tell_that_one_may_exist(options)
                _forget_asked(archive, account.name, *asked)
            elif not is_kept:
                keep(made)
            raise
        except SourceError:  # it says itself whether a link may have been made
            _forget_asked(archive, account.name, *asked)
            raise
    return made.link or made.key


def _forget_asked(archive: Archive, account: str, destination: str, asked_at: datetime) -> None:
    """Else the next run tells of it too, and so it does where this can't be written."""
    with suppress(StoreError), archive.transaction():
        archive.untold.forget_asked(account, destination, asked_at)


def _tell_that_one_may_exist(options: Mapping[str, str]) -> None:
    tell(
        logging.ERROR,
        f"ended before the service answered: a link to {options['external_url']} may have been "
        "made, and isn't kept here. Look at the service before you make it again",
    )


def _confirmed(links: LinktrackLinks | LinkbeeLinks, made: Link) -> Link:
    return links.confirm(made) if isinstance(links, LinktrackLinks) else made


def _made(links: LinktrackLinks | LinkbeeLinks, options: Mapping[str, str]) -> Link:
    if isinstance(links, LinktrackLinks):
        return links.make_link(options)
    url = options["external_url"]
    if not links.has_login:
        return links.quicken(url)
    ad = ADS[options.get("ad", "none")]
    return links.shorten(url, ad, CATEGORIES[options.get("cat", "other")])


def _refuse_unsendable(account: Account, options: Mapping[str, str]) -> None:
    """Refuse what no request can hold: bytes of the command line that are no text."""
    for name, value in options.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            what = "the URL" if name == "external_url" else f"--{name.replace('_', '-')}"
            raise ConfigError(f"account {account.name}: {what} isn't UTF-8 text") from None


def _refuse_foreign(account: Account, options: Mapping[str, str]) -> None:
    given = options.keys() - {"external_url"}
    foreign = (
        given & LINKBEE_OPTIONS if account.service == "linktrack" else given - LINKBEE_OPTIONS
    )
    if foreign:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(foreign))
        raise ConfigError(f"account {account.name}: {names}: {account.service} has no such option")
    if account.service == "linkbee" and given and not account.login:
        raise ConfigError(
            f"account {account.name}: --ad and --cat need a login, which the account hasn't"
        )
