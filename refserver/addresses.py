"""Tracking links' addresses: a host, then `/.` and a base-36 id, or a vanity name."""

import re
import string

from flask import Request

from refserver.answers import xml_safe

_DIGITS = string.digits + string.ascii_lowercase
# Up to 12 digits: what is read here always fits SQLite's 64-bit integers.
_ID_NAME = re.compile(r"\.([1-9a-z][0-9a-z]{0,11})")


def link_address(link_id: int, host: str, vanity_link: str, request_host: str) -> str:
    """The link as it is shown: the request's host unless it has one of its own."""
    return f"http://{host or request_host}/{vanity_link or id_name(link_id)}"


def id_name(link_id: int) -> str:
    """The name that every link has."""
    digits = ""
    while link_id:
        link_id, digit = divmod(link_id, 36)
        digits = _DIGITS[digit] + digits
    return "." + digits


def read_id_name(name: str) -> int | None:
    """The link's id, or None where the name is another kind of name."""
    match = _ID_NAME.fullmatch(name)
    return int(match[1], 36) if match else None


def host_of(request: Request) -> str:
    """The host that a request names; this server's own where it names none that can be."""
    return xml_safe(request.host) or own_host(request)


def own_host(request: Request) -> str:
    """Where this server listens, whatever a request says of that."""
    name, port = request.environ["SERVER_NAME"], request.environ["SERVER_PORT"]
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
