"""The dialects of the Linktrack contract: switches on what the server says and heeds."""

from collections.abc import Collection, Mapping

NAMES = (
    "no-total",
    "no-id",
    "no-offset",
    "cap-500",
    "inclusive-end",
    "newest-first",
    "legacy-errors",
    "renamed",
)

RENAMED_PARAMETERS: Mapping[str, str] = {
    "start": "date_from",
    "end": "date_to",
    "limit": "count",
    "offset": "skip",
}
RENAMED_FIELDS: Mapping[str, str] = {
    "clicked_at": "created_at",
    "referrer": "referer",
    "user_agent": "agent",
}


def checked_dialects(names: Collection[str]) -> frozenset[str]:
    """The names as a set; ValueError where one isn't in the contract."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise ValueError(f"no such dialect: {', '.join(unknown)}; known: {', '.join(NAMES)}")
    return frozenset(names)
