"""The faults that `/_control/faults` takes, and what each can be told."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from refserver import destinations

#: The largest number that a count or a time to wait may be: JSON has to hold it.
MOST = 10**9

_YEAR_SECONDS = 366 * 24 * 3600


def _web_address(text: str) -> str:
    if destinations.location(text) is None:
        raise ValueError(destinations.TAKES)
    return text


_LinkId = Annotated[int, Field(ge=1, lt=2**63)]
# Any zone has these instants in its calendar.
_Instant = Annotated[
    AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))
]


class _Fault(BaseModel):
    """What every fault can be told: which of the coming answers it is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    times: Annotated[int, Field(ge=1, le=MOST)] | None = 1
    """For how many answers; null: until `reset`."""
    skip: Annotated[int, Field(ge=0, le=MOST)] = 0
    """How many of the answers that it is fit for come before it."""
    method: str | None = None
    """For the answers of this method or task alone."""


class Delay(_Fault):
    """The answer comes later."""

    fault: Literal["delay"]
    seconds: Annotated[float, Field(gt=0, le=600)]


class TooManyRequests(_Fault):
    """429, in the contract's form, with Retry-After unless that is null."""

    fault: Literal["too-many-requests"]
    retry_after: Annotated[int, Field(ge=0, le=MOST)] | None = 1


class ServerError(_Fault):
    """5xx, with a page of HTML."""

    fault: Literal["server-error"]
    status: Annotated[int, Field(ge=500, le=599)] = 500


class Html(_Fault):
    """A page of HTML as if all were well."""

    fault: Literal["html"]


class Redirect(_Fault):
    """A redirect to somewhere else. 307 and 308 ask for the form to be sent there as well."""

    fault: Literal["redirect"]
    location: Annotated[str, AfterValidator(_web_address)]
    status: Literal[301, 302, 303, 307, 308] = 302


class Clock(_Fault):
    """The server's clock is off: its `now`, and the header Date."""

    fault: Literal["clock"]
    seconds: Annotated[int, Field(ge=-_YEAR_SECONDS, le=_YEAR_SECONDS)]


class NewClicks(_Fault):
    """Before the answer is made, clicks are recorded: now, or as late ones at a stated time."""

    fault: Literal["clicks"]
    link_id: _LinkId
    count: Annotated[int, Field(ge=1, le=10_000)] = 1
    clicked_at: _Instant | None = None


class Rename(_Fault):
    """Before the answer is made, a link gets another title."""

    fault: Literal["rename"]
    link_id: _LinkId
    title: str


class WrongTotal(_Fault):
    """The page states another total than it should. For answers that state one."""

    fault: Literal["wrong-total"]
    by: Annotated[int, Field(ge=-(10**9), le=10**9)] = 1


class RepeatedPage(_Fault):
    """The page before comes again, under the right envelope. For offsets above 0."""

    fault: Literal["repeated-page"]


class Swell(_Fault):
    """The right answer, then spaces: little as it travels (gzip), and much when unpacked."""

    fault: Literal["swell"]
    megabytes: Annotated[int, Field(ge=1, le=1000)] = 200


Fault = Annotated[
    Delay
    | TooManyRequests
    | ServerError
    | Html
    | Redirect
    | Clock
    | NewClicks
    | Rename
    | WrongTotal
    | RepeatedPage
    | Swell,
    Field(discriminator="fault"),
]
FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)
