"""Wine that becomes another wine: a part that is treated apart from now on, and wines that are put together.

What a wine consists of follows from these flows and is kept nowhere, so each of them has its litres.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.words import N_, say
from winery_appliance.fermentation.commands import (
    BlendFermentations,
    BlendIntoFermentation,
    PartOfWine,
    SplitFermentation,
)
from winery_appliance.fermentation.events import (
    FermentationBlended,
    FermentationCompleted,
    FermentationSplit,
    FermentationStarted,
)
from winery_appliance.fermentation.flows import Contents, Flow, follow_contents, sum_volumes
from winery_appliance.fermentation.models import Fermentation, Transfer
from winery_appliance.fermentation.phases import end_wine, write_phase
from winery_appliance.fermentation.queries import (
    FermentationView,
    find_fermentations,
    hold_fermentation,
)
from winery_appliance.fermentation.service import add_with_code, get_fermentation
from winery_appliance.fermentation.states import PHASES, mix_phases
from winery_appliance.fermentation.transfer_queries import (
    find_ids,
    find_last_moment,
    hold_transfers,
    read_contents,
)
from winery_appliance.fermentation.transfers import (
    RecordedTransfer,
    add_flows,
    find_same_transfer,
    get_transfer,
    refuse,
    refuse_overfull,
    refuse_too_much,
    refuse_wrong_moment,
    settle_occupancies,
)
from winery_appliance.winery.queries import VesselView, hold_vessels, read_vessel_codes


@dataclass
class Cellar:
    """What the book knows of the wines that take part, before the transfer."""

    wines: dict[int, FermentationView]
    contents: dict[int, Contents]
    codes: dict[int, str]
    vessels: dict[str, VesselView] = field(default_factory=dict)


def split_fermentation(
    session: Session,
    fermentation_id: int,
    command: SplitFermentation,
    *,
    actor: Actor,
    now: datetime,
) -> RecordedTransfer:
    """Let a part of a wine become a wine of its own, of the same style and yeast; a retry changes nothing.

    Raises NotAllowed, NotFound, Invalid (a time, vessel or volume that cannot be, or a volume that is needed) and Conflict
    (the wine does not run, the code or a vessel is taken, the UUID belongs to another transfer).
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    hold_transfers(session, actor.winery_id)
    body_hash = command.fingerprint(fermentation_id)
    hold_fermentation(session, fermentation_id, alone=True)
    parent = get_fermentation(session, fermentation_id)
    earlier = find_same_transfer(session, command.client_uuid, body_hash)
    if earlier is not None:
        return RecordedTransfer(earlier, created=False)
    moved_at = command.moved_at or now
    givers = [parent.id] * len(command.flows)
    cellar = _look(session, [parent], command.flows, moved_at, now=now)
    child = _begin_wine(session, command, [parent], moved_at, actor)
    transfer = _add_transfer(session, "split", command, moved_at, body_hash, actor)
    flows = _read_flows(cellar, givers, command.flows, child.id, transfer)
    _carry_out(session, cellar, flows, child.id, moved_at, actor)
    outbox.publish(session, FermentationSplit(actor.winery_id, parent.id, transfer.id))
    outbox.publish(session, FermentationStarted(actor.winery_id, child.id))
    return RecordedTransfer(get_transfer(session, transfer.id), created=True)


def blend_fermentations(
    session: Session,
    command: BlendFermentations,
    *,
    actor: Actor,
    now: datetime,
) -> RecordedTransfer:
    """Let wines together become a new one; a wine of which nothing stays is completed. A retry changes nothing.

    Raises what `split_fermentation` raises.
    """
    return _blend(session, None, command, actor=actor, now=now)


def blend_into_fermentation(
    session: Session,
    fermentation_id: int,
    command: BlendIntoFermentation,
    *,
    actor: Actor,
    now: datetime,
) -> RecordedTransfer:
    """Let wines go into another one; a wine of which nothing stays is completed. A retry changes nothing.

    Raises what `split_fermentation` raises.
    """
    return _blend(session, fermentation_id, command, actor=actor, now=now)


