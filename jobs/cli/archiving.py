"""What `run` does, and the daemon each time it is due."""

import logging
import os
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from archiver.errors import ArchiverError, StoreError
from archiver.model import RunReport
from jobs.accounts import chosen_accounts
from jobs.archiving import Hold, Job
from jobs.cli.context import Context
from jobs.cli.progress import watching
from jobs.daily import plan
from jobs.lock import hold as hold_at_once
from jobs.lock import holder
from jobs.logs import tell
from jobs.running import Notices, run_noticed
from jobs.turn import Observer
from storage.opening import is_new


def archive_once(
    context: Context,
    accounts: Sequence[str] = (),
    *,
    hold: Hold = hold_at_once,
    observers: Sequence[Observer] = (),
) -> RunReport:
    """Archive all that is due of some accounts, or of all; the configuration is read anew.

    Raises ConfigError and ArchiveBusyError; all else is in the report.
    """
    config = context.load()
    notices = Notices.of(config, os.environ, context.secrets)
    passwords, unread = context.passwords_there(chosen_accounts(config, accounts))
    _tell_of_an_empty_folder(config.archive.directory)
    run_id = uuid4()
    with watching(context, run_id, observers) as observer:
        job = Job(
            "run",
            config,
            passwords,
            plan,
            observer=observer,
            hold=hold,
            run_id=run_id,
            unread=unread,
        )
        return run_noticed(job, notices)


def _tell_of_an_empty_folder(directory: Path) -> None:
    """A folder without an archive may be where a disk isn't mounted: all would begin anew."""
    with suppress(StoreError):  # the run says what is wrong with it
        if directory.is_dir() and is_new(directory) and not holder(directory):
            tell(
                logging.WARNING,
                f"warning: {directory} has no archive: a new one is begun. If there was one, see "
                "whether its disk is mounted",
            )


def unraised(run: Callable[[], RunReport]) -> str:
    """Do a run and give its outcome; what it raises is told, for the next one may succeed."""
    try:
        return run().outcome
    except ArchiverError as error:
        for line in str(error).splitlines():
            tell(logging.ERROR, line)
    except Exception:  # noqa: BLE001 - a defect of ours in one run must not end all that follow
        tell(logging.ERROR, f"unexpected: {traceback.format_exc()}")
    return "failed"
