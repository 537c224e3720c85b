"""Links of a service that misbehaves: none is lost or made up, and there is an end to it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from support.scripted import Reply, scripted

from archiver.errors import UnstableError, WindowError
from archiver.model import Link, MissedLink
from archiver.sources import linktrack_links
from archiver.sources.linktrack_client import LinktrackClient
from archiver.sources.linktrack_links import LinktrackLinks
from archiver.sources.transport import Transport

Page = Callable[[int], list[dict[str, object]]]  # the links from an offset on


class Service:
    """Gives whatever links a page is to have; counts what it is asked."""

    def __init__(self, page: Page, total: Callable[[int], int | None] = lambda _: None) -> None:
        self.page = page
        self.total = total
        self.asked = 0

    def __call__(self, form: dict[str, str]) -> Reply:
        self.asked += 1
        offset = int(form["offset"])
        total = self.total(offset)
        stated = {} if total is None else {"total": total}
        return Reply(json.dumps({"error": 0, **stated, "links": self.page(offset)}).encode())


@pytest.fixture
def read() -> Iterator[Callable[[Service], Iterator[Link | MissedLink]]]:
    """Reads a service's links one by one."""
    with ExitStack() as stack:

        def each(service: Service) -> Iterator[Link | MissedLink]:
            client = LinktrackClient(
                base_url=stack.enter_context(scripted(service)),
                login="acme-api",
                password="secret",
                transport=stack.enter_context(closing(Transport())),
                form="json",
            )
            return LinktrackLinks(client).fetch_links([], lambda *_: None)

        yield each


@pytest.fixture
def fetch(read) -> Callable[[Service], list[Link | MissedLink]]:
    return lambda service: list(read(service))


def new_links(offset: int) -> list[dict[str, object]]:
    return [{"id": str(offset + n), "title": "x" * 500} for n in range(10)]


@pytest.mark.parametrize(
    ("bound", "value", "asked"), [("MAX_BYTES", 60_000, 12), ("MAX_PAGES", 9, 9)]
)
def test_links_that_never_end_are_left(fetch, monkeypatch, bound, value, asked):
    """Without a total, each page another: memory and requests have a bound, and it is said."""
    monkeypatch.setattr(linktrack_links, bound, value)
    service = Service(new_links)
    with pytest.raises(WindowError, match=r"don't come to an end: .* page_size"):
        fetch(service)
    assert service.asked == asked


def test_a_total_that_grows_with_each_page_is_no_total(fetch):
    """A few readings show that it isn't to be had."""
    service = Service(new_links, total=lambda offset: offset + 20)
    with pytest.raises(UnstableError, match="3 times in a row"):
        fetch(service)
    assert service.asked == 6


@pytest.mark.parametrize(
    "total", [0, 1, 11, 10**18 - 1], ids=["none", "fewer", "one more", "very many"]
)
def test_a_total_that_is_another_is_not_believed(fetch, total):
    """Neither too few nor too many links are all links."""
    service = Service(lambda offset: [] if offset else new_links(0), total=lambda _: total)
    with pytest.raises(UnstableError):
        fetch(service)
    assert service.asked <= 6


@pytest.mark.parametrize(
    ("sent", "flag", "extra"),
    [("1", True, None), ("0", False, None), (1, True, None), (True, True, None),
     (False, False, None), (None, None, None), ("", None, None),
     ("perhaps", None, '{"is_active":"perhaps"}'), (7, None, '{"is_active":"7"}')],
)  # fmt: skip
def test_a_flag_that_cannot_be_read_is_kept(fetch, sent, flag, extra):
    """In all its forms it is read; what is none of them isn't dropped."""
    service = Service(lambda offset: [] if offset else [{"id": "1", "is_active": sent}])
    [link] = fetch(service)
    assert (link.is_active, link.extra) == (flag, extra)


@pytest.mark.parametrize(
    ("value", "kept"), [(False, False), ([], []), ({}, {}), (0, "0"), ("0", "0")]
)
def test_an_unknown_field_is_kept_whatever_its_value(fetch, value, kept):
    """False is a fact as well as true; a number is the text that was sent."""
    service = Service(lambda offset: [] if offset else [{"id": "1", "is_secret": value}])
    [link] = fetch(service)
    assert json.loads(link.extra or "") == {"is_secret": kept}


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_unknown_field_without_a_value_is_nothing(fetch, nothing):
    """No value is null, never an empty text."""
    service = Service(lambda offset: [] if offset else [{"id": "1", "note": nothing}])
    [link] = fetch(service)
    assert link.extra is None


@pytest.mark.parametrize(
    ("record", "named", "reason"),
    [
        ({}, "number 2 of the list", "neither an id nor a link"),
        ({"id": ""}, "number 2 of the list", "neither an id nor a link"),
        ({"id": ["1"]}, "number 2 of the list", "something else than text as its id"),
        ({"id": "1", "title": {"text": "x"}}, "1", "something else than text as its title"),
        ({"link": "http://l/.1", "clicks": "many"}, "http://l/.1", "no number as its clicks"),
        ({"id": "1", "clicks": "-1"}, "1", "no number as its clicks"),
        ({"id": "1", "clicks": "1,234"}, "1", "no number as its clicks"),
        ({"id": "1", "clicks": 5.0}, "1", "no number as its clicks"),
        ({"id": "1", "unique_clicks": "9" * 30}, "1", "no number as its unique_clicks"),
        ({"id": "1", "clicks": True}, "1", "something else than text as its clicks"),
        ({"id": "1", "deep": json.loads("[" * 300 + "]" * 300)}, "1", "nested"),
    ],
    ids=range(11),
)
def test_a_link_that_cannot_be_understood_is_named(fetch, record, named, reason):
    """By its id, its address or its place, and why; nothing is made up, the others are there."""
    good = [{"id": "7", "clicks": "3"}, {"id": "8", "clicks": "4"}]
    service = Service(lambda offset: [] if offset else [good[0], record, good[1]])
    one, missed, two = fetch(service)
    assert (one, two) == (Link("7", "7", clicks=3), Link("8", "8", clicks=4))
    assert isinstance(missed, MissedLink)
    assert missed.link == named
    assert reason in missed.reason


@pytest.mark.parametrize("total", [None, 1500])
def test_a_service_that_gives_its_first_page_only(read, total):
    """Its links are given, then it is said that there may be more, and why."""
    links = [{"id": str(number)} for number in range(1000)]
    service = Service(lambda _: links, total=lambda _: total)
    given = read(service)
    assert [next(given).link_id for _ in links] == [link["id"] for link in links]
    with pytest.raises(WindowError, match=r"its first 1,000 links only, whatever offset"):
        next(given)
    assert service.asked == 2


def test_a_first_page_that_is_not_full_is_all(fetch):
    """Though it comes again, whatever offset is asked for, and no total is stated."""
    assert len(fetch(Service(lambda _: new_links(0)))) == 10
