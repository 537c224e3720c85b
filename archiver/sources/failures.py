"""What a failure below HTTP means: whether another try may do better, and what is to be said.

Nothing here quotes an exception: its own text holds the request, and with it the credentials.
"""

import ssl
import zlib
from collections.abc import Iterator
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from urllib.parse import urlsplit

import requests
import urllib3

from archiver.errors import AccountError

#: What an exchange may raise. ValueError: a chunk of negative size, for one.
FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
    ValueError,
    EOFError,
    zlib.error,
)

_UNREACHED = {
    requests.exceptions.ConnectTimeout: "no connection in time",
    urllib3.exceptions.NameResolutionError: "the host's name can't be resolved",
    urllib3.exceptions.NewConnectionError: "no connection to the host",
}


class TryAgainError(Exception):
    """One try failed in a way in which the next may not.

    `wait_seconds` is what the service asks to wait; `reached` tells whether there was anybody.
    """

    def __init__(self, reason: str, *, wait_seconds: float = 0, reached: bool = True) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds
        self.reached = reached


def explained(error: Exception, url: str) -> AccountError | TryAgainError:
    """Tell what a failure means, without the request that its own text holds."""
    causes = list(_causes(error))
    if any(
        isinstance(each, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema)
        for each in causes
    ):
        return AccountError("the account's base_url can't be used as an address")
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return AccountError(
                f"{origin(url)}: the service's TLS certificate can't be trusted "
                f"({each.verify_message}). Nothing was sent. Check the account's base_url, and "
                "this machine's clock"
            )
        if isinstance(each, ssl.SSLError) and not isinstance(each, ssl.SSLEOFError):
            return AccountError(
                f"{origin(url)}: TLS can't be spoken with the service ({each.reason}). Check the "
                "account's base_url: its host, its port, and whether https:// is right"
            )
        for kind, reason in _UNREACHED.items():
            if isinstance(each, kind):
                return TryAgainError(reason, reached=False)
    if any(_is_no_http(each) for each in causes):
        reason = "what came isn't HTTP that can be read"
    elif any(isinstance(each, ssl.SSLEOFError) for each in causes):
        reason = (
            "the connection broke within TLS; if it does so each time, check whether https:// and "
            "the port of the account's base_url are right"
        )
    else:
        reason = "the connection broke before the whole answer was there"
    return TryAgainError(reason)


def origin(url: str) -> str:
    """Scheme, host and port: what of an address may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _is_no_http(error: BaseException) -> bool:
    """Whether what came was no answer at all; one that broke off is another matter."""
    if isinstance(error, IncompleteRead | RemoteDisconnected):
        return False
    return isinstance(error, HTTPException | requests.exceptions.InvalidHeader)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and those that it was made from, however they were wrapped."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [*each.args, getattr(each, "reason", None), each.__cause__]
