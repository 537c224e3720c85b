"""Databases of other versions, and of other programs."""

import sqlite3
from contextlib import closing

import pytest

from refserver.app import create_app
from refserver.database import Database
from refserver.passwords import hash_password

VERSION_0 = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE,
    password_salt BLOB NOT NULL, password_digest BLOB NOT NULL, timezone TEXT NOT NULL) STRICT;
CREATE TABLE links (id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id), external_url TEXT NOT NULL,
    host TEXT NOT NULL, vanity_link TEXT NOT NULL, title TEXT NOT NULL,
    "group" TEXT NOT NULL) STRICT;
CREATE INDEX links_of_account ON links (account_id, "group");
CREATE TABLE clicks (id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    link_id INTEGER NOT NULL REFERENCES links (id), clicked_at_utc TEXT NOT NULL,
    clicked_at_local TEXT NOT NULL, ip TEXT NOT NULL, country TEXT NOT NULL,
    referrer TEXT NOT NULL, user_agent TEXT NOT NULL, is_unique INTEGER NOT NULL,
    conversion TEXT NOT NULL) STRICT;
CREATE INDEX clicks_in_order ON clicks (account_id, clicked_at_local, id, link_id);
INSERT INTO links VALUES (1, 1, 'https://example.com/', '', '', 'Sale', 'mail');
INSERT INTO clicks VALUES (1, 1, 1, '2026-01-01T00:00:00Z', '2026-01-01 00:00:00', '', '', '', '',
    1, '');
"""


def structure(path) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return [
            (table, *column[1:])
            for (table,) in connection.execute("SELECT name FROM sqlite_schema ORDER BY 1")
            for column in connection.execute(f"PRAGMA table_info({table})")
        ]


def test_a_database_of_version_0_still_opens(tmp_path) -> None:
    """As a new one in its tables, with all that was in it."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    kept = hash_password("secret")
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(VERSION_0)
        connection.execute(
            "INSERT INTO accounts VALUES (1, 'acme', ?, ?, 'UTC')", (kept.salt, kept.digest)
        )
    for path in (old, old, new):
        with closing(Database(path)) as database:
            answer = (
                create_app(database)
                .test_client()
                .post(
                    "/api/v1_0/getLinks",
                    data={"login": "acme", "pass": "secret", "format": "json"},
                )
            )
            assert answer.status_code == (200 if path == old else 401)
            assert database.linkbee_account("acme", b"0123456789abcdef") is None
    with closing(Database(old)) as database:
        client = create_app(database).test_client()
        form = {"login": "acme", "pass": "secret", "format": "json"}
        (link,) = client.post("/api/v1_0/getLinks", data=form).json["links"]
    assert (link["title"], link["clicks"], link["created_at"], link["is_active"]) == (
        "Sale",
        "1",
        None,
        "1",
    )
    assert structure(old) == structure(new)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("CREATE TABLE links (account, id)", "another program's"),
        ("CREATE TABLE accounts (id); PRAGMA user_version = 1", "another program's"),
        (VERSION_0 + "PRAGMA user_version = 2", "of version 2, and this program knows 1"),
    ],
)
def test_what_it_does_not_know_is_left_alone(tmp_path, script, message) -> None:
    """Refused with a clear message, to the byte as it was."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    before = path.read_bytes()
    with pytest.raises(sqlite3.DatabaseError, match=message):
        Database(path)
    assert path.read_bytes() == before
