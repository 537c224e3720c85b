"""From a service's records to clicks: known fields by their names, times to UTC, "" to nothing.

A page is read as one, by columns; only where that fails, record by record.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, TypeAlias

import orjson

from archiver.errors import WindowError
from archiver.model import Rejected, Row
from archiver.privacy import Treatment, treated_strings, treated_value
from archiver.rejected import address_names, rejected
from archiver.sources.tables import Table

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


class _NotUnderstoodError(Exception):
    """A record can't be understood. The reason quotes nothing of it."""


class RecordReader:
    """Reads one account's records. `names` gives a field another name than the contract's.

    `treat_address` is what is done to addresses, before anything else sees them.
    """

    def __init__(
        self,
        *,
        account: str,
        service: str,
        to_utc: Callable[[str], str],
        names: Mapping[str, str],
        treat_address: Treatment | None = None,
    ) -> None:
        self._account = account
        self._service = service
        self._to_utc = to_utc
        self._names = {field: names.get(field, field) for field in CLICK_NAMES}
        self._known = frozenset(self._names.values())
        self._treat_address = treat_address
        self._has_seen_times = False

    def read(self, records: Sequence[Record]) -> tuple[list[Row], list[Rejected]]:
        """One row for each record, in their order; and those that can't be understood.

        A field that is absent, null or empty is None. A number is the text that the service
        sent. Raises WindowError where no record has the field of the time at all, and none had it
        before: then it isn't the records that are wrong.
        """
        try:
            rows = self._rows(records)
        except _NotUnderstoodError:
            return self._read_each(records)
        self._has_seen_times = self._has_seen_times or bool(rows)
        return rows, []

    def _read_each(self, records: Sequence[Record]) -> tuple[list[Row], list[Rejected]]:
        self._refuse_wrong_names(records)
        rows: list[Row] = []
        rejects: list[Rejected] = []
        for position, record in enumerate(records):
            try:
                rows += self._rows([record])
            except _NotUnderstoodError as error:
                rejects.append(self._rejected(record, str(error), position))
        return rows, rejects

    def _refuse_wrong_names(self, records: Sequence[Record]) -> None:
        name = self._names["clicked_at"]
        self._has_seen_times = self._has_seen_times or any(name in record for record in records)
        if not self._has_seen_times:
            raise WindowError(
                f"no record has the field {name}, the time of a click. If the service names its "
                "fields differently, set [accounts.fields]"
            )

    def _rejected(self, record: Record, reason: str, position: int) -> Rejected:
        try:
            clicked_at = self._to_utc(record[self._names["clicked_at"]])
        except (KeyError, TypeError, ValueError):
            clicked_at = None
        return rejected(
            record,
            reason,
            names=self._names,
            treat=self._treat_address,
            clicked_at=clicked_at,
            position=position,
        )

    def _rows(self, records: Sequence[Record]) -> list[Row]:
        """One row for each record. Raises _NotUnderstoodError where there is none for one."""
        if not records:
            return []
        if not isinstance(records, Table) and _value_types(records) - _TEXT_OR_NOTHING:
            records = list(map(self._with_text, records))
        columns = dict(zip(self._names, self._columns(records), strict=True))
        for field, column in columns.items():
            if "" in column:
                columns[field] = [text or None for text in column]
        instants = self._instants(columns["clicked_at"])
        extras = self._extras(records, columns["is_unique"])
        columns["is_unique"] = list(map(_UNIQUE.get, columns["is_unique"]))
        if self._treat_address is not None:
            treat = self._treat_address
            columns["ip"] = [text and treat(text) for text in columns["ip"]]
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

    def _columns(self, records: Sequence[Record]) -> Iterable[Sequence[Any]]:
        """The values of each known field; None where a record hasn't the field."""
        if isinstance(records, Table):
            given = dict(zip(records.names, records.columns, strict=True))
            nothing = [None] * len(records)
            return (given.get(name, nothing) for name in self._names.values())
        return ([record.get(name) for record in records] for name in self._names.values())

    def _instants(self, texts: Sequence[str | None]) -> list[str]:
        try:
            return list(map(self._to_utc, texts))  # type: ignore[arg-type]
        except TypeError:
            reason: object = "it has no time"
        except ValueError as error:
            reason = error
        raise _NotUnderstoodError(f"{self._names['clicked_at']}: {reason}")

    def _extras(
        self, records: Sequence[Record], unique: Sequence[str | None]
    ) -> Iterable[str | None]:
        """What we don't know of each record, as JSON; and a uniqueness that we can't read."""
        names = records.names if isinstance(records, Table) else chain.from_iterable(records)
        if set(unique) <= _UNIQUE.keys() and self._known.issuperset(names):
            return repeat(None)
        name = self._names["is_unique"]
        readable = self._known - {name}
        return [
            self._extra(
                {
                    key: None if value == "" else value
                    for key, value in record.items()
                    if key not in readable and (key != name or (value or None) not in _UNIQUE)
                }
            )
            for record in records
        ]

    def _extra(self, unknown: dict[str, Any]) -> str | None:
        if not unknown:
            return None
        extra = _as_json(unknown)
        treat = self._treat_address
        if treat is None:
            return extra
        for name in address_names(self._names) & unknown.keys():
            unknown[name] = unknown[name] and treated_value(unknown[name], treat)
            extra = _as_json(unknown)
        # Where a key is an address, the keys' order may be another now.
        return _as_json(orjson.loads(treated_strings(extra, treat)))

    def _with_text(self, record: Record) -> Record:
        """The record with text in each known field."""
        with_text = dict(record)
        for name in self._known:
            value = record.get(name)
            if isinstance(value, bool):
                with_text[name] = "true" if value else "false"
            elif not isinstance(value, str | None):
                raise _NotUnderstoodError(f"{name}: a {type(value).__name__}, not a text")
        return with_text


def _value_types(records: Sequence[Record]) -> set[type]:
    return set(map(type, chain.from_iterable(record.values() for record in records)))


def as_json(unknown: Mapping[str, Any]) -> str | None:
    """What isn't known of a record, as one text; None for nothing. Raises WindowError."""
    try:
        return _as_json(unknown) if unknown else None
    except _NotUnderstoodError as error:
        raise WindowError(f"a record can't be understood: {error}") from None


def _as_json(unknown: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(unknown, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:
        raise _NotUnderstoodError("it has values nested too deep to be kept") from None
