"""A run that is heard of: who hears what, and that it changes nothing of the run."""

import json
import logging
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.archive import TestArchive
from support.history import History
from support.scripted import Reply, Request, answering
from support.service import PASSWORD

from archiver.config import load_config
from archiver.errors import ArchiveBusyError, ConfigError
from archiver.model import RunReport
from jobs import daily, metrics, pings
from jobs.archiving import Hold, Job, MakePlan
from jobs.lock import hold
from jobs.logs import log_to_stderr
from jobs.pings import Patience
from jobs.running import Notices, run_noticed
from jobs.signals import EndedBySignal

NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


class Heard:
    """Who hears of runs: the pings that came, and the warnings on stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.reply = Reply(b"OK")
        self.requests: list[Request] = []
        self.capsys = capsys

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply

    @property
    def signals(self) -> list[str]:
        paths = [request.path.partition("?")[0] for request in self.requests]
        return [path.removeprefix(f"/{KEY}").removeprefix("/") or "success" for path in paths]

    @property
    def text(self) -> str:
        return self.requests[-1].body.decode()

    @property
    def warnings(self) -> list[str]:
        """What was said since this was last asked for."""
        return self.capsys.readouterr().err.splitlines()


@pytest.fixture
def heard(capsys) -> Heard:
    return Heard(capsys)


@pytest.fixture(autouse=True)
def secrets(monkeypatch) -> list[str]:
    """What is known to be secret: what is said on stderr is without it."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    known: list[str] = []
    log_to_stderr(logging.WARNING, known)
    return known


@pytest.fixture
def origin(heard) -> Iterator[str]:
    with answering(heard.answer) as served:
        yield served


@pytest.fixture
def history() -> History:
    return History("2025-09-04 16:00:00", "2025-09-05 10:00:00")


@pytest.fixture
def archive(tmp_path, history) -> Iterator[TestArchive]:
    with history.serving() as address:
        yield TestArchive(tmp_path, address, format="json")


def notify(archive: TestArchive, *lines: str) -> None:
    text = archive.path.read_text().partition("[notify]")[0]
    archive.path.write_text("\n".join([text, "[notify]", *lines]) + "\n")


def archive_url(archive: TestArchive) -> str:
    return load_config(archive.path).accounts[0].base_url


@pytest.fixture
def run(archive, history, origin, secrets) -> Callable[..., RunReport]:
    """Runs the archive at noon, and lets all hear of it."""
    notify(archive, 'healthcheck_url_env = "HC"', 'metrics_file = "m.prom"')

    def go(
        now: datetime = NOON,
        plan: MakePlan = daily.plan,
        names: tuple[str, ...] = (),
        hold: Hold = hold,
    ) -> RunReport:
        history.served_at = now
        config = load_config(archive.path)
        notices = Notices.of(config, {"HC": f"{origin}/{KEY}"}, secrets)
        secrets.append(PASSWORD)  # passwords are read after it
        passwords = dict.fromkeys(names or archive.names, PASSWORD)
        job = Job("run", config, passwords, plan, clock=lambda: now, hold=hold)
        return run_noticed(job, notices)

    return go


def samples(archive: TestArchive) -> dict[str, dict[str, float]]:
    """The metrics file by name, then by the values of the labels."""
    found: dict[str, dict[str, float]] = {}
    text = (archive.path.parent / "m.prom").read_text()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix("link_archiver_")
            found.setdefault(name, {})["/".join(sample.labels.values())] = sample.value
    return found


# Pings


def test_a_complete_run(run, heard):
    """Its beginning and its success are told, under one id, with what it did."""
    assert run().outcome == "complete"
    assert heard.signals == ["start", "success"]
    first, second = (request.path.partition("?rid=")[2] for request in heard.requests)
    assert first == second
    assert len(first) == 36
    assert heard.text == "run complete\nacme: complete, 2 new clicks, 0 known, 2 windows"
    assert heard.warnings == []


def test_each_run_has_an_id_of_its_own(run, heard):
    """Whatever started them."""
    run()
    run()
    assert len({request.path.partition("?rid=")[2] for request in heard.requests}) == 2


def test_a_failed_run(run, heard, history):
    """Its failure is told with the errors."""
    history.refuses = True
    assert run().outcome == "failed"
    assert heard.signals == ["start", "fail"]
    assert heard.text.splitlines()[:2] == [
        "run failed",
        "acme: failed, 0 new clicks, 0 known, 0 windows",
    ]
    assert "acme: Check the account's login, its password and its base_url" in heard.text


def test_a_partial_run(run, heard, history):
    """It is a failure: something is missing, and somebody should know."""
    history.broken.add("2025-09-05")
    assert run().outcome == "partial"
    assert heard.signals == ["start", "fail"]
    assert heard.text.startswith("run partial\nacme: partial, 1 new click,")


