"""For all tests: how properties are searched, and what the long suites leave behind."""

from hypothesis import Phase, settings
from support import figures

#: For defects that are made on purpose: that one is found is enough, where it is doesn't matter.
settings.register_profile("no-shrinking", phases=(Phase.explicit, Phase.generate), database=None)


def pytest_sessionfinish() -> None:
    figures.keep()
