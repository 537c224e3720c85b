"""A page of 300 links in a real browser: the distribution's Chromium, without a screen.

The page is put into frames of the widths of a phone and a desk; a script beside it, not in it,
measures. Without a Chromium this test is skipped.
"""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from archiver.config import Page
from jobs.page import render
from jobs.standing import standing
from storage.standings import LinkHistory, Snapshot

NOW = datetime(2026, 11, 19, 3, 15, tzinfo=UTC)
TITLES = (
    "<script>alert(1)</script> “Ünïcode” 🏆",
    "رابط المسابقة الكبرى لأفضل صورة في العام",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "A title that goes on " * 20,
    """'"><img src=x onerror=alert(1)>""",
)
DARK, LIGHT = 0, 1  # as Chromium's preferredColorScheme counts
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no browser here: install the distribution's chromium for this test"
)

_MEASURE = """<!DOCTYPE html><body><pre></pre><script>
const measured = {};
const alerted = [];
const frames = [360, 1200].map(width => {
  const frame = document.createElement("iframe");
  frame.style = `width: ${width}px; height: 2000px; border: 0`;
  frame.src = "contest.html";
  document.body.append(frame);
  frame.contentWindow.alert = text => alerted.push(text);
  return new Promise(done => frame.onload = () => done([width, frame.contentWindow]));
});
const style = (view, element, name) => view.getComputedStyle(element)[name];
Promise.all(frames).then(loaded => {
  for (const [width, view] of loaded) {
    const all = selector => [...view.document.querySelectorAll(selector)];
    const right = element => element.getBoundingClientRect().right;
    measured[width] = {
      scrolled: view.document.documentElement.scrollWidth,
      right: Math.max(...all("td, th, h1, p, svg, bdi, span, caption").map(right)),
      titles: all("tbody th > a > bdi").map(e => e.textContent),
      numbers: all("tbody .clicks").map(e => parseInt(e.textContent.replaceAll(",", ""))),
      strangers: all("script, img, link, iframe, object, embed, [onerror], [src]").length,
      lines: all("tbody svg polyline").length,
      roles: [...new Set(all("table, thead, tbody, tr, th, td").map(e => e.getAttribute("role")))],
      unscoped: all("th:not([scope])").length,
      captions: all("caption").length,
      background: style(view, view.document.body, "backgroundColor"),
      inks: all("h1, .taken, caption, thead th, .name a, .at, .number, footer p")
        .map(e => style(view, e, "color")),
      medals: all(".medal")
        .map(e => [style(view, e, "color"), style(view, e, "backgroundColor")]),
      smallest: Math.min(
        ...all("td, th, p, .at").map(e => parseFloat(style(view, e, "fontSize")))),
    };
  }
  measured.alerted = alerted;
  document.querySelector("pre").textContent = JSON.stringify(measured);
});
</script>"""


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str]

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture(scope="module")
def contest(tmp_path_factory) -> Path:
    """A folder with a page of 300 links with two weeks of totals, and what measures it."""
    links = []
    for number in range(1, 301):
        title = TITLES[number - 1] if number <= len(TITLES) else f"Team {number}"
        taken = tuple(
            Snapshot(NOW - timedelta(days=back), 100_000 - 14 * number - back * number, number)
            for back in range(14, -1, -1)
        )
        address = f"http://linktrack.info/.{number}"
        links.append(LinkHistory(str(number), str(number), address, title, snapshots=taken))
    page = Page(account="acme", title="Who collects the most clicks?", output=Path("c.html"))
    html = render(standing(page, links), None, "contest.json")
    folder: Path = tmp_path_factory.mktemp("public")
    (folder / "contest.html").write_bytes(html)
    (folder / "measure.html").write_text(_MEASURE, encoding="utf-8")
    return folder


@pytest.fixture
def address(contest) -> Iterator[tuple[str, list[str]]]:
    """The folder on loopback, and what is asked for there."""
    asked: list[str] = []
    handler = type("Handler", (_Quiet,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(contest)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def measure(address: str, profile: Path, scheme: int) -> dict[str, Any]:
    """What the browser makes of the page, by a frame's width."""
    assert CHROMIUM
    quiet = ("background-networking", "component-update", "sync", "gpu", "quic", "extensions")
    seen = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--no-first-run", "--dump-dom"),
            *(f"--disable-{what}" for what in quiet),
            "--disable-dev-shm-usage",
            f"--user-data-dir={profile}",
            f"--blink-settings=preferredColorScheme={scheme}",
            "--window-size=1600,1200",
            "--virtual-time-budget=20000",
            f"{address}/measure.html",
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    found = re.search(r"<pre>(\{.*\})</pre>", seen.stdout)
    assert found, f"nothing was measured: {seen.stdout[:500]} {seen.stderr[-2000:]}"
    measured: dict[str, Any] = json.loads(unescape(found[1]))
    return measured


def contrast(one: str, other: str) -> float:
    """How far two colours are apart, as WCAG counts."""

    def luminance(color: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(p * w for p, w in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [DARK, LIGHT], ids=["dark", "light"])
def test_a_page_in_the_browser(address, tmp_path, scheme):
    """300 rows, titles as text, all within the width, readable, in both colour schemes."""
    url, asked = address
    measured = measure(url, tmp_path / "profile", scheme)
    assert measured["alerted"] == []
    assert set(asked) - {"/favicon.ico"} == {"/measure.html", "/contest.html"}
    for width in (360, 1200):
        seen = measured[str(width)]
        assert seen["scrolled"] <= width
        assert seen["right"] <= width
        assert [" ".join(title.split()) for title in seen["titles"][: len(TITLES)]] == [
            " ".join(title.split()) for title in TITLES
        ]
        assert seen["numbers"] == [100_000 - 14 * number for number in range(1, 301)]
        assert (seen["strangers"], seen["unscoped"], seen["captions"]) == (0, 0, 1)
        assert seen["lines"] == 300
        assert set(seen["roles"]) == {
            *("table", "rowgroup", "row", "columnheader", "rowheader", "cell"),
        }
        assert seen["smallest"] >= 13
        assert min(contrast(ink, seen["background"]) for ink in seen["inks"]) >= 4.5
        assert len(seen["medals"]) == 3
        assert min(contrast(*medal) for medal in seen["medals"]) >= 4.5
        assert (contrast(seen["background"], "rgb(0, 0, 0)") < 2) == (scheme == DARK)