def _blend(
    session: Session,
    into_id: int | None,
    command: BlendFermentations | BlendIntoFermentation,
    *,
    actor: Actor,
    now: datetime,
) -> RecordedTransfer:
    require(actor, Permission.RUN_FERMENTATIONS)
    hold_transfers(session, actor.winery_id)
    if into_id is not None:
        get_fermentation(session, into_id)
    body_hash = command.fingerprint(into_id)
    earlier = find_same_transfer(session, command.client_uuid, body_hash)
    if earlier is not None:
        return RecordedTransfer(earlier, created=False)
    moved_at = command.moved_at or now
    known = find_ids(session, [part.fermentation_code for part in command.flows])
    givers = [_read_giver(part.fermentation_code, n, known) for n, part in enumerate(command.flows)]
    if into_id in givers:
        raise refuse(
            f"flows.{givers.index(into_id)}.fermentation_code",
            "same_fermentation",
            say("A wine is not blended into itself. Move it."),
        )
    takers = [] if into_id is None else [into_id]
    held = sorted({*givers, *takers})
    for wine_id in held:
        hold_fermentation(session, wine_id, alone=True)
    wines = find_fermentations(session, held)
    cellar = _look(session, list(wines.values()), command.flows, moved_at, now=now)
    if isinstance(command, BlendFermentations):
        parents = [wines[wine_id] for wine_id in givers]
        into = _begin_wine(session, command, parents, moved_at, actor).id
        outbox.publish(session, FermentationStarted(actor.winery_id, into))
    else:
        assert into_id is not None
        into = into_id
        _refuse_unmeasured(cellar, into)
    transfer = _add_transfer(session, "blend", command, moved_at, body_hash, actor)
    flows = _read_flows(cellar, givers, command.flows, into, transfer)
    _carry_out(session, cellar, flows, into, moved_at, actor)
    for wine_id in sorted({*givers, into}):
        outbox.publish(session, FermentationBlended(actor.winery_id, wine_id, transfer.id))
    return RecordedTransfer(get_transfer(session, transfer.id), created=True)


def _read_giver(code: str, place: int, known: Mapping[str, int]) -> int:
    found = known.get(code.lower())
    if found is None:
        raise refuse(
            f"flows.{place}.fermentation_code",
            "unknown_fermentation",
            say("There is no fermentation %(code)s.", code=code),
        )
    return found


def _inherit(name: str, said: str | None, givers: Collection[FermentationView]) -> str:
    """What was said, or what all givers have. Raises Invalid when they differ."""
    values: set[str] = {getattr(wine, name) for wine in givers}
    if said is not None:
        return said
    if len(values) > 1:
        raise refuse(
            name,
            "needed",
            say("These wines are %(styles)s. Say which.", styles=", ".join(sorted(values))),
        )
    return values.pop()


def _look(
    session: Session,
    wines: Sequence[FermentationView],
    parts: Sequence[PartOfWine],
    moved_at: datetime,
    *,
    now: datetime,
) -> Cellar:
    """Where the wines lie. Raises what `refuse_wrong_moment` raises, and Invalid for an unknown vessel."""
    contents: dict[int, Contents] = {}
    for wine in wines:
        contents[wine.id], flows = read_contents(session, wine.id)
        refuse_wrong_moment(wine, flows, moved_at, now=now)
    every = {vessel_id for those in contents.values() for vessel_id in those}
    codes = read_vessel_codes(session, every)
    wanted = {part.to_vessel_code for part in parts}
    cellar = Cellar(
        {wine.id: wine for wine in wines},
        contents,
        codes,
        hold_vessels(session, [*codes.values(), *(code for code in wanted if code is not None)]),
    )
    for place, part in enumerate(parts):
        code = part.to_vessel_code
        if code is not None and code.lower() not in cellar.vessels:
            raise refuse(
                f"flows.{place}.to_vessel_code",
                "unknown_vessel",
                say("There is no vessel %(code)s.", code=code),
            )
    return cellar


