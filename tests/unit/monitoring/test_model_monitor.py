"""The engine `model-monitor`: chosen with a reason, kept as model.yaml wants it, and its results read as ours."""

import json
from datetime import UTC, datetime, timedelta

import botocore.session
import pytest
from botocore.validate import validate_parameters
from fakes import NAMES, NOW, PLATFORM, config
from monitoring.watched_model import HOUR, MINUTE, REPORT_NOON, REPORTS, analyzed, tick, watched

from perennial.intake.schema import Feature, Schema
from perennial.monitoring.analysis import request_of
from perennial.monitoring.baselines import Version
from perennial.monitoring.engines import choose, cron
from perennial.monitoring.images import image_uri
from perennial.monitoring.model_monitor import Execution, bias_config, definition, portable
from perennial.monitoring.processing import ProcessingJob
from perennial.monitoring.summary import Summary
from perennial.monitoring.windows import Window, iso
from perennial.reactions.analyze_traffic import analyze_traffic

DAY = timedelta(days=1)
ALL = {
    "data_quality": {"every": "1h"},
    "model_quality": {"every": "1d", "label_delay": "36h"},
    "bias": {"every": "6h", "facet": "afam", "privileged": "no"},
}


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (HOUR, "cron(0 * ? * * *)"),
        (2 * HOUR, "cron(0 0/2 ? * * *)"),
        (12 * HOUR, "cron(0 0/12 ? * * *)"),
        (DAY, "cron(0 0 ? * * *)"),
        (15 * MINUTE, None),
        (90 * MINUTE, None),
        (7 * DAY, None),
    ],
)
def test_cadence(every, expected):
    """Model Monitor knows hours that divide a day, and days; nothing shorter, nothing longer."""
    assert expected == cron(every)


ANSWERS = {"open": {"refused": "", "at": NOW.isoformat()}, "closed": {"refused": "no", "at": NOW.isoformat()}}


@pytest.mark.parametrize(
    ("changes", "every", "answer", "expected"),
    [
        ({}, HOUR, None, None),
        ({}, HOUR, "open", "model-monitor"),
        ({}, HOUR, "closed", "built-in"),
        ({}, 15 * MINUTE, "open", "built-in"),
        ({"engine": "built-in"}, HOUR, "open", "built-in"),
        ({"engine": "model-monitor"}, HOUR, "open", "model-monitor"),
        ({"engine": "model-monitor"}, HOUR, "closed", "built-in"),
        ({"endpoint": {"kind": "serverless"}}, HOUR, "open", "built-in"),
    ],
)
def test_choice(changes, every, answer, expected):
    """Where Model Monitor cannot watch, ours does; the account is asked once and its answer kept for a month."""
    choice = choose(config(**changes), every, "image", ANSWERS.get(answer), NOW)
    assert expected == (choice.engine if choice else None)
    assert choose(config(), HOUR, "image", ANSWERS["open"], NOW + 31 * DAY) is None
    assert "built-in" == choose(config(), HOUR, None, ANSWERS["open"], NOW).engine


def test_images():
    """AWS's accounts differ by region; China has a domain of its own; the table says where it is from."""
    assert "159807026194.dkr.ecr.us-west-2.amazonaws.com/sagemaker-model-monitor-analyzer" == image_uri(
        "model-monitor", "us-west-2"
    )
    assert image_uri("clarify", "us-east-1").endswith("/sagemaker-clarify-processing:1.0")
    assert ".cn-north-1.amazonaws.com.cn/" in image_uri("model-monitor", "cn-north-1")
    assert image_uri("model-monitor", "mars-1") is None


SCHEMA = Schema(
    "binary_classification",
    "deny",
    ("no", "yes"),
    "csv",
    10,
    (),
    (Feature("afam", "string", nullable=False),),
)
FOLDER = "s3://data/models/mortgage/trainings/job/baseline/"
FILES = {
    name: FOLDER + name
    for name in (
        "statistics.json",
        "constraints.json",
        "model_quality_constraints.json",
        "bias_analysis.json",
    )
}


def wanted(monitor, monitors=ALL):
    settings = config(monitors=monitors)
    window = Window(NOW, NOW + HOUR)
    request = request_of(settings, monitor, window, Version(1, "abc", FILES), SCHEMA, NAMES)
    return definition(settings, request, FILES, b'{"features": []}', "image", PLATFORM)


