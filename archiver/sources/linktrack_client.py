"""Linktrack's API v1.0: how a method is called, and what its answers mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from archiver.errors import AccountError, SourceError, WindowError
from archiver.privacy import without_addresses
from archiver.sources.base import is_link
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


@dataclass(frozen=True, slots=True)
class Listing:
    """One answer of a method that lists: what it states, and the service's clock."""

    envelope: Envelope
    served_at: datetime | None


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

    def close(self) -> None:
        self._transport.close()

    def fetch_list(self, method: str, list_name: str, parameters: Mapping[str, str]) -> Listing:
        """Call a method whose answer holds records under `list_name`.

        Raises AccountError where no call can succeed, WindowError where this one didn't.
        """
        named = self._named({"format": self._form, **parameters})
        answer = self._transport.send(f"{self._base_url}{method}", named)
        return Listing(self._parse(answer, list_name), answer.served_at)

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
        if answer.body[:64].lstrip().startswith(b"Error:"):
            # It may mean anything from wrong credentials to too many requests: asking again
            # could lock the account.
            raise AccountError(f"{_CHECK_LOGIN}: the service says {self._quoted(answer.body)}")
        if answer.status != 200:
            raise self._refused(answer.status, self._message(answer, list_name))
        try:
            envelope = parse_envelope(answer.body, self._form, list_name)
        except WindowError as error:
            raise WindowError(f"{error}; it says {self._quoted(answer.body)}") from None
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
        return AccountError(text)

    def _message(self, answer: Answer, list_name: str) -> str:
        try:
            return parse_envelope(answer.body, self._form, list_name).message
        except WindowError:
            return ""
