"""The configuration and the file that holds it.

Each key's description says what the key takes: it stands in the sample and in the errors.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr, Strict, ValidationError, field_validator, model_validator

from archiver.config_account import Account
from archiver.config_section import (
    ConfigPath,
    Cron,
    Problem,
    Section,
    Text,
    Texts,
    VariableName,
    Zone,
)
from archiver.errors import ConfigError

__all__ = [
    "Account",
    "Archive",
    "Config",
    "Notify",
    "Page",
    "Schedule",
    "find_config",
    "load_config",
]

_REMEDY = "Write one with `link-archiver init`"


class Archive(Section):
    """Where clicks rest."""

    directory: ConfigPath = Field(
        Path("archive"), validate_default=True, description="Folder of the archive."
    )
    store: Literal["sqlite", "jsonl"] = Field(
        "sqlite", description='How clicks are kept: "sqlite" or "jsonl".'
    )

    @field_validator("directory")
    @classmethod
    def _resolved(cls, directory: Path) -> Path:
        try:
            return directory.resolve()
        except (OSError, RuntimeError):  # links that lead to each other
            raise ValueError("can't be followed to a folder") from None


class Schedule(Section):
    """When the daemon runs."""

    cron: Cron = Field(
        "15 3 * * *",
        description="When `daemon` runs, as in cron: minute, hour, day, month, day of the week.",
    )
    timezone: Zone = Field(
        ZoneInfo("UTC"), description="Time zone of `cron`: an IANA name such as UTC."
    )


class Page(Section):
    """A page for the web: links and their totals, all of the account's unless some are named."""

    account: str = Field(description="Name of the account whose links are shown.")
    group: Text | None = Field(None, description="Show the links of this group.")
    links: Texts = Field((), description="Show the links with these ids.")
    host: Text | None = Field(None, description="Show the links of this host.")
    sort: Literal["id", "title", "clicks", "unique_clicks", "created_at"] = Field(
        "clicks",
        description='Sort by "id", "title", "clicks", "unique_clicks" or "created_at".',
    )
    order: Literal["asc", "desc"] = Field(
        "desc", description='"asc", or "desc" for the highest first.'
    )
    title: Text = Field("Links and their clicks", description="Heading of the page.")
    template: ConfigPath | None = Field(
        None, description="File with your own look (a Jinja2 template); without it, ours."
    )
    output: ConfigPath = Field(description="File that `publish` writes.")

    @classmethod
    def misfits(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """Give what is wrong between the keys; `given` hasn't been checked in any way."""
        choices = [key for key in ("group", "links", "host") if given.get(key) is not None]
        for key in choices[1:]:
            yield (key,), f"stands beside {choices[0]}. Keep one of them, or none for all links"


class Notify(Section):
    """Who is told."""

    healthcheck_url_env: VariableName | None = Field(
        None,
        description="Name of the environment variable that holds the URL to ping at each run.",
    )
    metrics_file: ConfigPath | None = Field(
        None,
        description="File for Prometheus' node_exporter, ending in .prom: written after each run.",
    )

    @field_validator("metrics_file")
    @classmethod
    def _read_by_node_exporter(cls, path: Path | None) -> Path | None:
        # And so nothing else can be named here, to be overwritten: no page, no archive.
        if path is not None and path.suffix != ".prom":
            raise ValueError("must end in .prom: node_exporter reads no other files")
        return path


class Config(Section):
    """The whole file."""

    archive: Archive
    schedule: Schedule = Schedule()
    accounts: Annotated[tuple[Account, ...], Strict(strict=False)] = Field(
        description="Begin each account with [[accounts]], then its name, service and base_url."
    )
    pages: Annotated[tuple[Page, ...], Strict(strict=False)] = Field(
        (), description="Begin each page with [[pages]]."
    )
    notify: Notify = Notify()
    _path: Path = PrivateAttr(default=Path("config.toml"))

    @property
    def path(self) -> Path:
        """The file that it was read from; `config.toml` if it was made in the program."""
        return self._path

    @model_validator(mode="before")
    @classmethod
    def _with_archive(cls, given: Any) -> Any:
        # Validated even where the file has none: its directory lies beside the file.
        return {"archive": {}, **given} if isinstance(given, Mapping) else given

    def model_post_init(self, context: Any, /) -> None:
        """Keep the path, which is no key."""
        if context:
            self._path = context["path"]

    @classmethod
    def misfits(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """Give what is wrong between the tables; `given` hasn't been checked in any way."""
        names = [_peek(account, "name") for account in _tables(given, "accounts")]
        known = [name for name in names if isinstance(name, str) and name.isprintable()]
        if given.get("accounts") in ([], ()):
            yield ("accounts",), f"must not be empty. {cls.describe('accounts')}"
        for index, first in _repeated([name.lower() if name in known else None for name in names]):
            words = f"names a folder, as the name of accounts[{first}] does, whatever the case"
            yield ("accounts", index, "name"), f"{words}. Choose another"
        pages = _tables(given, "pages")
        for index, page in enumerate(pages):
            account = _peek(page, "account")
            if isinstance(account, str) and account not in names:
                there = ", ".join(known) or "none"
                words = f"{account[:80]!r} is no account. The accounts are: {there}"
                yield ("pages", index, "account"), words
        outputs = [_peek(page, "output") for page in pages]
        for index, first in _repeated([output and Path(str(output)) for output in outputs]):
            yield ("pages", index, "output"), f"is pages[{first}]'s output too. Change it"
        metrics = _peek(given.get("notify"), "metrics_file")
        for index, output in enumerate(outputs):
            if output and metrics and Path(str(output)) == Path(str(metrics)):
                yield ("pages", index, "output"), "is notify.metrics_file too. Change it"


def _tables(given: Mapping[str, Any], key: str) -> list[Any]:
    tables = given.get(key)
    return list(tables) if isinstance(tables, list | tuple) else []


def _peek(table: object, key: str) -> Any:
    return table.get(key) if isinstance(table, Mapping) else getattr(table, key, None)


def _repeated(values: list[Any]) -> Iterator[tuple[int, int]]:
    """Give the index of each value that has come before, and of its first coming."""
    for index, value in enumerate(values):
        first = values.index(value)
        if value is not None and first < index:
            yield index, first


def find_config(option: Path | None, environ: Mapping[str, str]) -> Path:
    """Find the file: the one that is named, else the first that is in one of the usual places.

    Raises ConfigError where there is none.
    """
    for named, by in (
        (option, "--config"),
        (environ.get("LINK_ARCHIVER_CONFIG"), "$LINK_ARCHIVER_CONFIG"),
    ):
        if named:
            if _is_there(Path(named)):
                return Path(named)
            raise ConfigError(f"{named}: there is no such file; {by} names it. {_REMEDY}")
    home = environ.get("HOME")
    user_folder = environ.get("XDG_CONFIG_HOME") or (home and f"{home}/.config")
    places = [
        Path("config.toml"),
        *([Path(user_folder, "link-archiver/config.toml")] if user_folder else []),
        Path("/etc/link-archiver/config.toml"),
    ]
    for place in places:
        if _is_there(place):
            return place
    looked_at = ", ".join(str(place) for place in places)
    raise ConfigError(f"there is no configuration; looked for {looked_at}. {_REMEDY}")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # in a folder that this user may not look into
        return False


def load_config(path: Path) -> Config:
    """Read and check a file. Raises ConfigError with all that is wrong with it."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}: line {line}: isn't UTF-8 text") from None
    try:
        given = tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path}: {_place_first(str(error), text)}") from None
    try:
        return Config.model_validate(given, context={"path": path.absolute()})
    except ValidationError as error:
        problems = (f"{path}: {_dotted(line['loc'])}: {line['msg']}" for line in error.errors())
        raise ConfigError(*problems) from None


def _place_first(message: str, text: str) -> str:
    """Turn "What (at line 3, column 5)" into "line 3, column 5: What"."""
    what, _, place = message.removesuffix(")").partition(" (at ")
    if not place.startswith("line"):  # it is the end of the document
        last_line = text.rpartition("\n")[2]
        place = f"line {text.count(chr(10)) + 1}, column {len(last_line) + 1}"
    return f"{place}: {what}"


def _dotted(place: tuple[str | int, ...]) -> str:
    """Write the way to a key as `accounts[0].page_size`."""
    way = ""
    for step in place:
        if isinstance(step, int):
            way += f"[{step}]"
        else:
            way += "." + (step if re.fullmatch("[A-Za-z0-9_-]+", step) else json.dumps(step))
    return way.removeprefix(".")