@pytest.mark.parametrize(
    ("monitor", "operation"),
    [
        ("data_quality", "CreateDataQualityJobDefinition"),
        ("model_quality", "CreateModelQualityJobDefinition"),
        ("bias", "CreateModelBiasJobDefinition"),
    ],
)
def test_requests(monitor, operation):
    """AWS's own service model accepts definition and schedule; names fit; other content is another name."""
    service = botocore.session.get_session().get_service_model("sagemaker")
    made = wanted(monitor)
    platform = {**made.job, "RoleArn": "arn:aws:iam::123456789012:role/perennial-ProcessingRole"}
    validate_parameters(platform, service.operation_model(operation).input_shape)
    validate_parameters(dict(made.schedule), service.operation_model("CreateMonitoringSchedule").input_shape)
    assert (
        made.job["JobDefinitionName"]
        == made.schedule["MonitoringScheduleConfig"]["MonitoringJobDefinitionName"]
    )
    assert made.job == wanted(monitor).job
    other = wanted(monitor, {**ALL, monitor: {**ALL[monitor], "every": "12h"}})
    assert made.job["JobDefinitionName"] != other.job["JobDefinitionName"]


@pytest.mark.parametrize(
    ("more", "facet"),
    [
        ({}, {"name_or_index": "age"}),
        ({"facet_threshold": 40}, {"name_or_index": "age", "value_or_threshold": [40]}),
    ],
)
def test_clarify_is_told_the_thresholds(more, facet):
    """Its analysis_config.json names the facet, and what parts a facet of numbers."""
    settings = config(monitors={"bias": {"facet": "age", "privileged": 30, **more}})
    request = request_of(settings, "bias", Window(NOW, NOW + DAY), Version(1, "abc", FILES), SCHEMA, NAMES)
    assert json.loads(bias_config(settings, request))["facet"] == [facet]


def test_labels_are_waited_for():
    """The window of a model quality job lies before its label delay; the answer's cells are label and score."""
    endpoint = wanted("model_quality").job["ModelQualityJobInput"]["EndpointInput"]
    assert ("-P2DT12H", "-P1DT12H") == (endpoint["StartTimeOffset"], endpoint["EndTimeOffset"])
    assert ("0", "1") == (endpoint["InferenceAttribute"], endpoint["ProbabilityAttribute"])


@pytest.mark.parametrize(
    ("drift", "expected"),
    [("auto", ("Robust", 0.1)), ("simple", ("Simple", 0.1)), ("0.3", ("Robust", 0.3))],
)
def test_constraints_that_aws_can_read(drift, expected):
    """Our calibrated method is none that AWS's image knows."""
    given = b'{"features": [1], "monitoring_config": {"distribution_constraints": {"comparison_method": "Calibrated"}}}'
    document = json.loads(portable(given, drift))
    distances = document["monitoring_config"]["distribution_constraints"]
    assert ([1], *expected) == (
        document["features"],
        distances["comparison_method"],
        distances["comparison_threshold"],
    )


def opened(**changes):
    """A watched model in an account that has Model Monitor."""
    world = watched(**{"engine": "built-in", **changes})
    world.model_monitor.closed = ""
    world.catalog.put(config(**{"monitors": {"data_quality": {"every": "1h"}}, **changes}), NOW)
    return world


def test_a_closed_account_is_asked_once():
    """The answer is remembered, the choice is in the ledger with AWS's words, and nobody is bothered."""
    world = watched(engine="built-in")
    world.catalog.put(config(monitors={"data_quality": {"every": "1h"}}), NOW)
    for hours in (2, 3):
        tick(world, NOW + hours * HOUR)
    assert 1 == world.model_monitor.asked
    [chosen] = [d for d in world.ledger.decisions if d.outcome == "engine_chosen"]
    assert (None, True) == (chosen.news, "not available to new customers" in chosen.reason)
    assert [iso(NOW), iso(NOW + HOUR)] == analyzed(world)


def test_who_asked_for_model_monitor_is_told_that_there_is_none():
    """A warning, and the windows are analysed all the same."""
    world = watched(engine="built-in")
    world.catalog.put(config(engine="model-monitor"), NOW)
    tick(world, NOW + 2 * HOUR)
    assert ["engine_chosen"] == [d.outcome for d in world.ledger.decisions if d.news == "warning"]
    assert [iso(NOW)] == analyzed(world)


