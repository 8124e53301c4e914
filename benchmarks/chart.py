"""Draw a bar chart as SVG without a library or a script, for light and for dark backgrounds."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import floor, log10
from textwrap import wrap
from xml.sax.saxutils import escape

from benchmarks.tables import Bar, number

WIDTH, LEFT, RIGHT = 860, 240, 90
TOP, ROW, BAR, GROUP_GAP, FOOT = 64, 24, 16, 40, 62
NOTE_ROW, NOTE_LETTERS = 15, 140
TICKS_AT_MOST = 8
STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-size: 17px; font-weight: 600 }
    .group { font-weight: 600 }
    .small { font-size: 11px; fill: #57606a }
    .grid { stroke: #8c959f; stroke-opacity: 0.35 }
    .own { fill: #0a7d55 }
    .peer { fill: #8c959f }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .small { fill: #9da7b1 }
      .own { fill: #3fb68b }
      .peer { fill: #6e7681 }
    }
  """


def draw(bars: Sequence[Bar], *, title: str, unit: str, notes: Sequence[str]) -> str:
    """Draw a horizontal bar chart.

    Args:
        bars: in the order in which they are drawn; the bars of a group must be adjacent.
        title: the heading of the chart.
        unit: the unit of the figures, drawn below the title.
        notes: drawn in small letters below the bars.

    Returns:
        The text of an SVG file.
    """
    groups = [(name, list(each)) for name, each in groupby(bars, key=lambda bar: bar.group)]
    plot_bottom = TOP + len(groups) * GROUP_GAP + len(bars) * ROW
    foot = [line for note in notes for line in wrap(note, NOTE_LETTERS)]
    height = plot_bottom + FOOT + NOTE_ROW * len(foot)
    longest = max(bar.microseconds for bar in bars)
    scale = (WIDTH - LEFT - RIGHT) / longest
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"  <title>{escape(title)}</title>",
        f"  <style>{STYLE}</style>",
        f'  <text class="title" x="16" y="28">{escape(title)}</text>',
        f'  <text class="small" x="16" y="48">{escape(unit)}</text>',
        *_grid(longest, scale, plot_bottom),
        *_rows(groups, scale),
    ]
    for row, note in enumerate(foot):
        y = plot_bottom + FOOT - 16 + NOTE_ROW * row
        lines.append(f'  <text class="small" x="16" y="{y}">{escape(note)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def tick_step(longest: float) -> float:
    """Return the distance of the ticks: 1, 2 or 5 times a power of ten, with few ticks up to a value."""
    power = 10.0 ** floor(log10(longest))
    steps = [power * factor for factor in (0.1, 0.2, 0.5, 1, 2)]
    return next(step for step in steps if longest / step <= TICKS_AT_MOST)


def _grid(longest: float, scale: float, bottom: int) -> Iterator[str]:
    step = tick_step(longest)
    for count in range(int(longest / step) + 1):
        x = LEFT + count * step * scale
        yield f'  <line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        yield (
            f'  <text class="small" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">'
            f"{count * step:g}</text>"
        )


def _rows(groups: Sequence[tuple[str, Sequence[Bar]]], scale: float) -> Iterator[str]:
    y = TOP
    for name, bars in groups:
        yield f'  <text class="group" x="16" y="{y + 26}">{escape(name)}</text>'
        y += GROUP_GAP
        for bar in bars:
            width = max(bar.microseconds, 0) * scale
            kind = "own" if bar.is_own else "peer"
            yield f'  <text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(bar.label)}</text>'
            yield (
                f'  <rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>'
            )
            yield f'  <text x="{LEFT + width + 6:.1f}" y="{y + 13}">{number(bar.microseconds)}</text>'
            y += ROW
