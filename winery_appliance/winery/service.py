"""Use cases of the winery: the first run, and its settings."""

import hashlib
from collections.abc import Collection

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.passwords import make_readable_secret
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core.db import enter_winery
from winery_appliance.core.errors import Conflict, FieldFault, Invalid
from winery_appliance.core.outbox import publish
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say
from winery_appliance.winery.commands import ChangeWinery
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


def spend_setup_code(session: Session, typed: str) -> None:
    """Use up the setup code. Raises Invalid unless `typed` is the latest one and not used yet."""
    used = session.scalar(
        update(SetupCode)
        .where(SetupCode.code_hash == _hash_code(typed), SetupCode.used_at.is_(None))
        .values(used_at=func.now())
        .returning(SetupCode.id)
    )
    if used is None:
        raise _wrong_code()


def check_setup_code(session: Session, typed: str) -> None:
    """Raise Invalid unless `typed` is the setup code; it is not used up."""
    wanted = select(SetupCode.id).where(
        SetupCode.code_hash == _hash_code(typed), SetupCode.used_at.is_(None)
    )
    if session.scalar(wanted) is None:
        raise _wrong_code()


def _wrong_code() -> Invalid:
    return Invalid(
        say(
            "This setup code is not valid. The latest one stands in the terminal that started the appliance."
        ),
        code="wrong_setup_code",
        fields=[FieldFault("setup_code", "wrong", say("Not the latest setup code."))],
    )


def create_winery(
    session: Session, *, code: str, name: str, is_demo: bool = False, **settings: str
) -> int:
    """Add a winery and enter it; its id. A demo's can be removed again. Raises Conflict when the code is taken."""
    winery_id: int = session.execute(
        text("SELECT nextval(pg_get_serial_sequence('wineries', 'id'))")
    ).scalar_one()
    enter_winery(session, winery_id)
    try:
        with session.begin_nested():
            session.add(Winery(id=winery_id, code=code, name=name, is_demo=is_demo, **settings))
    except IntegrityError as error:
        raise Conflict(
            say("There is a winery with the code %(code)s already.", code=code), code="code_taken"
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
            say("Latitude and longitude go together. Nothing was saved."),
            code="half_a_place",
            fields=[FieldFault(missing, "missing", say("Give both, or neither."))],
        )
    session.flush()
    publish(session, WineryChanged(row.id))
    return view_winery(row)


def _hash_code(code: str) -> bytes:
    return hashlib.sha256(code.upper().replace("-", "").replace(" ", "").encode()).digest()
