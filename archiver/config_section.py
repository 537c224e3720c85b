"""A table of the configuration: what its values may be, and how all its problems are reported.

No value but an account's name is shown: somebody may have put a password in the wrong place.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    Strict,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from archiver.durations import parse_duration

Problem = tuple[tuple[str | int, ...], str]  # the way to the key, from this table on; and words

_WORDS = {  # by pydantic's type of error
    "missing": "is missing",
    "string_type": "must be text, in quotes",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number, without quotes",
    "float_type": "must be a number, without quotes",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false, without quotes",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "tuple_type": "must be a list",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def _duration(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(str(value))


def _some_time(duration: timedelta) -> timedelta:
    if not duration > timedelta(0):
        raise ValueError("must be longer than 0s")
    return duration


def _zone(value: object) -> ZoneInfo:
    name = str(value)
    try:
        # Beside the IANA names lie zones with leap seconds and this machine's own.
        if not name.startswith(("right/", "posix", "local")):
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: "America" is a folder
        pass
    raise ValueError("must be an IANA time zone such as UTC or America/New_York")


def _path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError("must be a path, in quotes")
    if str(value).startswith("~"):
        raise ValueError("must be written in full: whose home ~ is depends on who runs this")
    return Path(info.context["path"].parent if info.context else Path.cwd(), value)


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("must not be an empty list")
    if len(set(values)) < len(values):
        raise ValueError("has something twice")
    return values


_CRON = " +".join(
    f"{item}(?:,{item})*"
    for item in (
        rf"(?:\*|(?:{value})(?:-(?:{value}))?)(?:/[1-9][0-9]*)?"
        for value in (
            "[0-5]?[0-9]",
            "[01]?[0-9]|2[0-3]",
            "0?[1-9]|[12][0-9]|3[01]",
            "0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec",
            "[0-7]|sun|mon|tue|wed|thu|fri|sat",
        )
    )
)
Cron = Annotated[str, Field(pattern=f"(?i)^ *{_CRON} *$")]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], Strict(strict=False), AfterValidator(_each_once)]
VariableName = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
CredentialName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_@-][A-Za-z0-9_.@-]*$")]
Duration = Annotated[timedelta, PlainValidator(_duration)]
PositiveDuration = Annotated[Duration, AfterValidator(_some_time)]
Zone = Annotated[ZoneInfo, PlainValidator(_zone)]
ConfigPath = Annotated[Path, PlainValidator(_path)]  # relative: to the folder of context["path"]


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Say that a key isn't known, and which one may have been meant."""
    if key in {"pass", "password"} and "password_file" in known:
        return "is not a known key; set password_file: the password itself has no place here"
    near = difflib.get_close_matches(key.lower(), known, n=1)
    if near:
        return f'is not a known key; did you mean "{near[0]}"?'
    return f"is not a known key; known are {', '.join(known)}"


class Section(BaseModel):
    """A table of the file. Making one reports every problem in it, in our words, by its key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def describe(cls, key: str) -> str:
        """Say what a key is for and what it takes."""
        return (key in cls.model_fields and cls.model_fields[key].description) or ""

    @classmethod
    def misfits(cls, given: Mapping[str, Any]) -> Iterator[Problem]:  # noqa: ARG003 - a default
        """Give what is wrong between the keys; `given` hasn't been checked in any way."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _report_all(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        problems: list[Problem] = []
        try:
            section = handler(given)
        except ValidationError as error:
            problems += [(line["loc"], cls._in_our_words(line)) for line in error.errors()]
        if isinstance(given, Mapping):
            problems += cls.misfits(given)
        if problems:
            lines = [
                InitErrorDetails(type=PydanticCustomError("problem", words), loc=loc, input=None)
                for loc, words in problems
            ]
            raise ValidationError.from_exception_data(cls.__name__, lines, hide_input=True)
        return section

    @classmethod
    def _in_our_words(cls, line: ErrorDetails) -> str:
        if line["type"] == "problem":  # from a table within this one
            return line["msg"]
        key = str(line["loc"][0]) if line["loc"] else ""
        if line["type"] == "extra_forbidden":
            return unknown_key(key, cls.model_fields)
        context = line.get("ctx", {})
        if line["type"] == "literal_error":
            return f"must be {context['expected']}".replace("'", '"')
        words = _WORDS.get(line["type"], "isn't accepted").format_map(context)
        return f"{context.get('error', words)}. {cls.describe(key)}".rstrip()
