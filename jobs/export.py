"""`export`: clicks, links and totals, by account, time and id, as JSON lines or CSV."""

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal
from zoneinfo import ZoneInfo

from archiver.errors import ConfigError
from archiver.lines import line_of
from archiver.model import CLICK_FIELDS, Row, Window
from jobs.accounts import refuse_unknown
from jobs.guarded import is_special, resolved
from jobs.period import typed_period
from jobs.whole_file import whole_file, write_errors
from storage.links import LINK_FIELDS, TOTAL_FIELDS
from storage.reading import ArchivedAccount, ArchiveReader, open_reader

_ROWS_TOLD_AT_ONCE = 5000
_CSV_END = "\r\n"

What = Literal["clicks", "links", "totals"]
FIELDS: Mapping[What, Sequence[str]] = {
    "clicks": CLICK_FIELDS,
    "links": LINK_FIELDS,
    "totals": TOTAL_FIELDS,
}


@dataclass(frozen=True, slots=True)
class Export:
    """What is asked for: accounts (none: all), a period as typed, a format."""

    what: What
    accounts: Sequence[str]
    start: str | None
    end: str | None  # out
    format: Literal["jsonl", "csv"]
    configured: Collection[str] = ()  # accounts that may be asked for before they are archived

    def write(
        self,
        directory: Path,
        output: BinaryIO,
        progress: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> None:
        """Write what the archive in `directory` has of it; of no archive, nothing.

        `progress` is told how many clicks of about how many are written. Raises ConfigError, and
        writes nothing, where what is asked for can't be understood.
        """
        with open_reader(directory) as reader:
            chosen = self._chosen(reader.accounts() if reader else [])
            windows = [self._window(ZoneInfo(account.timezone)) for account in chosen]
            if not windows:
                self._window(ZoneInfo("UTC"))
            write_row = _writer(output, self.format, FIELDS[self.what])
            if reader is None:
                return
            asked = [(a.name, window) for a, window in zip(chosen, windows, strict=True)]
            of = sum(reader.count_clicks(*each) for each in asked) if self.what == "clicks" else 0
            rows = chain.from_iterable(self._rows(reader, *each) for each in asked)
            for done, row in enumerate(rows):
                write_row(row)
                if of and not done % _ROWS_TOLD_AT_ONCE:
                    progress(done, of)

    def _rows(self, reader: ArchiveReader, account: str, window: Window) -> Iterator[Row]:
        if self.what == "links":
            return reader.links.export_links(account)
        if self.what == "totals":
            return reader.links.export_totals(account, window)
        return reader.clicks(account, window)

    def _chosen(self, accounts: Sequence[ArchivedAccount]) -> list[ArchivedAccount]:
        refuse_unknown(self.accounts, {*self.configured, *(account.name for account in accounts)})
        return [a for a in accounts if not self.accounts or a.name in self.accounts]

    def _window(self, zone: ZoneInfo) -> Window:
        if self.what == "links" and (self.start or self.end):
            raise ConfigError("--from and --to are for clicks and totals: links have no time")
        return typed_period(self.start, self.end, zone)


@contextmanager
def output_file(path: Path) -> Iterator[BinaryIO]:
    """A whole file, in the place that a link leads to where the path is one.

    What holds no content, such as a pipe or /dev/null, is written into and stays what it is.
    """
    if is_special(path):
        with write_errors(path), path.open("wb") as file:
            yield file
    else:
        with whole_file(resolved(path) if path.is_symlink() else path) as file:
            yield file


def _writer(
    output: BinaryIO, form: Literal["jsonl", "csv"], fields: Sequence[str]
) -> Callable[[Row], object]:
    """What writes a row in the format; for CSV the header is written at once."""
    if form == "jsonl":
        return lambda row: output.write(line_of(row, fields))
    writer = csv.writer(_CsvLines(output), lineterminator=_CSV_END)
    writer.writerow(fields)
    return lambda row: writer.writerow(map(_csv_value, row))


@dataclass(frozen=True, slots=True)
class _CsvLines:
    """Ends csv's lines by LF alone, though the writer ends them by CR LF.

    It quotes a value for what ends its lines: told to end them by LF, it would leave a lone CR
    bare, and every reader would end a row there.
    """

    output: BinaryIO

    def write(self, row: str) -> None:
        self.output.write(f"{row.removesuffix(_CSV_END)}\n".encode())


def _csv_value(value: str | int | None) -> str:
    """As in JSON, but null is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value).lower()
