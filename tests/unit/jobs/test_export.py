"""A file that appears whole or not at all; values that come back from CSV as they were."""

import csv
import io
import os
import stat
from datetime import UTC, datetime
from threading import Thread

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.clicks import texts, unhurried

from archiver.errors import StoreError
from archiver.model import Link
from jobs.export import Export, output_file
from jobs.whole_file import whole_file
from storage.links import LINK_FIELDS
from storage.opening import open_archive
from storage.settings import IdentitySettings

awkward = texts | st.text('\r\n",\0 ', min_size=1, max_size=4)


def test_it_appears_when_it_is_whole(tmp_path) -> None:
    """Before, there is nothing under its name, or what there was."""
    path = tmp_path / "clicks.jsonl"
    for content in (b"one", b"two"):
        with whole_file(path) as file:
            file.write(content)
            file.flush()
            assert not path.exists() or path.read_bytes() == b"one"
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError(28, "No space left")])
def test_after_an_error_there_is_nothing(tmp_path, error) -> None:
    """No file, no part of one; what was there stays."""
    path = tmp_path / "clicks.jsonl"
    path.write_bytes(b"old")

    def write_half() -> None:
        with whole_file(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises((ValueError, KeyboardInterrupt, StoreError)):
        write_half()
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_what_the_disk_refuses_is_told(tmp_path) -> None:
    """With the file's name, the reason and what to look at."""
    path = tmp_path / "absent" / "clicks.jsonl"
    with (
        pytest.raises(StoreError, match=r"can't write .*: No such file or directory. Check the"),
        whole_file(path),
    ):
        pytest.fail("there is nothing to write to")


def test_what_holds_no_content_is_written_into(tmp_path) -> None:
    """A pipe stays a pipe, also behind a link, and its reader gets what is written."""
    pipe, link, read = tmp_path / "pipe", tmp_path / "link", []
    os.mkfifo(pipe)
    link.symlink_to("pipe")
    for path in (pipe, link):
        reader = Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
        reader.start()
        with output_file(path) as file:
            file.write(b"whole")
        reader.join(10)
    assert read == [b"whole", b"whole"]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert link.is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_is_followed(tmp_path) -> None:
    """The file that it leads to appears whole; the link stays."""
    link, file_path = tmp_path / "link", tmp_path / "there" / "clicks.jsonl"
    file_path.parent.mkdir()
    link.symlink_to("there/clicks.jsonl")
    for content in (b"one", b"two"):
        with output_file(link) as file:
            file.write(content)
        assert file_path.read_bytes() == content
    assert link.is_symlink()


def test_a_special_file_that_takes_nothing_is_told(tmp_path) -> None:
    """As for any other file."""
    link = tmp_path / "link"
    link.symlink_to("/dev/full")
    with (
        pytest.raises(StoreError, match=r"can't write .*link: No space left on device"),
        output_file(link) as file,
    ):
        file.write(b"whole")


@unhurried
@given(st.lists(st.tuples(awkward, awkward), min_size=1, max_size=3))
@example([("a\rb", "\r"), ("\n\r", 'x"\r"'), ("\0", "c")])
def test_csv_gives_every_value_back(tmp_path_factory, titles) -> None:
    """Line ends of whatever kind, quotes and NUL are part of a value; rows end by LF alone."""
    folder = tmp_path_factory.mktemp("archive")
    made = [
        Link(str(number), link_id=str(number), title=title, group=group)
        for number, (title, group) in enumerate(titles)
    ]
    with open_archive(folder, "sqlite") as archive, archive.transaction():
        archive.settings.hold_account("acme", IdentitySettings("linktrack", "UTC", {}, "keep"))
        archive.links.observe("acme", made, datetime(2026, 11, 19, tzinfo=UTC))
    written = io.BytesIO()
    Export("links", (), None, None, "csv").write(folder, written)
    text = written.getvalue().decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == LINK_FIELDS
    assert text.startswith(",".join(LINK_FIELDS) + "\n")
    title, group = LINK_FIELDS.index("title"), LINK_FIELDS.index("group")
    assert [(row[title], row[group]) for row in rows] == titles
