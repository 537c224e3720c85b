"""A folder with the commands, and a service to archive."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from e2e.processes import NOW, Commands
from support.service import Service

_HOUR = timedelta(hours=1)


@pytest.fixture
def link_archiver(tmp_path: Path) -> Commands:
    """The command, in this test's own folder, which holds no configuration yet."""
    return Commands(tmp_path)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service without an account yet; its accounts' clocks show UTC."""
    with closing(Service(tmp_path / "service.db")) as opened:
        yield opened


@pytest.fixture
def busy_service(service: Service) -> Service:
    """A service with an account whose clicks are all due: within a day, and settled."""
    service.populate(300, NOW - 20 * _HOUR, NOW - _HOUR)
    return service


@pytest.fixture
def address(busy_service: Service) -> Iterator[str]:
    """The base_url of the busy service."""
    with busy_service.serving() as address:
        yield address
