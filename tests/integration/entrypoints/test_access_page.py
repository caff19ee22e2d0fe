"""The page of who may do what tells what the code does."""

from flask import Flask

from winery_appliance.auth.permissions import PERMISSIONS, Permission
from winery_appliance.entrypoints.access_page import PAGE, build_page


def test_the_page_is_the_one_that_the_code_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == build_page(), (
        "run python -m winery_appliance.entrypoints.access_page"
    )


def test_the_page_has_every_address_of_the_application(app: Flask) -> None:
    page = build_page()
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            if rule.endpoint == "static":
                continue
            permission = getattr(app.view_functions[rule.endpoint], "permission", None)
            roles = [role for role, held in PERMISSIONS.items() if permission in held]
            line = next(
                row for row in page.splitlines() if row.startswith(f"| `{method} {rule.rule}` ")
            )
            assert all(role in line for role in roles), line
            assert ("anybody" in line) == (permission is None), line


def test_every_permission_is_held_by_somebody() -> None:
    assert set().union(*PERMISSIONS.values()) == set(Permission)
