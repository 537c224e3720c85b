"""A link history in memory, served as JSON; a test may bend it from one request to the next."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime

from support.scripted import Reply, scripted


class History:
    """The clicks of one account, as records of the API, and which days can't be had."""

    def __init__(self, *times: str) -> None:
        self.records: list[dict[str, str]] = []
        self._count = 0
        self.broken: set[str] = set()  # days on which windows begin that give no page
        self.refuses = False  # whatever is asked
        self.starts: list[str] = []  # what each request asked from
        self.served_at: datetime | None = None  # by its clock; without it, by this machine's
        self.record(*times)

    def record(self, *times: str) -> None:
        """Add clicks, each with an id and an address of its own."""
        for clicked_at in times:
            self._count += 1
            self.records.append(
                {"id": str(self._count), "clicked_at": clicked_at, "ip": f"192.0.2.{self._count}"}
            )

    def cease_to_give_ids(self) -> None:
        for record in self.records:
            record.pop("id", None)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve it; give its base_url."""
        with scripted(self._answer) as address:
            yield address

    def _answer(self, asked: dict[str, str]) -> Reply:
        self.starts.append(asked["start"])
        dated = self.served_at and format_datetime(self.served_at, usegmt=True)
        headers = (("Date", dated),) if dated else ()
        if self.refuses:
            return Reply(b"Error: go away", headers=headers)
        if asked["start"][:10] in self.broken:
            return Reply(b"<h1>Out of order</h1>", headers=headers)
        matching = sorted(
            (each for each in self.records if asked["start"] <= each["clicked_at"] < asked["end"]),
            key=lambda each: each["clicked_at"],
        )
        offset = int(asked["offset"])
        page = matching[offset : offset + int(asked["limit"])]
        stated = {"error": 0, "total": len(matching), "limit": 1000, "offset": offset}
        return Reply(json.dumps({**stated, "history": page}).encode(), headers=headers)
