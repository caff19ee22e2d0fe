"""Use cases of the winery: the first run, and its settings."""

import hashlib
from collections.abc import Collection

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.commands import CreateUser
from winery_appliance.auth.passwords import hash_password, make_readable_secret
from winery_appliance.auth.permissions import Permission, Role
from winery_appliance.auth.service import Actor, create_user, require
from winery_appliance.core.db import Database, enter_winery
from winery_appliance.core.errors import Conflict, FieldFault, Invalid
from winery_appliance.core.outbox import publish
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.winery.commands import ChangeWinery, SetUpWinery
from winery_appliance.winery.events import WineryChanged
from winery_appliance.winery.models import SetupCode, Winery
from winery_appliance.winery.queries import WineryView, view_winery

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


def _hash_code(code: str) -> bytes:
    return hashlib.sha256(code.upper().replace("-", "").replace(" ", "").encode()).digest()
