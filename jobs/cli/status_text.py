"""`status` for people."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

_SHOWN_GAPS = 10


def as_text(status: Mapping[str, Any], vanished: Mapping[str, int]) -> str:
    """The status, a block of lines for each account.

    `vanished` are clicks that the service doesn't give any more, by account.
    """
    archive = status["archive"]
    blocks = [f"archive {archive['directory']} ({archive['store']})"]
    blocks += [
        "\n".join(_account(account, vanished.get(account["name"], 0)))
        for account in status["accounts"]
    ]
    return "\n\n".join(blocks)


def _account(account: Mapping[str, Any], vanished: int) -> Iterator[str]:
    yield f"{account['name']} ({account['service']})"
    if account["service"] == "linkbee":
        yield f"  links     {account['links']:,}, with their totals; there is no log of clicks"
        yield from _runs(account)
        return
    if account["clicks"]:
        yield (
            f"  clicks    {account['clicks']:,} on {account['links']:,} links, "
            f"{account['first_click']} to {account['last_click']}"
        )
    else:
        yield "  clicks    none archived"
    if vanished:
        yield f"  vanished  {vanished:,} of them from the service; here they stay"
    yield from _windows("covered", account["covered"])
    yield from _windows("gaps", account["gaps"])
    yield from _unasked(account["covered"], account["gaps"])
    if account["behind_seconds"] is not None:
        yield f"  behind    {timedelta(seconds=account['behind_seconds'])}"
    yield from _runs(account)


def _runs(account: Mapping[str, Any]) -> Iterator[str]:
    yield f"  last run  {_run(account['last_run'])}"
    if account["last_success"]:
        yield f"  success   {account['last_success']}"


def _windows(title: str, windows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    if not windows:
        yield f"  {title:<8}  none"
    for number, window in enumerate(windows[:_SHOWN_GAPS]):
        yield f"  {'' if number else title:<8}  {window['start']} to {window['end']}"
    if len(windows) > _SHOWN_GAPS:
        yield f"            and {len(windows) - _SHOWN_GAPS:,} more: see status --json"


def _unasked(
    covered: Sequence[Mapping[str, str]], gaps: Sequence[Mapping[str, str]]
) -> Iterator[str]:
    """Holes that no run fills, for nobody has asked for that time."""
    named = {gap["end"] for gap in gaps}
    for before, after in pairwise(covered):
        if after["start"] not in named:
            yield (
                f"  unasked   {before['end']} to {after['start']}: runs don't fill this; "
                f"link-archiver backfill --from {before['end']} --to {after['start']}"
            )


def _run(run: Mapping[str, Any] | None) -> str:
    if run is None:
        return "none yet: link-archiver run"
    text = f"{run['outcome']}, begun {run['started_at']}"
    if run["error"]:
        text += "\n            " + run["error"].replace("\n", "\n            ")
    return text
