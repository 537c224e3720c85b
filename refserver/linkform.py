"""What makeLink takes: the parameters of a link that is to be made."""

import re
from datetime import datetime

from refserver import destinations
from refserver.parameters import Parameters
from refserver.records import NewLink

_MOST_CLICKS = 10**9
_HOST = re.compile(r"(?=.{1,253}(:|$))[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
_VANITY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_OPTIONAL = (
    "host",
    "title",
    "vanity_link",
    "description",
    "notes",
    "alert_at",
    "deactivate_at",
    "has_alert_email",
    "password",
    "is_active",
    "is_public",
    "has_plus_tracking",
    "has_public_tracking",
    "has_conversion_tracking",
    "expires_at",
    "group",
)


def read_link(parameters: Parameters, *, by_post: bool, created_at: datetime) -> NewLink:
    """The link that is asked for. Raises ApiError for what it can't be, naming the parameter."""
    if not by_post:
        for name in _OPTIONAL:
            if parameters.is_given(name):
                raise parameters.error(name, "takes a value by POST only")
    return NewLink(
        external_url=_destination(parameters),
        host=_host(parameters),
        title=parameters.text("title") or "",
        vanity_link=_vanity_name(parameters),
        description=parameters.text("description") or "",
        notes=parameters.text("notes") or "",
        group=parameters.text("group") or "",
        password=parameters.text("password") or "",
        created_at=created_at,
        expires_at=parameters.local_time("expires_at") or "",
        alert_at=_clicks(parameters, "alert_at"),
        deactivate_at=_clicks(parameters, "deactivate_at"),
        has_alert_email=parameters.flag("has_alert_email"),
        has_plus_tracking=parameters.flag("has_plus_tracking"),
        has_public_tracking=parameters.flag("has_public_tracking"),
        has_conversion_tracking=parameters.flag("has_conversion_tracking"),
        is_active=parameters.flag("is_active", default=True),
        is_public=parameters.flag("is_public"),
    )


def _clicks(parameters: Parameters, name: str) -> int:
    return parameters.number(name, least=1, most=_MOST_CLICKS, default=0)


def _destination(parameters: Parameters) -> str:
    url = parameters.text("external_url")
    if url is None or destinations.location(url) is None:
        raise parameters.error("external_url", destinations.TAKES)
    return url


def _host(parameters: Parameters) -> str:
    host = (parameters.text("host") or "").lower()
    if host and not _HOST.fullmatch(host):
        raise parameters.error("host", "takes a host name, with a port or without")
    return host


def _vanity_name(parameters: Parameters) -> str:
    name = parameters.text("vanity_link") or ""
    if name and not _VANITY_NAME.fullmatch(name):
        raise parameters.error(
            "vanity_link", "takes up to 64 of a-z, A-Z, 0-9, - and _, the first no - or _"
        )
    return name
