"""`export`: what is archived, in order, whole, for other programs."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from e2e.processes import NOW
from support.archive import TestArchive
from support.scripted import Reply, scripted

FIELDS = [
    "account", "service", "clicked_at", "clicked_at_source", "id", "link_id", "link",
    "destination", "title", "group", "ip", "country", "referrer", "user_agent", "is_unique",
    "conversion", "extra",
]  # fmt: skip
START, END = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 4, tzinfo=UTC)
FULL_DISK = Path("/dev/full")


@pytest.fixture
def archive(link_archiver, service) -> Iterator[TestArchive]:
    """An archive of two accounts, in New York, with the same 600 clicks of three days."""
    service.timezone = "America/New_York"
    service.populate(600, START, END)
    with service.serving() as address:
        archive = TestArchive(
            link_archiver.folder, address, names=("zoo", "acme"), timezone=service.timezone
        )
        archive.backfill("2024-05-01T00:00:00Z", "2024-05-04T00:00:00Z", NOW)
        yield archive


@pytest.mark.parametrize("store", ["sqlite", "jsonl"])
def test_the_order_is_by_account_time_and_id(link_archiver, service, store) -> None:
    """In either store, and with ids as text; every click has every field; the same each time."""
    service.populate(600, START, END)
    with service.serving() as address:
        archive = TestArchive(link_archiver.folder, address, names=("zoo", "acme"), store=store)
        archive.backfill("2024-05-02T12:00", "2024-05-04", NOW)
        archive.backfill("2024-05-01", "2024-05-02T12:00", NOW)
    told = link_archiver("export", "clicks")
    assert told.err == ""
    clicks = told.lines
    order = [(click["account"], click["clicked_at"], click["id"]) for click in clicks]
    assert len(order) == 1200
    assert order == sorted(order)
    assert all(list(click) == FIELDS for click in clicks)
    assert link_archiver("export", "clicks").out == told.out


def test_parts_of_it(link_archiver, archive) -> None:
    """--from is in, --to is out; without an offset they are the account's time; --account may be
    given several times.
    """
    every = link_archiver("export", "clicks").lines
    seconds = sorted({click["clicked_at"] for click in every})
    first, last = seconds[100], seconds[300]

    def exported(*arguments: str) -> list[dict[str, object]]:
        return link_archiver("export", "clicks", *arguments).lines

    def between(start: str, end: str) -> list[dict[str, object]]:
        return [click for click in every if start <= click["clicked_at"] < end]

    assert exported("--from", first, "--to", last) == between(first, last)
    assert exported("--from", last) == between(last, "9999")
    assert exported("--to", "2024-05-02") == between("", "2024-05-02T04:00:00Z")
    assert exported("--from", "2024-05-02T08:00", "--to", "2024-05-02T23:00:00+02:00") == between(
        "2024-05-02T12:00:00Z", "2024-05-02T21:00:00Z"
    )
    acme = [click for click in every if click["account"] == "acme"]
    assert exported("--account", "acme") == acme
    assert exported("--account", "zoo", "--account", "acme") == every
    assert exported("--from", "2025-01-01") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--account", "nope"], "--account nope: there is no such account; there are: acme"),
        (["--from", "10"], "--from: not a time: '10'; write 2026-11-19"),
        (["--to", "tomorrow"], "--to: not a time: 'tomorrow'"),
        (
            ["--from", "2024-05-02", "--to", "2024-05-01"],
            "--to 2024-05-01 isn't after --from 2024-05-02",
        ),
    ],
)
@pytest.mark.parametrize("begun", [True, False])
def test_what_cannot_be_meant_is_refused(link_archiver, arguments, said, begun) -> None:
    """Exit 2 with nothing on stdout, not even CSV's header, whether there is an archive or not."""
    archive = TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    if begun:
        archive.backfill("2200-01-01", "2200-01-02", NOW)
    told = link_archiver("export", "clicks", "--format", "csv", *arguments, code=2)
    assert told.out == ""
    assert said in told.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["clicks", "--format", "xml"], "'xml' is not one of"),
        (["visits"], "'visits' is not"),
        ([], "Missing argument"),
        (["clicks", "--output", "."], "File '.' is a directory"),
        (["clicks", "--output", ""], "it is empty. Name a file, or leave it out for stdout"),
    ],
)
def test_a_call_that_means_nothing(link_archiver, arguments, said) -> None:
    """Exit 2, stdout empty, and what is accepted."""
    TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    told = link_archiver("export", *arguments, code=2)
    assert told.out == ""
    assert said in told.err


def test_csv_is_for_spreadsheets_and_loses_nothing(link_archiver) -> None:
    """Null is empty, booleans are true and false, `extra` is JSON, and lines within a value
    come back as they were.
    """
    plain = {"id": "1", "link_id": "7", "clicked_at": "2024-05-01 08:00:00", "is_unique": "1"}
    odd = {
        "id": "2", "link_id": "7", "clicked_at": "2024-05-01 08:00:01", "is_unique": "0",
        "title": 'a "title", of two\r\nlines', "group": "é;\t", "conversion": "1.50",
        "browser": {"name": "x", "version": 12}, "aim": None,
    }  # fmt: skip
    bare = {"id": "3", "clicked_at": "2024-05-01 08:00:02", "title": "", "is_unique": None}
    records = [plain, odd, bare]
    page = {"error": 0, "total": 3, "limit": 1000, "offset": 0, "history": records}
    with scripted(lambda _: Reply(json.dumps(page).encode())) as address:
        archive = TestArchive(link_archiver.folder, address, format="json")
        archive.backfill("2024-05-01", "2024-05-02", NOW)
    clicks = link_archiver("export", "clicks").lines
    told = link_archiver("export", "clicks", "--format", "csv")
    assert told.err == ""
    header, *rows = csv.reader(io.StringIO(told.out, newline=""))
    assert header == FIELDS
    values = [dict(zip(header, row, strict=True)) for row in rows]
    assert [value["is_unique"] for value in values] == ["true", "false", ""]
    assert values[1]["title"] == 'a "title", of two\r\nlines'
    assert json.loads(values[1]["extra"]) == clicks[1]["extra"]
    assert clicks[1]["extra"] == {"browser": {"name": "x", "version": "12"}, "aim": None}
    assert [value["title"] for value in values] == ["", odd["title"], ""]
    assert clicks[0]["extra"] is clicks[2]["title"] is clicks[2]["is_unique"] is None
    for value, click in zip(values, clicks, strict=True):
        for name in set(FIELDS) - {"is_unique", "extra"}:
            assert value[name] == (click[name] or "")


