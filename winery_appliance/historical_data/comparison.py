"""Which past ferments a running one resembles so far: k nearest neighbours over time-warped curves. Pure.

Every past curve may be stretched and put off to lie on the running one; how far it had to be is part of the distance. The
best stretch and delay are those of least squares held near none (ridge regression), which has a closed form, so that
thousands of curves are laid on one at once. Distances count in house units: 1 is a difference that a winemaker notes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from winery_appliance.core.figures import show_number
from winery_appliance.core.words import N_, say
from winery_appliance.historical_data.courses import SHARES, Course, to_brix

Numbers = NDArray[np.float64]

MISS_H = 6.0  # hours that a curve may lie beside the other
PACE = 0.25  # in the logarithm
DELAY_H = 18.0
WARMTH_C = 3.0
SUGAR_BRIX = 2.0
OTHER_STYLE, OTHER_VARIETY, OTHER_SIZE = 2.0, 1.0, 0.5
NOT_KNOWN = 0.5  # of what cannot be compared
STOPPED_SHORT = 3.0
# Neighbouring points of a curve tell the same: so many of them count for themselves.
_LOOKS_COUNT = 8.0
_LEAST_POINTS = 3
_PACE_LIMITS = (0.4, 2.5)

STYLE_WORDS = {"red": N_("red"), "white": N_("white"), "rose": N_("rosé"), "orange": N_("orange")}
# For more, for less, and for the same.
PACE_WORDS = N_("%(n)s %% slower."), N_("%(n)s %% faster."), N_("The same pace.")
DELAY_WORDS = N_("%(n)s h later."), N_("%(n)s h earlier."), N_("Begun at the same hour.")
WARMTH_WORDS = N_("%(n)s °C warmer."), N_("%(n)s °C cooler."), N_("As warm.")
SUGAR_WORDS = (
    N_("%(n)s °Bx more in the must."),
    N_("%(n)s °Bx less in the must."),
    N_("As much sugar in the must."),
)

PARTS = ("shape", "pace", "delay", "reach", "temperature", "sugar", "style", "variety", "vessel")


@dataclass(frozen=True, slots=True)
class Asked:
    """The running ferment as far as it is known; `varietal` "" where too little of its fruit is recorded."""

    course: Course
    varietal: str
    style: str
    vessel_size: str


@dataclass(frozen=True)
class Words:
    """A word for each ferment, as the place of it in `names`: thousands of words are few, and slow to compare."""

    names: tuple[str, ...]
    which: NDArray[np.int64]

    @classmethod
    def gather(cls, words: Sequence[str]) -> "Words":
        """Of a word each."""
        names = dict.fromkeys(words)
        places = {name: place for place, name in enumerate(names)}
        return cls(tuple(names), np.array([places[word] for word in words], dtype=np.int64))

    def __getitem__(self, row: int) -> str:
        return self.names[int(self.which[row])]


@dataclass(frozen=True)
class Field:
    """Past ferments, a row each: curves over `SHARES`, density of the must, and hours until dry, NaN for never."""

    ids: NDArray[np.int64]
    hours: Numbers
    warmth: Numbers
    start_density: Numbers
    dry_h: Numbers
    share_gone: Numbers
    end_s: Numbers  # seconds since 1970 of the last reading
    varietal: Words
    style: Words
    vessel_size: Words

    @cached_property
    def known_hours(self) -> tuple[Numbers, Numbers]:
        """1 where a curve has its hour, else 0; and the hours, 0 where there is none."""
        return _split(self.hours)

    @cached_property
    def known_warmth(self) -> tuple[Numbers, Numbers]:
        """The same of temperatures."""
        return _split(self.warmth)

    @cached_property
    def start_brix(self) -> Numbers:
        """Apparent °Bx of the musts."""
        return to_brix(self.start_density)


def _split(values: Numbers) -> tuple[Numbers, Numbers]:
    there = ~np.isnan(values)
    return there.astype(np.float64), np.where(there, values, 0.0)


@dataclass(frozen=True, slots=True)
class Part:
    """One reason why two ferments differ: by how much, in `unit`, and which part of the whole distance it makes (0 to 1).

    `difference` is the running one less the past one; None where it is no number or one of them is not known.
    """

    what: str
    difference: float | None
    unit: str
    weight: float
    words: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """A past ferment (`row` of the field) and how far it is from the running one.

    The running one takes `pace` times as long and is `delay_h` later. `days_left` is how long the past one took from
    there until it was dry, at the pace of the running one; None when it did not become dry.
    """

    row: int
    distance: float
    pace: float
    delay_h: float
    days_left: float | None
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class _Laid:
    """Every past curve laid on the running one: `scores` (parts × ferments) and what they come from."""

    pace: Numbers
    delay_h: Numbers
    miss_h: Numbers
    warmer: Numbers
    sweeter: Numbers
    scores: Numbers


def find_nearest(asked: Asked, past: Field, k: int, *, among: NDArray[np.bool_]) -> list[Likeness]:
    """The `k` ferments of the field nearest to the running one, the nearest first; only rows where `among` is true."""
    if k < 1 or not among.any():
        return []
    laid = _lay(asked, past)
    distance = np.where(among, np.sqrt((laid.scores**2).sum(axis=0)), np.inf)
    nearest = np.argsort(distance, kind="stable")[: min(k, int(among.sum()))]
    return [_explain(asked, past, laid, int(row)) for row in nearest]


def _lay(asked: Asked, past: Field) -> _Laid:
    course = asked.course
    reached = slice(
        1, max(1, int((~np.isnan(course.hours_at)).sum()))
    )  # it is known from the must on
    there, hours = (part[:, reached] for part in past.known_hours)
    pace, delay, miss = _warp(hours, course.hours_at[reached], there)
    points = there.shape[1]
    short = 1 - there.sum(axis=1) / points if points else np.zeros(len(there))
    warmer, apart_c = _compare_warmth(
        course.warmth_at[reached], *(part[:, reached] for part in past.known_warmth)
    )
    sweeter = _brix(course.start_density) - past.start_brix
    scores = np.array(
        [
            miss / MISS_H,
            np.log(pace) / PACE,
            delay / DELAY_H,
            STOPPED_SHORT * short,
            np.where(np.isnan(apart_c), NOT_KNOWN, apart_c / WARMTH_C),
            sweeter / SUGAR_BRIX,
            _compare_words(asked.style, past.style, OTHER_STYLE),
            _compare_variety(asked.varietal, past.varietal),
            _compare_words(asked.vessel_size, past.vessel_size, OTHER_SIZE),
        ]
    )
    return _Laid(pace, delay, miss, warmer, sweeter, scores)


def _warp(x: Numbers, y: Numbers, there: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Pace, delay and what is left (root mean square, hours) of each past curve `x` on the running one `y`.

    `there` is 1 where `x` is known, else both are 0. Sums over the points are all that is needed, what is left included.
    """
    n, points = x.shape
    if points < _LEAST_POINTS:
        return np.ones(n), np.zeros(n), np.zeros(n)
    s, sx, sy = there.sum(axis=1), x.sum(axis=1), there @ y
    sxx, sxy, syy = _sum_squares(x), x @ y, there @ (y * y)
    weight = min(points, _LOOKS_COUNT) / points / MISS_H**2
    # Normal equations of y = pace·x + delay, with pace held near 1 and delay near 0.
    a, b, c = weight * sxx + 1 / PACE**2, weight * sx, weight * s + 1 / DELAY_H**2
    p, q = weight * sxy + 1 / PACE**2, weight * sy
    pace = np.clip((p * c - q * b) / (a * c - b * b), *_PACE_LIMITS)
    delay = (q - pace * b) / c
    rest = syy + pace**2 * sxx + delay**2 * s + 2 * (pace * (delay * sx - sxy) - delay * sy)
    miss = np.sqrt(np.maximum(rest, 0.0) / np.maximum(s, 1))
    return pace, delay, miss


