"""Shadow variants: a share of the requests is copied to them, and nobody gets what they answer.

The copy is a task of its own, so a slow or broken shadow costs its callers nothing. It is measured, and captured under
its own variant's name. AWS does not say whether both records of a request carry one eventId; here they do not.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from twin.sagemaker.capture_record import Payload
from twin.sagemaker.dataplane.router import Generation, NoCapacity, Reply, Variant
from twin.sagemaker.hosting_state import Record

_copies: set[asyncio.Task[None]] = set()

Answer = Callable[[Variant], Awaitable[Reply]]


def share(production: Variant, shadow: Variant) -> float:
    """Of production's requests: the weight of the shadow relative to production's."""
    return min(1.0, shadow.weight / production.weight) if production.weight > 0 else 0.0


def mirror(
    generations: list[Generation],
    production: Variant,
    sent: Payload,
    inference_id: str | None,
    custom: str | None,
    answer: Answer,
) -> None:
    """Copy a request to the shadow of the variant that was chosen for it, if it has one and the dice say so."""
    shadow = next((one.shadow for one in generations if production in one.variants.values()), None)
    if shadow is None or random.random() >= share(production, shadow):
        return
    task = asyncio.create_task(_copy(shadow, sent, inference_id, custom, answer))
    _copies.add(task)
    task.add_done_callback(_copies.discard)


async def _copy(
    shadow: Variant, sent: Payload, inference_id: str | None, custom: str | None, answer: Answer
) -> None:
    started = time.perf_counter()
    try:
        reply = await answer(shadow)
    except NoCapacity:
        shadow.meter.record(503, model=0, overhead=time.perf_counter() - started, from_model=False)
        return
    overhead = time.perf_counter() - started - reply.latency
    shadow.meter.record(
        reply.status or 500, model=reply.latency, overhead=overhead, from_model=reply.status > 0
    )
    if shadow.recorder is not None and 200 <= reply.status < 300:
        answered = Payload(reply.body, reply.headers.get("Content-Type", "application/octet-stream"))
        shadow.recorder.record(sent, answered, inference_id, custom)


def fault_name(generation: Generation) -> str:
    """What a fault for a shadow alone is named by."""
    return f"{generation.config_name}/shadow"


def described(config: Record, generation: Generation | None) -> list[Record]:
    """DescribeEndpoint's ShadowProductionVariants."""
    shown = []
    for variant in config.get("ShadowProductionVariants", []):
        image = config["Images"][variant["VariantName"]]
        shadow = generation.shadow if generation else None
        shown.append(
            {
                "VariantName": variant["VariantName"],
                "DeployedImages": [
                    {
                        "SpecifiedImage": image["Image"],
                        "ResolvedImage": image["Image"],
                        "ResolutionTime": image["ResolutionTime"],
                    }
                ],
                "CurrentWeight": shadow.weight if shadow else 0.0,
                "DesiredWeight": variant["InitialVariantWeight"],
                "CurrentInstanceCount": shadow.fleet.count if shadow else 0,
                "DesiredInstanceCount": variant["InitialInstanceCount"],
            }
        )
    return shown
