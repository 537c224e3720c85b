"""Rejected records for programs and for people, bit by bit: there may be many."""

from collections.abc import Iterable, Iterator

import orjson

from storage.rejected import RejectedRecord


def as_document(records: Iterable[RejectedRecord]) -> Iterator[bytes]:
    """One JSON document: `{"rejected": [{"first_seen_at", "account", "start", …}]}`."""
    yield b'{"rejected":['
    for number, record in enumerate(records):
        yield b"," * (number > 0) + orjson.dumps(record._asdict())
    yield b"]}\n"


def as_lines(records: Iterable[RejectedRecord]) -> Iterator[bytes]:
    """Two lines a record: when and where it came and why it isn't a click, and its text."""
    for record in records:
        yield (
            f"{record.first_seen_at}  {record.account}  {record.start} to {record.end}  "
            f"{record.reason}\n    {_printable(record.text)}\n"
        ).encode()


def _printable(text: str) -> str:
    """A service's text can't move a terminal's cursor, or do worse."""
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}" for character in text
    )
