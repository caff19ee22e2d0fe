"""Decimals are kept as they were written."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core.exact_decimal import read_decimal

SHARES = st.decimals(min_value=0, max_value=10**8, places=4)


@given(SHARES)
def test_text_with_point_or_comma_and_a_json_number_are_the_same(number: Decimal) -> None:
    written = f"{number:f}"
    assert read_decimal(written) == number
    assert read_decimal(written.replace(".", ",")) == number
    if number == 0 or number >= Decimal("0.0001"):
        from_json = json.loads(written)
        if "e" not in str(from_json):
            assert read_decimal(from_json) == number


@pytest.mark.parametrize(
    "given_value",
    [None, True, [], {}, "", " ", "-1", "+1", "1e3", "NaN", "1.000,5", "1,000.5", "٣", 1e300, -1.0],
)
def test_anything_else_is_refused(given_value: object) -> None:
    with pytest.raises(ValueError, match="number"):
        read_decimal(given_value)
