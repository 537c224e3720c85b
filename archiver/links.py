"""What a link is, and what tells it from others. Pure."""

from urllib.parse import urlsplit

#: Longer ones not every browser takes; a link that was made to be short has some twenty.
_LONGEST_LINK = 2000


def is_link(text: str) -> bool:
    """Whether a service's answer can be the link that it was to make, and not half of one."""
    if len(text) > _LONGEST_LINK:
        return False
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:  # half of an IPv6 address
        return False
    whole = parts.scheme in {"http", "https"} and host and parts.path.strip("/.")
    return bool(whole) and text.isprintable() and not set(text) & {" ", "\ufffd"}


def name_in(link: str) -> str:
    """What tells a link from others of its service, whatever host stands before it."""
    return link.rstrip("/").rpartition("/")[2]
