"""Notifications for programs: settings, rules, webhooks, deliveries, the day's summary."""

from zoneinfo import ZoneInfo

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes
from winery_appliance.core.paging import Page
from winery_appliance.notifications import queries, service
from winery_appliance.notifications.answers import (
    NewWebhookAnswer,
    NoticeAnswer,
    NotificationSettingsAnswer,
    QueuedAnswer,
    RuleAnswer,
    SummaryAnswer,
    WebhookAnswer,
)
from winery_appliance.notifications.commands import (
    AddWebhook,
    ChangeSettings,
    ChangeWebhook,
    ListNotices,
    SendTest,
    SetOwnRule,
    SetRoleRule,
)
from winery_appliance.notifications.queries import WebhookView
from winery_appliance.notifications.summary import read_summary, write_summary
from winery_appliance.winery.queries import read_winery

blueprint = Blueprint("notifications_api", __name__, url_prefix="/api/v1")


@blueprint.get("/notification-settings")
@describes({200: NotificationSettingsAnswer})
@permitted(Permission.CONFIGURE_WINERY)
def get_notification_settings() -> ResponseReturnValue:
    """How mail leaves the house and when, with the `ETag` that a change must name."""
    with web.transaction(current_actor().winery_id) as session:
        view = queries.read_settings(session)
    return web.answer_tagged(NotificationSettingsAnswer.show(view), view)


@blueprint.patch("/notification-settings")
@describes(
    {200: NotificationSettingsAnswer}, body=ChangeSettings, headers=IF_MATCH, problems=[412, 428]
)
@permitted(Permission.CONFIGURE_WINERY)
def change_notification_settings() -> ResponseReturnValue:
    """Change how mail leaves the house and when; what is left out stays. Another server needs its password anew."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeSettings)
    with web.transaction(actor.winery_id) as session:
        view = service.change_settings(
            session, command, actor=actor, seen=seen, keys=web.settings()
        )
    return web.answer_tagged(NotificationSettingsAnswer.show(view), view)


@blueprint.get("/notification-rules")
@describes({200: ListOf[RuleAnswer]})
@permitted(Permission.CONFIGURE_WINERY)
def list_notification_rules() -> ResponseReturnValue:
    """What each role is told, then what people chose for themselves."""
    with web.transaction(current_actor().winery_id) as session:
        rules = queries.list_rules(session)
    return web.answer_written(ListOf[RuleAnswer].write(Page(rules, None)))


@blueprint.put("/notification-rules")
@describes({200: RuleAnswer}, body=SetRoleRule)
@permitted(Permission.CONFIGURE_WINERY)
def set_role_rule() -> ResponseReturnValue:
    """Say what everybody of a role is told who did not choose for themselves."""
    actor = current_actor()
    command = web.read_json(SetRoleRule)
    with web.transaction(actor.winery_id) as session:
        view = service.set_role_rule(session, command, actor=actor)
    return web.answer_json(RuleAnswer.show(view))


@blueprint.get("/account/notification-rule")
@describes({200: RuleAnswer})
@permitted(Permission.READ_BOOK)
def get_own_rule() -> ResponseReturnValue:
    """What you are told; `is_default` where it is what your role is."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = queries.read_own_rule(session, actor.user_id, actor.role)
    return web.answer_json(RuleAnswer.show(view))


@blueprint.put("/account/notification-rule")
@describes({200: RuleAnswer}, body=SetOwnRule)
@permitted(Permission.READ_BOOK)
def set_own_rule() -> ResponseReturnValue:
    """Choose what you are told yourself."""
    actor = current_actor()
    command = web.read_json(SetOwnRule)
    with web.transaction(actor.winery_id) as session:
        view = service.set_own_rule(session, command, actor=actor)
    return web.answer_json(RuleAnswer.show(view))


