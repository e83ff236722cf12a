"""What all tests share: the fakes and samples of tests/unit can be imported, and properties are tried alike everywhere."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "unit"))

# The same examples on every machine, and however slow it is: what `make test` says must not depend on luck. To look for
# other examples: `pytest --hypothesis-profile=search`.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("check", PATIENT, derandomize=True)
settings.register_profile("search", PATIENT, print_blob=True)
settings.load_profile("check")
