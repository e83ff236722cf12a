"""A model in service with all its alarms, on a world in memory, and CloudWatch, which rings them."""

from fakes import NOW, InMemoryWorld, config
from served_model import ENDPOINT, NEW, OLD, serve, trained

from perennial.events import AlarmDetail
from perennial.reactions.answer_alarm import on_alarm
from perennial.reactions.datasets import remember
from perennial.reactions.settle_endpoint import settle_endpoint

MONITORS = {
    "data_quality": {"every": "1h"},
    "model_quality": {"every": "1h", "label_delay": "1h"},
    "bias": {"every": "1h", "facet": "afam", "privileged": "no"},
}


def in_service(world, version):
    """That version is in service, and its alarms were put."""
    serve(world, version)
    settle_endpoint("mortgage", world, because="it is in service")


def model_in_service(**changes):
    """A model with all monitors in service, whose newest dataset was not trained on yet."""
    world = InMemoryWorld()
    world.catalog.put(config(**{"monitors": MONITORS, **changes}), NOW)
    trained(world, OLD)
    in_service(world, 1)
    remember(world.catalog.get("mortgage"), NEW, world.state)
    world.ledger.decisions.clear()
    world.hints.sent.clear()
    return world


def event(intent, value="ALARM", previous="OK", reason_data="", since=None):
    return AlarmDetail.model_validate(
        {
            "alarmName": f"{ENDPOINT}-{intent}",
            "state": {"value": value, "reason": "crossed", "reasonData": reason_data},
            "previousState": {"value": previous, "timestamp": since},
        }
    )


def ring(world, intent, number=1, value="ALARM", previous="OK", since=None):
    """CloudWatch changes the alarm's state, which was another since then, and its event arrives."""
    world.alarms.become(f"{ENDPOINT}-{intent}", value, world.time, "crossed")
    return on_alarm(event(intent, value, previous, since=since), f"event-{intent}-{number}", world)


def started(world):
    return [sent for sent in world.hints.sent if sent[1] == "start_training"]