@blueprint.delete("/account/notification-rule")
@describes({200: RuleAnswer})
@permitted(Permission.READ_BOOK)
def forget_own_rule() -> ResponseReturnValue:
    """Be told again what your role is."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = service.forget_own_rule(session, actor=actor)
    return web.answer_json(RuleAnswer.show(view))


@blueprint.get("/notifications")
@describes({200: ListOf[NoticeAnswer]}, query=ListNotices)
@permitted(Permission.CONFIGURE_WINERY)
def list_notifications() -> ResponseReturnValue:
    """What was, or waits to be, delivered, the newest first."""
    wanted = web.read_query(ListNotices)
    with web.transaction(current_actor().winery_id) as session:
        page = queries.list_notices(session, **wanted.model_dump())
    return web.answer_written(ListOf[NoticeAnswer].write(page))


@blueprint.post("/notifications/test")
@describes({202: QueuedAnswer}, body=SendTest)
@permitted(Permission.CONFIGURE_WINERY)
def send_test_mail() -> ResponseReturnValue:
    """Queue a mail to yourself."""
    actor = current_actor()
    web.read_json(SendTest)
    with web.transaction(actor.winery_id) as session:
        queued = service.queue_test_mail(session, actor=actor, now=clock.now())
    return web.answer_json({"id": queued}, 202)


@blueprint.get("/webhooks")
@describes({200: ListOf[WebhookAnswer]})
@permitted(Permission.CONFIGURE_WINERY)
def list_webhooks() -> ResponseReturnValue:
    """The programs that are told, by name; at most fifty."""
    with web.transaction(current_actor().winery_id) as session:
        hooks = queries.list_webhooks(session)
    return web.answer_written(ListOf[WebhookAnswer].write(Page(hooks, None)))


@blueprint.post("/webhooks")
@describes({201: NewWebhookAnswer}, body=AddWebhook, problems=[409])
@permitted(Permission.CONFIGURE_WINERY)
def add_webhook() -> ResponseReturnValue:
    """Tell a program from now on, by POST, signed with a key that is shown only here.

    The header `Winery-Signature: t=SECONDS,v1=HEX` is HMAC-SHA256 over the seconds, a dot and the body. Delivered at least
    once: `id` in the body stays the same. Addresses that are not public are refused unless `inside_address` names them.
    """
    actor = current_actor()
    command = web.read_json(AddWebhook)
    with web.transaction(actor.winery_id) as session:
        view, key = service.add_webhook(session, command, actor=actor, keys=web.settings())
    body = {"webhook": WebhookAnswer.show(view), "signing_secret": key}
    response = web.answer_json(body, 201)
    response.headers["Location"] = f"/api/v1/webhooks/{view.id}"
    return response


@blueprint.get("/webhooks/<id:webhook_id>")
@describes({200: WebhookAnswer})
@permitted(Permission.CONFIGURE_WINERY)
def get_webhook(webhook_id: int) -> ResponseReturnValue:
    """One webhook."""
    with web.transaction(current_actor().winery_id) as session:
        view = service.get_webhook(session, webhook_id)
    return _answer_webhook(view)


@blueprint.patch("/webhooks/<id:webhook_id>")
@describes({200: WebhookAnswer}, body=ChangeWebhook, headers=IF_MATCH, problems=[409, 412, 428])
@permitted(Permission.CONFIGURE_WINERY)
def change_webhook(webhook_id: int) -> ResponseReturnValue:
    """Change a webhook; what is left out stays, and so does its key."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeWebhook)
    with web.transaction(actor.winery_id) as session:
        view = service.change_webhook(session, webhook_id, command, actor=actor, seen=seen)
    return _answer_webhook(view)


@blueprint.delete("/webhooks/<id:webhook_id>")
@describes({204: None}, headers=IF_MATCH, problems=[412])
@permitted(Permission.CONFIGURE_WINERY)
def delete_webhook(webhook_id: int) -> ResponseReturnValue:
    """Tell a program no more, for good: its key is gone. If-Match is heeded when it is sent."""
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        service.delete_webhook(session, webhook_id, actor=actor, seen=seen, now=clock.now())
    return web.answer_empty()


@blueprint.post("/webhooks/<id:webhook_id>/test")
@describes({202: QueuedAnswer}, body=SendTest)
@permitted(Permission.CONFIGURE_WINERY)
def test_webhook(webhook_id: int) -> ResponseReturnValue:
    """Queue a call with the event `test`."""
    actor = current_actor()
    web.read_json(SendTest)
    with web.transaction(actor.winery_id) as session:
        queued = service.queue_test_call(session, webhook_id, actor=actor, now=clock.now())
    return web.answer_json({"id": queued}, 202)


@blueprint.get("/summary")
@describes({200: SummaryAnswer})
@permitted(Permission.READ_BOOK)
def get_summary() -> ResponseReturnValue:
    """How the cellar is now: the same text that is mailed in the morning."""
    with web.transaction(current_actor().winery_id) as session:
        summary = read_summary(session, now=clock.now())
        zone = ZoneInfo(read_winery(session).time_zone)
    body = {
        "made_at": summary.made_at.isoformat(),
        "heading": summary.heading,
        "opened": summary.opened,
        "cleared": summary.cleared,
        "text": write_summary(summary, zone),
    }
    return web.answer_json(body)


def _answer_webhook(view: WebhookView) -> Response:
    return web.answer_tagged(WebhookAnswer.show(view), view)
