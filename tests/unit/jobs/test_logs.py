"""Events as lines."""

from jobs.cli.context import Context


def test_secrets_that_are_read_again_are_known_once(monkeypatch) -> None:
    """A daemon reads them at each run, for years."""
    monkeypatch.setenv("SECRET", "hunter22")
    context = Context(config=None)
    for _ in range(3):
        assert context.secret("SECRET") == "hunter22"
    assert context.secrets == ["hunter22"]
