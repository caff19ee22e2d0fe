"""Between reading and parsing: of a sample that was measured several times in a row, the mean counts. Pure, rows to rows.

An instrument writes a row for each replicate, and often their mean and its deviation below. The mean is taken where it
stands there, else it is made, with as many decimals as were measured; the replicates stay in the preview as left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from winery_appliance.core.units import SampleType
from winery_appliance.core.words import say
from winery_appliance.historical_data.columns import simplify
from winery_appliance.historical_data.files import Row
from winery_appliance.historical_data.recognition import Layout

MEAN = frozenset({"mean", "average", "avg", "media", "mittelwert", "moyenne"})
DEVIATION = frozenset({"sd", "stdev", "std", "stddev", "rsd", "cv", "deviation"})
# Nobody measures a sample more often; more rows than these are no replicates but a log.
MOST_REPLICATES = 20


@dataclass(frozen=True)
class _Places:
    """Where a header has what tells replicates from each other."""

    whose: int | None
    same: tuple[int, ...]  # the sample's code and its day
    moment: tuple[int, ...]
    replicate: int | None
    values: tuple[int, ...]


def _find_places(layout: Layout) -> _Places | None:
    """None where rows of this layout are no replicates of each other."""
    replicate = layout.find("replicate")
    if replicate is None and not layout.reader.has_replicates:
        return None
    whose = next((p for use in ("wine", "code", "vessel") if (p := layout.find(use)) is not None), None)  # fmt: skip
    moment = tuple(p for use in ("moment", "date", "time") if (p := layout.find(use)) is not None)
    same = [p for p in (whose, layout.find("moment"), layout.find("date")) if p is not None]
    values = [
        place
        for place, name in enumerate(layout.names)
        if layout.uses[name].partition("/")[0] in (*SampleType.__members__, "value")
    ]
    return _Places(whose, tuple(same), moment, replicate, tuple(values))


@dataclass
class _Sample:
    """The rows of one sample so far."""

    layout: Layout
    places: _Places
    replicates: list[Row] = field(default_factory=list)
    means: list[Row] = field(default_factory=list)
    others: list[Row] = field(default_factory=list)

    def takes(self, layout: Layout, row: Row, kind: str) -> bool:
        """Whether the row belongs to this sample."""
        if layout is not self.layout or len(self.replicates) >= MOST_REPLICATES:
            return False
        if kind != "replicate":
            return bool(self.replicates)
        if not self.replicates:
            return True
        if self.means:
            return False
        first = self.replicates[0].cells
        return all(_at(row.cells, place) == _at(first, place) for place in self.places.same)

    def add(self, row: Row, kind: str) -> None:
        """Take the row in."""
        {"replicate": self.replicates, "mean": self.means}.get(kind, self.others).append(row)

    def conclude(self) -> Iterator[Row]:
        """The rows with the mean as the one that counts, in their order."""
        counts: Row | None = None
        if self.means and self.replicates:
            counts = self._complete(self.means[0], self.replicates[0])
        elif len(self.replicates) > 1:
            counts = self._average()
        elif self.replicates:
            counts = self.replicates[0]
        for row in sorted([*self.replicates, *self.means, *self.others]):
            if counts is not None and row.line == counts.line:
                yield counts
            elif row in self.replicates and counts is not None:
                told = say(
                    "This row is a replicate; the mean in line %(line)s counts.", line=counts.line
                )
                yield row._replace(left_out=told)
            else:
                yield row._replace(left_out=say("This row is a mean or a deviation of no sample."))

    def _complete(self, mean: Row, first: Row) -> Row:
        """The mean's row as one of the sample's: its own cells hardly say whose it is, and when."""
        cells = list(mean.cells)
        cells += [""] * (len(self.layout.titles) - len(cells))
        for place in self.places.moment:
            cells[place] = cells[place] or _at(first.cells, place)
        if self.places.whose is not None:
            cells[self.places.whose] = _at(first.cells, self.places.whose)
        return Row(mean.line, cells)

    def _average(self) -> Row:
        first = self.replicates[0]
        cells = list(first.cells)
        for place in self.places.values:
            mean = _take_mean([_at(row.cells, place) for row in self.replicates])
            if mean is not None and place < len(cells):
                cells[place] = mean
        return Row(first.line, cells)


def merge_replicates(rows: Iterator[tuple[Layout, Row]]) -> Iterator[tuple[Layout, Row]]:
    """The rows with each sample's replicates merged; those of layouts without any pass as they are."""
    sample: _Sample | None = None
    under: Layout | None = None
    places: _Places | None = None
    for layout, row in rows:
        if layout is not under:
            under, places = layout, _find_places(layout)
        kind = None if places is None or row.fault else _tell_kind(places, row.cells)
        if sample is not None and (kind is None or not sample.takes(layout, row, kind)):
            yield from ((sample.layout, merged) for merged in sample.conclude())
            sample = None
        if places is None or kind is None:
            yield layout, row
            continue
        if sample is None:
            sample = _Sample(layout, places)
        sample.add(row, kind)
    if sample is not None:
        yield from ((sample.layout, merged) for merged in sample.conclude())


def _tell_kind(places: _Places, cells: Sequence[str]) -> str:
    for place in (places.replicate, places.whose):
        word = simplify(_at(cells, place))
        if word in MEAN:
            return "mean"
        if word in DEVIATION:
            return "deviation"
    return "replicate"


def _at(cells: Sequence[str], place: int | None) -> str:
    return "" if place is None or place >= len(cells) else cells[place].strip()


def _take_mean(texts: Sequence[str]) -> str | None:
    """The mean of numbers with the decimals of the finest; None where one is no plain number."""
    try:
        numbers = [Decimal(text.replace(",", ".")) for text in texts]
    except InvalidOperation:
        return None
    exponents = [number.as_tuple().exponent for number in numbers]
    finest = min((e for e in exponents if isinstance(e, int)), default=0)
    if not all(number.is_finite() for number in numbers):
        return None
    return f"{(sum(numbers, Decimal(0)) / len(numbers)).quantize(Decimal(1).scaleb(finest)):f}"
