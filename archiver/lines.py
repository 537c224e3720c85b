"""A click as one line of JSON: the form of the JSONL store and of exports."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from archiver.model import CLICK_FIELDS, Click, Row
from archiver.timestamps import parse_utc

_TIME_MARK = b'"clicked_at":"'
_TIME_LENGTH = len("2026-11-19T08:15:30Z")


def line_of(row: Row, fields: Sequence[str] = CLICK_FIELDS) -> bytes:
    """The click, or another row of these fields, as a JSON object on one line, newline included.

    `extra` is JSON text already.
    """
    record: dict[str, Any] = dict(zip(fields, row, strict=True))
    extra = record.get("extra")
    if extra is not None:
        record["extra"] = orjson.Fragment(extra)
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def lines_of(rows: Iterable[Row]) -> bytearray:
    """The clicks as lines, one after the other."""
    lines = bytearray()
    for row in rows:
        # Not joined in the end: each of orjson's results takes 8 kB as long as it is kept.
        lines += line_of(row)
    return lines


def row_of(line: bytes) -> Row:
    """The click of a line. Raises ValueError or KeyError where the line isn't one."""
    click = orjson.loads(line)
    if click["extra"] is not None:
        click["extra"] = orjson.dumps(click["extra"], option=orjson.OPT_SORT_KEYS).decode()
    return tuple([click[field] for field in CLICK_FIELDS])


def time_of(line: bytes) -> str:
    """A line's `clicked_at`, without reading all of it. Raises ValueError where it has none."""
    start = line.index(_TIME_MARK) + len(_TIME_MARK)
    return line[start : start + _TIME_LENGTH].decode()


def is_click(row: Row) -> bool:
    """Whether a row that was read from somewhere can be a click, as `Click` states it."""
    try:
        click = Click._make(row)
        parse_utc(click.clicked_at)
        extra = {} if click.extra is None else orjson.loads(click.extra)
        orjson.dumps(row)  # no lone surrogates
    except (ValueError, TypeError):
        return False
    given = click._replace(is_unique=None)
    return (
        isinstance(extra, dict)
        and isinstance(click.is_unique, bool | None)
        and None not in (click.account, click.service, click.clicked_at_source)
        and all(isinstance(value, str | None) for value in given)
    )
