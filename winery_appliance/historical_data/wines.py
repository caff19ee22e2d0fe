"""What the rows of a file say of each wine together: its facts, where they disagree, and what is missing. Pure.

Of a file of a million rows only the wines are kept in memory, never the rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

from winery_appliance.core.units import UnreadableNumber, parse_measurement
from winery_appliance.core.words import N_, say
from winery_appliance.historical_data.columns import simplify
from winery_appliance.historical_data.moments import (
    MIDNIGHT,
    UnreadableMoment,
    read_day,
    read_moment,
)
from winery_appliance.historical_data.parsing import BLANK, FACTS, Fault, Reading

STYLES: Mapping[str, str] = {
    "red": "red", "tinto": "red", "rot": "red", "rouge": "red", "rosso": "red", "tinta": "red",
    "white": "white", "blanco": "white", "weiss": "white", "blanc": "white", "bianco": "white",
    "rose": "rose", "rosado": "rose", "rosato": "rose", "pink": "rose",
    "orange": "orange", "amber": "orange",
}  # fmt: skip
# A wine that ended on a day fermented on that day.
LATE = time(23, 59)
UNKNOWN_YEAST = "unknown"
_FACT_WORDS = {
    "style": N_("Style"), "yeast": N_("Yeast"), "start": N_("Start"), "end": N_("End"), "volume_l": N_("Litres"),
    "vineyard": N_("Vineyard"), "variety": N_("Variety"), "harvest_date": N_("Harvest day"), "kg": "kg",
    "vintage": N_("Vintage"), "lot": N_("Lot"),
}  # fmt: skip
LONGEST = {"yeast": 80, "vineyard": 120, "variety": 80, "lot": 40, "vintage": 20}
_MOST_KG = Decimal(10) ** 9


@dataclass(slots=True)
class Wine:
    """A wine of the file; `number` counts the wines from 1. There are ten thousand in a large file, so it is kept small.

    `first` and `last` are when it was read first and last. `may_repeat` says that two of its readings may be of one
    quantity and moment: they came neither forwards nor backwards in time.
    """

    number: int
    code: str
    line: int
    fault: Fault | None = None
    fermentation_id: int | None = None  # of a wine that is in the book already
    first: datetime | None = None
    last: datetime | None = None
    may_repeat: bool = False
    _told: list[tuple[tuple[str, ...], int]] = field(default_factory=list)  # facts and their line
    _latest: tuple[str, ...] = ()
    _kinds_first: int = 0
    _kinds_last: int = 0

    @property
    def facts(self) -> dict[str, tuple[str, int]]:
        """What was said of it as written, with the line that said it first."""
        found: dict[str, tuple[str, int]] = {}
        for facts, line in self._told:
            for name, text in zip(FACTS, facts, strict=True):
                if text.casefold() not in BLANK:
                    found.setdefault(name, (text, line))
        return found

    def add(self, facts: tuple[str, ...], line: int) -> None:
        """Take in what a row says of the wine; the first thing said stands, and another one is the wine's fault."""
        if facts is self._latest or facts == self._latest:
            return
        self._latest, known, is_news = facts, self.facts, False
        for name, text in zip(FACTS, facts, strict=True):
            if text.casefold() in BLANK:
                continue
            said, before = known.get(name, (text, line))
            is_news |= name not in known
            if said.casefold() != text.casefold() and self.fault is None:
                told = say(
                    "%(fact)s: line %(line)s says %(this)s, line %(before)s says %(that)s.",
                    fact=_name(name),
                    line=line,
                    this=text[:40],
                    before=before,
                    that=said[:40],
                )
                self.fault = Fault("facts_disagree", told)
        if is_news:
            self._told.append((facts, line))

    def note(self, moment: datetime, kinds: int) -> None:
        """Take in that a row has readings of these quantities, a bit each."""
        if self.first is None or self.last is None:
            self.first = self.last = moment
            self._kinds_first = self._kinds_last = kinds
        elif moment > self.last:
            self.last, self._kinds_last = moment, kinds
        elif moment < self.first:
            self.first, self._kinds_first = moment, kinds
        elif moment == self.last and not self._kinds_last & kinds:
            self._kinds_last |= kinds
            if self.first == self.last:
                self._kinds_first = self._kinds_last
        elif moment == self.first and not self._kinds_first & kinds:
            self._kinds_first |= kinds
        else:
            self.may_repeat = True


