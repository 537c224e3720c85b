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
    """Write within. A reader that has had enough, such as `| head`, is no error: the block ends.

    Raises StoreError for anything else that goes wrong with stdout. click would end the process
    with 1 for either.
    """
    try:
        yield
    except BrokenPipeError:
        _abandon_stdout()
    except OSError as error:
        _abandon_stdout()
        raise StoreError(
            f"can't write to stdout: {error.strerror}. Check the disk's space"
        ) from None


def _abandon_stdout() -> None:
    """Let whatever still goes to stdout go nowhere, without another error at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
