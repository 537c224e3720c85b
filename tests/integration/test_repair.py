"""`repair`: each kind of damage is mended, nothing is thrown away, at whatever step it ends."""

import json
import pkgutil
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from support.archive import TestArchive
from support.damage import DAMAGES, day_file, execute
from support.history import History
from support.scripted import Reply, scripted
from support.service import COMPARED, PASSWORD, Service
from support.verifying import DAMAGED, DAY, NOW, START, backfilled, repair, verify

from archiver.errors import ArchiveBusyError, ConfigError, WindowError
from archiver.model import Fetched
from archiver.sources.linktrack import LinktrackSource
from jobs.lock import hold
from refserver.database import NewClick

stores = pytest.mark.parametrize("store", ["sqlite", "jsonl"])
id_dialects = pytest.mark.parametrize("dialects", [(), ("no-id",)], ids=["ids", "no-id"])
every_damage = pytest.mark.parametrize(
    ("store", "damage"), [(store, name) for store, damages in DAMAGES.items() for name in damages]
)


@pytest.fixture(scope="module")
def copies(tmp_path_factory) -> Iterator[Callable[..., TestArchive]]:
    """What makes a copy of an archive of 400 clicks; the service still has them all."""
    made: dict[object, tuple[Path, str]] = {}
    with ExitStack() as stack:
        service = stack.enter_context(
            closing(Service(tmp_path_factory.mktemp("s") / "service.db"))
        )
        service.populate(400, START, START + 4 * DAY, links=5)

        def copy_to(folder: Path, store: str, dialects: tuple[str, ...] = ()) -> TestArchive:
            if (store, dialects) not in made:
                url = stack.enter_context(service.serving(dialects))
                original = backfilled(tmp_path_factory.mktemp("a"), url, store)
                assert original.clicks() == service.clicks_between(START, NOW)
                made[store, dialects] = original.directory, url
            directory, url = made[store, dialects]
            copy = TestArchive(folder / "copy", url, store=store)
            shutil.copytree(directory, copy.directory)
            return copy

        yield copy_to


@every_damage
@id_dialects
def test_each_damage_is_named_and_mended(copies, tmp_path, store, damage, dialects):
    """It names the day and exits 4; after repair it finds nothing, and what is stored is to
    the letter what it was.
    """
    archive = copies(tmp_path, store, dialects)
    before = archive.export()
    assert verify(archive).outcome == "intact"
    DAMAGES[store][damage](archive, DAMAGED)
    verdict = verify(archive)
    assert verdict.exit_code == 4
    assert {(each.account, each.day) for each in verdict.differences} <= {
        ("acme", DAMAGED), ("acme", None), (None, None),
    }  # fmt: skip
    assert ("acme", DAMAGED) in {(each.account, each.day) for each in verdict.differences}
    done = repair(archive)
    assert done.report.errors == []
    assert verify(archive).as_json() == {
        "outcome": "intact",
        "accounts": [{"name": "acme", "days": 4, "clicks": 400, "differences": 0, "error": None}],
        "differences": [],
        "notes": [],
    }
    assert archive.export() == before


@stores
@id_dialects
@pytest.mark.parametrize("ip", ["truncate", "hash", "drop"])
def test_addresses_that_are_not_kept_are_mended_as_they_were(utc, tmp_path, store, dialects, ip):
    """Identity and digest are of what is stored; the service's addresses are treated the same."""
    utc.populate(200, START, START + 3 * DAY, links=2)
    with utc.serving(dialects) as url:
        archive = backfilled(tmp_path / "a", url, store, ip=ip)
        before = archive.export()
        assert verify(archive).outcome == "intact"
        DAMAGES[store]["all rows deleted" if store == "sqlite" else "file missing"](
            archive, DAMAGED
        )
        assert repair(archive).as_committed
        assert verify(archive).outcome == "intact"
        assert archive.export() == before
        archive.write_config(url, ip="keep")
        archive.run(NOW)
        done = repair(archive)
    assert "ids or ip changed then" in done.report.error
    assert archive.export() == before


