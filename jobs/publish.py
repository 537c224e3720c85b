"""`publish`: the pages of `[[pages]]`, each with a JSON file beside it."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from archiver.config import Config, Page
from archiver.errors import ArchiverError, ConfigError, StoreError
from jobs.export import whole_file
from jobs.standing import standing
from jobs.turn import Turn
from storage.standings import LinkHistory, open_standings

_FOR_THE_WEB = 0o644  # a web server's user reads it, whatever this program's umask


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
    with open_standings(config.archive.directory) as standings:
        for page in pages:
            try:
                _refuse_overwriting(page, config)
                links = standings.links(page.account, now) if standings else ()
                yield Published(page, _publish(page, links))
            except (ConfigError, StoreError) as error:
                yield Published(page, error=error)


def publish_of_turn(turn: Turn, config: Config) -> None:
    """Write the pages of a turn's account; what can't be written is in its report."""
    for published in publish(config, [turn.account.name], turn.clock()):
        if published.error is not None:
            turn.report.errors.append(told(published.page, published.error))


def told(page: Page, error: ArchiverError) -> str:
    """A page's error, with the page that it is of."""
    return f"page {page.output}: {error}"


def json_path(page: Page) -> Path:
    """The JSON file beside a page."""
    return page.output.with_suffix(".json")


def _publish(page: Page, links: Iterable[LinkHistory]) -> int:
    # Most runs publish nothing, and Jinja2 takes 30 ms to import.
    from jobs.page import render  # noqa: PLC0415

    found = standing(page, links)
    beside = json_path(page)
    html = render(found, page.template, beside.name).encode()
    document = orjson.dumps(found.as_json(), option=orjson.OPT_APPEND_NEWLINE)
    _refuse_without_folder(page.output.parent)
    with whole_file(beside) as json_file, whole_file(page.output) as html_file:
        for file, content in ((json_file, document), (html_file, html)):
            file.write(content)
            os.fchmod(file.fileno(), _FOR_THE_WEB)
    return len(found.entries)


def _refuse_without_folder(folder: Path) -> None:
    with suppress(
        PermissionError
    ):  # one that can't be looked into is told of when it's written to
        if not folder.is_dir():
            raise StoreError(f"the folder {folder} doesn't exist. Make it, writable for this user")


def _refuse_overwriting(page: Page, config: Config) -> None:
    """Refuse to write a page, or its JSON, over something else that is needed."""
    mine = _resolved([page.output, json_path(page)])
    others = [other for other in config.pages if other is not page]
    taken = {
        "another page": [path for o in others for path in (o.output, json_path(o))],
        "a template": [other.template for other in config.pages if other.template],
        "the configuration": [config.path],
    }
    if len(set(mine)) < len(mine):
        raise ConfigError("output ends in .json, as the file beside it does. Let it end in .html")
    for what, paths in taken.items():
        if set(mine) & set(_resolved(paths)):
            raise ConfigError(f"it, or the JSON beside it, would overwrite {what}. Change output")


def _resolved(paths: Sequence[Path]) -> list[Path]:
    return [Path(os.path.normpath(path)) for path in paths]
