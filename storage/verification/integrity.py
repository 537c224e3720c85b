"""The database as such: its pages, and its tables."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlite_utils import Database

from storage import clicks_schema, schema
from storage.columns import quoted
from storage.database import is_damage, open_read_only, store_errors
from storage.verification.base import Difference

_FAULTS_TOLD = 100
_WAIT_SECONDS = 0.2
# SQLite 3.40.0 to 3.41.0 say so of every row of a table such as `clicks`, where the key's columns
# don't come first. A click without these columns is found anyway: it is no click.
_FALSE_ALARM = "NULL value in clicks."


@contextmanager
def integrity_check(path: Path) -> Iterator[Callable[[], list[Difference]]]:
    """Let SQLite check its file meanwhile, on another thread; give what waits for its findings.

    A large file takes a minute, in one call that heeds no signal: here the waiting does.
    """
    opened: list[sqlite3.Connection] = []
    pool = ThreadPoolExecutor(1, thread_name_prefix="integrity")
    findings = pool.submit(_check, path, opened)
    try:
        yield lambda: _waited_for(findings)
    finally:
        while not findings.done():
            for connection in opened:
                with suppress(sqlite3.ProgrammingError):  # it is closed by now
                    connection.interrupt()
            wait([findings], _WAIT_SECONDS)
        pool.shutdown()


def _waited_for(findings: "Future[list[Difference]]") -> list[Difference]:
    while not findings.done():
        wait([findings], _WAIT_SECONDS)
    return findings.result()


def _check(path: Path, opened: list[sqlite3.Connection]) -> list[Difference]:
    connection = open_read_only(path.parent)
    if connection is None:
        return []
    with store_errors("check", path), closing(connection):
        opened.append(connection)
        try:
            rows = connection.execute(f"PRAGMA integrity_check({_FAULTS_TOLD})").fetchall()
            faults = [str(text) for (text,) in rows]
            if any(text.startswith(_FALSE_ALARM) for text in faults):
                faults = [text for text in faults if not text.startswith(_FALSE_ALARM)]
                faults += _faults_of_others(connection)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            faults = [str(error)]
    told = dict.fromkeys(" ".join(text.split()) for text in faults if text != "ok")
    return [Difference(None, None, "database", "ok", text) for text in told]


def _faults_of_others(connection: sqlite3.Connection) -> Iterator[str]:
    """The faults of other tables: those of `clicks` may have left no room for them."""
    for (table,) in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'clicks'"
    ).fetchall():
        for (text,) in connection.execute(f"PRAGMA integrity_check({quoted(table)})"):
            yield str(text)


def table_differences(connection: sqlite3.Connection) -> list[Difference]:
    """What of tables, views and indexes isn't as this archive's migrations made it.

    What somebody added, such as a view of his own, is no difference; but a trigger on what the
    program made is, for it changes what is stored, or may.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        for migrations in (schema.ledger, clicks_schema.clicks):
            applied = {migration.name for migration in migrations.applied(Database(connection))}
            if applied or migrations is schema.ledger:
                pending = [m.name for m in migrations.pending(Database(connection))]
                migrations.apply(Database(made), stop_before=pending)
        expected = _shapes(made)
    found = _shapes(connection)
    return [
        Difference(None, None, "table", f"{name}: {shape}", found.get(name))
        for name, shape in expected.items()
        if found.get(name) != shape
    ] + [
        Difference(None, None, "trigger", None, f"{name} on {table}")
        for name, table in connection.execute(
            "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
        )
        if table in expected
    ]


def _shapes(connection: sqlite3.Connection) -> dict[str, str]:
    """Each table, view and index by its name, with its columns."""
    names = connection.execute(
        "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()
    return {name: f"{kind} ({_columns(connection, kind, name)})" for kind, name in names}


def _columns(connection: sqlite3.Connection, kind: str, name: str) -> str:
    if kind == "index":
        rows = connection.execute("SELECT name FROM pragma_index_info(?)", (name,)).fetchall()
    else:
        rows = connection.execute(
            "SELECT name || ' ' || type || iif(\"notnull\", ' not null', '') || "
            "iif(pk, ' key ' || pk, '') FROM pragma_table_info(?)",
            (name,),
        ).fetchall()
    return ", ".join(str(text) for (text,) in rows)