def test_new_records_that_cannot_be_understood_are_kept_and_told(tmp_path):
    """The day is mended all the same; they are told once."""
    history = History("2025-09-02 10:00:00", "2025-09-02 11:00:00")
    with history.serving() as url:
        archive = backfilled(tmp_path / "a", url, "jsonl", format="json")
        DAMAGES["jsonl"]["file missing"](archive, DAMAGED)
        history.records.append({"id": "9", "clicked_at": "2025-09-02 99:00:00"})
        done = repair(archive)
        assert (done.done, done.as_committed, done.report.rejected) == (True, True, 1)
        assert "1 new record can't be understood" in done.report.error
        assert verify(archive).outcome == "intact"
        assert repair(archive).report.error is None
    assert archive.query("SELECT count(*) FROM rejected") == [(1,)]


@stores
def test_an_intact_day_is_repaired_by_changing_nothing(utc, archived, store):
    """It says so; late clicks come, and changed facts are revisions."""
    with utc.serving() as url:
        archive = archived(store, url)
        before, files = archive.export(), contents(archive)
        assert repair(archive).sound
        assert contents(archive) == files
        with utc.database.writing() as connection:
            connection.execute(
                "UPDATE clicks SET conversion = '9' WHERE id = (SELECT min(id) FROM clicks "
                f"WHERE clicked_at_local LIKE '{DAMAGED}%')"
            )
        utc.record([NewClick(1, START + DAY, "192.0.2.1")])
        done = repair(archive)
        assert (done.sound, done.came_back, done.replaced) == (False, 1, 0)
        assert done.as_committed
        assert verify(archive).outcome == "intact"
    assert archive.query("SELECT conversion FROM click_revisions") == [("9",)]
    assert len(archive.export().splitlines()) == len(before.splitlines()) + 1
    assert set(before.splitlines()) <= set(archive.export().splitlines())


def contents(archive: TestArchive) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in archive.directory.glob("clicks/**/*.*")}


@stores
def test_a_changed_fact_of_an_intact_day_is_a_revision(utc, archived, store):
    """And nothing else changes."""
    with utc.serving() as url:
        archive = archived(store, url)
        before = archive.export()
        with utc.database.writing() as connection:
            connection.execute("UPDATE clicks SET conversion = '9' WHERE id = 200")
        [(day,)] = archive.query("SELECT min(day) FROM days WHERE day >= '2025-09-02'")
        for _ in range(2):
            repair(archive, day)
            repair(archive, "2025-09-03")
        assert archive.query("SELECT conversion FROM click_revisions") == [("9",)]
        assert verify(archive).outcome == "intact"
    assert archive.export() == before


@stores
def test_a_repair_keeps_what_cannot_be_had_any_more(utc, archived, store):
    """The service deletes its clicks; what is left of a damaged day stays, and it is said what
    was lost; what is set aside is kept beside.
    """
    with utc.serving() as url:
        archive = archived(store, url)
        DAMAGES[store]["row deleted" if store == "sqlite" else "garbage over a line"](
            archive, DAMAGED
        )
        with utc.database.writing() as connection:
            connection.execute("DELETE FROM clicks")
        [(committed,)] = archive.query(f"SELECT clicks FROM days WHERE day = '{DAMAGED}'")
        done = repair(archive)
        assert (done.clicks, done.not_given) == (committed - 1, committed - 1)
        assert done.report.outcome == "partial"
        [error] = done.report.errors
        assert f"{committed:,} clicks were committed, and {committed - 1:,} could be had" in error
        assert verify(archive).outcome == "intact"
    assert archive.clicks().total() == 399
    if store == "jsonl":
        kept = day_file(archive, DAMAGED).with_name(f"{DAMAGED}.jsonl.damaged")
        assert done.kept_in == kept
        assert set(kept.read_bytes()) == set(b"#\n")


@every_damage
def test_nothing_is_thrown_away(copies, tmp_path, store, damage):
    """Each line or row that a repair takes out is in the .damaged file, those of other programs
    too.
    """
    archive = copies(tmp_path, store)
    DAMAGES[store][damage](archive, DAMAGED)
    before = Counter(everything(archive))
    done = repair(archive)
    after = Counter(everything(archive))
    if done.kept_in:
        assert done.kept_in == day_file(archive, DAMAGED).with_name(f"{DAMAGED}.jsonl.damaged")
        assert done.kept_in.stat().st_mode & 0o777 == 0o640
        after += Counter(map(identifying, done.kept_in.read_bytes().splitlines()))
    assert not before - after


