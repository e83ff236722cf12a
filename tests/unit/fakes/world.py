"""Everything that a reaction may reach, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fakes.alarms import InMemoryAlarms, InMemoryLabelledTraffic
from fakes.channels import InMemoryMail, InMemorySecrets, InMemorySlack, InMemoryTopic, InMemoryWebhooks
from fakes.components import InMemoryComponents
from fakes.constants import NAMES, NOW, PLATFORM
from fakes.endpoints import InMemoryCaptures, InMemoryEndpoints, InMemoryPredictions
from fakes.handing_on import InMemoryHints, InMemoryParquetReader
from fakes.monitoring import InMemoryAnalyst, InMemoryMetrics, InMemoryModelMonitor, InMemoryProcessingJobs
from fakes.scaling import InMemoryScaling
from fakes.storage import InMemoryBucket, InMemoryCatalog, InMemoryLedger, InMemoryState
from fakes.training import InMemoryExperiments, InMemoryModelRegistry, InMemoryTrainingJobs
from perennial.names import Names
from perennial.training import Platform


@dataclass
class InMemoryWorld:
    """Implements `perennial.ports.World`; the time stands still until a test moves it."""

    names: Names = NAMES
    platform: Platform = PLATFORM
    bucket: InMemoryBucket = field(default_factory=InMemoryBucket)
    catalog: InMemoryCatalog = field(default_factory=InMemoryCatalog)
    state: InMemoryState = field(default_factory=InMemoryState)
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    jobs: InMemoryTrainingJobs = field(default_factory=InMemoryTrainingJobs)
    experiments: InMemoryExperiments = field(default_factory=InMemoryExperiments)
    registry: InMemoryModelRegistry = field(default_factory=InMemoryModelRegistry)
    endpoints: InMemoryEndpoints = field(default_factory=InMemoryEndpoints)

    @property
    def components(self) -> InMemoryComponents:
        return self.endpoints.components

    predictions: InMemoryPredictions = field(default_factory=InMemoryPredictions)
    captures: InMemoryCaptures = field(default_factory=InMemoryCaptures)
    scaling: InMemoryScaling = field(default_factory=InMemoryScaling)
    hints: InMemoryHints = field(default_factory=InMemoryHints)
    parquet: InMemoryParquetReader | None = field(default_factory=InMemoryParquetReader)
    topic: InMemoryTopic = field(default_factory=InMemoryTopic)
    analyst: InMemoryAnalyst = field(default_factory=InMemoryAnalyst)
    processing: InMemoryProcessingJobs = field(default_factory=InMemoryProcessingJobs)
    model_monitor: InMemoryModelMonitor = field(default_factory=InMemoryModelMonitor)
    metrics: InMemoryMetrics = field(default_factory=InMemoryMetrics)
    alarms: InMemoryAlarms = field(default_factory=InMemoryAlarms)
    labelled: InMemoryLabelledTraffic = field(default_factory=InMemoryLabelledTraffic)
    secrets: InMemorySecrets = field(default_factory=InMemorySecrets)
    slack: InMemorySlack = field(default_factory=InMemorySlack)
    webhooks: InMemoryWebhooks = field(default_factory=InMemoryWebhooks)
    mail: InMemoryMail | None = None
    region: str = "us-east-1"
    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
