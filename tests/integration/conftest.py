"""Services for the integration tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.service import Service


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
