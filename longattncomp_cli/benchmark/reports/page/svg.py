"""A few marks on a plane, as SVG text. Every string that comes from a report is escaped here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 400, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 38


@dataclass(frozen=True)
class Style:
    """How a method is drawn: a colour of the style sheet, a width and a dash."""

    colour: str
    width: float = 1.8
    dash: str = ""

    @property
    def stroke(self) -> str:
        """Attributes of a line."""
        dash = f' stroke-dasharray="{self.dash}"' if self.dash else ""
        return f'stroke="var({self.colour})" stroke-width="{self.width}"{dash} fill="none"'


@dataclass
class Axis:
    """One direction of a plane.

    Attributes:
        low, high: the values at its ends.
        ticks: (value, label) of its marks.
        title: below or beside it.
        is_log: whether equal steps are equal factors.
    """

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    title: str
    is_log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the low end and 1 at the high one."""
        if self.is_log:
            low, high, value = math.log(self.low), math.log(self.high), math.log(max(value, 1e-12))
        else:
            low, high = self.low, self.high
        return (value - low) / (high - low) if high > low else 0.5


@dataclass
class Plane:
    """A plot under construction."""

    x: Axis
    y: Axis
    label: str
    marks: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point."""
        across, up = self.x.share(x), self.y.share(y)
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)

    def series(
        self,
        method: str,
        style: Style,
        points: Sequence[tuple[float, float, float, float, str]],
    ) -> None:
        """A line through points ``(x, y, low, high, told)`` with the interval of each."""
        marks = []
        if len(points) > 1:
            path = " ".join(f"{px:.1f},{py:.1f}" for px, py in (self.at(p[0], p[1]) for p in points))
            marks.append(f'<polyline points="{path}" {style.stroke}/>')
        for x, y, low, high, told in points:
            px, py = self.at(x, y)
            top, bottom = self.at(x, high)[1], self.at(x, low)[1]
            if bottom - top > 0.5:
                marks.append(
                    f'<line x1="{px:.1f}" x2="{px:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" '
                    f'stroke="var({style.colour})" stroke-opacity="0.35" stroke-width="1"/>'
                )
            marks.append(
                f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{2.2 + style.width / 3:.1f}" '
                f'fill="var({style.colour})"><title>{escape(told)}</title></circle>'
            )
        self.marks.append(f'<g class="series" data-method="{escape(method)}">{"".join(marks)}</g>')

    def render(self) -> str:
        """The whole image."""
        parts = [*self._grid(), *self.marks]
        frame = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.label)}"'
        return f"<svg {frame}>{''.join(parts)}</svg>"

    def _grid(self) -> Iterator[str]:
        bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        for value, label in self.y.ticks:
            y = self.at(self.x.low, value)[1]
            yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{escape(label)}</text>'
        for value, label in self.x.ticks:
            x = self.at(value, self.y.low)[0]
            yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>'
            yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{escape(label)}</text>'
        yield f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>'
        middle = (_LEFT + right) / 2
        yield f'<text x="{middle:.1f}" y="{HEIGHT - 4}" text-anchor="middle">{escape(self.x.title)}</text>'
        up = (bottom + _TOP) / 2
        turned = f'transform="translate(11 {up:.1f}) rotate(-90)"'
        yield f'<text {turned} text-anchor="middle">{escape(self.y.title)}</text>'


def log_ticks(low: float, high: float, label: Callable[[float], str]) -> list[tuple[float, str]]:
    """Powers of ten, with 2 and 5 between where there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1,) if last - first > 3 else (1, 2, 5) if last - first < 2 else (1, 3)
    values = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    return [(value, label(value)) for value in values if low * 0.999 <= value <= high * 1.001]


def short_count(value: float) -> str:
    """128000 → 128k."""
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"


def short_seconds(value: float) -> str:
    """0.01 → 10 ms."""
    return f"{value * 1e3:g} ms" if value < 1 else f"{value:g} s"