def _sum_squares(x: Numbers) -> Numbers:
    return np.asarray(np.einsum("ij,ij->i", x, x))


def _compare_warmth(here: Numbers, there: Numbers, warmth: Numbers) -> tuple[Numbers, Numbers]:
    """How much warmer the running one was at the same share of sugar: mean, and root mean square; NaN where unknown.

    `there` is 1 where `warmth` is known, else both are 0.
    """
    known = ~np.isnan(here)
    mine, there, theirs = here[known], there[:, known], warmth[:, known]
    count = there.sum(axis=1)
    some = np.where(count > 0, count, np.nan)
    squares = there @ (mine * mine) - 2 * (theirs @ mine) + _sum_squares(theirs)
    mean = (there @ mine - theirs.sum(axis=1)) / some
    return mean, np.sqrt(np.maximum(squares, 0.0) / some)


def _compare_words(here: str, there: Words, apart: float) -> Numbers:
    return np.array([apart * (name != here) for name in there.names])[there.which]


def _compare_variety(here: str, there: Words) -> Numbers:
    """0 for the same, half for what is not recorded or shares a variety, else 1 in house units."""
    mine = {name.casefold() for name in here.split(", ")}
    told = []
    for name in there.names:
        theirs = {part.casefold() for part in name.split(", ")}
        unknown = not here or not name
        told.append(
            NOT_KNOWN if unknown else OTHER_VARIETY * (1 - len(mine & theirs) / len(mine | theirs))
        )
    return np.array(told)[there.which]


