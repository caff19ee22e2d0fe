"""The first run: whoever installed the appliance makes its winery, with its tanks and its owner, in one piece."""

from winery_appliance.auth.commands import CreateUser
from winery_appliance.auth.passwords import hash_password
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor, create_user
from winery_appliance.core.db import Database
from winery_appliance.core.errors import Conflict
from winery_appliance.core.words import say
from winery_appliance.winery.commands import SetUpWinery
from winery_appliance.winery.service import create_winery, exists_any_winery, spend_setup_code
from winery_appliance.winery.vessels import add_vessels


def set_up_winery(db: Database, command: SetUpWinery) -> Actor:
    """Make the first winery, its owner and its tanks. The code is used up in the same transaction.

    Raises Conflict when the appliance is set up already and Invalid when the code is wrong or used.
    """
    hashed = hash_password(command.password.get_secret_value())
    with db.transaction() as session:
        if exists_any_winery(session):
            raise Conflict(say("This appliance is set up already. Sign in."), code="already_set_up")
        spend_setup_code(session, command.setup_code)
        winery_id = create_winery(
            session,
            code=command.winery_code,
            name=command.winery_name,
            time_zone=command.time_zone,
            language=command.language,
            sugar_unit=command.sugar_unit,
            temperature_unit=command.temperature_unit,
        )
        owner = CreateUser(email=command.email, display_name=command.display_name, role=Role.OWNER)
        user_id = create_user(session, winery_id, owner, hashed)
        actor = Actor(user_id, winery_id, Role.OWNER, command.display_name)
        add_vessels(session, command.tanks, actor=actor)
    return actor
