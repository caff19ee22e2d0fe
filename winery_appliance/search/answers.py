"""What search answers to programs."""

from typing import Literal

from winery_appliance.core.openapi import Answer


class HitAnswer(Answer):
    """Something found; `match` tells whether code or name is what was asked, begins with it, or holds it."""

    kind: Literal["vessel", "fermentation", "harvest_lot", "vineyard", "vineyard_block"]
    id: int
    code: str
    name: str | None
    match: Literal["exact", "prefix", "part"]
