"""What a person is asked before a file can be read, because nothing in it decides. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from winery_appliance.core.units import KIND_WORDS, UNIT_SYMBOLS, UNITS, SampleType
from winery_appliance.core.words import N_, say
from winery_appliance.historical_data.columns import UNKNOWN_UNIT, read_quantity
from winery_appliance.historical_data.files import Row
from winery_appliance.historical_data.moments import DateSurvey
from winery_appliance.historical_data.parsing import BLANK
from winery_appliance.historical_data.recognition import Layout
from winery_appliance.historical_data.wines import pick_style

DATES = frozenset({"moment", "date", "start", "end", "harvest_date"})
MOST_VARIETIES = 60
STYLE_CHOICES = (
    ("red", N_("red")),
    ("white", N_("white")),
    ("rose", N_("rosé")),
    ("orange", N_("orange")),
)
ORDER_CHOICES = (("dmy", N_("day first")), ("mdy", N_("month first")))


@dataclass(frozen=True)
class Question:
    """Something to be answered: the answer's key, the sentence, and what can be chosen as value and words.

    Without choices a code is typed.
    """

    key: str
    text: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Places:
    """Where a header has what the survey looks at."""

    dates: tuple[int, ...]
    style: int | None
    variety: int | None
    groups: tuple[tuple[int, int, int | None], ...]


@dataclass
class Survey:
    """What a first walk through a file tells: how many rows there are, and what they leave open."""

    rows: int = 0
    dates: DateSurvey = field(default_factory=DateSurvey)
    without_unit: set[SampleType] = field(default_factory=set)
    varieties: dict[str, str] = field(default_factory=dict)  # as first written, by small letters
    without_style: bool = False
    _places: dict[int, _Places] = field(default_factory=dict)
    _fruit: tuple[str, str] | None = None  # style and variety of the row before

    def add(self, layout: Layout, row: Row) -> None:
        """Look at one row under its header."""
        self.rows += 1
        if row.fault:
            return
        places = self._places.get(layout.line)
        if places is None:
            places = self._places[layout.line] = self._find_places(layout)
        cells = row.cells
        for place in places.dates:
            if place < len(cells) and cells[place]:
                self.dates.add(cells[place], row.line)
        self._look_at_style(places, cells)
        for what, value, unit in places.groups:
            if _at(cells, value) and not _at(cells, unit):
                named = read_quantity(_at(cells, what))
                if named and named[1] == UNKNOWN_UNIT:
                    self.without_unit.add(named[0])

    def _find_places(self, layout: Layout) -> _Places:
        for use in layout.uses.values():
            kind, _, unit = use.partition("/")
            if unit == UNKNOWN_UNIT:
                self.without_unit.add(SampleType(kind))
        return _Places(
            tuple(n for n, name in enumerate(layout.names) if layout.uses[name] in DATES),
            layout.find("style"),
            layout.find("variety"),
            tuple(layout.groups()),
        )

    def _look_at_style(self, places: _Places, cells: Sequence[str]) -> None:
        fruit = _at(cells, places.style), _at(cells, places.variety)
        if fruit == self._fruit:
            return
        self._fruit = fruit
        style, variety = fruit
        if style:
            return
        if not variety or len(self.varieties) >= MOST_VARIETIES:
            self.without_style = True
        else:
            self.varieties.setdefault(variety.casefold(), variety)

    def ask(
        self,
        layout: Layout,
        *,
        date_order: str | None,
        units: Mapping[str, str],
        styles: Mapping[str, str],
        wine: str | None,
        moment: str | None = None,
    ) -> Iterator[Question]:
        """What the file and the answers so far leave open."""
        if not layout.reader.names_wine and wine is None:
            yield Question("wine", say("Which wine is this file of? Type its code."))
        if moment is None and not {"moment", "date"} & set(layout.uses.values()):
            yield Question(
                "moment", say("When was this measured? Type the day, and the time if known.")
            )
        order = date_order or layout.reader.date_order or self.dates.conclude()
        if self.dates.ambiguous and order is None:
            yield Question(
                "date_order",
                say(
                    "%(day)s in line %(line)s could be two days. Does the day or the month come first?",
                    day=self.dates.example,
                    line=self.dates.line,
                ),
                _offer(ORDER_CHOICES),
            )
        for kind in sorted(self.without_unit - units.keys() - layout.reader.units.keys()):
            choices = tuple((str(unit), UNIT_SYMBOLS[unit]) for unit in UNITS[kind])
            asked = say("Which unit do the values of %(kind)s have?", kind=say(KIND_WORDS[kind]))
            yield Question(f"units.{kind}", asked, choices)
        if layout.reader.makes_wines:
            yield from self._ask_styles(styles)

    def _ask_styles(self, styles: Mapping[str, str]) -> Iterator[Question]:
        for folded, variety in sorted(self.varieties.items()):
            if pick_style(variety, styles) is None:
                asked = say("What kind of wine is the %(variety)s?", variety=variety)
                yield Question(f"styles.{folded}", asked, _offer(STYLE_CHOICES))
        if self.without_style and pick_style(None, styles) is None:
            asked = say("What kind of wine are those without a style?")
            yield Question("styles.", asked, _offer(STYLE_CHOICES))


def _offer(choices: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((value, say(words)) for value, words in choices)


def _at(cells: Sequence[str], place: int | None) -> str:
    if place is None or place >= len(cells):
        return ""
    text = cells[place].strip()
    return "" if text.casefold() in BLANK else text
