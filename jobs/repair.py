"""`repair`: a damaged day fetched again, and what is stored of it made right.

Nothing is changed before all of the day's covered time is there, and then all of it in one step.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

from archiver.config import Config
from archiver.config_account import Account
from archiver.engine import comparable
from archiver.errors import AccountError, ConfigError, StoreError, WindowError
from archiver.fetching import fetch_slices
from archiver.identity import facts_of, reconcile
from archiver.mending import Mended, mend
from archiver.model import CLICKED_AT, AccountReport, Rejected, Row, Window
from archiver.plan import plan_end
from archiver.sources.base import Source
from archiver.store import Commit
from archiver.timestamps import earliest, format_utc
from archiver.windows import belonging, clip, day_window, intersect, total_seconds
from jobs.lock import hold
from jobs.rejected import tell_rejected
from jobs.reports import all_told, redact
from jobs.settings import hold_settings
from jobs.sources import address_treatment, local_times, open_service
from jobs.turn import Observer, Observers, system_clock
from storage.database import FILE_NAME, store_errors
from storage.mending.base import DayStore, FoundDay, MendedDay
from storage.mending.jsonl import JsonlDayStore
from storage.mending.sqlite import SqliteDayStore
from storage.opening import Archive, open_archive

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(slots=True)
class Repaired:
    """What a repair did."""

    report: AccountReport
    day: str
    clicks: int = 0  # that the day holds now
    came_back: int = 0
    replaced: int = 0
    removed: int = 0
    unreadable: int = 0
    orphans: int = 0  # revisions of clicks that aren't stored, taken out
    not_given: int = 0  # clicks that stay though the service doesn't give them any more
    done: bool = False  # else nothing was changed, and the report says why
    sound: bool = False  # there was nothing to do
    as_committed: bool = False
    kept_in: Path | None = None  # the file that has what was taken out


class _Slice(NamedTuple):
    """What the service gives of a window."""

    window: Window
    rows: list[Row]
    rejected: list[Rejected]


@dataclass(frozen=True, slots=True)
class Repair:
    """One execution of `repair`."""

    config: Config
    account: Account
    password: str
    day: str  # a UTC day
    clock: Callable[[], datetime] = system_clock
    observer: Observer = field(default_factory=Observers)
    run_id: UUID = field(default_factory=uuid4)

    def execute(self) -> Repaired:
        """Repair the day, under the archive's lock.

        Raises ArchiveBusyError, ConfigError where there is no such day to repair, and StoreError
        where the archive can't be opened; all else is in the report.
        """
        directory, kind = self.config.archive.directory, self.config.archive.store
        with store_errors("look into", directory):
            is_there = (directory / FILE_NAME).exists()
        if not is_there:
            raise ConfigError(f"there is no archive in {directory}: nothing can be repaired")
        with hold(directory), open_archive(directory, kind) as archive:
            days: DayStore = (
                SqliteDayStore(archive.ledger, directory)
                if kind == "sqlite"
                else JsonlDayStore(archive.ledger, directory)
            )
            repaired = Repaired(AccountReport(self.account.name), self.day)
            self._repair(archive, days, repaired)
        return repaired

    def _repair(self, archive: Archive, days: DayStore, repaired: Repaired) -> None:
        name, report = self.account.name, repaired.report
        found = days.find(name, self.day)
        covered = intersect(archive.ledger.coverage(name), [day_window(self.day)])
        if not (covered or found.rows or found.unreadable or found.torn or found.said):
            raise ConfigError(
                f"account {name}: nothing of {self.day} (UTC) is archived: there is nothing to "
                f"repair. {self._how_to_archive()}"
            )
        archived = archive.settings.ip(name)
        if archived not in {None, self.account.ip}:
            raise ConfigError(
                f"account {name}: ip is {self.account.ip!r}, and clicks were archived under "
                f"{archived!r} up to now: repaired ones would be others. Set it back until the "
                "day is repaired"
            )
        report.warnings += hold_settings(archive, [self.account])[name]
        try:
            with archive.transaction():
                number = archive.runs.start(name, "repair", self.run_id, self.clock())
            with all_told(report):
                slices = self._fetch(archive, covered)
                self._mend(archive, days, found, slices, repaired)
            redact(report, [self.password])
            archive.in_place.check()
            with archive.transaction():
                tell_rejected(archive, report, self.clock())
                archive.runs.finish(number, report, self.clock())
        except StoreError as error:
            report.errors.append(str(error))
        self.observer.end(report)

    def _how_to_archive(self) -> str:
        """What archives a day of which nothing is archived."""
        if self.account.service == "linkbee":
            return "Linkbee gives no clicks, only totals"
        day = day_window(self.day)
        if day.start > self.clock():
            return "It hasn't come yet"
        return f"`link-archiver backfill --from {self.day} --to {day.end:%Y-%m-%d}` archives it"

    def _fetch(self, archive: Archive, covered: Sequence[Window]) -> list[_Slice]:
        """What the service gives of what is covered of the day and has settled.

        Raises SourceError where it can't all be had.
        """
        name = self.account.name
        if not covered:
            return []
        lookback_from = archive.settings.lookback_from(name)
        if lookback_from and covered[0].start < lookback_from:
            raise AccountError(
                f"what is archived before {format_utc(lookback_from)} can't be compared with what "
                "the service gives now, for ids or ip changed then. Nothing has been changed; put "
                "the day back from a copy"
            )
        treat_address = address_treatment(self.account, archive)
        with closing(open_service(self.account, self.password, treat_address)) as service:
            source = service.clicks
            if source is None:
                raise AccountError("the service has no log of clicks")
            now = earliest([self.clock(), source.served_at()]) or self.clock()
            settled = clip(
                covered[0].start, plan_end(now, self.account.settle, local_times(self.account))
            )
            windows = intersect(covered, [settled]) if settled else []
            self.observer.begin(name, total_seconds(windows))
            return self._fetch_windows(source, windows)

    def _fetch_windows(self, source: Source, windows: Sequence[Window]) -> list[_Slice]:
        fetched: list[_Slice] = []
        slices = fetch_slices(source, deque(windows), self.account.concurrency)
        with closing(slices):
            for window, slice_ in slices:
                if isinstance(slice_, WindowError):
                    raise AccountError(f"{window}: {slice_}. Nothing has been changed")
                fetched.append(_Slice(window, belonging(slice_.rows, window), slice_.rejected))
                self.observer.advance(self.account.name, window)
        return fetched

    def _mend(
        self,
        archive: Archive,
        days: DayStore,
        found: FoundDay,
        slices: Sequence[_Slice],
        repaired: Repaired,
    ) -> None:
        fetched = [row for each in slices for row in each.rows]
        name, day = self.account.name, day_window(self.day)
        revisions = archive.ledger.revisions(name, day)
        named = zip(found.rows, found.keys, strict=True)
        latest = [revisions.get(key, facts_of(row)) for row, key in named]
        if not comparable(dict(zip(found.keys, latest, strict=True)), fetched):
            raise AccountError(
                f"what is archived of {self.day} can't be compared with what the service gives "
                "now, for it began or ceased to give ids. Nothing has been changed; put the day "
                "back from a copy"
            )
        mended = mend(found.rows, latest, fetched, _committed(found))
        wanted = [None if place is None else found.keys[place] for place in mended.origins]
        keys = days.keys(mended.rows, wanted)
        known = {
            key: revisions.get(key, facts_of(row))
            for row, key in zip(mended.rows, keys, strict=True)
        }
        revised = reconcile(known, fetched).revised
        times = (row[CLICKED_AT] for row in mended.rows)
        orphans = archive.ledger.orphans(name, self.day, set(zip(times, keys, strict=True)))
        whole = MendedDay(
            found,
            mended.rows,
            keys,
            mended.set_aside,
            Commit(
                account=name,
                window=day,
                clicks=mended.came,
                keys=keys[len(keys) - len(mended.came) :],
                revised=revised,
                seen_at=self.clock(),
            ),
            orphans,
        )
        as_it_was = found.sound and mended.rows == found.rows
        repaired.sound = as_it_was and not (revised or orphans)
        if not repaired.sound:
            repaired.kept_in = days.replace(whole)
        with archive.transaction():
            archive.ledger.mend_coverage(name)
            for each in slices:
                archive.rejected.record(
                    Commit(name, each.window, (), (), {}, self.clock(), each.rejected)
                )
        repaired.done = True
        repaired.orphans = len(orphans)
        repaired.report.windows, repaired.report.fetched = len(slices), len(fetched)
        _tell(repaired, found, mended)


def utc_day(text: str) -> str:
    """The day as typed. Raises ConfigError where it is none."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise ConfigError(f"--day {text[:80]!r} is no day: write a date in UTC, such as 2026-11-19")


