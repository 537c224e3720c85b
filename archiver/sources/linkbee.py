"""Linkbee: quicken, shorten, hits. It has no click log: what can be kept are totals over time.

Its `pass` is the password's MD5 as 16 raw bytes, percent-encoded: bytes, never text.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import md5

from archiver.errors import AccountError, RefusedError, UnavailableError, WindowError
from archiver.links import is_link, name_in
from archiver.model import Link, MissedLink, RefusedLink
from archiver.sources.documents import head_of, is_plain_text, parse_json
from archiver.sources.quoting import quoted_of_digest
from archiver.sources.transport import Answer, Transport

#: What `shorten` calls the advertisement of a link, and its category, by Linkbee's own page.
ADS = {"interstitial": 0, "banner": 1, "none": 2}
CATEGORIES = {
    "entertainment": 3,
    "financial": 4,
    "games": 5,
    "news": 6,
    "politics": 7,
    "sports": 8,
    "travel": 9,
    "other": 10,
    "technology": 11,
    "adult": 12,
    "file-sharing": 13,
}


#: Links that can't be had in a row before the account's total shows whether any can be; and links
#: without an answer in a row before the rest waits, for each takes as long as all tries for it.
_MISSED_IN_A_ROW = 3
_UNANSWERED_IN_A_ROW = 10


_NO_ERROR = frozenset({"", "0", "0.0", "false", "none", "null"})
_MAY_EXIST = "The link may have been made: look at the service before you make it again"


class _OneRefusedError(RefusedError):
    """The service said no to one request; the next one may be about another link."""


class LinkbeeLinks:
    """One account's links, and the account's total. The service can't list them."""

    lists_all = False

    def __init__(self, *, base_url: str, login: str, password: str, transport: Transport) -> None:
        self._base_url = base_url
        self._transport = transport
        self.served_at: datetime | None = None
        self._password = password
        digest = md5(password.encode(), usedforsecurity=False).digest()
        self._credentials: dict[str, str | bytes] = (
            {"user": login, "pass": digest} if login else {}
        )

    @property
    def has_login(self) -> bool:
        """Whether links can be made for an account, and hits be asked for."""
        return bool(self._credentials)

    def close(self) -> None:
        self._transport.close()

    def fetch_links(
        self, known: Sequence[str], progress: Callable[[int, int], None]
    ) -> Iterator[Link | RefusedLink | MissedLink]:
        """The hits of each known link, one request each, and of the account as a whole."""
        if not self.has_login:
            return
        # The account's first: if it can't be had, neither can any link's.
        yield Link(key="", clicks=self._hits({}))
        asked = _each_once(known)
        missed: list[WindowError] = []  # in a row
        for number, link in enumerate(asked, 1):
            found, error = self._ask_for(link)
            yield found
            missed = [*missed, error] if error else []
            self._refuse_to_go_on_without_answers(missed)
            progress(number, len(asked))

    def _ask_for(self, link: str) -> tuple[Link | RefusedLink | MissedLink, WindowError | None]:
        try:
            return Link(key=link, link=link, clicks=self._hits({"link": link})), None
        except _OneRefusedError as error:
            return RefusedLink(link, str(error)), None
        except WindowError as error:
            return MissedLink(link, str(error)), error

    def _refuse_to_go_on_without_answers(self, missed: Sequence[WindowError]) -> None:
        """Raise SourceError where, after some links in a row, nothing can be had any more.

        As long as the account's total can be had, no link stands in the way of those after it.
        """
        if missed and len(missed) % _MISSED_IN_A_ROW == 0:
            self._hits({})
        latest = missed[-_UNANSWERED_IN_A_ROW:]
        if sum(isinstance(error, UnavailableError) for error in latest) == _UNANSWERED_IN_A_ROW:
            raise AccountError(
                f"{_UNANSWERED_IN_A_ROW} links in a row got no answer: the rest waits for the "
                "next run"
            )

    def quicken(self, url: str) -> Link:
        """Make a quick link, which belongs to no account."""
        return self._made("quicken", url, {})

    def shorten(self, url: str, ad: int, category: int) -> Link:
        """Make a cash link of this account."""
        parameters = {**self._credentials, "ad": str(ad), "cat": str(category)}
        return self._made("shorten", url, parameters)

    def _hits(self, link: Mapping[str, str]) -> int:
        """The hits of a link, or of the account without one."""
        asked = {"task": "hits", **link, **self._credentials}
        answer = self._transport.send(self._base_url, asked)
        self.served_at = answer.served_at
        text = self._value(answer, "hits")
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise WindowError("Linkbee's answer has no number of hits")
        return int(text)

    def _made(self, task: str, url: str, parameters: Mapping[str, str | bytes]) -> Link:
        """The link that a task made: asked for once, since twice could make two."""
        named = {"task": task, "url": url, **parameters}
        answer = self._transport.send_once(self._base_url, named, "get")
        try:
            link = self._value(answer, task)
        except _OneRefusedError:
            raise
        except (RefusedError, WindowError) as error:
            raise AccountError(f"{_MAY_EXIST}. {error}") from None
        if not is_link(link):
            said = quoted_of_digest(link, self._password)
            raise AccountError(
                f"{_MAY_EXIST}. Linkbee's answer to {task} is no link; it says {said}"
            )
        return Link(key=link, link=link, destination=url)

    def _value(self, answer: Answer, task: str) -> str:
        """The task's value. Raises RefusedError where it is refused, WindowError for nonsense."""
        try:
            document = parse_json(answer.body)
        except ValueError:
            document = None
        if not isinstance(document, dict) or answer.status != 200:
            text = (
                f"Linkbee's answer to {task} is no JSON object (HTTP {answer.status}). Check the "
                "account's login, its password and its base_url; it says "
                f"{quoted_of_digest(answer.body, self._password)}"
            )
            # A text may say no to the login: asked again, it could be locked.
            is_refusal = answer.status in {401, 403} or is_plain_text(head_of(answer.body))
            raise RefusedError(text) if is_refusal else WindowError(text)
        if _text_of(document.get("error")).lower() not in _NO_ERROR:
            said = _text_of(document.get("msg"))
            reason = quoted_of_digest(said, self._password) if said else "nothing more"
            raise _OneRefusedError(
                f"Linkbee refuses {task}. Check the account's login, its password and its links; "
                f"it says {reason}"
            )
        value = document.get(task)
        if not isinstance(value, str) or not value:
            raise WindowError(f"Linkbee's answer has no value of {task}")
        return value


def _text_of(value: object) -> str:
    return "" if value is None else str(value).strip()


def _each_once(links: Sequence[str]) -> list[str]:
    """The links without those that were there before: one may be written as its hash alone."""
    firsts: dict[str, str] = {}
    for link in links:
        firsts.setdefault(name_in(link), link)
    return list(firsts.values())
