"""What docs/deploy.md names is there."""

import re

import pytest
from deploy.page import DEPLOY, PAGE, REPOSITORY


def anchors(text: str) -> set[str]:
    """The names that a page's headings can be linked by."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_file_is_named() -> None:
    """Each file of deploy/ is installed by a command of the page, or linked."""
    named = set()
    for pattern in re.findall(r"deploy/([\w.*@-]+)", PAGE):
        found = list(DEPLOY.glob(pattern))
        assert found, pattern
        named.update(found)
    assert named == set(DEPLOY.iterdir())


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", PAGE))
def test_every_link_leads_somewhere(link) -> None:
    """To a file, and there to a heading."""
    path, _, anchor = link.partition("#")
    file = (REPOSITORY / "docs" / path).resolve() if path else REPOSITORY / "docs/deploy.md"
    assert file.is_file()
    assert not anchor or anchor in anchors(file.read_text(encoding="utf-8"))
