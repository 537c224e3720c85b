"""A machine that docs/deploy.md was followed on, and the service that it archives."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from deploy.machine import Machine, booted, why_not
from deploy.page import REPOSITORY, SHARED, blocks
from support.service import COMPARED, PASSWORD, Service

CONFIG = "/etc/link-archiver/config.toml"
NOW = datetime.now(UTC).replace(microsecond=0)
_HOUR = timedelta(hours=1)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"

#: What somebody types into the files that the page has them edit.
_EDITOR = f"""#!/bin/sh
case $1 in
*/passwords/acme) printf '%s\\n' '{PASSWORD}' >"$1" ;;
*/config.toml) cat /mnt/config.toml >"$1" ;;
*) exit 1 ;;
esac
"""


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
    _check_out(folder / "checkout")
    _download(folder)
    (folder / "mnt/config.toml").write_text(configuration(), encoding="utf-8")
    (folder / "mnt/editor").write_text(_EDITOR, encoding="utf-8")
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


def configuration() -> str:
    """The page's configuration, for the service here."""
    [page] = blocks(SHARED, "toml")
    address = 'base_url = "http://127.0.0.1:8080/api/v1_0/"'
    page = page.replace('base_url = "https://linktrack.info/api/v1_0/"', address)
    return page.replace("America/New_York", "UTC") + "requests_per_second = 0\n"


def serve(machine: Machine) -> None:
    """Start the service in the machine."""
    serving = "link-refserver serve --database /srv/service.db"
    machine(f"systemd-run --quiet --collect --unit=service /opt/link-archiver/bin/{serving}")
    machine.wait_until("true 2>/dev/null >/dev/tcp/127.0.0.1/8080")


def exported(machine: Machine, command: str = "link-archiver export clicks") -> Counter[object]:
    """The multiset of an archive's clicks, to be held against what the service has."""
    lines = machine(command).out.split("\n")[:-1]  # other ends of line may be in a text
    clicks = [orjson.loads(line) for line in lines]
    return Counter(tuple(click[name] for name in COMPARED) for click in clicks)


def truth(service: Service) -> Counter[object]:
    """The multiset of all of the service's clicks that are due."""
    return Counter(service.clicks_between(NOW - timedelta(days=1), NOW))


def _check_out(folder: Path) -> None:
    """Copy the sources, for pip to build in: the repository's own folder stays as it is."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    for name in listed.split("\0")[:-1]:
        if (REPOSITORY / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)


def _download(folder: Path) -> None:
    """Have pip download what it will want there, for the Python that is there."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", folder / "venv"], check=True)
    options = ["--quiet", "download", "--dest", folder / "packages", ".", "setuptools>=80,<90"]
    subprocess.run(
        [folder / "venv/bin/python", "-m", "pip", *options], cwd=folder / "checkout", check=True
    )
