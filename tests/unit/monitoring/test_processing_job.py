"""Windows that a Processing job analyses: begun once, ended once, and told when they fail."""

import json

import pytest
from fakes import NOW
from monitoring.watched_model import (
    CAPTURE,
    HOUR,
    MINUTE,
    REPORT_NOON,
    REPORTS,
    analyzed,
    capture,
    tick,
    watched,
)

from perennial.monitoring.windows import iso
from perennial.reactions.analysis_jobs import ResultsMissing
from perennial.reactions.analyze_traffic import analysis_job_ended


class TestProcessingJob:
    """A window larger than a Lambda takes."""

    @pytest.fixture(params=[1, 2], ids=["one instance", "two instances"])
    def world(self, request):
        """A job on one instance by its size, or on two."""
        limit = {1: 0, 2: 1}[request.param]
        world = watched(monitors={"data_quality": {"every": "1h", "processing_above_mb": limit}})
        for part in range(request.param):
            capture(world, NOW + 5 * MINUTE, name=f"{part}.jsonl")
        if limit:
            key = f"{CAPTURE}2026/03/01/12/1.jsonl"
            world.bucket.bodies[key] = b" " * 9_000_000
        tick(world, NOW + 2 * HOUR)
        return world

    def finish(self, world, *parts, status="Completed", reason=""):
        """What SageMaker does, and what the instances leave; the name of the job."""
        name, folder = list(world.processing.jobs)[-1], REPORTS + REPORT_NOON
        instances = world.processing.requests[-1]["ProcessingResources"]["ClusterConfig"]["InstanceCount"]
        if parts and instances == 1:
            document = world.bucket.bodies[folder + "request.json"]
            analyzed = world.analyst.finish(document, {"statistics.json": b""}, parts)
            for file, body in analyzed.files.items():
                world.bucket.write(folder + file, body)
            points = [vars(point) | {"timestamp": iso(point.timestamp)} for point in analyzed.datapoints]
            world.bucket.write(folder + "datapoints.json", json.dumps(points).encode())
        elif parts:
            for host, part in enumerate(parts):
                world.bucket.write(f"{folder}parts/algo-{host + 1}.part", part)
        world.processing.finish(name, status, reason)
        return name

    def test_it_is_started_with_everything_that_it_needs(self, world):
        """Request, baseline, labels and its shard of the capture; one job, however often the sweep looks."""
        tick(world, NOW + 2 * HOUR + 10 * MINUTE)
        [request] = world.processing.requests
        inputs = {item["InputName"]: item["S3Input"] for item in request["ProcessingInputs"]}
        assert {"request", "capture", "baseline"} == set(inputs)
        assert "ShardedByS3Key" == inputs["capture"]["S3DataDistributionType"]
        manifest = json.loads(world.bucket.bodies[f"{REPORTS}{REPORT_NOON}capture.manifest"])
        files = [f"{CAPTURE}2026/03/01/12/{part}.jsonl" for part in range(len(manifest) - 1)]
        assert [{"prefix": "s3://data/"}, *files] == manifest
        assert ["analysis_job_started"] == world.ledger.outcomes

    def test_its_end_is_the_windows(self, world):
        """The parts of all instances are put together; doubled events tell it once; the next window goes on."""
        name = self.finish(world, b"2", b"1")
        assert "window_analyzed" == analysis_job_ended(name, world).outcome
        assert "nothing" == analysis_job_ended(name, world).outcome
        assert ("mortgage", "analyze_traffic", "data_quality") in world.hints.sent
        assert "3" == world.ledger.decisions[-1].details["records"]
        assert [(3.0, NOW + HOUR)] == [(point.value, point.timestamp) for point in world.metrics.points]
        tick(world, NOW + 3 * HOUR)
        assert [iso(NOW), iso(NOW + HOUR)] == analyzed(world)

    def test_its_lost_end_is_found_by_the_sweep(self, world):
        """Events are hints."""
        self.finish(world, b"2", b"1")
        tick(world, NOW + 2 * HOUR + 5 * MINUTE)
        assert [iso(NOW)] == analyzed(world)

    def test_it_is_tried_once_more_and_then_told(self, world):
        """The job's own reason reaches a person, once; the next window has its turn."""
        first = self.finish(world, status="Failed", reason="InternalServerError: try again")
        assert "analysis_job_retried" == analysis_job_ended(first, world).outcome
        second = self.finish(world, status="Failed", reason="AlgorithmError: out of memory")
        assert f"{first}-r1" == second
        assert "analysis_failed" == analysis_job_ended(second, world).outcome
        assert "nothing" == analysis_job_ended(second, world).outcome
        assert "AlgorithmError: out of memory" in world.ledger.decisions[-1].reason
        tick(world, NOW + 3 * HOUR)
        assert [iso(NOW + HOUR)] == analyzed(world)

    def test_a_handler_killed_after_starting_it_adopts_it(self, world):
        """The name is the same, and SageMaker has it already."""
        [name] = [key for _, key in world.state.documents if key.startswith("window#")]
        known = world.state.documents["mortgage", name]
        world.state.documents["mortgage", name] = {**known, "status": "claimed"}
        tick(world, NOW + 2 * HOUR + 30 * MINUTE)
        assert 1 == len(world.processing.jobs)
        self.finish(world, b"2", b"1")
        tick(world, NOW + 2 * HOUR + 40 * MINUTE)
        assert iso(NOW) == analyzed(world)[0]

    def test_a_job_that_leaves_nothing(self, world):
        """It is tried again and then told: a result that is not there is no result."""
        self.finish(world)
        failures = []
        for minutes in range(5, 100, 10):
            try:
                tick(world, NOW + 2 * HOUR + minutes * MINUTE)
            except ResultsMissing as error:
                failures.append(str(error))
        assert "left no models/mortgage" in failures[0]
        [failed] = [d for d in world.ledger.decisions if d.outcome == "analysis_failed"]
        assert "left no models/mortgage" in failed.reason

    @pytest.mark.parametrize("name", ["somebody-elses", "perennial-mortgage-w000000000000"])
    def test_other_jobs_are_left_alone(self, world, name):
        """A job that is gone, or is none of ours."""
        assert analysis_job_ended(name, world) is None
