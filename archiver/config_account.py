"""An account of the configuration: one login at one service."""

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator

from archiver.config_section import (
    ConfigPath,
    CredentialName,
    Duration,
    PositiveDuration,
    Problem,
    Section,
    Text,
    Texts,
    VariableName,
    Zone,
    unknown_key,
)
from archiver.links import name_in
from archiver.timestamps import as_instant

PASSWORD_KEYS = ("password_file", "password_env", "password_credential")

_LINKTRACK_KEYS = [
    "format",
    "since",
    "page_size",
    "settle",
    "lookback",
    "pagination",
    "method",
    "ip",
    "parameters",
    "fields",
]
# The names in the service's contract, which the configuration may replace by others.
_RENAMABLE = {
    "parameters": [
        "login",
        "pass",
        "format",
        "start",
        "end",
        "limit",
        "offset",
        "order",
        "link_id",
        "group",
    ],
    "fields": [
        "id",
        "link_id",
        "link",
        "external_url",
        "title",
        "group",
        "clicked_at",
        "ip",
        "country",
        "referrer",
        "user_agent",
        "is_unique",
        "conversion",
    ],
}


class Account(Section):
    """One login at one service.

    Only Linkbee's may have no login (`login` is empty) and no time zone (`timezone` is UTC).
    """

    name: str = Field(
        pattern="^[A-Za-z0-9_-]{1,200}$",
        description="Your name for the account: letters from a to z, digits, - and _.",
    )
    service: Literal["linktrack", "linkbee"] = Field(
        description='Whose account it is: "linktrack" or "linkbee".'
    )
    base_url: str = Field(
        description="Address of the API: https://, without a login, ? and # in it."
    )
    login: Text = Field("", description="Login of the API.")
    password_file: ConfigPath | None = Field(
        None, description="File that holds the password; only its owner may read it."
    )
    password_env: VariableName | None = Field(
        None, description="Name of the environment variable that holds the password."
    )
    password_credential: CredentialName | None = Field(
        None, description="Name of the systemd credential (LoadCredential=) with the password."
    )
    timezone: Zone = Field(
        ZoneInfo("UTC"),
        description="Time zone that the service shows this account's times in: an IANA name.",
    )
    format: Literal["xml", "json"] = Field(
        "xml", description='The form of answers: "xml", the API\'s default, or "json", the faster.'
    )
    since: datetime | None = Field(
        None,
        description="Date or time to archive from; without it, 24 hours before the first run.",
    )
    page_size: int = Field(
        1000, ge=1, le=1000, description="Records asked for at once: 1 to 1000."
    )
    settle: Duration = Field(
        timedelta(minutes=10),
        description="How old a click must be to be fetched: a duration; 0s is allowed.",
    )
    lookback: Duration = Field(
        timedelta(days=1),
        description="How far back to look again for clicks that came late: a duration.",
    )
    pagination: Literal["offset", "bisect"] = Field(
        "offset", description='"offset", or "bisect" for a service that gives a first page only.'
    )
    requests_per_second: float = Field(
        5, ge=0, allow_inf_nan=False, description="Requests a second at most; 0 for no limit."
    )
    concurrency: int = Field(2, ge=1, le=64, description="Requests in flight at most: 1 to 64.")
    deadline: PositiveDuration = Field(
        timedelta(minutes=1), description="How long one answer may take as a whole: a duration."
    )
    method: Literal["post", "get"] = Field(
        "post", description='"post", or "get", which puts the password into the URL.'
    )
    allow_http: bool = Field(
        default=False,
        description="Whether http:// may be used, which sends the password in clear. To this "
        "machine it always may.",
    )
    ip: Literal["keep", "truncate", "hash", "drop"] = Field(
        "keep",
        description='What to do with IP addresses: "keep", "truncate", "hash" or "drop" them.',
    )
    totals: bool = Field(
        default=True, description="Whether to keep links and their totals too, each run."
    )
    parameters: dict[str, Text] = Field(
        {}, description="Other names for request parameters: the contract's = theirs."
    )
    fields: dict[str, Text] = Field(
        {}, description="Other names for a click's fields: the contract's = theirs."
    )
    links: Texts = Field(
        (), description="Links whose totals are kept, for Linkbee: each once, in full or its hash."
    )

    @property
    def has_clicks(self) -> bool:
        """Whether its service has a log of clicks, and lists its links; else totals alone."""
        return self.service == "linktrack"

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str, info: ValidationInfo) -> str:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:  # a port that is no number, an IPv6 address without its bracket
            usable = None
        if not usable or not url.isprintable() or set(url) & set(" \\"):
            raise ValueError("must be an http(s) address")
        if set(url) & set("?#") or "@" in parts.netloc:
            raise ValueError("must not have a login, ? or # in it")
        ends_with_slash = url.endswith("/") or info.data.get("service") != "linktrack"
        return url if ends_with_slash else url + "/"

    @field_validator("since", mode="before")
    @classmethod
    def _instant(cls, since: object, info: ValidationInfo) -> datetime | None:
        if since is None:
            return None
        try:
            if isinstance(since, str | date):
                # An account's zone that can't be used is missing here and told by itself.
                return as_instant(since, info.data.get("timezone", ZoneInfo("UTC")))
        except ValueError:
            pass
        raise ValueError(
            "must be a date or a time such as 2026-01-01 or 2026-01-01T08:15:30Z, in whole seconds"
        )

    @classmethod
    def misfits(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """Give what is wrong between the keys; `given` hasn't been checked in any way."""
        passwords = [key for key in PASSWORD_KEYS if given.get(key) is not None]
        for key in passwords[1:]:
            yield (key,), f"stands beside {passwords[0]}. Keep one of them"
        needed: list[str] = []
        if given.get("service") == "linktrack":
            needed = ["login", "timezone", "password_file"]
            yield from _foreign(given, ["links"], "Linkbee")
        elif given.get("service") == "linkbee":
            needed = ["login", "password_file"] if passwords or given.get("login") else []
            yield from _foreign(given, _LINKTRACK_KEYS, "Linktrack")
            yield from _unusable_links(given)
        for key in needed:
            if given.get(key) is None and not (key in PASSWORD_KEYS and passwords):
                choice = " Or set password_env or password_credential." * (key in PASSWORD_KEYS)
                yield (key,), f"is missing. {cls.describe(key)}{choice}"
        if given.get("allow_http") is not True and _is_open(given.get("base_url")):
            words = "is http://, which sends the password in clear"
            yield ("base_url",), f"{words}. Use https://, or set allow_http = true"
        for key, names in _RENAMABLE.items():
            yield from _bad_names(key, given.get(key), names)


def _foreign(given: Mapping[str, Any], keys: list[str], service: str) -> Iterator[Problem]:
    for key in keys:
        if key in given:
            yield (key,), f"is for {service} accounts only. Remove it"


def _unusable_links(given: Mapping[str, Any]) -> Iterator[Problem]:
    """Links whose totals nobody would be given, and those that stand there twice."""
    links = given.get("links")
    if not isinstance(links, list | tuple):
        return
    if links and not given.get("login"):
        words = "can't be asked for without a login. Set login and password_file, or remove it"
        yield ("links",), words
    names = [name_in(link) if isinstance(link, str) else link for link in links]
    for index, each in enumerate(names):
        first = names.index(each)
        if first < index and links[index] != links[first]:
            yield ("links", index), f"is the same link as links[{first}]. Keep one of them"


def _is_open(url: object) -> bool:
    """Tell whether requests to an address go in the clear and leave this machine."""
    if not isinstance(url, str) or not url.lower().startswith("http:"):
        return False
    try:
        host = urlsplit(url).hostname or ""
        return host != "localhost" and not ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return True


def _bad_names(key: str, renamed: object, known: list[str]) -> Iterator[Problem]:
    if not isinstance(renamed, Mapping):
        return
    for ours, theirs in renamed.items():
        alike = [name for name in known if name != ours and renamed.get(name, name) == theirs]
        if ours not in known:
            yield (key, ours), unknown_key(ours, known)
        elif alike:
            yield (key, ours), f'has the same name as "{alike[0]}". Give each a name of its own'
