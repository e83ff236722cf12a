"""The real world, assembled from the environment; each part when first needed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache, cached_property

from perennial.aws.alarms import CloudWatchAlarms
from perennial.aws.autoscaling import ApplicationAutoScaling
from perennial.aws.bucket import S3Bucket
from perennial.aws.bus import EventBus
from perennial.aws.capture_queue import CaptureQueue
from perennial.aws.components import SageMakerComponents
from perennial.aws.endpoints import SageMakerEndpoints
from perennial.aws.mail import SesMail
from perennial.aws.metrics import CloudWatch
from perennial.aws.model_monitor import SageMakerModelMonitor
from perennial.aws.parquet import ParquetFunction
from perennial.aws.predictions import SageMakerPredictions
from perennial.aws.processing_jobs import SageMakerProcessingJobs
from perennial.aws.registry import SageMakerModelRegistry
from perennial.aws.secrets import SecretsManager
from perennial.aws.slack import SlackApi
from perennial.aws.table import Table, TableCatalog, TableLedger, TableState
from perennial.aws.topic import SnsTopic
from perennial.aws.training_jobs import SageMakerExperiments, SageMakerTrainingJobs
from perennial.aws.webhooks import JsonWebhooks
from perennial.monitoring.ports import Analyst
from perennial.names import Names
from perennial.retraining.ports import LabelledTraffic
from perennial.settings import Settings
from perennial.training import Platform


class AwsWorld:
    """Implements `perennial.ports.World`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def names(self) -> Names:
        return self._settings.names

    @property
    def platform(self) -> Platform:
        settings = self._settings
        return Platform(
            settings.data_bucket,
            settings.container_image,
            settings.training_role,
            settings.code,
            settings.processing_role,
        )

    @cached_property
    def bucket(self) -> S3Bucket:
        return S3Bucket(self._settings.data_bucket)

    @cached_property
    def _table(self) -> Table:
        return Table(self._settings.ledger_table)

    @cached_property
    def catalog(self) -> TableCatalog:
        return TableCatalog(self._table)

    @cached_property
    def state(self) -> TableState:
        return TableState(self._table)

    @cached_property
    def hints(self) -> EventBus:
        return EventBus(self._settings.event_bus)

    @cached_property
    def ledger(self) -> TableLedger:
        return TableLedger(self._table, self.hints)

    @cached_property
    def jobs(self) -> SageMakerTrainingJobs:
        return SageMakerTrainingJobs(self.names)

    @cached_property
    def experiments(self) -> SageMakerExperiments:
        return SageMakerExperiments()

    @cached_property
    def registry(self) -> SageMakerModelRegistry:
        return SageMakerModelRegistry(self.names)

    @cached_property
    def endpoints(self) -> SageMakerEndpoints:
        return SageMakerEndpoints(self.names, self._settings.endpoint_role, components=self.components)

    @cached_property
    def components(self) -> SageMakerComponents:
        return SageMakerComponents()

    @cached_property
    def predictions(self) -> SageMakerPredictions:
        return SageMakerPredictions()

    @cached_property
    def captures(self) -> CaptureQueue:
        return CaptureQueue(self._settings.capture_queue)

    @cached_property
    def scaling(self) -> ApplicationAutoScaling:
        return ApplicationAutoScaling()

    @cached_property
    def parquet(self) -> ParquetFunction | None:
        function = self._settings.parquet_function
        return ParquetFunction(function) if function else None

    @cached_property
    def analyst(self) -> Analyst:
        """Only where the analysis layer is: its packages are large."""
        from perennial.aws.analyst import AnalysisLibrary

        return AnalysisLibrary()

    @cached_property
    def processing(self) -> SageMakerProcessingJobs:
        return SageMakerProcessingJobs()

    @cached_property
    def model_monitor(self) -> SageMakerModelMonitor:
        return SageMakerModelMonitor()

    @cached_property
    def metrics(self) -> CloudWatch:
        return CloudWatch()

    @cached_property
    def labelled(self) -> LabelledTraffic:
        """Only where the analysis layer is."""
        from perennial.aws.labelled import LabelledTrafficLibrary

        return LabelledTrafficLibrary()

    @cached_property
    def alarms(self) -> CloudWatchAlarms:
        return CloudWatchAlarms()

    @cached_property
    def topic(self) -> SnsTopic:
        return SnsTopic(self._settings.alerts_topic)

    @cached_property
    def secrets(self) -> SecretsManager:
        return SecretsManager(self._settings.prefix)

    @cached_property
    def slack(self) -> SlackApi:
        return SlackApi()

    @cached_property
    def webhooks(self) -> JsonWebhooks:
        return JsonWebhooks()

    @cached_property
    def mail(self) -> SesMail | None:
        return SesMail(self._settings.email_sender) if self._settings.email_sender else None

    @property
    def region(self) -> str:
        return self._settings.aws_region

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


@cache
def world() -> AwsWorld:
    """One world a Lambda environment: clients and connections are reused from event to event."""
    return AwsWorld(Settings.from_env())
