"""Records that all have the same fields, as columns: nearly all pages hold such ones.

None of them is looked at by itself. Whatever else comes is left to the exact parser.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from json import JSONDecoder
from typing import Any, TypeAlias, overload

import msgspec

from archiver.sources.documents import parse_json, refuse_many_parts

Text: TypeAlias = str | None

#: What may stand before a page's records, and how long its first one may be.
_LONGEST_HEAD, _LONGEST_FIRST = 4096, 65_536
_MOST_FIELDS = 64

_begin_of = JSONDecoder().raw_decode
_values_of = msgspec.structs.astuple


class Table(Sequence[Mapping[str, Text]]):
    """Records of the same fields, each of them a text or None. There is at least one field."""

    def __init__(self, names: Sequence[str], columns: Sequence[Sequence[Text]]) -> None:
        self.names = names
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns[0])

    def __iter__(self) -> Iterator[Mapping[str, Text]]:
        for values in zip(*self.columns, strict=True):
            yield dict(zip(self.names, values, strict=True))

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Text]: ...
    @overload
    def __getitem__(self, index: slice) -> "Table": ...
    def __getitem__(self, index: int | slice) -> "Mapping[str, Text] | Table":
        if isinstance(index, slice):
            return Table(self.names, [column[index] for column in self.columns])
        return {name: column[index] for name, column in zip(self.names, self.columns, strict=True)}


def read_json_table(body: bytes, list_name: str) -> tuple[dict[str, Any], Table] | None:
    """What a JSON object states before its list of records, and these; None for anything else.

    And wherever it may not be what the exact parser gives. A key that is given twice shows in
    the quotation marks: there are more of them than two for each key and each text.
    """
    refuse_many_parts(body)
    name = f'"{list_name}":'.encode()
    place = body.find(name, 0, _LONGEST_HEAD)
    begin = place + len(name)
    fields = _fields_of_first(body[begin : begin + _LONGEST_FIRST])
    if place < 0 or not fields:
        return None
    try:
        stated = parse_json(body[:begin] + b"null}")
        page = _decoder(tuple(stated), list_name, fields).decode(body)
    except (ValueError, msgspec.MsgspecError):
        return None
    columns = list(zip(*map(_values_of, page.page_0), strict=True))
    values = len(fields) * len(page.page_0)
    texts = values - sum(column.count(None) for column in columns)
    if body.count(b'"', begin) != 2 * (values + texts):
        return None
    del stated[list_name]
    return stated, Table(fields, columns)


def _fields_of_first(beginning: bytes) -> tuple[str, ...]:
    """The fields of a list's first record; none where that can't be told."""
    try:
        first, _ = _begin_of(beginning[beginning.index(b"{") :].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return ()
    return tuple(first) if len(first) <= _MOST_FIELDS else ()


@lru_cache(maxsize=32)
def _decoder(
    stated: Sequence[str], list_name: str, fields: Sequence[str]
) -> "msgspec.json.Decoder[Any]":
    """Reads an object of just these keys, whose list has records of just these fields."""
    record = _struct("record", [(name, Text) for name in fields])
    others = [(name, msgspec.Raw) for name in stated if name != list_name]
    return msgspec.json.Decoder(_struct("page", [(list_name, list[record]), *others]))  # type: ignore[valid-type]


def _struct(kind: str, fields: Sequence[tuple[str, Any]]) -> type[msgspec.Struct]:
    """A struct of these fields by their order, for their names may be any text."""
    places = [(f"{kind}_{place}", type_) for place, (_, type_) in enumerate(fields)]
    names = {place: name for (place, _), (name, _) in zip(places, fields, strict=True)}
    return msgspec.defstruct(kind, places, rename=names, forbid_unknown_fields=True, gc=False)
