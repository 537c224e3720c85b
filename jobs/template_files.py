"""The files that an own template is made of: itself, and what lies beside it and is for the web.

Templates are handed around, and what one includes is published. So it gets no password, no
configuration, no archive, and nothing from outside its folder.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jinja2 import Environment, TemplateError
from jinja2.loaders import split_template_path
from jinja2.meta import find_referenced_templates

from jobs.guarded import resolved

#: What a template may include, extend and import.
SUFFIXES = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".svg", ".css", ".txt")


class _RefusedError(TemplateError):
    """A file that a template asks for, and doesn't get."""


class TemplateFiles:
    """Gives a template and its parts to Jinja2; `given` are those that it has given.

    `guarded_as` says what a path is that no page may show; None for any other.
    """

    def __init__(self, template: Path, guarded_as: Callable[[Path], str | None]) -> None:
        self.template = template
        self.given: set[Path] = set()
        self._guarded_as = guarded_as

    def load(self, name: str) -> tuple[str, str, None] | None:
        """The source of a template, and its file; None where there is none of that name."""
        path = self.template.parent.joinpath(*split_template_path(name))
        if not path.is_file():
            return None
        reason = self._why_not(path)
        if reason is not None:
            raise _RefusedError(f"{name} can't be used here: {reason}")
        self.given.add(path)
        return self._read(path, name), str(path), None

    def _read(self, path: Path, name: str) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            if path == self.template:
                raise
            raise _RefusedError(f"{name} can't be read: {error}") from None

    def named(self) -> set[Path]:
        """The files of the template, as far as it names them; a variable may name others."""
        waiting: list[str | None] = [self.template.name]
        seen: set[str | None] = {None}
        while waiting:
            name = waiting.pop()
            if name is None or name in seen:
                continue
            seen.add(name)
            with suppress(TemplateError, OSError, ValueError):  # told when the page is made
                source, _, _ = self.load(name) or ("", "", None)
                waiting += find_referenced_templates(Environment().parse(source))  # noqa: S701
        return self.given

    def _why_not(self, path: Path) -> str | None:
        guarded = self._guarded_as(path)
        if guarded is not None:
            return f"it would show {guarded}"
        if path == self.template:  # the configuration names it: it may be anything
            return None
        folder = self.template.parent
        within = path.relative_to(folder)
        if not resolved(path).is_relative_to(resolved(folder)):
            return "it leads out of the template's folder"
        if any(part[0] == "." for part in within.parts):
            return "it is hidden, or in a hidden folder"
        if path.suffix.lower() not in SUFFIXES:
            return f"a template takes files that end in {', '.join(SUFFIXES)}"
        return None
