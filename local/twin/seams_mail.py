"""Mail that MiniStack would send and does not: SNS to subscribers by email, and SES."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.services import ses, ses_v2, sns

from twin import seams

seams.SEAMS |= {
    "SNS fan-out": (
        sns,
        "_fanout",
        (
            "topic_arn",
            "msg_id",
            "message",
            "subject",
            "message_structure",
            "message_attributes",
            "message_group_id",
            "message_dedup_id",
        ),
    ),
    "SNS topics": (sns, "_topic_by_arn_any_scope", None),
    "SNS filters": (sns, "_matches_filter_policy", None),
    "SNS messages": (sns, "_resolve_message_for_protocol", None),
    "sent mail": (ses, "_sent_emails_list", ()),
    "sent mail of SES v2": (ses_v2, "_sent_emails_list", ()),
    "store of sent mail": (ses, "_sent_emails", None),
}


@dataclass(frozen=True)
class Mail:
    """One mail; `html` is empty for plain text."""

    via: str
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""


class _Sent(list[dict[str, Any]]):
    """SES's list of sent mail, which tells of each."""

    def __init__(self, deliver: Callable[[Mail], None]) -> None:
        super().__init__()
        self._deliver = deliver

    def append(self, record: dict[str, Any]) -> None:
        super().append(record)
        to = [*record.get("To", ()), *record.get("CC", ()), *record.get("BCC", ())]
        self._deliver(
            Mail(
                "ses",
                record.get("Source", ""),
                tuple(to),
                record.get("Subject", ""),
                record.get("BodyText") or "",
                record.get("BodyHtml") or "",
            )
        )


def deliver_with(deliver: Callable[[Mail], None]) -> None:
    """Hand every mail to `deliver`, from whatever thread. Once per process."""
    fan_out = sns._fanout

    def fan_out_and_deliver(
        topic_arn: str, msg_id: str, message: str, subject: str, *rest: Any, **more: Any
    ) -> None:
        fan_out(topic_arn, msg_id, message, subject, *rest, **more)
        structure = more.get("message_structure", rest[0] if rest else "")
        attributes = more.get("message_attributes", rest[1] if len(rest) > 1 else None) or {}
        body = sns._resolve_message_for_protocol(message, structure, "email")
        topic = sns._topic_by_arn_any_scope(topic_arn)
        to = [
            one["endpoint"]
            for one in (topic or {}).get("subscriptions", ())
            if one["protocol"] in ("email", "email-json")
            and one.get("confirmed")
            and sns._matches_filter_policy(one, attributes, body)
        ]
        if to:
            name = topic_arn.rpartition(":")[2]
            deliver(
                Mail(
                    "sns",
                    f"{name} <no-reply@sns.amazonaws.com>",
                    tuple(to),
                    subject or "AWS Notification Message",
                    body,
                )
            )

    def sent() -> Any:
        if "entries" not in ses._sent_emails:
            ses._sent_emails["entries"] = _Sent(deliver)
        return ses._sent_emails["entries"]

    sns._fanout = fan_out_and_deliver
    ses._sent_emails_list = ses_v2._sent_emails_list = sent
