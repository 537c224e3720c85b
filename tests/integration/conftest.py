"""Services for the integration tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.archive import TestArchive
from support.service import Service
from support.verifying import DAY, START, backfilled


@pytest.fixture
def new_york(tmp_path: Path) -> Iterator[Service]:
    """A service without an account yet, in America/New_York."""
    service = Service(tmp_path / "service.db", "America/New_York")
    yield service
    service.close()


@pytest.fixture
def utc(tmp_path: Path) -> Iterator[Service]:
    """A service without an account yet, in UTC."""
    service = Service(tmp_path / "service.db")
    yield service
    service.close()


@pytest.fixture
def archived(utc: Service, tmp_path: Path) -> Callable[[str, str], TestArchive]:
    """What makes an archive, by its store, of the service at a base_url, which has 400 clicks."""
    utc.populate(400, START, START + 4 * DAY, links=5)
    return lambda store, url: backfilled(tmp_path / "a", url, store)
