"""The web process: `create_app` and the server that runs it."""

import gc
import signal
import sys
from pathlib import Path
from typing import Any

import waitress
from flask import Flask, current_app, g, request
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect

from winery_appliance.analysis_engine import (
    advice_api,
    advice_routes,
    alarm_routes,
    anomalies_api,
    ferment_data_routes,
    rules_api,
    rules_routes,
    template_routes,
)
from winery_appliance.analysis_engine import api as analysis_api
from winery_appliance.analysis_engine import routes as analysis_routes
from winery_appliance.analysis_engine.anomaly_queries import count_untaken
from winery_appliance.auth import api as auth_api
from winery_appliance.auth import (
    audit_api,
    device_routes,
    devices_api,
    people_routes,
    second_factor_api,
    second_factor_routes,
    token_routes,
    tokens_api,
)
from winery_appliance.auth import routes as auth_routes
from winery_appliance.auth.guards import set_up_sign_in
from winery_appliance.cellar_work import api as cellar_work_api
from winery_appliance.cellar_work import notes_api, skips_api, task_routes, tasks_api
from winery_appliance.cellar_work import routes as cellar_work_routes
from winery_appliance.cellar_work.photos import MOST_SENT_BYTES
from winery_appliance.core import clock, web
from winery_appliance.core.db import Database
from winery_appliance.core.jobs import build_queue
from winery_appliance.core.kept_pieces import KeptPieces
from winery_appliance.core.language import set_up_languages
from winery_appliance.core.log import send_lines_on, set_up_logging
from winery_appliance.core.outbox import wake_by
from winery_appliance.core.payload_version import set_up_payload_versions
from winery_appliance.core.presentation import set_up_filters
from winery_appliance.core.read_replica import ReadReplica
from winery_appliance.core.roles import role_url
from winery_appliance.core.secret_files import read_or_make_secret
from winery_appliance.core.settings import Settings, read_settings
from winery_appliance.core.web import MAX_BODY_BYTES, set_up_web
from winery_appliance.core.words import speak
from winery_appliance.devices import api as probes_api
from winery_appliance.devices import bridges_api
from winery_appliance.devices import routes as probe_routes
from winery_appliance.entrypoints import (
    api_docs,
    appliance_api,
    export_route,
    first_restore,
    handover,
    health,
    log_api,
    log_page,
    metrics,
    status_page,
)
from winery_appliance.fermentation import api as fermentation_api
from winery_appliance.fermentation import (
    arrivals_api,
    correction_routes,
    lineage_api,
    samples_api,
    status_api,
    trace_routes,
    transfers_api,
)
from winery_appliance.fermentation import routes as fermentation_routes
from winery_appliance.fruit_origin import api as fruit_origin_api
from winery_appliance.fruit_origin import routes as fruit_origin_routes
from winery_appliance.historical_data import api as historical_data_api
from winery_appliance.historical_data import import_routes, imports_api
from winery_appliance.historical_data import routes as history_routes
from winery_appliance.notifications import api as notifications_api
from winery_appliance.notifications import routes as notifications_routes
from winery_appliance.rounds import api as rounds_api
from winery_appliance.rounds import routes as rounds_routes
from winery_appliance.search import api as search_api
from winery_appliance.search import routes as search_routes
from winery_appliance.winery import api as winery_api
from winery_appliance.winery import routes as winery_routes
from winery_appliance.winery.queries import read_winery

PACKAGE = Path(__file__).parent.parent
PAGES = (
    auth_routes,
    device_routes,
    people_routes,
    second_factor_routes,
    token_routes,
    winery_routes,
    fruit_origin_routes,
    fermentation_routes,
    trace_routes,
    correction_routes,
    cellar_work_routes,
    task_routes,
    probe_routes,
    analysis_routes,
    alarm_routes,
    advice_routes,
    ferment_data_routes,
    rules_routes,
    template_routes,
    rounds_routes,
    history_routes,
    import_routes,
    notifications_routes,
    health,
    handover,
    first_restore,
    status_page,
    log_page,
    metrics,
    api_docs,
    search_routes,
)
APIS = (
    auth_api,
    second_factor_api,
    tokens_api,
    devices_api,
    audit_api,
    winery_api,
    fruit_origin_api,
    fermentation_api,
    arrivals_api,
    samples_api,
    status_api,
    lineage_api,
    transfers_api,
    cellar_work_api,
    probes_api,
    bridges_api,
    notes_api,
    skips_api,
    tasks_api,
    analysis_api,
    anomalies_api,
    historical_data_api,
    advice_api,
    rules_api,
    imports_api,
    appliance_api,
    export_route,
    log_api,
    rounds_api,
    notifications_api,
    search_api,
)


