"""Faults on demand, set by `/_control/`."""

import gzip
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from refserver.records import NewClick, NewLink

MORNING = datetime(2026, 3, 1, 5, 0, tzinfo=UTC)  # 00:00 in New York
WINDOW = {"start": "2026-03-01 00:00:00", "end": "2026-03-02 00:00:00"}
PREFIX = "/api/v1_0/"


@pytest.fixture(autouse=True)
def clicks(database, account_id) -> None:
    """Thirty clicks, one a second, on one of two links."""
    links = [NewLink(external_url="https://example.com/", title=title) for title in "ab"]
    link_id, _ = database.add_links(account_id, links)
    database.add_clicks(
        account_id, [NewClick(link_id, MORNING + timedelta(seconds=n)) for n in range(30)]
    )


@pytest.fixture
def api(obedient):
    """Short, for it is asked a lot."""
    return obedient


def page(api, form: str = "json", **parameters) -> requests.Response:
    return api.call("getLinkHistory", format=form, **{**WINDOW, **parameters})


def ids(response: requests.Response) -> list[str]:
    return [click["id"] for click in response.json()["history"]]


def fail(api, fault: str, **settings) -> None:
    answer = api.control("faults", fault=fault, **settings)
    assert answer.status_code == 200, answer.text


def test_a_fault_is_for_so_many_answers(api) -> None:
    """After those that it skips, and of its method alone; then all is well again."""
    fail(api, "server-error", times=2, skip=1, method="getLinkHistory")
    got = []
    for _ in range(5):
        assert api.call("getLinks").status_code == 200
        got.append(page(api).status_code)
    assert got == [200, 500, 500, 200, 200]


def test_reset_ends_all_faults(api) -> None:
    """Those that would go on for ever, and a delay that has begun."""
    fail(api, "html", times=None)
    assert [page(api).headers["Content-Type"][:9] for _ in range(4)] == ["text/html"] * 4
    api.control("reset")
    assert len(ids(page(api))) == 30
    fail(api, "delay", seconds=60)
    threading.Timer(0.3, api.control, ["reset"]).start()
    began = time.monotonic()
    assert len(ids(page(api))) == 30
    assert 0.2 < time.monotonic() - began < 5


def test_the_faults_that_wait_are_told(api) -> None:
    """With what is left of them."""
    fail(api, "html", times=3, skip=1)
    page(api)
    page(api)
    told = api.control("faults", fault="wrong-total", by=5).json()["faults"]
    assert told == [
        {"times": 2, "skip": 0, "method": None, "fault": "html"},
        {"times": 1, "skip": 0, "method": None, "fault": "wrong-total", "by": 5},
    ]


def test_delay(api) -> None:
    """The right answer, later."""
    fail(api, "delay", seconds=0.3)
    began = time.monotonic()
    assert len(ids(page(api))) == 30
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("form", ["json", "xml"])
def test_too_many_requests(api, form) -> None:
    """429 in the asked format, with Retry-After unless it shall have none."""
    fail(api, "too-many-requests", retry_after=7)
    fail(api, "too-many-requests", retry_after=None)
    first, second, third = (page(api, form) for _ in range(3))
    assert [first.status_code, second.status_code, third.status_code] == [429, 429, 200]
    assert first.headers["Retry-After"] == "7"
    assert "Retry-After" not in second.headers
    assert "too many requests" in first.text
    assert form in first.headers["Content-Type"]


def test_too_many_requests_at_linkbee(api) -> None:
    """Its only error that isn't HTTP 200."""
    fail(api, "too-many-requests", method="hits")
    url = api.url + "/api.php?task="
    assert requests.get(url + "quicken&url=http://e.org/", timeout=10).status_code == 200
    answer = requests.get(url + "hits", timeout=10)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.json()["error"] == 1


def test_server_error_html_and_redirect(api) -> None:
    """Answers that take the place of the right one, one after the other."""
    fail(api, "server-error", status=503)
    fail(api, "html")
    fail(api, "redirect", location="http://elsewhere.example/x", status=307)
    error, html, redirect = (
        requests.post(f"{api.url}{PREFIX}getLinks", allow_redirects=False, timeout=10)
        for _ in range(3)
    )
    assert (error.status_code, error.headers["Content-Type"][:9]) == (503, "text/html")
    assert (html.status_code, html.headers["Content-Type"][:9]) == (200, "text/html")
    assert (redirect.status_code, redirect.headers["Location"]) == (
        307,
        "http://elsewhere.example/x",
    )


