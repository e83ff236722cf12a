"""What every route needs: the world, the caller, and the model that a path names."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from perennial.config import ModelConfig
from perennial.ports import World
from perennial_web.errors import Refused


def _world(request: Request) -> World:
    made: World = request.app.state.world()
    return made


def _caller(request: Request) -> str:
    """The caller's ARN, as IAM has verified it at the function URL."""
    context = request.scope["aws.event"]["requestContext"]
    identity = context.get("authorizer", {}).get("iam", {})
    return str(identity.get("userArn") or "somebody in this account")


TheWorld = Annotated[World, Depends(_world)]
Caller = Annotated[str, Depends(_caller)]
Name = Annotated[str, Path(pattern=r"^[a-z0-9](-*[a-z0-9])*$", max_length=40)]


def _config(model: Name, world: TheWorld) -> ModelConfig:
    found = world.catalog.get(model)
    if found is None:
        raise Refused(404, "no_such_model", f"there is no model {model}")
    return found


Config = Annotated[ModelConfig, Depends(_config)]
