"""From a service's records to clicks: known fields by their names, times to UTC, "" to nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, TypeAlias

import orjson

from archiver.errors import WindowError
from archiver.model import Row

Record: TypeAlias = Mapping[str, Any]

#: Linktrack's name of each click field, in the order of a Click.
CLICK_NAMES = (
    "clicked_at",
    "id",
    "link_id",
    "link",
    "external_url",
    "title",
    "group",
    "ip",
    "country",
    "referrer",
    "user_agent",
    "is_unique",
    "conversion",
)

_UNIQUE = {"1": True, "true": True, "0": False, "false": False, None: None}
_TEXT_OR_NOTHING = frozenset({str, type(None)})


class RecordReader:
    """Reads one account's records. `names` gives a field another name than the contract's."""

    def __init__(
        self,
        *,
        account: str,
        service: str,
        to_utc: Callable[[str], str],
        names: Mapping[str, str],
    ) -> None:
        self._account = account
        self._service = service
        self._to_utc = to_utc
        self._names = {field: names.get(field, field) for field in CLICK_NAMES}
        self._known = frozenset(self._names.values())

    def read(self, records: Sequence[Record]) -> list[Row]:
        """One row for each record, in their order.

        A field that is absent, null or empty is None. A number is the text that the service
        sent. Raises WindowError, which names the record, where one can't be understood.
        """
        if _value_types(records) - _TEXT_OR_NOTHING:
            records = [self._with_text(number, record) for number, record in enumerate(records)]
        columns: dict[str, list[Any]] = {
            field: [record.get(name) or None for record in records]
            for field, name in self._names.items()
        }
        instants = self._instants(columns["clicked_at"])
        extras = self._extras(records, columns["is_unique"])
        columns["is_unique"] = list(map(_UNIQUE.get, columns["is_unique"]))
        return list(
            zip(
                repeat(self._account),
                repeat(self._service),
                instants,
                *columns.values(),
                extras,
                strict=False,
            )
        )

    def _instants(self, texts: list[str | None]) -> list[str]:
        try:
            return list(map(self._to_utc, texts))  # type: ignore[arg-type]
        except (ValueError, TypeError):
            return [self._instant(number, text) for number, text in enumerate(texts)]

    def _instant(self, number: int, text: str | None) -> str:
        try:
            if text is not None:
                return self._to_utc(text)
            reason = "it has no time"
        except ValueError as error:
            reason = str(error)
        raise self._not_understood(number, "clicked_at", reason)

    def _extras(self, records: Sequence[Record], unique: list[str | None]) -> Iterable[str | None]:
        """What we don't know of each record, as JSON; and a uniqueness that we can't read."""
        if set(unique) <= _UNIQUE.keys() and all(
            record.keys() <= self._known for record in records
        ):
            return repeat(None)
        name = self._names["is_unique"]
        readable = self._known - {name}
        return [
            as_json(
                {
                    key: None if value == "" else value
                    for key, value in record.items()
                    if key not in readable and (key != name or (value or None) not in _UNIQUE)
                }
            )
            for record in records
        ]

    def _with_text(self, number: int, record: Record) -> Record:
        """The record with text in each known field; what can't be text raises WindowError."""
        with_text = dict(record)
        for field, name in self._names.items():
            value = record.get(name)
            if isinstance(value, bool):
                with_text[name] = "true" if value else "false"
            elif not isinstance(value, str | None):
                raise self._not_understood(number, field, f"a {type(value).__name__}, not a text")
        return with_text

    def _not_understood(self, number: int, field: str, reason: str) -> WindowError:
        return WindowError(
            f"record {number + 1} of a page can't be understood. If the service names its fields "
            f"differently, set [accounts.fields]; {self._names[field]}: {reason}"
        )


def _value_types(records: Sequence[Record]) -> set[type]:
    types: set[type] = set()
    for record in records:
        types.update(map(type, record.values()))
    return types


def as_json(unknown: Mapping[str, Any]) -> str | None:
    """What isn't known of a record, as one text; None for nothing. Raises WindowError."""
    if not unknown:
        return None
    try:
        return orjson.dumps(unknown, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:
        raise WindowError("a record has values nested too deep to be kept") from None
