"""One account's way to its service: a session per thread, a pace, a deadline, retries by cause.

Nothing here knows what is asked; and no message holds a URL's query or a request's parameters,
for the credentials travel in them.
"""

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

import requests
import urllib3

from archiver.errors import AccountError, UnavailableError, WindowError
from archiver.sources.deadline import Watch, WatchedAdapter, watched

#: An answer larger than this, unpacked, is refused: a page of 1,000 clicks is some 0.4 MB.
MAX_BODY_BYTES = 64 * 1024 * 1024

_CHUNK_BYTES = 256 * 1024
_CONNECT_SECONDS = 10.0
_TRIES = 3
# ValueError: a chunk of negative size, for one.
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_BACKOFF_SECONDS = 0.5
_MAX_WAIT_SECONDS = 90.0
_RETRY_STATUSES = frozenset({408, 425, 429})


Method: TypeAlias = Literal["get", "post"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: its status, its whole body, unpacked, and the service's clock."""

    status: int
    body: bytes
    served_at: datetime | None


class _TryAgainError(Exception):
    """One try failed in a way in which the next may not."""

    def __init__(self, reason: str, *, wait_seconds: float = 0, reached: bool = True) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds
        self.reached = reached


class Transport:
    """Sends one account's requests. Used by several threads at once."""

    def __init__(
        self,
        *,
        method: Method = "post",
        deadline: timedelta = timedelta(seconds=60),
        requests_per_second: float = 0,
    ) -> None:
        self._method = method
        self._deadline_seconds = deadline.total_seconds()
        self._pace = _Pace(requests_per_second)
        self._stopped = threading.Event()
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []
        self._watches: set[Watch] = set()

    def send(self, url: str, parameters: Mapping[str, str | bytes]) -> Answer:
        """Send the parameters, as a form by POST or as a query by GET, until there is an answer.

        Server errors, dropped connections and 429 are tried again. Raises AccountError where
        no request can succeed, UnavailableError where this one didn't.
        """
        for number in range(1, _TRIES):
            try:
                return self._try(url, parameters, self._method)
            except _TryAgainError as failure:
                self._wait_for_next_try(number, url, failure)
        try:
            return self._try(url, parameters, self._method)
        except _TryAgainError as failure:
            reason = f"{_origin(url)}: {failure}"
            if failure.reached:
                raise UnavailableError(
                    f"{reason} ({_TRIES} tries). It is fetched at the next run"
                ) from None
            raise AccountError(f"{reason}. Check the network and the account's base_url") from None

    def send_once(self, url: str, parameters: Mapping[str, str | bytes], method: Method) -> Answer:
        """As `send`, but never a second time: for what must not be done twice."""
        try:
            return self._try(url, parameters, method)
        except _TryAgainError as failure:
            remedy = (
                "Look at the service whether it was done all the same"
                if failure.reached
                else "Nothing was sent: check the network and the account's base_url"
            )
            raise AccountError(f"{_origin(url)}: {failure}. {remedy}") from None

    def _wait_for_next_try(self, number: int, url: str, failure: _TryAgainError) -> None:
        if failure.wait_seconds > _MAX_WAIT_SECONDS:
            raise AccountError(
                f"{_origin(url)}: {failure}. The service asks to wait {failure.wait_seconds:.0f} "
                "seconds: run again later, or lower the account's requests_per_second"
            ) from None
        self._pace.hold(failure.wait_seconds)
        self._stopped.wait(_BACKOFF_SECONDS * 2 ** (number - 1) * random.uniform(0.8, 1.2))  # noqa: S311

    def close(self) -> None:
        """End what is under way: whoever waits for an answer gets an AccountError."""
        self._stopped.set()
        with self._lock:
            for watch in self._watches:
                watch.end()
            for session in self._sessions:
                session.close()

    def _try(self, url: str, parameters: Mapping[str, str | bytes], method: Method) -> Answer:
        self._pace.wait(self._stopped)
        with watched(self._deadline_seconds) as watch:
            with self._lock:
                self._watches.add(watch)
            try:
                if self._stopped.is_set():
                    raise AccountError("the run was stopped before the service answered")
                return self._exchange(url, parameters, method, watch)
            except _FAILURES as error:
                if self._stopped.is_set():
                    raise AccountError("the run was stopped before the service answered") from None
                if watch.ended:
                    raise _TryAgainError(
                        f"no whole answer within {self._deadline_seconds:g} seconds"
                    ) from None
                raise _explained(error) from None
            finally:
                with self._lock:
                    self._watches.discard(watch)

    def _exchange(
        self, url: str, parameters: Mapping[str, str | bytes], method: Method, watch: Watch
    ) -> Answer:
        # Percent-encoded in full: in a query, not each service takes + for a space.
        form = urlencode(parameters, quote_via=quote, safe="")
        query, body = (form, None) if method == "get" else (None, form)
        with self._session().request(
            method,
            url,
            params=query,
            data=body,
            headers=None if body is None else _FORM,
            timeout=(_CONNECT_SECONDS, self._deadline_seconds),
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.is_redirect:
                raise AccountError(
                    f"{_origin(url)}: the service redirects to another address, and credentials "
                    "aren't sent along. Set the account's base_url to the right address"
                )
            if response.status_code >= 500 or response.status_code in _RETRY_STATUSES:
                raise _TryAgainError(
                    f"HTTP {response.status_code}",
                    wait_seconds=_retry_after(response.headers.get("Retry-After")),
                )
            answer = Answer(response.status_code, _body_of(response), _date_of(response))
        if watch.ended:
            # Cut off among its headers, or without a stated length, an answer looks whole.
            raise ConnectionAbortedError
        return answer

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._thread, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no netrc, no proxies that nobody configured here
            session.mount("http://", WatchedAdapter())
            session.mount("https://", WatchedAdapter())
            session.headers["User-Agent"] = "link-history-archiver"
            self._thread.session = session
            with self._lock:
                self._sessions.append(session)
        return session


class _Pace:
    """Lets requests go no faster than so many a second; 0 is no limit."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def hold(self, seconds: float) -> None:
        """Let no request go for so long: the service asked for it."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def wait(self, stopped: threading.Event) -> None:
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next)
            self._next = mine + self._interval
        if mine > now:
            stopped.wait(mine - now)


def _body_of(response: requests.Response) -> bytes:
    body = bytearray()
    while chunk := response.raw.read(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise WindowError(
                f"{_origin(response.url)}: the answer is larger than {MAX_BODY_BYTES >> 20} MB. "
                "Lower the account's page_size"
            )
    return bytes(body)


def _date_of(response: requests.Response) -> datetime | None:
    text = response.headers.get("Date")
    if text is None:
        return None
    try:
        instant = parsedate_to_datetime(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _retry_after(text: str | None) -> float:
    """Seconds that the service asks to wait; 0 where it doesn't say so in seconds."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0


def _explained(error: Exception) -> Exception:
    """What a failure below HTTP means, without the request that its own text holds."""
    if isinstance(error, requests.exceptions.SSLError):
        return AccountError(
            "the service's TLS certificate can't be trusted. Check the account's base_url; "
            "nothing was sent"
        )
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return AccountError("the account's base_url can't be used as an address")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return _TryAgainError("no connection in time", reached=False)
    if isinstance(error, requests.exceptions.ConnectionError):
        cause = error.args[0] if error.args else None
        reason = getattr(cause, "reason", None)
        if isinstance(reason, urllib3.exceptions.NameResolutionError):
            return _TryAgainError("the host's name can't be resolved", reached=False)
        if isinstance(reason, urllib3.exceptions.NewConnectionError):
            return _TryAgainError("no connection to the host", reached=False)
    return _TryAgainError("the connection broke before the whole answer was there")


def _origin(url: str) -> str:
    """Scheme, host and port: what of an address may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