def _committed(found: FoundDay) -> tuple[int, str] | None:
    """The number of clicks and the digest in the ledger, where they are what they should be."""
    if found.said is None or not _DIGEST.fullmatch(str(found.said.digest)):
        return None
    return found.said.clicks, found.said.digest


def _tell(repaired: Repaired, found: FoundDay, mended: Mended) -> None:
    repaired.report.new = repaired.came_back = len(mended.came)
    repaired.clicks = len(mended.rows)
    repaired.replaced = mended.replaced
    repaired.removed = len(mended.set_aside) - mended.replaced
    repaired.unreadable = len(found.unreadable)
    repaired.not_given = len(mended.not_given)
    repaired.as_committed = mended.as_committed
    said = _committed(found)
    if said is not None and not mended.as_committed and said[0] > len(mended.rows):
        repaired.report.errors.append(
            f"{repaired.day}: {said[0]:,} clicks were committed, and {len(mended.rows):,} could "
            "be had: the service doesn't give the others any more. Put the day back from a copy, "
            "if there is one"
        )
    elif said is not None and not mended.as_committed:
        told = repaired.report.errors if mended.not_given else repaired.report.warnings
        told.append(
            f"{repaired.day}: nothing shows that what is stored now is what was committed: clicks "
            f"that changed or went at the service, or that another program changed, are among "
            f"it. {len(mended.not_given):,} stay that the service doesn't give; compare them with "
            "a copy, if there is one"
        )
