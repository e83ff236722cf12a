"""A row for each outcome that people hear of: its title, whether to act, and what the buttons may do.

`{model}`, `{version}` ("version 3"), `{endpoint}`, `{data}` (the data bucket) and `{command}` (ours) are filled in.
`did` is what the system did, unless the decision itself says so in its `action`. A row's name may end in a detail's
value: `version_registered/Rejected`, and in `alarm` where one still rings for which it was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perennial.decision import Severity
from perennial.intents import Action
from perennial.notifications.message import Urgency


@dataclass(frozen=True)
class Kind:
    """`topic` groups messages about one trouble where no alarm's intent does; `resolves`: this one ends it."""

    title: str
    urgency: Urgency
    ask: str = ""
    did: str = ""
    buttons: tuple[Action, ...] = ()
    topic: str = ""
    resolves: bool = False


UNCHANGED = "Nothing was changed."
OLD_SERVES = "The version before it goes on serving."

KINDS: Mapping[str, Kind] = {
    # --- configuration and data ---
    "configuration_refused": Kind(
        "model.yaml refused", "soon", "Correct models/{model}/model.yaml and upload it again.",
        "The configuration before it, if any, stays in force.", topic="configuration",
    ),
    "configuration_changed": Kind(
        "Configuration changed", "none", "", "The new configuration is in force.",
        topic="configuration", resolves=True,
    ),
    "model_created": Kind(
        "Model created", "none", "Drop data under models/{model}/drops/ to train it.",
        "The model has its package group.", topic="configuration", resolves=True,
    ),
    "drop_refused": Kind(
        "Data refused", "soon", "Correct the data and drop it under a new name.",
        "Nothing was trained on it, and nothing of yours was moved or deleted.", topic="data",
    ),
    "drop_waits": Kind(
        "Data waits", "soon", "Upload what is missing.", "The data is left where it is until then.", topic="data",
    ),
    "file_ignored": Kind(
        "File ignored", "soon", "Drop it as .csv or .parquet if it is data.", UNCHANGED, topic="data",
    ),
    "nothing": Kind("No training needed", "none", "", UNCHANGED),
    # --- training and registry ---
    "training_started": Kind("Training started", "none", "", "A training job runs; its result will be told."),
    "training_retried": Kind("Training is tried again", "none", "", "The same training was started once more."),
    "training_failed": Kind(
        "Training failed", "soon", "Correct the cause and drop the data again, or change model.yaml.",
        "No version was registered; what serves is untouched.", topic="training",
    ),
    "quota_reached": Kind(
        "A quota of the account is reached", "soon",
        "Have it raised in Service Quotas, or choose another instance in models/{model}/model.yaml.",
        "What serves is untouched. SageMaker is asked again every ten minutes.", topic="quota",
    ),
    "registration_refused": Kind(
        "Trained model not registered", "soon", "Look at what the training job wrote.",
        "No version was registered; what serves is untouched.", topic="training",
    ),
    "version_registered": Kind(
        "New {version}", "none", "", "It is in the registry.", topic="training", resolves=True,
    ),
    "version_registered/PendingManualApproval": Kind(
        "{Version} waits for your approval", "soon",
        "Approve or reject {version} of model package group {endpoint} in the SageMaker model registry.",
        "It is registered and serves nobody before somebody approves it.", ("approve", "reject"),
        topic="training", resolves=True,
    ),
    "version_registered/Approved": Kind(
        "{Version} passed the gate", "none", "", "It is approved and is being rolled out.", ("reject",),
        topic="training", resolves=True,
    ),
    "version_registered/Rejected": Kind(
        "{Version} did not pass the gate", "none", "",
        "It is registered as Rejected; what serves is untouched.", ("approve",), topic="training", resolves=True,
    ),
    "version_registered/Rejected/alarm": Kind(
        "{Version} did not pass the gate, and the trouble lasts", "soon",
        "Look at the alarm: drop better data, roll back, or approve {version} all the same.",
        "It is registered as Rejected; what serves is untouched.", ("approve", "retrain"), topic="training",
    ),
    # --- endpoint ---
    "endpoint_creation_started": Kind(
        "Endpoint is being created", "none", "", "{Version} will serve on {endpoint}."
    ),
    "endpoint_update_started": Kind("Rollout of {version} started", "none", "", "{Version} takes over step by step."),
    "version_in_service": Kind(
        "{Version} is in service", "none", "", "All traffic goes to it.", ("roll_back",),
        topic="rollout", resolves=True,
    ),
    "rollout_failed": Kind(
        "{Version} could not be rolled out", "soon",
        "Look at the endpoint's log; approve the version again to try once more.", OLD_SERVES, ("reject",),
        topic="rollout",
    ),
    "rolled_back": Kind(
        "{Version} was rolled back", "soon",
        "Look at the endpoint's log and metrics; approve the version again to try once more.", OLD_SERVES,
        ("reject",), topic="rollout",
    ),
    "rollout_late": Kind(
        "Rollout of {version} does not end", "soon",
        "Look at the endpoint in SageMaker; nothing else is rolled out before it ends.", UNCHANGED, topic="rollout",
    ),
    "endpoint_deleted": Kind(
        "Broken endpoint removed", "none", "", "A new endpoint is being created in its place.", topic="rollout",
    ),
    "endpoint_removed": Kind("Endpoint of another kind removed", "none", "", "Nobody asks it any more."),
    "shadow_test_started": Kind(
        "{Version} runs as a shadow first", "none", "",
        "It gets copies of the requests, and its answers are compared with those of the version in service.",
    ),
    "shadow_test_cancelled": Kind("Shadow test of {version} given up", "none", "", "The shadow was removed."),
    "shadow_promoted": Kind("{Version} compares well", "none", "", "It is being rolled out.", ("reject",)),
    "shadow_asks": Kind(
        "{Version} waits for your decision", "soon",
        "Look at the comparison, then approve {version} to roll it out, or reject it.",
        "The shadow was removed; the version before it serves all the time.", ("approve", "reject"),
    ),
    "shadow_dropped": Kind(
        "{Version} was dropped", "none", "Approve it again to roll it out all the same.",
        "The shadow was removed; the version before it serves all the time.", ("approve", "reject"),
    ),
    "deployment_waits": Kind("Deployment waits for you", "soon", "See why, below.", UNCHANGED, topic="rollout"),
    "scaling_changed": Kind("Scaling changed", "none", "", "The endpoint scales by the new settings."),
    "policy_detached": Kind(
        "A step policy lost its alarms", "soon", "Put the policies' new ARNs, below, into the actions of these alarms.",
        "The policies of others are back on the endpoint.", topic="scaling",
    ),
    # --- analysis and alarms ---
    "window_analyzed": Kind("Traffic analysed", "none", "", "The report was written."),
    "window_empty": Kind("No traffic to analyse", "none", "", "An empty report was written."),
    "analysis_failed": Kind(
        "Traffic could not be analysed", "soon",
        "Mend the cause, see the log of analyze_traffic; then have the window analysed: {command} analyze {model}.",
        "The window is passed by; those after it have their turn.", topic="analysis",
    ),
    "schema_broken": Kind(
        "Requests no longer have the expected columns", "now", "Look at what calls {endpoint}, and mend it there.",
        "Nothing was retrained: a model would learn the fault.", ("roll_back", "mute"),
    ),
    "drift_found": Kind(
        "The data drifted", "now", "Look at the report. Retrain if this is how the world is now.",
        UNCHANGED, ("retrain", "mute"),
    ),
    "quality_lost": Kind(
        "Predictions got worse", "now", "Decide whether to roll back or to retrain.", UNCHANGED,
        ("roll_back", "retrain", "mute"),
    ),
    "bias_found": Kind(
        "Groups are treated differently than at training", "soon", "Look at the report; retrain or roll back.",
        UNCHANGED, ("retrain", "roll_back", "mute"),
    ),
    "latency_high": Kind(
        "Answers are slow", "now", "Look at the endpoint's metrics and log.", UNCHANGED, ("roll_back", "mute"),
    ),
    "errors_high": Kind(
        "The endpoint answers with errors", "now", "Look at the endpoint's log.", UNCHANGED,
        ("roll_back", "mute"),
    ),
    "backlog_high": Kind(
        "Requests pile up", "now", "Look at the endpoint's load; raise scaling.max if it is at its limit.", UNCHANGED,
        ("mute",),
    ),
    "no_data": Kind(
        "No traffic arrives", "now", "Check whether callers still reach {endpoint}, and whether capture is on.",
        "Nothing is judged without traffic.", ("mute",),
    ),
    "labels_missing": Kind(
        "Labels are missing", "soon", "Upload labels to s3://{data}/models/{model}/ground-truth/.",
        "Quality is not judged without labels.", ("mute",),
    ),
    "alarm_without_data": Kind(
        "Alarms that never had data", "soon", "Look at the newest report, then at the dead letters.",
        "Nothing would ring until they have data.", topic="alarms",
    ),
    "alarms_changed": Kind("Alarms changed", "soon", "See below what cannot be watched.", "", topic="alarms"),
    "windows_skipped": Kind(
        "Windows were not analysed", "soon", "Look at why the analysis stood still.",
        "It goes on with the windows after them.", topic="analysis",
    ),
    "alarm_cleared": Kind("Alarm over", "none", "", "Nothing more is done.", resolves=True),
    "alarm_ignored": Kind("Alarm without consequence", "none", "", UNCHANGED),
    "fire_drill": Kind(
        "Fire drill: alarms reach you", "none", "This is a test that somebody ordered.",
        "A test alarm took the way that real ones take.", topic="fire-drill",
    ),
    # --- what was done ---
    "retraining_started": Kind("Retraining started", "none", "", "A training job runs; its result will be told."),
    "retraining_withheld": Kind(
        "Retraining was held back", "soon", "Retrain by hand if you disagree.", "No training was started.",
        ("retrain", "mute"),
    ),
    "rollback_started": Kind("Rolling back", "none", "", "The version before takes over."),
    "rollback_withheld": Kind(
        "No rollback", "now", "Look at the endpoint: what serves now goes on serving.", UNCHANGED, ("retrain",),
    ),
    "scaling_adjusted": Kind("More capacity for a while", "none", "", "The endpoint was scaled out."),
    "scaling_restored": Kind("Capacity as configured again", "none", "", "What was raised for a while is over."),
    "scaling_withheld": Kind("No more capacity", "soon", "Look at the endpoint's load.", UNCHANGED),
    "unmuted": Kind("No longer muted", "none", "", "Messages come again."),
    "muted": Kind("Muted", "none", "", "Nothing of it is sent until then, nor afterwards; the ledger has everything."),
    "approved": Kind("{Version} approved", "none", "", "It is being rolled out."),
    "rejected": Kind("{Version} rejected", "none", "", "If it served, the newest approved version takes its place."),
}  # fmt: skip

_UNKNOWN: Mapping[Severity, Urgency] = {"info": "none", "warning": "soon", "error": "now"}


def kind_of(outcome: str, severity: Severity, details: Mapping[str, str]) -> Kind:
    """The row of an outcome; one made from its name for an outcome that has none."""
    name = f"{outcome}/{details.get('approval', '')}"
    found = KINDS.get(f"{name}/alarm") if "alarm" in details else None
    found = found or KINDS.get(name) or KINDS.get(outcome)
    if found:
        return found
    urgency = _UNKNOWN[severity]
    title = outcome.replace("_", " ").strip().capitalize() or "Decision"
    return Kind(title, urgency, "" if urgency == "none" else "See why, below.")
