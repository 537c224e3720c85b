"""The proxy in front of a server."""

import socket
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import requests
from requests.exceptions import ChunkedEncodingError

from refserver.proxy import Proxy, proxying

METHOD = "/api/v1_0/getLinkHistory?format=json"
FORM = {"login": "acme", "pass": "secret"}


@pytest.fixture
def api(serve, account_id):
    return serve()


@pytest.fixture
def proxy(api):
    with proxying(api.url) as opened:
        yield opened


def ask(url: str) -> requests.Response:
    return requests.post(url + METHOD, data=FORM, timeout=10)


def test_without_a_fault_nothing_changes(api, proxy) -> None:
    """Bodies travel both ways, one request after the other, large ones as well."""
    for _ in range(3):
        assert ask(proxy.url).json() == ask(api.url).json()
    assert requests.post(proxy.url + METHOD, data=b"a" * 2_000_000, timeout=10).status_code == 413
    with requests.Session() as session:
        for _ in range(2):
            assert session.get(proxy.url + METHOD, timeout=10).status_code == 401


def test_faults_end_after_their_times(proxy) -> None:
    """None is for ever, until another order."""
    proxy.fail("no-answer", times=2)
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            ask(proxy.url)
    assert ask(proxy.url).status_code == 200
    proxy.fail("no-answer", times=None)
    for _ in range(4):
        with pytest.raises(requests.ConnectionError):
            ask(proxy.url)
    proxy.fail(None)
    assert ask(proxy.url).status_code == 200


@pytest.mark.parametrize(("fault", "part"), [("drop-before-body", 0), ("drop-amid-body", 0.5)])
def test_dropped_bodies(proxy, fault, part) -> None:
    """The head promises more than there is."""
    whole = len(ask(proxy.url).content)
    proxy.fail(fault)
    with requests.post(proxy.url + METHOD, data=FORM, stream=True, timeout=10) as response:
        assert response.headers["Content-Length"] == str(whole)
        received = 0
        with pytest.raises(ChunkedEncodingError):  # noqa: PT012 - what came before counts
            for byte in response.iter_content(1):
                received += len(byte)
    assert received == int(whole * part)


def test_cut_short(proxy) -> None:
    """Half of the body, and a length that agrees with it: HTTP can't tell."""
    whole = ask(proxy.url).content
    proxy.fail("cut-short")
    response = ask(proxy.url)
    assert response.status_code == 200
    assert response.content == whole[: len(whole) // 2]
    assert response.headers["Content-Length"] == str(len(response.content))


def test_drip(proxy) -> None:
    """The body comes byte by byte, and is whole in the end."""
    whole = ask(proxy.url).content
    proxy.fail("drip", seconds=0.005)
    began = time.monotonic()
    assert ask(proxy.url).content == whole
    assert time.monotonic() - began > 0.005 * len(whole)


def test_closing_ends_what_has_begun(api) -> None:
    """A drip, a client that says nothing, and a server that takes its time; at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        upstreams = [api.url, f"http://127.0.0.1:{silent.getsockname()[1]}"]
        proxies = [Proxy(upstream) for upstream in upstreams]
        proxies[0].fail("drip", seconds=60)
        clients = [threading.Thread(target=_ask_in_vain, args=[one.url]) for one in proxies]
        for client in clients:
            client.start()
        address = urlsplit(proxies[0].url)
        with socket.create_connection((address.hostname, address.port)) as idle:
            time.sleep(0.2)
            began = time.monotonic()
            for one in proxies:
                one.close()
            assert time.monotonic() - began < 2
            with suppress(ConnectionResetError):
                assert idle.recv(1) == b""
        for client in clients:
            client.join()


def _ask_in_vain(url: str) -> None:
    with pytest.raises((requests.ConnectionError, ChunkedEncodingError)):
        ask(url)


def test_a_server_that_is_not_there(proxy) -> None:
    """The client gets no answer, and the proxy goes on."""
    with proxying("http://127.0.0.1:9") as nowhere, pytest.raises(requests.ConnectionError):
        ask(nowhere.url)
    assert ask(proxy.url).status_code == 200


@pytest.mark.parametrize("upstream", ["127.0.0.1:80", "https://127.0.0.1", "http://"])
def test_an_upstream_has_to_be_an_address(upstream) -> None:
    """Refused before anything is opened."""
    with pytest.raises(ValueError, match="is no address"):
        Proxy(upstream)
