"""AddTags, ListTags, DeleteTags for every SageMaker resource."""

from twin.pages import paginate
from twin.protocol import Call, Request, Service
from twin.world import World


def register(service: Service, world: World) -> None:
    """Add the tag operations."""

    @service.operation("AddTags", "{ResourceArn}")
    def add_tags(request: Request, _call: Call) -> Request:
        world.tags.add(request["ResourceArn"], request["Tags"])
        return {"Tags": world.tags.listed(request["ResourceArn"])}

    @service.operation("ListTags", "{ResourceArn}")
    def list_tags(request: Request, _call: Call) -> Request:
        tags = world.tags.listed(request["ResourceArn"])
        return paginate(tags, request, "Tags", default=50)

    @service.operation("DeleteTags", "{ResourceArn}")
    def delete_tags(request: Request, _call: Call) -> Request:
        world.tags.remove(request["ResourceArn"], request["TagKeys"])
        return {}
