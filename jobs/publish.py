"""`publish`: the pages of `[[pages]]`, each with a JSON file beside it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import orjson

from archiver.config import Config, Page
from archiver.errors import ArchiverError, ConfigError, StoreError
from archiver.links import name_in
from archiver.model import AccountReport
from jobs.guarded import guarded_as
from jobs.page_files import (
    json_path,
    refuse_overwriting,
    refuse_unwritable,
    shows_links,
    write_page,
)
from jobs.standing import Standing, standing
from storage.standings import LinkHistory, Standings, open_standings


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a page: how many links it shows, or why it wasn't written."""

    page: Page
    links: int = 0
    error: ArchiverError | None = None
    unknown: str = ""  # what it asks for that the archive doesn't know

    @property
    def warning(self) -> str:
        """What may be misspelt; empty for nothing."""
        if not self.unknown:
            return ""
        account = self.page.account
        return (
            f"account {account} has no such links in the archive, or not any more: {self.unknown}"
        )


@dataclass(frozen=True, slots=True)
class _Made:
    """A page and its JSON, ready to be written."""

    page: Page
    shown: Standing
    html: bytes
    document: bytes
    unknown: str


def publish(config: Config, accounts: Collection[str], now: datetime) -> Iterator[Published]:
    """Write the pages of these accounts, one by one; one that fails harms no other.

    The service isn't asked. Raises StoreError where the archive can't be read.
    """
    for made in _made(config, accounts, now):
        if isinstance(made, Published):
            yield made
            continue
        try:
            write_page(made.page, made.html, made.document)
            yield Published(made.page, len(made.shown.entries), unknown=made.unknown)
        except StoreError as error:
            yield Published(made.page, error=error)


def rehearse(config: Config, now: datetime) -> Iterator[Published]:
    """What `publish` would make of each page, as far as it can be told without writing any."""
    for made in _made(config, [account.name for account in config.accounts], now):
        if isinstance(made, Published):
            yield made
            continue
        try:
            refuse_unwritable(made.page)
            yield Published(made.page, len(made.shown.entries), unknown=made.unknown)
        except StoreError as error:
            yield Published(made.page, error=error)


def publish_of(report: AccountReport, config: Config, now: datetime) -> None:
    """Write the pages of an account; what is wrong or odd about one is in its report."""
    for published in publish(config, [report.name], now):
        if published.error is not None:
            report.errors.append(told(published.page, published.error))
        elif published.warning:
            report.warnings.append(told(published.page, published.warning))


def told(page: Page, what: object) -> str:
    """An error or a warning, with the page that it is of."""
    return f"page {page.output}: {what}"


def _made(config: Config, accounts: Collection[str], now: datetime) -> Iterator[_Made | Published]:
    """The pages of these accounts, each ready to be written, or with why there is none."""
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
                knows = standings is not None and standings.has_links(page.account)
                yield _render(page, config, found, _unknown(page, found) if knows else "")
            except (ConfigError, StoreError) as error:
                yield Published(page, error=error)


def _found(page: Page, config: Config, standings: Standings | None, now: datetime) -> Standing:
    links = standings.links(page.account, now) if standings else ()
    return standing(page, filter(_listed(page, config), links))


def _listed(page: Page, config: Config) -> Callable[[LinkHistory], bool]:
    """Whether a link is still the account's, where the configuration lists those in its service.

    One that was taken out of it is left out, unless it was made here, or the page names it.
    """
    account = next(each for each in config.accounts if each.name == page.account)
    if account.has_clicks or page.links:
        return lambda _: True
    names = set(map(name_in, account.links))
    return lambda link: link.destination is not None or name_in(link.key) in names


def _render(page: Page, config: Config, found: Standing, unknown: str) -> _Made:
    # Most runs publish nothing, and Jinja2 takes 30 ms to import.
    from jobs.page import render  # noqa: PLC0415
    from jobs.template_files import TemplateFiles  # noqa: PLC0415

    guarded = partial(guarded_as, config=config)
    template = TemplateFiles(page.template, guarded) if page.template else None
    html = render(found, template, json_path(page).name)
    if template:  # only now it is known what its variables have named
        refuse_overwriting(page, config, template.given)
    document = orjson.dumps(found.as_json(), option=orjson.OPT_APPEND_NEWLINE)
    return _Made(page, found, html, document, unknown)


def _unknown(page: Page, found: Standing) -> str:
    """What a page asks for by name, and the archive's links of the account don't have."""
    if page.links:
        shown = {entry.id or name_in(entry.link or "") for entry in found.entries}
        absent = [link for link in page.links if not {link, name_in(link)} & shown]
        return f"links {', '.join(absent)}" if absent else ""
    if found.entries:
        return ""
    if page.group is not None:
        return f"group {page.group}"
    return f"host {page.host}" if page.host is not None else ""


def _templates(config: Config) -> set[Path]:
    """The files that any page's template is made of."""
    from jobs.template_files import TemplateFiles  # noqa: PLC0415

    own = [page.template for page in config.pages if page.template]
    guarded = partial(guarded_as, config=config)
    return set(own).union(*(TemplateFiles(path, guarded).named() for path in own))


def _refuse_emptying(page: Page, config: Config, standings: Standings | None) -> None:
    """Refuse to take all links off a page because of what is hardly so: the account has none.

    An archive that has never heard of any may not be mounted; a service that lists none any more
    may have lost them.
    """
    if (standings is not None and standings.has_links(page.account)) or not shows_links(page):
        return
    why = f"the archive {config.archive.directory} has no link of account {page.account}"
    question = "Is the archive's disk mounted?"
    if standings is not None and standings.knows(page.account):
        why = f"the service has no link of account {page.account} any more"
        question = "Has it lost them? They are archived."
    raise StoreError(
        f"{why}, and the page that is there shows some. {question} The page stays as it was; "
        "delete it if it is to begin anew"
    )
