"""`/_control/`: who may give orders, and which."""

import pytest
import requests

from refserver.app import create_app
from refserver.proxy import PROXY_FAULTS

PREFIX = "/api/v1_0/"


@pytest.fixture
def api(obedient, database, account_id):
    """A server that obeys, with a link."""
    database.add_link(account_id, external_url="https://example.com/")
    return obedient


def test_control_has_to_be_allowed(serve) -> None:
    """Without it, its address is one that doesn't exist; in every dialect."""
    for api in (serve(), serve("legacy-errors")):
        for order in ("faults", "reset", "proxy", "x"):
            assert api.control(order).status_code == 404


def test_control_is_for_this_machine(database) -> None:
    """From anywhere else its address doesn't exist."""
    client = create_app(database, allow_control=True).test_client()
    for address, status in [("127.0.0.1", 200), ("::1", 200), ("127.9.9.9", 200)] + [
        (address, 404) for address in ("192.0.2.1", "::ffff:192.0.2.1", "10.0.0.1")
    ]:
        answer = client.post("/_control/reset", json={}, environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == status, address


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "fault"),
        ({"fault": "nope"}, "'nope'"),
        ({"fault": "delay"}, "delay.seconds: Field required"),
        ({"fault": "delay", "seconds": "x"}, "delay.seconds"),
        ({"fault": "delay", "seconds": -1}, "delay.seconds"),
        ({"fault": "delay", "seconds": 1e300}, "delay.seconds"),
        ({"fault": "html", "colour": "red"}, "html.colour: Extra inputs"),
        ({"fault": "html", "times": 0}, "html.times"),
        ({"fault": "html", "skip": -1}, "html.skip"),
        ({"fault": "html", "skip": 2**64}, "html.skip"),
        ({"fault": "html", "times": 2**64}, "html.times"),
        ({"fault": "too-many-requests", "retry_after": 2**64}, "too-many-requests.retry_after"),
        ({"fault": "server-error", "status": 200}, "server-error.status"),
        ({"fault": "redirect", "location": "http://[/"}, "redirect.location"),
        ({"fault": "redirect", "location": "/x"}, "redirect.location"),
        ({"fault": "rename", "link_id": 99, "title": "x"}, "link_id: there is no link 99"),
        ({"fault": "clicks", "link_id": 2**70}, "clicks.link_id"),
        ({"fault": "clicks", "link_id": 1, "clicked_at": "2026-01-01T00:00:00"}, "clicked_at"),
        ({"fault": "clicks", "link_id": 1, "clicked_at": "0001-01-01T00:00:00Z"}, "clicked_at"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(api, settings, message) -> None:
    """400 with what is wrong, and nothing is set."""
    answer = api.control("faults", **settings)
    assert answer.status_code == 400
    assert answer.json()["error"] == 1
    assert message in answer.json()["msg"]
    assert api.links(), "nothing was set"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"\\ud800"', b"\xff"])
@pytest.mark.parametrize("order", ["faults", "proxy"])
def test_an_order_that_cannot_be_read_is_refused(api, order, body) -> None:
    """400, in JSON."""
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{api.url}/_control/{order}", body, headers=headers, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"] == 1


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_an_order_says_that_it_is_json(api, kind) -> None:
    """Another site's page can make a browser send these, but not application/json."""
    body, headers = b'{"fault": "html"}', {"Content-Type": kind}
    answer = requests.post(f"{api.url}/_control/faults", body, headers=headers, timeout=10)
    assert answer.status_code == 400
    assert api.links(), "nothing was set"


def test_other_orders_and_verbs_are_refused(api) -> None:
    """404 and 405, in JSON."""
    assert api.control("nope").json() == {"error": 1, "msg": "no such method"}
    assert requests.get(api.url + "/_control/faults", timeout=10).status_code == 405


@pytest.mark.parametrize("fault", PROXY_FAULTS)
def test_the_proxy_by_control(api, fault) -> None:
    """It is there from the first order on, obeys, and is gone after a reset."""
    url = api.control("proxy").json()["url"]
    assert url != api.url
    assert requests.get(url + PREFIX + "getLinks", timeout=10).status_code == 401
    assert api.control("proxy", fault=fault, seconds=0.001).json()["url"] == url
    try:
        assert len(requests.get(url + PREFIX + "getLinks", timeout=10).content) > 20
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        assert fault in {"no-answer", "drop-before-body", "drop-amid-body"}
    else:
        assert fault in {"cut-short", "drip"}
    api.control("reset")
    with pytest.raises(requests.ConnectionError):
        requests.get(url + PREFIX, timeout=10)


@pytest.mark.parametrize("host", ["nowhere.example:abc", "nowhere.example", "", "a b"])
def test_the_proxy_leads_here_whatever_a_request_names(api, host) -> None:
    """It stands in front of this server, and of no other."""
    headers = {"Host": host}
    answer = requests.post(f"{api.url}/_control/proxy", json={}, headers=headers, timeout=10)
    assert answer.status_code == 200
    url = answer.json()["url"]
    assert requests.get(url + PREFIX + "getLinks", timeout=10).status_code == 401
