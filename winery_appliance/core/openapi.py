"""The API's own description (OpenAPI 3.1), made from the views, so that it cannot fall behind them.

A view says with `@describes` what it takes and answers, in the pydantic models it works with; its docstring is the
summary, its permission the security. What every view of a kind may answer (401, 404, 422, …) is added here, once.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from importlib.metadata import version
from inspect import cleandoc
from typing import Annotated, Any, Generic, Literal, TypeVar

from flask import Flask
from pydantic import BaseModel, ConfigDict, PlainSerializer, RootModel, WithJsonSchema
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from werkzeug.routing import Rule

from winery_appliance.core.paging import Page

ROOT = "/api/v1"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
Schema = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Any])
Item = TypeVar("Item")

# A moment in an answer, with the offset written as numbers.
When = Annotated[
    datetime,
    PlainSerializer(datetime.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Answer(BaseModel):
    """What a view answers; it is filled from the plain data that queries give."""

    model_config = ConfigDict(from_attributes=True, extra="ignore", frozen=True)

    @classmethod
    def show(cls, view: Any, /) -> Schema:
        """`view` as the API tells it, ready to be written as JSON."""
        return cls.model_validate(view).model_dump(mode="json")


class ListOf(Answer, Generic[Item]):
    """A page of a list; `next_cursor` asks for the one behind it and is null on the last."""

    items: list[Item]
    next_cursor: str | None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """The name in the document: what is listed, and that it is a list."""
        return f"{params[0].__name__.removesuffix('Answer')}List"

    @classmethod
    def write(cls, page: Page[Any]) -> str:
        """A page as JSON, written as a whole: a long one takes half the time that its items take one by one."""
        return cls.model_validate(page).model_dump_json()


class FieldProblem(Answer):
    """One wrong field: where it stands in what was sent, the machine's word and a sentence."""

    path: str
    code: str
    detail: str


class Problem(BaseModel):
    """A refusal (RFC 9457). A program reads `code`, a person `detail`; `request_id` finds it in the log."""

    type: Literal["about:blank"]
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    fields: list[FieldProblem] = []


class OpenApiDocument(RootModel[dict[str, Any]]):
    """An OpenAPI 3.1 document."""


@dataclass(frozen=True)
class Operation:
    """What a view takes and answers: models by status (None is an empty answer), and refusals of its own."""

    answers: Mapping[int, type[BaseModel] | None]
    body: type[BaseModel] | None = None
    form: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[int] = ()
    also: Sequence[str] = ()
    media: Sequence[str] = ()


# What a view reads that heeds which version a change was made from.
IF_MATCH = {"If-Match": "The ETag that was read."}


def describes(
    answers: Mapping[int, type[BaseModel] | None],
    *,
    body: type[BaseModel] | None = None,
    form: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    headers: Mapping[str, str] | None = None,
    problems: Sequence[int] = (),
    also: Sequence[str] = (),
    media: Sequence[str] = (),
) -> Callable[[View], View]:
    """Say what a view takes and answers; `headers` are those it reads, each with a sentence.

    `form` is what it takes as multipart/form-data instead of `body`. `also` names content types in which the same can be
    had as text; `media` are the content types of an answer that has no model.
    """
    operation = Operation(answers, body, form, query, headers or {}, problems, also, media)

    def note(view: View) -> View:
        view.operation = operation  # type: ignore[attr-defined]
        return view

    return note


_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
_PARAMETER_SCHEMAS: dict[str, Schema] = {
    "id": {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
    "uuid": {"type": "string", "format": "uuid"},
    "default": {"type": "string", "minLength": 1},
}
_PROBLEM_WORDS = {
    HTTPStatus.UNAUTHORIZED: "Nobody is signed in, or the token is not valid any more.",
    HTTPStatus.FORBIDDEN: "The role may not do this.",
    HTTPStatus.NOT_FOUND: "There is no such thing in this winery.",
    HTTPStatus.CONFLICT: "It clashes with what is in the book; `code` says how.",
    HTTPStatus.PRECONDITION_FAILED: "It was changed meanwhile: read it again.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "More than 1 MB, or 20 MB where a photo may come along.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "What was sent cannot be right, or asks to be confirmed.",
    HTTPStatus.PRECONDITION_REQUIRED: "`If-Match` is missing.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many failures in a short time.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is away for a moment. Nothing was saved.",
}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_PROBLEM_HEADERS: dict[int, Schema] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    429: _RETRY,
    503: _RETRY,
}


