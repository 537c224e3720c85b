"""What a reader of docs/deploy.md copies from it."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
PAGE = (REPOSITORY / "docs/deploy.md").read_text(encoding="utf-8")

#: The section that installs and configures, for the timer and the daemon.
SHARED = "systemd: what the timer and the daemon share"

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(section: str, language: str = "sh") -> list[str]:
    """The blocks of a language in a section, in their order."""
    _, *parts = _SECTION.split(PAGE)
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    return [block for kind, block in _BLOCK.findall(texts[section]) if kind == language]
