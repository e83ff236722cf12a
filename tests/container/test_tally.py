"""What the model predicts is told as CloudWatch's embedded metric format, and only where somebody asked."""

import json
import threading
import time
from typing import Any

import numpy as np
import pytest
from container_jobs import Job, serving, stop
from hypothesis import given
from hypothesis import strategies as st

from perennial_container.predictor import Predictions
from perennial_container.serving.answers import AnswerWriter
from perennial_container.serving.tally import METRICS, NAMESPACE, Tally, TallyingWriter

CONFIG = "perennial-loans-v2-0123ab"
SCORES = st.lists(st.floats(-1e6, 1e6), max_size=20)


def told(*requests: list[float]) -> list[dict[str, Any]]:
    lines: list[str] = []
    tally = Tally(CONFIG, lines.append)
    for scores in requests:
        tally.add(np.array(scores))
    tally.tell()
    return [json.loads(line) for line in lines]


def sums(line: dict[str, Any]) -> list[float]:
    return [line[name] for name in METRICS]


@given(st.lists(SCORES, max_size=20))
def test_the_sums_are_those_of_all_predictions(requests: list[list[float]]):
    """However the predictions are cut into requests."""
    scores = [score for request in requests for score in request]
    found = told(*requests)
    if not scores:
        assert found == []
        return
    [line] = found
    assert sums(line) == pytest.approx(
        [len(scores), sum(scores), sum(score**2 for score in scores)], rel=1e-9, abs=1e-3
    )


def test_a_line_is_cloudwatchs_embedded_metric_format():
    """Namespace, one set of dimensions, metrics by name at the root, and the time in milliseconds."""
    before = time.time()
    [line] = told([0.25, 0.5])
    about = line.pop("_aws")
    assert before * 1000 - 1 <= about["Timestamp"] <= time.time() * 1000
    [directive] = about["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert directive["Dimensions"] == [["EndpointConfig"]]
    assert [metric["Name"] for metric in directive["Metrics"]] == list(METRICS)
    assert line == {
        "EndpointConfig": CONFIG,
        "PredictionCount": 2,
        "PredictionSum": 0.75,
        "PredictionSquareSum": 0.3125,
    }


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e200])
def test_what_is_no_finite_number_is_left_out(odd: float):
    """One of them would make nonsense of every sum; alone it is nothing to tell."""
    found = told([odd], [1.0, 2.0])
    assert [sums(line) for line in found] == [[2, 3.0, 5.0]]


def test_nothing_is_told_twice():
    """Telling starts over."""
    lines: list[str] = []
    tally = Tally(CONFIG, lines.append)
    tally.add(np.array([1.0]))
    tally.tell()
    tally.tell()
    assert len(lines) == 1


def test_threads_lose_nothing():
    """Large bodies are answered in threads."""
    lines: list[str] = []
    tally = Tally(CONFIG, lines.append)
    threads = [threading.Thread(target=lambda: [tally.add(np.ones(3)) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.tell()
    assert sums(json.loads(lines[0])) == [12_000, 12_000.0, 12_000.0]


@pytest.mark.parametrize("form", ["csv", "json", "jsonlines"])
def test_counting_changes_no_answer(form: Any):
    """The writer that counts writes what the other writes."""
    predictions = Predictions(np.array([0.2, 0.9]), np.array([0, 1]))
    lines: list[str] = []
    counting = TallyingWriter(("no", "yes"), Tally(CONFIG, lines.append))
    assert counting.write(predictions, form) == AnswerWriter(("no", "yes")).write(predictions, form)


def test_nobody_asked():
    """Without the variable there is no tally, and so no thread and no line."""
    assert Tally.from_env({}) is None


@pytest.mark.parametrize("seconds", ["0.2", "3600"], ids=["while it serves", "at its end"])
def test_a_server_tells(loans: Job, seconds: str):
    """By the minute, and what is left when it is stopped."""
    environment = {"PERENNIAL_ENDPOINT_CONFIG": CONFIG, "PERENNIAL_METRICS_SECONDS": seconds}
    with serving(loans.base, **environment) as server:
        server.wait_for_ping(200)
        answer = server.invoke("0.5,3,a,true\n0.1,2,b,false\n", accept="application/json").json()
        if seconds == "3600":
            assert stop(server) == 0
        assert server.process.stdout is not None
        line = next(json.loads(text) for text in server.process.stdout if text.startswith('{"_aws"'))
    scores = [prediction["score"] for prediction in answer["predictions"]]
    assert sums(line) == pytest.approx([2, sum(scores), sum(score**2 for score in scores)])
