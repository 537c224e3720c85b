"""A progress bar on a terminal; without one, nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobs.archiving import Observer, Unobserved
from jobs.cli.context import Context

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def observer(context: Context) -> Iterator[Observer]:
    """Who watches a run: a bar where somebody can see it."""
    if context.quiet or not sys.stderr.isatty():
        yield Unobserved()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[days]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bars(progress)


class _Bars:
    """One bar an account, over the time that it fetches."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, account: str, seconds: int) -> None:
        days = f"{seconds / 86400:.1f} days"
        self._task = self._progress.add_task(account, total=seconds, days=days)

    def advance(self, seconds: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, seconds)
