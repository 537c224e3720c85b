"""Defects made on purpose: each is one that a careless change could bring, and must be caught."""

from typing import NamedTuple


class Defect(NamedTuple):
    """A text of a file that is replaced, and the tests that are to notice."""

    name: str
    path: str
    before: str
    after: str
    tests: tuple[str, ...]


#: Histories of one store in one dialect: of all that `make test` has, the eighteenth part.
_SQLITE_IDS, _SQLITE_NO_IDS, _JSONL_NO_IDS = (
    ("tests/model", "-k", case) for case in ("sqlite-plain", "sqlite-no-id", "jsonl-no-id")
)
_SQLITE_KILLED, _JSONL_KILLED, _JSONL_POWER = (
    ("tests/integration/test_every_step.py", "-k", case)
    for case in ("sqlite-kill", "jsonl-kill", "jsonl-power-cut")
)

DEFECTS = (
    Defect(
        "dedupe by set",
        "archiver/identity.py",
        "    rows, keys = _alike_by_content(rows, bases), _numbered(bases)\n",
        "    rows = list(dict(zip(bases, rows, strict=True)).values())\n"
        "    keys = _numbered(bases_of(rows))\n",
        _SQLITE_NO_IDS,
    ),
    Defect(
        "occurrence numbers restart",
        "archiver/identity.py",
        "for number in range(len(stored) + 1, len(stored) + len(added) + 1)",
        "for number in range(1, len(added) + 1)",
        _SQLITE_NO_IDS,
    ),
    Defect(
        "a link's title is part of a click's identity",
        "archiver/identity.py",
        '("clicked_at", "ip", "referrer", "user_agent")',
        '("clicked_at", "ip", "referrer", "user_agent", "title")',
        _JSONL_NO_IDS,
    ),
    Defect(
        "coverage before commit",
        "storage/jsonl.py",
        "            lengths = {}\n",
        "            covered = __import__('dataclasses').replace(commit, clicks=())\n"
        "            with transaction(self._ledger.connection):\n"
        "                self._ledger.record(covered)\n"
        "            lengths = {}\n",
        _JSONL_KILLED,
    ),
    Defect(
        "ledger before fsync",
        "storage/appending.py",
        "        _write_all(descriptor, data)\n        os.fsync(descriptor)\n",
        "        _write_all(descriptor, data)\n",
        _JSONL_POWER,
    ),
    Defect(
        "a new file's name isn't synced",
        "storage/appending.py",
        "    if committed_bytes == 0:\n        sync_folder(path.parent)\n",
        "",
        _JSONL_POWER,
    ),
    Defect(
        "torn tail kept",
        "storage/appending.py",
        "    if check_length(path, committed_bytes) == committed_bytes:\n        return\n",
        "    return\n",
        ("tests/unit/storage/test_appending.py",),
    ),
    Defect(
        "a short write is taken for a whole one",
        "storage/appending.py",
        "    while rest:\n        rest = rest[os.write(descriptor, rest) :]\n",
        "    os.write(descriptor, rest)\n",
        ("tests/unit/storage/test_appending.py",),
    ),
    Defect(
        "clicks, coverage and counts in several transactions",
        "storage/sqlite.py",
        '        with store_errors("write to", self._path), transaction(self._connection):\n',
        '        with store_errors("write to", self._path):\n',
        _SQLITE_KILLED,
    ),
    Defect(
        "commits that a loss of power takes back",
        "storage/database.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
        ("tests/unit/storage/test_database.py",),
    ),
    Defect(
        "digest not updated",
        "storage/ledger.py",
        "(int(digest, 16) + digest_of(rows))",
        "int(digest, 16)",
        ("tests/contract",),
    ),
    Defect(
        "end taken as in",
        "archiver/windows.py",
        "return [row for row in rows if start <= row[CLICKED_AT] < end]",
        "return [row for row in rows if start <= row[CLICKED_AT] <= end]",
        ("tests/unit/archiver/test_windows.py", "tests/unit/archiver/test_engine.py"),
    ),
    Defect(
        "paging that stops on the filtered count",
        "archiver/sources/paging.py",
        "            page = reader.read_page(window, offset=offset)\n",
        "            page = reader.read_page(window, offset=offset)\n"
        "            rows = [r for r in page.rows if parse_utc(r[CLICKED_AT]) < window.end]\n"
        "            page = Page(rows, page.total, page.limit, page.offset, page.served_at)\n",
        ("tests/unit/archiver/test_paging.py",),
    ),
    Defect(
        "a short page is taken for the last",
        "archiver/sources/paging.py",
        "            self.ended = not page.received or page.received == again\n",
        "            self.ended = page.received < 1000\n",
        ("tests/integration/test_busy.py",),
    ),
    Defect(
        "offsets in steps of a page's size",
        "archiver/sources/paging.py",
        "        return self.received - self._tail\n",
        "        return len(self.pages) * 1000\n",
        ("tests/integration/test_busy.py",),
    ),
    Defect(
        "no stability check",
        "archiver/sources/paging.py",
        "        if any(page.total != self.total for page in self.pages):\n",
        "        if False:\n",
        ("tests/unit/archiver/test_paging.py",),
    ),
    Defect(
        "no second reading where nothing else shows a shift",
        "archiver/sources/paging.py",
        "        if isinstance(again, Split) or again.content != reading.content:\n",
        "        if isinstance(again, Split):\n",
        ("tests/unit/archiver/test_paging.py",),
    ),
    Defect(
        "retry of a 401",
        "archiver/sources/transport.py",
        "_RETRY_STATUSES = frozenset({408, 425, 429})",
        "_RETRY_STATUSES = frozenset({401, 408, 425, 429})",
        ("tests/unit/archiver/test_transport.py",),
    ),
    Defect(
        "an answer without a list is no clicks",
        "archiver/sources/envelope.py",
        "    if records is None and not error:\n",
        "    if False:\n",
        ("tests/unit/archiver/test_envelope.py",),
    ),
    Defect(
        "fold taken twice, now for the first pass and now for the second",
        "archiver/timestamps.py",
        "            value = value.replace(tzinfo=zone, fold=0)\n",
        "            fold = __import__('time').time_ns() // 1000 % 2\n"
        "            value = value.replace(tzinfo=zone, fold=fold)\n",
        ("tests/integration/test_clock_changes.py",),
    ),
    Defect(
        "an hour that comes twice is taken for its second pass",
        "archiver/timestamps.py",
        "            value = value.replace(tzinfo=zone, fold=0)\n",
        "            value = value.replace(tzinfo=zone, fold=1)\n",
        ("tests/unit/archiver/test_timestamps.py",),
    ),
    Defect(
        "the repeated hour is archived while it lasts",
        "archiver/plan.py",
        "    return times.repeated_hour_start(end) or end\n",
        "    return end\n",
        ("tests/integration/test_clock_changes.py",),
    ),
    Defect(
        "settle ignored",
        "archiver/plan.py",
        "    end = _back(now, settle).replace(microsecond=0)\n",
        "    end = now.replace(microsecond=0)\n",
        _SQLITE_IDS,
    ),
    Defect(
        "lookback skipped",
        "archiver/plan.py",
        "    again = intersect(covered, [looked_at]) if looked_at else []\n",
        "    again: list[Window] = []\n",
        _SQLITE_IDS,
    ),
    Defect(
        "a lookback that failed isn't made up for",
        "archiver/plan.py",
        "    begin = _back(min(end, looked_back_to or end), lookback) if lookback else end\n",
        "    begin = _back(end, lookback) if lookback else end\n",
        ("tests/integration/test_recovery.py", "-k", "lookback_that_was_missed"),
    ),
    Defect(
        "the service's clock ignored",
        "archiver/engine.py",
        "        if served_at is None:\n            return window\n",
        "        return window\n",
        _SQLITE_IDS,
    ),
    Defect(
        "what a wrong clock covered is believed",
        "jobs/turn.py",
        "        if not late or self.clock_is_behind():\n            return\n",
        "        return\n",
        _SQLITE_IDS,
    ),
    Defect(
        "a window that failed is covered",
        "archiver/engine.py",
        "        self.report.failed.append(window)\n        unanswered",
        "        self._commit(window, Fetched([]))\n        unanswered",
        _SQLITE_IDS,
    ),
)
