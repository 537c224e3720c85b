"""Events as lines on stderr: for people, and for journald, which reads a line's priority off it.

An event says what happened to which account, in which window if in one, and in which run: the
ledger's table `runs` has the run's id too. Secrets are taken out of the finished line.
"""

import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from uuid import UUID

from archiver.model import AccountReport, Window
from archiver.redaction import RedactingFormatter
from jobs.summary import done_for

_EVENTS = logging.getLogger("link_archiver")
#: What sd-daemon(3) calls the levels.
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


def log_to_stderr(level: int, secrets: Sequence[str], *, timed: bool = False) -> None:
    """Show events from a level on; `secrets` may grow while the program runs.

    `timed` puts the time before each. Those that go to journald have its time, and a priority.
    """
    formatter: type[RedactingFormatter] = _Plain
    if _goes_to_journald(os.environ):
        formatter = _ForJournald
    elif timed:
        formatter = _Timed
    handler = _Stderr()
    handler.setFormatter(formatter(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # of the libraries
    _EVENTS.setLevel(level)


def tell(level: int, text: str) -> None:
    """Say something that is no part of a run."""
    _EVENTS.log(level, "%s", text)


class EventLog:
    """Who watches a run by writing down its events."""

    def __init__(self, run: UUID) -> None:
        self._run = run.hex[:8]

    def begin(self, account: str, seconds: int) -> None:
        self._write(logging.DEBUG, account, f"{seconds / 86400:.1f} days to fetch")

    def advance(self, account: str, window: Window) -> None:
        self._write(logging.DEBUG, account, f"{window}: done")

    def count(self, account: str, done: int, of: int) -> None:
        if done == of:
            self._write(logging.DEBUG, account, f"totals of {of:,} links")

    def end(self, report: AccountReport) -> None:
        for warning in report.warnings:
            self.warn(report.name, warning)
        for error in (report.error or "").splitlines():
            self._write(logging.ERROR, report.name, error)
        self._write(logging.INFO, report.name, done_for(report))

    def warn(self, account: str, warning: str) -> None:
        told = " ".join(warning.splitlines())
        self._write(logging.WARNING, account, f"warning: {told}")

    def fail(self, account: str, error: str) -> None:
        for line in error.splitlines():
            self._write(logging.ERROR, account, line)

    def _write(self, level: int, account: str, text: str) -> None:
        tell(level, f"{account}: {text} [run {self._run}]")


class _Stderr(logging.Handler):
    """Writes to whatever stderr is now, above a progress bar; a full disk there harms no run."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()


class _Plain(RedactingFormatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"link-archiver: {text}" if record.levelno >= logging.WARNING else text


class _Timed(RedactingFormatter):
    def format(self, record: logging.LogRecord) -> str:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        return f"{now} {super().format(record)}"


class _ForJournald(RedactingFormatter):
    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).splitlines() or [""]
        return "\n".join(f"<{_PRIORITIES.get(record.levelno, 3)}>{line}" for line in lines)


def _goes_to_journald(environ: Mapping[str, str]) -> bool:
    """Whether stderr is journald's: systemd names its device and inode."""
    with suppress(OSError, ValueError):
        there = os.fstat(sys.stderr.fileno())
        return environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"
    return False
