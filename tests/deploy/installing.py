"""What following docs/deploy.md without a network takes, and what came of it."""

import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from deploy.machine import Machine
from deploy.page import REPOSITORY, SHARED, blocks
from support.service import COMPARED, PASSWORD, Service

CONFIG = "/etc/link-archiver/config.toml"
NOW = datetime.now(UTC).replace(microsecond=0)

#: What somebody types into the files that the page has them edit.
EDITOR = f"""#!/bin/sh
case $1 in
*/passwords/acme) printf '%s\\n' '{PASSWORD}' >"$1" ;;
*/config.toml) cat /mnt/config.toml >"$1" ;;
*) exit 1 ;;
esac
"""


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


def check_out(folder: Path) -> None:
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


def download(folder: Path) -> None:
    """Have pip download what it will want there, for the Python that is there."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", folder / "venv"], check=True)
    options = ["--quiet", "download", "--dest", folder / "packages", ".", "setuptools>=80,<90"]
    subprocess.run(
        [folder / "venv/bin/python", "-m", "pip", *options], cwd=folder / "checkout", check=True
    )
