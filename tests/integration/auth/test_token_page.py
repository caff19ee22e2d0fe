"""The page of tokens: made and shown once, listed without their secret, revoked; limited ways in see none of it."""

import re
from collections.abc import Callable

from flask import Flask

from tests.integration.browser import Browser
from tests.integration.conftest import Api

PAGE = "/account/tokens"


def make(
    browser: Browser,
    *,
    name: str = "Press",
    scopes: tuple[str, ...] = ("read_book",),
    days: str = "30",
):  # type: ignore[no-untyped-def]
    form = {"csrf_token": browser.token(PAGE), "name": name, "scopes": list(scopes), "days": days}
    return browser.client.post(PAGE, data=form)


def read_secret(page: str) -> str:
    found = re.search(r"<code>([\w-]{22}\.[\w-]{43})</code>", page)
    assert found
    return found[1]


def test_a_token_is_shown_once_works_and_ends_when_it_is_revoked(
    app: Flask, enter: Callable[[str], Browser]
) -> None:
    marco = enter("marco")
    made = make(marco)
    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    program = Api(app, read_secret(made.text))
    assert program.get("/fermentations").status_code == 200
    assert program.post("/vineyards", {"code": "A", "name": "A"}).status_code == 403

    listed = marco.client.get(PAGE).text
    assert "Press" in listed
    assert program.token is not None
    assert program.token not in listed
    revoke = re.search(r'action="(/account/tokens/[^"]+/revoke)"', listed)
    assert revoke
    answer = marco.client.post(revoke[1], data={"csrf_token": marco.token(PAGE)})
    assert answer.status_code == 303
    assert program.get("/fermentations").status_code == 401
    assert "revoked" in marco.client.get(PAGE).text


def test_what_is_wrong_is_said_and_nothing_is_made(enter: Callable[[str], Browser]) -> None:
    bruno = enter("bruno")
    assert "manage_users" not in bruno.client.get(PAGE).text, "offered is what the role holds"
    for refused in (
        make(bruno, name=""),
        make(bruno, scopes=()),
        make(bruno, scopes=("manage_users",)),
        make(bruno, scopes=("no such thing",)),
    ):
        assert refused.status_code == 422
        assert "Nothing was saved" in refused.text or "More than your role" in refused.text
    assert make(bruno).status_code == 200
    assert make(bruno).status_code == 409, "of this name there is one"
    assert bruno.client.get(PAGE).text.count("/revoke") == 1


def test_an_owner_sees_everybody_s_and_others_their_own(
    enter: Callable[[str], Browser],
) -> None:
    make(enter("bruno"), name="Scale")
    assert "Scale" in enter("ana").client.get(PAGE).text
    assert "Scale" not in enter("marco").client.get(PAGE).text
