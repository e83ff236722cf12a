"""A model whose model.yaml is in force, on a world in memory."""

from fakes import InMemoryWorld

from perennial.reactions.configure_model import configure_model

YAML = b"model: mortgage\nproblem: binary_classification\ntarget: deny\n"
KEY = "models/mortgage/model.yaml"


def configured():
    """A world with one configured model."""
    world = InMemoryWorld()
    world.bucket.write(KEY, YAML)
    configure_model(KEY, world)
    world.hints.sent.clear()
    world.ledger.decisions.clear()
    return world
