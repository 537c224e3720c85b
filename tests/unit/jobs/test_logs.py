"""Events as lines."""

import logging
import os

from jobs.cli.context import Context
from jobs.logs import log_to_stderr, tell


def test_secrets_that_are_read_again_are_known_once(monkeypatch) -> None:
    """A daemon reads them at each run, for years."""
    monkeypatch.setenv("SECRET", "hunter22")
    context = Context(config=None)
    for _ in range(3):
        assert context.secret("SECRET") == "hunter22"
    assert context.secrets == ["hunter22"]


def test_journald_is_told_how_grave_each_line_is(monkeypatch, capfd) -> None:
    """By the numbers of sd-daemon(3), before each line of an event."""
    there = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino}")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log_to_stderr(logging.DEBUG, ["hunter22"])
    tell(logging.DEBUG, "debug")
    tell(logging.INFO, "info\nof two lines")
    tell(logging.WARNING, "warning of hunter22")
    tell(logging.ERROR, "error")
    tell(logging.CRITICAL, "critical")
    assert capfd.readouterr().err.splitlines() == [
        "<7>debug",
        "<6>info",
        "<6>of two lines",
        "<4>warning of [redacted]",
        "<3>error",
        "<3>critical",
    ]
