"""A file that appears whole or not at all."""

import pytest

from archiver.errors import StoreError
from jobs.export import whole_file


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
