"""`status`: what is archived, what is missing, how fresh it is."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from e2e.processes import NOW, UNPRIVILEGED
from support.archive import TestArchive

from storage.database import open_database

HOUR = timedelta(hours=1)


def test_no_archive_yet(link_archiver) -> None:
    """Zeros, nulls and empty lists, as JSON and for people; nothing is made."""
    archive = TestArchive(link_archiver.folder, "http://127.0.0.1:1/", store="jsonl")
    assert link_archiver("status", "--json").json == {
        "archive": {"directory": str(archive.directory), "store": "jsonl"},
        "accounts": [
            {
                "name": "acme",
                "service": "linktrack",
                "clicks": 0,
                "links": 0,
                "first_click": None,
                "last_click": None,
                "covered": [],
                "gaps": [],
                "behind_seconds": None,
                "last_success": None,
                "last_run": None,
            }
        ],
    }
    told = link_archiver("status")
    assert told.err == ""
    assert told.out.splitlines() == [
        f"archive {archive.directory} (jsonl)",
        "",
        "acme (linktrack)",
        "  clicks    none archived",
        "  covered   none",
        "  gaps      none",
        "  last run  none yet: link-archiver run",
    ]
    assert not archive.directory.exists()


def test_after_runs(link_archiver, busy_service, address) -> None:
    """Every key, as programs hold on to them; and the same for people."""
    archive = TestArchive(link_archiver.folder, address, since=_text(NOW - 30 * HOUR))
    link_archiver("backfill", "--from", _text(NOW - 10 * HOUR), "--to", _text(NOW - 6 * HOUR))
    clicks = sorted(link_archiver("export", "clicks").lines, key=lambda each: each["clicked_at"])
    [account] = link_archiver("status", "--json").json["accounts"]
    last_run, behind = account.pop("last_run"), account.pop("behind_seconds")
    success = account.pop("last_success")
    assert account == {
        "name": "acme",
        "service": "linktrack",
        "clicks": len(clicks),
        "links": len({click["link_id"] for click in clicks}),
        "first_click": clicks[0]["clicked_at"],
        "last_click": clicks[-1]["clicked_at"],
        "covered": [{"start": _text(NOW - 10 * HOUR), "end": _text(NOW - 6 * HOUR)}],
        "gaps": [{"start": _text(NOW - 30 * HOUR), "end": _text(NOW - 10 * HOUR)}],
    }
    since_then = (datetime.now(UTC) - NOW).total_seconds()
    settled_since = 6 * 3600 - 600 + since_then
    assert settled_since - 30 <= behind <= settled_since
    assert last_run.keys() == {"started_at", "finished_at", "outcome", "error"}
    assert (last_run["outcome"], last_run["error"]) == ("complete", None)
    assert _text(NOW) <= last_run["started_at"] <= last_run["finished_at"] == success

    link_archiver("run")
    archive.write_config("http://127.0.0.1:1/", since=_text(NOW - 30 * HOUR))
    failed = link_archiver("run", code=3)
    [account] = link_archiver("status", "--json").json["accounts"]
    assert account["clicks"] == 300
    assert account["gaps"] == []
    assert len(account["covered"]) == 1
    assert account["behind_seconds"] < 60
    assert account["last_run"]["outcome"] == "failed"
    assert account["last_run"]["error"] in failed.err
    assert success <= account["last_success"] <= account["last_run"]["started_at"]

    told = link_archiver("status").out
    for words in (
        "acme (linktrack)\n",
        f"  clicks    300 on {account['links']} links, {account['first_click']} to",
        f"  covered   {_text(NOW - 30 * HOUR)} to {account['covered'][0]['end']}\n",
        "  gaps      none\n",
        "  behind    0:00:",
        f"  last run  failed, begun {account['last_run']['started_at']}\n            http://127",
        f"  success   {account['last_success']}\n",
    ):
        assert words in told


@pytest.fixture
def read_only(link_archiver) -> Iterator[Callable[[], None]]:
    """Takes the right to write from all that is in the test's folder, and gives it back."""
    paths: dict[Path, int] = {}

    def take() -> None:
        for path in (link_archiver.folder, *link_archiver.folder.rglob("*")):
            paths[path] = path.stat().st_mode
            path.chmod(0o555 if path.is_dir() else 0o444)

    yield take
    for path, mode in paths.items():
        path.chmod(mode)


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
@pytest.mark.parametrize("read_before", [False, True])
def test_an_archive_that_may_only_be_read(
    link_archiver, address, read_only, store, read_before
) -> None:
    """`status` and `export` work for somebody who may write nothing there, whatever an earlier
    reader left; `run` says that it can't, exit 3.
    """
    archive = TestArchive(link_archiver.folder, address, store=store)
    archive.run(NOW)
    if read_before:
        archive.status(NOW)
    read_only()
    [account] = link_archiver("status", "--json", before=UNPRIVILEGED).json["accounts"]
    assert account["clicks"] == 300
    assert len(link_archiver("export", "clicks", before=UNPRIVILEGED).lines) == 300
    told = link_archiver("run", "--json", code=3, before=UNPRIVILEGED)
    assert told.json["outcome"] == "failed"
    assert f"can't open {archive.directory}/archive.lock: Permission denied" in told.err
    assert "Check the permissions of the archive's directory" in told.err


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("verify",),
        ("run",),
        ("repair", "--account", "acme", "--day", "2025-09-01"),
        ("export", "clicks"),
        ("rejected",),
    ],
    ids=lambda command: command[0],
)
def test_an_archive_that_may_not_be_looked_into(link_archiver, address, store, command) -> None:
    """The folder is named, and what to look at; the metrics tell that the run failed."""
    archive = TestArchive(link_archiver.folder, address, store=store)
    archive.run(NOW)
    metrics = link_archiver.folder / "metrics.prom"
    with archive.path.open("a") as config:
        config.write('[notify]\nmetrics_file = "metrics.prom"\n')
    archive.directory.chmod(0)
    told = link_archiver(*command, code=3, before=UNPRIVILEGED)
    archive.directory.chmod(0o750)
    assert f"{archive.directory}" in told.err
    assert "Permission denied" in told.err
    assert "stdout" not in told.err
    if command == ("run",):
        assert b'link_archiver_last_run_outcome{account="acme",outcome="failed"} 1' in (
            metrics.read_bytes()
        )


