"""The commented configuration that `init` writes and that `config.example.toml` shows.

Made from the models, so that it has each key, its default and its meaning. A line that begins
with `#` and no space is a key that isn't in use; one with a space is words.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archiver.config import Account, Archive, Notify, Page, Schedule
from archiver.config_section import Section
from archiver.durations import format_duration

_HEAD = """\
# Configuration of link-archiver.
#
# A key that is commented out shows its default or, where it has none, an example.
# Paths are relative to this file. Durations are written as 30s, 10m, 26h or 1d.
"""
_LINKTRACK = {
    "name": "acme",
    "service": "linktrack",
    "base_url": "https://linktrack.info/api/v1_0/",
    "login": "acme-api",
    "password_file": "acme.pass",
    "timezone": "America/New_York",
}
_LINKTRACK_EXAMPLES = {
    "since": date(2026, 1, 1),
    "parameters": {"start": "date_from", "end": "date_to"},
    "fields": {"clicked_at": "created_at", "referrer": "referer"},
}
_PASSWORD_CHOICES = {
    "password_env": "ACME_PASSWORD",
    "password_credential": "acme",
}
_LINKBEE = {
    "name": "bees",
    "service": "linkbee",
    "base_url": "http://linkbee.com/api.php",
    "login": "john",
    "password_env": "LINKBEE_PASSWORD",
    "allow_http": True,
    "links": ("http://linkbee.com/a1B2",),
}
_PAGE = {
    "account": "acme",
    "group": "contest",
    "title": "Who collects the most clicks?",
    "template": "ours.html",
    "output": "public/contest.html",
}
_PAGE_CHOICES = {"links": ("17", "18"), "host": "go.example.com"}
_NOTIFY = {"healthcheck_url_env": "HEALTHCHECK_URL"}


def sample_config() -> str:
    """Give the text of a configuration that can be used as it is, but for its account's values."""
    linktrack = [key for key in Account.model_fields if key != "links"]
    return "\n".join(
        (
            _HEAD,
            *_table("[archive]", Archive),
