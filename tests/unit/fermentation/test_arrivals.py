"""Shares by weight are exact: they sum to 100 and keep the order of the weights."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.fermentation.arrivals import share_out

KG = st.decimals(min_value="0.5", max_value="90000", places=3)


@given(st.dictionaries(st.from_regex(r"L[0-9]{1,3}", fullmatch=True), KG, min_size=1, max_size=20))
def test_shares_sum_to_100_and_follow_the_weights(weights: dict[str, Decimal]) -> None:
    if max(weights.values()) > 1_000_000 * min(weights.values()):
        return  # a share that rounds to nothing is refused by the command itself
    shares = {source.harvest_lot_code: source for source in share_out(weights)}
    assert sum(source.percentage for source in shares.values()) == 100
    total = sum(weights.values())
    for code, kg in weights.items():
        assert shares[code].kg == kg
        assert abs(shares[code].percentage - 100 * kg / total) < Decimal("0.002")
