"""Linktrack's API v1.0: how a method is called, and what its answers mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Literal

from archiver.errors import AccountError, RefusedError, SourceError, WindowError
from archiver.links import is_link
from archiver.privacy import without_addresses
from archiver.sources.documents import head_of, is_plain_text
from archiver.sources.envelope import Envelope, parse_envelope
from archiver.sources.quoting import quoted
from archiver.sources.transport import Answer, Transport

_CHECK_LOGIN = "Check the account's login, its password and its base_url"
_REMEDIES = {
    200: _CHECK_LOGIN,
    401: _CHECK_LOGIN,
    403: _CHECK_LOGIN,
    404: "Check the account's base_url",
    405: "Check the account's method",
    413: "Lower the account's page_size",
}
_FINAL = frozenset({401, 403, 404, 405})
_REFUSED_LOGIN = frozenset({200, 401, 403})
#: First answers that are HTML, or of another form, before it is taken that all will be.
_MISFITS = 3
_BEGINS = {"xml": b"<", "json": b"{"}


@dataclass(frozen=True, slots=True)
class Listing:
    """One answer of a method that lists: what it states, the service's clock, its size."""

    envelope: Envelope
    served_at: datetime | None
    size_bytes: int


class LinktrackClient:
    """Calls the methods of one account. Used by several threads at once."""

    def __init__(
        self,
        *,
        base_url: str,
        login: str,
        password: str,
        transport: Transport,
        form: Literal["xml", "json"] = "xml",
        parameter_names: Mapping[str, str] | None = None,
        shows_addresses: bool = True,
    ) -> None:
        self._base_url = base_url
        self._credentials = {"login": login, "pass": password}
        self._transport = transport
        self._form = form
        self._parameter_names = parameter_names or {}
        self._shows_addresses = shows_addresses
        self._has_answered = False
        self._final: AccountError | None = None
        self._misfits = 0
        # One answer at a time: two would only take the processor's cache, and memory, from each
        # other, for Python lets one thread compute at a time.
        self._taking_apart = Lock()

    def close(self) -> None:
        self._transport.close()

    def fetch_list(self, method: str, list_name: str, parameters: Mapping[str, str]) -> Listing:
        """Call a method whose answer holds records under `list_name`.

        Raises AccountError where no call can succeed, WindowError where this one didn't. After
        an AccountError nothing more is sent: credentials that were refused aren't sent again.
        """
        if self._final is not None:
            raise type(self._final)(str(self._final))
        named = self._named({"format": self._form, **parameters})
        try:
            answer = self._transport.send(f"{self._base_url}{method}", named)
            with self._taking_apart:
                envelope = self._parse(answer, list_name)
        except AccountError as error:
            self._final = error
            raise
        return Listing(envelope, answer.served_at, len(answer.body))

    def make_link(self, parameters: Mapping[str, str]) -> str:
        """Make a tracking link and give it. Asked once: a second try could make a second link.

        Raises AccountError with what the service says.
        """
        # By POST whatever the account's method: makeLink takes its options in no other way.
        named = self._named(parameters)
        answer = self._transport.send_once(f"{self._base_url}makeLink", named, "post")
        text = answer.body.decode("utf-8", "replace").strip()
        if answer.status == 200 and is_link(text):
            return text
        secrets = [self._credentials["pass"], *filter(None, [parameters.get("password")])]
        said = f"(HTTP {answer.status}); it says {quoted(text, secrets)}"
        if answer.status == 200 and not text.startswith("Error:"):
            raise AccountError(
                f"the service's answer is no whole link {said}. The link may have been made: look "
                "at the service before you make it again"
            )
        raise AccountError(f"the service made no link {said}")

    def _quoted(self, said: bytes | str) -> str:
        """The service's own words; what it says in half an answer may be clicks."""
        mask = str if self._shows_addresses else without_addresses
        return quoted(said, [self._credentials["pass"]], mask)

    def _named(self, parameters: Mapping[str, str]) -> Mapping[str, str]:
        return {
            self._parameter_names.get(name, name): value
            for name, value in {**self._credentials, **parameters}.items()
        }

    def _parse(self, answer: Answer, list_name: str) -> Envelope:
        """The answer's envelope, if it is no error in any of the service's ways to say so."""
        head = head_of(answer.body)
        has_never_answered = answer.status == 200 and not self._has_answered
        if head.startswith(b"Error:") or (has_never_answered and is_plain_text(head)):
            # It may mean anything from wrong credentials to too many requests: asking again
            # could lock the account.
            raise RefusedError(f"{_CHECK_LOGIN}: the service says {self._quoted(answer.body)}")
        if answer.status != 200:
            raise self._refused(answer.status, self._message(answer, list_name))
        try:
            envelope = parse_envelope(answer.body, self._form, list_name)
        except WindowError as error:
            text = f"{error}; it says {self._quoted(answer.body)}"
            if self._has_answered or _begins_as(self._form, head):
                raise WindowError(text) from None
            self._misfits += 1
            raise (AccountError if self._misfits >= _MISFITS else WindowError)(text) from None
        if envelope.error:
            raise self._refused(answer.status, envelope.message)
        self._has_answered = True
        return envelope

    def _refused(self, status: int, message: str) -> SourceError:
        """What a refusal means: for the whole account, unless it has given an answer before."""
        remedy = _REMEDIES.get(status, "Check [accounts.parameters], format and method")
        text = f"the service refuses with HTTP {status}. {remedy}; it says {self._quoted(message)}"
        if self._has_answered and status not in _FINAL:
            return WindowError(text)
        return RefusedError(text) if status in _REFUSED_LOGIN else AccountError(text)

    def _message(self, answer: Answer, list_name: str) -> str:
        try:
            return parse_envelope(answer.body, self._form, list_name).message
        except WindowError:
            return ""


def _begins_as(form: Literal["xml", "json"], head: bytes) -> bool:
    """Whether the answer may be one that broke off, and no page of HTML or another form."""
    if head.lower().startswith((b"<!doctype html", b"<html")):
        return False
    return not head or head.startswith(_BEGINS[form])
