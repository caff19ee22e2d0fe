"""Where a wine came from and where it went as a picture: boxes in columns, and ribbons as thick as the share is. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from winery_appliance.fermentation.lineage import Origin, Share, Use

BOX_WIDTH, BOX_HEIGHT = 168, 54
_ACROSS, _DOWN = BOX_WIDTH + 92, BOX_HEIGHT + 16
# A ribbon of everything is as high as its box; one of nearly nothing can still be seen.
_THICKEST, _THINNEST = 44.0, 1.5
_LONGEST = 17  # letters of a code that a box takes


@dataclass(frozen=True)
class Box:
    """A vineyard, a lot or a wine: `words` stand below its code; `kind` and `id` say which page it is."""

    key: str
    column: int
    code: str
    words: str
    kind: str
    id: int | None = None
    x: int = 0
    y: int = 0

    @property
    def short(self) -> str:
        """The code as far as the box takes it."""
        return self.code if len(self.code) <= _LONGEST else self.code[: _LONGEST - 1] + "…"


@dataclass(frozen=True)
class Ribbon:
    """What flows from a box into another: `percent` of the one it flows into; None where that says nothing."""

    source: str
    target: str
    percent: Decimal | None
    path: str = ""
    width: float = _THINNEST
    x: float = 0
    y: float = 0


@dataclass(frozen=True)
class Picture:
    """Boxes and ribbons with their places in a frame of `width` by `height`."""

    boxes: Sequence[Box]
    ribbons: Sequence[Ribbon]
    width: int
    height: int


def draw_wine(origin: Origin, uses: Sequence[Use]) -> Picture:
    """A wine with its ground and lots to the left and what came of it to the right; what is left of it is itself."""
    wine = origin.fermentation
    here = Box("wine", 2, wine.code, wine.vessel_code or "", "wine", wine.id)
    boxes = {here.key: here}
    ribbons = []
    for share in origin.shares:
        for box in _box_ground(share):
            boxes.setdefault(box.key, box)
        lot = share.origin.lot
        ribbons.append(Ribbon(_name_ground(share), f"lot-{lot.id}", None, width=_thicken(share.percentage)))  # fmt: skip
        ribbons.append(Ribbon(f"lot-{lot.id}", "wine", share.percentage))
    if origin.unrecorded_percentage:
        boxes["unrecorded"] = Box("unrecorded", 1, "?", "", "unrecorded")
        ribbons.append(Ribbon("unrecorded", "wine", origin.unrecorded_percentage))
    for use in uses:
        if use.fermentation.id != wine.id:
            box = _box_wine(use, 3)
            boxes[box.key] = box
            ribbons.append(Ribbon("wine", box.key, use.percentage))
    return _lay_out(boxes, ribbons)


def draw_lot(share: Share, uses: Sequence[Use]) -> Picture:
    """A lot with its ground to the left and every wine it came into to the right."""
    boxes = {box.key: box for box in _box_ground(share)}
    lot = f"lot-{share.origin.lot.id}"
    ribbons = [Ribbon(_name_ground(share), lot, None, width=_thicken(Decimal(100)))]
    for use in uses:
        box = _box_wine(use, 2)
        boxes[box.key] = box
        ribbons.append(Ribbon(lot, box.key, use.percentage))
    return _lay_out(boxes, ribbons)


def _name_ground(share: Share) -> str:
    block = share.origin.block
    return f"block-{block.id}" if block else f"vineyard-{share.origin.vineyard.id}"


def _box_ground(share: Share) -> tuple[Box, Box]:
    block, vineyard, lot = share.origin.block, share.origin.vineyard, share.origin.lot
    ground = (
        Box(_name_ground(share), 0, block.code, vineyard.name, "block", block.id)
        if block
        else Box(_name_ground(share), 0, vineyard.code, vineyard.name, "vineyard", vineyard.id)
    )
    words = f"{lot.variety} {lot.vintage}"
    return ground, Box(f"lot-{lot.id}", 1, lot.code, words, "lot", lot.id)


def _box_wine(use: Use, column: int) -> Box:
    wine = use.fermentation
    return Box(f"wine-{wine.id}", column, wine.code, wine.vessel_code or "", "wine", wine.id)


def _thicken(percent: Decimal) -> float:
    return max(_THINNEST, float(percent) / 100 * _THICKEST)


def _lay_out(boxes: Mapping[str, Box], ribbons: Iterable[Ribbon]) -> Picture:
    """Columns from left to right, each in the middle of the height; ribbons beside each other at their boxes."""
    columns: dict[int, list[Box]] = {}
    for box in boxes.values():
        columns.setdefault(box.column, []).append(box)
    first = min(columns)
    height = max(map(len, columns.values())) * _DOWN + 8
    placed = {}
    for column, members in columns.items():
        top = (height - len(members) * _DOWN) // 2 + 8
        for number, box in enumerate(members):
            placed[box.key] = Box(
                *(box.key, box.column, box.code, box.words, box.kind, box.id),
                *((column - first) * _ACROSS + 1, top + number * _DOWN),
            )
    widest = (max(columns) - first) * _ACROSS + BOX_WIDTH + 2
    return Picture(list(placed.values()), [_bend(one, placed) for one in ribbons], widest, height)


def _bend(ribbon: Ribbon, placed: Mapping[str, Box]) -> Ribbon:
    source, target = placed[ribbon.source], placed[ribbon.target]
    x1, x2 = source.x + BOX_WIDTH, target.x
    y1, y2 = source.y + BOX_HEIGHT / 2, target.y + BOX_HEIGHT / 2
    middle = (x1 + x2) / 2
    width = ribbon.width if ribbon.percent is None else _thicken(ribbon.percent)
    # The share is written nearer to the box that is alone for its column, where ribbons lie apart.
    nearer = 0.3 if source.column < 2 and target.key == "wine" else 0.7
    return Ribbon(
        *(ribbon.source, ribbon.target, ribbon.percent),
        f"M{x1} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2} {y2:g}",
        round(width, 1),
        round(x1 + (x2 - x1) * nearer, 1),
        round(y1 + (y2 - y1) * (nearer**2 * (3 - 2 * nearer)), 1),
    )
