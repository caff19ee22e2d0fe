"""A browser without scripts: it keeps cookies and sends the token of the form along."""

import re

from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD


class Browser:
    """A browser that keeps cookies and sends the form's token along."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    def token(self, path: str = "/sign-in") -> str:
        """The CSRF token of a page's form."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(path).text)
        assert found, "the page has a form with a token"
        return found.group(1)

    def sign_in(self, login: str, password: str = PASSWORD, **more: str):  # type: ignore[no-untyped-def]
        """Fill in and send the form."""
        form = {"csrf_token": self.token(), "login": login, "password": password, **more}
        return self.client.post("/sign-in", data=form)

    def is_in(self) -> bool:
        """Whether the account page opens."""
        return self.client.get("/account").status_code == 200
