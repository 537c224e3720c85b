"""The database's tables, and how those of an earlier version become today's.

They have plain names and columns, so that a test can count clicks by a way other than the API:

    accounts(id, login, password_salt, password_digest, timezone, linkbee_digest)
    links(id, account_id, external_url, host, vanity_link, title, "group", description, notes,
          created_at_utc, created_at_local, expires_at, is_active, is_public, alert_at,
          deactivate_at, has_alert_email, has_plus_tracking, has_public_tracking,
          has_conversion_tracking, password_salt, password_digest)
    clicks(id, account_id, link_id, clicked_at_utc, clicked_at_local, ip, country, referrer,
           user_agent, is_unique, conversion)
    short_links(id, account_id, hash, url, ad, category, hits)

No value is an empty text, a zero or an empty blob; a short link without an account is a quick
one. `linkbee_digest` is the salted hash of the password's MD5 digest, which is all of a password
that Linkbee's clients send: neither the password nor its MD5 can be read here.
"""

import sqlite3

_VERSION = 1

_TABLES = (
    """
    CREATE TABLE IF NOT EXISTS accounts (
        id INTEGER PRIMARY KEY,
        login TEXT NOT NULL UNIQUE,
        password_salt BLOB NOT NULL,
        password_digest BLOB NOT NULL,
        timezone TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE IF NOT EXISTS links (
        id INTEGER PRIMARY KEY,
        account_id INTEGER NOT NULL REFERENCES accounts (id),
        external_url TEXT NOT NULL,
        host TEXT NOT NULL,
        vanity_link TEXT NOT NULL,
        title TEXT NOT NULL,
        "group" TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE IF NOT EXISTS clicks (
        id INTEGER PRIMARY KEY,
        account_id INTEGER NOT NULL REFERENCES accounts (id),
        link_id INTEGER NOT NULL REFERENCES links (id),
        clicked_at_utc TEXT NOT NULL,
        clicked_at_local TEXT NOT NULL,
        ip TEXT NOT NULL,
        country TEXT NOT NULL,
        referrer TEXT NOT NULL,
        user_agent TEXT NOT NULL,
        is_unique INTEGER NOT NULL,
        conversion TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE IF NOT EXISTS short_links (
        id INTEGER PRIMARY KEY,
        account_id INTEGER REFERENCES accounts (id),
        hash TEXT NOT NULL UNIQUE,
        url TEXT NOT NULL,
        ad INTEGER NOT NULL,
        category INTEGER NOT NULL,
        hits INTEGER NOT NULL
    ) STRICT
    """,
)

# What the tables of version 0 lack. They are added to new ones as well: one way, always tried.
_ADDED = (
    ("accounts", "linkbee_digest", "BLOB NOT NULL DEFAULT x''"),
    ("links", "description", "TEXT NOT NULL DEFAULT ''"),
    ("links", "notes", "TEXT NOT NULL DEFAULT ''"),
    ("links", "created_at_utc", "TEXT NOT NULL DEFAULT ''"),
    ("links", "created_at_local", "TEXT NOT NULL DEFAULT ''"),
    ("links", "expires_at", "TEXT NOT NULL DEFAULT ''"),
    ("links", "is_active", "INTEGER NOT NULL DEFAULT 1"),
    ("links", "is_public", "INTEGER NOT NULL DEFAULT 0"),
    ("links", "alert_at", "INTEGER NOT NULL DEFAULT 0"),
    ("links", "deactivate_at", "INTEGER NOT NULL DEFAULT 0"),
    ("links", "has_alert_email", "INTEGER NOT NULL DEFAULT 0"),
    ("links", "has_plus_tracking", "INTEGER NOT NULL DEFAULT 0"),
    ("links", "has_public_tracking", "INTEGER NOT NULL DEFAULT 0"),
    ("links", "has_conversion_tracking", "INTEGER NOT NULL DEFAULT 0"),
    ("links", "password_salt", "BLOB NOT NULL DEFAULT x''"),
    ("links", "password_digest", "BLOB NOT NULL DEFAULT x''"),
)

_INDEXES = (
    'CREATE INDEX IF NOT EXISTS links_of_account ON links (account_id, "group")',
    "CREATE INDEX IF NOT EXISTS links_of_name ON links (vanity_link) WHERE vanity_link != ''",
    # Holds all that counting and paging look at, filters included, in the order of the pages.
    """
    CREATE INDEX IF NOT EXISTS clicks_in_order
        ON clicks (account_id, clicked_at_local, id, link_id)
    """,
    # Holds all that a link's totals are counted from.
    "CREATE INDEX IF NOT EXISTS clicks_of_link ON clicks (link_id, is_unique)",
    "CREATE INDEX IF NOT EXISTS short_links_of_account ON short_links (account_id, hits)",
)


def prepare(connection: sqlite3.Connection) -> None:
    """Makes the tables, or brings those of an earlier version up to date.

    Raises sqlite3.DatabaseError, and changes nothing, where the file is another program's or a
    later version's.
    """
    _refuse_foreign(connection)
    if _version(connection) == _VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _TABLES:
            connection.execute(statement)
        for table, column, declaration in _ADDED:
            if column not in _columns(connection, table):
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {declaration}")
        for statement in _INDEXES:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _refuse_foreign(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version > _VERSION:
        raise sqlite3.DatabaseError(
            f"it is of version {version}, and this program knows {_VERSION}: make a new one"
        )
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and "password_digest" not in _columns(connection, "accounts"):
        raise sqlite3.DatabaseError("it is another program's: name a new file")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
