"""Settings that would double or hide what is archived can't be changed unnoticed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from e2e.processes import NOW
from support.archive import TestArchive

START, END = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 3, tzinfo=UTC)
CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "timezone": (
        {"timezone": "Europe/Zurich"},
        ["acme: timezone was UTC when", "now Europe/Zurich", "Set it back to UTC, or give the"],
    ),
    "fields": (
        {"fields": {"clicked_at": "created_at"}},
        ["acme: fields was {} when", '{"clicked_at": "created_at"}', "Set it back to {}, or"],
    ),
    "both": (
        {"timezone": "Europe/Zurich", "fields": {"clicked_at": "created_at"}},
        ["acme: timezone was UTC when", "acme: fields was {} when"],
    ),
}


@pytest.fixture
def archive(link_archiver, service, request) -> TestArchive:
    """An archive of two days, in the store that the test is for; its service has gone."""
    service.populate(100, START, END)
    with service.serving() as address:
        archive = TestArchive(link_archiver.folder, address, store=request.param)
        archive.backfill("2024-05-01", "2024-05-03", NOW)
    return archive


@pytest.mark.parametrize("archive", ["sqlite", "jsonl"], indirect=True)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_an_account_is_refused(link_archiver, archive, change) -> None:
    """Exit 2 with each change, the old value and the remedy; stdout empty, nothing fetched and
    nothing changed; what is archived can still be exported; set back, all goes on.
    """
    settings, words = CHANGES[change]
    before, status = archive.export(), archive.status(NOW)
    archive.write_config("http://127.0.0.1:1/", **settings)
    told = link_archiver("run", "--json", code=2)
    assert told.out == ""
    for word in words:
        assert word in told.err
    assert f"its archive in {archive.directory} was begun" in told.err
    assert link_archiver("export", "clicks").out.encode() == before

    archive.write_config("http://127.0.0.1:1/")
    assert archive.status(NOW) == status
    told = link_archiver("backfill", "--from", "2024-05-01", "--to", "2024-05-03", "--json")
    assert told.json["outcome"] == "complete"


@pytest.mark.parametrize("archive", ["sqlite"], indirect=True)
def test_another_service_is_refused(link_archiver, archive) -> None:
    """Exit 2 with the old value and the remedy."""
    before = archive.export()
    archive.path.write_text(
        '[[accounts]]\nname = "acme"\nservice = "linkbee"\nlogin = "x"\n'
        'base_url = "http://127.0.0.1:1/api.php"\npassword_env = "PASSWORD"\n'
    )
    told = link_archiver("run", "--json", code=2)
    assert told.out == ""
    assert "acme: service was linktrack when" in told.err
    assert "now linkbee" in told.err
    assert "Set it back to linktrack, or give the account a new name" in told.err
    assert archive.export() == before


@pytest.mark.parametrize("archive", ["sqlite", "jsonl"], indirect=True)
def test_another_store_is_refused(link_archiver, archive) -> None:
    """Exit 2 from `run` and `check`, and nothing is begun beside the archive that there is."""
    before, old = archive.export(), archive.store
    files = sorted(archive.directory.rglob("*"))
    archive.store = {"sqlite": "jsonl", "jsonl": "sqlite"}[old]
    archive.write_config("http://127.0.0.1:1/")
    told = link_archiver("run", "--json", code=2)
    assert told.out == ""
    told_by_check = link_archiver("check", code=2).out
    for text in (told.err, told_by_check):
        assert f"the archive in {archive.directory} was begun as '{old}'" in text
        assert f"Set it back to '{old}', or choose another archive.directory" in text
    assert archive.export() == before
    assert sorted(archive.directory.rglob("*")) == files
