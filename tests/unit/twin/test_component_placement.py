"""How many instances copies of inference components need on the twin."""

import pytest

from twin.sagemaker.component_placement import Room, instances_needed

LARGE = Room.of_instance("ml.m5.large")


@pytest.mark.parametrize(
    ("instance", "room"),
    [
        ("ml.m5.large", Room(2, 8 * 1024)),
        ("ml.c6i.2xlarge", Room(8, 16 * 1024)),
        ("ml.r5.xlarge", Room(4, 32 * 1024)),
        ("ml.c8g.medium", Room(1, 2 * 1024)),
        ("ml.g5.12xlarge", Room(48, 192 * 1024)),
    ],
)
def test_an_instance_has_what_its_name_says(instance: str, room: Room) -> None:
    """vCPUs follow from the size, memory from the family."""
    assert Room.of_instance(instance) == room


@pytest.mark.parametrize(
    ("copies", "needed"),
    [
        ([], 0),
        ([Room(1, 1024)], 1),
        ([Room(1, 1024)] * 2, 1),
        ([Room(1, 1024)] * 3, 2),
        ([Room(0, 5000), Room(0, 3000), Room(0, 3000)], 2),
        ([Room(2, 1024), Room(0.5, 512), Room(0.5, 512)], 2),
        ([Room(3, 1024)], None),
        ([Room(1, 1024), Room(0, 9000)], None),
    ],
)
def test_copies_fill_instances(copies: list[Room], needed: int | None) -> None:
    """Copies share an instance while they fit; one that fits on none cannot be placed."""
    assert instances_needed(copies, LARGE) == needed