class TestOpenAccount:
    def ran(self, world, at, status="Completed", reason="", files=()):
        """What Model Monitor does: a Processing job, its files, an execution."""
        name, folder = (
            f"model-monitoring-{at:%Y%m%d%H%M}",
            f"models/mortgage/reports/data_quality/model-monitor/{at:%H}",
        )
        environment = {"start_time": iso(at - HOUR), "end_time": iso(at).replace(":", ": ")}
        world.processing.jobs[name] = ProcessingJob(
            name, "Completed", environment=environment, outputs=(f"s3://data/{folder}",)
        )
        for file, body in dict(files).items():
            world.bucket.write(f"{folder}/{file}", json.dumps(body).encode())
        world.model_monitor.runs.append(Execution(at, status, name, reason))

    def test_a_schedule_is_made_and_moved(self):
        """Another version has other baselines: a new definition, the schedule moves on, the old one is deleted."""
        world = opened()
        tick(world, NOW + 2 * HOUR)
        [first] = world.model_monitor.definitions
        package = world.registry.described[world.registry.versions("mortgage")[0].arn]
        entry = {"S3Uri": "s3://data/models/mortgage/trainings/other/baseline/statistics.json"}
        package["DriftCheckBaselines"]["ModelDataQuality"]["Statistics"] = entry
        tick(world, NOW + 3 * HOUR)
        [second] = world.model_monitor.definitions
        assert first != second
        assert {"perennial-mortgage-data-quality": second} == world.model_monitor.schedules

    def test_a_schedule_that_nobody_wants_is_deleted(self):
        """By another engine, or without the monitor."""
        for changes in ({"engine": "built-in"}, {"monitors": {"data_quality": None}}):
            world = opened()
            tick(world, NOW + 2 * HOUR)
            world.catalog.put(config(**changes), NOW)
            for minutes in (1, 11):  # at the next sweep, whether a window is due or not
                tick(world, NOW + 2 * HOUR + minutes * MINUTE)
            assert ({}, {}) == (world.model_monitor.schedules, world.model_monitor.definitions)
            assert 1 == world.ledger.outcomes.count("schedule_removed")

    def test_a_schedule_ends_with_its_endpoint(self):
        """A deleted endpoint is watched by nobody, and nobody pays for it."""
        world = opened()
        tick(world, NOW + 2 * HOUR)
        world.endpoints.endpoints.clear()
        tick(world, NOW + 3 * HOUR)
        assert ({}, {}) == (world.model_monitor.schedules, world.model_monitor.definitions)

    def test_results_are_read_once(self):
        """Violations, records and window become our summary and our metrics."""
        world = opened()
        tick(world, NOW + 30 * MINUTE)
        drift = {
            "feature_name": "ratio",
            "constraint_check_type": "baseline_drift_check",
            "description": "Baseline drift distance: 0.4 exceeds threshold: 0.1",
        }
        results = {
            "constraint_violations.json": {"violations": [drift]},
            "statistics.json": {"dataset": {"item_count": 7}},
        }
        self.ran(world, NOW + HOUR, "CompletedWithViolations", files=results)
        for minutes in (70, 80):
            tick(world, NOW + minutes * MINUTE)
        assert [iso(NOW)] == analyzed(world)
        found = Summary.model_validate_json(world.bucket.bodies[REPORTS + REPORT_NOON + "summary.json"])
        assert ("violations", 7, 1, "drift") == (
            found.status,
            found.records,
            found.drifted_features,
            found.violations[0].kind,
        )
        assert {"records": 7.0, "violations": 1.0, "drifted_features": 1.0} == {
            point.name: point.value for point in world.metrics.points
        }

    @pytest.mark.parametrize(
        ("reason", "outcome", "news"),
        [
            ("Job inputs had no data", "window_empty", None),
            ("AlgorithmError: out of memory", "analysis_failed", "error"),
        ],
    )
    def test_failures(self, reason, outcome, news):
        """Without traffic Model Monitor fails; that is an empty window. Any other failure is told with its reason."""
        world = opened()
        tick(world, NOW + 30 * MINUTE)
        self.ran(world, NOW + HOUR, "Failed", reason)
        for minutes in (70, 80):
            tick(world, NOW + minutes * MINUTE)
        [decision] = [d for d in world.ledger.decisions if d.outcome == outcome]
        assert news == decision.news

    def test_a_run_under_way_is_waited_for(self):
        """The next sweep looks again."""
        world = opened()
        tick(world, NOW + 30 * MINUTE)
        self.ran(world, NOW + HOUR, "InProgress")
        tick(world, NOW + 70 * MINUTE)
        assert [] == analyzed(world)

    def test_a_person_asks_the_built_in_engine(self):
        """At once, in every account."""
        world = opened()
        tick(world, NOW + 30 * MINUTE)
        analyze_traffic("mortgage", world, subject="data_quality@now", request="a")
        assert [iso(NOW)] == analyzed(world)


def test_the_image_table_is_dated():
    """Data without source and date cannot be refreshed."""
    from perennial.monitoring.images import TABLE

    table = json.loads(TABLE.read_text())
    assert table["source"].startswith("image_uri_config of sagemaker-")
    assert datetime.fromisoformat(table["date"]).replace(tzinfo=UTC) > datetime(2026, 1, 1, tzinfo=UTC)
