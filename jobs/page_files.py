"""The two files of a page, HTML and JSON: where they may go, and how they are written."""

import os
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import orjson

from archiver.config import Config, Page
from archiver.errors import ConfigError, StoreError
from jobs.guarded import guarded_as, is_any_of, is_same_file
from jobs.whole_file import whole_file

_FOR_THE_WEB = 0o644  # a web server's user reads it, whatever this program's umask


def json_path(page: Page) -> Path:
    """The JSON file beside a page."""
    return page.output.with_suffix(".json")


def write_page(page: Page, html: bytes, document: bytes) -> None:
    """Write both files, or neither. Raises StoreError where they can't be written."""
    _refuse_without_place(page)
    with whole_file(json_path(page)) as json_file, whole_file(page.output) as html_file:
        for file, content in ((json_file, document), (html_file, html)):
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # both are on the disk before either gets its name
            os.fchmod(file.fileno(), _FOR_THE_WEB)


def shows_links(page: Page) -> bool:
    """Whether the page that is there now shows any links; where that can't be told, it does."""
    try:
        return bool(orjson.loads(json_path(page).read_bytes())["entries"])
    except (OSError, ValueError, LookupError, TypeError):
        return os.path.isfile(page.output)  # noqa: PTH113 - a folder that can't be looked into


def refuse_overwriting(page: Page, config: Config, templates: Collection[Path]) -> None:
    """Raise ConfigError where a page, or its JSON, would take the place of something needed.

    `templates` are all files that templates are made of.
    """
    if page.output.name in {"", ".."}:
        raise ConfigError("output names no file. Let it end in .html")
    files = (page.output, json_path(page))
    if is_same_file(*files):
        raise ConfigError("output ends in .json, as the file beside it does. Let it end in .html")
    for other in config.pages:
        if other is not page and other.output.name not in {"", ".."}:
            theirs = (other.output, json_path(other))
            if any(is_any_of(file, theirs) for file in files):
                raise _overwriting("another page")
    for file in files:
        what = "a template" if is_any_of(file, templates) else guarded_as(file, config)
        if what is not None:
            raise _overwriting(what)
        _refuse_irregular(file)


def _overwriting(what: str) -> ConfigError:
    return ConfigError(f"it, or the JSON beside it, would overwrite {what}. Change output")


def _refuse_irregular(file: Path) -> None:
    """Refuse what isn't content: a link, which belongs to whoever made it, a pipe, a device."""
    with suppress(OSError):  # it isn't there, or is told of when it is written to
        mode = file.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise ConfigError(f"{file} is a symbolic link. Let output name the file itself")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise ConfigError(f"{file} isn't a regular file. Change output")


def refuse_unwritable(page: Page) -> None:
    """Raise StoreError where a page can't be written, as far as that shows beforehand."""
    _refuse_without_place(page)
    folder = page.output.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(f"the folder {folder} can't be written to. Check its permissions")


def _refuse_without_place(page: Page) -> None:
    """Refuse before either file is replaced: a page and its JSON say the same."""
    folder = page.output.parent
    with suppress(
        PermissionError
    ):  # a folder that can't be looked into is told of when it's written to
        if not folder.is_dir():
            raise StoreError(f"the folder {folder} doesn't exist. Make it, writable for this user")
        for file in (page.output, json_path(page)):
            if file.is_dir():
                raise StoreError(f"can't write {file}: it is a folder. Move it, or change output")
