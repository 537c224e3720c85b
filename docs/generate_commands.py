"""Writes docs/commands.md: every command with its own `--help`.

    python docs/generate_commands.py

A test holds the file against what this gives.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from jobs.cli import cli as link_archiver
from refserver.cli import main as link_refserver

PATH = Path(__file__).with_name("commands.md")
_WIDTH = 90

_HEAD = """# Commands

Each command's own `--help`, word for word. `link-archiver [OPTIONS] COMMAND` takes its general
options before the command; `python -m jobs` is the same program.

## Completion

The shell completes commands and options once it has been told how. For bash, in `~/.bashrc`:

    eval "$(_LINK_ARCHIVER_COMPLETE=bash_source link-archiver)"

For zsh, in `~/.zshrc`:

    eval "$(_LINK_ARCHIVER_COMPLETE=zsh_source link-archiver)"

For fish, in `~/.config/fish/completions/link-archiver.fish`:

    _LINK_ARCHIVER_COMPLETE=fish_source link-archiver | source

`link-refserver` has the same, with `_LINK_REFSERVER_COMPLETE`.
"""


def reference() -> str:
    """The whole file."""
    sections = [_HEAD]
    for program, group in (("link-archiver", link_archiver), ("link-refserver", link_refserver)):
        sections += (_section(name, text) for name, text in _helps(program, group))
    return "\n".join(sections)


def _helps(program: str, group: click.Group) -> Iterator[tuple[str, str]]:
    settings = {**group.context_settings, "terminal_width": _WIDTH}
    with click.Context(group, info_name=program, **settings) as context:
        yield program, group.get_help(context)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None:
                with click.Context(command, context, info_name=name, **settings) as inner:
                    yield f"{program} {name}", command.get_help(inner)


def _section(name: str, text: str) -> str:
    lines = "\n".join(f"    {line}".rstrip() for line in text.splitlines())
    return f"## {name}\n\n{lines}\n"


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")
