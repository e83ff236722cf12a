"""No alarm exists whose metric nothing emits: alarms beside what the analysis and the endpoints really emit."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from cloudformation import ROOT
from fakes import NAMES, NOW, config

from perennial.alarms.intent import monitor_of
from perennial.alarms.wanted import wanted
from perennial.aws.analyst import AnalysisLibrary
from perennial.monitoring.analysis import Source, request_of
from perennial.monitoring.baselines import Version
from perennial.monitoring.monitors import MONITORS
from perennial.monitoring.windows import Window
from perennial_analysis.columns import numbers, texts
from perennial_analysis.window import Holdout, baseline
from twin.alarm_rules import LOOK_BACK, judge

ALL = config(
    monitors={
        "data_quality": {"every": "1h", "min_records": 1},
        "model_quality": {"every": "1h", "min_records": 1},
        "bias": {"every": "1h", "facet": "afam", "privileged": "no", "min_records": 1},
    }
)
HELD_OUT = 200
TRUTHS = [("no", "yes")[number % 3 == 0] for number in range(HELD_OUT)]
BASELINE = baseline(
    {
        "ratio": numbers("ratio", [number / 100 for number in range(HELD_OUT)]),
        "afam": texts("afam", ["no", "yes"] * (HELD_OUT // 2)),
    },
    Holdout(TRUTHS, ["no"] * HELD_OUT, [0.2] * HELD_OUT, ["no", "yes"] * (HELD_OUT // 2)),
    problem="binary_classification",
    target="granted",
    classes=("no", "yes"),
    facet="afam",
)
WINDOW = Window(NOW - timedelta(hours=1), NOW)


def record(number):
    at = WINDOW.start + timedelta(seconds=number)
    side = {"observedContentType": "text/csv", "encoding": "CSV"}
    return {
        "captureData": {
            "endpointInput": {**side, "mode": "INPUT", "data": f"{number / 100},{('no', 'yes')[number % 2]}"},
            "endpointOutput": {**side, "mode": "OUTPUT", "data": "no,0.2"},
        },
        "eventMetadata": {"eventId": f"e{number}", "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"},
        "eventVersion": "0",
    }


def label(number):
    return {
        "groundTruthData": {"data": ("no", "yes")[number % 3 == 0], "encoding": "CSV"},
        "eventMetadata": {"eventId": f"e{number}"},
        "eventVersion": "0",
    }


def lines(documents):
    body = "\n".join(json.dumps(each) for each in documents).encode()
    return [Source("file.jsonl", lambda: io.BytesIO(body))]


def emitted(monitor, traffic):
    """Namespace, name and dimensions of what one window gives."""
    request = request_of(ALL, monitor, WINDOW, Version(1), None, NAMES)
    request = type(request)(**{**vars(request), "features": ("ratio", "afam"), "classes": ("no", "yes")})
    captures = lines(map(record, range(300))) if traffic else []
    labels = lines(map(label, range(300))) if traffic else []
    found = AnalysisLibrary().analyze(request, BASELINE, captures, labels)
    return {(point.namespace, point.name, frozenset(point.dimensions.items())) for point in found.datapoints}


def watched(intent):
    request = wanted(ALL, NAMES, "data").requests[intent]
    dimensions = frozenset((each["Name"], each["Value"]) for each in request["Dimensions"])
    return request["Namespace"], request["MetricName"], dimensions


@pytest.mark.parametrize("intent", ["data-quality", "model-quality", "bias", "label-coverage", "silence"])
def test_monitors_emit_what_alarms_watch(intent):
    """Namespace, name and dimensions are the analysis' own, to the letter."""
    assert watched(intent) in emitted(monitor_of(ALL, intent), traffic=True)


@pytest.mark.parametrize("monitor", MONITORS)
def test_an_empty_window_speaks_too(monitor):
    """Without traffic there is still a number of records, and nothing that could clear another alarm."""
    names = {name for _, name, _ in emitted(monitor, traffic=False)}
    assert {"records"} == names


@pytest.mark.parametrize("intent", ["data-quality", "model-quality", "bias"])
@pytest.mark.parametrize("state", ["ALARM", "OK"])
@pytest.mark.parametrize("before", [(1.0, 1.0, 1.0), (1.0, 1.0, 0.0), (0.0, 0.0, 1.0), ()])
def test_windows_that_nobody_judged_change_no_alarm(intent, state, before):
    """An alarm goes on as it was through empty windows, however many: what rings is not cleared by silence."""
    request = {**wanted(ALL, NAMES, "data").requests[intent], "StateValue": state}
    if before:
        state = judge(request, before).state
    for unjudged in range(1, 30):
        window = [*[None] * unjudged, *before][: request["EvaluationPeriods"] + LOOK_BACK]
        request["StateValue"] = judge(request, window).state
        assert state == request["StateValue"]


@pytest.mark.parametrize("intent", ["latency", "errors"])
def test_endpoints_emit_what_alarms_watch(intent):
    """SageMaker's own names; the twin's endpoints have them, too."""
    request = wanted(ALL, NAMES, "data").requests[intent]
    metrics = [query["MetricStat"]["Metric"] for query in request.get("Metrics", []) if "MetricStat" in query]
    known = Path(ROOT / "local/twin/sagemaker/hosting_metrics.py").read_text()
    for metric in metrics or [request]:
        assert "AWS/SageMaker" == metric["Namespace"]
        assert f'"{metric["MetricName"]}"' in known
        assert ["EndpointName", "VariantName"] == [each["Name"] for each in metric["Dimensions"]]
