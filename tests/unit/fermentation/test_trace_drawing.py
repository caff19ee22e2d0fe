"""The picture of a trace, whatever it is of: no boxes on each other, every ribbon between the boxes it joins."""

import re
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.fermentation.trace_drawing import BOX_HEIGHT, BOX_WIDTH, Box, Ribbon, _lay_out

PERCENT = st.decimals(min_value=0, max_value=100, places=4)


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 11), PERCENT), min_size=1, max_size=30),
    st.lists(PERCENT, max_size=20),
)
def test_everything_has_its_place(
    grounds: int, lots: list[tuple[int, Decimal]], wines: list[Decimal]
) -> None:
    boxes = {f"g{n}": Box(f"g{n}", 0, f"G{n}", "", "block") for n in range(grounds)}
    boxes |= {f"l{n}": Box(f"l{n}", 1, "L" * n, "", "lot", n) for n in range(len(lots))}
    boxes |= {"wine": Box("wine", 2, "W", "", "wine", 1)}
    boxes |= {f"w{n}": Box(f"w{n}", 3, "X", "", "wine", n) for n in range(len(wines))}
    ribbons = [Ribbon(f"g{ground % grounds}", f"l{n}", None) for n, (ground, _) in enumerate(lots)]
    ribbons += [Ribbon(f"l{n}", "wine", part) for n, (_, part) in enumerate(lots)]
    ribbons += [Ribbon("wine", f"w{n}", part) for n, part in enumerate(wines)]
    picture = _lay_out(boxes, ribbons)

    placed = {box.key: box for box in picture.boxes}
    assert placed.keys() == boxes.keys()
    for column in range(4):
        tops = sorted(box.y for box in picture.boxes if box.column == column)
        assert all(low - high >= BOX_HEIGHT for high, low in pairwise(tops))
    for box in picture.boxes:
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + BOX_WIDTH <= picture.width
        assert box.y + BOX_HEIGHT <= picture.height
    for ribbon in picture.ribbons:
        source, target = placed[ribbon.source], placed[ribbon.target]
        numbers = [float(number) for number in re.findall(r"[\d.]+", ribbon.path)]
        assert numbers[:2] == [source.x + BOX_WIDTH, source.y + BOX_HEIGHT / 2]
        assert numbers[-2:] == [target.x, target.y + BOX_HEIGHT / 2]
        assert source.x + BOX_WIDTH <= ribbon.x <= target.x
        assert 0 < ribbon.width <= BOX_HEIGHT
