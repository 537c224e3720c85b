"""What other programs, bad disks and hands do to an archive, for each store."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from support.archive import TestArchive

Damage = Callable[[TestArchive, str], None]  # done to one UTC day


def execute(archive: TestArchive, *statements: str) -> None:
    """Change the database past the program."""
    with closing(sqlite3.connect(archive.directory / "archive.db")) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement
        connection.commit()


def day_file(archive: TestArchive, day: str) -> Path:
    return archive.directory / "clicks" / archive.names[0] / day[:4] / f"{day}.jsonl"


def _sql(*statements: str) -> Damage:
    def damage(archive: TestArchive, day: str) -> None:
        one = (
            f"(account, clicked_at, key) = (SELECT account, clicked_at, key FROM clicks "
            f"WHERE clicked_at LIKE '{day}%' ORDER BY clicked_at, key LIMIT 1 OFFSET 5)"
        )
        execute(archive, *(each.format(one=one, day=day) for each in statements))

    return damage


def _file(edit: Callable[[list[bytes]], list[bytes]]) -> Damage:
    def damage(archive: TestArchive, day: str) -> None:
        path = day_file(archive, day)
        path.write_bytes(b"".join(edit(path.read_bytes().splitlines(keepends=True))))

    return damage


def _with_other(line: bytes, **values: object) -> bytes:
    click = {**json.loads(line), **values}
    return json.dumps(click, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _one_letter(lines: list[bytes]) -> list[bytes]:
    letter = lines[5].index(b'"title":"') + len('"title":"')
    return [*lines[:5], lines[5][:letter] + b"~" + lines[5][letter + 1 :], *lines[6:]]


_BY_ANYBODY: dict[str, Damage] = {
    "day row missing": _sql("DELETE FROM days WHERE day = '{day}'"),
    "count edited": _sql("UPDATE days SET clicks = clicks + 1 WHERE day = '{day}'"),
    "digest edited": _sql("UPDATE days SET digest = 'x' || digest WHERE day = '{day}'"),
    "first click edited": _sql(
        "UPDATE days SET first_click = '{day}T00:00:00Z' WHERE day = '{day}'"
    ),
    "last click edited": _sql(
        "UPDATE days SET last_click = '{day}T23:59:60Z' WHERE day = '{day}'"
    ),
}

DAMAGES: dict[str, dict[str, Damage]] = {
    "sqlite": {
        **_BY_ANYBODY,
        "row edited": _sql("UPDATE clicks SET country = 'XX', ip = '::9' WHERE {one}"),
        "one letter changed": _sql("UPDATE clicks SET title = title || '.' WHERE {one}"),
        "truth edited": _sql(
            "PRAGMA ignore_check_constraints = 1", "UPDATE clicks SET is_unique = 5 WHERE {one}"
        ),
        "row deleted": _sql("DELETE FROM clicks WHERE {one}"),
        "all rows deleted": _sql("DELETE FROM clicks WHERE clicked_at LIKE '{day}%'"),
        "row added": _sql(
            "CREATE TEMP TABLE added AS SELECT * FROM clicks WHERE {one}",
            "UPDATE added SET key = 'by hand', user_agent = 'by hand', id = NULL",
            "INSERT INTO clicks SELECT * FROM added",
        ),
        "key edited": _sql("UPDATE clicks SET key = 'id:5' WHERE {one}"),
        "time edited": _sql("UPDATE clicks SET clicked_at = '{day}T12:34:56Z' WHERE {one}"),
        "time made nonsense": _sql("UPDATE clicks SET clicked_at = 'noon' WHERE {one}"),
        "time of nonsense on the day": _sql(
            "UPDATE clicks SET clicked_at = '{day} ?' WHERE {one}"
        ),
        "bytes for a text": _sql("UPDATE clicks SET referrer = x'00ff' WHERE {one}"),
        "bytes for a time": _sql("UPDATE clicks SET clicked_at = x'00ff' WHERE {one}"),
        "a text that is not UTF-8": _sql(
            "UPDATE clicks SET referrer = CAST(x'66ff6f' AS TEXT) WHERE {one}"
        ),
        "no object for extra": _sql("UPDATE clicks SET extra = '[1]' WHERE {one}"),
    },
    "jsonl": {
        **_BY_ANYBODY,
        "file missing": lambda archive, day: day_file(archive, day).unlink(),
        "file truncated": _file(lambda lines: [*lines[:7], lines[7][:40]]),
        "file cut at a line's end": _file(lambda lines: lines[:-1]),
        "file emptied": _file(lambda _: []),
        "file of zeros": _file(lambda lines: [b"\0" * len(b"".join(lines))]),
        "length missing": _sql("DELETE FROM files WHERE path LIKE '%{day}.jsonl'"),
        "length edited": _sql(
            "UPDATE files SET bytes = bytes - 3 WHERE path LIKE '%{day}.jsonl'"
        ),
        "line edited": _file(
            lambda lines: [*lines[:5], _with_other(lines[5], ip="::9"), *lines[6:]]
        ),
        "one letter changed": _file(_one_letter),
        "line deleted": _file(lambda lines: [*lines[:5], *lines[6:]]),
        "line doubled": _file(lambda lines: [*lines[:5], *lines[4:]]),
        "line added": _file(
            lambda lines: [*lines[:5], _with_other(lines[5], id=None, ip="by hand"), *lines[5:]]
        ),
        "line of another day": _file(
            lambda lines: [*lines[:5], _with_other(lines[5], clicked_at="2020-01-01T00:00:00Z"),
                           *lines[6:]]
        ),
        "garbage line": _file(lambda lines: [*lines[:5], b"\xff\xfe garbage\n", *lines[5:]]),
        "garbage over a line": _file(
            lambda lines: [*lines[:5], b"#" * (len(lines[5]) - 1) + b"\n", *lines[6:]]
        ),
        "lines joined": _file(
            lambda lines: [*lines[:5], lines[5].replace(b"\n", b" "), *lines[6:]]
        ),
        "a list for a line": _file(lambda lines: [*lines[:5], b"[1,2]\n", *lines[6:]]),
        "a field missing": _file(
            lambda lines: [*lines[:5], lines[5].replace(b'"ip":', b'"iq":'), *lines[6:]]
        ),
    },
}  # fmt: skip
