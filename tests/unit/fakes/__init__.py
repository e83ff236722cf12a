"""The outside world in memory: what the reactions need, and nothing more. The contract tests hold it to AWS."""

from fakes.alarms import InMemoryAlarms
from fakes.channels import InMemoryMail
from fakes.components import LATER, InMemoryComponents
from fakes.constants import NAMES, NOW, PLATFORM, config
from fakes.endpoints import InMemoryEndpoints
from fakes.handing_on import InMemoryHints
from fakes.scaling import ACTIVITIES
from fakes.storage import InMemoryBucket
from fakes.world import InMemoryWorld

__all__ = [
    "ACTIVITIES",
    "LATER",
    "NAMES",
    "NOW",
    "PLATFORM",
    "InMemoryAlarms",
    "InMemoryBucket",
    "InMemoryComponents",
    "InMemoryEndpoints",
    "InMemoryHints",
    "InMemoryMail",
    "InMemoryWorld",
    "config",
]
