"""The JSONL store: one append-only file an account and UTC day; the ledger says what counts."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from archiver.errors import CorruptArchiveError
from archiver.identity import Known, facts_of, keys_of
from archiver.lines import lines_of, row_of, time_of
from archiver.model import CLICKED_AT, Row, Window
from archiver.store import Commit
from archiver.timestamps import format_utc
from storage.appending import append, torn_bytes
from storage.committed import open_committed
from storage.database import store_errors, transaction
from storage.ledger import Ledger

_ONE_SECOND = timedelta(seconds=1)
_DAY_FILE = re.compile(r"clicks/([A-Za-z0-9_-]+)/\d{4}/(\d{4}-\d\d-\d\d)\.jsonl", re.ASCII)


class JsonlStore:
    """Clicks in `<directory>/clicks/<account>/<YYYY>/<YYYY-MM-DD>.jsonl`."""

    def __init__(
        self, ledger: Ledger, directory: Path, check_in_place: Callable[[], None] = lambda: None
    ) -> None:
        """Take what raises StoreError where the ledger isn't in the directory any more."""
        self._ledger = ledger
        self._directory = directory
        self._check_in_place = check_in_place

    def known_clicks(self, account: str, window: Window) -> Known:
        with store_errors("read", self._directory):
            days = read_days(self._ledger, self._directory, account, window)
            rows = [row for day in days for row in day]
            if not rows:
                return {}
            known = dict(zip(keys_of(rows), map(facts_of, rows), strict=True))
            return known | self._ledger.revisions(account, window)

    def commit(self, commit: Commit) -> Sequence[str]:
        """Append and sync the clicks first; the ledger's transaction then makes them count."""
        notices: list[str] = []
        with store_errors("append to", self._directory):
            # Files are found by their names, the ledger by its open file: after a move, what the
            # one has written would be committed by the other.
            self._check_in_place()
            lengths = {}
            for path, rows in _by_path(commit.account, commit.clicks).items():
                file, committed = self._directory / path, self._ledger.committed_bytes(path)
                torn = torn_bytes(file, committed)
                if torn:
                    notices.append(
                        f"{file}: {torn:,} bytes that were never committed are now in a .torn "
                        "file beside it; what they held is fetched again"
                    )
                lengths[path] = append(file, lines_of(rows), committed)
            self._check_in_place()
            with transaction(self._ledger.connection):
                self._ledger.record(commit)
                self._ledger.record_lengths(lengths)
        return notices


def read_days(
    ledger: Ledger, directory: Path, account: str, window: Window
) -> Iterator[list[Row]]:
    """The window's clicks day by day, each day's in the order in which they were stored.

    Raises CorruptArchiveError where a file isn't what was committed.
    """
    start, end = format_utc(window.start), format_utc(window.end)
    for day in ledger.days_with_clicks(account, start, format_utc(window.end - _ONE_SECOND)):
        path = path_of(account, day)
        with open_committed(ledger.connection, directory, path) as committed:
            lines = committed.lines()
            try:
                rows = [row_of(line) for line in lines if start <= time_of(line) < end]
            except (ValueError, KeyError, TypeError):
                raise CorruptArchiveError(
                    f"{committed.path} has a line that is no click: it was changed by another "
                    "program. Nothing has been changed; put the file back from a copy, or fetch "
                    f"the day again with `link-archiver repair --account {account} --day {day}`"
                ) from None
        yield rows


def path_of(account: str, day: str) -> str:
    """A day's file, from the archive's directory on."""
    return f"clicks/{account}/{day[:4]}/{day}.jsonl"


def day_of_path(path: str) -> tuple[str, str] | None:
    """The account and the day of a day file; None where the path is none's."""
    found = _DAY_FILE.fullmatch(path)
    try:
        return found and (found[1], date.fromisoformat(found[2]).isoformat())
    except ValueError:
        return None


def _by_path(account: str, clicks: Sequence[Row]) -> dict[str, list[Row]]:
    paths: defaultdict[str, list[Row]] = defaultdict(list)
    for row in clicks:
        paths[path_of(account, row[CLICKED_AT][:10])].append(row)
    return paths