@dataclass(frozen=True)
class WineFacts:
    """What is known of a wine before it comes into the book; None for what the file does not say."""

    style: str | None
    yeast: str
    started_at: datetime | None
    ended_at: datetime | None
    volume_l: Decimal | None
    vineyard: str | None
    variety: str | None
    harvested_on: date | None
    kg: Decimal | None
    lot: str | None
    vintage: str | None


def read_facts(wine: Wine, how: Reading, styles: Mapping[str, str]) -> WineFacts | Fault:
    """The facts as data, or the first that cannot be read. `styles` by variety in small letters, "" for all others."""
    facts = wine.facts
    given = {name: text for name, (text, _) in facts.items()}
    line = 0
    try:
        name = "start"
        for name in ("start", "end", "harvest_date", "kg", "volume_l", "style"):
            line = facts.get(name, ("", wine.line))[1]
            _READ[name](given.get(name), how)
    except (UnreadableMoment, UnreadableNumber, InvalidOperation, ValueError) as error:
        return Fault(
            "unreadable_fact",
            say("Line %(line)s, %(fact)s: %(error)s", line=line, fact=_name(name), error=error),
        )
    for name, most in LONGEST.items():
        if len(given.get(name, "")) > most or not given.get(name, "").isprintable():
            return Fault(
                "unreadable_fact",
                say("%(fact)s has more than %(most)s characters.", fact=_name(name), most=most),
            )
    variety = given.get("variety")
    start, end = _read_start(given.get("start"), how), _read_end(given.get("end"), how)
    if start and end and end <= start:
        return Fault("end_before_start", say("It cannot end before it began."))
    return WineFacts(
        style=_read_style(given.get("style"), how) or pick_style(variety, styles),
        yeast=given.get("yeast", UNKNOWN_YEAST),
        started_at=start,
        ended_at=end,
        volume_l=_read_amount(given.get("volume_l"), how),
        vineyard=given.get("vineyard"),
        variety=variety,
        harvested_on=_read_harvest(given.get("harvest_date"), how),
        kg=_read_amount(given.get("kg"), how),
        lot=given.get("lot"),
        vintage=given.get("vintage"),
    )


def pick_style(variety: str | None, styles: Mapping[str, str]) -> str | None:
    """The style a person named for this variety, or for all whose own is not named."""
    return styles.get((variety or "").casefold()) or styles.get("")


def _name(fact: str) -> str:
    return say(_FACT_WORDS[fact])


def _read_start(text: str | None, how: Reading) -> datetime | None:
    return read_moment(text, how.date_order, how.zone, without_time=MIDNIGHT) if text else None


def _read_end(text: str | None, how: Reading) -> datetime | None:
    return read_moment(text, how.date_order, how.zone, without_time=LATE) if text else None


def _read_harvest(text: str | None, how: Reading) -> date | None:
    return read_day(text.split(" ")[0].split("T")[0], how.date_order) if text else None


def _read_amount(text: str | None, _how: Reading) -> Decimal | None:
    if not text:
        return None
    if parse_measurement(text).qualifier:
        raise ValueError(say("“%(text)s” is no amount.", text=text[:24]))
    amount = Decimal(text.strip().replace(",", "."))
    if not 0 <= amount < _MOST_KG:
        raise ValueError(say("“%(text)s” is no amount.", text=text[:24]))
    return round(amount, 3)


def _read_style(text: str | None, _how: Reading) -> str | None:
    if not text:
        return None
    found = STYLES.get(simplify(text))
    if found is None:
        raise ValueError(say("“%(text)s” is no style: red, white, rose or orange.", text=text[:24]))
    return found


_READ = {
    "start": _read_start,
    "end": _read_end,
    "harvest_date": _read_harvest,
    "kg": _read_amount,
    "volume_l": _read_amount,
    "style": _read_style,
}
