"""Results on stdout, which may be a full disk or a reader that has had enough."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from archiver.errors import StoreError


def show(result: str | bytes) -> None:
    """Print a result. Raises StoreError where stdout doesn't take it."""
    with writing_to_stdout():
        click.echo(result)


@contextmanager
def writing_to_stdout() -> Iterator[None]:
    """Raise StoreError for what goes wrong with stdout, but for a reader that has gone."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon_stdout()
        raise StoreError(
            f"can't write to stdout: {error.strerror}. Check the disk's space"
        ) from None


def abandon_stdout() -> None:
    """Let what is still to be written to stdout go nowhere, without another error at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
