"""The one table of who may do what. A role is a set of permissions; routes and services ask for a permission by name."""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """What a person is in the winery."""

    OWNER = "owner"
    WINEMAKER = "winemaker"
    CELLAR = "cellar"
    VIEWER = "viewer"


class Permission(StrEnum):
    """Something that not everybody may do."""

    READ_BOOK = "read_book"
    RECORD_SAMPLES = "record_samples"
    CORRECT_ANY_SAMPLE = "correct_any_sample"
    MOVE_WINE = "move_wine"
    RECORD_CELLAR_WORK = "record_cellar_work"
    CORRECT_ANY_WORK = "correct_any_work"
    PLAN_WORK = "plan_work"
    ACKNOWLEDGE_ALARMS = "acknowledge_alarms"
    HANDLE_ALARMS = "handle_alarms"
    RUN_FERMENTATIONS = "run_fermentations"
    EXPORT_BOOK = "export_book"
    CONFIGURE_CELLAR = "configure_cellar"
    CONFIGURE_WINERY = "configure_winery"
    MANAGE_USERS = "manage_users"


_VIEWER = frozenset({Permission.READ_BOOK})
_CELLAR = _VIEWER | {
    Permission.RECORD_SAMPLES,
    Permission.MOVE_WINE,
    Permission.RECORD_CELLAR_WORK,
    Permission.ACKNOWLEDGE_ALARMS,
}
_WINEMAKER = _CELLAR | {
    Permission.CORRECT_ANY_SAMPLE,
    Permission.CORRECT_ANY_WORK,
    Permission.PLAN_WORK,
    Permission.HANDLE_ALARMS,
    Permission.RUN_FERMENTATIONS,
    Permission.EXPORT_BOOK,
    Permission.CONFIGURE_CELLAR,
}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.CELLAR: _CELLAR,
    Role.WINEMAKER: _WINEMAKER,
    Role.OWNER: _WINEMAKER | {Permission.CONFIGURE_WINERY, Permission.MANAGE_USERS},
}
# By a PIN, whatever the role: four digits, typed in front of everybody, are enough to record, not to configure.
BY_PIN = _CELLAR


def read_scopes(names: Iterable[str]) -> frozenset[Permission]:
    """The permissions of these names; a name that this version does not know allows nothing."""
    known = {str(permission): permission for permission in Permission}
    return frozenset(known[name] for name in names if name in known)
