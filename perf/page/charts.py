"""Charts as SVG that stands inside a page and takes the page's colours and font, so that it is light or dark as it is.

matplotlib knows no colours but fixed ones: charts are drawn in colours that stand for the page's, and these are
exchanged for CSS variables afterwards. Every chart is as wide as a phone, with its text in the size it has there.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from measuring import number_text

WIDTH = 5
"""Inches; an inch is 72 units of SVG, and a phone's page about 360."""
INK, MUTED, GRID = "#0a0b0c", "#0a0b0d", "#0a0b0e"
CURVES = ("#0a0b10", "#0a0b11", "#0a0b12", "#0a0b13", "#0a0b14", "#0a0b15")
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid"} | {
    colour: f"--curve-{number}" for number, colour in enumerate(CURVES, 1)
}
ORDERS = 30
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""

LETTERS = 58
"""How many stand on a line beside each other."""

mpl.rcParams.update({"svg.fonttype": "none", "font.size": 10.5, "axes.linewidth": 0.6})

Points = Sequence[tuple[float, float]]


class Dot(NamedTuple):
    """A measurement: its middle value, and what one in twenty exceeds where it was repeated."""

    label: str
    median: float
    p95: float | None


def curves(title: str, unit: str, along: str, lines: Mapping[str, Points]) -> str:
    """Lines over a common axis; one whose name ends with ``, p95`` is dashed, in the colour of the one it is of."""
    figure = Figure(figsize=(WIDTH, 3))
    axes = figure.add_axes((0.125, 0.11, 0.845, 0.78))
    colours = colours_of(lines)
    for name, points in lines.items():
        dashed = name.endswith(", p95")
        axes.plot(
            *zip(*points, strict=True),
            color=colours[name],
            linewidth=1 if dashed else 1.8,
            linestyle=(0, (3, 2)) if dashed else "-",
            marker=None if dashed or len(points) > 12 else "o",
            markersize=4,
        )
    _scale(axes, "x", [place for points in lines.values() for place, _ in points], from_zero=False)
    _scale(axes, "y", [value for points in lines.values() for _, value in points])
    axes.text(-0.1, 1.05, unit, transform=axes.transAxes, color=MUTED)
    axes.text(1, 1.05, f"by {along}", transform=axes.transAxes, color=MUTED, ha="right")
    _plain(axes)
    return _svg(figure, title)


def dots(title: str, unit: str, rows: Sequence[Dot]) -> str:
    """One line for each measurement: a dot at the median, and a line from there to p95; the label stands above."""
    height = 0.46 * len(rows) + 0.3
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0.03, 0.22 / height, 0.94, 1 - 0.3 / height))
    aside = axes.get_yaxis_transform()
    for number, row in enumerate(rows):
        place = len(rows) - number - 0.78
        if row.p95 is not None:
            axes.plot([row.median, row.p95], [place, place], color=CURVES[0], linewidth=1.2)
            axes.plot([row.p95], [place], color=CURVES[0], marker="|", markersize=7)
        axes.plot([row.median], [place], color=CURVES[0], marker="o", markersize=5.5)
        told = f"{number_text(row.median)} {unit}"
        axes.text(0, place + 0.3, cut(row.label, LETTERS - len(told)), transform=aside, color=INK)
        axes.text(1, place + 0.3, told, transform=aside, color=INK, ha="right")
    _scale(axes, "x", [value for row in rows for value in (row.median, row.p95) if value is not None])
    axes.set_ylim(0, len(rows))
    axes.yaxis.set_visible(False)
    _plain(axes)
    return _svg(figure, title)


def colours_of(lines: Iterable[str]) -> dict[str, str]:
    """A colour for each line; a line and its p95 share one."""
    of = {name: name.removesuffix(", p95") for name in lines}
    bases = list(dict.fromkeys(of.values()))
    return {name: CURVES[bases.index(base) % len(CURVES)] for name, base in of.items()}


def variable(colour: str) -> str:
    """The page's colour that a drawn one stands for, as CSS."""
    return f"var({_VARIABLES[colour]})"


def cut(text: str, letters: int) -> str:
    """The text where there is room for it, else its beginning; the table below a chart has it whole."""
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip()}…"


def short(value: float) -> str:
    """A number on an axis: 1,000 is 1k, a million 1M."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _scale(axes: Axes, which: str, values: Sequence[float], *, from_zero: bool = True) -> None:
    """Logarithmic where values are of different orders, else from zero; places need not begin there."""
    axis, low, high = getattr(axes, f"{which}axis"), min(values), max(values)
    if low > 0 and high / low >= ORDERS:
        getattr(axes, f"set_{which}scale")("log")
        axis.set_minor_formatter(NullFormatter())
    else:
        if from_zero:
            getattr(axes, f"set_{which}lim")(min(0, 1.06 * low), 1.06 * high or 1)
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    axes.tick_params(colors=MUTED, length=0, pad=3, which="both")


def _svg(figure: Figure, title: str) -> str:
    """The drawing, less what only a file of its own needs, in the page's colours and font."""
    figure.patch.set_visible(False)
    drawn = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": title}):
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    text = drawn.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    label = f'role="img" aria-label="{html.escape(title)}"'  # for those who hear the page
    text = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', rf'<svg viewBox="\1" {label}>', text)
    used = set(re.findall(r'#([\w.-]+)[)"]', text))
    text = re.sub(r' id="([\w.-]+)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px", text)
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var({name})")
    return text