def create_app(settings: Settings | None = None) -> Flask:
    """The Flask application on the database that `settings` name, connecting as the role `app`."""
    settings = settings or read_settings()
    app = Flask(
        "winery_appliance",
        template_folder="templates",
        static_folder="static",
        root_path=str(PACKAGE),
    )
    app.config.update(
        SECRET_KEY=read_or_make_secret(settings, "session_key"),
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        SESSION_COOKIE_NAME="winery_session",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        PERMANENT_SESSION_LIFETIME=settings.session_days * 86400,
        # A form may lie open on a tablet for a whole shift.
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    app.extensions["winery_settings"] = settings
    db = Database(
        role_url(settings, "app"), pool_size=settings.web_threads + 1, application="winery-web"
    )
    app.extensions["winery_database"] = db
    if settings.read_database_url is not None:
        standby = role_url(settings, "app", settings.read_database_url.get_secret_value())
        app.extensions["winery_read_replica"] = ReadReplica(
            standby, db, pool_size=settings.web_threads
        )
    set_up_web(app)
    metrics.set_up_metrics(app, db, settings)
    set_up_sign_in(app)
    set_up_filters(app.jinja_env)
    app.jinja_env.globals["kept"] = KeptPieces()
    set_up_languages(app)
    set_up_payload_versions(app)
    app.before_request(_allow_larger_body)  # before the form is read for its token
    csrf = CSRFProtect(app)
    for feature in PAGES:
        app.register_blueprint(feature.blueprint)
    for feature in APIS:
        # Programs carry a token; a browser's cookie is checked in auth.guards by where the request comes from.
        csrf.exempt(feature.blueprint)
        app.register_blueprint(feature.blueprint)
    app.before_request(_enter_winery)
    app.context_processor(lambda: {"winery": g.get("winery"), "act_now": g.get("act_now", 0)})
    queue = build_queue(role_url(settings, "app"), db)
    app.extensions["winery_queue"] = queue
    wake_by(db, queue.wake)
    return app


def _allow_larger_body() -> None:
    """Raise the limit of this request where its view takes more and somebody is signed in."""
    most = getattr(current_app.view_functions.get(request.endpoint or ""), "max_body_bytes", None)
    if most is not None and current_user.is_authenticated:
        request.max_content_length = most


def _enter_winery() -> None:
    """Know the winery, and how many alarms wait for somebody, while a signed-in person's page is made."""
    # Whether the process lives is answered without the database; static files need it neither.
    if request.blueprint in {None, "health", "metrics"} or web.is_api():
        return
    if not current_user.is_authenticated:
        return
    with web.transaction(current_user.actor.winery_id) as session:
        g.winery = read_winery(session)
        g.act_now = count_untaken(session, now=clock.now())
    g.time_zone = g.winery.time_zone
    speak(g.winery.language)


def keep_for_good() -> None:
    """Let the garbage collector pass over what was made by now, and come less often; a long answer takes a tenth less."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM; requests that are being answered are finished first."""
    set_up_logging("web")
    app = create_app(settings)
    send_lines_on(app.extensions["winery_database"], settings)
    keep_for_good()
    # waitress drops what it is doing on a bare SIGTERM; an exit lets it finish.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    waitress.serve(
        app,
        host=settings.host,
        port=settings.port,
        threads=settings.web_threads,
        ident=None,
        channel_timeout=60,
        # What is too much for a view is refused by Flask; more than any of them takes, here.
        max_request_body_size=MOST_SENT_BYTES + MAX_BODY_BYTES,
        clear_untrusted_proxy_headers=True,
        **_trust(settings.trusted_proxy),
    )


def _trust(front_server: str | None) -> dict[str, Any]:
    """Who asked, and whether by TLS, is what the one front server says; from anybody else these headers are taken away."""
    if front_server is None:
        return {}
    return {
        "trusted_proxy": front_server,
        "trusted_proxy_count": 1,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
    }
