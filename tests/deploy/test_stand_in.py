"""The units' commands with a stand-in for systemd, also where no machine can be booted."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from deploy.installing import configuration
from deploy.page import DEPLOY
from deploy.units import arguments, values
from e2e.processes import TIMEOUT_SECONDS
from support.service import PASSWORD
from support.systemd import Systemd


@pytest.fixture
def systemd(tmp_path) -> Iterator[Systemd]:
    """Who is told."""
    with closing(Systemd(tmp_path / "notify")) as systemd:
        yield systemd


def start(unit: str, folder: Path, address: str) -> "subprocess.Popen[str]":
    """Start a unit's command with the page's configuration, and with what systemd would give it.

    Its paths are in this folder; the watchdog barks 100 times sooner.
    """
    path = DEPLOY / unit
    [command], [credential], [state] = (
        values(path, key) for key in ("ExecStart", "LoadCredential", "StateDirectory")
    )
    config = configuration().replace(f"/var/lib/{state}", f"{folder}/state")
    config = re.sub(r'base_url = ".*"', f'base_url = "{address}"', config)
    (folder / "config.toml").write_text(config, encoding="utf-8")
    password = folder / "credentials" / f"{credential.partition(':')[0]}_acme"
    password.parent.mkdir()
    password.write_text(PASSWORD, encoding="utf-8")
    given = arguments(command)
    given[given.index("--config") + 1] = f"{folder}/config.toml"
    watchdog = [int(value.removesuffix("min")) * 600_000 for value in values(path, "WatchdogSec")]
    return subprocess.Popen(
        [sys.executable, "-m", "jobs", *given],
        cwd="/",
        env={
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "CREDENTIALS_DIRECTORY": str(password.parent),
            "NOTIFY_SOCKET": f"{folder}/notify",
            "WATCHDOG_USEC": str(sum(watchdog)),  # 0: none
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def archived(folder: Path) -> str:
    """What the archive's status says of its clicks."""
    return subprocess.run(
        [sys.executable, "-m", "jobs", "--config", folder / "config.toml", "status"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout


def test_the_daemons_unit(tmp_path, address, systemd) -> None:
    """It is ready, archives, is alive twice within the watchdog's time, and stops with 0."""
    daemon = start("link-archiver-daemon.service", tmp_path, address)
    try:
        assert systemd.heard() == "READY=1"
        assert "last run: complete" in systemd.wait_for("STATUS=next run ")
        for _ in range(2):
            assert systemd.wait_for("WATCHDOG=1")
        daemon.send_signal(signal.SIGTERM)
        assert systemd.wait_for("STOPPING=1")
        daemon.communicate(timeout=TIMEOUT_SECONDS)
    finally:
        daemon.kill()
    assert daemon.returncode == 0
    assert "300 on 20 links" in archived(tmp_path)


def test_the_timers_unit(tmp_path, address) -> None:
    """It archives, says nothing, and ends with 0."""
    run = start("link-archiver.service", tmp_path, address)
    try:
        told = run.communicate(timeout=TIMEOUT_SECONDS)
    finally:
        run.kill()
    assert (run.returncode, *told) == (0, "", "")
    assert "300 on 20 links" in archived(tmp_path)
