"""The daemon's unit on a machine that has really booted, set up as docs/deploy.md says."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from deploy.installing import CONFIG, exported, truth
from deploy.machine import Machine
from deploy.page import blocks

DAEMON = "link-archiver-daemon.service"


@pytest.fixture
def stopped(machine) -> Iterator[None]:
    """Whatever the test did, the daemon is down afterwards, and nothing of it is left."""
    yield
    machine(f"systemctl disable --now {DAEMON}; systemctl reset-failed {DAEMON} || true")


@contextmanager
def with_settings(machine: Machine, *lines: str) -> Iterator[None]:
    """Let the unit have other settings for a while."""
    text = "\n".join(["[Service]", *lines, ""])
    machine.write(f"/run/systemd/system/{DAEMON}.d/test.conf", text)
    machine("systemctl daemon-reload")
    try:
        yield
    finally:
        machine(f"systemctl stop {DAEMON}; rm -r /run/systemd/system/{DAEMON}.d")
        machine("systemctl daemon-reload")


@pytest.mark.usefixtures("stopped")
def test_the_page_leads_to_a_daemon_that_archives(machine, service) -> None:
    """It is up with the machine, tells what it does, archives every click, and ends when told."""
    begin, look = blocks("systemd daemon")
    machine(begin)
    machine.wait_until(f"systemctl show --property=StatusText {DAEMON} | grep -q complete")
    told = machine(look).out
    assert "active (running)" in told
    assert 'Status: "next run ' in told
    assert exported(machine) == truth(service)
    assert machine(f"systemctl is-enabled {DAEMON}").out == "enabled\n"
    machine(f"systemctl stop {DAEMON}")
    assert machine.shows(DAEMON, "Result") == "success"
    assert machine.shows(DAEMON, "ExecMainCode") == "1"  # it has exited; no signal ended it
    assert machine.shows(DAEMON, "ExecMainStatus") == "0"


@pytest.mark.usefixtures("stopped")
def test_a_daemon_that_hangs_is_started_again(machine) -> None:
    """Nothing heard for the watchdog's time: it is ended, started, and works again."""
    with with_settings(machine, "WatchdogSec=3s", "RestartSec=100ms"):
        since = machine.cursor()
        machine(f"systemctl start {DAEMON}")
        machine("sleep 7")  # more than twice the watchdog's time
        assert machine.shows(DAEMON, "NRestarts") == "0"
        before = machine.shows(DAEMON, "MainPID")
        machine(f"kill -STOP {before}")
        machine.wait_until(f"systemctl show --property=NRestarts {DAEMON} | grep -qv =0")
        machine.wait_until(f"systemctl is-active --quiet {DAEMON}")
        assert machine.shows(DAEMON, "MainPID") not in {"0", before}
        assert "Watchdog timeout" in machine.heard(since, f"--unit={DAEMON}")


@pytest.mark.usefixtures("stopped")
def test_somebody_hears_of_a_daemon_that_stays_down(machine) -> None:
    """Killed, it is started again, and nothing is said; the fifth time it has failed, once."""
    with with_settings(machine, "RestartSec=100ms"):
        since = machine.cursor()
        machine(f"systemctl start {DAEMON}")
        for time in range(1, 6):
            assert machine.heard(since, "--priority=crit") == ""
            machine(f"systemctl kill --signal=KILL {DAEMON}")
            again = f"systemctl show --property=NRestarts {DAEMON} | grep -q ={time}"
            up = f"{again} && systemctl is-active --quiet {DAEMON}"
            machine.wait_until(f"systemctl is-failed --quiet {DAEMON} || {{ {up}; }}")
        assert machine.shows(DAEMON, "ActiveState") == "failed"
        machine.wait_to_hear(since, "--priority=crit")
        [line] = machine.heard(since, "--priority=crit").splitlines()
        assert line.startswith(f"{DAEMON} failed on ")


@pytest.mark.usefixtures("stopped")
def test_a_wrong_configuration_is_told_at_once(machine) -> None:
    """It would be as wrong a second time: no restart, and the notice says exit code 2."""
    since = machine.cursor()
    machine(f"echo wrong=1 >>{CONFIG}")
    try:
        machine(f"systemctl start {DAEMON}", code=1)
    finally:
        machine(f"cp /mnt/config.toml {CONFIG}")
    machine.wait_to_hear(since, "--priority=crit")
    assert ": exit-code 2." in machine.heard(since, "--priority=crit")
    assert machine.shows(DAEMON, "NRestarts") == "0"
