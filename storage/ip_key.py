"""The key that addresses are hashed with: `ip.key`, a file of its own in the archive's directory.

It is made once and never again. Under another key each visitor is another one, and what is looked
back at would be stored a second time; so the ledger keeps a fingerprint of it from before its
first use, and a key that is lost or another is refused.
"""

import os
import secrets
import sqlite3
import stat
from hashlib import blake2b
from pathlib import Path

from archiver.errors import CorruptArchiveError, StoreError
from storage.appending import sync_folder
from storage.database import store_errors, transaction

FILE_NAME = "ip.key"
_KEY_BYTES = 32
_REMEDY = (
    "Put it back from a copy of the archive. Where there is none, set the ip of accounts that "
    'hash addresses to "truncate" or "drop", or begin a new archive in another archive.directory'
)


class IpKey:
    """The key of one archive."""

    def __init__(self, connection: sqlite3.Connection, directory: Path) -> None:
        self._connection = connection
        self._path = directory / FILE_NAME

    def hold(self) -> bytes:
        """Give the key, made where the archive has never had one; durable when this returns.

        Raises StoreError as `read` does. Whoever calls this holds the archive's lock, and no
        transaction.
        """
        if self.is_held():
            return self.read()
        with store_errors("make", self._path):
            self._make()
            key = self._read_file(durable=True)
            with transaction(self._connection):
                self._connection.execute("INSERT INTO ip_key VALUES (?)", (_fingerprint(key),))
        return key

    def is_held(self) -> bool:
        """Whether addresses of this archive were ever hashed, or were about to be."""
        return self._kept_fingerprint() is not None

    def read(self) -> bytes:
        """Give the key of an archive that has one.

        Raises CorruptArchiveError where it is lost or another, StoreError where it can't be read
        or others can read it too. Nothing is changed in any case.
        """
        with store_errors("read", self._path):
            if not os.path.lexists(self._path):
                raise CorruptArchiveError(
                    f"{self._path} is missing, the key that this archive's addresses were hashed "
                    f"with: under a new one known clicks would be stored a second time. {_REMEDY}"
                )
            key = self._read_file()
        if _fingerprint(key) != self._kept_fingerprint():
            raise CorruptArchiveError(
                f"{self._path} isn't the key that this archive's addresses were hashed with: "
                f"known clicks would be stored a second time. {_REMEDY}"
            )
        return key

    def _make(self) -> None:
        """Make the file; one that is there already and whole is the key, though not used yet."""
        if self._path.exists() and self._path.stat().st_size < _KEY_BYTES:
            self._path.unlink()  # a crash while it was made: nothing was ever hashed with it
        if os.path.lexists(self._path):
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(self._path, flags, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))

    def _read_file(self, *, durable: bool = False) -> bytes:
        """Read the file and, where asked, sync it. Raises StoreError, or what the system says."""
        # O_NONBLOCK: a pipe that nobody writes to would be waited for.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(self._path, flags), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise StoreError(f"{self._path} isn't a regular file. {_REMEDY}")
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise StoreError(
                    f"others than its owner can read {self._path}, and so find the addresses "
                    f"behind the hashes; do `chmod 600 {self._path}`"
                )
            key = file.read(_KEY_BYTES + 1)
            if len(key) != _KEY_BYTES:
                raise CorruptArchiveError(
                    f"{self._path} isn't a key of {_KEY_BYTES} bytes. {_REMEDY}"
                )
            if durable:
                os.fsync(file.fileno())
                sync_folder(self._path.parent)
        return key

    def _kept_fingerprint(self) -> str | None:
        table = "SELECT 1 FROM sqlite_schema WHERE name = 'ip_key'"
        if not self._connection.execute(table).fetchone():
            return None  # an archive of an earlier version, only read
        row = self._connection.execute("SELECT fingerprint FROM ip_key").fetchone()
        return str(row[0]) if row else None


def _fingerprint(key: bytes) -> str:
    return blake2b(key, digest_size=16, person=b"fingerprint").hexdigest()
