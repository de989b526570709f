"""The OpenAPI document of the HTTP interface, made from the registry of operations."""

from typing import Any

from afnet.arguments import Argument
from afnet.registry import OPERATIONS, Operation

__all__ = ["openapi"]

_WHOLE = {"type": "integer"}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_KINDS: dict[str, dict[str, Any]] = {
    "integer": _WHOLE,
    "number": {"type": "number"},
    "text": {"type": "string"},
    "file": {"type": "string"},
    "flag": {"type": "boolean"},
    "identifiers": {"oneOf": [{"type": "array", "items": _WHOLE}, {"type": "string"}, _WHOLE]},
    "names": {"oneOf": [_TEXTS, {"type": "string"}]},
    "ranges": {
        "oneOf": [
            {"type": "array", "items": {"oneOf": [_WHOLE, {"type": "array", "items": _WHOLE}]}},
            {"type": "string"},
            _WHOLE,
        ]
    },
    "secret": {"type": "string", "format": "password", "writeOnly": True},
    "parameters": {"type": "object"},
    "job": {"type": "object"},
}

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "sentence", "hint", "problems"],
            "properties": {
                "code": {"type": "string", "description": "A stable word for programs."},
                "sentence": {"type": "string", "description": "What is wrong."},
                "hint": {"type": "string", "description": "What to do about it; may be empty."},
                "problems": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["path", "what", "hint"],
                        "properties": {name: {"type": "string"} for name in ("path", "what", "hint")},
                    },
                },
            },
        }
    },
}

_REFUSALS = {
    "400": "What was asked is wrong.",
    "401": "The server does not know who asked.",
    "403": "Who asked may not do this.",
    "404": "What was asked for is not there.",
    "409": "It contradicts what the farm is now.",
    "413": "It is more than the farm takes.",
    "503": "The database is away; ask again later.",
}


def openapi(version: str) -> dict[str, Any]:
    """Return the document (OpenAPI 3.1) for a server of ``version``."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS.values():
        if operation.kind != "view":
            paths[f"/api/op/{operation.name}"] = {"post": _described(operation)}
    paths["/api/status"] = {"get": _reading("How the server is.", "status")}
    paths["/api/operations"] = {"get": _reading("The registry of operations.", "operations")}
    paths["/api/pools"] = {"get": _reading("The renders of each pool.", "pools")}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Afwatch",
            "version": version,
            "description": "Every operation of the farm. A body is a JSON object with the arguments of the operation.",
        },
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR}},
    }


def _described(operation: Operation) -> dict[str, Any]:
    properties = {argument.name: _argument(argument) for argument in operation.arguments}
    required = [argument.name for argument in operation.arguments if argument.required]
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return {
        "operationId": operation.name,
        "summary": operation.help,
        "tags": [operation.words[0]],
        "x-role": operation.role.name.lower(),
        "x-owner": operation.owner,
        "requestBody": {"required": bool(required), "content": {"application/json": {"schema": schema}}},
        "responses": _responses(),
    }


def _argument(argument: Argument) -> dict[str, Any]:
    schema = {**_KINDS[argument.kind], "description": argument.help}
    if argument.choices:
        schema["enum"] = list(argument.choices)
    for key, value in (("minimum", argument.least), ("maximum", argument.most), ("default", argument.default)):
        if value is not None:
            schema[key] = value
    return schema


def _reading(summary: str, name: str) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": _responses()}


def _responses() -> dict[str, Any]:
    refusals = {
        status: {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status, text in _REFUSALS.items()
    }
    answer = {"description": "The answer.", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {"200": answer, **refusals}
