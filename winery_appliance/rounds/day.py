"""What the day's work needs: the wines with what they had, the work asked for, and the doses with their limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor
from winery_appliance.cellar_work.dosing import (
    KIND_NAMES,
    UNITS,
    AdditionKind,
    DoseUnit,
    Limit,
    find_limit,
)
from winery_appliance.cellar_work.given import Given, read_given, read_last_cap_work
from winery_appliance.cellar_work.queries import CapWorkView
from winery_appliance.cellar_work.task_queries import TaskView, list_tasks
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.core.units import UNIT_SYMBOLS, Unit
from winery_appliance.core.words import say
from winery_appliance.fermentation.flows import sum_volumes
from winery_appliance.fermentation.queries import FermentationView, list_fermentations
from winery_appliance.fermentation.transfer_queries import read_many_contents
from winery_appliance.fruit_origin.commands import MOST_ROWS
from winery_appliance.fruit_origin.queries import list_blocks, list_vineyards
from winery_appliance.rounds.queries import MOST_TANKS, place_in_walking_order
from winery_appliance.winery.queries import VesselView, list_vessels, read_winery


@dataclass(frozen=True)
class LastCapWork:
    """The last time the cap was worked."""

    kind: str
    started_at: datetime
    duration_min: int | None


@dataclass(frozen=True)
class DayTank:
    """A running wine: where it lies, how much it is, what its vessels hold, what it had, and its last cap work."""

    fermentation_id: int
    vessel_code: str
    vessel_codes: tuple[str, ...]
    code: str
    style: str
    volume_l: float | None
    capacity_l: int | None
    given: list[Given]
    cap_work: LastCapWork | None


@dataclass(frozen=True)
class DayUnit:
    """A unit of doses: g or mL as `counts` says, how many of them, and whether in each litre."""

    unit: DoseUnit
    symbol: str
    counts: str
    factor: float
    is_rate: bool


@dataclass(frozen=True)
class DayLimit:
    """Above `usual` (g/L, or mL/L) a dose is asked about, above `possible` refused; `source` says who set it."""

    counts: str
    usual: float
    possible: float
    source: str


@dataclass(frozen=True)
class DayProduct:
    """A kind of addition with its limits, weighed and by volume."""

    kind: AdditionKind
    name: str
    limits: list[DayLimit]


@dataclass(frozen=True)
class DayBlock:
    """A block and what grows there."""

    code: str
    variety: str | None


@dataclass(frozen=True)
class DayVineyard:
    """Where fruit comes from: a vineyard's code, and its blocks with their varieties."""

    code: str
    blocks: list[DayBlock]


@dataclass(frozen=True)
class DayView:
    """The whole day, in walking order; tasks are the open ones, the first due first.

    `takes_in_fruit` says whether this person may.
    """

    as_of: datetime
    sugar_unit: Unit
    sugar_symbol: str
    tanks: list[DayTank]
    tasks: list[TaskView]
    units: list[DayUnit]
    products: list[DayProduct]
    vessels: list[str]
    vineyards: list[DayVineyard]
    takes_in_fruit: bool


def read_day(session: Session, *, actor: Actor, now: datetime) -> DayView:
    """The day as of `now`, the person's own tasks first; the same number of queries whatever the number of wines."""
    ferments = list_fermentations(session, status="active", limit=MOST_TANKS).items
    ids = [ferment.id for ferment in ferments]
    vessels = list_vessels(session)
    unit = read_winery(session).sugar_unit
    given = read_given(session, ids)
    worked = read_last_cap_work(session, ids)
    contents = read_many_contents(session, ids)
    tasks = list_tasks(session, status="planned", limit=MAX_LIMIT).items
    tanks = [
        _view_tank(f, vessels, contents.get(f.id, {}), given.get(f.id, []), worked.get(f.id))
        for f in place_in_walking_order(session, ferments)
    ]
    return DayView(
        now,
        unit,
        UNIT_SYMBOLS[unit],
        tanks,
        sorted(tasks, key=lambda task: task.assigned_to != actor.user_id),
        [DayUnit(unit, *meaning) for unit, meaning in UNITS.items()],
        [_view_product(kind) for kind in AdditionKind],
        [vessel.code for vessel in vessels],
        _list_ground(session),
        actor.may(Permission.RUN_FERMENTATIONS) and actor.may(Permission.CONFIGURE_CELLAR),
    )


def _list_ground(session: Session) -> list[DayVineyard]:
    blocks = list_blocks(session, limit=MOST_ROWS).items
    return [
        DayVineyard(
            vineyard.code,
            [DayBlock(one.code, one.variety) for one in blocks if one.vineyard_id == vineyard.id],
        )
        for vineyard in list_vineyards(session, limit=MOST_ROWS).items
    ]


def _view_tank(
    ferment: FermentationView,
    vessels: Sequence[VesselView],
    contents: Mapping[int, Decimal | None],
    given: list[Given],
    worked: CapWorkView | None,
) -> DayTank:
    litres = sum_volumes(contents.values()) if contents else None
    held = [v.capacity_l for v in vessels if v.code in ferment.vessel_codes]
    known = [capacity for capacity in held if capacity is not None]
    return DayTank(
        ferment.id,
        ferment.vessel_code,
        ferment.vessel_codes,
        ferment.code,
        ferment.style,
        None if litres is None else float(litres),
        sum(known) if known and len(known) == len(ferment.vessel_codes) else None,
        given,
        LastCapWork(worked.kind, worked.started_at, worked.duration_min) if worked else None,
    )


def _view_product(kind: AdditionKind) -> DayProduct:
    limits = [_view_limit(counts, find_limit(kind, counts)) for counts in ("g", "ml")]
    return DayProduct(kind, say(KIND_NAMES[kind]), limits)


def _view_limit(counts: str, limit: Limit) -> DayLimit:
    return DayLimit(counts, limit.usual, limit.possible, say(limit.source))
