"""Who is asking: Flask-Login over session rows for people, signed tokens for programs."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user
from werkzeug.wrappers import Request

from winery_appliance.auth.devices import Device, find_device
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, find_session, find_token, require
from winery_appliance.core import web
from winery_appliance.core.db import identify
from winery_appliance.core.errors import NotAllowed, NotSignedIn
from winery_appliance.core.secret_files import read_or_make_secret
from winery_appliance.core.words import say

P = ParamSpec("P")
R = TypeVar("R")
DEVICE_COOKIE = "winery_device"
# In the signed cookie of who signed in without the second factor that their winery asks for.
MISSING_FACTOR = "second_factor_missing"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SignedInUser(UserMixin):  # type: ignore[misc]
    """The signed-in person as Flask-Login wants it; `get_id` is the secret of the session's row, not the user's id."""

    def __init__(self, actor: Actor, session_token: str = "") -> None:
        self.actor = actor
        self.session_token = session_token
        self.display_name = actor.display_name
        self.role = actor.role
        # Known from here on to every transaction of this request.
        identify(actor.user_id, _tell_way_in(actor))
        structlog.contextvars.bind_contextvars(winery_id=actor.winery_id)
        self.by_pin = actor.session_id is not None and actor.scopes is not None

    def get_id(self) -> str:
        """What the signed cookie carries."""
        return self.session_token

    def may(self, permission: str) -> bool:
        """Whether the role holds the permission; for templates."""
        return self.actor.may(Permission(permission))


def _tell_way_in(actor: Actor) -> str:
    """How somebody came in, for the audit log."""
    if actor.token_id is not None:
        return f"token {actor.token_id}"
    return "session" if actor.scopes is None else "pin"


def set_up_sign_in(app: Flask) -> None:
    """Teach the app who is asking."""
    # Its own context processor loads the user for every page, also for the one that says the database is away.
    manager = LoginManager(app, add_context_processor=False)
    app.context_processor(lambda: {"current_user": current_user})
    # Phones roam between access points; the row can be revoked, so the address need not be part of the identity.
    manager.session_protection = None

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load_session(token: str) -> SignedInUser | None:
        actor = find_session(web.database(), token, lasts=session_lasts(), by_pin_lasts=pin_lasts())
        return SignedInUser(actor, token) if actor else None

    @manager.request_loader  # type: ignore[untyped-decorator]
    def load_token(asked: Request) -> SignedInUser | None:
        kind, _, token = asked.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            return None
        actor = find_token(web.database(), token.strip(), key=token_key())
        return SignedInUser(actor) if actor else None

    @manager.unauthorized_handler  # type: ignore[untyped-decorator]
    def ask_to_sign_in() -> ResponseReturnValue:
        if web.is_api() or web.is_htmx():
            raise NotSignedIn(say("Sign in first. Nothing was saved."))
        wanted = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("auth.sign_in", next=wanted))


def session_lasts() -> timedelta:
    """How long an unused sign-in lasts."""
    return timedelta(days=web.settings().session_days)


def pin_lasts() -> timedelta:
    """How long an unused sign-in by PIN lasts."""
    return timedelta(minutes=web.settings().pin_minutes)


def enter(actor: Actor, token: str) -> None:
    """Make this browser the one that carries `token`; nothing from before the sign-in survives it."""
    session.clear()
    session.permanent = True
    login_user(SignedInUser(actor, token))


def current_device() -> Device | None:
    """The shared device that asks; None for any other browser."""
    return find_device(web.database(), request.cookies.get(DEVICE_COOKIE, ""))


def remember_device(response: Response, token: str) -> None:
    """Make this browser a shared device. Browsers forget cookies after 400 days, whatever is asked."""
    response.set_cookie(
        DEVICE_COOKIE,
        token,
        max_age=timedelta(days=400),
        httponly=True,
        samesite="Lax",
        secure=web.settings().secure_cookies,
    )


def token_key() -> str:
    """The key that signs access tokens."""
    return read_or_make_secret(web.settings(), "token_key")


def current_actor() -> Actor:
    """Who is asking. Raises NotSignedIn."""
    if not current_user.is_authenticated:
        raise NotSignedIn(say("Sign in first. Nothing was saved."))
    actor: Actor = current_user.actor
    return actor


def permitted(permission: Permission) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only people with `permission` into a view; a cookie from another site's page does not count."""

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not current_user.is_authenticated:
                return current_app.login_manager.unauthorized()  # type: ignore[attr-defined,no-any-return]
            actor = current_actor()
            if session.get(MISSING_FACTOR) and not request.path.startswith(_WAYS_TO_A_FACTOR):
                return _send_to_factor()  # type: ignore[return-value]
            if web.is_api() and actor.session_id is not None:
                _refuse_cross_site()
                _refuse_other_person(actor)
            require(actor, permission)
            return view(*args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return wrap


# What is open to who has yet to set up the second factor.
_WAYS_TO_A_FACTOR = (
    "/account/second-factor",
    "/api/v1/account/second-factor",
    "/sign-out",
)


def _send_to_factor() -> ResponseReturnValue:
    if web.is_api() or web.is_htmx():
        raise NotAllowed(
            say(
                "Your winery asks you for a second factor. Set it up first: Account, Second factor."
            ),
            code="second_factor_missing",
        )
    return redirect(url_for("second_factor.show"), 303)


def _refuse_other_person(actor: Actor) -> None:
    """What one person typed on a shared tablet is not saved in another's name who signed in meanwhile."""
    expected = request.headers.get("X-Acting-Person")
    if expected is not None and expected != str(actor.user_id):
        raise NotSignedIn(
            say(
                "Somebody else is signed in on this device now. Nothing was saved; it is kept on the device."
            ),
            code="other_person",
        )


def _refuse_cross_site() -> None:
    """A write with a cookie must come from our own page: fetch metadata, or Origin where a browser sends none.

    OWASP's CSRF cheat sheet names fetch metadata with a custom header as a complete defence for JSON endpoints.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is None:
        origin = urlsplit(request.headers.get("Origin", ""))
        site = "same-origin" if origin.netloc == request.host else "unknown"
    if site != "same-origin" or "X-Requested-With" not in request.headers:
        raise NotAllowed(
            say("This request did not come from a page of this appliance. Nothing was saved."),
            code="cross_site",
        )