def test_warnings_are_told_with_a_success(run, heard):
    """They are no failure; who looks at the success finds them."""

    def plan(turn):
        turn.report.warnings.append("odd, isn't it")
        return daily.plan(turn)

    run(plan=plan)
    assert heard.signals == ["start", "success"]
    assert heard.text.splitlines()[-1] == "acme: warning: odd, isn't it"


def test_an_account_that_is_surprised(run, heard):
    """An error of ours is a failure; the password in it isn't told, nor the ping's address."""

    def plan(turn):
        raise ZeroDivisionError(f"divided by {PASSWORD} and {KEY}")

    assert run(plan=plan).accounts[0].unexpected
    assert heard.signals == ["start", "fail"]
    assert "divided by [redacted] and [redacted]. This is a defect" in heard.text
    assert PASSWORD not in heard.text


def test_a_run_that_is_refused_after_its_beginning(run, heard, archive):
    """What the configuration may not change is a failure that is told, and is raised too."""
    run()
    archive.path.write_text(
        archive.path.read_text().replace('timezone = "UTC"', 'timezone = "CET"')
    )
    with pytest.raises(ConfigError, match="timezone was UTC"):
        run()
    assert heard.signals == ["start", "success", "start", "fail"]
    assert heard.text.startswith("run failed\nacme: failed, 0 new")
    assert "account acme: timezone was UTC" in heard.text
    assert samples(archive)["last_run_outcome"]["acme/failed"] == 1


def test_an_exception_that_nobody_foresaw(run, heard, monkeypatch):
    """It is a failure, told without secrets, and goes on its way."""

    def fail(*_):
        raise ZeroDivisionError(f"divided by {PASSWORD}")

    monkeypatch.setattr("jobs.archiving.hold_settings", fail)
    with pytest.raises(ZeroDivisionError):
        run()
    assert heard.signals == ["start", "fail"]
    assert "acme: unexpected ZeroDivisionError: divided by [redacted]" in heard.text


def test_an_archive_that_cannot_be_opened(run, heard, archive):
    """Nothing begins, and that is a failure."""
    archive.directory.write_text("a file")
    assert run().outcome == "failed"
    assert heard.signals == ["fail"]
    assert "can't make" in heard.text
    assert samples(archive)["last_run_outcome"]["acme/failed"] == 1


def test_where_another_run_is_at_work_nothing_is_heard(run, heard, archive):
    """It has neither begun nor failed: the other run tells of itself."""
    archive.directory.mkdir()
    with hold(archive.directory), pytest.raises(ArchiveBusyError):
        run()
    assert (heard.signals, heard.warnings) == ([], [])
    assert not (archive.path.parent / "m.prom").exists()


def test_a_signal_that_ends_the_last_ping_leaves_the_metrics(run, archive, monkeypatch):
    """They are written before it, for a ping may take its time."""

    def send(self, signal_, *_):
        if signal_ == "success":
            raise EndedBySignal(signal.SIGTERM, 143)

    monkeypatch.setattr("jobs.pings.Ping.send", send)
    with pytest.raises(EndedBySignal):
        run()
    assert samples(archive)["last_run_outcome"]["acme/complete"] == 1


@pytest.mark.parametrize(("exit_code", "told"), [(143, "fail"), (0, "log")])
def test_a_run_that_is_told_to_end(run, heard, archive, exit_code, told):
    """It is a failure, unless a daemon is stopped; what is known of it is in the metrics, and a
    complete one comes next.
    """

    def plan(turn):
        raise EndedBySignal(signal.SIGTERM, exit_code)

    with pytest.raises(EndedBySignal):
        run(plan=plan)
    assert heard.signals == ["start", told]
    assert heard.text == "run ended by SIGTERM"
    found = samples(archive)
    assert found["last_run_outcome"]["acme/interrupted"] == 1
    assert "last_run_duration_seconds" not in found
    run()
    assert heard.signals[2:] == ["start", "success"]


def test_what_was_told_before_a_run_is_ended_is_heard(run, heard, archive):
    """No later run tells again what was found odd in a turn that is over."""
    archive.names = ("first", "second")
    archive.write_config(archive_url(archive), format="json")
    notify(archive, 'healthcheck_url_env = "HC"', 'metrics_file = "m.prom"')

    def plan(turn):
        if turn.account.name == "second":
            raise EndedBySignal(signal.SIGTERM, 143)
        turn.report.warnings.append("odd, isn't it")
        return daily.plan(turn)

    with pytest.raises(EndedBySignal):
        run(plan=plan)
    assert heard.signals == ["start", "fail"]
    assert heard.text.splitlines() == [
        "run ended by SIGTERM",
        "first: complete, 2 new clicks, 0 known, 2 windows",
        "first: warning: odd, isn't it",
    ]


