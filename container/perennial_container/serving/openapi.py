"""Describes the server as OpenAPI 3.1, from the tables that the server itself answers by. Pure.

Specification: https://spec.openapis.org/oas/v3.1.0
"""

from collections.abc import Mapping, Sequence
from typing import Any

from perennial_container.encoding import FeatureEncoding
from perennial_container.schema import Schema
from perennial_container.serving.bounds import MOST_CELLS, MOST_ROWS, MOST_VALUES
from perennial_container.serving.media import BODIES, FORMS
from perennial_container.serving.rows import ROWS_KEYS, SPLIT_KEY
from perennial_container.serving.wishes import KEY, PARTS

Document = dict[str, Any]

REFUSALS = {
    "400": "the body cannot be read: code, line and column say where",
    "405": "another method",
    "406": "Accept allows none of the forms",
    "408": "the body began and did not end in time",
    "413": f"the body is too large, or has more than {MOST_ROWS} rows or {MOST_CELLS} cells, or as JSON more than"
    f" {MOST_VALUES} values that are not all numbers in lists: send fewer rows",
    "415": "another content type, charset or encoding",
    "431": "the headers are too large",
    "500": "the prediction failed",
    "503": "the model is not ready, or too much is being answered",
    "504": "a handler of one's own took too long",
}
FARTHEST = 1e300
LARGEST_WHOLE = 2**53
TYPES: Mapping[str, Document] = {
    "float": {"type": ["number", "null"], "minimum": -FARTHEST, "maximum": FARTHEST},
    "int": {"type": ["integer", "null"], "minimum": -LARGEST_WHOLE, "maximum": LARGEST_WHOLE},
    "bool": {"type": ["boolean", "null"]},
    "string": {"type": ["string", "null"]},
}
INDEX: Document = {
    "type": ["string", "integer"],
    "minimum": -LARGEST_WHOLE,
    "maximum": LARGEST_WHOLE,
}


def describe(schema: Schema, encodings: Sequence[FeatureEncoding], version: str) -> Document:
    """The document for one model: `schema` and `encodings` are its own, `version` is its hash."""
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Perennial model server: {schema.target}", "version": version},
        "paths": {
            "/ping": {"get": _operation("ping", {"200": {"description": "ready"}, "503": _refusal("503")})},
            "/invocations": {"post": _invocations()},
            "/execution-parameters": {
                "get": _operation(
                    "batch", {"200": _answer("application/json", PARAMETERS), "503": _refusal("503")}
                )
            },
            "/metrics": {"get": _operation("metrics", {"200": _answer("text/plain", {"type": "string"})})},
            "/openapi.json": {
                "get": _operation(
                    "describe", {"200": _answer("application/json", {}), "503": _refusal("503")}
                )
            },
        },
        "components": {
            "schemas": {
                "Error": ERROR,
                "Row": _row(encodings),
                "Cells": _cells(encodings),
                "Split": _split(encodings),
                "Prediction": _prediction(schema),
            }
        },
    }


def _invocations() -> Document:
    header = {"in": "header", "required": False}
    wishes = "|".join(PARTS)
    operation = _operation(
        "invoke",
        {"200": _predictions(), **{status: _refusal(status) for status in REFUSALS}},
    )
    operation["parameters"] = [
        {**header, "name": "Accept", "schema": {"enum": [*FORMS, "*/*"]}},
        {
            **header,
            "name": "X-Amzn-SageMaker-Custom-Attributes",
            "schema": {"type": "string", "pattern": f"^{KEY}=({wishes})$"},
        },
        {
            **header,
            "name": "X-Amzn-SageMaker-Inference-Id",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"},
        },
    ]
    operation["requestBody"] = {
        "required": True,
        "content": {name: {"schema": _body(form)} for name, form in BODIES.items()},
    }
    return operation


def _body(form: str) -> Document:
    if form in ("npy", "parquet"):
        return {"type": "string", "format": "binary"}
    if form != "json":
        return {"type": "string"}
    rows, split = _many({"$ref": "#/components/schemas/Row"}), {"$ref": "#/components/schemas/Split"}
    named = [_object({key: rows}) for key in ROWS_KEYS]
    return {"anyOf": [rows, *named, split, _object({SPLIT_KEY: split})]}


def _many(row: Document) -> Document:
    return {"type": "array", "items": row, "minItems": 1, "maxItems": MOST_ROWS}


def _object(required: Document, optional: Document | None = None) -> Document:
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def _row(encodings: Sequence[FeatureEncoding]) -> Document:
    named = {encoding.feature.name: TYPES[encoding.feature.type] for encoding in encodings}
    return {"anyOf": [{"$ref": "#/components/schemas/Cells"}, _object(named)]}


def _cells(encodings: Sequence[FeatureEncoding]) -> Document:
    """A row by position."""
    return {
        "type": "array",
        "prefixItems": [TYPES[encoding.feature.type] for encoding in encodings],
        "items": False,
        "minItems": len(encodings),
        "maxItems": len(encodings),
    }


def _split(encodings: Sequence[FeatureEncoding]) -> Document:
    """As pandas writes it with `orient="split"`. JSON Schema cannot tie the cells of a row to names in another list."""
    names: Document = {
        "const": [encoding.feature.name for encoding in encodings],
        "description": "in any order, with others among them: each row of data has its cells in the same order",
    }
    rows = _many({"$ref": "#/components/schemas/Cells"})
    index = {"type": "array", "items": INDEX, "description": "not read"}
    return _object({"columns": names, "data": rows}, {"index": index})


def _prediction(schema: Schema) -> Document:
    """One row's; which of the parts are there is asked for by the caller."""
    score: Document = {"type": "number"}
    if not schema.classes:
        return {"type": "object", "properties": {"score": score}, "required": ["score"]}
    parts: Document = {"predicted_label": {"enum": list(schema.classes)}, "score": score}
    if len(schema.classes) > 2:
        parts["probabilities"] = {
            "type": "array", "items": score, "minItems": len(schema.classes), "maxItems": len(schema.classes),
        }  # fmt: skip
    return {"type": "object", "properties": parts, "minProperties": 1, "additionalProperties": False}


def _predictions() -> Document:
    of_json = {
        "type": "object",
        "properties": {
            "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}}
        },
        "required": ["predictions"],
    }
    content: Document = {
        name: {"schema": of_json if form == "json" else {"type": "string"}} for name, form in FORMS.items()
    }
    version = {"x-model-version": {"schema": {"type": "string"}, "required": True}}
    return {"description": "one prediction a row, in their order", "headers": version, "content": content}


def _operation(name: str, responses: Document) -> Document:
    return {"operationId": name, "responses": responses}


def _answer(media: str, schema: Document) -> Document:
    return {"description": "as asked", "content": {media: {"schema": schema}}}


def _refusal(status: str) -> Document:
    error = {"$ref": "#/components/schemas/Error"}
    return {"description": REFUSALS[status], "content": {"application/json": {"schema": error}}}


ERROR: Document = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string", "pattern": "^[a-z0-9_]+$"},
                "message": {"type": "string"},
                "line": {"type": "integer", "minimum": 1},
                "column": {"type": "string"},
            },
            "required": ["code", "message"],
            "additionalProperties": False,
        }
    },
    "required": ["error"],
    "additionalProperties": False,
}
PARAMETERS: Document = {
    "type": "object",
    "properties": {
        "MaxConcurrentTransforms": {"type": "integer", "minimum": 1},
        "BatchStrategy": {"enum": ["MULTI_RECORD"]},
        "MaxPayloadInMB": {"type": "integer", "minimum": 1, "maximum": 100},
    },
    "required": ["MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB"],
}