def _brix(density: float | Numbers) -> Numbers:
    return to_brix(np.asarray(density))


def _explain(asked: Asked, past: Field, laid: _Laid, row: int) -> Likeness:
    pace = float(laid.pace[row])
    squares = laid.scores[:, row] ** 2
    total = float(squares.sum())
    share = dict(zip(PARTS, squares / total if total else squares, strict=True))
    told = [
        *_tell_curve(asked, past, row, laid),
        *_tell_must(asked, past, row, laid),
    ]
    parts = [
        Part(what, difference, unit, round(float(share[what]), 3), words)
        for what, difference, unit, words in told
    ]
    return Likeness(
        row,
        round(float(np.sqrt(total)), 3),
        round(pace, 3),
        round(float(laid.delay_h[row]), 1),
        _find_days_left(asked, past, row, pace),
        tuple(sorted(parts, key=lambda part: -part.weight)),
    )


Told = tuple[str, float | None, str, str]


def _tell_curve(asked: Asked, past: Field, row: int, laid: _Laid) -> Sequence[Told]:
    """What the curves tell; nothing while the running one has hardly begun."""
    if (~np.isnan(asked.course.hours_at[SHARES > 0])).sum() < _LEAST_POINTS:
        return ()
    miss, pace, delay = (float(v[row]) for v in (laid.miss_h, laid.pace, laid.delay_h))
    percent = 100 * (pace - 1)
    apart = say("Laid on each other, the curves lie %(n)s h apart.", n=f"{miss:.0f}")
    told: list[Told] = [
        ("shape", round(miss, 1), "h", apart),
        ("pace", round(percent, 1), "%", _compare(percent, PACE_WORDS, 0)),
        ("delay", round(delay, 1), "h", _compare(delay, DELAY_WORDS, 0)),
    ]
    if laid.scores[PARTS.index("reach"), row] > 0:
        gone = f"{100 * past.share_gone[row]:.0f}"
        stopped = say("It stopped when %(n)s %% of its sugar was gone.", n=gone)
        told.append(("reach", None, "", stopped))
    return told


def _tell_must(asked: Asked, past: Field, row: int, laid: _Laid) -> Sequence[Told]:
    warmer, sweeter = float(laid.warmer[row]), float(laid.sweeter[row])
    if np.isnan(warmer):
        warmth: Told = ("temperature", None, "°C", say("The temperatures cannot be compared."))
    else:
        warmth = ("temperature", round(warmer, 1), "°C", _compare(warmer, WARMTH_WORDS, 1))
    sugar = _compare(sweeter, SUGAR_WORDS, 1)
    theirs = past.varietal[row]
    if not asked.varietal or not theirs:
        variety = say("The fruit of one of them is not recorded.")
    else:
        same = asked.varietal.casefold() == theirs.casefold()
        variety = (
            say("The same variety.") if same else say("Another variety: %(name)s.", name=theirs)
        )
    told = [
        warmth,
        ("sugar", round(sweeter, 1), "°Bx", sugar),
        ("variety", None, "", variety),
    ]
    if past.style[row] != asked.style:
        told.append(
            (
                "style",
                None,
                "",
                say("Another style: %(name)s.", name=say(STYLE_WORDS[past.style[row]])),
            )
        )
    if past.vessel_size[row] != asked.vessel_size:
        told.append(("vessel", None, "", say("A vessel of another size.")))
    return told


def _compare(difference: float, words: tuple[str, str, str], places: int) -> str:
    """By how much the running one is more or less than the past one, or that it is the same."""
    more, less, same = words
    if round(abs(difference), places) == 0:
        return say(same)
    return say(more if difference > 0 else less, n=show_number(abs(difference), places))


def _find_days_left(asked: Asked, past: Field, row: int, pace: float) -> float | None:
    dry_h, hours = float(past.dry_h[row]), past.hours[row]
    known = ~np.isnan(hours)
    if np.isnan(dry_h):
        return None
    here = float(np.interp(asked.course.share_gone, SHARES[known], hours[known]))
    return round(max(dry_h - here, 0.0) * pace / 24, 2)
