"""What a serverless endpoint cannot do. Pure.

The guide's page "Serverless Inference" names what SageMaker excludes: no Model Monitor, no guardrails, no VPC, no
network isolation, no Data Capture (the API captures instead), one variant. Only what model.yaml asks for is refused.
"""

from __future__ import annotations

from perennial.sections_scaling import Scaling
from perennial.sections_serving import Endpoint


def refusal(endpoint: Endpoint, scaling: Scaling, engine: str) -> str | None:
    """Why the rest of model.yaml cannot be carried out with kind serverless; None if it can."""
    if endpoint.serverless is None:
        return None
    kind = "a serverless endpoint"
    if endpoint.rollout.type in ("linear", "rolling"):
        return (
            f"endpoint.rollout: {kind} has no deployment guardrails and moves all traffic at once: the nearest is "
            "type all_at_once"
        )
    if endpoint.rollback_on.prediction_shift is not None:
        return f"endpoint.rollback_on.prediction_shift: {kind} has no rollback alarms: leave it out"
    if scaling.schedule:
        return f"scaling.schedule: {kind} has no instances: the nearest is kind.serverless.provisioned_max"
    if scaling.steps:
        return f"scaling.steps: {kind} has no instances: the nearest is kind.serverless.provisioned_max"
    if engine == "model-monitor":
        return f"engine: SageMaker Model Monitor does not watch {kind}: the nearest is engine built-in"
    return None
