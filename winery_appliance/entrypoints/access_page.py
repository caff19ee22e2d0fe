"""Who may do what, as a page made from permissions and views: `python -m winery_appliance.entrypoints.access_page`.

A test holds the page in `docs` to what this makes.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from winery_appliance.auth.permissions import BY_PIN, PERMISSIONS, Permission, Role
from winery_appliance.core.web import IdConverter
from winery_appliance.entrypoints.web import APIS, PAGES

PAGE = Path(__file__).parent.parent / "docs" / "who_may_do_what.md"
_BEFORE = """# Who may do what

Made by `python -m winery_appliance.entrypoints.access_page` from `auth/permissions.py` and the views; change those instead.

A person holds the permissions of their role. A token holds those of its scopes that its person holds at the moment of
asking, and a sign-in by PIN those of a cellar hand that the person holds; neither makes or lists tokens or sets a PIN. What
anybody may ask tells nothing of a winery, or asks for a password, a one-time code or the cookie of a shared device itself.
"""


def build_page() -> str:
    """The page, as it stands in `docs`."""
    return "\n".join([_BEFORE, *_tell_permissions(), "", *_tell_views()]) + "\n"


def _tell_permissions() -> Iterator[str]:
    yield "## Permissions\n"
    yield f"| permission | {' | '.join(Role)} | by PIN |"
    yield "| --- |" + " --- |" * (len(Role) + 1)
    for permission in Permission:
        held = [permission in PERMISSIONS[role] for role in Role] + [permission in BY_PIN]
        yield f"| `{permission}` | {' | '.join('yes' if is_held else '' for is_held in held)} |"


def _tell_views() -> Iterator[str]:
    yield "## Addresses\n"
    yield "| address | permission | who |"
    yield "| --- | --- | --- |"
    for rule, method, view in _list_views():
        permission: Permission | None = getattr(view, "permission", None)
        if permission is None:
            yield f"| `{method} {rule.rule}` | | anybody |"
        else:
            roles = ", ".join(role for role in Role if permission in PERMISSIONS[role])
            yield f"| `{method} {rule.rule}` | `{permission}` | {roles} |"


def _list_views() -> list[tuple[Rule, str, Callable[..., Any]]]:
    """Every address with its method and view, without a database behind it."""
    app = Flask("winery_appliance", static_folder=None)
    app.url_map.converters["id"] = IdConverter
    for feature in (*PAGES, *APIS):
        app.register_blueprint(feature.blueprint)
    found = [
        (rule, method, app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]
    return sorted(found, key=lambda view: (view[0].rule, view[1]))


if __name__ == "__main__":
    PAGE.write_text(build_page(), encoding="utf-8")