def test_one_that_waits_for_another_and_is_told_to_end(run, heard, archive):
    """It hasn't begun: nobody hears of it."""

    @contextmanager
    def wait(_: Path) -> Iterator[None]:
        raise EndedBySignal(signal.SIGTERM, 0)
        yield

    with pytest.raises(EndedBySignal):
        run(hold=wait)
    assert heard.signals == []
    assert not (archive.path.parent / "m.prom").exists()


@pytest.mark.parametrize("status", [404, 500])
def test_a_ping_that_fails_changes_nothing_of_the_run(run, heard, origin, monkeypatch, status):
    """It is a warning for each, without the address."""
    monkeypatch.setattr(pings, "_BACKOFF_SECONDS", 0.01)
    heard.reply = Reply(f"no {origin}/{KEY}".encode(), status)
    assert run().outcome == "complete"
    assert heard.warnings == [
        f"link-archiver: warning: the ping of [notify] ({signal}) failed: HTTP {status}"
        for signal in ("start", "success")
    ]


def test_nobody_to_ping(archive, heard, monkeypatch):
    """A host that isn't there is named in no warning; the run is what it is."""
    monkeypatch.setattr("jobs.running.PATIENT", Patience(1, 1, 1))
    notify(archive, 'healthcheck_url_env = "HC"')
    config = load_config(archive.path)
    environ = {"HC": f"http://secret-host.invalid/{KEY}"}
    notices = Notices.of(config, environ, [])
    job = Job("run", config, {"acme": PASSWORD}, daily.plan, clock=lambda: NOON)
    assert run_noticed(job, notices).outcome == "complete"
    assert len(warnings := heard.warnings) == 2
    assert not any("secret-host" in warning or KEY in warning for warning in warnings)


def test_without_notify_nobody_hears(archive, heard):
    """The run is as it would be."""
    config = load_config(archive.path)
    notices = Notices.of(config, {"HC": "https://h/x"}, [])
    job = Job("run", config, {"acme": PASSWORD}, daily.plan, clock=lambda: NOON)
    assert run_noticed(job, notices).outcome == "complete"
    assert (heard.warnings, notices.secrets) == ([], [])


def test_the_variable_must_be_set(archive):
    """An address that is asked for and isn't there is an error of the configuration."""
    notify(archive, 'healthcheck_url_env = "HC"')
    with pytest.raises(ConfigError, match="variable HC isn't set"):
        Notices.of(load_config(archive.path), {}, [])


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("secret.prom", "a password file"),
        ("archive/m.prom", "the archive, whose folder is its alone"),
    ],
)
def test_a_metrics_file_that_would_overwrite_what_is_needed(archive, path, what):
    """It is an error of the configuration, before anything is done."""
    text = archive.path.read_text().replace(
        'password_env = "PASSWORD"', 'password_file = "secret.prom"'
    )
    archive.path.write_text(f'{text}[notify]\nmetrics_file = "{path}"\n')
    with pytest.raises(ConfigError, match=f"notify.metrics_file: .*{path} would overwrite {what}"):
        Notices.of(load_config(archive.path), {}, [])


# Metrics


def test_the_metrics_of_a_complete_run(run, archive):
    """Each is there with its value, for node_exporter to read, and for nobody to write."""
    before = os.umask(0o077)
    try:
        run()
    finally:
        os.umask(before)
    path = archive.path.parent / "m.prom"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    found = samples(archive)
    [version] = found.pop("build_info")
    assert version
    assert found == {
        "archived_clicks_total": {"acme": 2},
        "last_run_outcome": {
            "acme/complete": 1, "acme/partial": 0, "acme/failed": 0, "acme/interrupted": 0,
        },
        "links": {"acme": 0},
        "last_success_timestamp_seconds": {"acme": NOON.timestamp()},
        "covered_until_timestamp_seconds": {"acme": NOON.timestamp() - 600},
        "behind_seconds": {"acme": 0},
        "gaps": {"acme": 0},
        "gap_seconds": {"acme": 0},
        "last_run_timestamp_seconds": {"acme": NOON.timestamp()},
        "last_run_duration_seconds": {"acme": 0},
        "last_run_fetched_clicks": {"acme": 2},
        "last_run_new_clicks": {"acme": 2},
        "last_run_duplicate_clicks": {"acme": 0},
        "last_run_links": {"acme": 0},
        "last_run_warnings": {"acme": 0},
        "last_run_errors": {"acme": 0},
    }  # fmt: skip
    assert {f"link_archiver_{name}" for name in (*found, "build_info")} == set(metrics.NAMES)
    assert [each.name for each in path.parent.iterdir() if "part" in each.name] == []


