"""The commented configuration that `init` writes and that `config.example.toml` shows.

Made from the models, so that it has each key, its default and its meaning. A line that begins
with `#` and no space is a key that isn't in use; one with a space is words.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archiver.config import Account, Archive, Notify, Page, Schedule
from archiver.config_section import Section
from archiver.durations import format_duration

_HEAD = (
    "# Configuration of link-archiver.",
    "#",
    "# A key that is commented out shows its default or, where it has none, an example.",
    "# Paths are relative to this file. Durations are written as 30s, 10m, 26h or 1d.",
    "",
)
_Values = Mapping[str, Any]
_NONE: _Values = {}
_LINKTRACK: _Values = {
    "name": "acme",
    "service": "linktrack",
    "base_url": "https://linktrack.info/api/v1_0/",
    "login": "acme-api",
    "password_file": "acme.pass",
    "timezone": "America/New_York",
}
_LINKTRACK_UNUSED: _Values = {
    "since": date(2026, 1, 1),
    "deadline": "60s",
    "parameters": {"start": "date_from", "end": "date_to"},
    "fields": {"clicked_at": "created_at", "referrer": "referer"},
}
_OTHER_PASSWORDS: _Values = {"password_env": "ACME_PASSWORD", "password_credential": "acme"}
_LINKBEE: _Values = {
    "name": "bees",
    "service": "linkbee",
    "base_url": "http://linkbee.com/api.php",
    "login": "john",
    "password_env": "LINKBEE_PASSWORD",
    "allow_http": True,
    "links": ["http://linkbee.com/a1B2"],
}
_PAGE: _Values = {
    "account": "acme",
    "group": "contest",
    "title": "Who collects the most clicks?",
    "template": "ours.html",
    "output": "public/contest.html",
}
_OTHER_LINKS: _Values = {"links": ["17", "18"], "host": "go.example.com"}
_NOTIFY: _Values = {
    "healthcheck_url_env": "HEALTHCHECK_URL",
    "metrics_file": "/var/lib/node_exporter/textfile/link_archiver.prom",
}


def sample_config() -> str:
    """Give the text. Only what an account needs is in use in it."""
    account = {**_defaults(Account), **_LINKTRACK_UNUSED, **_LINKTRACK, **_OTHER_PASSWORDS}
    del account["links"]
    lines = [
        *_HEAD,
        "[archive]",
        *_keys(Archive, _defaults(Archive)),
        "",
        "# For `link-archiver daemon`; cron and systemd timers have their own.",
        "[schedule]",
        *_keys(Schedule, _defaults(Schedule)),
        "",
        "[[accounts]]",
        *_keys(Account, account, in_use=_LINKTRACK, instead=_OTHER_PASSWORDS),
        "",
        "# An account at Linkbee, which has no log of clicks: its links' totals are kept.",
        "#[[accounts]]",
        *_keys(Account, _LINKBEE),
        "",
        "# A page for the web with links and their totals; without group, links and host: all.",
        "#[[pages]]",
        *_keys(Page, {**_defaults(Page), **_PAGE, **_OTHER_LINKS}, instead=_OTHER_LINKS),
        "",
        "#[notify]",
        *_keys(Notify, _NOTIFY),
    ]
    return "\n".join(lines) + "\n"


def _defaults(section: type[Section]) -> dict[str, Any]:
    return {key: field.default for key, field in section.model_fields.items()}


def _keys(
    section: type[Section], values: _Values, *, in_use: _Values = _NONE, instead: _Values = _NONE
) -> Iterator[str]:
    """Give a table's lines; the keys `instead` can't stand beside the one before them."""
    for key in section.model_fields:
        if key not in values:
            continue
        line = f"{key} = {_toml(values[key])}"
        if key in instead:
            yield f"# Or: {line}"
            yield f"#     {section.describe(key)}"
        else:
            yield f"# {section.describe(key)}"
            yield line if key in in_use else f"#{line}"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, timedelta):
        return json.dumps(format_duration(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path | ZoneInfo):
        return json.dumps(str(value))
    return json.dumps(value)
