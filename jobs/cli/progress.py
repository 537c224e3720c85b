"""A progress bar on a terminal; without one, nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from archiver.model import Window
from archiver.windows import total_seconds
from jobs.cli.context import Context
from jobs.turn import Observer, Unobserved

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def observer(context: Context) -> Iterator[Observer]:
    """Who watches a run: a bar where somebody can see it."""
    if context.verbose:
        yield _Lines()
        return
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


@contextmanager
def counting(context: Context, of_what: str) -> Iterator[Callable[[int, int], None]]:
    """Who watches how many of how many are done: a bar where somebody can see it."""
    if context.quiet or not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(of_what, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)


class _Bars:
    """One bar an account, over the time that it fetches."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._links: TaskID | None = None

    def begin(self, account: str, seconds: int) -> None:
        self._links = None
        days = f"{seconds / 86400:.1f} days"
        self._task = self._progress.add_task(account, total=seconds, days=days)

    def advance(self, window: Window) -> None:
        if self._task is not None:
            self._progress.advance(self._task, total_seconds([window]))

    def count(self, account: str, done: int, of: int) -> None:
        if self._links is None:
            self._links = self._progress.add_task(f"{account}: links", total=of, days=f"{of:,}")
        self._progress.update(self._links, completed=done, total=of)


class _Lines:
    """A line for each window, for whoever asked for more words."""

    def begin(self, account: str, seconds: int) -> None:
        click.echo(f"{account}: {seconds / 86400:.1f} days to fetch", err=True)

    def advance(self, window: Window) -> None:
        click.echo(f"  {window}", err=True)

    def count(self, account: str, done: int, of: int) -> None:
        if done == of:
            click.echo(f"{account}: totals of {of:,} links", err=True)
