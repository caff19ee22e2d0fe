"""Use cases of the winery: the first run, and vessels."""

import hashlib
from collections.abc import Collection

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.commands import CreateUser
from winery_appliance.auth.passwords import hash_password, make_readable_secret
from winery_appliance.auth.permissions import Permission, Role
from winery_appliance.auth.service import Actor, create_user, require
from winery_appliance.core.db import Database, enter_winery
from winery_appliance.core.errors import Conflict, FieldFault, Invalid, NotFound
from winery_appliance.core.outbox import publish
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.winery.commands import (
    ChangeWinery,
    CreateVessel,
    SetUpWinery,
    SetWalkingOrder,
)
from winery_appliance.winery.events import WalkingOrderChanged, WineryChanged
from winery_appliance.winery.models import SetupCode, Vessel, Winery
from winery_appliance.winery.queries import (
    VesselView,
    WineryView,
    find_vessel,
    find_vessel_by_id,
    list_vessels,
    view_winery,
)

_CODE_LENGTH = 12


def exists_any_winery(session: Session) -> bool:
    """Whether the appliance is set up."""
    return bool(session.scalar(text("SELECT door_exists_any_winery()")))


def make_setup_code(session: Session) -> str:
    """A new one-time code (60 bits); codes made earlier and not used lose their worth."""
    session.execute(update(SetupCode).where(SetupCode.used_at.is_(None)).values(used_at=func.now()))
    code = make_readable_secret(_CODE_LENGTH)
    session.add(SetupCode(code_hash=_hash_code(code)))
    return code


def set_up_winery(db: Database, command: SetUpWinery) -> Actor:
    """Make the first winery and its owner. The code is used up in the same transaction.

    Raises Conflict when the appliance is set up already and Invalid when the code is wrong or used.
    """
    hashed = hash_password(command.password.get_secret_value())
    with db.transaction() as session:
        if exists_any_winery(session):
            raise Conflict("This appliance is set up already. Sign in.", code="already_set_up")
        used = session.scalar(
            update(SetupCode)
            .where(
                SetupCode.code_hash == _hash_code(command.setup_code), SetupCode.used_at.is_(None)
            )
            .values(used_at=func.now())
            .returning(SetupCode.id)
        )
        if used is None:
            raise Invalid(
                "This setup code is not valid. The latest one stands in the terminal that started the appliance.",
                code="wrong_setup_code",
                fields=[FieldFault("setup_code", "wrong", "Not the latest setup code.")],
            )
        winery_id = create_winery(
            session,
            code=command.winery_code,
            name=command.winery_name,
            time_zone=command.time_zone,
        )
        owner = CreateUser(
            email=command.email,
            display_name=command.display_name,
            role=Role.OWNER,
        )
        user_id = create_user(session, winery_id, owner, hashed)
    return Actor(user_id, winery_id, Role.OWNER, command.display_name)


def create_winery(
    session: Session, *, code: str, name: str, time_zone: str = "UTC", is_demo: bool = False
) -> int:
    """Add a winery and enter it; its id. A demo's can be removed again. Raises Conflict when the code is taken."""
    winery_id: int = session.execute(
        text("SELECT nextval(pg_get_serial_sequence('wineries', 'id'))")
    ).scalar_one()
    enter_winery(session, winery_id)
    try:
        with session.begin_nested():
            session.add(
                Winery(id=winery_id, code=code, name=name, time_zone=time_zone, is_demo=is_demo)
            )
    except IntegrityError as error:
        raise Conflict(
            f"There is a winery with the code {code} already.", code="code_taken"
        ) from error
    return winery_id


def change_winery(
    session: Session, command: ChangeWinery, *, actor: Actor, seen: Collection[str] | None
) -> WineryView:
    """Change the winery's settings. Raises NotAllowed, ChangedMeanwhile, and Invalid for half a place."""
    require(actor, Permission.CONFIGURE_WINERY)
    row = session.execute(select(Winery).with_for_update()).scalar_one()
    refuse_stale(view_winery(row), seen)
    for name, value in command.model_dump(exclude_unset=True).items():
        setattr(row, name, value)
    if (row.latitude is None) != (row.longitude is None):
        missing = "latitude" if row.latitude is None else "longitude"
        raise Invalid(
            "Latitude and longitude go together. Nothing was saved.",
            code="half_a_place",
            fields=[FieldFault(missing, "missing", "Give both, or neither.")],
        )
    session.flush()
    publish(session, WineryChanged(row.id))
    return view_winery(row)


def set_walking_order(
    session: Session, command: SetWalkingOrder, *, actor: Actor, seen: Collection[str] | None
) -> list[VesselView]:
    """Number the vessels in the order of the round; all of them as they are walked then.

    Those not named lose their number and come behind. Raises NotAllowed, ChangedMeanwhile, and Invalid for a code that
    no vessel has or that is named twice.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    living = select(Vessel).where(Vessel.deleted_at.is_(None)).order_by(Vessel.id).with_for_update()
    vessels = {vessel.code.lower(): vessel for vessel in session.scalars(living)}
    refuse_stale(list_vessels(session), seen)
    wanted = [code.lower() for code in command.codes]
    faults = [
        FieldFault(f"codes.{n}", "wrong", f"{command.codes[n]}: {why}")
        for n, code in enumerate(wanted)
        if (why := _doubt(code, vessels, wanted[:n]))
    ]
    if faults:
        raise Invalid(
            f"Nothing was saved. {faults[0].detail}", code="wrong_walking_order", fields=faults
        )
    places = {code: n for n, code in enumerate(wanted, 1)}
    for code, vessel in vessels.items():
        vessel.position = places.get(code)
    session.flush()
    publish(session, WalkingOrderChanged(actor.winery_id))
    return list_vessels(session)


def _doubt(code: str, known: Collection[str], before: Collection[str]) -> str:
    if code not in known:
        return "There is no such vessel."
    return "It is named twice." if code in before else ""


def add_vessel(session: Session, command: CreateVessel, *, actor: Actor) -> VesselView:
    """Add a vessel. Raises NotAllowed, or Conflict when its code is in use."""
    require(actor, Permission.CONFIGURE_CELLAR)
    values = {"winery_id": actor.winery_id, **command.model_dump()}
    added = session.scalar(
        insert(Vessel).values(values).on_conflict_do_nothing().returning(Vessel.id)
    )
    if added is None:
        raise Conflict(
            f"There is a vessel {command.code} already.",
            code="code_taken",
            fields=[FieldFault("code", "taken", "Already in use.")],
        )
    found = find_vessel(session, command.code)
    assert found is not None
    return found


def get_vessel(session: Session, vessel_id: int) -> VesselView:
    """The vessel, also one that left the cellar. Raises NotFound, also for one of another winery."""
    found = find_vessel_by_id(session, vessel_id)
    if found is None:
        raise NotFound("There is no such vessel in this winery.")
    return found


def find_or_add_vessel(session: Session, code: str, *, actor: Actor) -> VesselView:
    """The vessel with this code; a new one, with nothing but its code, where there is none yet."""
    return find_vessel(session, code) or add_vessel(session, CreateVessel(code=code), actor=actor)


def _hash_code(code: str) -> bytes:
    return hashlib.sha256(code.upper().replace("-", "").replace(" ", "").encode()).digest()