def _begin_wine(
    session: Session,
    command: SplitFermentation | BlendFermentations,
    parents: Sequence[FermentationView],
    moved_at: datetime,
    actor: Actor,
) -> Fermentation:
    """The wine that parts of others become: of their phases, and of the vintage they have in common."""
    vintages = {wine.vintage for wine in parents}
    made = Fermentation(
        winery_id=actor.winery_id,
        code=command.code,
        style=_inherit("style", getattr(command, "style", None), parents),
        yeast_strain=_inherit("yeast_strain", getattr(command, "yeast_strain", None), parents),
        vintage=vintages.pop() if len(vintages) == 1 else None,
        vessel_code=command.flows[0].to_vessel_code,
        started_at=moved_at,
        start_volume_l=Decimal(0),
        created_by=actor.user_id,
    )
    for name in PHASES:
        write_phase(made, name, mix_phases([getattr(wine, name) for wine in parents]))
    add_with_code(session, made)
    return made


def _add_transfer(
    session: Session,
    kind: str,
    command: SplitFermentation | BlendFermentations | BlendIntoFermentation,
    moved_at: datetime,
    body_hash: bytes,
    actor: Actor,
) -> Transfer:
    transfer = Transfer(
        winery_id=actor.winery_id,
        client_uuid=command.client_uuid,
        kind=kind,
        moved_at=moved_at,
        note=command.note,
        recorded_by=actor.user_id,
        body_hash=body_hash,
    )
    session.add(transfer)
    session.flush()
    return transfer


def _refuse_unmeasured(cellar: Cellar, into: int) -> None:
    """Raise Invalid when nobody knows how much there is of the wine that others go into: its shares would be guesses."""
    if sum_volumes(cellar.contents[into].values()) is not None:
        return
    code = cellar.wines[into].code
    unknown = [
        cellar.codes[vessel_id]
        for vessel_id, litres in cellar.contents[into].items()
        if litres is None
    ]
    raise refuse(
        "flows",
        "volume_needed",
        say(
            "The book does not know how many litres of %(code)s lie in %(vessels)s. Say how "
            "much %(code)s was at its start, or void the unmeasured movement and record it with litres.",
            code=code,
            vessels=", ".join(sorted(unknown)),
        ),
    )


def _read_flows(
    cellar: Cellar,
    givers: Sequence[int],
    parts: Sequence[PartOfWine],
    into: int,
    transfer: Transfer,
) -> list[Flow]:
    """The flows that were told, each with its litres. What a vessel holds stays there unless all of it went."""
    sources = [
        _find_source(cellar, wine_id, part, place)
        for place, (wine_id, part) in enumerate(zip(givers, parts, strict=True))
    ]
    ways = list(zip(givers, sources, strict=True))
    litres = [
        _measure(cellar, *way, part, place, alone=ways.count(way) == 1)
        for place, (way, part) in enumerate(zip(ways, parts, strict=True))
    ]
    flows: list[Flow] = []
    for place, (way, part) in enumerate(zip(ways, parts, strict=True)):
        there = cellar.contents[way[0]][way[1]]
        taken = [volume for other, volume in zip(ways, litres, strict=True) if other == way]
        refuse_too_much(f"flows.{place}.volume_l", [there], taken)
        empties = sum(taken) == there or any(
            other.empties for other, its in zip(parts, ways, strict=True) if its == way
        )
        target = _find_target(cellar, into, part, place)
        if target == way[1] and not empties:
            raise refuse(
                f"flows.{place}.to_vessel_code",
                "same_vessel",
                say("One vessel holds one wine: the rest of this one stays there."),
            )
        flow = Flow(transfer.id, transfer.moved_at, *way, into, target, litres[place], empties)
        if any((*way, target) == _name_way(other) for other in flows):
            raise refuse(
                f"flows.{place}", "flow_twice", say("This way is named twice. Add its litres.")
            )
        flows.append(flow)
    return flows


def _name_way(flow: Flow) -> tuple[int, int, int]:
    return flow.from_fermentation_id, flow.from_vessel_id, flow.to_vessel_id


