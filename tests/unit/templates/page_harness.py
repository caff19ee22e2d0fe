"""Draws the pages without the application: the same templates, stand-ins for what Flask gives them.

Undefined names are errors here, so that a page asks for nothing that its view does not give.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from winery_appliance.core.presentation import set_up_filters

PACKAGE = Path(__file__).parents[3] / "winery_appliance"
STATIC = PACKAGE / "static"
NOW = datetime(2026, 9, 24, 9, 15, tzinfo=ZoneInfo("Europe/Madrid"))
ZONE = ZoneInfo("Europe/Madrid")

ADDRESSES = {
    "advice.apply": "/recommendations/{recommendation_id}/apply",
    "advice.dismiss": "/recommendations/{recommendation_id}/dismiss",
    "advice.outcome": "/recommendations/{recommendation_id}/outcome",
    "alarms.acknowledge": "/anomalies/{anomaly_id}/acknowledge",
    "alarms.assign": "/anomalies/{anomaly_id}/assign",
    "alarms.inbox": "/anomalies",
    "alarms.reopen": "/anomalies/{anomaly_id}/reopen",
    "alarms.show_alarm": "/anomalies/{anomaly_id}",
    "alarms.snooze": "/anomalies/{anomaly_id}/snooze",
    "analysis.board": "/",
    "analysis.wall": "/wall",
    "analysis.show": "/fermentations/{fermentation_id}",
    "analysis.analysis_panel": "/fermentations/{fermentation_id}/analysis-panel",
    "auth.sign_in": "/sign-in",
    "auth.sign_out": "/sign-out",
    "auth.sign_out_everywhere": "/sign-out-everywhere",
    "auth.enter_by_pin": "/sign-in/pin",
    "cellar_work.record_addition": "/fermentations/{fermentation_id}/additions",
    "cellar_work.record_cap_work": "/fermentations/{fermentation_id}/cap-work",
    "cellar_work.write_note": "/fermentations/{fermentation_id}/notes",
    "devices.account": "/account",
    "devices.choose_units": "/account/units",
    "devices.choose_pin": "/account/pin",
    "devices.change_password": "/account/password",
    "devices.enroll": "/enroll",
    "devices.name_device": "/shared-devices",
    "devices.new_password": "/new-password",
    "devices.new_pin": "/new-pin",
    "devices.revoke_device": "/shared-devices/{device_id}/revoke",
    "ferment_data.compare": "/compare",
    "ferment_data.get_csv": "/fermentations/{fermentation_id}/readings.csv",
    "ferment_data.get_pdf": "/fermentations/{fermentation_id}/readings.pdf",
    "ferment_data.show_data": "/fermentations/{fermentation_id}/readings",
    "fruit_origin.show_rows": "/{sort}",
    "trace.show_wine": "/fermentations/{fermentation_id}/origin",
    "fruit_origin.show_row": "/{sort}/{row_id}",
    "fruit_origin.show_new": "/{sort}/new",
    "fruit_origin.delete_row": "/{sort}/{row_id}/delete",
    "fruit_origin.restore_row": "/{sort}/{row_id}/restore",
    "trace.show_lot": "/harvest-lots/{lot_id}/fermentations",
    "lineage_api.trace_back": "/api/v1/fermentations/{fermentation_id}/origin",
    "lineage_api.trace_forward": "/api/v1/harvest-lots/{lot_id}/fermentations",
    "fermentation.index": "/fermentations",
    "fermentation.manage": "/fermentations/{fermentation_id}/manage",
    "fermentation.restore": "/fermentations/{fermentation_id}/restore",
    "fermentation.record": "/fermentations/{fermentation_id}/samples",
    "fermentation.start": "/fermentations/new",
    "log.show": "/log",
    "export_api.export": "/api/v1/export",
    "history.index": "/history",
    "history.pattern": "/history/patterns/{pattern_id}",
    "history.patterns": "/history/patterns",
    "history.similar": "/fermentations/{fermentation_id}/similar",
    "imports.answer": "/history/imports/{import_id}/answers",
    "imports.cancel": "/history/imports/{import_id}/cancel",
    "imports.index": "/history/imports",
    "imports.save": "/history/imports/{import_id}/save",
    "imports.show": "/history/imports/{import_id}",
    "imports.take_in": "/history/imports",
    "imports.undo": "/history/imports/{import_id}/undo",
    "imports_api.download_refused": "/api/v1/imports/{import_id}/refused",
    "notes_api.get_photo": "/api/v1/fermentations/{fermentation_id}/notes/{note_id}/photo",
    "notifications.add_webhook": "/winery/webhooks",
    "notifications.delete_webhook": "/winery/webhooks/{webhook_id}/delete",
    "notifications.own_rule": "/account/notifications",
    "notifications.send_test": "/winery/notifications/test",
    "notifications.set_role_rule": "/winery/notifications/rules",
    "notifications.settings": "/winery/notifications",
    "notifications.summary": "/summary",
    "handover.certificate": "/hand-over/ca.crt",
    "handover.poster": "/hand-over/poster",
    "handover.profile": "/hand-over/ca.mobileconfig",
    "handover.try_out": "/hand-over/test",
    "notifications.test_webhook": "/winery/webhooks/{webhook_id}/test",
    "people.change": "/people/{user_id}",
    "people.index": "/people",
    "people.make_reset_code": "/people/{user_id}/reset-code",
    "people.remove": "/people/{user_id}/remove",
    "people.restore": "/people/{user_id}/restore",
    "people.set_pin": "/people/{user_id}/pin",
    "people.show": "/people/{user_id}",
    "probes.change": "/probes/{device_id}",
    "probes.delete": "/probes/{device_id}/delete",
    "probes.hang": "/probes/{device_id}/hang",
    "probes.index": "/probes",
    "probes.make_token": "/probes/{device_id}/token",
    "probes.restore": "/probes/{device_id}/restore",
    "probes.show": "/probes/{device_id}",
    "rounds.walk": "/round",
    "rounds.do_work": "/day",
    "rounds.hand_over": "/round/hand-over",
    "rounds.print_round": "/round/paper",
    "rounds.type_grid": "/round/grid",
    "rounds.type_lab_panel": "/lab",
    "rounds.print_labels": "/round/labels",
    "second_factor.confirm": "/account/second-factor/confirm",
    "second_factor.remove": "/account/second-factor/remove",
    "second_factor.renew": "/account/second-factor/recovery-codes",
    "second_factor.set_rules": "/winery/sign-in-rules",
    "second_factor.show": "/account/second-factor",
    "second_factor.start": "/account/second-factor",
    "second_factor.take_away": "/people/{user_id}/second-factor/remove",
    "rules.index": "/rules",
    "rules.replay": "/rules/replays/{replay_id}",
    "rules.show": "/rules/{check}/{style}",
    "rules.try_out": "/rules/{check}/{style}/replay",
    "search.search": "/search",
    "static": "/static/{filename}",
    "api_docs.show_docs": "/api/docs",
    "corrections.correct": "/samples/{sample_id}/correct",
    "corrections.show": "/samples/{sample_id}",
    "corrections.void": "/samples/{sample_id}/void",
    "tasks.plan": "/fermentations/{fermentation_id}/tasks",
    "templates.delete": "/recommendation-templates/{template_id}/delete",
    "templates.index": "/recommendation-templates",
    "templates.restore": "/recommendation-templates/{template_id}/restore",
    "templates.show": "/recommendation-templates/{template_id}",
    "templates.write": "/recommendation-templates/new",
    "tokens.index": "/account/tokens",
    "tokens.revoke": "/account/tokens/{token_id}/revoke",
    "status.mend_part": "/status/mend",
    "status.show": "/status",
    "first_restore.ask": "/setup/restore",
    "first_restore.show": "/setup/restore",
    "first_restore.stop": "/setup/restore/stop",
    "winery.first_run": "/setup",
    "winery.add_vessel": "/vessels/new",
    "winery.delete_vessel": "/vessels/{vessel_id}/delete",
    "winery.new_vessel": "/vessels/new",
    "winery.restore_vessel": "/vessels/{vessel_id}/restore",
    "winery.vessel": "/vessels/{vessel_id}",
    "winery.vessels": "/vessels",
    "winery.settings": "/winery/settings",
}
PERSON = SimpleNamespace(
    is_authenticated=True,
    actor=SimpleNamespace(user_id=3),
    display_name="Ana Ibáñez",
    role="owner",
    by_pin=False,
    may=lambda _: True,
)
WINERY = SimpleNamespace(name="Torrevela", code="TORRE", time_zone="Europe/Madrid")


def address_of(endpoint: str, **values: Any) -> str:
    """The address of an endpoint; KeyError for one that no view serves."""
    pattern = ADDRESSES[endpoint]
    rest = {name: value for name, value in values.items() if f"{{{name}}}" not in pattern}
    query = "&".join(f"{name}={value}" for name, value in rest.items())
    return pattern.format(**values) + (f"?{query}" if query else "")


def show_age(moment: datetime) -> str:
    """How long ago, in hours."""
    return f"{(NOW - moment).total_seconds() / 3600:.0f}\u00a0h ago"


def show_local_time(moment: datetime) -> str:
    """Day and time; the date for what is older than the days of a week tell apart."""
    local = moment.astimezone(ZONE)
    recent = abs((NOW - moment).days) < 6
    return f"{local:%a %H:%M}" if recent else f"{local.day} {local:%b %Y %H:%M}"


@lru_cache
def build_environment() -> Environment:
    """Jinja as the application sets it up, with undefined names as errors."""
    folders = [PACKAGE / "templates", *sorted(PACKAGE.glob("*/templates"))]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    # Pages are drawn in English here, the language that they are written in.
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(url_for=address_of, csrf_token=lambda: "the-token")
    set_up_filters(environment)
    environment.globals["kept"] = lambda _name, draw, shown, *_also: draw(shown)
    environment.filters.update(ago=show_age, local_time=show_local_time)  # as of NOW
    return environment


def render(template: str, context: Mapping[str, Any]) -> str:
    """The page as the application would send it; "_flashed" in the context holds flash messages."""
    given = dict(context)
    flashed = given.pop("_flashed", [])
    environment = build_environment()
    environment.globals["get_flashed_messages"] = lambda with_categories: flashed
    surroundings: dict[str, Any] = {"csp_nonce": "nonce"}
    if not given.pop("_outside", False):
        surroundings |= {"current_user": PERSON, "winery": WINERY}
    return environment.get_template(template).render(surroundings | given)


def all_templates() -> list[Path]:
    """Every template file of the package."""
    return sorted([*PACKAGE.glob("templates/**/*.html"), *PACKAGE.glob("*/templates/**/*.html")])


def without_comments(css: str) -> str:
    """A style sheet without its comments."""
    return re.sub(r"/\*.*?\*/", "", css, flags=re.S)
