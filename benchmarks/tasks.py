"""What is measured, as one process hands it to another."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

#: The folder from which `python -m benchmarks…` runs.
ROOT = Path(__file__).resolve().parent.parent

Settings: TypeAlias = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do once in a process of its own.

    `subject` names a function of this package, such as `floors.json_to_sqlite`; `expected` is
    what it must have stored: a number of clicks, or their fingerprint. `url` is the service's
    base_url; `settings` are keys of the account in the program's configuration.
    """

    subject: str
    clicks_a_day: int
    days: int
    expected: int | str
    first_day: int = 0
    url: str = ""
    store: str = "sqlite"
    settings: Settings = field(default_factory=dict)
    folder: str = ""

    @property
    def clicks(self) -> int:
        return self.days * self.clicks_a_day

    def within(self, folder: Path) -> "Task":
        return replace(self, folder=str(folder))

    def dumps(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Self:
        return cls(**json.loads(text))


class Prepared(NamedTuple):
    """A task made ready: what is timed, and what tells afterwards what it has left.

    `stored` gives the number of clicks, or their fingerprint.
    """

    execute: Callable[[], object]
    stored: Callable[[], int | str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one task took in its process, and what it has stored."""

    seconds: float
    peak_megabytes: float
    stored: int | str
