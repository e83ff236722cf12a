"""Whatever happens in whatever order, two sweeps later the newest approved healthy version is in service.

SageMaker, people, and an event bus that loses, repeats and reorders: a state machine drives the real reactions.
"""

from hypothesis import settings
from rollouts.machine import Rollouts

Rollouts.TestCase.settings = settings(max_examples=200, stateful_step_count=40)
TestRollouts = Rollouts.TestCase
