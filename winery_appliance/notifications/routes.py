"""The pages of notifications: the winery's settings, one's own rule, and the day's summary for the printer."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission, Role
from winery_appliance.core import clock, web
from winery_appliance.core.errors import AppError
from winery_appliance.core.version_tags import make_tag
from winery_appliance.core.words import say
from winery_appliance.notifications import queries, service
from winery_appliance.notifications.commands import (
    AddWebhook,
    ChangeSettings,
    SetOwnRule,
    SetRoleRule,
)
from winery_appliance.notifications.summary import read_summary

blueprint = Blueprint("notifications", __name__, template_folder="templates")
LATEST = 20
_OPTIONAL = ("smtp_host", "smtp_username", "sender", "base_url", "escalate_minutes", "summary_at")
_WHOLE = ("smtp_port", "digest_minutes", "escalate_minutes")


@blueprint.get("/summary")
@permitted(Permission.READ_BOOK)
def summary() -> ResponseReturnValue:
    """How the cellar is, on a page that prints well."""
    with web.transaction(current_actor().winery_id) as session:
        found = read_summary(session, now=clock.now())
    return render_template("notifications/summary.html", summary=found)


@blueprint.get("/account/notifications")
@permitted(Permission.READ_BOOK)
def own_rule() -> ResponseReturnValue:
    """What one is told oneself."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        rule = queries.read_own_rule(session, actor.user_id, actor.role)
    return render_template("notifications/own_rule.html", rule=rule, error=None)


@blueprint.post("/account/notifications")
@permitted(Permission.READ_BOOK)
def set_own_rule() -> ResponseReturnValue:
    """Keep what was chosen, or go back to what the role is told."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as session:
            if "as_role" in request.form:
                service.forget_own_rule(session, actor=actor)
            else:
                command = web.parse(SetOwnRule, _read_rule())
                service.set_own_rule(session, command, actor=actor)
    except AppError as error:
        with web.transaction(actor.winery_id) as session:
            rule = queries.read_own_rule(session, actor.user_id, actor.role)
        page = render_template("notifications/own_rule.html", rule=rule, error=error.detail)
        return page, web.status_of(error)
    flash(say("What you are told is saved."), "success")
    return redirect(url_for("notifications.own_rule"), 303)


@blueprint.get("/winery/notifications")
@permitted(Permission.CONFIGURE_WINERY)
def settings() -> ResponseReturnValue:
    """Everything about notifications, for the owner."""
    return _show()


@blueprint.post("/winery/notifications")
@permitted(Permission.CONFIGURE_WINERY)
def change_settings() -> ResponseReturnValue:
    """Keep how mail leaves the house and when."""
    actor = current_actor()
    given: dict[str, Any] = {
        name: value.strip()
        for name, value in request.form.items()
        if name not in {"csrf_token", "version", "smtp_password"}
    }
    for name in _OPTIONAL:
        given[name] = given.get(name) or None
    for name in _WHOLE:
        if given.get(name) and str(given[name]).isdecimal():
            given[name] = int(given[name])
    if request.form.get("smtp_password"):
        given["smtp_password"] = request.form["smtp_password"]
    try:
        command = web.parse(ChangeSettings, given)
        with web.transaction(actor.winery_id) as session:
            service.change_settings(
                session,
                command,
                actor=actor,
                seen={request.form.get("version", "")},
                keys=web.settings(),
            )
    except AppError as error:
        return _show(error, typed=request.form.to_dict()), web.status_of(error)
    flash(say("The settings are saved. Send a test to see that mail arrives."), "success")
    return redirect(url_for("notifications.settings"), 303)


@blueprint.post("/winery/notifications/rules")
@permitted(Permission.CONFIGURE_WINERY)
def set_role_rule() -> ResponseReturnValue:
    """Keep what a role is told."""
    actor = current_actor()
    try:
        command = web.parse(SetRoleRule, _read_rule() | {"role": request.form.get("role", "")})
        with web.transaction(actor.winery_id) as session:
            service.set_role_rule(session, command, actor=actor)
    except AppError as error:
        return _show(error), web.status_of(error)
    flash(say("What this role is told is saved."), "success")
    return redirect(url_for("notifications.settings"), 303)


@blueprint.post("/winery/notifications/test")
@permitted(Permission.CONFIGURE_WINERY)
def send_test() -> ResponseReturnValue:
    """Queue a mail to oneself, and let what waits after a failure be tried at once."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        service.queue_test_mail(session, actor=actor, now=clock.now())
        service.retry_now(session, actor=actor, now=clock.now())
    flash(say("A test is on its way to you. What became of it stands below in a few seconds."))
    return redirect(url_for("notifications.settings"), 303)


@blueprint.post("/winery/webhooks")
@permitted(Permission.CONFIGURE_WINERY)
def add_webhook() -> ResponseReturnValue:
    """Tell a program from now on; its key is shown once."""
    actor = current_actor()
    given = {
        name: request.form.get(name, "").strip() or None
        for name in ("name", "url", "inside_address", "severity")
    }
    try:
        command = web.parse(AddWebhook, given)
        with web.transaction(actor.winery_id) as session:
            hook, key = service.add_webhook(session, command, actor=actor, keys=web.settings())
    except AppError as error:
        return _show(error, typed=request.form.to_dict()), web.status_of(error)
    return _show(key=(hook.name, key))


@blueprint.post("/winery/webhooks/<id:webhook_id>/test")
@permitted(Permission.CONFIGURE_WINERY)
def test_webhook(webhook_id: int) -> ResponseReturnValue:
    """Queue a call."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        service.queue_test_call(session, webhook_id, actor=actor, now=clock.now())
    flash(say("A call is on its way. What became of it stands below in a few seconds."))
    return redirect(url_for("notifications.settings"), 303)


@blueprint.post("/winery/webhooks/<id:webhook_id>/delete")
@permitted(Permission.CONFIGURE_WINERY)
def delete_webhook(webhook_id: int) -> ResponseReturnValue:
    """Tell a program no more."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        service.delete_webhook(session, webhook_id, actor=actor, seen=None, now=clock.now())
    flash(say("The webhook is deleted."), "success")
    return redirect(url_for("notifications.settings"), 303)


def _read_rule() -> dict[str, Any]:
    sent = request.form
    return {
        "severity": sent.get("severity", ""),
        "quiet_from": sent.get("quiet_from") or None,
        "quiet_until": sent.get("quiet_until") or None,
        **{n: n in sent for n in ("critical_breaks_quiet", "escalation", "daily_summary")},
    }


def _show(
    error: AppError | None = None,
    *,
    typed: dict[str, str] | None = None,
    key: tuple[str, str] | None = None,
) -> str:
    with web.transaction(current_actor().winery_id) as session:
        view = queries.read_settings(session)
        rules = [rule for rule in queries.list_rules(session) if rule.role is not None]
        hooks = queries.list_webhooks(session)
        notices = queries.list_notices(session, limit=LATEST).items
        waiting = queries.read_waiting(session, now=clock.now())
    values = {name: "" if value is None else str(value) for name, value in vars(view).items()}
    values["summary_at"] = values["summary_at"][:5]
    values |= typed or {}
    faults = {field.path: field.detail for field in error.fields} if error else {}
    said = None if error is None or faults else error.detail
    return render_template(
        "notifications/settings.html",
        form={"values": values, "errors": faults, "error": said},
        has_password=view.has_password,
        version=make_tag(view),
        rules=rules,
        hooks=hooks,
        notices=notices,
        waiting=waiting,
        key=key,
        roles=list(Role),
    )
