"""A label leads to the round at its tank, whatever people call their tanks."""

from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.rounds.labels import make_label

WALK = "https://winery.home.arpa/round"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40))
def test_the_address_names_the_tank_and_nothing_of_its_name_becomes_markup(code: str) -> None:
    label = make_label(WALK, code)
    parts = urlsplit(label.address)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == WALK
    assert (unquote(parts.fragment), parts.query) == (code, "")
    drawn = list(ElementTree.fromstring(str(label.drawing)).iter())
    assert [tag.tag.rpartition("}")[2] for tag in drawn] == ["svg", "path", "path"]
    assert all(not (tag.text or "").strip() for tag in drawn)


def test_another_tank_has_another_drawing() -> None:
    assert make_label(WALK, "T-01").drawing == make_label(WALK, "T-01").drawing
    assert make_label(WALK, "T-01").drawing != make_label(WALK, "T-10").drawing
