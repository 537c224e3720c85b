"""A link history with records that nobody can understand, served as JSON or XML."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import escape

from support.scripted import Reply, scripted

Record = Mapping[str, Any]


class GarbledHistory:
    """Records, each at the time that the service knows of it, whatever the record says."""

    def __init__(self) -> None:
        self.records: list[tuple[str, Record]] = []
        self.always: list[Record] = []  # what is given with each answer, whatever was asked
        self.states_total = True
        self.cap = 1000

    def record(self, at: str, **values: Any) -> None:
        """A click at a time; `values` are other or further fields of it."""
        self.records.append((at, {"clicked_at": at, **values}))

    def garble(self, at: str, **values: Any) -> None:
        """A record without a time, which the service has at this one."""
        self.records.append((at, values))

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve it in the form that is asked for; give its base_url."""
        with scripted(self._answer) as address:
            yield address

    def _answer(self, asked: dict[str, str]) -> Reply:
        records = sorted(self.records, key=lambda each: each[0])
        matching = [each for at, each in records if asked["start"] <= at < asked["end"]]
        matching += self.always
        offset = int(asked.get("offset", 0))
        limit = min(int(asked["limit"]), self.cap)
        stated = {"error": 0, "limit": limit, "offset": offset}
        if self.states_total:
            stated["total"] = len(matching)
        page = matching[offset : offset + limit]
        if asked["format"] == "json":
            return Reply(json.dumps({**stated, "history": page}).encode())
        head = "".join(f"<{name}>{value}</{name}>" for name, value in stated.items())
        rows = "".join(f"<record>{_elements(each)}</record>" for each in page)
        return Reply(f"<response>{head}<history>{rows}</history></response>".encode())


def _elements(record: Record) -> str:
    return "".join(
        f"<{name}>{_elements(each) if isinstance(each, dict) else escape(each or '')}</{name}>"
        for name, value in record.items()
        for each in (value if isinstance(value, list) else [value])
    )