@pytest.mark.parametrize("form", ["json", "xml"])
def test_wrong_total(api, form) -> None:
    """The total is another, all else is right; answers without a total aren't counted."""
    right = page(api, form, limit=3)
    fail(api, "wrong-total", by=-4)
    assert page(api, form, limit="x").status_code == 400
    wrong = page(api, form, limit=3)
    assert wrong.text == right.text.replace("30", "26", 1)
    assert page(api, form, limit=3).text == right.text


@pytest.mark.parametrize("form", ["json", "xml"])
def test_repeated_page(api, form) -> None:
    """The records of the page before come again under the envelope that was asked for.

    A first page isn't repeated, whatever came before it.
    """
    page(api, form, limit=5)
    fail(api, "repeated-page")
    first, repeated, third = (page(api, form, limit=10, offset=n) for n in (0, 10, 20))
    assert repeated.text == first.text.replace('"offset":0', '"offset":10').replace(
        "<offset>0", "<offset>10"
    )
    assert third.text != first.text
    assert "26" in third.text


def test_a_page_without_a_total_states_no_wrong_one(serve) -> None:
    """The fault waits, for nothing was there to go wrong."""
    api = serve("no-total", allow_control=True)
    fail(api, "wrong-total")
    page(api)
    assert len(api.control("faults", fault="html").json()["faults"]) == 2


def test_new_clicks_between_pages(api) -> None:
    """From the second page on, two more clicks are there."""
    fail(api, "clicks", link_id=2, count=2, clicked_at="2026-03-01T05:00:00Z", skip=1, times=1)
    assert [page(api, limit=10, offset=n).json()["total"] for n in (0, 10, 20)] == [30, 32, 32]


def test_late_clicks(api) -> None:
    """A click with an old time is there from the next answer on; without a time it is now's."""
    fail(api, "clicks", link_id=1, clicked_at="2026-03-01T00:00:15.9-05:00")
    fail(api, "clicks", link_id=2)
    assert page(api).json()["total"] == 31
    late, new = api.clicks()[16], api.clicks()[-1]
    assert (late["id"], late["clicked_at"]) == ("31", "2026-03-01 00:00:15")
    assert (new["link_id"], new["clicked_at"]) == ("2", "2026-11-19 07:00:00")


def test_rename(api) -> None:
    """The title is another one from the second answer on."""
    fail(api, "rename", link_id=1, title="ü\x00", skip=1)
    titles = [page(api).json()["history"][0]["title"] for _ in range(3)]
    assert titles == ["a", "ü\ufffd", "ü\ufffd"]


def test_clock(api) -> None:
    """Both the header Date and the default window's now are off, then right again."""
    fail(api, "clock", seconds=3600)
    fail(api, "clicks", link_id=1, clicked_at="2026-11-19T12:30:00Z")
    off = api.post(format="json")
    assert off.headers["Date"] == "Thu, 19 Nov 2026 13:00:00 GMT"
    assert off.json()["total"] == 1
    right = api.post(format="json")
    assert right.headers["Date"] != off.headers["Date"]
    assert right.json()["total"] == 0


def test_swell(api) -> None:
    """Little on the way, the right answer and megabytes of spaces when unpacked."""
    right = page(api).content
    fail(api, "swell", megabytes=3)
    answer = api.session.post(
        api.url + PREFIX + "getLinkHistory",
        data={"login": "acme", "pass": "secret", "format": "json", **WINDOW},
        stream=True,
        timeout=10,
    )
    assert answer.headers["Content-Encoding"] == "gzip"
    packed = answer.raw.read(decode_content=False)
    assert len(packed) < 10_000
    assert gzip.decompress(packed) == right + b" " * 3_000_000


def test_faults_combine(api) -> None:
    """A delay, then what takes the answer's place; and one of each at the page."""
    fail(api, "delay", seconds=0.2)
    fail(api, "html")
    fail(api, "wrong-total", by=1)
    fail(api, "swell", megabytes=1)
    began = time.monotonic()
    assert page(api).headers["Content-Type"].startswith("text/html")
    assert time.monotonic() - began >= 0.2
    swollen = page(api)
    assert swollen.json()["total"] == 31
    assert len(swollen.content) > 1_000_000


def test_links_are_followed_whatever_the_faults(api) -> None:
    """Faults are for the APIs' answers alone."""
    fail(api, "html", times=None)
    assert api.visit("/.1").status_code == 302
