"""Killed, or cut off from power, at each step: the next run makes the archive exact."""

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from e2e.processes import Commands
from support import figures
from support.archive import TestArchive
from support.service import Service
from support.steps import Fault

START, END = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 4, tzinfo=UTC)
BACKFILL = ("backfill", "--from", "2024-05-01", "--to", "2024-05-04")
#: So much of the period is archived before the process that is killed begins.
BEFORE = START + timedelta(hours=30)
NOW = END + timedelta(days=1)

SOAK_DEATHS_AT_ANY_MOMENT = 40

cases = pytest.mark.parametrize(
    ("store", "concurrency"), [(store, n) for store in ("sqlite", "jsonl") for n in (1, 4)]
)


@dataclass(slots=True)
class Trial:
    """Makes archives that are half done, and backfills that end before their time."""

    folder: Path
    service: Service
    address: str
    store: str
    concurrency: int
    numbers: Iterator[int]

    def archive(self) -> tuple[Commands, TestArchive]:
        commands = Commands(self.folder / str(next(self.numbers)))
        archive = TestArchive(
            commands.folder,
            self.address,
            store=self.store,
            concurrency=self.concurrency,
            page_size=20,
        )
        archive.backfill(START.isoformat(), BEFORE.isoformat(), NOW)
        return commands, archive

    def steps(self) -> list[str]:
        """The names of the steps of a backfill that nothing happens to."""
        commands, _ = self.archive()
        log = commands.folder / "steps"
        commands(*BACKFILL, "--again", **commands.going_wrong(STEPS_LOG=log))
        return log.read_text().split("\n")

    def end_at(self, fault: Fault) -> None:
        """End a backfill at a step, and hold what the next one makes of it."""
        commands, archive = self.archive()
        before = archive.export()
        commands(*BACKFILL, "--again", code=-signal.SIGKILL, **commands.going_wrong(STEPS=fault))
        assert set(before.splitlines()) <= set(archive.export().splitlines())
        self.hold(archive)
        figures.count(f"command: {fault.kind}")

    def hold(self, archive: TestArchive) -> None:
        """The next backfill makes it exact; one more finds nothing to do, and all is whole."""
        start, end = START.isoformat(), END.isoformat()
        assert archive.backfill(start, end, NOW).outcome == "complete"
        truth = self.service.clicks_between(START, END)
        assert archive.clicks() == truth
        again = archive.backfill(start, end, NOW, again=True)
        assert (again.outcome, again.accounts[0].new) == ("complete", 0)
        assert archive.clicks() == truth
        assert archive.status(NOW)["clicks"] == truth.total()
        assert _damage(archive) == []


@pytest.fixture
def trial(tmp_path, service, store, concurrency) -> Iterator[Trial]:
    """A service with three days of clicks: no ids, and so the second of two is alike."""
    service.populate(200, START, END)
    with service.serving(("no-id",)) as address:
        yield Trial(tmp_path, service, address, store, concurrency, count(1))


@cases
def test_killed_at_a_step_or_at_any_moment(trial) -> None:
    """Wherever it ends, nothing is lost, doubled, or taken for archived that isn't there."""
    steps = trial.steps()
    for nth, kind in enumerate(("kill", "power-cut", "torn", "kill")):
        trial.end_at(Fault(kind, _at(steps, kind, (nth + random.random()) / 4)))
    _kill_at_any_moment(trial, 1)


@pytest.mark.soak
@cases
def test_killed_at_every_step(trial) -> None:
    """Before each, amid each that writes, and with all lost that wasn't synced by then.

    SQLite does its own syncing: for its store a loss of power is a kill.
    """
    for at, name in enumerate(trial.steps(), start=1):
        trial.end_at(Fault("kill", at))
        if name == "write":
            trial.end_at(Fault("torn", at))
        if trial.store == "jsonl":
            trial.end_at(Fault("power-cut", at))


@pytest.mark.soak
@cases
def test_killed_at_any_moment_again_and_again(trial) -> None:
    """As it comes, not where we thought of it."""
    _kill_at_any_moment(trial, SOAK_DEATHS_AT_ANY_MOMENT)


def _damage(archive: TestArchive) -> list[str]:
    """What SQLite finds wrong with the database.

    Versions 3.40 and 3.41 find NULLs that aren't there, in a table WITHOUT ROWID whose key isn't
    its first columns.
    """
    found = [text for (text,) in archive.query("PRAGMA integrity_check")]
    return [text for text in found if text != "ok" and not text.startswith("NULL value in ")]


def _at(steps: list[str], kind: str, where: float) -> int:
    """A step about so far on the way; half a write needs a write."""
    writes = [at for at, name in enumerate(steps, start=1) if name == "write"]
    fit = writes if kind == "torn" and writes else range(1, len(steps) + 1)
    return fit[int(where * len(fit))]


def _kill_at_any_moment(trial: Trial, times: int) -> None:
    """Those that were done before the moment came don't count, and are tried again."""
    commands, archive = trial.archive()
    began = time.monotonic()
    commands(*BACKFILL, "--again")
    usual_seconds = time.monotonic() - began
    killed = 0
    while killed < times:
        backfill = commands.start(*BACKFILL, "--again")
        time.sleep(random.uniform(0.3, 1) * usual_seconds)
        backfill.kill()
        if commands.end(backfill).code == -signal.SIGKILL:
            trial.hold(archive)
            killed += 1
    figures.count("command: kill at any moment", killed)
