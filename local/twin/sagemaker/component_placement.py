"""How many copies of inference components fit on how many instances. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# GiB of memory for each vCPU, by the letter that an instance family begins with; others have four, like `m`.
GIB_PER_VCPU = {"c": 2.0, "r": 8.0}
SMALL = {"medium": 1, "large": 2, "xlarge": 4}


@dataclass(frozen=True)
class Room:
    """vCPUs and MB of memory: what an instance has, or what a copy reserves."""

    cpus: float
    memory_mb: float

    @classmethod
    def of_instance(cls, instance_type: str) -> "Room":
        """By AWS's naming (`ml.m5.2xlarge`: 8 vCPUs): a rule, not AWS's table; accelerators are not counted."""
        _, family, size = instance_type.split(".")
        cpus = SMALL.get(size) or 4 * int(size.removesuffix("xlarge") or 1)
        return cls(cpus, cpus * GIB_PER_VCPU.get(family[0], 4.0) * 1024)

    @classmethod
    def of_copy(cls, requirements: dict[str, Any]) -> "Room":
        return cls(
            requirements.get("NumberOfCpuCoresRequired", 0.0), float(requirements["MinMemoryRequiredInMb"])
        )

    def without(self, other: "Room") -> "Room":
        return Room(self.cpus - other.cpus, self.memory_mb - other.memory_mb)

    def holds(self, other: "Room") -> bool:
        return other.cpus <= self.cpus and other.memory_mb <= self.memory_mb


def instances_needed(copies: Iterable[Room], instance: Room) -> int | None:
    """Instances that hold all copies, the largest placed first; None when one of them fits on none."""
    free: list[Room] = []
    for copy in sorted(copies, key=lambda one: (one.memory_mb, one.cpus), reverse=True):
        if not instance.holds(copy):
            return None
        index = next((at for at, room in enumerate(free) if room.holds(copy)), None)
        if index is None:
            free.append(instance.without(copy))
        else:
            free[index] = free[index].without(copy)
    return len(free)
