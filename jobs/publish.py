"""`publish`: the pages of `[[pages]]`, each with a JSON file beside it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import orjson

from archiver.config import Config, Page
from archiver.errors import ArchiverError, ConfigError, StoreError
from archiver.model import AccountReport
from archiver.sources.base import name_in
from jobs.guarded import guarded_as
from jobs.page_files import json_path, refuse_overwriting, shows_links, write_page
from jobs.standing import Standing, standing
from storage.standings import LinkHistory, Standings, open_standings


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a page: how many links it shows, or why it wasn't written."""

    page: Page
    links: int = 0
    error: ArchiverError | None = None


def publish(config: Config, accounts: Collection[str], now: datetime) -> Iterator[Published]:
    """Write the pages of these accounts, one by one; one that fails harms no other.

    The service isn't asked. Raises StoreError where the archive can't be read.
    """
    pages = [page for page in config.pages if page.account in accounts]
    if not pages:
        return
    templates = _templates(config)
    with open_standings(config.archive.directory) as standings:
        for page in pages:
            try:
                refuse_overwriting(page, config, templates)
                found = _found(page, config, standings, now)
                if not found.entries:
                    _refuse_emptying(page, config, standings)
                _publish(page, config, found)
                yield Published(page, len(found.entries))
            except (ConfigError, StoreError) as error:
                yield Published(page, error=error)


def publish_of(report: AccountReport, config: Config, now: datetime) -> None:
    """Write the pages of an account; what can't be written is in its report."""
    for published in publish(config, [report.name], now):
        if published.error is not None:
            report.errors.append(told(published.page, published.error))


def told(page: Page, error: ArchiverError) -> str:
    """A page's error, with the page that it is of."""
    return f"page {page.output}: {error}"


def _found(page: Page, config: Config, standings: Standings | None, now: datetime) -> Standing:
    links = standings.links(page.account, now) if standings else ()
    return standing(page, filter(_listed(page, config), links))


def _listed(page: Page, config: Config) -> Callable[[LinkHistory], bool]:
    """Whether a link is still the account's, where the configuration lists those in its service.

    One that was taken out of it is left out, unless it was made here, or the page names it.
    """
    account = next(each for each in config.accounts if each.name == page.account)
    if account.service != "linkbee" or page.links:
        return lambda _: True
    names = set(map(name_in, account.links))
    return lambda link: link.destination is not None or name_in(link.key) in names


def _publish(page: Page, config: Config, found: Standing) -> None:
    # Most runs publish nothing, and Jinja2 takes 30 ms to import.
    from jobs.page import render  # noqa: PLC0415
    from jobs.template_files import TemplateFiles  # noqa: PLC0415

    guarded = partial(guarded_as, config=config)
    template = TemplateFiles(page.template, guarded) if page.template else None
    html = render(found, template, json_path(page).name)
    if template:  # only now it is known what its variables have named
        refuse_overwriting(page, config, template.given)
    document = orjson.dumps(found.as_json(), option=orjson.OPT_APPEND_NEWLINE)
    write_page(page, html, document)


def _templates(config: Config) -> set[Path]:
    """The files that any page's template is made of."""
    from jobs.template_files import TemplateFiles  # noqa: PLC0415

    own = [page.template for page in config.pages if page.template]
    guarded = partial(guarded_as, config=config)
    return set(own).union(*(TemplateFiles(path, guarded).named() for path in own))


def _refuse_emptying(page: Page, config: Config, standings: Standings | None) -> None:
    """Refuse to take all links off a page where the archive has never heard of any."""
    known = standings is not None and standings.knows(page.account)
    if not known and shows_links(page):
        raise StoreError(
            f"the archive {config.archive.directory} has no link of account {page.account}, and "
            "the page that is there shows some. Is the archive's disk mounted? The page stays as "
            "it was; delete it if it is to begin anew"
        )
