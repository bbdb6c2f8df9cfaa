"""Whether one set of times is really longer than another: a bootstrap of the ratio of medians."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from measuring import number_text

COSTS = ("µs", "ms", "s", "MB", "bytes", "µs a movie")
"""Units of which less is better; of what is told a second, more is. Other units, counts above all, are not compared."""
TOLERATED = 1.10
FEWEST = 5
"""Values on each side from which on a difference is judged."""
DRAWS = 4000
OUTSIDE = 1.0
"""Per cent of the draws that the interval leaves out. Dozens of figures are compared at a time: of a hundred that did
not change, one is expected to look as if it did."""

Key: TypeAlias = tuple[str, str, str]
"""Script, name and unit of a measurement."""
Rounds: TypeAlias = list[list[float]]
"""Values of each round: those of one process."""
Measured: TypeAlias = Mapping[Key, Rounds]


class Change(NamedTuple):
    """What a figure costs afterwards as a share of what it cost before: above 1 is slower, or larger."""

    key: Key
    before: float
    after: float
    ratio: float
    low: float
    high: float

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the interval leaves out "the same"."""
        return not self.low <= 1 <= self.high

    @property
    def is_regression(self) -> bool:
        """Whether it costs over a tenth more, and that is no noise."""
        return self.is_beyond_noise and self.ratio > TOLERATED

    def __str__(self) -> str:
        script, name, unit = self.key
        told = "REGRESSION" if self.is_regression else ("worse" if self.ratio > 1 else "better")
        return (
            f"{told:<10}  {script}: {name}: {number_text(self.before)} → {number_text(self.after)} {unit}, "
            f"cost × {self.ratio:.2f} ({self.low:.2f} to {self.high:.2f})"
        )


def measurements_of(document: Mapping[str, Any]) -> dict[Key, list[float]]:
    """The values in a results.json, or in what one script's ``--json`` wrote."""
    reports = [run["report"] for run in document["runs"] if run["report"]] if "runs" in document else [document]
    return {
        (report["script"], each["name"], each["unit"]): each["values"]
        for report in reports
        for each in report["measurements"]
    }


def gathered(rounds: Sequence[Mapping[Key, list[float]]]) -> dict[Key, Rounds]:
    """The values of each measurement that every round has, by round."""
    common = set(rounds[0]).intersection(*rounds[1:])
    return {key: [one[key] for one in rounds] for key in rounds[0] if key in common}


def changes(before: Measured, after: Measured) -> Iterator[Change]:
    """Every measurement that both have, that is a cost or a speed, and that was repeated often enough to be judged."""
    draw = np.random.default_rng(0)
    for key in before:
        if key in after and can_be_judged(key, before[key]) and can_be_judged(key, after[key]):
            yield change(key, before[key], after[key], draw)


def can_be_judged(key: Key, rounds: Rounds) -> bool:
    """Whether it is known which direction is better, and there are values enough."""
    values = [value for each in rounds for value in each]
    unit = key[2]
    return len(values) >= FEWEST and min(values) > 0 and (unit in COSTS or unit.endswith("/s"))


def change(key: Key, before: Rounds, after: Rounds, draw: np.random.Generator) -> Change:
    """The middle round's ratio, and an interval from drawing rounds, and values within them, again and again.

    The rounds of both sides are drawn as pairs: a moment when the machine was slow was so for both.
    """
    less_is_better = key[2] in COSTS

    def cost(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return other / one if less_is_better else one / other

    rounds = min(len(before), len(after))
    one, other = (np.array([np.median(values) for values in side[:rounds]]) for side in (before, after))
    drawn = cost(*(np.array([redrawn(values, draw) for values in side[:rounds]]) for side in (before, after)))
    picked = draw.integers(rounds, size=(rounds, DRAWS))
    ratios = np.median(np.take_along_axis(drawn, picked, axis=0), axis=0)
    low, high = np.percentile(ratios, [OUTSIDE / 2, 100 - OUTSIDE / 2])
    middle = float(np.median(cost(one, other)))
    return Change(key, float(np.median(one)), float(np.median(other)), middle, float(low), float(high))


def redrawn(values: Sequence[float], draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """Medians of as many values, drawn from these with replacement."""
    return np.asarray(np.median(draw.choice(values, size=(DRAWS, len(values))), axis=1))
