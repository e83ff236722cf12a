"""The loop, turned twice, told stage by stage. It only drops data and approves; the rest it watches."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.aws import Aws, Entry
from demo.show import Show
from demo.traffic import Traffic
from demo.truth import Agreement, Truth, compare
from stack.console import Trouble
from stack.places import ROOT

ENDED = ("Completed", "Failed", "Stopped")
POSITIVE = "yes"


@dataclass
class Story:
    """One run of the demo against a deployed stack."""

    aws: Aws
    show: Show
    data: Path
    truth: Truth
    _told: int = field(default=0)

    def run(self) -> None:
        self.configure()
        job = self.drop("first", "First drop")
        package = self.watch_training(job, "First training")
        with self.show.stage("Approval, and an endpoint with autoscaling"):
            self.approve(package, "The figures are good enough to start with.")
            self.watch_rollout(package)
            self.watch_scaling()
        first = self.predict("Predictions")

        with Traffic(self.one_request()) as traffic:
            job = self.drop("second", "Second drop, four times the rows, while traffic runs")
            package = self.watch_training(job, "Champion against challenger, on the same held-out rows")
            with self.show.stage("Approval, and the endpoint renewed under traffic"):
                self.approve(package, "Better than the version in service.")
                self.watch_rollout(package)
        self.judge(traffic)
        second = self.predict("Predictions of the new version")
        self.show.done(
            f"AUC on the applications that nobody trained on: {first.auc:.3f}, now {second.auc:.3f}"
        )
        self.aws.check()

    def configure(self) -> None:
        with self.show.stage("Configuration: examples/mortgage/model.yaml"):
            self.aws.put("model.yaml", (ROOT / "examples/mortgage/model.yaml").read_bytes())
            self.show.waiting("the model to be known")
            group = self.aws.wait("the model package group", self.aws.group)
            self.show.done(f"model package group {group['ModelPackageGroupName']}")
            self.tell()

    def drop(self, name: str, title: str) -> str:
        """Uploads the parts and the marker; the training job that follows."""
        known = set(self.aws.jobs())
        with self.show.stage(title):
            parts = sorted((self.data / name).glob("*.csv"))
            for part in parts:
                self.aws.put(f"drops/{name}/{part.name}", part.read_bytes())
            self.aws.put(f"drops/{name}/_SUCCESS", b"")
            self.show.done(
                f"{len(parts)} CSV parts and _SUCCESS in s3://{self.aws.bucket}/models/{self.aws.model}/drops/{name}/"
            )
            self.show.waiting("the dataset to be pinned and a training job to start")
            [job] = self.aws.wait(
                "a training job", lambda: [job for job in self.aws.jobs() if job not in known]
            )
            version = job.removeprefix(self.aws.name + "-").split("-")[0]
            dataset = self.aws.document(f"datasets/{version}/dataset.json")
            self.show.done(
                f"dataset {version}: {dataset['rows']} rows in {len(dataset['parts'])} parts, pinned"
            )
            self.tell()
        return str(job)

    def watch_training(self, job: str, title: str) -> str:
        """Follows the job's log to its end; the ARN of the version that the gate let through."""
        known = {package["ModelPackageArn"] for package in self.aws.packages()}
        with self.show.stage(title):
            self.show.waiting(f"training job {job}")
            log = self.aws.job_log(job)

            def ended() -> dict[str, Any] | None:
                described = self.aws.job(job)
                for line in next(log):
                    self.show.detail(line)
                self.show.waiting(f"training job: {described['SecondaryStatus']}")
                return described if described["TrainingJobStatus"] in ENDED else None

            described = self.aws.wait("the training job to end", ended)
            for line in next(log):
                self.show.detail(line)
            status = described["TrainingJobStatus"]
            if status != "Completed":
                raise Trouble(f"Training job {job}: {status}. {described.get('FailureReason', '')}")
            self.show.done(f"training job {job}: {status}")
            self.show.waiting("the gate's verdict")
            [package] = self.aws.wait(
                "a new model package",
                lambda: [found for found in self.aws.packages() if found["ModelPackageArn"] not in known],
            )
            version, approval = package["ModelPackageVersion"], package["ModelApprovalStatus"]
            self.show.done(f"model package version {version}: {approval}")
            self.aws.wait("the verdict in the ledger", lambda: self.decided_about(str(version), "registered"))
            self.tell()
        return str(package["ModelPackageArn"])

    def approve(self, package: str, why: str) -> None:
        """As a person would, in the model registry."""
        self.aws.approve(package, why)
        self.show.done(f"approved version {package.rpartition('/')[2]}: {why}")

    def watch_rollout(self, package: str) -> None:
        """Waits until the endpoint is in service with a config of this version."""
        version = package.rpartition("/")[2]
        wanted = f"{self.aws.name}-v{version}-"

        def in_service() -> dict[str, Any] | None:
            endpoint = self.aws.endpoint()
            if endpoint is None:
                self.show.waiting("the endpoint to be created")
                return None
            config, status = endpoint.get("EndpointConfigName", ""), endpoint["EndpointStatus"]
            if status == "Failed":
                raise Trouble(f"Endpoint {self.aws.name} failed: {endpoint.get('FailureReason', '')}")
            self.show.waiting(f"endpoint: {status}, serving {config or 'nothing yet'}")
            return endpoint if status == "InService" and config.startswith(wanted) else None

        endpoint = self.aws.wait(f"version {version} in service", in_service, 90)
        self.aws.wait("the ledger to know it", lambda: self.decided_about(version, "service"))
        counts = [variant["CurrentInstanceCount"] for variant in endpoint["ProductionVariants"]]
        self.show.done(
            f"endpoint {self.aws.name}: InService with {endpoint['EndpointConfigName']}, {sum(counts)} instances"
        )
        self.tell()

    def watch_scaling(self) -> None:
        self.show.waiting("autoscaling")
        target, policy = self.aws.wait("autoscaling", self.aws.scaling)
        tracking = policy["TargetTrackingScalingPolicyConfiguration"]
        metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
        bounds = f"{target['MinCapacity']} to {target['MaxCapacity']} instances"
        self.show.done(f"autoscaling: {bounds}, {tracking['TargetValue']:.0f} {metric}")

    def predict(self, title: str) -> Agreement:
        with self.show.stage(title):
            answer = self.aws.predict()(self.truth.rows)
            agreement = compare(self.truth, answer, POSITIVE)
            self.show.done(
                f"{agreement.rows} applications that no training saw: AUC {agreement.auc:.3f}, "
                f"{agreement.accuracy:.1%} right (always guessing the same: {agreement.guess:.1%})"
            )
        return agreement

    def one_request(self) -> Any:
        """Traffic asks about one application at a time."""
        header, row = self.truth.rows.splitlines()[:2]
        ask, body = self.aws.predict(), b"\n".join([header, row])
        return lambda: ask(body)

    def judge(self, traffic: Traffic) -> None:
        """Zero failures are part of the promise."""
        if traffic.failures:
            raise Trouble(
                f"{len(traffic.failures)} of {traffic.answered + len(traffic.failures)} requests failed "
                f"during the update. The first: {traffic.failures[0]}"
            )
        self.show.done(
            f"traffic during all this: {traffic.answered} requests answered, none failed, "
            f"the slowest in {traffic.slowest_ms:.0f} ms"
        )

    def decided(self, decision: str) -> list[Entry]:
        return [entry for entry in self.aws.ledger() if entry.decision == decision]

    def decided_about(self, version: str, what: str) -> bool:
        entries = self.aws.ledger()
        return any(entry.details.get("version") == version and what in entry.decision for entry in entries)

    def tell(self) -> None:
        """The decisions since last time, in the ledger's own words."""
        entries = self.aws.ledger()
        for entry in entries[self._told :]:
            if entry.news != "none":
                self.show.decided(entry)
        self._told = len(entries)
