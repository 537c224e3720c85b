"""Passwords: kept as salted hashes, checked cheaply the second time."""

import hashlib
import hmac
import secrets
from typing import NamedTuple


class PasswordHash(NamedTuple):
    """What is kept of a password."""

    salt: bytes
    digest: bytes


def hash_password(password: str) -> PasswordHash:
    salt = secrets.token_bytes(16)
    return PasswordHash(salt, _scrypt(password, salt))


def hash_linkbee_password(password: str, salt: bytes) -> PasswordHash:
    """What is kept to check Linkbee's `pass` by: its `linkbee_text` matches this."""
    # The digest is what Linkbee's API asks for. Here it is hashed once more before it is kept.
    digest = hashlib.md5(password.encode(), usedforsecurity=False).digest()
    return PasswordHash(salt, _scrypt(linkbee_text(digest), salt))


def linkbee_text(digest: bytes) -> str:
    """The MD5 digest that a client sent, as the password that it is in effect."""
    return digest.hex()


class PasswordChecker:
    """Compares passwords with their hashes.

    A hash that has been matched once is remembered, in this process only, by a keyed digest of
    the password: the slow hash would otherwise be part of the cost of every page.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: dict[PasswordHash, bytes] = {}

    def matches(self, password: str, kept: PasswordHash) -> bool:
        quick = hmac.digest(self._key, password.encode(), "sha256")
        known = self._known.get(kept)
        if known is not None:
            return hmac.compare_digest(known, quick)
        if not hmac.compare_digest(_scrypt(password, kept.salt), kept.digest):
            return False
        self._known[kept] = quick
        return True


def _scrypt(password: str, salt: bytes) -> bytes:
    # Cheap parameters: this server holds populations made for tests, not people's accounts.
    return hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=1)
