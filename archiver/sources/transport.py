"""One account's way to its service: so many sessions, a pace, a deadline, retries by cause.

Nothing here knows what is asked; and no message holds a URL's query or a request's parameters,
for the credentials travel in them.
"""

import logging
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from math import inf
from queue import LifoQueue
from typing import Literal, TypeAlias
from urllib.parse import quote, urlencode

import requests

from archiver.errors import AccountError, UnavailableError
from archiver.sources.bodies import ACCEPTED_ENCODING, read_body
from archiver.sources.deadline import Deadlines, Watch, WatchedAdapter
from archiver.sources.failures import FAILURES, TryAgainError, explained, origin
from archiver.sources.pace import Pace

#: What may be waited, all in all, between the tries of one request.
MAX_WAIT_SECONDS = 90.0

_CONNECT_SECONDS = 10.0
_TRIES = 3
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_BACKOFF_SECONDS = 0.5
_RETRY_STATUSES = frozenset({408, 425, 429})
_DAY_SECONDS = 24 * 3600
_STOPPED = "the run was stopped before the service answered"

# Its warnings hold whole URLs; what of them matters is in our errors.
logging.getLogger("urllib3").setLevel(logging.ERROR)

Method: TypeAlias = Literal["get", "post"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: its status, its whole body, unpacked, and the service's clock."""

    status: int
    body: bytes
    served_at: datetime | None


class Transport:
    """Sends one account's requests, never more at once than `concurrency`.

    Used by several threads at once: each exchange has a session for itself.
    """

    def __init__(
        self,
        *,
        method: Method = "post",
        deadline: timedelta = timedelta(seconds=60),
        requests_per_second: float = 0,
        concurrency: int = 1,
    ) -> None:
        self._method = method
        self._deadline_seconds = deadline.total_seconds()
        self._pace = Pace(requests_per_second)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []
        # None is a session that hasn't been needed yet.
        self._idle: LifoQueue[requests.Session | None] = LifoQueue()
        for _ in range(concurrency):
            self._idle.put(None)
        self._deadlines = Deadlines()

    def send(self, url: str, parameters: Mapping[str, str | bytes]) -> Answer:
        """Send the parameters, as a form by POST or as a query by GET, until there is an answer.

        Server errors, dropped connections and 429 are tried again, three times in all; whatever
        says that the request itself isn't wanted isn't. One deadline holds for all of it: three
        times the account's own and `MAX_WAIT_SECONDS`, from the first request on. What the
        service asks to wait, this request or another one, counts.

        Raises AccountError where no request can succeed, UnavailableError where this one didn't.
        """
        end = inf  # nothing has been sent yet
        failures: list[TryAgainError] = []
        while len(failures) < _TRIES:
            if failures:
                self._back_off(len(failures))
            with self._session() as session:
                if not self._pace.wait(self._stopped, end):
                    break
                if not failures:
                    end = time.monotonic() + _TRIES * self._deadline_seconds + MAX_WAIT_SECONDS
                try:
                    return self._try(session, url, parameters, self._method, end)
                except TryAgainError as failure:
                    failures.append(failure)
                    self._heed(url, failure)
        raise _given_up(url, failures[-1], len(failures))

    def send_once(self, url: str, parameters: Mapping[str, str | bytes], method: Method) -> Answer:
        """As `send`, but never a second time: for what must not be done twice."""
        try:
            with self._session() as session:
                self._pace.wait(self._stopped)
                return self._try(session, url, parameters, method, inf)
        except TryAgainError as failure:
            remedy = (
                "Look at the service whether it was done all the same"
                if failure.reached
                else "Nothing was sent: check the network and the account's base_url"
            )
            raise AccountError(f"{origin(url)}: {failure}. {remedy}") from None

    def _heed(self, url: str, failure: TryAgainError) -> None:
        """Let no request go for as long as the service asks; give up where that is too long."""
        if failure.wait_seconds > MAX_WAIT_SECONDS:
            raise AccountError(
                f"{origin(url)}: {failure}. The service asks to wait "
                f"{_spoken(failure.wait_seconds)}: run again later, or lower the account's "
                "requests_per_second"
            ) from None
        self._pace.hold(failure.wait_seconds)

    def _back_off(self, failures: int) -> None:
        self._stopped.wait(_BACKOFF_SECONDS * 2 ** (failures - 1) * random.uniform(0.8, 1.2))  # noqa: S311

    def close(self) -> None:
        """End what is under way: whoever waits for an answer gets an AccountError."""
        self._stopped.set()
        self._deadlines.close()
        with self._lock:
            for session in self._sessions:
                session.close()

    def _try(
        self,
        session: requests.Session,
        url: str,
        parameters: Mapping[str, str | bytes],
        method: Method,
        end: float,
    ) -> Answer:
        seconds = min(self._deadline_seconds, max(0.0, end - time.monotonic()))
        with self._deadlines.watched(seconds) as watch:
            try:
                if self._stopped.is_set():
                    raise AccountError(_STOPPED)
                return self._exchange(session, url, parameters, method, watch)
            except FAILURES as error:
                if self._stopped.is_set():
                    raise AccountError(_STOPPED) from None
                if watch.ended:
                    raise TryAgainError(f"no whole answer within {seconds:g} seconds") from None
                raise explained(error, url) from None

    def _exchange(
        self,
        session: requests.Session,
        url: str,
        parameters: Mapping[str, str | bytes],
        method: Method,
        watch: Watch,
    ) -> Answer:
        # Percent-encoded in full: in a query, not each service takes + for a space.
        form = urlencode(parameters, quote_via=quote, safe="")
        query, body = (form, None) if method == "get" else (None, form)
        with session.request(
            method,
            url,
            params=query,
            data=body,
            headers=None if body is None else _FORM,
            timeout=(min(_CONNECT_SECONDS, self._deadline_seconds), self._deadline_seconds),
            allow_redirects=False,
            stream=True,
        ) as response:
            _refuse_unfit(response)
            answer = Answer(response.status_code, read_body(response), _date_of(response))
        if watch.ended:
            # Cut off among its headers, or without a stated length, an answer looks whole.
            raise ConnectionAbortedError
        if answer.status != 200:
            # What may still come on such a connection must not pass for the next answer.
            session.close()
        return answer

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        """Wait for a session, and have it alone.

        After a stop nobody waits long: those who have one get an error, and so on.
        """
        session = self._idle.get()
        try:
            session = session or self._open_session()
            yield session
        finally:
            self._idle.put(session)

    def _open_session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # no netrc, no proxies that nobody configured here
        session.mount("http://", WatchedAdapter())
        session.mount("https://", WatchedAdapter())
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers["User-Agent"] = "link-history-archiver"
        session.headers["Accept-Encoding"] = ACCEPTED_ENCODING
        with self._lock:
            self._sessions.append(session)
        return session


def _refuse_unfit(response: requests.Response) -> None:
    """Raise where the head alone tells that the body isn't the answer."""
    if response.is_redirect:
        raise AccountError(
            f"{origin(response.url)}: the service redirects to another address, and credentials "
            "aren't sent along. Set the account's base_url to the right address"
        )
    status = response.status_code
    # Below 200 it isn't the answer yet, and no answer that can be read.
    if status < 200 or status >= 500 or status in _RETRY_STATUSES:
        raise TryAgainError(f"HTTP {status}", wait_seconds=_retry_after(response))


def _given_up(url: str, failure: TryAgainError, tries: int) -> AccountError | UnavailableError:
    reason = f"{origin(url)}: {failure}"
    if failure.reached:
        times = "once" if tries == 1 else f"{tries} tries"
        return UnavailableError(f"{reason} ({times}). Try again later")
    return AccountError(f"{reason}. Check the network and the account's base_url")


def _date_of(response: requests.Response) -> datetime | None:
    return _instant(response.headers.get("Date", ""))


def _instant(text: str) -> datetime | None:
    """The instant that a header states; None where it states none."""
    try:
        instant = parsedate_to_datetime(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _retry_after(response: requests.Response) -> float:
    """Seconds that the service asks to wait; 0 where it doesn't say so, or asks for the past."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    instant = _instant(text)
    if instant is None:
        return 0.0
    now = _date_of(response) or datetime.now(UTC)
    return max(0.0, (instant - now).total_seconds())


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds <= _DAY_SECONDS else "for more than a day"
