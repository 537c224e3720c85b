"""The Linkbee API: what each of its tasks answers.

All parameters are in the query, and it is read as bytes: `pass` is no text.
"""

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from flask import Request, Response

from refserver import destinations
from refserver.addresses import host_of
from refserver.answers import ApiError, json_answer
from refserver.database import Account, Database
from refserver.shortlinks import add_short_link, hits_of_account, hits_of_link

TASKS = ("quicken", "shorten", "hits")

_ADS = range(3)
_CATEGORIES = range(3, 14)
_DIGEST_BYTES = 16
_LINK = re.compile(r"(?:https?://[^/?#]+/)?([0-9A-Za-z]{1,16})")


class Linkbee:
    """The API over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def answer(self, request: Request) -> Response:
        if request.method != "GET":
            raise ApiError(405, "no such way to call a task: it takes GET")
        query = _Query(request.query_string)
        task = query.text("task")
        if task not in TASKS:
            raise ApiError(404, f"task: takes {' or '.join(TASKS)}")
        values = {"quicken": self._quicken, "shorten": self._shorten, "hits": self._hits}
        value = values[task](query, f"http://{host_of(request)}")
        return json_answer({"error": 0, "msg": "", task: value}, 200)

    def _quicken(self, query: "_Query", base: str) -> str:
        return f"{base}/{add_short_link(self._database, query.destination())}"

    def _shorten(self, query: "_Query", base: str) -> str:
        url = query.destination()
        account = self._authenticate(query)
        link_hash = add_short_link(
            self._database,
            url,
            account_id=account.id,
            ad=query.code("ad", _ADS, default=2),
            category=query.code("cat", _CATEGORIES, default=10),
        )
        return f"{base}/{link_hash}"

    def _hits(self, query: "_Query", _base: str) -> str:
        account = self._authenticate(query)
        link_hash = query.link_hash()
        with self._database.reading() as connection:
            if link_hash is None:
                return str(hits_of_account(connection, account.id))
            hits = hits_of_link(connection, account.id, link_hash)
        if hits is None:
            raise ApiError(404, "link: no such link")
        return str(hits)

    def _authenticate(self, query: "_Query") -> Account:
        user, digest = query.text("user"), query.value("pass")
        if user is None or digest is None:
            raise ApiError(401, "user and pass: both are needed")
        if len(digest) != _DIGEST_BYTES:
            raise ApiError(
                400,
                "pass: takes the password's MD5 digest: 16 bytes, each of which "
                "may be written as %XX",
            )
        account = self._database.linkbee_account(user, digest)
        if account is None:
            raise ApiError(401, "user or pass: wrong credentials")
        return account


class _Query:
    """The parameters of a query, as bytes.

    One that is given twice or empty is an error, and unknown ones are ignored. Every method
    raises ApiError for a value that it doesn't take.
    """

    def __init__(self, query: bytes) -> None:
        pairs = [part.partition(b"=") for part in query.split(b"&")]
        self._pairs = [(_decoded(name), _decoded(value)) for name, _, value in pairs]

    def value(self, name: str) -> bytes | None:
        given = [value for key, value in self._pairs if key == name.encode()]
        if not given:
            return None
        if len(given) > 1 or not given[0]:
            raise ApiError(400, f"{name}: takes one value, or is left out")
        return given[0]

    def text(self, name: str) -> str | None:
        value = self.value(name)
        try:
            return None if value is None else value.decode()
        except UnicodeDecodeError:
            raise ApiError(400, f"{name}: takes text in UTF-8") from None

    def code(self, name: str, codes: Sequence[int], *, default: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        by_text = {str(code): code for code in codes}
        if text not in by_text:
            raise ApiError(400, f"{name}: takes a code from {codes[0]} to {codes[-1]}")
        return by_text[text]

    def destination(self) -> str:
        url = self.text("url")
        if url is None or destinations.location(url) is None:
            raise ApiError(400, f"url: {destinations.TAKES}")
        return url

    def link_hash(self) -> str | None:
        text = self.text("link")
        if text is None:
            return None
        match = _LINK.fullmatch(text)
        if not match:
            raise ApiError(400, "link: takes a Linkbee link, or its hash")
        return match[1]


def _decoded(part: bytes) -> bytes:
    return unquote_to_bytes(part.replace(b"+", b" "))
