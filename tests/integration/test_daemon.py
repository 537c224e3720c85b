"""The daemon over more than a year: suspends, wrong clocks, clock changes, restarts."""

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from apscheduler.schedulers.base import BaseScheduler
from support.archive import TestArchive
from support.scripted import Reply, scripted
from support.service import PASSWORD

from archiver.config import load_config
from archiver.timestamps import format_utc, parse_utc
from jobs import daily
from jobs.archiving import Job
from jobs.daemon import Daemon, SignsOfLife
from jobs.schedule import Schedule
from jobs.systemd import Notifier

BEGIN = datetime(2025, 2, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEAT = HOUR  # of simulated time: 60 seconds would be the same, and take an hour
SETTLE = timedelta(minutes=10)
NEW_YORK = ZoneInfo("America/New_York")


class World:
    """True time, what the machine's clock shows of it, and a service whose clock is right."""

    def __init__(self, seed: int) -> None:
        self.now = BEGIN
        self.error = timedelta(0)  # of the machine's clock
        rng = random.Random(seed)
        days = [BEGIN + number * DAY for number in range(-3, 420)]
        instants = sorted(
            (day + timedelta(seconds=rng.randrange(86400))).replace(microsecond=0)
            for day in days
            for _ in range(rng.randrange(12))
        )
        self.clicks = [(instant, str(number)) for number, instant in enumerate(instants)]

    def clock(self) -> datetime:
        return self.now + self.error

    def answer(self, asked: dict[str, str]) -> Reply:
        """What the service has by now, as Linktrack compares it: local text, start in, end out."""
        matching = [
            {"id": number, "clicked_at": local}
            for instant, number in self.clicks
            if instant <= self.now and asked["start"] <= (local := _local(instant)) < asked["end"]
        ]
        offset = int(asked["offset"])
        stated = {"error": 0, "total": len(matching), "limit": 1000, "offset": offset}
        page = matching[offset : offset + 1000]
        return Reply(
            json.dumps({**stated, "history": page}).encode(),
            headers=(("Date", format_datetime(self.now, usegmt=True)),),
        )


def _local(instant: datetime) -> str:
    return instant.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S")


class Stepped(BaseScheduler):
    """APScheduler without a thread: it looks for what is due when it is woken."""

    wait_seconds: float | None = None

    def wakeup(self) -> None:
        self.wait_seconds = self._process_jobs()

    def shutdown(self, **how) -> None:
        super().shutdown(**how)


class Machine:
    """One machine with its daemon: it sleeps, is started again, and its clock is set."""

    def __init__(self, world: World, archive: TestArchive, schedule: Schedule) -> None:
        self.world, self.archive, self.schedule = world, archive, schedule
        self.runs: list[datetime] = []  # by the machine's clock
        self._overdue_for: timedelta | None = None
        self._shown = world.clock()
        self._next_beat = BEAT
        self.start()

    def start(self) -> None:
        """Start the daemon, for the first time or again: it runs at once."""
        self.scheduler = Stepped()
        self.daemon = Daemon(
            self.schedule,
            self._run,
            signs_of_life=SignsOfLife(),
            clock=self.world.clock,
            notifier=Notifier({}),
            scheduler=self.scheduler,
        )
        self.daemon.start()
        before = len(self.runs)
        self.daemon.run_what_is_due()
        assert len(self.runs) == before + 1
        self._shown, self._overdue_for = self.world.clock(), None

    def stay_awake(self) -> None:
        """Go on until the scheduler wakes by itself, or to the next heartbeat."""
        wait = timedelta(seconds=self.scheduler.wait_seconds or 1e9)
        step = min(wait, self._next_beat)
        self.world.now += step
        self._next_beat -= step
        if step == wait:
            self.scheduler.wakeup()
        if not self._next_beat:
            self._next_beat = BEAT
            self.daemon.beat()
        before = len(self.runs)
        self.daemon.run_what_is_due()
        self._check(step, len(self.runs) - before)

    def sleep(self, length: timedelta) -> None:
        """Nothing of this machine goes on meanwhile, its monotonic clock neither."""
        self.world.now += length

    def _check(self, step: timedelta, runs: int) -> None:
        """A run comes when the clock has passed a time of the schedule, by the next heartbeat."""
        shown, self._shown = self._shown, self.world.clock()
        due = self.schedule.get_next_fire_time(None, shown + timedelta(microseconds=1))
        if due <= self._shown and self._overdue_for is None:
            self._overdue_for = -step
        if self._overdue_for is not None:
            self._overdue_for += step
            assert runs == 1 or self._overdue_for <= BEAT, f"{due} is overdue at {self._shown}"
        else:
            assert runs == 0, f"a run at {self._shown}, due {due}"
        if runs:
            self._overdue_for = None

    def _run(self) -> str:
        self.runs.append(self.world.clock())
        config = load_config(self.archive.path)
        job = Job("run", config, {"acme": PASSWORD}, daily.plan, clock=self.world.clock)
        report = job.execute()
        assert report.outcome == "complete", report
        [(covered,)] = self.archive.query('SELECT max("end") FROM coverage')
        assert covered is None or parse_utc(covered) <= self.world.now - SETTLE
        return report.outcome


@pytest.mark.parametrize(
    ("zone", "cron", "seed"),
    [
        ("America/Havana", "30 0 * * *", 1),  # its clock is changed at midnight
        *(
            pytest.param(zone, cron, seed, marks=pytest.mark.soak)
            for zone, cron in (("UTC", "15 3 * * *"), ("America/New_York", "30 1,2 * * *"))
            for seed in range(2, 6)
        ),
    ],
)
def test_400_days_with_all_that_befalls_a_machine(tmp_path, monkeypatch, zone, cron, seed):
    """Each click of each day is archived once, no run comes at a wrong time or is left out, and
    nothing is covered before its time has come.
    """
    world = World(seed)

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return world.clock().astimezone(tz)

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Clock)
    rng = random.Random(seed)
    befalls = [
        *(("suspend", 3 * DAY) for _ in range(12)),
        *(("restart", None) for _ in range(20)),
        *(("clock", error) for error in (2 * DAY, -2 * DAY, 5 * HOUR, -5 * HOUR, 400 * DAY)),
        *(("clock", timedelta(days=rng.randrange(-30, 30))) for _ in range(5)),
    ]
    rng.shuffle(befalls)
    with scripted(world.answer) as url:
        archive = TestArchive(
            tmp_path / "a", url, timezone="America/New_York", format="json", deadline="10s"
        )
        machine = Machine(world, archive, Schedule(cron, ZoneInfo(zone)))
        every = 360 * DAY / len(befalls)
        for number, (what, how) in enumerate(befalls):
            while world.now < BEGIN + every * (number + rng.random() / 2):
                machine.stay_awake()
            if what == "suspend":
                machine.sleep(how)
            elif what == "restart":
                machine.start()
            else:
                world.error = how
                for _ in range(rng.randrange(5, 60)):
                    machine.stay_awake()
                world.error = timedelta(0)
        while world.now < BEGIN + 400 * DAY:
            machine.stay_awake()
    status = archive.status(world.now)
    assert status["gaps"] == []
    assert status["behind_seconds"] < 90_000
    [covered] = status["covered"]
    assert covered["start"] == format_utc(BEGIN - DAY)
    there = [
        number
        for instant, number in world.clicks
        if covered["start"] <= format_utc(instant) < covered["end"]
    ]
    assert Counter(each["id"] for each in archive.stored()) == Counter(there)
    assert len(machine.runs) > 360
