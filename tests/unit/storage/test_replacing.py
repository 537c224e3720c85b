"""Replacing a day's file: at each instant the ledger's length belongs to the file that counts."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.errors import CorruptArchiveError
from storage import schema
from storage.committed import open_committed
from storage.database import transaction
from storage.replacing import complete_replacements, record_replacement, write_replacement

PATH = "clicks/acme/2026/2026-11-19.jsonl"
OLD, NEW = b"one\ntwo\n", b"one\nand more than two\n"


@pytest.fixture
def ledger() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.ledger.apply(Database(connection))
        connection.execute("INSERT INTO files VALUES (?, ?)", (PATH, len(OLD)))
        yield connection


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / PATH
    path.parent.mkdir(parents=True)
    path.write_bytes(OLD)
    return path


def read(ledger: sqlite3.Connection, directory: Path) -> bytes:
    with open_committed(ledger, directory, PATH) as committed:
        return b"".join(committed.lines())


def record(ledger: sqlite3.Connection, directory: Path, *pieces: bytes) -> None:
    new = write_replacement(directory, PATH, pieces)
    with transaction(ledger):
        record_replacement(ledger, new)


def test_a_new_file_means_nothing_before_the_ledger_names_it(ledger, file, tmp_path):
    """A repair that ends here changed nothing, and the next one writes it anew."""
    for _ in range(2):
        write_replacement(tmp_path, PATH, [b"x"])
        complete_replacements(ledger, tmp_path)
        assert read(ledger, tmp_path) == file.read_bytes() == OLD


def test_it_counts_from_the_ledgers_commit_on(ledger, file, tmp_path):
    """A reader finds it beside the old one; what completes it gives it the old one's name."""
    record(ledger, tmp_path, b"one\n", b"and more than two\n")
    assert (file.read_bytes(), read(ledger, tmp_path)) == (OLD, NEW)
    complete_replacements(ledger, tmp_path)
    assert (file.read_bytes(), read(ledger, tmp_path)) == (NEW, NEW)
    assert list(file.parent.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_replacement_is_completed_once(ledger, file, tmp_path):
    """Cut short after it had the name, it is just noted; then the file may grow again."""
    record(ledger, tmp_path, NEW)
    file.with_name(f"{file.name}.new").replace(file)
    assert read(ledger, tmp_path) == NEW
    for _ in range(2):
        complete_replacements(ledger, tmp_path)
        assert file.read_bytes() == NEW
        assert ledger.execute("SELECT * FROM replacements").fetchall() == []
    file.write_bytes(NEW + b"three\n")
    complete_replacements(ledger, tmp_path)
    assert read(ledger, tmp_path) == NEW


def test_a_file_that_was_not_there_is_made(ledger, tmp_path):
    """With its folders."""
    record(ledger, tmp_path, NEW)
    complete_replacements(ledger, tmp_path)
    assert (tmp_path / PATH).read_bytes() == NEW


def test_a_new_file_that_was_changed_is_refused(ledger, file, tmp_path):
    """Neither file is the one that counts: it is said, and nothing is touched."""
    record(ledger, tmp_path, NEW)
    beside = file.with_name(f"{file.name}.new")
    beside.write_bytes(NEW.replace(b"more", b"less"))
    with pytest.raises(CorruptArchiveError, match=f"{PATH} was being repaired, and neither"):
        complete_replacements(ledger, tmp_path)
    beside.unlink()
    with pytest.raises(CorruptArchiveError, match=r"2026-11-19.jsonl.new beside it is"):
        complete_replacements(ledger, tmp_path)
    assert file.read_bytes() == OLD
    assert ledger.execute("SELECT path FROM replacements").fetchall() == [(PATH,)]


def test_an_empty_file_replaces_a_full_one(ledger, file, tmp_path):
    """A day of which nothing is left."""
    record(ledger, tmp_path)
    assert read(ledger, tmp_path) == b""
    complete_replacements(ledger, tmp_path)
    assert file.read_bytes() == b""


# Reading what counts


def test_reading_stops_at_what_is_committed(ledger, file, tmp_path):
    """What lies beyond isn't read, nor a file that the ledger doesn't know."""
    file.write_bytes(OLD + b"three\n")
    assert read(ledger, tmp_path) == OLD
    ledger.execute("DELETE FROM files")
    with open_committed(ledger, tmp_path, PATH) as committed:
        assert (committed.committed_bytes, committed.length) == (None, 14)
        assert list(committed.lines()) == []
    with open_committed(ledger, tmp_path, "other.jsonl") as committed:
        assert (committed.file, committed.length) == (None, 0)
        assert list(committed.lines()) == []


@pytest.mark.parametrize("length", [None, 7])
def test_a_file_shorter_than_committed_is_corruption(ledger, file, tmp_path, length):
    """The error names the file and the remedies."""
    if length is None:
        file.unlink()
    else:
        file.write_bytes(OLD[:length])
    with pytest.raises(
        CorruptArchiveError, match=rf"{file} has {length or 0} bytes, and 8"
    ) as told:
        read(ledger, tmp_path)
    assert "link-archiver repair" in str(told.value)


def test_an_archive_without_the_table_is_read_all_the_same(ledger, file, tmp_path):
    """It was last written to by a version that replaced no files."""
    ledger.execute("DROP TABLE replacements")
    assert read(ledger, tmp_path) == OLD


def test_a_line_without_an_end_comes_in_pieces(ledger, file, tmp_path, monkeypatch):
    """A file of something else can't fill the memory."""
    monkeypatch.setattr("storage.committed._LINE_BYTES", 5)
    file.write_bytes(b"\0" * 12 + b"\nend\n")
    with open_committed(ledger, tmp_path, PATH) as committed:
        assert list(committed.first_lines(16)) == [b"\0" * 5, b"\0" * 5, b"\0\0\n", b"end"]


def test_a_file_that_is_replaced_while_it_is_opened_is_opened_again(
    ledger, file, tmp_path, monkeypatch
):
    """Neither the old file with the new length nor the other way round."""
    opened: list[Path] = []
    really_open = Path.open

    def replaced_before_it_is_opened(path: Path, *arguments):
        if not opened and path == file:
            record(ledger, tmp_path, NEW)
            complete_replacements(ledger, tmp_path)
        opened.append(path)
        return really_open(path, *arguments)

    monkeypatch.setattr(Path, "open", replaced_before_it_is_opened)
    assert read(ledger, tmp_path) == NEW


def test_a_new_file_that_gets_its_name_while_it_is_opened(ledger, file, tmp_path, monkeypatch):
    """It is found under the name."""
    record(ledger, tmp_path, NEW)
    really_open = Path.open

    def renamed_before_it_is_opened(path: Path, *arguments):
        if path.name.endswith(".new") and path.exists():
            path.replace(file)
        return really_open(path, *arguments)

    monkeypatch.setattr(Path, "open", renamed_before_it_is_opened)
    assert read(ledger, tmp_path) == NEW
