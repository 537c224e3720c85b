"""A standing as HTML: by our template, or by the operator's own.

An own template gets data, not Python: it runs in Jinja2's sandbox, since templates are handed
around. Whatever it puts in is escaped, and it reads no file but those of `TemplateFiles`.
"""

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    FunctionLoader,
    PrefixLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from archiver.errors import ConfigError
from jobs.standing import Standing
from jobs.template_files import TemplateFiles
from jobs.time_limit import cpu_limit
from jobs.trend import line

#: Of the processor's time: a page of 10,000 links takes about one.
_SECONDS = 30.0
#: But for white space, and NUL to the end of C1.
_CONTROLS = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - set(b"\t\n\r"), "\ufffd")
_OURS = FileSystemLoader(Path(__file__).with_name("templates"))


def render(standing: Standing, template: TemplateFiles | None, json_name: str) -> bytes:
    """The page, as UTF-8.

    Raises ConfigError, with the template's line, where the template can't be used.
    """
    given = {
        "title": standing.title,
        "account": standing.account,
        "sort": standing.sort,
        "order": standing.order,
        "taken_at": standing.taken_at,
        "entries": standing.entries,
        "json_name": json_name,
    }
    if template is None:
        return _environment(_OURS).get_template("page.html").render(given).encode()
    # An own template may extend ours, and include what lies beside it.
    theirs = FunctionLoader(template.load)
    loader = ChoiceLoader([PrefixLoader({"link-archiver": _OURS}), theirs])
    return _render_own(_environment(loader), template.template, given)


def _environment(loader: Any) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_visible,
    )
    environment.filters |= {"number": _number, "line": line}
    return environment


def _render_own(
    environment: ImmutableSandboxedEnvironment, path: Path, given: Mapping[str, Any]
) -> bytes:
    try:
        with cpu_limit(_SECONDS, _out_of_time):
            template: Template = environment.get_template(path.name)
            return template.render(given).encode()
    except TemplateNotFound as error:
        reason = f"there is no template {error.name} in {path.parent}"
        raise ConfigError(f"{path}: {reason}. Check the page's template") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read {path}: {error}. Check the page's template") from None
    except UnicodeEncodeError:
        reason = "it makes half a character (a lone surrogate), which no file can hold"
        raise ConfigError(f"{path}: {reason}. Mend the template") from None
    except TemplateSyntaxError as error:
        place = f"{error.filename or path}, line {error.lineno}"
        raise ConfigError(f"{place}: {_said(error)}. Mend the template") from None
    except Exception as error:  # noqa: BLE001 - whatever an expression in a template may raise
        place = _place(error, path)
        what = "" if isinstance(error, TemplateError) else f"{type(error).__name__}: "
        raise ConfigError(f"{place}: {what}{_said(error)}. Mend the template") from None


def _said(error: Exception) -> str:
    """An error's words without the full stop that some end in."""
    return str(error.message if isinstance(error, TemplateSyntaxError) else error).rstrip(". ")


def _out_of_time() -> TemplateError:
    return TemplateError(f"it takes more than {_SECONDS:g} seconds: is there a loop in a loop?")


def _place(error: Exception, path: Path) -> str:
    """The file and line within a template: Jinja2 puts them into the traceback."""
    within = (path.parent, Path(__file__).with_name("templates"))
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if Path(frame.filename).parent in within or Path(frame.filename) == path:
            return f"{frame.filename}, line {frame.lineno}"
    return str(path)


def _visible(value: Any) -> Any:
    """What is shown, without control characters: HTML can't hold them. Not what is markup."""
    return value.translate(_CONTROLS) if type(value) is str else value


def _number(value: int | None) -> str:
    """A number as people read it: 12,345; a dash where it isn't known."""
    return "\N{EN DASH}" if value is None else f"{value:,}".replace("-", "\N{MINUS SIGN}")
