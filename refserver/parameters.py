"""What a request asks: its parameters, read strictly."""

import re
from collections.abc import Mapping
from typing import Self

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from refserver.answers import ApiError
from refserver.timestamps import is_local_time

FORMATS = ("xml", "json")

# Up to 18 digits: what is read here always fits SQLite's 64-bit integers.
_NUMBER = re.compile(r"[0-9]{1,18}")


class Parameters:
    """The parameters of one request, from its query and its form-encoded body alike.

    `names` maps the contract's names to those that the request uses instead. A parameter that
    is given twice, in one place or both, and one that is given empty are errors: guessing
    which was meant, or that nothing was, would hide a client's mistake. Unknown ones are
    ignored. Every method raises ApiError for a value that it doesn't take, naming the parameter
    as the request has to name it.
    """

    def __init__(self, values: "MultiDict[str, str]", names: Mapping[str, str]) -> None:
        self._values = values
        self._names = names

    @classmethod
    def of(cls, request: Request, names: Mapping[str, str]) -> Self:
        """Raises werkzeug's HTTPException for a body that is too large."""
        values = MultiDict(request.args)
        if request.mimetype == "application/x-www-form-urlencoded":
            values.update(request.form)
        return cls(values, names)

    def text(self, name: str) -> str | None:
        """The value, or None where the parameter isn't given."""
        given = self._values.getlist(self._names.get(name, name))
        if not given:
            return None
        if len(given) > 1:
            raise self.error(name, "takes one value, not several")
        if not given[0]:
            raise self.error(name, "takes a value, or is left out")
        return given[0]

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of the choices; the first of them is the default."""
        text = self.text(name)
        if text is None:
            return choices[0]
        if text not in choices:
            raise self.error(name, f"takes {' or '.join(choices)}")
        return text

    def number(self, name: str, *, least: int, most: int, default: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise self.error(name, f"takes a whole number from {least} to {most}")
        return int(text)

    def local_time(self, name: str) -> str | None:
        text = self.text(name)
        if text is not None and not is_local_time(text):
            raise self.error(name, "takes a real date and time as YYYY-MM-DD HH:MM:SS")
        return text

    def numbers(self, name: str) -> list[int] | None:
        """One number, or several with commas between."""
        text = self.text(name)
        if text is None:
            return None
        items = text.split(",")
        if not all(_NUMBER.fullmatch(item) for item in items):
            raise self.error(name, "takes one number, or several with commas between")
        return [int(item) for item in items]

    def flag(self, name: str, *, default: bool = False) -> bool:
        return self.choice(name, ("1", "0") if default else ("0", "1")) == "1"

    def is_given(self, name: str) -> bool:
        return self._names.get(name, name) in self._values

    def error(self, name: str, takes: str) -> ApiError:
        """The error that says what the parameter takes."""
        return ApiError(400, f"{self._names.get(name, name)}: {takes}")


def asked_format(request: Request) -> str:
    """The format that an error is written in: the asked one where it can be told, else XML."""
    try:
        return Parameters.of(request, {}).choice("format", FORMATS)
    except ApiError:
        return FORMATS[0]
    except HTTPException:
        # The body can't be read. The query still can.
        asked = request.args.get("format")
        return asked if asked in FORMATS else FORMATS[0]
