"""The API's own description: for programs as OpenAPI, for people as a page."""

from typing import Any

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from winery_appliance.core import web
from winery_appliance.core.openapi import OpenApiDocument, Schema, build_document, describes

blueprint = Blueprint("api_docs", __name__)


@blueprint.get("/api/v1/openapi.json")
@describes({200: OpenApiDocument})
def get_openapi() -> ResponseReturnValue:
    """This description."""
    return web.answer_json(read_document())


@blueprint.get("/api/docs")
def show_docs() -> ResponseReturnValue:
    """The description as a page."""
    document = read_document()
    return render_template("api_docs.html", **arrange(document))


def read_document() -> Schema:
    """The document of this process; its views do not change while it runs."""
    made: Schema | None = current_app.extensions.get("winery_openapi")
    if made is None:
        made = current_app.extensions["winery_openapi"] = build_document(current_app)
    return made


def arrange(document: Schema) -> dict[str, Any]:
    """The document as the page shows it: operations by tag, and every model with its members."""
    tags: dict[str, list[Schema]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = {"method": method.upper(), "path": path, **operation}
            shown["takes"] = _find_model(operation.get("requestBody", {}))
            shown["answers"] = [
                {"status": status, "said": told["description"], "model": _find_model(told)}
                for status, told in sorted(operation["responses"].items())
            ]
            shown["parameters"] = [
                {**parameter, "type": tell_type(parameter["schema"])}
                for parameter in operation.get("parameters", ())
            ]
            tags.setdefault(operation["tags"][0], []).append(shown)
    models = {
        name: _tell_model(schema)
        for name, schema in sorted(document["components"]["schemas"].items())
    }
    return {"info": document["info"], "tags": tags, "models": models}


def _find_model(part: Schema) -> str:
    for content in part.get("content", {}).values():
        return _name_of(content["schema"])
    return ""


def _name_of(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _tell_model(schema: Schema) -> Schema:
    needed = schema.get("required", ())
    members = [
        {"name": name, "type": tell_type(part), "needed": name in needed}
        for name, part in schema.get("properties", {}).items()
    ]
    return {
        "said": schema.get("description", ""),
        "members": members,
        "values": schema.get("enum", []),
    }


def tell_type(schema: Schema) -> str:
    """A JSON schema in a few words: "text, at most 40 characters", "whole number, 1 to 2000"."""
    if "$ref" in schema:
        return _name_of(schema)
    if "anyOf" in schema:
        return " or ".join(tell_type(part) for part in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {tell_type(schema.get('items', {}))}"
    words = _WORDS.get(schema.get("format", kind), kind)
    return ", ".join([words, *_tell_limits(schema)])


_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "date-time": "moment with time zone",
    "uuid": "UUID",
    "password": "secret text",
}


def _tell_limits(schema: Schema) -> list[str]:
    limits = [
        ("minimum", "at least {}"),
        ("exclusiveMinimum", "more than {}"),
        ("maximum", "at most {}"),
        ("minLength", "at least {} characters"),
        ("maxLength", "at most {} characters"),
        ("default", "else {}"),
    ]
    return [
        words.format(schema[name])
        for name, words in limits
        if schema.get(name) not in (None, "", [])
    ]
