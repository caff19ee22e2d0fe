"""Where HTTP meets the rest: request ids, error answers, security headers, and reading what was sent."""

import json
import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any, BinaryIO, TypeVar
from uuid import uuid4

import structlog
from flask import (
    Flask,
    Response,
    current_app,
    g,
    make_response,
    render_template,
    request,
    send_file,
)
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter

from winery_appliance.core import clock, errors
from winery_appliance.core.db import Database
from winery_appliance.core.problem_words import TITLES, WHAT_NEXT
from winery_appliance.core.read_replica import ReadReplica, ReplicaFailed
from winery_appliance.core.settings import Settings
from winery_appliance.core.validation import explain, tell_fault
from winery_appliance.core.validation import parse as parse  # views call it by this module
from winery_appliance.core.version_tags import make_tag
from winery_appliance.core.words import say

log = structlog.get_logger("winery.web")

Model = TypeVar("Model", bound=BaseModel)
View = TypeVar("View", bound=Callable[..., Any])
MAX_BODY_BYTES = 1024 * 1024
_REQUEST_ID = re.compile(r"^[A-Za-z0-9_.-]{8,64}$")

STATUS: dict[type[errors.AppError], HTTPStatus] = {
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NeedsConfirmation: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotSignedIn: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.ChangedMeanwhile: HTTPStatus.PRECONDITION_FAILED,
    errors.NeedsPrecondition: HTTPStatus.PRECONDITION_REQUIRED,
    errors.TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class IdConverter(IntegerConverter):
    """A row's id in a path, from 1 to 10¹⁸ − 1: what the database's bigint cannot hold is no page of ours.

    The pattern alone decides: werkzeug answers 405 where a pattern fits and the converter refuses afterwards.
    """

    regex = "[1-9][0-9]{0,17}"


def set_up_web(app: Flask) -> None:
    """Give every request an id, a log line and security headers, and turn every error into an answer."""
    app.url_map.converters["id"] = IdConverter
    app.before_request(_begin_request)
    app.after_request(_finish_request)
    app.teardown_request(_forget_request)
    app.context_processor(lambda: {"csp_nonce": g.get("csp_nonce", "")})
    app.register_error_handler(ReplicaFailed, _read_on_primary)
    app.register_error_handler(errors.AppError, _answer_app_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(OperationalError, _answer_database_error)
    app.register_error_handler(PoolTimeout, _answer_database_error)
    app.register_error_handler(Exception, _answer_unexpected)


def database() -> Database:
    """This process's database."""
    db: Database = current_app.extensions["winery_database"]
    return db


def settings() -> Settings:
    """This process's settings."""
    read: Settings = current_app.extensions["winery_settings"]
    return read


def transaction(winery_id: int | None = None) -> AbstractContextManager[Session]:
    """A transaction in the given winery; see `Database.transaction`."""
    return database().transaction(winery_id)


def read_replica() -> ReadReplica | None:
    """The standby for heavy reading, where one is set."""
    replica: ReadReplica | None = current_app.extensions.get("winery_read_replica")
    return replica


def reading(winery_id: int, *, one_moment: bool = False) -> AbstractContextManager[Session]:
    """For a view that only reads, and much: a session on the read replica where there is one, else on the primary.

    What was saved before the request is there on either. The view may be run a second time, when the replica fails in
    the middle: it does nothing that must not be done twice.
    """
    replica = read_replica()
    if replica is None or g.get("reads_on_primary"):
        return database().reading(winery_id, one_moment=one_moment)
    return replica.reading(winery_id, one_moment=one_moment)


def is_api() -> bool:
    """Whether the request is a program's, and errors are answered as `application/problem+json`."""
    return request.path.startswith("/api/")


def is_htmx() -> bool:
    """Whether the page asks for a part of itself."""
    return request.headers.get("HX-Request") == "true"


def client_address() -> str:
    """The address the request came from, as the front server reports it."""
    return request.remote_addr or "unknown"


def read_json(model: type[Model]) -> Model:
    """The request's JSON object as validated data: strictly of the types that the API's document names.

    Raises Invalid, also for what is not JSON at all.
    """
    if request.mimetype != "application/json":
        raise errors.Invalid(say("Send the body as application/json."), code="not_json")
    try:
        body = json.loads(
            request.get_data(), parse_float=_read_number, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise errors.Invalid(say("The body is not readable JSON."), code="not_json") from error
    try:
        return model.model_validate_json(json.dumps(body), strict=True)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":  # half a surrogate pair: tell where
            parse(model, body)
        raise explain(error) from error


def takes_up_to(most_bytes: int) -> Callable[[View], View]:
    """Let a view take a larger body than others, from people who are signed in."""

    def note(view: View) -> View:
        view.max_body_bytes = most_bytes  # type: ignore[attr-defined]
        return view

    return note


def is_form() -> bool:
    """Whether the body is a form with files."""
    return request.mimetype == "multipart/form-data"


def read_file(name: str) -> bytes | None:
    """The file of that name in the form that was sent; None where none was chosen."""
    sent = request.files.get(name)
    return (sent.read() or None) if sent is not None else None


def read_query(model: type[Model]) -> Model:
    """The query of the address as validated data; parameters that nobody knows are not looked at. Raises Invalid."""
    try:
        return model.model_validate(request.args.to_dict())
    except ValidationError as error:
        faults = [
            errors.FieldFault(fault.path, "bad_query", fault.detail)
            for fault in map(tell_fault, error.errors())
        ]
        told = " ".join(f"{fault.path}: {fault.detail}" for fault in faults)
        raise errors.Invalid(told, code="bad_query", fields=faults) from error


def _read_number(text: str) -> float | int:
    """The number; 793.0 is a whole one to JSON."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def answer_json(body: Any, status: int = 200) -> Response:
    """`body` as JSON."""
    return answer_written(json.dumps(body, ensure_ascii=False, allow_nan=False), status)


def answer_tagged(body: Any, version: object, status: int = 200) -> Response:
    """`body` as JSON, with the `ETag` of the `version` it shows, which a change must name."""
    response = answer_json(body, status)
    response.set_etag(make_tag(version))
    return response


def answer_written(text: str, status: int = 200) -> Response:
    """`text`, which is JSON already."""
    response = make_response(text, status)
    response.mimetype = "application/json"
    return response


def answer_empty() -> Response:
    """Nothing to tell."""
    return make_response("", 204)


def answer_csv(text: str, name: str) -> Response:
    """`text` as a CSV file; `name` goes into a header, so it is ours and not typed by anybody."""
    response = make_response(text)
    response.mimetype = "text/csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.vary.add("Accept")
    return response


def answer_file(file: BinaryIO, name: str) -> Response:
    """A file to be kept under `name`, sent from the open `file`."""
    response = send_file(
        file, "application/octet-stream", as_attachment=True, download_name=name, etag=False
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def answer_negotiated(body: Any) -> Response:
    """`body` as JSON, where `wants_csv` might have asked for something else."""
    response = answer_json(body)
    response.vary.add("Accept")
    return response


def wants_csv() -> bool:
    """Whether CSV is asked for, by `?format=csv` or by the Accept header. Raises Invalid for a format that is neither."""
    asked = request.args.get("format")
    if asked is None:
        best = request.accept_mimetypes.best_match(["application/json", "text/csv"])
        return best == "text/csv"
    if asked not in {"csv", "json"}:
        raise bad_query("format", say("One of csv, json."))
    return asked == "csv"


def bad_query(name: str, detail: str) -> errors.Invalid:
    """The refusal of a query parameter."""
    return errors.Invalid(
        f"{name}: {detail}",
        code="bad_query",
        fields=[errors.FieldFault(name, "bad_query", detail)],
    )


def read_seen(*, needed: bool = True) -> frozenset[str] | None:
    """The versions named by If-Match; None for `*`, and where none is `needed` also for no header.

    Raises NeedsPrecondition when one is needed and missing. A weak tag matches nothing (RFC 9110, 13.1.1).
    """
    given = request.if_match
    if not given and needed:
        raise errors.NeedsPrecondition(
            say(
                "Nothing was changed. Send the ETag of what you read as If-Match, so that "
                "nobody else's change is overwritten."
            )
        )
    if not given or given.star_tag:
        return None
    return frozenset(given.as_set())


def answer_if_changed(response: Response) -> Response:
    """`response` with an ETag of its content; 304 without content when the asker has that already."""
    response.add_etag()
    response.make_conditional(request)
    return response


def _begin_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.match(given) else uuid4().hex
    g.csp_nonce = secrets.token_urlsafe(16)
    g.started = clock.monotonic_s()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish_request(response: Response) -> Response:
    nonce = g.get("csp_nonce", "")
    headers = response.headers
    headers["X-Request-Id"] = g.get("request_id", "")
    headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store" if is_api() else "no-cache, private")
        _log_request(response)
    return response


def _forget_request(_error: BaseException | None) -> None:
    """Whatever this thread does next is not in the name of this request."""
    structlog.contextvars.clear_contextvars()


def _log_request(response: Response) -> None:
    taken_ms = round((clock.monotonic_s() - g.get("started", clock.monotonic_s())) * 1000, 1)
    log.info(
        "request",
        method=request.method,
        path=request.path,
        endpoint=request.endpoint,
        status=response.status_code,
        ms=taken_ms,
    )


def _read_on_primary(_error: ReplicaFailed) -> ResponseReturnValue:
    """Run the view again, without the replica."""
    g.reads_on_primary = True
    try:
        return current_app.dispatch_request()
    except Exception as error:  # noqa: BLE001 - answered by whoever answers such an error
        return current_app.handle_user_exception(error)


def status_of(error: errors.AppError) -> int:
    """The HTTP status that says what kind of refusal this is."""
    return int(next((s for kind, s in STATUS.items() if isinstance(error, kind)), 500))


def _answer_app_error(error: errors.AppError) -> ResponseReturnValue:
    answer = make_problem(
        status_of(error), error.code, error.detail, [vars(field) for field in error.fields]
    )
    if isinstance(error, errors.TooManyAttempts):
        answer.headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, errors.NotSignedIn):
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _answer_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.get_response()
    status = error.code or 500
    code = "csrf" if isinstance(error, CSRFError) else HTTPStatus(status).name.lower()
    answer = make_problem(status, code, error.description or HTTPStatus(status).phrase)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            answer.headers[name] = value
    return answer


def _answer_database_error(error: Exception) -> ResponseReturnValue:
    log.warning("database unavailable", error=str(error).splitlines()[0])
    answer = make_problem(
        503,
        "database_unavailable",
        say("The database does not answer just now. Nothing was saved."),
    )
    answer.headers["Retry-After"] = "3"
    return answer


def _answer_unexpected(error: Exception) -> ResponseReturnValue:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return _answer_database_error(error)
    log.error("unexpected error", path=request.path, exc_info=error)
    return make_problem(
        500,
        "internal_error",
        say("Something went wrong on our side. What was saved before is safe."),
    )


def make_problem(
    status: int, code: str, detail: str, fields: list[dict[str, Any]] | None = None
) -> Response:
    """An error as a program (RFC 9457) or a person reads it."""
    if is_api():
        body = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
        }
        body |= {"detail": detail, "request_id": g.get("request_id", "")}
        if fields:
            body["fields"] = fields
        response = answer_json(body, status)
        response.mimetype = "application/problem+json"
        return response
    page = render_template(
        "problem.html",
        status=status,
        title=say(TITLES.get(status, HTTPStatus(status).phrase)),
        detail=detail,
        what_next=say(WHAT_NEXT.get(status, "")),
        request_id=g.get("request_id", ""),
    )
    return make_response(page, status)
