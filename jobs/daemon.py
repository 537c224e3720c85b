"""`daemon`: stays up and does `run` on the schedule.

The scheduler only says that a run is due; the main thread does it, as `link-archiver run` does.
So no two are under way at once, one that comes due meanwhile is done right after, and a signal
ends it in the same way.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from archiver.model import AccountReport, Window
from archiver.timestamps import format_utc
from jobs.logs import tell
from jobs.schedule import Schedule
from jobs.systemd import Notifier

#: How often the clock is looked at, and systemd told that we are alive.
BEAT_SECONDS = 60.0
#: A run in which nothing at all happens for so long hangs. A slice of many pages, each with its
#: deadline and read several times, may take hours.
_SILENCE_SECONDS = 6 * 3600.0

_JOB = "run"


class SignsOfLife:
    """Who watches a run by whether anything happens in it."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def silent_seconds(self) -> float:
        """How long nothing has happened."""
        return time.monotonic() - self._last

    def note(self) -> None:
        self._last = time.monotonic()

    def begin(self, account: str, seconds: int) -> None:
        del account, seconds
        self.note()

    def advance(self, account: str, window: Window) -> None:
        del account, window
        self.note()

    def count(self, account: str, done: int, of: int) -> None:
        del account, done, of
        self.note()

    def end(self, _: AccountReport) -> None:
        self.note()

    def warn(self, account: str, warning: str) -> None:
        del account, warning
        self.note()

    def fail(self, account: str, error: str) -> None:
        del account, error
        self.note()


class Daemon:
    """Runs when it is due, for years: through suspends, clock changes and wrong clocks."""

    def __init__(
        self,
        schedule: Schedule,
        run: Callable[[], str],
        *,
        signs_of_life: SignsOfLife,
        clock: Callable[[], datetime],
        notifier: Notifier,
        scheduler: BaseScheduler | None = None,
    ) -> None:
        """Take `run`, which does one run, raises nothing, and gives its outcome in a word or two.

        `scheduler` is for tests, whose time is their own.
        """
        self._schedule = schedule
        self._run = run
        self._signs_of_life = signs_of_life
        self._clock = clock
        self._notifier = notifier
        self._due = threading.Event()
        self._last = "none yet"
        self._scheduler = scheduler or BackgroundScheduler()
        self._scheduler.configure(executors={"default": DebugExecutor()}, timezone=UTC)

    def serve(self) -> None:
        """Run now, for coverage knows what is due, and then on the schedule, until a signal."""
        self.start()
        stopped = threading.Event()
        beats = threading.Thread(target=self._beat_until, args=(stopped,), daemon=True)
        beats.start()
        try:
            self._notifier.send("READY=1")
            while True:
                self.run_what_is_due()
                # Not for ever: a signal that comes just before a wait is heeded after it.
                self._due.wait(1.0)
                self._signs_of_life.note()
        finally:
            self._notifier.send("STOPPING=1")
            stopped.set()
            self._scheduler.shutdown(wait=False)

    def start(self) -> None:
        """Start the scheduler; a run is due at once."""
        self._scheduler.add_job(
            self._due.set,
            self._schedule,
            id=_JOB,
            misfire_grace_time=None,  # however late
            coalesce=True,
            max_instances=1,
        )
        self._scheduler.start()
        self._due.set()

    def run_what_is_due(self) -> None:
        """Do a run if one is due; whatever came due until it began is one."""
        if not self._due.is_set():
            return
        self._due.clear()
        self._tell("running")
        self._last = f"{self._run()} at {format_utc(self._clock())}"
        gc.collect()  # errors lie about in circles, which runs hardly ever look for
        following = format_utc(self._next_run_time())
        tell(logging.INFO, f"next run at {following}")
        self._tell(f"next run {following}; last run: {self._last}")

    def beat(self) -> None:
        """Look at the clock: the scheduler sleeps through suspends and steps of it.

        What is overdue runs now. After a step backwards the next run is earlier than was planned.
        """
        expected = self._schedule.get_next_fire_time(None, self._clock())
        if expected is not None and expected < self._next_run_time():
            self._scheduler.modify_job(_JOB, next_run_time=expected)
        self._scheduler.wakeup()
        if self._signs_of_life.silent_seconds() < _SILENCE_SECONDS:
            self._notifier.send("WATCHDOG=1")

    def _next_run_time(self) -> datetime:
        planned: datetime = self._scheduler.get_job(_JOB).next_run_time
        return planned

    def _beat_until(self, stopped: threading.Event) -> None:
        watchdog_seconds = self._notifier.watchdog_seconds
        while not stopped.wait(min(BEAT_SECONDS, (watchdog_seconds or BEAT_SECONDS * 2) / 2)):
            self.beat()

    def _tell(self, status: str) -> None:
        self._notifier.send(f"STATUS={status}")