def test_the_metrics_of_runs_that_fail(run, archive, history):
    """The last success stays where it was, and what is missing grows."""
    run()
    history.broken.add("2025-09-05")
    run(NOON + HOUR)
    found = samples(archive)
    assert found["last_run_outcome"]["acme/complete"] == 0
    assert found["last_success_timestamp_seconds"]["acme"] == NOON.timestamp()
    assert found["last_run_timestamp_seconds"]["acme"] == (NOON + HOUR).timestamp()
    assert found["behind_seconds"]["acme"] == 3600
    assert found["last_run_errors"]["acme"] >= 1
    history.broken.clear()
    run(NOON + 2 * HOUR)
    found = samples(archive)
    assert (found["behind_seconds"]["acme"], found["last_run_errors"]["acme"]) == (0, 0)


def test_a_gap_is_in_the_metrics(run, archive, history):
    """Their number, and their length together."""
    history.broken.add("2025-09-04")
    run()
    found = samples(archive)
    assert (found["gaps"]["acme"], found["gap_seconds"]["acme"]) == (1, 12 * 3600)
    assert found["last_success_timestamp_seconds"]["acme"] == 0


def test_accounts_that_took_no_part_keep_their_metrics(run, archive, heard):
    """A run of one account alone doesn't take the others' away."""
    archive.names = ("acme", "bees")
    with_notify = archive.path.read_text().partition("[notify]")[2]
    address = json.loads(archive.path.read_text().partition("base_url = ")[2].partition("\n")[0])
    archive.write_config(address, format="json")
    archive.path.write_text(archive.path.read_text() + "[notify]" + with_notify)

    def plan(turn):
        turn.report.warnings += ["one", "two"]
        return daily.plan(turn)

    run(plan=plan)
    run(NOON + HOUR, names=("acme",))
    found = samples(archive)
    assert found["last_run_warnings"] == {"acme": 0, "bees": 2}
    assert found["last_run_new_clicks"] == {"acme": 0, "bees": 2}
    assert found["last_run_timestamp_seconds"] == {
        "acme": (NOON + HOUR).timestamp(),
        "bees": NOON.timestamp(),
    }


def test_a_backfill_is_no_run_in_the_metrics(run, archive):
    """What the last run did stays; what is archived grows."""
    run()
    archive.backfill("2025-09-01", "2025-09-02", NOON + HOUR)
    config = load_config(archive.path)
    metrics.write_metrics(config.notify.metrics_file, config, None, NOON + HOUR, NOON + HOUR)
    found = samples(archive)
    assert found["last_run_timestamp_seconds"]["acme"] == NOON.timestamp()
    assert found["last_success_timestamp_seconds"]["acme"] == NOON.timestamp()


def test_an_archive_that_cannot_be_read(run, archive, heard):
    """The file tells what the run says, and nothing of the archive; the reason is a warning."""
    run()
    database = archive.directory / "archive.db"
    database.write_text("Dear Sir or Madam, " * 100)
    for beside in archive.directory.glob("archive.db-*"):
        beside.unlink()
    assert run(NOON + HOUR).outcome == "failed"
    found = samples(archive)
    assert found["last_run_outcome"]["acme/failed"] == 1
    assert found["last_run_timestamp_seconds"]["acme"] == (NOON + HOUR).timestamp()
    assert "archived_clicks_total" not in found
    assert "last_success_timestamp_seconds" not in found
    assert "was damaged" in heard.warnings[-1]


def test_a_metrics_file_that_cannot_be_written(run, archive, heard):
    """It is a warning with the remedy; the run is complete, and that is told."""
    notify(archive, 'healthcheck_url_env = "HC"', 'metrics_file = "nowhere/m.prom"')
    assert run().outcome == "complete"
    assert heard.signals == ["start", "success"]
    path = archive.path.parent / "nowhere/m.prom"
    [warning] = heard.warnings
    assert warning == (
        f"link-archiver: warning: the metrics of [notify]: can't write {path}: No such file or "
        "directory. Check the folder, its permissions and the disk's space"
    )


def test_a_defect_in_metrics_changes_nothing_of_the_run(run, heard, monkeypatch):
    """It is a warning without secrets."""

    def fail(*_):
        raise ZeroDivisionError(f"{PASSWORD} at {KEY}")

    monkeypatch.setattr(metrics, "metrics_of", fail)
    assert run().outcome == "complete"
    [warning] = heard.warnings
    assert warning.endswith("ZeroDivisionError: [redacted] at [redacted]")
