"""Pings as healthchecks.io takes them: a run has begun, has gone well, or has failed.

The address is a secret: whoever knows it can say that all is well. No message here names it, nor
its host.
"""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import requests

from archiver.errors import ConfigError
from archiver.sources.deadline import Deadlines, WatchedAdapter

#: What healthchecks.io promises to keep of a ping's text.
MAX_TEXT_BYTES = 10_000

_BACKOFF_SECONDS = 0.5
_JOIN_SECONDS = 0.5  # a signal that comes just before a wait begins is heeded once it is over
_ANSWER_BYTES = 100
_KEY_LENGTH = 16
_RETRY_STATUSES = frozenset({408, 425, 429})
#: healthchecks.io says 200 to these too.
_NOT_TAKEN = {
    b"OK (not found)": "there is no check at this address",
    b"OK (rate limited)": "it takes no more pings for now",
}
_HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "User-Agent": "link-history-archiver",
}

Signal: TypeAlias = Literal["start", "success", "fail", "log"]
_SUFFIXES: Mapping[Signal, str] = {
    "start": "/start",
    "success": "",
    "fail": "/fail",
    "log": "/log",  # a note, which changes nothing
}


class Patience(NamedTuple):
    """How long a ping may take as a whole, in how many tries, and how long each of them."""

    seconds: float
    tries: int
    try_seconds: float


PATIENT = Patience(seconds=10, tries=3, try_seconds=5)
#: For a process that was told to end.
HURRIED = Patience(seconds=3, tries=1, try_seconds=3)


class _Failure(NamedTuple):
    reason: str
    may_pass: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """Where a run's beginning and end are told."""

    url: str

    def send(
        self, signal: Signal, run_id: UUID, text: str = "", patience: Patience = PATIENT
    ) -> str | None:
        """Tell it; give None where it was taken, else why not. Raises nothing.

        The name of a host may be looked for longer than any deadline of ours: then that is left
        to its thread, which ends with the process at the latest.
        """
        end = time.monotonic() + patience.seconds
        outcome: list[str | None] = []
        body = text.encode("utf-8", "replace")[:MAX_TEXT_BYTES].decode("utf-8", "ignore").encode()
        address = address_of(self.url, signal, run_id)
        sender = threading.Thread(
            target=lambda: outcome.append(_send(address, body, patience, end)),
            name="ping",
            daemon=True,
        )
        try:
            sender.start()
        except RuntimeError:
            return "this machine has no thread left for it"
        while sender.is_alive() and time.monotonic() < end:
            sender.join(min(_JOIN_SECONDS, max(0.0, end - time.monotonic())))
        return outcome[0] if outcome else f"no answer within {patience.seconds:g} seconds"


def read_ping(variable: str, environ: Mapping[str, str]) -> Ping:
    """The ping whose address is in a variable. Raises ConfigError where there is none."""
    url = environ.get(variable, "").strip()
    key = f"notify.healthcheck_url_env: the environment variable {variable}"
    if not url:
        raise ConfigError(f"{key} isn't set, or is empty. Set it to the address to ping")
    if not _is_address(url):
        raise ConfigError(f"{key} holds no address that begins with https:// or http://")
    return Ping(url)


def secrets_of(ping: Ping) -> Iterator[str]:
    """The address, and the parts of it that give it away by themselves.

    A part that may be a word, such as a check's name, stays: taken out of every message, it would
    tell itself by its absence.
    """
    parts = urlsplit(ping.url)
    way = f"{parts.path}?{parts.query}" if parts.query else parts.path
    yield ping.url
    if len(way) >= _KEY_LENGTH:
        yield way
    for part in re.split(r"[/?&=:@]", ping.url):
        if len(part) >= _KEY_LENGTH and re.search("[0-9]", part) and "." not in part:
            yield part
    if parts.password:
        yield parts.password


def address_of(url: str, signal: Signal, run_id: UUID) -> str:
    """Where a signal goes: the address with the signal at its end, and `rid` in its query."""
    parts = urlsplit(url)
    suffix = _SUFFIXES[signal]
    path = parts.path.rstrip("/") + suffix if suffix else parts.path
    query = f"{parts.query}&rid={run_id}" if parts.query else f"rid={run_id}"
    return parts._replace(path=path, query=query, fragment="").geturl()


def _is_address(url: str) -> bool:
    if not re.fullmatch(r"https?://[!-~]+", url, re.IGNORECASE):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        return False


def _send(address: str, body: bytes, patience: Patience, end: float) -> str | None:
    """Try until it is taken, or no more try can help or has time."""
    failure = None
    for number in range(patience.tries):
        if number:
            time.sleep(_BACKOFF_SECONDS * number)
        seconds = min(patience.try_seconds, end - time.monotonic())
        if seconds <= 0:
            break
        failure = _try(address, body, seconds)
        if failure is None or not failure.may_pass:
            break
    return failure and failure.reason


def _try(address: str, body: bytes, seconds: float) -> _Failure | None:
    with (
        closing(Deadlines()) as deadlines,
        deadlines.watched(seconds) as watch,
        requests.Session() as session,
    ):
        session.trust_env = False  # no netrc, no proxies that nobody configured here
        session.mount("http://", WatchedAdapter())
        session.mount("https://", WatchedAdapter())
        try:
            with session.post(
                address,
                data=body,
                headers=_HEADERS,
                timeout=seconds,
                allow_redirects=False,
                stream=True,
            ) as answer:
                said = answer.raw.read(_ANSWER_BYTES, decode_content=True)
        except requests.exceptions.SSLError:
            return _Failure("no TLS connection that can be trusted", may_pass=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold the address
            if not watch.ended and not isinstance(error, requests.Timeout):
                return _Failure(f"no connection ({type(error).__name__})", may_pass=True)
        else:
            if not watch.ended:  # cut off among its headers, an answer looks whole
                return _refusal(answer.status_code, said)
    return _Failure("no answer in time", may_pass=True)


def _refusal(status: int, said: bytes) -> _Failure | None:
    if status // 100 == 3:
        reason = "it redirects to another address, which isn't followed: set the right one"
        return _Failure(reason, may_pass=False)
    if status // 100 != 2:
        return _Failure(f"HTTP {status}", may_pass=status >= 500 or status in _RETRY_STATUSES)
    for beginning, reason in _NOT_TAKEN.items():
        if said.startswith(beginning):
            return _Failure(reason, may_pass=False)
    return None
