"""Checks of what a running container answers. Each takes its server and a sample, and says what it saw."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from perennial_cli.contract.asking import INVOCATION_SECONDS, PING_SECONDS, Answer, Sample, Server
from perennial_cli.contract.findings import Rule

CODE, PIPELINES = "your-algorithms-inference-code.html", "inference-pipeline-real-time.html"
BATCH, MODEL_ERROR = "your-algorithms-batch-code.html", "monitoring-cloudwatch.html"
ACCEPT_SECONDS = 0.25
PINGS, CLIENTS, REQUESTS = 20, 16, 48
LOOK_SECONDS = 0.02
LOAD_BYTES = 64_000  # of each request under load
MEGABYTE = 1_000_000
GARBAGE = b"\x00\xff\xfe not a request \x80" * 8
T = TypeVar("T")
BATCH_KEYS = {"MaxConcurrentTransforms": int, "BatchStrategy": str, "MaxPayloadInMB": int}


@dataclass(frozen=True)
class Seen:
    """Whether a rule is kept, and what was seen; None where it could not be tried."""

    kept: bool | None
    detail: str


@dataclass(frozen=True)
class Case:
    """What the checks are given: a server, a request it should answer, and the largest body."""

    server: Server
    sample: Sample | None
    largest: int  # bytes


NO_SAMPLE = Seen(None, "give a request that it should answer: --body")


def ping(case: Case) -> Seen:
    answers = [case.server.ping() for _ in range(PINGS)]
    wrong = [each.told for each in answers if each.status != 200]
    if wrong:
        return Seen(False, f"{len(wrong)} of {PINGS} were not 200: {wrong[0]}")
    worst = max(each.seconds for each in answers)
    typical = statistics.median(each.seconds for each in answers)
    return Seen(
        worst < PING_SECONDS, f"median {typical * 1000:.1f} ms, worst of {PINGS} {worst * 1000:.1f} ms"
    )


def ping_body(case: Case) -> Seen:
    answer = case.server.ping()
    return Seen(answer.status == 200 and not answer.body, f"{answer.told}, {len(answer.body)} bytes")


def invocation(case: Case) -> Seen:
    if case.sample is None:
        return NO_SAMPLE
    answer = case.server.invoke(case.sample)
    if answer.status != 200:
        return Seen(False, f"{answer.told}: {answer.body[:200].decode(errors='replace')}".rstrip(": "))
    return Seen(
        bool(answer.body) and answer.seconds < INVOCATION_SECONDS,
        f"200 in {answer.seconds * 1000:.1f} ms, {len(answer.body)} bytes",
    )


def content_type(case: Case) -> Seen:
    if case.sample is None:
        return NO_SAMPLE
    told = case.server.invoke(case.sample).headers.get("content-type", "")
    return Seen("/" in told, told or "the answer has none")


def attributes(case: Case) -> Seen:
    """SageMaker's own headers are no reason to refuse."""
    if case.sample is None:
        return NO_SAMPLE
    given = {"X_Amzn_SageMaker_Custom_Attributes": "trace=1", "X_Amzn_SageMaker_Inference_Id": "i-1"}
    answer = case.server.invoke(case.sample, **given, Accept="*/*")
    return Seen(answer.status == 200, answer.told)


def parameters_of_type(case: Case) -> Seen:
    if case.sample is None:
        return NO_SAMPLE
    kind = case.sample.content_type
    answer = case.server.invoke(Sample(case.sample.body, kind if ";" in kind else f"{kind}; charset=utf-8"))
    return Seen(answer.status == 200, answer.told)


def malformed(case: Case) -> Seen:
    kind = case.sample.content_type if case.sample else "application/json"
    return clients_error("bytes that are no data", case.server.invoke(Sample(GARBAGE, kind)))


def empty(case: Case) -> Seen:
    kind = case.sample.content_type if case.sample else "application/json"
    return clients_error("an empty body", case.server.invoke(Sample(b"", kind)))


def unknown_type(case: Case) -> Seen:
    body = case.sample.body if case.sample else b"1,2,3"
    return clients_error(
        "Content-Type: application/x-nobody-knows",
        case.server.invoke(Sample(body, "application/x-nobody-knows")),
    )


def unknown_path(case: Case) -> Seen:
    answers = [case.server.ask("GET", "/nobody-knows"), case.server.ask("GET", "/invocations")]
    good = all(400 <= each.status < 500 for each in answers)
    return Seen(good, f"GET /nobody-knows: {answers[0].told}, GET /invocations: {answers[1].told}")


def clients_error(what: str, answer: Answer) -> Seen:
    return Seen(400 <= answer.status < 500, f"{answer.told} to {what}")


def large_body(case: Case) -> Seen:
    """The largest body that SageMaker hands over: answered, or refused in words; and alive afterwards."""
    sample = case.sample or Sample(b"1,2,3\n", "text/csv")
    answer = case.server.invoke(Sample(repeated(sample, case.largest), sample.content_type))
    after = case.server.ping()
    if after.status != 200:
        return Seen(False, f"{answer.told} to {case.largest / MEGABYTE:.0f} MB, and then /ping: {after.told}")
    good = answer.status == 200 or 400 <= answer.status < 500
    return Seen(
        good, f"{answer.told} to {case.largest / MEGABYTE:.0f} MB in {answer.seconds:.1f} s; /ping is well"
    )


