"""What the daemon does about a run, whatever the run does."""

import weakref
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from jobs.daemon import Daemon, SignsOfLife
from jobs.interpreter import seldom_collecting
from jobs.schedule import Schedule
from jobs.systemd import Notifier


class Odd(Exception):  # noqa: N818 - one that can be referred to weakly
    pass


def test_what_a_run_leaves_in_circles_is_gone_after_it() -> None:
    """An error holds what it happened amid: for years, that would add up."""
    left: list[weakref.ref[Odd]] = []

    def run() -> str:
        with seldom_collecting():
            error = Odd("held by itself")
            error.__cause__ = error
            left.append(weakref.ref(error))
        return "failed"

    daemon = Daemon(
        Schedule("15 3 * * *", ZoneInfo("UTC")),
        run,
        signs_of_life=SignsOfLife(),
        clock=lambda: datetime.now(UTC),
        notifier=Notifier({}),
    )
    daemon.start()
    try:
        daemon.run_what_is_due()
    finally:
        daemon._scheduler.shutdown(wait=False)
    assert left[0]() is None