def test_a_database_that_is_none_is_told(link_archiver) -> None:
    """Exit 3, the file's name, and what to look at; it is left as it is."""
    archive = TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    archive.directory.mkdir()
    database = archive.directory / "archive.db"
    database.write_text("Dear Sir or Madam, " * 100)
    for command in (["status", "--json"], ["export", "clicks"], ["run"]):
        told = link_archiver(*command, code=3)
        assert told.out == ""
        assert f"{database}: file is not a database. It was damaged, or is something" in told.err
        assert "put it back from a copy" in told.err
    assert database.read_text() == "Dear Sir or Madam, " * 100


def test_it_is_the_archives_own_store_that_is_shown(link_archiver, address) -> None:
    """Whatever the configuration says meanwhile."""
    archive = TestArchive(link_archiver.folder, address, store="jsonl")
    archive.run(NOW)
    archive.store = "sqlite"
    archive.write_config(address)
    assert link_archiver("status", "--json").json["archive"]["store"] == "jsonl"
    assert link_archiver("status").out.startswith(f"archive {archive.directory} (jsonl)\n")


def test_time_that_nobody_asked_for_is_shown_to_people(link_archiver, address) -> None:
    """Between backfills and runs: no gap, for no run fills it, but the command that does; and
    once that was called, it is gone.
    """
    archive = TestArchive(link_archiver.folder, address)
    archive.backfill("2024-05-01", "2024-05-02", NOW)
    archive.backfill("2024-05-04", "2024-05-05", NOW)
    archive.run(NOW)
    told = link_archiver("status").out
    assert "  gaps      none\n" in told
    unasked = [line for line in told.splitlines() if line.startswith("  unasked ")]
    first = "2024-05-02T00:00:00Z to 2024-05-04T00:00:00Z: runs don't fill this; link-archiver "
    assert unasked[0].startswith(f"  unasked   {first}")
    assert len(unasked) == 2
    link_archiver(*unasked[0].partition("; link-archiver ")[2].split())
    assert link_archiver("status").out.count("  unasked ") == 1


def test_a_reader_beside_an_open_writer(link_archiver, address) -> None:
    """What isn't in the main file yet is seen as well."""
    archive = TestArchive(link_archiver.folder, address)
    with closing(open_database(archive.directory)):
        archive.run(NOW)
        assert (archive.directory / "archive.db-wal").stat().st_size > 0
        assert link_archiver.status()["clicks"] == 300


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
