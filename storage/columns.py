"""Columns in SQL, as both schemas and all queries write them."""

_TYPES = {"is_unique": "INTEGER CHECK (is_unique IN (0, 1))"}


def quoted(name: str) -> str:
    """A column's name in SQL: `group` and `end` are words of its own."""
    return f'"{name}"'


def columns(names: tuple[str, ...], required: frozenset[str]) -> str:
    """The definitions of columns, those required without NULL."""
    return ", ".join(
        f"{quoted(name)} {_TYPES.get(name, 'TEXT')}{' NOT NULL' if name in required else ''}"
        for name in names
    )
