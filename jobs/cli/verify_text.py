"""How `verify` and `repair` say what they found and did."""

from collections.abc import Collection, Iterator

from jobs.repair import Repaired
from jobs.verdict import Verdict
from storage.verification.base import Difference, is_day

#: What a repair of the day mends.
_BY_REPAIR = (
    "clicks",
    "digest",
    "first_click",
    "last_click",
    "unreadable",
    "keys",
    "bytes",
    "file",
    "revisions",
)
_REPAIRS_TOLD = 10

_BACKFILL = "to fetch what is missing or changed: link-archiver backfill --again --from … --to …"
_COPY = "the database itself is damaged: put archive.db back from a copy"
#: What can be done about all else.
_REMEDIES = {
    "missing": _BACKFILL,
    "changed": _BACKFILL,
    "database": _COPY,
    "table": _COPY,
    "trigger": "another program has put a trigger on a table of the archive: it may change what "
    "is stored. Look at it in archive.db, and take it out with DROP TRIGGER",
    "rejected": "another program changed records that can't be understood: put archive.db back "
    "from a copy; or delete them from its table rejected, and repair the days that they came with",
    "coverage": "coverage that overlaps is mended by the next run of its account; what is in the "
    "future is taken back by it",
}
_REMEDIES_OF_NO_DAY = {
    "coverage": "coverage that is no window can't be mended: put archive.db back from a copy",
    "days": "what the ledger says of days that are none is another program's: delete it from days",
    "revisions": "revisions of no day are another program's: delete them from click_revisions",
}

_UNITS = {
    "clicks": "clicks",
    "unreadable": "rows or lines that are no clicks",
    "keys": "clicks with a key that isn't theirs",
    "bytes": "bytes in the day's file",
    "file": "bytes in a file that the ledger doesn't know",
    "days": "days in the ledger that are none",
    "revisions": "clicks that have revisions and aren't stored",
    "rejected": "records that can't be understood and aren't as they were kept",
    "missing": "clicks that the service has and the archive hasn't",
    "extra": "clicks that the archive has and the service hasn't any more",
    "changed": "clicks that are otherwise at the service",
}


def difference_line(difference: Difference) -> str:
    """One difference: where, what, expected, found."""
    where = " ".join(filter(None, (difference.account, difference.day))) or "archive"
    unit = _UNITS.get(difference.what, difference.what)
    expected, found = _value(difference.expected), _value(difference.found)
    line = f"{where}: {unit}: expected {expected}, found {found}"
    if difference.keys:
        more = difference.found - len(difference.keys)
        line += f" ({', '.join(difference.keys)}{f' and {more:,} more' if more else ''})"
    return _printable(line)


def remedies(verdict: Verdict, configured: Collection[str]) -> Iterator[str]:
    """What can be done about differences; `configured` are the accounts that `repair` knows."""
    damaged = verdict.days_to_repair(_BY_REPAIR)
    days = [each for each in damaged if each[0] in configured and is_day(each[1])]
    for account, day in days[:_REPAIRS_TOLD]:
        yield f"to mend it: link-archiver repair --account {account} --day {day}"
    if len(days) > _REPAIRS_TOLD:
        yield f"and so for {len(days) - _REPAIRS_TOLD:,} more days"
    for account, day in damaged:
        if not is_day(day):
            yield _printable(
                f"{day} is no day: what is stored of it for {account} is another program's, and "
                "yours to remove"
            )
    for account in sorted({account for account, _ in damaged}.difference(configured)):
        yield (
            f"{_printable(account)} isn't configured: to repair its days, put its section back "
            "into the configuration. If there never was such an account, what is stored under "
            "its name is another program's, and yours to remove"
        )
    told = (
        (_REMEDIES_OF_NO_DAY if each.day is None else {}).get(each.what, _REMEDIES.get(each.what))
        for each in verdict.differences
    )
    yield from filter(None, dict.fromkeys(told))


def summary_line(verdict: Verdict) -> str:
    """What was looked at, and what it comes to."""
    looked_at = ", ".join(
        (
            _count(len(verdict.accounts), "account"),
            _count(sum(account.days for account in verdict.accounts), "day"),
            _count(sum(account.clicks for account in verdict.accounts), "click"),
        )
    )
    said = {
        "intact": "nothing differs",
        "different": _count(len(verdict.differences), "difference"),
        "incomplete": "nothing differs of what could be looked at",
    }
    return f"{looked_at}: {said[verdict.outcome]}"


def repaired_lines(done: Repaired) -> Iterator[str]:
    """What a repair did."""
    where = f"{done.report.name} {done.day}"
    if not done.done:
        return  # the log says why
    if done.sound:
        yield f"{where}: all {done.clicks:,} clicks are as committed: nothing was changed"
        return
    counts = (
        (done.came_back, "came from the service"),
        (done.replaced, "became what the service says"),
        (done.removed, "were no part of the day and are removed"),
        (done.unreadable, "lines or rows were no clicks and are removed"),
        (done.orphans, "revisions were of no click and are removed"),
        (done.not_given, "stay though the service doesn't give them any more"),
    )
    told = "; ".join(f"{count:,} {what}" for count, what in counts if count)
    yield f"{where}: {done.clicks:,} clicks now{f': {told}' if told else ''}"
    if done.as_committed:
        yield f"{where}: the digest shows that all that was committed is there again"
    if done.kept_in:
        yield f"{where}: what was removed or replaced is kept in {done.kept_in}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _value(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _printable(text: str) -> str:
    """Without control characters: an id is whatever the service sent, and this is a terminal."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
