"""The key of hashed addresses: made once, durable before it is used, and never another."""

import os
import stat
from pathlib import Path

import pytest

from archiver.errors import CorruptArchiveError, StoreError
from storage import ip_key
from storage.opening import open_archive
from storage.reading import open_reader


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "ip.key"


@pytest.fixture
def key(tmp_path) -> bytes:
    """The key of an archive that has used it."""
    with open_archive(tmp_path, "sqlite") as archive:
        return archive.ip_key.hold()


def held(directory: Path) -> bytes:
    with open_archive(directory, "sqlite") as archive:
        return archive.ip_key.hold()


def test_it_is_made_when_it_is_first_needed(tmp_path, path):
    """32 random bytes that nobody else may read, in a file of their own."""
    with open_archive(tmp_path, "sqlite") as archive:
        assert not archive.ip_key.is_held()
        assert not path.exists()
        key = archive.ip_key.hold()
        assert archive.ip_key.is_held()
    assert path.read_bytes() == key
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = held(tmp_path / "other")
    assert other != key


def test_its_mode_is_its_own(tmp_path, path):
    """Whatever the process leaves open to others."""
    before = os.umask(0)
    try:
        held(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_stays(tmp_path, path, key):
    """Each later run has the same; reading it changes nothing."""
    before = path.stat().st_mtime_ns
    assert held(tmp_path) == held(tmp_path) == key
    with open_reader(tmp_path) as reader:
        assert reader.ip_key.is_held()
        assert reader.ip_key.read() == key
    assert path.stat().st_mtime_ns == before


def test_it_is_in_no_other_file(tmp_path, path, key):
    """The ledger has a fingerprint of it."""
    for file in tmp_path.iterdir():
        if file != path:
            assert key not in file.read_bytes()
            assert key.hex().encode() not in file.read_bytes().lower()


def test_it_is_durable_before_it_is_used(tmp_path, path, monkeypatch):
    """File and folder are synced before the ledger knows of it."""
    synced: list[object] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        status = os.fstat(descriptor)
        whole = path.exists() and path.stat().st_size == 32
        synced.append((whole, (status.st_dev, status.st_ino)))

    with open_archive(tmp_path, "sqlite") as archive:
        monkeypatch.setattr(os, "fsync", note)

        def refuse(_: bytes) -> str:
            inodes = [path.stat(), tmp_path.stat()]
            assert synced == [(True, (status.st_dev, status.st_ino)) for status in inodes]
            raise StoreError("not yet")

        monkeypatch.setattr(ip_key, "_fingerprint", refuse)
        with pytest.raises(StoreError, match="not yet"):
            archive.ip_key.hold()
        assert not archive.ip_key.is_held()


@pytest.mark.parametrize("left", [b"", b"x" * 31])
def test_a_crash_while_it_was_made_leaves_nothing(tmp_path, path, left):
    """Nothing was hashed with it: it is made anew."""
    path.write_bytes(left)
    key = held(tmp_path)
    assert len(key) == 32
    assert path.read_bytes() == key


def test_a_crash_before_its_first_use_leaves_it(tmp_path, path):
    """So does whoever puts one there, to hash alike in two archives."""
    path.write_bytes(b"k" * 32)
    path.chmod(0o600)
    assert held(tmp_path) == held(tmp_path) == b"k" * 32


@pytest.mark.parametrize("again", [1, 3])
def test_a_key_that_is_lost_is_refused(tmp_path, path, key, again):
    """A new one would double what is archived: the error names the file and the ways out."""
    path.unlink()
    for _ in range(again):
        with pytest.raises(CorruptArchiveError) as raised:
            held(tmp_path)
        assert str(raised.value).startswith(f"{path} is missing")
        assert "Put it back from a copy" in str(raised.value)
        assert 'set the ip of accounts that hash addresses to "truncate" or "drop"' in (
            str(raised.value)
        )
        assert not path.exists()
    path.write_bytes(key)
    path.chmod(0o600)
    assert held(tmp_path) == key


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"k" * 32, "isn't the key that this archive's addresses were hashed with"),
        (b"", "isn't a key of 32 bytes"),
        (b"k" * 31, "isn't a key of 32 bytes"),
        (b"k" * 33, "isn't a key of 32 bytes"),
    ],
)
def test_another_key_is_refused(tmp_path, path, key, content, said):
    """And stays as it is, cut or not."""
    path.write_bytes(content)
    with pytest.raises(CorruptArchiveError, match=said) as raised:
        held(tmp_path)
    assert "Put it back from a copy" in str(raised.value)
    assert path.read_bytes() == content


def test_a_longer_file_is_no_key(tmp_path, path):
    """Even before the first use: it may be somebody's, and isn't taken away."""
    path.write_bytes(b"k" * 33)
    path.chmod(0o600)
    with pytest.raises(CorruptArchiveError, match="isn't a key of 32 bytes"):
        held(tmp_path)
    assert path.read_bytes() == b"k" * 33


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path, path, key, mode):
    """With what to do about it."""
    path.chmod(mode)
    with pytest.raises(StoreError, match=rf"others than its owner .*chmod 600 {path}"):
        held(tmp_path)
    path.chmod(0o600)
    assert held(tmp_path) == key


def test_only_a_file_is_a_key(tmp_path, path, key):
    """No link to one, no folder, and no pipe, which isn't waited for."""
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"can't read .*ip\.key"):
        held(tmp_path)
    path.unlink()
    path.mkdir(0o700)
    with pytest.raises(StoreError, match=r"can't read .*ip\.key"):
        held(tmp_path)
    path.rmdir()
    os.mkfifo(path, 0o600)
    with pytest.raises(StoreError, match="isn't a regular file"):
        held(tmp_path)


def test_a_link_is_not_followed_when_it_is_made(tmp_path, path):
    """A key isn't written to where somebody else would have it."""
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"can't make .*ip\.key"):
        held(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_leaves_no_key_that_is_used(tmp_path, path, monkeypatch):
    """The next run makes it."""
    with open_archive(tmp_path, "sqlite") as archive, monkeypatch.context() as patch:

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"can't make .*No space"):
            archive.ip_key.hold()
        assert not archive.ip_key.is_held()
    assert held(tmp_path) == path.read_bytes()
