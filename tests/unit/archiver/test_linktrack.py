"""Linktrack's clicks: what is asked, what is believed, and what a refusal means."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta

import pytest
from support.scripted import Reply, Script, scripted

from archiver.errors import AccountError, RefusedError, UnavailableError, WindowError
from archiver.model import CLICKED_AT_SOURCE, Window
from archiver.sources import transport
from archiver.sources.linktrack import LinktrackSource
from archiver.sources.linktrack_client import LinktrackClient
from archiver.sources.paging import OffsetPaging
from archiver.sources.transport import Transport
from archiver.timestamps import LocalTimes

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
HOUR = Window(NOON, NOON + timedelta(hours=1))
NAMES = {"start": "from", "end": "until", "login": "user"}

OpenSource = Callable[..., LinktrackSource]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch) -> None:
    monkeypatch.setattr(transport, "_BACKOFF_SECONDS", 0.01)


@pytest.fixture
def open_source() -> Iterator[OpenSource]:
    """Opens a source on a scripted service."""
    with ExitStack() as stack:

        def opened(script: Script, zone: str = "UTC", **client) -> LinktrackSource:
            sender = stack.enter_context(closing(Transport()))
            address = stack.enter_context(scripted(script))
            return LinktrackSource(
                LinktrackClient(
                    base_url=address,
                    login="acme-api",
                    password="secret",
                    transport=sender,
                    form="json",
                    **client,
                ),
                account="acme",
                times=LocalTimes(zone),
                paging=OffsetPaging(),
            )

        yield opened


def page(*times: str) -> Reply:
    history = [{"id": str(number), "clicked_at": time} for number, time in enumerate(times)]
    return Reply(json.dumps({"error": 0, "total": len(times), "history": history}).encode())


def refusal(status: int = 200, message: str = "no") -> Reply:
    return Reply(json.dumps({"error": 1, "msg": message}).encode(), status)


# What is asked


def test_a_window_is_asked_in_the_accounts_time(open_source) -> None:
    """With the contract's parameters, under the names that the service has for them."""
    asked: list[dict[str, str]] = []

    def script(parameters: dict[str, str]) -> Reply:
        asked.append(parameters)
        return page()

    open_source(script, "America/New_York").read_page(HOUR, offset=5)
    open_source(script, parameter_names=NAMES).read_page(HOUR)
    first, second = asked
    assert first == {
        "login": "acme-api", "pass": "secret", "format": "json", "order": "asc", "limit": "1000",
        "start": "2026-11-19 07:00:00", "end": "2026-11-19 08:00:00", "offset": "5",
    }  # fmt: skip
    assert (second["user"], second["from"]) == ("acme-api", "2026-11-19 12:00:00")
    assert not second.keys() & NAMES.keys()


def test_what_no_local_text_means_is_not_asked(open_source) -> None:
    """The second pass of a repeated hour holds no click: its texts are taken as the first's."""

    def script(_: dict[str, str]) -> Reply:
        raise AssertionError("nobody was to be asked")

    second_pass = datetime(2026, 11, 1, 6, tzinfo=UTC)
    window = Window(second_pass, second_pass + timedelta(hours=1))
    assert open_source(script, "America/New_York").read_page(window).rows == []


def test_the_services_clock_costs_one_small_request(open_source) -> None:
    """It is asked for a single second, now; its HTTP Date is the answer."""
    asked: list[dict[str, str]] = []

    def script(parameters: dict[str, str]) -> Reply:
        asked.append(parameters)
        return page()

    served_at = open_source(script).served_at()
    assert abs(served_at - datetime.now(UTC)) < timedelta(seconds=30)
    [only] = asked
    assert only["start"] == only["end"]


# Clicks that weren't asked for


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-19 07:00:00",
        "2026-11-19 07:59:59",
        "2026-11-19 08:00:00",  # a service whose end is in
        "2026-11-19T07:30:00",
        "2026-11-19 07:59:59.999",
        "2026-11-19 08:00:00.5",
        "2026-11-19T12:30:00Z",
        "2026-11-19 13:00:00+00:00",
        "2026-11-19 18:29:00+05:30",
    ],
)
def test_what_was_asked_for_is_believed(open_source, time) -> None:
    """In whatever form of time; one click of the very end may come as well."""
    source = open_source(lambda _: page("2026-11-19 07:10:00", time), "America/New_York")
    assert [row[CLICKED_AT_SOURCE] for row in source.read_page(HOUR).rows][1] == time


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-19 06:59:59",
        "2026-11-19 08:00:01",
        "2026-11-19 12:30:00",  # UTC, where the account is said to be in New York
        "2020-05-14 07:30:00",
        "2026-11-19T06:59:59.999",
        "2026-11-19T11:59:59Z",
        "2026-11-19 13:00:01+00:00",
    ],
)
def test_clicks_of_another_time_are_an_error(open_source, time) -> None:
    """The window isn't taken for archived, and the settings that may be wrong are named."""
    source = open_source(lambda _: page("2026-11-19 07:10:00", time, time), "America/New_York")
    with pytest.raises(WindowError) as raised:
        source.read_page(HOUR)
    said = str(raised.value)
    assert said.startswith("asked for 2026-11-19 07:00:00 to 2026-11-19 08:00:00, the service ")
    assert "gave 2 clicks of another time. Check the account's timezone" in said
    assert "names of start and end in [accounts.parameters]" in said