def _find_source(cellar: Cellar, wine_id: int, part: PartOfWine, place: int) -> int:
    """The vessel that a part leaves."""
    contents, code = cellar.contents[wine_id], cellar.wines[wine_id].code
    path = f"flows.{place}.from_vessel_code"
    if part.from_vessel_code is None:
        if len(contents) != 1:
            which = N_("%(code)s lies in %(n)s vessels. Say which one it leaves.")
            raise refuse(path, "which_vessel", say(which, code=code, n=len(contents)))
        return next(iter(contents))
    for vessel_id in contents:
        if cellar.codes[vessel_id].lower() == part.from_vessel_code.lower():
            return vessel_id
    raise refuse(
        path,
        "not_in_vessel",
        say("%(code)s does not lie in %(vessel)s.", code=code, vessel=part.from_vessel_code),
    )


def _find_target(cellar: Cellar, into: int, part: PartOfWine, place: int) -> int:
    """The vessel that a part comes to: the one it names, or the only one of the wine that it goes into."""
    if part.to_vessel_code is not None:
        return cellar.vessels[part.to_vessel_code.lower()].id
    lies = cellar.contents.get(into, {})
    if len(lies) != 1:
        raise refuse(
            f"flows.{place}.to_vessel_code", "which_vessel", say("Say which vessel this comes to.")
        )
    return next(iter(lies))


def _measure(
    cellar: Cellar, wine_id: int, vessel_id: int, part: PartOfWine, place: int, *, alone: bool
) -> Decimal:
    """The litres of a part: those it names, or all that is in the vessel. Raises Invalid when nobody knows them."""
    if part.volume_l is not None:
        return part.volume_l
    litres = cellar.contents[wine_id][vessel_id]
    if litres and alone:
        return litres
    named = {"code": cellar.wines[wine_id].code, "vessel": cellar.codes[vessel_id]}
    wanted = say("Say how many litres of %(code)s leave %(vessel)s.", **named)
    if not litres:
        wanted += " " + say("The book does not know how much is in it.")
    raise refuse(f"flows.{place}.volume_l", "volume_needed", wanted)


def _carry_out(
    session: Session,
    cellar: Cellar,
    flows: Sequence[Flow],
    into: int,
    moved_at: datetime,
    actor: Actor,
) -> None:
    """Write the flows; vessels change hands, givers before the taker, and a wine of which nothing stays is completed."""
    givers = sorted({flow.from_fermentation_id for flow in flows})
    after = {
        wine_id: follow_contents(cellar.contents[wine_id], flows, wine_id) for wine_id in givers
    }
    gone = [cellar.wines[wine_id] for wine_id in givers if not after[wine_id]]
    for wine in gone:
        _refuse_later_entries(session, wine, moved_at)
    add_flows(session, flows, actor.winery_id)
    for wine_id in givers:
        settle_occupancies(
            session, wine_id, cellar.contents[wine_id], after[wine_id], moved_at, actor
        )
    for wine in gone:
        end_wine(session.get_one(Fermentation, wine.id), "completed", moved_at)
        outbox.publish(session, FermentationCompleted(actor.winery_id, wine.id))
    there = cellar.contents.get(into, {})
    filled = follow_contents(there, flows, into)
    vessels = {vessel.id: vessel for vessel in cellar.vessels.values()}
    for place, flow in enumerate(flows):
        refuse_overfull(f"flows.{place}.volume_l", filled, vessels[flow.to_vessel_id])
    settle_occupancies(session, into, there, filled, moved_at, actor)


def _refuse_later_entries(session: Session, wine: FermentationView, moved_at: datetime) -> None:
    """Raise Invalid when the book has an entry of a wine behind the moment at which nothing of it stays."""
    last = find_last_moment(session, wine.id)
    if last is not None and last > moved_at:
        raise refuse(
            "moved_at",
            "before_last_entry",
            say(
                "Nothing of %(code)s stays, but the book has an entry of it of %(when)s UTC.",
                code=wine.code,
                when=f"{last:%Y-%m-%d %H:%M}",
            ),
        )
