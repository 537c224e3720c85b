"""A link history in memory, served as JSON; a test may bend it from one request to the next."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from support.scripted import Reply, scripted


class History:
    """The clicks of one account, as records of the API, and which days can't be had."""

    def __init__(self, *times: str) -> None:
        self.records: list[dict[str, str]] = []
        self.broken: set[str] = set()  # days on which windows begin that give no page
        self.refuses = False  # whatever is asked
        self.starts: list[str] = []  # what each request asked from
        self.record(*times)

    def record(self, *times: str) -> None:
        """Add clicks, each with an id and an address of its own."""
        for clicked_at in times:
            number = len(self.records) + 1
            self.records.append(
                {"id": str(number), "clicked_at": clicked_at, "ip": f"192.0.2.{number}"}
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
        if self.refuses:
            return Reply(b"Error: go away")
        if asked["start"][:10] in self.broken:
            return Reply(b"<h1>Out of order</h1>")
        matching = sorted(
            (each for each in self.records if asked["start"] <= each["clicked_at"] < asked["end"]),
            key=lambda each: each["clicked_at"],
        )
        offset = int(asked["offset"])
        page = matching[offset : offset + int(asked["limit"])]
        stated = {"error": 0, "total": len(matching), "limit": 1000, "offset": offset}
        return Reply(json.dumps({**stated, "history": page}).encode())
