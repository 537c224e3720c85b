"""`make-link`: a tracking link made at the service, and kept in the ledger."""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime

from archiver.config import Config
from archiver.config_account import Account
from archiver.errors import ConfigError, StoreError
from archiver.model import Link
from archiver.sources.linkbee import ADS, CATEGORIES, LinkbeeLinks
from archiver.sources.linktrack_links import LinktrackLinks
from jobs.archiving import identity_settings
from jobs.lock import hold
from jobs.sources import open_service
from storage.opening import open_archive

LINKBEE_OPTIONS = frozenset({"ad", "cat"})


def make_link(
    config: Config, account: Account, password: str, options: Mapping[str, str], now: datetime
) -> str:
    """Make a link and give it. `options` are the service's own, `external_url` among them.

    Raises ConfigError for an option of the other service, SourceError where the service makes
    none, ArchiveBusyError before anything is made, and StoreError, which names the link, where it
    is made but can't be kept.
    """
    _refuse_foreign(account, options)
    directory = config.archive.directory
    with hold(directory), open_archive(directory, config.archive.store) as archive:
        with archive.transaction():
            archive.settings.hold_account(account.name, identity_settings(account))
        with closing(open_service(account, password)) as service:
            link = _made(service.links, options)
        try:
            with archive.transaction():
                archive.links.observe(account.name, [link], now)
        except StoreError as error:
            raise StoreError(f"made {link.link}, but didn't keep it: {error}") from None
    return link.link or link.key


def _made(links: LinktrackLinks | LinkbeeLinks, options: Mapping[str, str]) -> Link:
    if isinstance(links, LinktrackLinks):
        return links.make_link(options)
    url = options["external_url"]
    if not links.has_login:
        return links.quicken(url)
    ad = ADS[options.get("ad", "none")]
    return links.shorten(url, ad, CATEGORIES[options.get("cat", "other")])


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