@pytest.mark.parametrize(
    ("start", "hours", "times"),
    [
        # The clock goes back at 06:00Z: 01:30 comes twice and is taken as the first of the two.
        ("2026-11-01T05:00:00Z", 2, ["2026-11-01 01:00:00", "2026-11-01 01:59:59"]),
        ("2026-11-01T04:00:00Z", 4, ["2026-11-01 00:00:00", "2026-11-01 02:30:00"]),
        # It goes forward at 07:00Z: 02:30 is a time that no clock showed.
        ("2026-03-08T06:00:00Z", 2, ["2026-03-08 01:59:59", "2026-03-08 02:30:00"]),
        ("2026-03-08T07:00:00Z", 1, ["2026-03-08 03:00:00", "2026-03-08 02:30:00"]),
    ],
)
def test_a_clock_change_makes_no_click_a_stray(open_source, start, hours, times) -> None:
    """Local texts are held against the texts that were asked for, not against instants."""
    asked: list[tuple[str, str]] = []

    def script(parameters: dict[str, str]) -> Reply:
        asked.append((parameters["start"], parameters["end"]))
        first, last = asked[-1]
        return page(*(time for time in times if first <= time < last))

    begin = datetime.fromisoformat(start)
    window = Window(begin, begin + timedelta(hours=hours))
    assert open_source(script, "America/New_York").read_page(window).rows
    assert len(asked) == 1


# Refusals


@pytest.mark.parametrize(
    "answer", [refusal(), refusal(400), refusal(413), refusal(418), Reply(b"<h1>No</h1>", 400)]
)
def test_a_refusal_is_the_accounts_unless_it_has_been_answered_before(open_source, answer) -> None:
    """Who was never let in has wrong settings; who was is refused this window."""
    with pytest.raises(AccountError, match="the service refuses with HTTP"):
        open_source(lambda _: answer).read_page(HOUR)
    answers = [page(), answer, page()]
    source = open_source(lambda _: answers.pop(0))
    assert source.read_page(HOUR).rows == []
    with pytest.raises(WindowError, match="the service refuses with HTTP"):
        source.read_page(HOUR)
    assert source.read_page(HOUR).rows == []


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (refusal(401), "Check the account's login, its password and its base_url"),
        (refusal(403), "Check the account's login, its password and its base_url"),
        (refusal(404), "Check the account's base_url"),
        (refusal(405), "Check the account's method"),
        (Reply(b"Error: no"), "Check the account's login, its password and its base_url"),
        (Reply(b"\r\n Error: no", 400), "Check the account's login, its password and its base_ur"),
    ],
)
def test_some_refusals_are_always_the_accounts(open_source, answer, remedy) -> None:
    """To ask again could lock the account: whatever was answered before."""
    answers = [page(), answer]
    source = open_source(lambda _: answers.pop(0))
    source.read_page(HOUR)
    with pytest.raises(AccountError, match=r"no'$") as raised:
        source.read_page(HOUR)
    assert remedy in str(raised.value)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 503, 599])
def test_a_service_that_is_unwell_may_do_better_with_another_window(open_source, status) -> None:
    """After all tries it is this window's failure, from the first request on."""
    source = open_source(lambda _: refusal(status))
    with pytest.raises(UnavailableError, match=f"HTTP {status}"):
        source.read_page(HOUR)


@pytest.mark.parametrize("answer", [refusal(message="x" * 5000), Reply(b"Error: " + b"x" * 5000)])
def test_what_the_service_says_stands_at_the_end(open_source, answer) -> None:
    """Its beginning, after what to do."""
    with pytest.raises(AccountError, match=r"Check the account's login.*'(Error: )?x+ …'$"):
        open_source(lambda _: answer).read_page(HOUR)


