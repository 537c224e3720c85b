"""Who watches a run: its log, and on a terminal a bar with rate and time left."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from archiver.model import AccountReport, Window
from archiver.windows import total_seconds
from jobs.cli.context import Context
from jobs.logs import EventLog
from jobs.turn import Observer, Observers

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def watching(
    context: Context, run_id: UUID, observers: Sequence[Observer] = ()
) -> Iterator[Observer]:
    """Whoever watches a run, and these."""
    log = EventLog(run_id)
    with progress_bars(context) as bars:
        yield Observers([log, *observers] if bars is None else [_Bars(bars), log, *observers])


@contextmanager
def progress_bars(context: Context) -> "Iterator[Progress | None]":
    """Where bars may be shown: on a terminal, unless it is to be quiet or has lines instead."""
    if context.quiet or context.verbose or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress


@contextmanager
def counting(context: Context, of_what: str) -> Iterator[Callable[[int, int], None]]:
    """Who watches how many of how many are done: a bar where somebody can see it."""
    with progress_bars(context) as bars:
        if bars is None:
            yield lambda _done, _of: None
            return
        task = bars.add_task(of_what, total=None, told="")
        yield lambda done, of: bars.update(
            task, completed=done, total=of, told=f"{done:,} of {of:,}"
        )


class _Bars:
    """A bar for the time that an account fetches, then one for its links."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._begun = time.monotonic()
        self._days = 0.0

    def begin(self, account: str, seconds: int) -> None:
        self._begun, self._days = time.monotonic(), 0.0
        self._show(account, seconds)

    def advance(self, account: str, window: Window) -> None:
        seconds = total_seconds([window])
        self._days += seconds / 86400
        rate = self._days / max(0.1, time.monotonic() - self._begun)
        told = f"{self._days:,.1f} days, {rate:,.1f} days/s"
        self._progress.update(self._tasks[account], advance=seconds, told=told)

    def count(self, account: str, done: int, of: int) -> None:
        name = f"{account}: links"
        if name not in self._tasks:
            self._show(name, of)
        self._progress.update(
            self._tasks[name], completed=done, total=of, told=f"{done:,} of {of:,}"
        )

    def end(self, _: AccountReport) -> None:
        for task in self._tasks.values():
            self._progress.remove_task(task)
        self._tasks.clear()

    def warn(self, account: str, warning: str) -> None:
        """The log says it: there is no bar any more."""

    def fail(self, account: str, error: str) -> None:
        """The same."""

    def _show(self, name: str, total: int) -> None:
        self._tasks[name] = self._progress.add_task(name, total=total, told="")
