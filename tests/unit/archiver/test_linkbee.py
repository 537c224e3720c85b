"""Linkbee's answers, and what isn't one: each is told, none is made up, no login is locked."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from support.scripted import Reply, scripted

from archiver.errors import AccountError, RefusedError, SourceError, WindowError
from archiver.model import Link, MissedLink, RefusedLink
from archiver.sources.linkbee import LinkbeeLinks
from archiver.sources.transport import Transport

LINKS = ["http://linkbee.com/1", "http://linkbee.com/2", "http://linkbee.com/3"]
Found = list[Link | RefusedLink | MissedLink]
Fetch = Callable[..., tuple[Found, SourceError | None]]


def hits(number: object, **more: object) -> Reply:
    return Reply(json.dumps({"error": 0, "msg": "", "hits": number, **more}).encode())


@pytest.fixture
def fetch() -> Iterator[Fetch]:
    """Fetch the hits of three links; give what came, and what went wrong."""
    with ExitStack() as stack:

        def fetched(
            script: Callable[[dict[str, str]], Reply],
        ) -> tuple[Found, SourceError | None]:
            links = LinkbeeLinks(
                base_url=stack.enter_context(scripted(script)),
                login="john",
                password="pass-word",
                transport=stack.enter_context(closing(Transport(method="get"))),
            )
            found: Found = []
            try:
                found += links.fetch_links(LINKS, lambda *_: None)
            except SourceError as error:
                return found, error
            return found, None

        yield fetched


@pytest.mark.parametrize("number", [4, "4", "0", 0, 10**17])
def test_a_number_is_a_number_or_a_text(fetch, number):
    """Both mean the same; the account's comes first."""
    found, error = fetch(lambda _: hits(number))
    assert error is None
    assert [link.clicks for link in found] == [int(number)] * 4
    assert [link.key for link in found] == ["", *LINKS]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>Welcome</html>"),
        Reply(b""),
        Reply(b'{"error": 0, "hits": '),
        Reply(b'{"error": 0, "hits": 1, "hits": 2}'),
        Reply(b"[" * 100_000),
        Reply(b"[]"),
        Reply(b"{}"),
        Reply(b'{"hits": NaN}'),
        Reply(b'{"error": 0, "hits": 1}', 204),
        Reply(b'{"error": 0, "hits": 1}', 206),
        hits(None),
        hits(-1),
        hits(1.5),
        hits(True),
        hits([1]),
        hits("many"),
        hits("9" * 5000),
        hits("\u0663"),
        hits("\ud800"),
    ],
    ids=range(19),
)
def test_nonsense_is_no_number_of_hits(fetch, reply):
    """Nothing is kept of it, and the account's links aren't asked for."""
    asked = []
    found, error = fetch(lambda form: asked.append(form) or reply)
    assert (found, len(asked)) == ([], 1)
    assert isinstance(error, WindowError)


@pytest.mark.parametrize(
    "reply",
    [
        hits("", error=1, msg="wrong password"),
        hits("", error="1", msg=["wrong", "password"]),
        Reply(b"Error: wrong password"),
        Reply(b"\xef\xbb\xbfwrong password"),
        Reply(b"No", 403),
        Reply(b"<h1>No</h1>", 401),
    ],
    ids=range(6),
)
def test_a_refused_login_is_sent_once(fetch, reply):
    """In whatever form it is said."""
    asked = []
    found, error = fetch(lambda form: asked.append(form) or reply)
    assert (found, len(asked)) == ([], 1)
    assert isinstance(error, RefusedError)
    assert "Check the account's login, its password" in str(error)


def test_a_text_amid_the_links_ends_them(fetch):
    """A login that was taken may be refused all the same: it isn't sent for each link."""
    replies = [hits(9), hits(1), Reply(b"Too many logins")]
    found, error = fetch(lambda _: replies.pop(0))
    assert [link.clicks for link in found] == [9, 1]
    assert isinstance(error, RefusedError)


def test_a_link_that_is_refused_harms_no_other(fetch):
    """An answer in the right form is about one link."""
    replies = [hits(9), hits(1), hits("", error=1, msg="unknown link"), hits(3)]
    found, error = fetch(lambda _: replies.pop(0))
    assert error is None
    assert [type(link) for link in found] == [Link, Link, RefusedLink, Link]
    assert "unknown link" in found[2].reason


@pytest.mark.parametrize("error", [0, 0.0, "0", "0.0", "", None, False, "false"])
def test_no_error_is_said_in_many_ways(fetch, error):
    """A number, a text, or nothing."""
    found, failure = fetch(lambda _: hits(7, error=error))
    assert failure is None
    assert [link.clicks for link in found] == [7] * 4


@pytest.mark.parametrize("error", [1, "1", True, {}, [], {"code": 0}, "yes"])
@pytest.mark.parametrize("msg", [None, ""])
def test_what_is_none_of_them_is_an_error(fetch, error, msg):
    """Though there are hits; and where it gives no reason, that is said."""
    found, failure = fetch(lambda _: hits(7, error=error, msg=msg))
    assert found == []
    assert isinstance(failure, RefusedError)
    assert str(failure).endswith("it says nothing more")


@pytest.mark.parametrize(("length", "is_taken"), [(2000, True), (2001, False), (10**6, False)])
def test_a_link_has_a_length(length, is_taken):
    """No browser takes much longer ones, and a page would show them whole."""
    link = "http://linkbee.com/".ljust(length, "a")
    answer = Reply(json.dumps({"error": 0, "quicken": link}).encode())
    with scripted(lambda _: answer) as url, closing(Transport(method="get")) as transport:
        links = LinkbeeLinks(base_url=url, login="", password="", transport=transport)
        if is_taken:
            assert links.quicken("x").link == link
        else:
            with pytest.raises(AccountError, match="no link"):
                links.quicken("x")


def test_a_made_link_that_is_half_a_text_is_told():
    """A text in place of JSON may be the link all the same: it may have been made."""
    with (
        scripted(lambda _: Reply(b"http://linkbee.com/a1")) as url,
        closing(Transport(method="get")) as transport,
    ):
        links = LinkbeeLinks(base_url=url, login="", password="", transport=transport)
        with pytest.raises(AccountError, match="may have been made"):
            links.quicken("x")


def test_a_made_link_holds_no_half_characters():
    """It would be kept in the ledger: what isn't text can't be."""
    with (
        scripted(lambda _: Reply(rb'{"error": 0, "quicken": "http://linkbee.com/\ud800"}')) as url,
        closing(Transport(method="get")) as transport,
    ):
        links = LinkbeeLinks(base_url=url, login="", password="", transport=transport)
        with pytest.raises(AccountError, match="no link"):
            links.quicken("x")


def test_a_redirect_is_the_accounts_failure(fetch):
    """What no link can do better ends the account's turn."""
    _, error = fetch(lambda _: Reply(b"", 302, (("Location", "http://127.0.0.1:9/"),)))
    assert isinstance(error, AccountError)