@pytest.mark.parametrize(
    "said",
    [
        b"Error: no such login",
        b"\xef\xbb\xbf Error: no such login",
        "\ufeffError: no such login".encode("utf-16"),
        "Error: no such login".encode("utf-16-le"),
        b"Access denied",
        b"\xef\xbb\xbf\r\nAccess denied",
        b"0",
        b"-1",
        b"login failed {}",
    ],
)
def test_a_text_in_place_of_a_first_answer_is_a_refusal(open_source, said) -> None:
    """Who was never let in and is told something else than an answer is asked no more."""
    asked = []
    source = open_source(lambda form: asked.append(form) or Reply(said))
    for _ in range(3):
        with pytest.raises(RefusedError, match="Check the account's login"):
            source.read_page(HOUR)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "answer", [refusal(), refusal(401), refusal(403), Reply(b"Error: no", 400)], ids=repr
)
def test_refused_credentials_are_sent_once(open_source, answer) -> None:
    """Whoever asks again, in whatever way, is told the same, and nothing is sent."""
    asked = []
    source = open_source(lambda form: asked.append(form) or answer)
    with pytest.raises(RefusedError) as first:
        source.read_page(HOUR)
    with pytest.raises(RefusedError) as second:
        source.served_at()
    assert str(first.value) == str(second.value)
    assert first.value is not second.value
    assert len(asked) == 1


@pytest.mark.parametrize("status", [400, 404, 405, 413, 418])
def test_what_says_nothing_of_the_login_is_no_refusal_of_it(open_source, status) -> None:
    """A wrong address or method ends the account's turn, not the login's."""
    with pytest.raises(AccountError) as raised:
        open_source(lambda _: refusal(status)).read_page(HOUR)
    assert type(raised.value) is AccountError


@pytest.mark.parametrize(
    "said",
    [
        b"<!DOCTYPE html><html><head><title>Log in</title></head></html>",
        b"\n<HTML><body>Maintenance</body></HTML>",
        b"<response><history/></response>",
        b"[]",
        b'"fine"',
    ],
)
def test_another_kind_of_document_as_a_first_answer_ends_the_account(open_source, said) -> None:
    """Where the first three aren't even of the form that was asked for, none will be."""
    asked = []
    source = open_source(lambda form: asked.append(form) or Reply(said))
    for _ in range(2):
        with pytest.raises(WindowError, match="whole JSON document"):
            source.read_page(HOUR)
    for _ in range(2):
        with pytest.raises(AccountError, match=r"whole JSON document.*base_url and format"):
            source.read_page(HOUR)
    assert len(asked) == 3


def test_one_document_of_another_kind_is_this_windows(open_source) -> None:
    """The first window that is asked for may be the one that is broken."""
    answers = [Reply(b"<html>Out of order</html>"), page(), Reply(b"<html/>"), Reply(b"<html/>")]
    source = open_source(lambda _: answers.pop(0))
    with pytest.raises(WindowError):
        source.read_page(HOUR)
    assert source.read_page(HOUR).rows == []
    for _ in range(2):
        with pytest.raises(WindowError):
            source.read_page(HOUR)


@pytest.mark.parametrize("said", [b"", b" ", b'{"error": 0, "hist', b'{"error": 0}', b"{}{}"])
def test_an_answer_that_broke_off_is_this_windows(open_source, said) -> None:
    """It may be about one window: others may be had, though none has been so far."""
    answers = [Reply(said), page()]
    source = open_source(lambda _: answers.pop(0))
    with pytest.raises(WindowError, match="service's answer"):
        source.read_page(HOUR)
    assert source.read_page(HOUR).rows == []


@pytest.mark.parametrize("said", [b"Access denied", b"<html></html>", b"<response/>", b"[]", b"7"])
def test_nonsense_after_a_good_answer_is_this_windows(open_source, said) -> None:
    """Whoever was let in before may be told nonsense about one window."""
    answers = [page(), Reply(said), page()]
    source = open_source(lambda _: answers.pop(0))
    source.read_page(HOUR)
    with pytest.raises(WindowError, match="isn't a whole JSON"):
        source.read_page(HOUR)
    assert source.read_page(HOUR).rows == []


@pytest.mark.parametrize(
    "status", [201, 202, 203, 204, 205, 206, 226, 300, 304, 305, 306, 402, 406, 409, 451, 499]
)
def test_a_good_page_under_another_status_is_not_believed(open_source, status) -> None:
    """A part of a page, a page of before, a page that isn't there: none is the answer."""
    good = page("2026-11-19 12:00:00")
    source = open_source(lambda _: good._replace(status=status))
    with pytest.raises(AccountError, match=f"HTTP {status}"):
        source.read_page(HOUR)


def test_words_that_would_trip_a_reader_are_quoted(open_source) -> None:
    """What a service says is looked through for secrets, whatever it is."""
    with pytest.raises(AccountError, match="&#9"):
        open_source(lambda _: Reply(b"Error: &#" + b"9" * 5000)).read_page(HOUR)
