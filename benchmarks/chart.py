"""The chart: time per click as the archive grows, as an SVG that needs nothing else."""

import statistics
from collections.abc import Callable, Sequence

from benchmarks.measure import Point

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 50, 50
_STYLE = """
  text { font: 13px sans-serif; fill: #333 }
  .title { font-size: 15px; font-weight: bold }
  .grid { stroke: #ddd }
  .grown { stroke: #1f5fa8; fill: none; stroke-width: 2 }
  .empty { stroke: #888; fill: none; stroke-width: 2; stroke-dasharray: 5 4 }
  .spread { stroke: #1f5fa8; stroke-width: 1 }
  .dot { fill: #1f5fa8 }
"""

_LEGEND = "solid: into an archive that holds so many; dashed: into an empty one, in turn"
_AT_END = 'text-anchor="end"'

_Place = Callable[[float], float]


def draw(points: Sequence[Point], clicks_a_day: int) -> str:
    """The chart of the points, whose dots are medians and whose bars reach from least to most."""
    most = max(max(*point.grown, *point.empty) for point in points)
    step = _step(most)
    top = step * (int(most / step) + 1)
    largest = points[-1].clicks

    def across(clicks: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * clicks / largest

    def down(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top

    title = f"A day of {clicks_a_day:,} clicks: µs a click"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>Time per click as the archive grows</title><style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text class="title" x="{_LEFT}" y="22">{title}</text>',
        f'<text x="{_LEFT}" y="41">{_LEGEND}</text>',
    ]
    lines += _grid(top, step, down)
    for point in points:
        x = across(point.clicks)
        low, high = down(min(point.grown)), down(max(point.grown))
        middle = down(statistics.median(point.grown))
        lines += [
            f'<line class="spread" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>',
            f'<circle class="dot" cx="{x:.1f}" cy="{middle:.1f}" r="4"/>',
            f'<text x="{x:.1f}" y="{_HEIGHT - 28}" {_AT_END}>{_short(point.clicks)}</text>',
        ]
    for name in ("grown", "empty"):
        path = " ".join(
            f"{across(point.clicks):.1f},{down(statistics.median(getattr(point, name))):.1f}"
            for point in points
        )
        lines.append(f'<polyline class="{name}" points="{path}"/>')
    lines += [
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 8}" {_AT_END}>clicks in the archive</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _grid(top: float, step: float, down: _Place) -> list[str]:
    lines = []
    for number in range(int(top / step + 0.5) + 1):
        y = down(number * step)
        lines += [
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" {_AT_END}>{number * step:g}</text>',
        ]
    return lines


def _step(most: float) -> float:
    """A round number that goes into the largest value some five times."""
    power = 10.0 ** (len(str(int(most))) - 1)
    return next(power * part for part in (0.2, 0.5, 1, 2) if most / (power * part) <= 6)


def _short(clicks: int) -> str:
    return f"{clicks / 1e6:g} million" if clicks >= 1_000_000 else f"{clicks:,}"
