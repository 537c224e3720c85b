"""Pages as bytes: answers that hold a list, changed without being made again."""

import re
import zlib
from dataclasses import dataclass
from typing import Self

# The envelope comes first, and holds numbers only: the first list's beginning is its end.
_HEAD = re.compile(rb'.*?(?:"(?:history|links)":\[|<(?:history|links)>)', re.DOTALL)
_TOTAL = re.compile(rb'("total":|<total>)([0-9]+)')
_OFFSET = re.compile(rb'(?:"offset":|<offset>)([0-9]+)')
_MEGABYTE = b" " * 1_000_000
_GZIP_WINDOW = 31


@dataclass(frozen=True, slots=True)
class Page:
    """An envelope up to the list's beginning, and the rest."""

    head: bytes
    tail: bytes

    @classmethod
    def read(cls, body: bytes) -> Self | None:
        """None where the body is no page."""
        match = _HEAD.match(body)
        return cls(match[0], body[match.end() :]) if match else None

    @property
    def body(self) -> bytes:
        return self.head + self.tail

    @property
    def states_total(self) -> bool:
        return _TOTAL.search(self.head) is not None

    @property
    def offset(self) -> int:
        match = _OFFSET.search(self.head)
        return int(match[1]) if match else 0

    def with_total_changed(self, by: int) -> "Page":
        head = _TOTAL.sub(lambda match: match[1] + b"%d" % (int(match[2]) + by), self.head)
        return Page(head, self.tail)


def swollen(body: bytes, megabytes: int) -> bytes:
    """The body and that much of spaces, packed by gzip."""
    packer = zlib.compressobj(wbits=_GZIP_WINDOW)
    parts = [packer.compress(body), *(packer.compress(_MEGABYTE) for _ in range(megabytes))]
    return b"".join([*parts, packer.flush()])
