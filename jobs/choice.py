"""Accounts chosen by name with `--account`."""

from collections.abc import Collection, Iterable

from archiver.errors import ConfigError


def refuse_unknown(asked: Iterable[str], known: Collection[str]) -> None:
    """Raise ConfigError, with a line for each, where a name is none of the known ones."""
    there = ", ".join(sorted(known))
    unknown = [
        f"--account {name}: there is no such account; there are: {there}"
        for name in asked
        if name not in known
    ]
    if unknown:
        raise ConfigError(*unknown)
