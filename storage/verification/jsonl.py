"""The days of the JSONL store: each line read again, each file held against its length."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

from archiver.lines import row_of
from archiver.model import Row
from archiver.windows import day_window, subtract
from storage.committed import Committed, open_committed
from storage.database import store_errors
from storage.jsonl import day_of_path, path_of
from storage.ledger import DayRow
from storage.verification.base import Advance, Difference, Findings, Tally, held_against, printable
from storage.verification.coverage import covered
from storage.verification.revisions import Revised

_LINES_AT_ONCE = 1000


class JsonlDays:
    """Reads the day files, a thousand lines at a time."""

    def __init__(self, connection: sqlite3.Connection, directory: Path) -> None:
        self._connection = connection
        self._directory = directory
        self._days, self._strays = _listed(connection, directory)

    def accounts(self) -> set[str]:
        return set(self._days)

    def days(self, account: str) -> Collection[str]:
        return self._days.get(account, ())

    def dayless(self) -> list[Difference]:
        return [Difference(None, None, "file", None, printable(path)) for path in self._strays]

    def look(self, account: str, day: str, said: DayRow | None, advance: Advance) -> Findings:
        path, revised = path_of(account, day), Revised(self._connection, account, day)
        with (
            store_errors("read", self._directory / path, (OSError,)),
            open_committed(self._connection, self._directory, path) as committed,
        ):
            if committed.committed_bytes is None and said is None:
                findings = self._look_at_unknown(account, day, committed)
            else:
                findings = _look_at_known(account, day, said, committed, revised, advance)
        findings.differences += revised.differences()
        return findings

    def _look_at_unknown(self, account: str, day: str, file: Committed) -> Findings:
        """A file that never counted: what a run left, or is writing, where its time is due."""
        if file.length == 0:
            return Findings()
        if subtract([day_window(day)], covered(self._connection, account)):
            return Findings(notes=[f"{file.path}: {file.length:,} bytes were never committed"])
        return Findings(differences=[Difference(account, day, "file", None, file.length)])


def _look_at_known(
    account: str,
    day: str,
    said: DayRow | None,
    file: Committed,
    revised: Revised,
    advance: Advance,
) -> Findings:
    findings, tally = Findings(), Tally()
    found = None if file.file is None else file.length
    if file.committed_bytes is None or (found or 0) < file.committed_bytes:
        findings.differences.append(Difference(account, day, "bytes", file.committed_bytes, found))
    elif file.length > file.committed_bytes:
        torn = file.length - file.committed_bytes
        findings.notes.append(
            f"{file.path}: its last {torn:,} bytes were never committed, and don't count"
        )
    lines = file.first_lines(file.committed_bytes or 0)
    while batch := list(islice(lines, _LINES_AT_ONCE)):
        rows = list(_rows(batch))
        tally.unreadable += len(batch) - len(rows)
        revised.see_in_order(tally.add(rows))
        advance(len(batch))
    findings.clicks = tally.clicks
    findings.differences.extend(held_against(said, tally, account, day))
    return findings


def _rows(lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        try:
            row = row_of(line)
        except (ValueError, KeyError, TypeError):
            continue
        if line.endswith(b"\n"):
            yield row


def _listed(
    connection: sqlite3.Connection, directory: Path
) -> tuple[dict[str, set[str]], list[str]]:
    """Each account's days of which there is a file, or should be one; and files of no day."""
    with store_errors("read", directory, (OSError,)):
        paths = {
            file.relative_to(directory).as_posix()
            for file in directory.glob("clicks/**/*.jsonl")
            if file.is_symlink() or file.stat().st_size
        }
    paths.update(path for (path,) in connection.execute("SELECT path FROM files"))
    days: defaultdict[str, set[str]] = defaultdict(set)
    strays = []
    for path in sorted(paths):
        named = day_of_path(path)
        if named and path_of(*named) == path:
            days[named[0]].add(named[1])
        else:
            strays.append(path)
    return days, strays