def everything(archive: TestArchive) -> list[str]:
    """All that is stored, whatever state it is in."""
    if archive.store == "jsonl":
        files = archive.directory.glob("clicks/*/*/*.jsonl")
        return [identifying(line) for file in files for line in file.read_bytes().splitlines()]
    with closing(sqlite3.connect(archive.directory / "archive.db")) as connection:
        connection.text_factory = bytes
        rows = connection.execute("SELECT id, clicked_at_source, referrer, country FROM clicks")
        return [str(tuple(map(_text, row))) for row in rows]


def identifying(line: bytes) -> str:
    try:
        click = json.loads(line)
        names = ("id", "clicked_at_source", "referrer", "country")
        return str(tuple(click[name] for name in names))
    except (ValueError, TypeError):
        return str(line)


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        if b"\0" not in value:
            return value.decode()
    except UnicodeDecodeError:
        pass
    return f"x'{value.hex()}'"


# Where a repair does nothing


@stores
@pytest.mark.parametrize("fault", ["unreachable", "refused", "an answer cut short"])
def test_without_the_service_nothing_is_changed(utc, archived, store, fault, monkeypatch):
    """The error is told and kept, and the day stays as it is, damage and all."""
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)
    with utc.serving() as url:
        archive = archived(store, url)
        damage = {"sqlite": "row deleted", "jsonl": "file truncated"}[store]
        DAMAGES[store][damage](archive, DAMAGED)
        before, stored = verify(archive).differences, contents(archive)
        if fault == "refused":
            done = repair(archive, password="wrong")
        elif fault == "unreachable":
            archive.write_config("http://127.0.0.1:9/")
            done = repair(archive)
        else:
            monkeypatch.setattr("archiver.sources.bodies.MAX_BODY_BYTES", 1000)
            done = repair(archive)
    assert done.report.outcome == "failed"
    assert verify(archive).differences == before
    assert contents(archive) == stored
    [(command, outcome, error)] = archive.query(
        "SELECT command, outcome, error FROM runs ORDER BY id DESC LIMIT 1"
    )
    assert (command, outcome, error) == ("repair", "failed", done.report.error)


def test_a_repair_promises_nothing_of_the_next_run(utc, archived, monkeypatch):
    """That doesn't fetch a day that is covered and older than the lookback."""
    monkeypatch.setattr("archiver.sources.transport._BACKOFF_SECONDS", 0.01)
    with utc.serving() as url:
        archive = archived("sqlite", url)
    with scripted(lambda _: Reply(b"", 503)) as url:
        archive.write_config(url)
        error = repair(archive).report.error
    assert error.endswith("HTTP 503 (3 tries). Try again later")


def test_what_a_failed_repair_tells_holds_no_secret(utc, archived, monkeypatch):
    """Neither on the screen nor in the archive."""

    def broken(*_: object) -> Fetched:
        raise WindowError(f"no answer to {PASSWORD}")

    with utc.serving() as url:
        archive = archived("sqlite", url)
        monkeypatch.setattr("archiver.sources.linktrack.LinktrackSource.fetch", broken)
        error = repair(archive).report.error
    assert "no answer to [redacted]. Nothing has been changed" in error
    assert archive.query("SELECT error FROM runs ORDER BY id DESC LIMIT 1") == [(error,)]


