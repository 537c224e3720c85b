"""Where links lead: which addresses they take, and how those are written in a header."""

import re
from urllib.parse import urlsplit

from werkzeug.urls import iri_to_uri

TAKES = "takes an address that begins with http:// or https://, of 2048 characters at most"

_LONGEST = 2048
# Among them is what urlsplit would leave out without a word.
_UNFIT = re.compile("[\x00-\x20\x7f-\x9f]")


def location(url: str) -> str | None:
    """The address as a Location header has it, or None where it is no web address.

    One has a host, and neither spaces nor control characters.
    """
    if len(url) > _LONGEST or _UNFIT.search(url):
        return None
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return None
        return iri_to_uri(url)
    except ValueError:
        # A port or an IPv6 address that isn't one, or a host that has no name in ASCII.
        return None
