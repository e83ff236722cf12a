"""The server against its own OpenAPI document: schemathesis makes requests, good ones and bad, and checks each answer."""

import pytest
import schemathesis
from container_jobs import Job, Server
from hypothesis import HealthCheck, given, settings
from jsonschema_rs import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from perennial_container.artefact import Artefact
from perennial_container.serving.bounds import MOST_CELLS, MOST_ROWS, MOST_VALUES
from perennial_container.serving.media import BODIES
from perennial_container.serving.openapi import describe

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
for media_type in BODIES:
    if media_type != "application/json":

        @schemathesis.serializer(media_type)
        def as_it_is(_, value):
            """Whatever text or bytes were made."""
            return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def document(fuzzed: Server) -> dict:
    return fuzzed.client.get("/openapi.json").json()


def test_the_document_is_the_models(document: dict, loans: Job) -> None:
    """The document names the model's features, classes and version."""
    artefact = Artefact.load(loans.model, threads=1)
    assert document == describe(artefact.schema, artefact.encodings, artefact.description["sha256"][:12])
    schemas, names = document["components"]["schemas"], ["ratio", "score", "group", "first"]
    _, named = schemas["Row"]["anyOf"]
    assert schemas["Cells"]["minItems"] == len(names)
    assert named["required"] == names
    assert schemas["Split"]["properties"]["columns"]["const"] == names
    operation = document["paths"]["/invocations"]["post"]
    assert set(operation["requestBody"]["content"]) == set(BODIES)


def test_the_document_tells_the_bounds(document: dict) -> None:
    """Whoever makes requests from the document knows how many rows, cells and values are read."""
    operation = document["paths"]["/invocations"]["post"]
    told = operation["responses"]["413"]["description"]
    assert [number for number in (MOST_ROWS, MOST_CELLS, MOST_VALUES) if str(number) not in told] == []
    rows, *named, split, _ = operation["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert rows["maxItems"] == MOST_ROWS
    assert {form["properties"][form["required"][0]]["maxItems"] for form in named} == {MOST_ROWS}
    assert split == {"$ref": "#/components/schemas/Split"}
    assert document["components"]["schemas"]["Split"]["properties"]["data"]["maxItems"] == MOST_ROWS


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("index", [True, False])
def test_every_form_of_a_split_table_is_in_the_document(
    fuzzed: Server, document: dict, named: bool, index: bool
) -> None:
    """A split table, bare or named, with pandas' index or without, is one the document allows, and is answered."""
    names = document["components"]["schemas"]["Split"]["properties"]["columns"]["const"]
    table = {"columns": names, "data": [[None] * len(names)] * 2} | ({"index": [0, "b"]} if index else {})
    body = {"dataframe_split": table} if named else table
    schema = document["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(body)
    answer = fuzzed.client.post("/invocations", json=body)
    assert (answer.status_code, len(answer.json()["predictions"])) == (200, 2)


@pytest.mark.parametrize(
    ("path", "method", "mode", "examples"),
    [
        ("/invocations", "POST", GenerationMode.POSITIVE, 40),
        ("/invocations", "POST", GenerationMode.NEGATIVE, 40),
        ("/ping", "GET", GenerationMode.POSITIVE, 1),
        ("/execution-parameters", "GET", GenerationMode.POSITIVE, 1),
        ("/metrics", "GET", GenerationMode.POSITIVE, 1),
        ("/openapi.json", "GET", GenerationMode.POSITIVE, 1),
    ],
)
def test_the_server_does_what_its_document_says(
    fuzzed: Server, document: dict, path: str, method: str, mode: GenerationMode, examples: int
) -> None:
    """No request that the document allows, and none that it does not, is answered otherwise than it says."""
    operation = schemathesis.openapi.from_dict(document)[path][method]

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        response = case.call(base_url=str(fuzzed.client.base_url))
        case.validate_response(response, checks=CHECKS)
        good = mode.is_positive and case.media_type in (None, "application/json")
        assert not good or response.status_code == 200, (case.body, response.text)

    ask()
