"""Bring one message to all channels of a model: each tried again, each remembered, and none in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from perennial import intents
from perennial.decision import Decision
from perennial.errors import ChannelFailed, Conflict
from perennial.notifications import html, plain, slack
from perennial.notifications.message import Button, Message
from perennial.notifications.policy import pause
from perennial.notifications.webhooks import requests
from perennial.ports import World
from perennial.sections_watching import Notify

CHANNELS = "_channels"  # whose state the pace of channels is: no model may be called so
SLACK_PACE = timedelta(seconds=1)  # Slack takes about a message a second in a channel

Receipt = Mapping[str, Any]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Channel:
    """`name` is its key in the delivery's record; `send` raises ChannelFailed, returns None for "not for me"."""

    name: str
    send: Callable[[Message], Receipt | None]


@dataclass(frozen=True)
class Delivered:
    """`record` is the delivery's document; `pending` names the channels where a retry may help."""

    record: Record
    pending: tuple[str, ...]


class NotConfigured(ChannelFailed):
    """The channel's secret does not exist."""


def deliver(
    message: Message, settings: Notify, document: str, record: Record, world: World, deadline: datetime
) -> Delivered:
    """Slack, webhooks, mail, topic: what one does not take, those after it tell, with the reason why.

    `document` is the name of the state that remembers the delivery: it is written after each channel, so a
    retry goes on where this one stopped.
    """
    channels = [*_slack(settings, world, deadline), *_webhooks(settings, world), *_mail(settings, world)]
    delivered, message = _each(channels, message, document, record, world, deadline)
    # The topic is last, so that it tells of every other failure; its own is the function's.
    if "sent" not in delivered.record.get("topic", {}):
        _publish(message, _unreached(settings, delivered.record, world), world)
        told = {**delivered.record, "topic": {"sent": world.now().isoformat()}}
        world.state.put(message.model, document, told)
        delivered = Delivered(told, delivered.pending)
    return delivered


def resolve(
    message: Message, settings: Notify, document: str, record: Record, world: World, deadline: datetime
) -> Delivered:
    """Only what ends an incident, and only where incidents are kept."""
    if not message.resolves:
        return Delivered(record, ())
    channels = _webhooks(settings, world, only="pagerduty")
    return _each(list(channels), message, document, record, world, deadline)[0]


def _each(
    channels: list[Channel],
    message: Message,
    document: str,
    record: Record,
    world: World,
    deadline: datetime,
) -> tuple[Delivered, Message]:
    kept, pending = dict(record), []
    for channel in channels:
        if "sent" in kept.get(channel.name, {}):
            continue
        try:
            receipt = _patiently(channel, message, world, deadline)
        except ChannelFailed as failure:
            missing = isinstance(failure, NotConfigured)
            kept[channel.name] = {"failed": str(failure), "missing": missing, "at": world.now().isoformat()}
            message = _with_note(message, channel.name, failure, world)
            if failure.transient:
                pending.append(channel.name)
        else:
            if receipt is None:
                continue
            kept[channel.name] = {"sent": world.now().isoformat(), **receipt}
        world.state.put(message.model, document, kept)
    return Delivered(kept, tuple(pending)), message


def _patiently(channel: Channel, message: Message, world: World, deadline: datetime) -> Receipt | None:
    """Try again what may pass, as long as the channel asks and the deadline allows."""
    attempt = 1
    while True:
        try:
            return channel.send(message)
        except ChannelFailed as failure:
            seconds = pause(failure, attempt)
            if seconds is None or world.now() + timedelta(seconds=seconds) >= deadline:
                raise
        world.wait(seconds)
        attempt += 1


def _with_note(message: Message, channel: str, failure: ChannelFailed, world: World) -> Message:
    """Those who read the message elsewhere hear of it, and the ledger keeps it. A missing secret is told once."""
    if isinstance(failure, NotConfigured):
        reported = f"not-configured#{channel}"
        if world.state.get(message.model, reported):
            return message
        world.state.put(message.model, reported, {"at": world.now().isoformat()})
        note = str(failure)
    else:
        note = f"{channel} did not take this message: {failure}"
    fact = f"message {message.key} ({message.outcome}) was to be told"
    world.ledger.record(Decision(message.model, fact, "channel_failed", note))
    return replace(message, notes=(*message.notes, note))


def _slack(settings: Notify, world: World, deadline: datetime) -> Iterator[Channel]:
    if settings.slack is None:
        return
    name = f"slack/{settings.slack}"

    def send(message: Message) -> Receipt:
        secret = _secret(name, "or say `slack: null` under `notify` in model.yaml", world)
        sign = _signer(world) if secret.get("signing_secret") else None
        _take_turn(name, world, deadline)
        return world.slack.post(secret, slack.render(message, sign))

    yield Channel("slack", send)


def _webhooks(settings: Notify, world: World, only: str | None = None) -> Iterator[Channel]:
    for name in settings.webhooks:

        def send(message: Message, name: str = name) -> Receipt | None:
            secret = _secret(f"webhooks/{name}", "or take it out of `notify.webhooks` in model.yaml", world)
            if only and secret.get("kind") != only:
                return None
            wanted = requests(message, secret)
            for url, body in wanted:
                world.webhooks.post(url, body)
            return {"kind": secret["kind"]} if wanted else None

        yield Channel(f"webhooks/{name}", send)


def _mail(settings: Notify, world: World) -> Iterator[Channel]:
    mail = world.mail
    if mail is None:
        return
    for address in settings.email:

        def send(message: Message, address: str = address) -> Receipt:
            subject, text = plain.subject(message), plain.body(message)
            return {"id": mail.send(address, subject, text, html.render(message))}

        yield Channel(f"email/{address}", send)


def _publish(message: Message, recipients: list[str], world: World) -> None:
    attributes = {"model": message.model, "outcome": message.outcome, "severity": message.severity}
    world.topic.publish(plain.subject(message), plain.body(message), attributes, recipients)


def _unreached(settings: Notify, record: Record, world: World) -> list[str]:
    """The readers whom the topic has to reach: all, unless mail with a sender of our own did."""
    if world.mail is None:
        return list(settings.email)
    return [address for address in settings.email if "sent" not in record.get(f"email/{address}", {})]


def _secret(name: str, otherwise: str, world: World) -> Mapping[str, str]:
    secret = world.secrets.get(name)
    if secret is None:
        raise NotConfigured(
            f"{name} is not configured: make the secret {world.names.prefix}/{name}, {otherwise}"
        )
    return secret


def _signer(world: World) -> slack.Sign | None:
    """Buttons need the stack's key; without it there are none."""
    secret = world.secrets.get("intents")
    if not secret or not secret.get("key"):
        return None
    keys = intents.Keys.from_secret(secret)
    now = world.now()

    def sign(button: Button, message: Message) -> str:
        intent = intents.issue(
            button.action, message.model, now, version=button.version, subject=button.subject
        )
        return intents.sign(intent, keys)

    return sign


def _take_turn(name: str, world: World, deadline: datetime) -> None:
    """Wait for this channel's next free second. All functions share its clock in the table."""
    document = f"pace#{name}"
    while True:
        known = world.state.get(CHANNELS, document)
        now = world.now()
        turn = max(now, datetime.fromisoformat(known["next"])) if known else now
        if turn >= deadline:
            raise ChannelFailed("too many messages wait for it", transient=True)
        try:
            world.state.put(CHANNELS, document, {"next": (turn + SLACK_PACE).isoformat()}, expected=known)
        except Conflict:
            continue
        world.wait((turn - now).total_seconds())
        return
