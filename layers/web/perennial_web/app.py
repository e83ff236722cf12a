"""The API as one FastAPI application. Who may call it is IAM's business: its function URL lets nobody else in."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from perennial.ports import World
from perennial.reactions.predict import Directory
from perennial_web import acting, drills, errors, looking, predicting
from perennial_web.answers import Health
from perennial_web.caller import TheWorld


def create_app(world: Callable[[], World]) -> FastAPI:
    """`world` is asked for with every request. The interactive pages are off: their scripts come from elsewhere."""
    app = FastAPI(
        title="Perennial",
        description="SageMaker models that renew themselves: what they do, why, and what you want of them.",
        version="1",
        docs_url=None,
        redoc_url=None,
        responses=errors.RESPONSES,
    )
    app.state.world = world
    errors.install(app)

    @app.get("/health")
    def health(world: TheWorld) -> Health:
        """Whether the API answers, and for which deployment."""
        return Health(stack=world.names.prefix, code_version=world.platform.code_version)

    app.state.directory = Directory()
    for routes in (looking, acting, drills, predicting):
        app.include_router(routes.router)
    return app
