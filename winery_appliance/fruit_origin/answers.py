"""What the fruit origin feature answers to programs: numbers as numbers, days and moments in ISO 8601."""

from datetime import date

from winery_appliance.core.openapi import Answer, When


class VineyardAnswer(Answer):
    """One vineyard."""

    id: int
    code: str
    name: str
    notes: str | None
    created_at: When
    deleted_at: When | None


class BlockAnswer(Answer):
    """One block and the vineyard it lies in."""

    id: int
    vineyard_id: int
    vineyard_code: str
    code: str
    hectares: float | None
    variety: str | None
    clone: str | None
    planted_year: int | None
    created_at: When
    deleted_at: When | None


class LotAnswer(Answer):
    """One harvest lot and where it grew; weight in kg, sugar in °Bx."""

    id: int
    code: str
    variety: str
    vintage: str
    harvested_on: date
    kg_harvested: float
    brix_at_intake: float | None
    vineyard_id: int
    vineyard_code: str
    block_id: int | None
    block_code: str | None
    created_at: When
    deleted_at: When | None