def repeated(sample: Sample, size: int) -> bytes:
    """Lines become many; what has no lines is filled up with blanks, which JSON ignores."""
    if sample.content_type.partition(";")[0].strip() in {
        "text/csv",
        "application/jsonlines",
        "application/x-jsonlines",
    }:
        line = sample.body.rstrip(b"\n") + b"\n"
        return line * max(1, size // len(line))
    return sample.body + b" " * max(0, size - len(sample.body))


def ping_under_load(case: Case) -> Seen:
    pings, answers = under_load(case, case.server.ping)
    worst = max(each.seconds for each in pings)
    lost = [each.told for each in pings if each.status != 200]
    if lost:
        return Seen(False, f"{len(lost)} of {len(pings)} pings beside {CLIENTS} clients: {lost[0]}")
    refused = len([each for each in answers if each.status not in (200, 503)])
    return Seen(
        worst < PING_SECONDS,
        f"worst of {len(pings)} beside {CLIENTS} clients {worst * 1000:.0f} ms"
        + (f"; {refused} of {len(answers)} requests were not answered" if refused and case.sample else ""),
    )


def accepts_at_once(case: Case) -> Seen:
    times, _ = under_load(case, lambda: case.server.connect(PING_SECONDS))
    late = [each for each in times if each is None or each > ACCEPT_SECONDS]
    seen = [each for each in times if each is not None]
    worst = f"{max(seen) * 1000:.0f} ms" if len(seen) == len(times) else f"over {PING_SECONDS:.0f} s"
    return Seen(not late, f"worst of {len(times)} beside {CLIENTS} clients {worst}")


def under_load(case: Case, look: Callable[[], T]) -> tuple[list[T], list[Answer]]:
    """What `look` sees while clients ask for predictions of some thousand rows each."""
    sample = case.sample or Sample(GARBAGE, "application/json")
    heavy = Sample(repeated(sample, min(LOAD_BYTES, case.largest)), sample.content_type)
    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [pool.submit(case.server.invoke, heavy) for _ in range(REQUESTS)]
        seen = [look()]
        while wait(asked, LOOK_SECONDS).not_done:
            seen.append(look())
    return seen, [each.result() for each in asked]


def execution_parameters(case: Case) -> Seen:
    """Optional; but what is answered must be what batch transform reads."""
    answer = case.server.ask("GET", "/execution-parameters")
    if answer.status != 200:
        return Seen(400 <= answer.status < 500, f"{answer.told}: batch transform takes its defaults")
    try:
        told: Any = json.loads(answer.body)
    except ValueError:
        return Seen(False, f"no JSON: {answer.body[:80]!r}")
    if not isinstance(told, dict):
        return Seen(False, f"no object: {answer.body[:80]!r}")
    wrong = [key for key, kind in BATCH_KEYS.items() if key in told and not isinstance(told[key], kind)]
    return Seen(not wrong, f"{', '.join(wrong)} of another type" if wrong else json.dumps(told))


CHECKS: Sequence[tuple[Rule, Callable[[Case], Seen]]] = (
    (
        Rule("/ping answers", "must", "GET /ping must answer 200 within 2 seconds, steadily.", CODE),
        ping,
    ),
    (
        Rule("/ping has no body", "should", "The answer to /ping is 200 with an empty body.", CODE),
        ping_body,
    ),
    (
        Rule(
            "/invocations answers",
            "must",
            "POST /invocations must answer a request within 60 seconds; an answer that is not 200 is a ModelError.",
            CODE,
        ),
        invocation,
    ),
    (
        Rule(
            "answers name their Content-Type",
            "should",
            "SageMaker hands Content-Type on to the caller; without one, SDKs and Data Capture guess.",
            CODE,
        ),
        content_type,
    ),
    (
        Rule(
            "SageMaker's headers are taken",
            "must",
            "InvokeEndpoint hands Accept, X-Amzn-SageMaker-Custom-Attributes and the inference id on to the container.",
            CODE,
        ),
        attributes,
    ),
    (
        Rule(
            "Content-Type with parameters",
            "should",
            "Clients write `text/csv; charset=utf-8`; it is the same media type.",
            CODE,
        ),
        parameters_of_type,
    ),
    (
        Rule(
            "a malformed body is the client's error",
            "should",
            "A 5xx counts as the container's own error (Invocation5XXErrors): it rings alarms and rolls deployments back. "
            "A 200 is a prediction of nothing.",
            MODEL_ERROR,
        ),
        malformed,
    ),
    (
        Rule(
            "an empty body is the client's error",
            "should",
            "A 5xx counts as the container's own error; a 200 hides a client that sends nothing.",
            MODEL_ERROR,
        ),
        empty,
    ),
    (
        Rule(
            "an unknown Content-Type is refused",
            "should",
            "What can't be read is refused with 4xx (415), neither guessed at nor an error of the container's.",
            MODEL_ERROR,
        ),
        unknown_type,
    ),
    (
        Rule("other paths and methods are refused", "should", "They are 404 and 405, not 5xx.", CODE),
        unknown_path,
    ),
    (
        Rule(
            "the largest body",
            "must",
            "A body up to the limit is answered within 60 seconds, or refused; it must not end the server.",
            CODE,
        ),
        large_body,
    ),
    (
        Rule(
            "/ping answers under load",
            "must",
            "Pings go on while requests are answered; one that takes 2 seconds fails, and a failing instance is replaced.",
            CODE,
        ),
        ping_under_load,
    ),
    (
        Rule(
            "connections are accepted",
            "must",
            "The container must accept connections within 250 ms.",
            CODE,
        ),
        accepts_at_once,
    ),
    (
        Rule(
            "/execution-parameters",
            "should",
            "Optional: MaxConcurrentTransforms, BatchStrategy and MaxPayloadInMB for batch transform.",
            BATCH,
        ),
        execution_parameters,
    ),
)