def test_another_time_zone_is_refused(utc, archived):
    """A day fetched with it would be another one."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
        before = archive.export()
        archive.write_config(url, "Europe/Zurich")
        with pytest.raises(ConfigError, match="timezone was UTC"):
            repair(archive)
    assert archive.export() == before


@stores
def test_another_ip_is_refused_and_not_kept(utc, archived, store):
    """Clicks are repaired as they were archived; set back, it works as if nothing had been."""
    with utc.serving() as url:
        archive = archived(store, url)
        DAMAGES[store]["row deleted" if store == "sqlite" else "line deleted"](archive, DAMAGED)
        archive.write_config(url, ip="drop")
        with pytest.raises(ConfigError, match="archived under 'keep' up to now"):
            repair(archive)
        archive.write_config(url)
        assert repair(archive).as_committed


def test_what_is_not_archived_is_not_repaired(utc, archived):
    """The error says what archives it; no run is recorded, and nothing is begun."""
    with utc.serving() as url:
        archive = archived("sqlite", url)
        with pytest.raises(ConfigError, match=r"link-archiver backfill --from 2025-09-07"):
            repair(archive, "2025-09-07")
        shutil.rmtree(archive.directory)
        with pytest.raises(ConfigError, match="there is no archive in"):
            repair(archive)
    assert not archive.directory.exists()


@stores
def test_only_what_is_covered_and_settled_is_fetched(utc, archived, store):
    """Of a day that is half archived, half; what is stored beyond that stays."""
    with utc.serving() as url:
        archive = archived(store, url)
        execute(archive, "DELETE FROM coverage")
        execute(
            archive,
            "INSERT INTO coverage VALUES ('acme', '2025-09-02T06:00:00Z', '2025-09-02T18:00:00Z')",
        )
        before = archive.export()
        utc.record(NewClick(1, START + DAY + timedelta(hours=hour), "::1") for hour in (3, 9, 15))
        noon = START + DAY + timedelta(hours=12, minutes=10)
        done = repair(archive, now=noon)
        assert (done.came_back, done.as_committed) == (1, True)
    with utc.serving(now=noon + timedelta(hours=2)) as url:  # the service's clock counts, too
        archive.write_config(url)
        assert repair(archive).sound
        DAMAGES[store]["row deleted" if store == "sqlite" else "line deleted"](archive, DAMAGED)
        repair(archive, now=noon)
    assert len(before.splitlines()) - len(archive.export().splitlines()) in (-1, 0)
    assert archive.status(noon)["covered"] == [
        {"start": "2025-09-02T06:00:00Z", "end": "2025-09-02T18:00:00Z"}
    ]


@stores
def test_days_that_cannot_be_compared_stay(utc, archived, store):
    """Where ids ceased since, a day fetched again would be another one."""
    with utc.serving() as url:
        archive = archived(store, url)
        before = archive.export()
    with utc.serving(("no-id",)) as url:
        archive.write_config(url)
        done = repair(archive)
        assert "began or ceased to give ids" in done.report.error
        with closing(sqlite3.connect(archive.directory / "archive.db")) as connection:
            connection.execute("UPDATE accounts SET lookback_from = '2025-09-02T12:00:00Z'")
            connection.commit()
        assert "before 2025-09-02T12:00:00Z can't be compared" in repair(archive).report.error
    assert archive.export() == before


def test_another_run_at_work_is_not_disturbed(utc, archived):
    """One at a time holds the archive."""
    with utc.serving() as url:
        archive = archived("jsonl", url)
        with hold(archive.directory), pytest.raises(ArchiveBusyError):
            repair(archive)


@stores
def test_what_another_program_adds_meanwhile_is_not_lost(utc, archived, store, monkeypatch):
    """The repair is refused, and nothing changes; the next one takes that in as it finds it."""
    with utc.serving() as url:
        archive = archived(store, url)
        DAMAGES[store]["row deleted" if store == "sqlite" else "line deleted"](archive, DAMAGED)
        fetch, damage = LinktrackSource.fetch, "row added" if store == "sqlite" else "line added"
        added: list[Counter[str]] = []

        def fetch_while_another_writes(*arguments) -> Fetched:
            if not added:
                DAMAGES[store][damage](archive, DAMAGED)
                added.append(Counter(everything(archive)))
            return fetch(*arguments)

        monkeypatch.setattr(LinktrackSource, "fetch", fetch_while_another_writes)
        done = repair(archive)
        assert "another program changed what is stored of it while" in done.report.error
        assert (done.done, done.report.outcome) == (False, "failed")
        assert [Counter(everything(archive))] == added
        done = repair(archive)
        assert (done.as_committed, done.report.error) == (True, None)
        assert verify(archive).outcome == "intact"
    assert archive.clicks() == utc.clicks_between(START, NOW)
    kept = map(identifying, done.kept_in.read_bytes().splitlines())
    assert not added[0] - Counter(everything(archive)) - Counter(kept)


# Crashes


class Crash(BaseException):
    """The process is gone."""


class Steps:
    """Ends a repair just before or after one of the steps by which it writes."""

    def __init__(self, monkeypatch, crash_at: int) -> None:
        self.crash_at, self.taken = crash_at, 0
        for name in (
            "os.fsync",
            "pathlib.Path.replace",
            "pathlib.Path.unlink",
            "storage.mending.jsonl.write_replacement",
            "storage.mending.jsonl.keep_beside",
            "storage.mending.jsonl.record_replacement",
            "storage.mending.jsonl.complete_replacements",
            "storage.mending.sqlite.keep_beside",
            "storage.ledger.Ledger.record_day",
            "storage.ledger.Ledger.mend_coverage",
        ):
            self._watch(monkeypatch, name)
        for module in ("storage.mending.jsonl", "storage.mending.sqlite"):
            self._watch_transaction(monkeypatch, f"{module}.transaction")

    def take(self) -> None:
        self.taken += 1
        if self.taken == self.crash_at:
            raise Crash

    def _watch(self, monkeypatch, name: str) -> None:
        inner = resolve(name)

        def outer(*arguments):
            self.take()
            result = inner(*arguments)
            self.take()
            return result

        monkeypatch.setattr(name, outer)

    def _watch_transaction(self, monkeypatch, name: str) -> None:
        inner = resolve(name)

        @contextmanager
        def outer(connection):
            with inner(connection):
                yield
                self.take()
            self.take()

        monkeypatch.setattr(name, outer)


def resolve(name: str) -> Any:
    return pkgutil.resolve_name(name)


@pytest.mark.parametrize(
    ("store", "damage"),
    [
        ("jsonl", "garbage line"),
        ("jsonl", "file truncated"),
        ("jsonl", "one letter changed"),
        ("jsonl", "file missing"),
        ("sqlite", "one letter changed"),
        ("sqlite", "row deleted"),
    ],
)
def test_a_crash_at_any_step_does_no_harm(utc, tmp_path, monkeypatch, store, damage):
    """Either the day is as it was, or it is mended: for a reader at once, for the next run, which
    appends to it, and for the next repair. No line that counts is ever cut off.
    """
    link = utc.open_account()
    utc.record(NewClick(link, START + DAY + timedelta(minutes=n), f"::{n}") for n in range(40))
    with utc.serving(now=NOW) as url:
        original = backfilled(tmp_path / "original", url, store)
        DAMAGES[store][damage](original, DAMAGED)
        if (store, damage) == ("jsonl", "file truncated"):
            with day_file(original, DAMAGED).open("ab") as file:
                file.write(b"torn")
        damaged = verify(original).differences
        outcomes = []
        for crash_at in count(1):
            archive = TestArchive(tmp_path / str(crash_at), url, store=store)
            shutil.copytree(original.directory, archive.directory)
            with monkeypatch.context() as patched:
                steps = Steps(patched, crash_at)
                with suppress(Crash):
                    repair(archive)
            ended = steps.taken < crash_at
            verdict = verify(archive)
            outcomes.append(verdict.outcome)
            if verdict.outcome == "intact":
                assert exported(archive) == utc.clicks_between(START, NOW)
                utc.record([NewClick(link, START + DAY, f"late::{crash_at}")])
                late = archive.backfill("2025-09-02", "2025-09-03", NOW, again=True)
                assert (late.outcome, late.accounts[0].warnings) == ("complete", [])
                assert late.accounts[0].new == 1
                assert verify(archive).outcome == "intact"
            else:
                assert verdict.differences == damaged
            assert not repair(archive).report.errors
            assert verify(archive).outcome == "intact"
            assert archive.clicks() == utc.clicks_between(START, NOW)
            assert not list(archive.directory.glob("clicks/**/*.new"))
            if ended:
                break
    assert outcomes == sorted(outcomes)  # "different" up to one step, "intact" from there on
    assert set(outcomes) == {"different", "intact"}
    assert len(outcomes) > 6


def exported(archive: TestArchive) -> "Counter[tuple[object, ...]]":
    clicks = map(json.loads, archive.export().splitlines())
    return Counter(tuple(click[name] for name in COMPARED) for click in clicks)
