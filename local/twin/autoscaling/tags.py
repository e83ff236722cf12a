"""Tags of scalable targets."""

from twin.autoscaling.scaler import Scaler
from twin.autoscaling.state import Record
from twin.protocol import AwsError, Call, Service


def register(service: Service, scaler: Scaler) -> None:
    """Add TagResource, UntagResource and ListTagsForResource."""
    tags = scaler.world.tags

    def known(arn: str, call: Call) -> str:
        if all(target.arn != arn for target in scaler.targets.of(call)):
            message = f"The specified resource {arn} doesn't exist"
            raise AwsError("ResourceNotFoundException", message, ResourceName=arn)
        return arn

    @service.operation("TagResource", "{ResourceARN}")
    def tag(request: Record, call: Call) -> None:
        added = [{"Key": key, "Value": value} for key, value in request["Tags"].items()]
        tags.add(known(request["ResourceARN"], call), added)

    @service.operation("UntagResource", "{ResourceARN}")
    def untag(request: Record, call: Call) -> None:
        tags.remove(known(request["ResourceARN"], call), request["TagKeys"])

    @service.operation("ListTagsForResource", "{ResourceARN}")
    def list_tags(request: Record, call: Call) -> Record:
        return {"Tags": dict(tags.of(known(request["ResourceARN"], call)))}
