"""A machine that docs/deploy.md was followed on, and the service that it archives."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from deploy.installing import EDITOR, NOW, check_out, configuration, download, serve
from deploy.machine import Machine, booted, why_not
from deploy.page import SHARED, blocks
from support.service import Service

_HOUR = timedelta(hours=1)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Where the machine's parts are, outside."""
    folder: Path = tmp_path_factory.mktemp("machine")
    for name in ("checkout", "packages", "mnt", "srv"):
        (folder / name).mkdir()
    return folder


@pytest.fixture(scope="session")
def service(folder) -> Iterator[Service]:
    """A service whose clicks are all due. Its clock shows UTC."""
    with closing(Service(folder / "srv/service.db")) as opened:
        opened.populate(300, NOW - 20 * _HOUR, NOW - _HOUR)
        yield opened


@pytest.fixture(scope="session")
def machine(folder, service) -> Iterator[Machine]:
    """A booted machine with the program, its configuration and units, as the page says."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    check_out(folder / "checkout")
    download(folder)
    (folder / "mnt/config.toml").write_text(configuration(), encoding="utf-8")
    (folder / "mnt/editor").write_text(EDITOR, encoding="utf-8")
    (folder / "mnt/editor").chmod(0o755)
    environ = {
        "PATH": _PATH,
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "EDITOR": "/mnt/editor",
        # Its network is loopback: pip finds here what it would download.
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "/packages",
    }
    binds = {folder / name: f"/{name}" for name in ("checkout", "packages", "mnt", "srv")}
    with booted(environ, binds) as up:
        # As on a machine that keeps its journal; only such a one has users' journals.
        up("mkdir /usr/local/sbin /var/log/journal; journalctl --flush")
        up.write("/etc/hosts", "127.0.0.1 localhost\n")
        install, configure, check = blocks(SHARED)
        up(f"cd /checkout; {install}")
        serve(up)
        up(configure)
        assert "acme: the password can be read" in up(check).out
        yield up


@pytest.fixture
def address(service) -> Iterator[str]:
    """The base_url of the same service, outside the machine."""
    with service.serving() as address:
        yield address
