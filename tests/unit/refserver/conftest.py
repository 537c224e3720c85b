"""A reference server over real HTTP, and an account to ask it about."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
import requests

from refserver.app import create_app
from refserver.database import Database
from refserver.serving import running

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Api:
    """Asks one server, as the account `acme`."""

    url: str
    session: requests.Session

    def call(self, method: str, **parameters) -> requests.Response:
        """Call a method with credentials; None leaves a parameter out."""
        given = {"login": "acme", "pass": "secret", **parameters}
        form = {name: value for name, value in given.items() if value is not None}
        return self.session.post(f"{self.url}/api/v1_0/{method}", data=form, timeout=10)

    def post(self, **parameters) -> requests.Response:
        """Call getLinkHistory."""
        return self.call("getLinkHistory", **parameters)

    def links(self, **parameters) -> list[dict]:
        """A page of getLinks in JSON."""
        response = self.call("getLinks", **{"format": "json", **parameters})
        assert response.status_code == 200, response.text
        return response.json()["links"]

    def visit(self, path: str, *, verb: str = "GET", **options) -> requests.Response:
        """Follow a short address as somebody new, and not to its destination."""
        return requests.request(
            verb, self.url + path, timeout=10, allow_redirects=False, **options
        )

    def control(self, order: str, **settings) -> requests.Response:
        """Post an order to /_control/."""
        return requests.post(f"{self.url}/_control/{order}", json=settings, timeout=10)

    def json(self, **parameters) -> dict:
        """A page in JSON."""
        response = self.post(**{"format": "json", **parameters})
        assert response.status_code == 200, response.text
        return response.json()

    def clicks(self, **parameters) -> list[dict]:
        """All that is in the window 2026, unless another is given."""
        window = {"start": "2026-01-01 00:00:00", "end": "2027-01-01 00:00:00"}
        return self.json(**{**window, **parameters})["history"]

    def xml(self, **parameters) -> ET.Element:
        """A page in XML."""
        response = self.post(**parameters)
        assert response.status_code == 200, response.text
        return ET.fromstring(response.content)


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    with closing(Database(tmp_path / "reference.db")) as opened:
        yield opened


@pytest.fixture
def account_id(database) -> int:
    return database.add_account("acme", "secret", "America/New_York")


@pytest.fixture
def serve(database) -> Iterator[Callable[..., Api]]:
    """Starts a server in the given dialects; its clock stands at NOW."""
    with ExitStack() as stack:

        def start(
            *dialects: str,
            clock: Callable[[], datetime] = lambda: NOW,
            allow_control: bool = False,
        ) -> Api:
            app = create_app(database, dialects, clock=clock, allow_control=allow_control)
            url = stack.enter_context(running(app))
            return Api(url, stack.enter_context(requests.Session()))

        yield start


@pytest.fixture
def obedient(serve) -> Iterator[Api]:
    """A server that takes orders; afterwards it is reset, so that its proxy is closed."""
    started = serve(allow_control=True)
    yield started
    assert started.control("reset").json() == {"error": 0, "msg": "", "faults": []}