def test_no_archive_yet(link_archiver) -> None:
    """Nothing, and no error, also for an account that is only configured; of CSV the header."""
    archive = TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    assert link_archiver("export", "clicks").out == ""
    assert link_archiver("export", "clicks", "--account", "acme").out == ""
    told = link_archiver("export", "clicks", "--format", "csv", "--output", "clicks.csv")
    assert told.out == ""
    assert (link_archiver.folder / "clicks.csv").read_text() == ",".join(FIELDS) + "\n"
    assert not archive.directory.exists()


def test_a_dash_is_stdout(link_archiver) -> None:
    """As for other programs: no file has that name."""
    TestArchive(link_archiver.folder, "http://127.0.0.1:1/")
    told = link_archiver("export", "clicks", "--format", "csv", "--output", "-")
    assert told.out == ",".join(FIELDS) + "\n"
    assert not (link_archiver.folder / "-").exists()


def test_a_file_appears_whole_or_not_at_all(link_archiver, archive) -> None:
    """It replaces an older one only when it is whole and is nobody else's to read; what can't be
    written is told with exit 3 and leaves nothing behind.
    """
    folder = link_archiver.folder / "exports"
    folder.mkdir()
    output = folder / "clicks.jsonl"
    told = link_archiver("export", "clicks", "--output", "exports/clicks.jsonl")
    assert (told.out, told.err) == ("", "")
    whole = output.read_bytes()
    assert whole.decode() == link_archiver("export", "clicks").out
    assert output.stat().st_mode & 0o007 == 0

    limited = ["sh", "-c", 'ulimit -f 200; exec "$@"', "sh"]  # of 512 bytes each
    told = link_archiver(
        "export", "clicks", "--output", "exports/clicks.jsonl", code=3, before=limited
    )
    assert told.out == ""
    assert told.err.startswith("link-archiver: can't write exports/clicks.jsonl: File too large")
    assert "Check the folder, its permissions and the disk's space" in told.err
    assert list(folder.iterdir()) == [output]
    assert output.read_bytes() == whole

    told = link_archiver("export", "clicks", "--output", "absent/clicks.jsonl", code=3)
    assert "can't write absent/clicks.jsonl: No such file or directory. Check" in told.err


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("archive/archive.db", "the archive, whose folder is its alone"),
        ("loop/archive/new.csv", "the archive, whose folder is its alone"),
        ("loop/config.toml", "the configuration"),
        ("its.pass", "a password file"),
    ],
)
def test_an_export_overwrites_nothing_that_is_needed(link_archiver, archive, output, said) -> None:
    """Neither the archive nor what is needed to go on with it: exit 2, and all is as it was."""
    folder = link_archiver.folder
    (folder / "loop").symlink_to(".")
    password_file = folder / "its.pass"
    password_file.touch(mode=0o600)
    text = archive.path.read_text()
    archive.path.write_text(
        text.replace('password_env = "PASSWORD"', 'password_file = "its.pass"')
    )
    guarded = [archive.path, password_file, archive.directory / "archive.db"]
    before = [path.read_bytes() for path in guarded]
    told = link_archiver("export", "clicks", "--output", output, code=2)
    assert told.err == (
        f"link-archiver: --output {output} would overwrite {said}. Name another file\n"
    )
    assert [path.read_bytes() for path in guarded] == before
    assert not (archive.directory / "new.csv").exists()


def test_a_reader_that_has_had_enough_is_no_error(link_archiver, archive) -> None:
    """As with `| head -1`: exit 0, and not a word."""
    with link_archiver.start("export", "clicks") as export:
        assert json.loads(export.stdout.readline())["account"] == "acme"
        export.stdout.close()
        assert export.stderr.read() == b""
        assert export.wait(30) == 0


@pytest.mark.skipif(not FULL_DISK.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", [["export", "clicks"], ["status", "--json"], ["status"]])
def test_a_full_disk_is_told(link_archiver, archive, command) -> None:
    """Standard output may be a file: exit 3, and what to look at."""
    with FULL_DISK.open("wb") as full:
        told = link_archiver(*command, code=3, stdout=full)
    assert told.err == (
        "link-archiver: can't write to stdout: No space left on device. Check the disk's space\n"
    )


def test_it_works_long_after_the_configuration_changed(link_archiver, archive) -> None:
    """What is archived is exported, also of accounts that the configuration has no longer."""
    before = link_archiver("export", "clicks").out
    archive.names = ("new",)
    archive.write_config("http://127.0.0.1:1/")
    link_archiver.environ.pop("PASSWORD")
    assert link_archiver("export", "clicks").out == before
    assert len(link_archiver("export", "clicks", "--account", "zoo").lines) == 600
    assert link_archiver("export", "clicks", "--account", "new").out == ""