def list_operations(app: Flask) -> list[tuple[Rule, str, Callable[..., Any]]]:
    """Every rule of the API with each method it answers and its view, in the order of the paths."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(f"{ROOT}/")]
    return [
        (rule, method, app.view_functions[rule.endpoint])
        for rule in sorted(rules, key=lambda rule: (rule.rule, METHODS.index(_method(rule))))
        for method in METHODS
        if method in (rule.methods or ())
    ]


def _method(rule: Rule) -> str:
    return next(method for method in METHODS if method in (rule.methods or ()))


def build_document(app: Flask) -> Schema:
    """The document for the views of `app`. Raises LookupError for a view that does not describe itself."""
    operations = list_operations(app)
    for rule, method, view in operations:
        if not hasattr(view, "operation"):
            raise LookupError(f"{method} {rule.rule} has no @describes")
    writer = _build_writer([view.operation for _, _, view in operations])  # type: ignore[attr-defined]
    paths: dict[str, Schema] = {}
    for rule, method, view in operations:
        path = _PARAMETER.sub(r"{\2}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = writer.write(rule, view)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Winery appliance",
            "version": version("winery-appliance"),
            "description": "The fermentation book for programs. Get a token with POST /api/v1/tokens and send it "
            "as `Authorization: Bearer …`. Refusals are `application/problem+json` (RFC 9457).",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": writer.schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


Names = Mapping[tuple[type[BaseModel], JsonSchemaMode], Schema]


def _build_writer(operations: Sequence[Operation]) -> "_Writer":
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for told in operations:
        wanted |= {(m, "serialization"): None for m in told.answers.values() if m is not None}
        wanted |= {
            (m, "validation"): None for m in (told.body, told.form, told.query) if m is not None
        }
    made, definitions = models_json_schema(
        list(wanted), ref_template="#/components/schemas/{model}"
    )
    names: Names = {key: made[key] for key in wanted}
    schemas = definitions["$defs"]
    queries = {told.query for told in operations if told.query is not None}
    # Parameters are written out one by one; no answer refers to the model that they make together.
    apart = {q: schemas.pop(names[q, "validation"]["$ref"].rpartition("/")[2]) for q in queries}
    return _Writer(names, schemas, apart)


@dataclass(frozen=True)
class _Writer:
    """Writes operations: `names` are the references to the models in `schemas`, `queries` the models of queries."""

    names: Names
    schemas: Schema
    queries: Mapping[type[BaseModel], Schema]

    def write(self, rule: Rule, view: Callable[..., Any]) -> Schema:
        operation: Operation = view.operation  # type: ignore[attr-defined]
        permission = getattr(view, "permission", None)
        summary, _, more = cleandoc(view.__doc__ or "").partition("\n\n")
        written: Schema = {
            "operationId": rule.endpoint.rpartition(".")[2],
            "tags": [rule.rule.removeprefix(ROOT).split("/")[1]],
            "summary": " ".join(summary.split()),
            "description": " ".join(more.split()),
            "security": [{"bearer": []}] if permission else [],
            "parameters": [
                *_path_parameters(rule),
                *self._query_parameters(operation),
                *_header_parameters(operation),
            ],
            "responses": {
                **{
                    str(s): self._answer(s, m, operation)
                    for s, m in sorted(operation.answers.items())
                },
                **{str(s): self._problem(s) for s in _problems_of(rule, operation, permission)},
            },
        }
        if permission:
            written["x-permission"] = str(permission)
        if operation.body is not None:
            content = {"application/json": {"schema": self.names[operation.body, "validation"]}}
            if operation.form is not None:
                content["multipart/form-data"] = {
                    "schema": self.names[operation.form, "validation"]
                }
            written["requestBody"] = {"required": True, "content": content}
        return {name: value for name, value in written.items() if value or name == "security"}

    def _query_parameters(self, operation: Operation) -> list[Schema]:
        if operation.query is None:
            return []
        schema = self.queries[operation.query]
        return [
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "schema": _without_null(part),
            }
            for name, part in schema["properties"].items()
        ]

    def _answer(self, status: int, model: type[BaseModel] | None, operation: Operation) -> Schema:
        answer: Schema = {"description": HTTPStatus(status).phrase}
        if model is not None:
            schema = self.names[model, "serialization"]
            answer["description"] = cleandoc(model.__doc__ or "").partition("\n")[0]
            text: Schema = {"schema": {"type": "string"}}
            answer["content"] = {"application/json": {"schema": schema}} | dict.fromkeys(
                operation.also, text
            )
        elif operation.media and status == 200:
            answer["content"] = {
                media: {"schema": {"contentMediaType": media}} for media in operation.media
            }
        return answer

    def _problem(self, status: int) -> Schema:
        schema = self.names[Problem, "serialization"]
        problem: Schema = {
            "description": _PROBLEM_WORDS[HTTPStatus(status)],
            "content": {"application/problem+json": {"schema": schema}},
        }
        if status in _PROBLEM_HEADERS:
            problem["headers"] = _PROBLEM_HEADERS[status]
        return problem


def _path_parameters(rule: Rule) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PARAMETER_SCHEMAS[converter or "default"],
        }
        for converter, name in _PARAMETER.findall(rule.rule)
    ]


def _header_parameters(operation: Operation) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": sentence,
            "schema": {"type": "string"},
        }
        for name, sentence in operation.headers.items()
    ]


def _problems_of(rule: Rule, operation: Operation, permission: object) -> list[int]:
    """The refusals of this operation: its own, and those of its kind."""
    found = {*operation.problems, 503}
    if permission is not None:
        found |= {401, 403}
    if rule.arguments:
        found.add(404)
    if operation.query is not None:
        found.add(422)
    if operation.body is not None:
        found |= {413, 422}
    return sorted(found)


def _without_null(schema: Schema) -> Schema:
    """The schema of a query parameter: what is not sent is left out, never null."""
    rest = {
        name: value for name, value in schema.items() if name not in {"anyOf", "default", "title"}
    }
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    if kinds:
        rest |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if schema.get("default") is not None:
        rest["default"] = schema["default"]
    return rest
